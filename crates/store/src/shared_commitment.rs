//! Commitments of supporters, which they share with a person.

use chrono::NaiveDate;
use mainstay_domain::{
    account::Role,
    commitment::CommitmentOutcome,
    shared_commitment::{
        MAX_SHARED_COMMITMENTS, NewSharedCommitment, SharedCommitment, SharedCommitmentText,
    },
    value::timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    contribution::{
        Author, Contributed, Contribution, ContributionKind, ContributionPage, ContributionRange,
        NewContribution, OPEN, Selection, delete, find, insert, make_room, page, update,
    },
    engine::{connection::Conn, types::DbTimestamp},
    error::{Result, StoreError},
    key::scope::PersonScope,
    record::{LockedWriter, Records},
};

const KIND: ContributionKind = ContributionKind::SharedCommitment;

/// What is sealed of a shared commitment.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SealedCommitment {
    text: SharedCommitmentText,
    on: NaiveDate,
    by_role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<CommitmentOutcome>,
}

impl Records<'_> {
    /// The commitments that supporters share with the person, newest first.
    ///
    /// # Errors
    /// Of the database.
    pub fn shared_commitments(
        &mut self,
        range: ContributionRange,
    ) -> Result<ContributionPage<SharedCommitment>> {
        let all = Selection::default();
        let found = page::<SealedCommitment>(self.conn, self.scope, KIND, all, range)?;
        Ok(found.map(shown))
    }

    /// The commitments of an author that the person can see, newest first.
    ///
    /// # Errors
    /// Of the database.
    pub fn own_shared_commitments(
        &mut self,
        author: &Author,
        range: ContributionRange,
    ) -> Result<ContributionPage<SharedCommitment>> {
        let found = page::<SealedCommitment>(self.conn, self.scope, KIND, by(author), range)?;
        Ok(found.map(shown))
    }

    /// A commitment of an author that the person can see.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the author has no such commitment.
    pub fn own_shared_commitment(&mut self, author: &Author, id: Uuid) -> Result<SharedCommitment> {
        find_own(self.conn, self.scope, author, id).map(shown)
    }
}

impl LockedWriter<'_, '_> {
    /// Shares a commitment of the author with the person.
    ///
    /// # Errors
    /// [`StoreError::IdConflict`].
    pub fn share_commitment(
        &mut self,
        author: &Author,
        (id, new): (Uuid, NewSharedCommitment),
    ) -> Result<Contributed<SharedCommitment>> {
        let (conn, scope, DbTimestamp(now)) = self.writer().parts();
        if let Some(before) = find::<SealedCommitment>(conn, scope, KIND, id)? {
            let is_same =
                before.is_by(author.no) && before.content.text == new.text && before.content.on == new.on;
            return if is_same {
                Ok(Contributed::Replayed(shown(before)))
            } else {
                Err(StoreError::IdConflict)
            };
        }
        make_room(conn, scope, KIND, by(author), MAX_SHARED_COMMITMENTS)?;
        let content = SealedCommitment {
            text: new.text,
            on: new.on,
            by_role: author.role,
            outcome: None,
        };
        let row = NewContribution {
            kind: KIND,
            id,
            author,
            plan_id: None,
            content: &content,
        };
        insert(conn, scope, &row, now)?;
        Ok(Contributed::New(SharedCommitment {
            id,
            by: Some(author.account),
            by_role: author.role,
            text: content.text,
            on: content.on,
            outcome: None,
            shared_at: Timestamp::from_micros(now),
        }))
    }

    /// Sets or unsets the outcome of an author's commitment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the author has no such commitment.
    pub fn set_outcome(
        &mut self,
        author: &Author,
        (id, outcome): (Uuid, Option<CommitmentOutcome>),
    ) -> Result<SharedCommitment> {
        let (conn, scope, DbTimestamp(now)) = self.writer().parts();
        let mut found = find_own(conn, scope, author, id)?;
        found.content.outcome = outcome;
        update(conn, scope, KIND, (id, OPEN), &found.content, now)?;
        Ok(shown(found))
    }

    /// Takes an author's commitment back: the person does not see it any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the author has no such commitment.
    pub fn unshare_commitment(&mut self, author: &Author, id: Uuid) -> Result<()> {
        let (conn, scope, _now) = self.writer().parts();
        find_own(conn, scope, author, id)?;
        delete(conn, scope, KIND, id)
    }
}

fn by(author: &Author) -> Selection {
    Selection {
        author_no: Some(author.no),
        ..Selection::default()
    }
}

fn find_own(
    conn: &mut Conn,
    scope: &PersonScope,
    author: &Author,
    id: Uuid,
) -> Result<Contribution<SealedCommitment>> {
    find(conn, scope, KIND, id)?
        .filter(|found: &Contribution<SealedCommitment>| found.is_by(author.no))
        .ok_or(StoreError::NotFound)
}

fn shown(found: Contribution<SealedCommitment>) -> SharedCommitment {
    SharedCommitment {
        id: found.id,
        by: found.by(),
        by_role: found.content.by_role,
        text: found.content.text,
        on: found.content.on,
        outcome: found.content.outcome,
        shared_at: Timestamp::from_micros(found.created_at),
    }
}
