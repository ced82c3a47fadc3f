//! Invitations: a person makes one with a code, another account takes it, and the person confirms who it was.
//!
//! Locks are taken in one order: the caller's own row in `people`, a code, an invitation. Nobody locks another person.

mod helper;
mod own;
mod row;
mod taken;

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, RunQueryDsl};
use mainstay_domain::{account::InvitationCode, invitation::InvitationStatus};
use uuid::Uuid;

pub(crate) use self::helper::is_confirmed_helper;
pub use self::{
    helper::{Helper, HelperKey},
    own::{Invited, StoredInvitation},
    taken::StoredTaken,
};
use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::{invitation_codes, invitations},
        sweep::Dated,
        types::{DbTimestamp, DbUuid},
    },
    error::Result,
    key::seal::fill_random,
    on,
};

/// The ends of invitations.
const END: Dated = Dated {
    table: "invitations",
    key: "person_no, id",
    column: "ends_at",
};
/// The ends of codes.
const CODE_EXPIRY: Dated = Dated {
    table: "invitation_codes",
    key: "code",
    column: "expires_at",
};

/// The keyed hash of a code, or of a text that is no code and is looked for all the same.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationIndex(Vec<u8>);

impl std::fmt::Debug for InvitationIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InvitationIndex")
    }
}

/// Which part of a list is wanted, the newest first.
#[derive(Debug, Clone, Copy)]
pub struct InvitationRange {
    /// The time in microseconds and the id of the last one that the caller has seen.
    pub after: Option<(i64, Uuid)>,
    /// The largest number of items.
    pub limit: i64,
}

impl InvitationRange {
    /// A time and an id that come just before the first item.
    fn start(self) -> (DbTimestamp, DbUuid) {
        // PostgreSQL cannot store later times.
        const LAST: i64 = 253_402_300_799_999_999;
        let (at, id) = self.after.unwrap_or((LAST, Uuid::max()));
        (DbTimestamp(at), DbUuid(id))
    }

    /// Cuts rows, of which one more than wanted was read, and gives the place of the last if there are more.
    fn cut<R>(self, mut rows: Vec<R>, key: impl Fn(&R) -> (i64, Uuid)) -> (Vec<R>, Option<(i64, Uuid)>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(key);
        (rows, next)
    }
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct InvitationPage<T> {
    /// The items.
    pub items: Vec<T>,
    /// The time in microseconds and the id of the last row, if there are more.
    pub next: Option<(i64, Uuid)>,
}

/// Creates a random code.
///
/// # Errors
/// If the operating system gives no random bytes.
pub fn random_invitation_code() -> Result<InvitationCode> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(InvitationCode::from_bits(u128::from_be_bytes(bytes)))
}

impl Store {
    /// Hashes a code. What is no code is hashed too, so that looking for it takes as long.
    pub fn invitation_index(&self, text: &str) -> InvitationIndex {
        let mac = match InvitationCode::parse(text) {
            Some(code) => self.blind_index.mac(&[b"invitation", code.digits()]),
            None => self.blind_index.mac(&[b"no-invitation", text.as_bytes()]),
        };
        InvitationIndex(mac.to_vec())
    }

    /// Deletes codes that ended before `now`, and invitations that ended before `ended` (microseconds). Gives the number of
    /// both.
    ///
    /// # Errors
    /// Of the database.
    pub async fn sweep_invitations(&self, now: i64, ended: i64) -> Result<usize> {
        let (now, ended) = (DbTimestamp(now), DbTimestamp(ended));
        let codes = self.data.sweep(move |conn| CODE_EXPIRY.delete_some(conn, now));
        let codes = codes.await?;
        let invitations = self.data.sweep(move |conn| END.delete_some(conn, ended));
        Ok(codes + invitations.await?)
    }
}

/// Deletes the invitations of an account that is erased, and ends those that it has taken. Its person is locked.
pub(crate) fn end_with_account(conn: &mut Conn, no: i64, now: DbTimestamp) -> Result<()> {
    // Codes before invitations, as somebody does who takes one.
    let codes = invitation_codes::table.filter(invitation_codes::person_no.eq(no));
    on!(&mut *conn, |c| diesel::delete(codes).execute(c))?;
    if let Conn::Postgres(c) = &mut *conn {
        // Two accounts may help each other. Both are erased in the same order then.
        let all = invitations::table
            .filter(invitations::person_no.eq(no).or(invitations::account_no.eq(no)))
            .order((invitations::person_no, invitations::id))
            .select(invitations::id);
        let _held: Vec<DbUuid> = all.for_update().load(c)?;
    }
    let own = invitations::table.filter(invitations::person_no.eq(no));
    let running = invitations::table
        .filter(invitations::account_no.eq(no))
        .filter(invitations::ends_at.is_null());
    let leave = diesel::update(running).set((
        invitations::status.eq(InvitationStatus::Left.as_str()),
        invitations::ends_at.eq(now),
    ));
    let taken = invitations::table.filter(invitations::account_no.eq(no));
    let forget = diesel::update(taken).set(invitations::account_no.eq(None::<i64>));
    on!(&mut *conn, |c| diesel::delete(own).execute(c))?;
    on!(&mut *conn, |c| leave.execute(c))?;
    on!(conn, |c| forget.execute(c))?;
    Ok(())
}
