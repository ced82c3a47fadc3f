//! Invites to register, which the operator makes and hands out. Codes are stored as keyed hashes, notes are sealed.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{account::InviteCode, value::text::Label};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::invites,
        sweep::Dated,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::seal::{DataKeys, fill_random},
    on,
};

/// A new invite.
#[derive(Debug, Clone)]
pub struct NewInvite {
    /// Its id.
    pub id: Uuid,
    /// Its code, which is not stored.
    pub code: InviteCode,
    /// How many accounts it is good for, at least 1.
    pub uses: u32,
    /// A note of the operator.
    pub note: Option<Label>,
    /// When it ends, in microseconds.
    pub expires_at: i64,
}

/// An invite as its operator sees it. Nobody sees its code again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its id.
    pub id: Uuid,
    /// How many accounts it was good for.
    pub uses: i64,
    /// How many accounts it is still good for.
    pub uses_left: i64,
    /// The note of the operator.
    pub note: Option<String>,
    /// When it was made, in microseconds.
    pub created_at: i64,
    /// When it ends, in microseconds.
    pub expires_at: i64,
}

/// The keyed hash of a code.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteIndex(Vec<u8>);

impl std::fmt::Debug for InviteIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InviteIndex")
    }
}

/// Creates a random code.
///
/// # Errors
/// If the operating system gives no random bytes.
pub fn random_code() -> Result<InviteCode> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(InviteCode::from_bits(u128::from_be_bytes(bytes)))
}

const EXPIRY: Dated = Dated {
    table: "invites",
    key: "id",
    column: "expires_at",
};

type InviteColumns = (DbUuid, i64, i64, Option<Vec<u8>>, DbTimestamp, DbTimestamp);

impl Store {
    /// Stores new invites, all or none.
    pub async fn create_invites(&self, new: Vec<NewInvite>, now: i64) -> Result<()> {
        let keys = self.invite_keys()?;
        let mut rows = Vec::with_capacity(new.len());
        for invite in new {
            let note = invite.note.as_deref();
            let sealed = note
                .map(|note| keys.seal("invite", invite.id, note.as_bytes()))
                .transpose()?;
            rows.push((
                invites::id.eq(DbUuid(invite.id)),
                invites::code.eq(self.invite_index(&invite.code).0),
                invites::uses.eq(i64::from(invite.uses)),
                invites::uses_left.eq(i64::from(invite.uses)),
                invites::created_at.eq(DbTimestamp(now)),
                invites::expires_at.eq(DbTimestamp(invite.expires_at)),
                invites::sealed.eq(sealed),
            ));
        }
        let write = self.data.write_for(Party::Background, move |conn| {
            for row in rows {
                on!(&mut *conn, |c| diesel::insert_into(invites::table)
                    .values(row)
                    .execute(c))?;
            }
            Ok(())
        });
        write.await
    }

    /// Every invite that is stored, the newest first. Those that have ended are stored for some time too.
    pub async fn invites(&self) -> Result<Vec<Invite>> {
        let keys = self.invite_keys()?;
        let read = self.data.read_long(None, |conn| {
            let query = invites::table
                .order((invites::created_at.desc(), invites::id.desc()))
                .select((
                    invites::id,
                    invites::uses,
                    invites::uses_left,
                    invites::sealed,
                    invites::created_at,
                    invites::expires_at,
                ));
            Ok(on!(conn, |c| query.load::<InviteColumns>(c))?)
        });
        let open = |(id, uses, uses_left, sealed, created_at, expires_at): InviteColumns| {
            let note = sealed
                .map(|sealed| keys.open("invite", id.0, &sealed))
                .transpose()?;
            Ok(Invite {
                id: id.0,
                uses,
                uses_left,
                note: note.map(|note| String::from_utf8_lossy(&note).into_owned()),
                created_at: created_at.0,
                expires_at: expires_at.0,
            })
        };
        read.await?.into_iter().map(open).collect()
    }

    /// Deletes an invite, so that nobody can use it any more. False if there is none with that id.
    pub async fn revoke_invite(&self, id: Uuid) -> Result<bool> {
        let write = self.data.write_for(Party::Background, move |conn| {
            let invite = invites::table.filter(invites::id.eq(DbUuid(id)));
            Ok(on!(conn, |c| diesel::delete(invite).execute(c))? > 0)
        });
        write.await
    }

    /// Finds the invite with a code, if an account can be created with it at `now` (microseconds). Another registration may
    /// use it up meanwhile, so creating the account looks again.
    pub async fn usable_invite(&self, code: &InviteCode, now: i64) -> Result<Option<InviteIndex>> {
        let index = self.invite_index(code);
        let wanted = index.clone();
        let read = self.data.read_for(Party::Background, move |conn| {
            let query = invites::table
                .filter(invites::code.eq(wanted.0))
                .filter(invites::uses_left.gt(0))
                .filter(invites::expires_at.gt(DbTimestamp(now)))
                .select(invites::id);
            Ok(on!(conn, |c| query.first::<DbUuid>(c).optional())?)
        });
        Ok(read.await?.map(|_id| index))
    }

    /// Takes one use of an invite without an account.
    ///
    /// # Errors
    /// [`StoreError::InviteInvalid`] if it has none left.
    pub async fn use_up_invite(&self, invite: InviteIndex, now: i64) -> Result<()> {
        let redeem = move |conn: &mut Conn| redeem(conn, &invite, DbTimestamp(now));
        self.data.write_for(Party::Background, redeem).await
    }

    /// Deletes invites that ended before that time (microseconds). Gives their number.
    pub async fn sweep_invites(&self, before: i64) -> Result<usize> {
        let before = DbTimestamp(before);
        self.data
            .sweep(move |conn| EXPIRY.delete_some(conn, before))
            .await
    }

    fn invite_index(&self, code: &InviteCode) -> InviteIndex {
        InviteIndex(self.blind_index.mac(&[b"invite", code.digits()]).to_vec())
    }

    /// The keys that seal notes. They belong to the installation.
    fn invite_keys(&self) -> Result<DataKeys> {
        DataKeys::new(Uuid::nil(), &self.keys.derive("mainstay invites 1")?)
    }
}

/// Takes one use of an invite, in the transaction that creates the account.
///
/// # Errors
/// [`StoreError::InviteInvalid`] if it has none left, has ended, or was revoked.
pub(crate) fn redeem(conn: &mut Conn, index: &InviteIndex, now: DbTimestamp) -> Result<()> {
    let invite = invites::table
        .filter(invites::code.eq(&index.0))
        .filter(invites::uses_left.gt(0))
        .filter(invites::expires_at.gt(now));
    let take = diesel::update(invite).set(invites::uses_left.eq(invites::uses_left - 1));
    if on!(conn, |c| take.execute(c))? == 1 {
        Ok(())
    } else {
        Err(StoreError::InviteInvalid)
    }
}
