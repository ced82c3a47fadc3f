//! Credentials: looks up and changes the hash of an account's password.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::value::place::Email;
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        schema::{account_state::ACTIVE, accounts, logins, sessions},
        types::{DbTimestamp, DbUuid},
    },
    error::Result,
    idempotency::StoredResponse,
    key::seal::fill_random,
    on,
};

/// An account with the hash of its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub account: Uuid,
    /// The hash of the password (PHC string).
    pub password_hash: String,
    /// The generation of the account's device tokens.
    pub device_generation: i64,
}

/// A new password in the place of one that was verified. If another change came in between, nothing is replaced.
pub struct PasswordReplacement {
    /// The hash against which the old password was verified (PHC string).
    pub verified: String,
    /// The hash of the new password (PHC string).
    pub hash: String,
}

/// Returns a generation of device tokens that no account had before: 63 random bits, not a count. A restore brings an earlier
/// generation back, and a count would then come to the same number a second time.
pub(crate) fn new_device_generation() -> Result<i64> {
    let mut bytes = [0; 8];
    fill_random(&mut bytes)?;
    Ok(i64::from_be_bytes(bytes) & i64::MAX)
}

impl Store {
    /// The credentials of the account with that address.
    pub async fn credentials(&self, email: &Email) -> Result<Option<Credentials>> {
        if let Some(found) = self.credentials_of(self.email_index(email)).await? {
            return Ok(Some(found));
        }
        match self.earlier_email_index(email) {
            Some(index) => self.credentials_of(index).await,
            None => Ok(None),
        }
    }

    async fn credentials_of(&self, index: Vec<u8>) -> Result<Option<Credentials>> {
        let read = self.data.read(move |conn| {
            let query = logins::table
                .inner_join(accounts::table)
                .filter(logins::email_index.eq(index))
                .filter(accounts::state.eq(ACTIVE))
                .select((accounts::id, accounts::password_hash, accounts::device_generation));
            Ok(on!(conn, |c| query.first::<(DbUuid, String, i64)>(c).optional())?)
        });
        let found = read.await?;
        Ok(
            found.map(|(account, password_hash, device_generation)| Credentials {
                account: account.0,
                password_hash,
                device_generation,
            }),
        )
    }

    /// The hash of an account's password (PHC string).
    pub async fn password_hash(&self, account: Uuid) -> Result<String> {
        let read = self.data.read(move |conn| {
            let query = accounts::table
                .filter(accounts::id.eq(DbUuid(account)))
                .select(accounts::password_hash);
            Ok(on!(conn, |c| query.first::<String>(c))?)
        });
        read.await
    }

    /// Sets a new password, ends every session but the given one, and begins the next generation of device tokens.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound) if the account is gone, or its password has changed since it was verified.
    pub async fn change_password(
        &self,
        id: Uuid,
        password: PasswordReplacement,
        session: Uuid,
        keep: Option<StoredResponse>,
        now: i64,
    ) -> Result<()> {
        let generation = new_device_generation()?;
        let write = self.data.write(move |conn| {
            if let Some(keep) = &keep {
                keep.claim(conn)?;
            }
            let change = diesel::update(
                accounts::table
                    .filter(accounts::id.eq(DbUuid(id)))
                    .filter(accounts::state.eq(ACTIVE))
                    .filter(accounts::password_hash.eq(password.verified)),
            )
            .set((
                accounts::password_hash.eq(password.hash),
                accounts::password_changed_at.eq(DbTimestamp(now)),
                accounts::device_generation.eq(generation),
            ))
            .returning(accounts::no);
            let no: i64 = on!(&mut *conn, |c| change.get_result(c))?;
            let others = sessions::table
                .filter(sessions::account_no.eq(no))
                .filter(sessions::id.ne(DbUuid(session)))
                .filter(sessions::ended_at.is_null());
            on!(&mut *conn, |c| diesel::update(others)
                .set(sessions::ended_at.eq(DbTimestamp(now)))
                .execute(c))?;
            keep.map_or(Ok(()), |keep| keep.insert(conn, no, DbTimestamp(now)))
        });
        write.await
    }
}
