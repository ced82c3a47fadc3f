//! Encouragements: kind words of supporters, and the person's thanks.

use chrono::DateTime;
use mainstay_domain::{
    account::{Profile, Role},
    encouragement::{
        Encouragement, EncouragementText, MAX_A_DAY, MAX_ENCOURAGEMENTS, NewThanks, Thanks, wait_for_next_day,
    },
    value::timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    contribution::{
        Author, Contributed, Contribution, ContributionKind, ContributionPage, ContributionRange,
        NewContribution, OPEN, Selection, States, find, insert, make_room, newest_of, page, update,
    },
    engine::{connection::Conn, types::DbTimestamp},
    error::{ContributionRefusal, Result, StoreError},
    key::scope::PersonScope,
    record::{LockedWriter, Records},
};

const KIND: ContributionKind = ContributionKind::Encouragement;
/// The state of an encouragement that the person does not want to see. Its supporter is not told.
const HIDDEN: i16 = 2;

/// What is sealed of an encouragement.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SealedEncouragement {
    text: EncouragementText,
    by_role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thanks: Option<Thanks>,
}

impl Records<'_> {
    /// The encouragements that the person has not hidden, newest first.
    ///
    /// # Errors
    /// Of the database.
    pub fn encouragements(&mut self, range: ContributionRange) -> Result<ContributionPage<Encouragement>> {
        let shown_ones = Selection {
            states: States::Only(OPEN),
            ..Selection::default()
        };
        let found = page::<SealedEncouragement>(self.conn, self.scope, KIND, shown_ones, range)?;
        Ok(found.map(shown))
    }

    /// An encouragement that the person has not hidden.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none, or it is hidden.
    pub fn encouragement(&mut self, id: Uuid) -> Result<Encouragement> {
        find_shown(self.conn, self.scope, id).map(shown)
    }

    /// The encouragements of an author, newest first, with the person's thanks. Hidden ones are among them.
    ///
    /// # Errors
    /// Of the database.
    pub fn own_encouragements(
        &mut self,
        author: &Author,
        range: ContributionRange,
    ) -> Result<ContributionPage<Encouragement>> {
        let found = page::<SealedEncouragement>(self.conn, self.scope, KIND, by(author), range)?;
        Ok(found.map(shown))
    }

    /// An encouragement of an author, hidden or not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the author has sent no such encouragement.
    pub fn own_encouragement(&mut self, author: &Author, id: Uuid) -> Result<Encouragement> {
        find(self.conn, self.scope, KIND, id)?
            .filter(|found: &Contribution<SealedEncouragement>| found.is_by(author.no))
            .map(shown)
            .ok_or(StoreError::NotFound)
    }
}

impl LockedWriter<'_, '_> {
    /// Adds the person's thanks to an encouragement, in the place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none, or it is hidden.
    pub fn thank(&mut self, id: Uuid, thanks: NewThanks) -> Result<Encouragement> {
        let (conn, scope, now) = self.writer().parts();
        let mut found = find_shown(conn, scope, id)?;
        let is_same = |before: &Thanks| before.text == thanks.text;
        if !found.content.thanks.as_ref().is_some_and(is_same) {
            found.content.thanks = Some(Thanks {
                text: thanks.text,
                at: Timestamp::from_micros(now.0),
            });
            update(conn, scope, KIND, (id, OPEN), &found.content, now.0)?;
        }
        Ok(shown(found))
    }

    /// Hides an encouragement from the person.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none, or it is hidden.
    pub fn hide_encouragement(&mut self, id: Uuid) -> Result<()> {
        let (conn, scope, now) = self.writer().parts();
        let found = find_shown(conn, scope, id)?;
        update(conn, scope, KIND, (id, HIDDEN), &found.content, now.0)
    }

    /// Stores kind words for a person.
    ///
    /// # Errors
    /// [`StoreError::IdConflict`]; [`StoreError::Contribution`] if the author has sent as many today as a day of the person has
    /// room for.
    pub fn encourage(
        &mut self,
        author: &Author,
        (id, text): (Uuid, EncouragementText),
    ) -> Result<Contributed<Encouragement>> {
        let (conn, scope, DbTimestamp(now)) = self.writer().parts();
        if let Some(before) = find::<SealedEncouragement>(conn, scope, KIND, id)? {
            return if before.is_by(author.no) && before.content.text == text {
                Ok(Contributed::Replayed(shown(before)))
            } else {
                Err(StoreError::IdConflict)
            };
        }
        check_day(conn, scope, author, now)?;
        make_room(conn, scope, KIND, Selection::default(), MAX_ENCOURAGEMENTS)?;
        let content = SealedEncouragement {
            text,
            by_role: author.role,
            thanks: None,
        };
        let row = NewContribution {
            kind: KIND,
            id,
            author,
            plan_id: None,
            content: &content,
        };
        insert(conn, scope, &row, now)?;
        Ok(Contributed::New(Encouragement {
            id,
            by: Some(author.account),
            by_role: author.role,
            text: content.text,
            sent_at: Timestamp::from_micros(now),
            thanks: None,
        }))
    }
}

/// Finds whether the author may send another encouragement on this day of the person.
fn check_day(conn: &mut Conn, scope: &PersonScope, author: &Author, now: i64) -> Result<()> {
    let zone = Profile::from(&Records::new(conn, scope).account()?).time_zone.0;
    let limit = i64::try_from(MAX_A_DAY).unwrap_or(i64::MAX);
    let latest = newest_of::<SealedEncouragement>(conn, scope, KIND, by(author), limit)?;
    let time = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let times: Vec<_> = latest.iter().map(|one| time(one.created_at)).collect();
    match wait_for_next_day(&times, time(now), zone) {
        None => Ok(()),
        Some(retry_after) => Err(StoreError::Contribution(ContributionRefusal::EnoughToday {
            retry_after,
        })),
    }
}

fn by(author: &Author) -> Selection {
    Selection {
        author_no: Some(author.no),
        ..Selection::default()
    }
}

fn find_shown(conn: &mut Conn, scope: &PersonScope, id: Uuid) -> Result<Contribution<SealedEncouragement>> {
    find(conn, scope, KIND, id)?
        .filter(|found: &Contribution<SealedEncouragement>| found.state == OPEN)
        .ok_or(StoreError::NotFound)
}

fn shown(found: Contribution<SealedEncouragement>) -> Encouragement {
    Encouragement {
        id: found.id,
        by: found.by(),
        by_role: found.content.by_role,
        text: found.content.text,
        sent_at: Timestamp::from_micros(found.created_at),
        thanks: found.content.thanks,
    }
}
