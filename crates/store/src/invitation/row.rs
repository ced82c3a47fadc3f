//! Rows of invitations, and the steps from one status to the next.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl};
use mainstay_domain::invitation::{InvitationContent, InvitationStatus, InvitationStep};
use uuid::Uuid;

use crate::{
    engine::{
        connection::Conn,
        schema::{consent_recipients, invitations},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::seal::DataKeys,
    on,
};

/// The columns of a [`Row`].
pub(super) const COLUMNS: Columns = (
    invitations::person_no,
    invitations::id,
    invitations::status,
    invitations::created_at,
    invitations::taken_at,
    invitations::ends_at,
    invitations::sealed,
);

/// The type of [`COLUMNS`].
pub(super) type Columns = (
    invitations::person_no,
    invitations::id,
    invitations::status,
    invitations::created_at,
    invitations::taken_at,
    invitations::ends_at,
    invitations::sealed,
);

/// An invitation as it is stored.
#[derive(Queryable)]
pub(super) struct Row {
    pub person_no: i64,
    pub id: DbUuid,
    status: String,
    pub created_at: DbTimestamp,
    pub taken_at: Option<DbTimestamp>,
    pub ends_at: Option<DbTimestamp>,
    sealed: Vec<u8>,
}

impl Row {
    /// Where the invitation stands at a time.
    pub fn status(&self, now: DbTimestamp) -> Result<InvitationStatus> {
        Ok(status_of(&self.status)?.at(self.ends_at.map(|end| end.0), now.0))
    }

    /// Opens the content with the keys of the person who made the invitation.
    pub fn content(&self, keys: &DataKeys) -> Result<InvitationContent> {
        let plain = keys.open("invitation", self.id.0, &self.sealed)?;
        // The parser's own message may quote the content.
        serde_json::from_slice(&plain)
            .map_err(|_quoting| StoreError::Internal("a stored invitation cannot be read".to_owned()))
    }
}

/// Reads a stored status.
pub(super) fn status_of(name: &str) -> Result<InvitationStatus> {
    name.parse()
        .map_err(|_unknown| StoreError::Internal("an unknown status of an invitation".to_owned()))
}

/// Finds an invitation of a person, and locks it.
pub(super) fn lock_own(conn: &mut Conn, person_no: i64, id: Uuid) -> Result<Option<Row>> {
    let query = invitations::table
        .filter(invitations::person_no.eq(person_no))
        .filter(invitations::id.eq(DbUuid(id)))
        .select(COLUMNS);
    Ok(match conn {
        Conn::Sqlite(c) => query.first(c).optional()?,
        Conn::Postgres(c) => query.for_update().first(c).optional()?,
    })
}

/// Finds an invitation that an account has taken, and locks it.
pub(super) fn lock_taken(conn: &mut Conn, account_no: i64, id: Uuid) -> Result<Option<Row>> {
    let query = invitations::table
        .filter(invitations::account_no.eq(account_no))
        .filter(invitations::id.eq(DbUuid(id)))
        // Of two people's invitations with one id, first the one that has not ended.
        .order((
            invitations::ends_at.is_null().desc(),
            invitations::taken_at.desc(),
        ))
        .select(COLUMNS);
    Ok(match conn {
        Conn::Sqlite(c) => query.first(c).optional()?,
        Conn::Postgres(c) => query.for_update().first(c).optional()?,
    })
}

/// Takes a step of a locked invitation.
///
/// # Errors
/// [`StoreError::InvitationStatus`] if it does not allow the step as it stands.
pub(super) fn step(conn: &mut Conn, row: &Row, step: InvitationStep, now: DbTimestamp) -> Result<()> {
    let before = row.status(now)?;
    let after = before
        .after(step)
        .ok_or(StoreError::InvitationStatus { status: before })?;
    let ends_at = (!after.is_taken()).then_some(now);
    let change = diesel::update(own(row.person_no, row.id)).set((
        invitations::status.eq(after.as_str()),
        invitations::ends_at.eq(ends_at),
    ));
    on!(&mut *conn, |c| change.execute(c))?;
    if after.is_taken() {
        return Ok(());
    }
    let taker = own(row.person_no, row.id).select(invitations::account_no);
    let taker: Option<Option<i64>> = on!(&mut *conn, |c| taker.first(c).optional())?;
    if let Some(account_no) = taker.flatten() {
        // No consent lets them see anything any more, also if they are invited again: that takes a new signature.
        let named = consent_recipients::table
            .filter(consent_recipients::person_no.eq(row.person_no))
            .filter(consent_recipients::account_no.eq(account_no));
        on!(conn, |c| diesel::delete(named).execute(c))?;
    }
    Ok(())
}

/// The invitation with that key.
#[diesel::dsl::auto_type]
pub(super) fn own(person_no: i64, id: DbUuid) -> _ {
    let key_person: i64 = person_no;
    let key_id: DbUuid = id;
    invitations::table
        .filter(invitations::person_no.eq(key_person))
        .filter(invitations::id.eq(key_id))
}
