//! The invitations of the person who makes them.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension,
    QueryDsl, RunQueryDsl,
};
use mainstay_domain::{
    invitation::{
        InvitationContent, InvitationStatus, InvitationStep, MAX_KEPT, MAX_PENDING, NewInvitation, VALID_US,
    },
    record::{Kind, json},
    value::{
        text::Label,
        validation::{Finding, FindingCode},
    },
};
use uuid::Uuid;

use super::{
    InvitationIndex, InvitationPage, InvitationRange,
    row::{COLUMNS, Row, lock_own, own, status_of, step},
};
use crate::{
    LockedWriter, PersonScope, Store,
    engine::{
        connection::Conn,
        schema::{accounts, invitation_codes, invitations},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    on,
    profile::Named,
};

/// An invitation as its person sees it. Times are in microseconds.
#[derive(Debug, Clone)]
pub struct StoredInvitation {
    /// Its id.
    pub id: Uuid,
    /// Where it stands.
    pub status: InvitationStatus,
    /// What the person said in it.
    pub content: InvitationContent,
    /// When it was made.
    pub created_at: i64,
    /// When it was taken.
    pub taken_at: Option<i64>,
    /// The end of its time until it is taken; when it ended, after that.
    pub ends_at: Option<i64>,
    /// The account that took it.
    pub taker: Option<Uuid>,
    /// The display name of that account, while the invitation is taken.
    pub taker_name: Option<Label>,
}

/// The outcome of making an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    /// It is new, and its code is good.
    New,
    /// It was made before, with another code.
    Replayed,
}

/// An invitation with the account that took it, if that is in use.
type OwnRow = (Row, Option<Named>);

impl LockedWriter<'_, '_> {
    /// Makes an invitation under an id, or recognises it as a replay.
    ///
    /// # Errors
    /// [`StoreError::IdConflict`]; [`StoreError::Findings`] for a contact that the person does not have;
    /// [`StoreError::TooManyInvitations`].
    pub fn invite(&mut self, id: Uuid, new: &NewInvitation, code: InvitationIndex) -> Result<Invited> {
        let content = new.content();
        if let Some(contact) = content.support_contact_id
            && self.records().get(Kind::SupportContact, contact)?.is_none()
        {
            return Err(StoreError::Findings(vec![Finding {
                pointer: "/support_contact_id".to_owned(),
                code: FindingCode::UnknownReference,
                message: "is no support contact of this person".to_owned(),
            }]));
        }
        let (conn, scope, now) = self.writer().parts();
        let plain = json(&content);
        let digest = scope.keys.origin(&plain);
        let stored = own(scope.no, DbUuid(id)).select(invitations::digest);
        let stored: Option<Vec<u8>> = on!(&mut *conn, |c| stored.first(c).optional())?;
        if let Some(stored) = stored {
            return if stored == digest {
                Ok(Invited::Replayed)
            } else {
                Err(StoreError::IdConflict)
            };
        }
        check_room(conn, scope.no, now)?;
        let ends_at = DbTimestamp(now.0 + VALID_US);
        let row = (
            invitations::person_no.eq(scope.no),
            invitations::id.eq(DbUuid(id)),
            invitations::status.eq(InvitationStatus::Pending.as_str()),
            invitations::created_at.eq(now),
            invitations::ends_at.eq(ends_at),
            invitations::digest.eq(digest),
            invitations::sealed.eq(scope.keys.seal("invitation", id, &plain)?),
        );
        let code = (
            invitation_codes::code.eq(code.0),
            invitation_codes::person_no.eq(scope.no),
            invitation_codes::invitation_id.eq(DbUuid(id)),
            invitation_codes::expires_at.eq(ends_at),
        );
        on!(conn, |c| {
            diesel::insert_into(invitation_codes::table)
                .values(code)
                .execute(c)?;
            diesel::insert_into(invitations::table).values(row).execute(c)?;
        });
        Ok(Invited::New)
    }

    /// Takes a step of one of the person's invitations.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InvitationStatus`] if it does not allow the step as it stands.
    pub fn step_invitation(&mut self, id: Uuid, taken: InvitationStep) -> Result<()> {
        let (conn, scope, now) = self.writer().parts();
        if taken == InvitationStep::Revoke {
            // Before the invitation, as somebody does who takes it.
            let code = invitation_codes::table
                .filter(invitation_codes::person_no.eq(scope.no))
                .filter(invitation_codes::invitation_id.eq(DbUuid(id)));
            on!(&mut *conn, |c| diesel::delete(code).execute(c))?;
        }
        let row = lock_own(conn, scope.no, id)?.ok_or(StoreError::NotFound)?;
        step(conn, &row, taken, now)
    }
}

impl Store {
    /// One of the person's invitations, as it is at `now` (microseconds).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn invitation(&self, scope: &PersonScope, id: Uuid, now: i64) -> Result<StoredInvitation> {
        let no = scope.no;
        let read = self.data.read_for(scope.party(), move |conn| {
            let query = invitations::table
                .left_join(accounts::table.on(accounts::no.nullable().eq(invitations::account_no)))
                .filter(invitations::person_no.eq(no))
                .filter(invitations::id.eq(DbUuid(id)))
                .select((COLUMNS, Named::COLUMNS.nullable()));
            Ok(on!(conn, |c| query.first::<OwnRow>(c).optional())?)
        });
        let row = read.await?.ok_or(StoreError::NotFound)?;
        self.open_own(scope, row, DbTimestamp(now)).await
    }

    /// The person's invitations at `now` (microseconds), the newest first.
    ///
    /// # Errors
    /// Of the database.
    pub async fn invitations(
        &self,
        scope: &PersonScope,
        range: InvitationRange,
        now: i64,
    ) -> Result<InvitationPage<StoredInvitation>> {
        let no = scope.no;
        let (at, id) = range.start();
        let read = self.data.read_for(scope.party(), move |conn| {
            let query = invitations::table
                .left_join(accounts::table.on(accounts::no.nullable().eq(invitations::account_no)))
                .filter(invitations::person_no.eq(no))
                .filter(invitations::created_at.le(at))
                .filter(invitations::created_at.lt(at).or(invitations::id.lt(id)))
                .order((invitations::created_at.desc(), invitations::id.desc()))
                .limit(range.limit + 1)
                .select((COLUMNS, Named::COLUMNS.nullable()));
            Ok(on!(conn, |c| query.load::<OwnRow>(c))?)
        });
        let (rows, next) = range.cut(read.await?, |(row, _)| (row.created_at.0, row.id.0));
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.push(self.open_own(scope, row, DbTimestamp(now)).await?);
        }
        Ok(InvitationPage { items, next })
    }

    async fn open_own(
        &self,
        scope: &PersonScope,
        (row, taker): OwnRow,
        now: DbTimestamp,
    ) -> Result<StoredInvitation> {
        let status = row.status(now)?;
        let taker_name = match &taker {
            // After the end the name is no business of the other side any more.
            Some(taker) if status.is_taken() => self.display_name_of(taker).await?,
            _ => None,
        };
        Ok(StoredInvitation {
            id: row.id.0,
            status,
            content: row.content(&scope.keys)?,
            created_at: row.created_at.0,
            taken_at: row.taken_at.map(|at| at.0),
            ends_at: row.ends_at.map(|at| at.0),
            taker: taker.map(|taker| taker.id()),
            taker_name,
        })
    }
}

/// Refuses another invitation if the person has as many as can be.
fn check_room(conn: &mut Conn, person_no: i64, now: DbTimestamp) -> Result<()> {
    let query = invitations::table
        .filter(invitations::person_no.eq(person_no))
        .select((invitations::status, invitations::ends_at));
    let kept: Vec<(String, Option<DbTimestamp>)> = on!(conn, |c| query.load(c))?;
    let mut pending = 0;
    for (status, ends_at) in &kept {
        let status = status_of(status)?.at(ends_at.map(|end| end.0), now.0);
        pending += usize::from(status == InvitationStatus::Pending);
    }
    if pending >= MAX_PENDING || kept.len() >= MAX_KEPT {
        return Err(StoreError::TooManyInvitations);
    }
    Ok(())
}
