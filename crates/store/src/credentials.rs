//! Credentials: looks up and changes the hash of an account's password.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Text},
};
use mainstay_domain::{
    security_event::{SecurityEvent, SecurityEventCode},
    value::place::Email,
};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, logins},
        types::{DbTimestamp, DbUuid},
    },
    error::Result,
    idempotency::StoredResponse,
    key::seal::fill_random,
    on,
    security_event::append,
    session::end::end_others,
};

/// What a hash begins with that is bound to its account. A hash of an earlier version begins with the `$` of the PHC format.
pub const BOUND_HASH: &str = "2";
/// The characters at the end of a stored hash that differ between any two: the salt and the hash, each with the `$` before it.
pub const SALT_AND_HASH: usize = 67;

/// An account with the hash of its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub account: Uuid,
    /// The hash of the password.
    pub password_hash: String,
    /// The generation of the account's device tokens. It is another one after each change of the password, and the same one
    /// after the hash of the same password was renewed.
    pub device_generation: i64,
}

/// A new password in the place of one that was verified. If another change came in between, nothing is replaced.
pub struct PasswordReplacement {
    /// The generation of the account when the old password was verified.
    pub verified_generation: i64,
    /// The hash of the new password.
    pub hash: String,
    /// The network that it comes from, named coarsely, for the events of the account.
    pub network: Option<String>,
}

/// Another hash of the same password.
#[derive(Clone)]
pub struct HashRenewal {
    /// The account.
    pub account: Uuid,
    /// The hash against which the password was verified.
    pub verified: String,
    /// The hash in its place.
    pub renewed: String,
}

/// How many accounts have hashes of one form: all of the hash but the salt and the hash value.
#[derive(QueryableByName)]
struct FormCount {
    #[diesel(sql_type = Text)]
    form: String,
    #[diesel(sql_type = BigInt)]
    accounts: i64,
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

    /// The credentials of an account. `None` if it is gone, or is being erased.
    pub async fn credentials_of_account(&self, account: Uuid) -> Result<Option<Credentials>> {
        let read = self.data.read(move |conn| {
            let query = accounts::table
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(accounts::state.eq(ACTIVE))
                .select((accounts::password_hash, accounts::device_generation));
            Ok(on!(conn, |c| query.first::<(String, i64)>(c).optional())?)
        });
        let found = read.await?;
        Ok(found.map(|(password_hash, device_generation)| Credentials {
            account,
            password_hash,
            device_generation,
        }))
    }

    /// Stores another hash of the same password. Sessions and devices stay. If the hash is another one by now, nothing changes.
    pub async fn renew_hash(&self, renewal: HashRenewal) -> Result<()> {
        let write = self.data.write_for(Party::Background, move |conn| {
            let change = diesel::update(
                accounts::table
                    .filter(accounts::id.eq(DbUuid(renewal.account)))
                    .filter(accounts::state.eq(ACTIVE))
                    .filter(accounts::password_hash.eq(renewal.verified)),
            )
            .set(accounts::password_hash.eq(renewal.renewed));
            on!(conn, |c| change.execute(c))?;
            Ok(())
        });
        write.await
    }

    /// The forms of the stored hashes, each without salt and hash value, and how many accounts have it. Looks at every account.
    pub async fn hash_forms(&self) -> Result<Vec<(String, u64)>> {
        self.data.read_long(None, hash_forms).await
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
        let keys = self.keys_of(id).await?;
        let event = SecurityEvent {
            session: Some(session),
            network: password.network,
            ..SecurityEvent::new(SecurityEventCode::PasswordChanged)
        };
        let write = self.data.write(move |conn| {
            if let Some(keep) = &keep {
                keep.claim(conn)?;
            }
            let change = diesel::update(
                accounts::table
                    .filter(accounts::id.eq(DbUuid(id)))
                    .filter(accounts::state.eq(ACTIVE))
                    .filter(accounts::device_generation.eq(password.verified_generation)),
            )
            .set((
                accounts::password_hash.eq(password.hash),
                accounts::password_changed_at.eq(DbTimestamp(now)),
                accounts::device_generation.eq(generation),
            ))
            .returning(accounts::no);
            let no: i64 = on!(&mut *conn, |c| change.get_result(c))?;
            end_others(conn, no, session, now)?;
            append(conn, no, &keys, &event, now)?;
            keep.map_or(Ok(()), |keep| keep.insert(conn, (no, None), DbTimestamp(now)))
        });
        write.await
    }
}

/// The forms of the stored hashes, and how many accounts have each.
pub(crate) fn hash_forms(conn: &mut Conn) -> Result<Vec<(String, u64)>> {
    let rows: Vec<FormCount> = match conn {
        Conn::Sqlite(c) => diesel::sql_query(
            "SELECT substr(password_hash, 1, max(length(password_hash) - 67, 0)) AS form, count(*) AS accounts \
             FROM accounts GROUP BY 1",
        )
        .load(c)?,
        Conn::Postgres(c) => diesel::sql_query(
            "SELECT left(password_hash, -67) AS form, count(*) AS accounts FROM accounts GROUP BY 1",
        )
        .load(c)?,
    };
    let count = |row: FormCount| (row.form, u64::try_from(row.accounts).unwrap_or_default());
    Ok(rows.into_iter().map(count).collect())
}
