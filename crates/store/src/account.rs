//! Accounts: creates, finds, changes and erases them.

mod erasure;

use std::sync::Arc;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{
    account::{Account, Profile, Role, SealedAccount},
    record::json,
    security_event::{SecurityEvent, SecurityEventCode},
    value::place::Email,
};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, logins, people},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    idempotency::StoredResponse,
    invite::{InviteIndex, redeem},
    key::{
        scope::{PersonScope, VersionTag},
        seal::DataKeys,
    },
    on,
    profile::{load, write_profile},
    record::{Expected, Records},
    security_event::append,
    session::NewSession,
};

pub use self::erasure::ErasureProgress;
pub(crate) use self::erasure::delete_rows;

/// The generation of the device tokens of a new account. Later ones are random.
pub const FIRST_DEVICE_GENERATION: i64 = 1;
/// The maximum number of pending keys in one sweep.
const PENDING_KEYS: i64 = 1000;

/// A new account.
#[derive(Clone)]
pub struct NewAccount {
    /// Its id.
    pub id: Uuid,
    /// The role of the account.
    pub role: Role,
    /// The address to sign in with, and the profile.
    pub content: SealedAccount,
    /// The hash of the password (PHC string).
    pub password_hash: String,
}

impl Records<'_> {
    /// The account of the person.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`].
    pub fn account(&mut self) -> Result<Account> {
        Ok(load(self.conn, self.scope.account, &self.scope.keys)?.0)
    }
}

impl Store {
    /// Creates an account, with a first session if one is given.
    ///
    /// # Errors
    /// [`StoreError::EmailTaken`]; [`StoreError::KeyInUse`] and [`StoreError::KeyReused`] for a key of `keep`.
    pub async fn create_account(
        &self,
        new: NewAccount,
        session: Option<NewSession>,
        keep: Option<StoredResponse>,
        now: i64,
    ) -> Result<()> {
        self.create_invited_account(new, session, keep, None, now).await
    }

    /// Creates an account as [`Self::create_account`] does, and takes one use of an invite in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::InviteInvalid`] if the invite has no use left any more; those of [`Self::create_account`].
    pub async fn create_invited_account(
        &self,
        new: NewAccount,
        session: Option<NewSession>,
        keep: Option<StoredResponse>,
        invite: Option<InviteIndex>,
        now: i64,
    ) -> Result<()> {
        let now = DbTimestamp(now);
        let keys = self.keys.create(new.id, now).await?;
        let (id, index) = (new.id, self.email_index(&new.content.email));
        let earlier = self.earlier_email_index(&new.content.email);
        let write = self.data.write_for(Party::Background, move |conn| {
            if let Some(keep) = &keep {
                keep.claim(conn)?;
            }
            let role = new.role;
            let no = insert_account(conn, new, &keys, now)?;
            let login = (logins::email_index.eq(index), logins::account_no.eq(no));
            let claimed = on!(&mut *conn, |c| {
                diesel::insert_into(logins::table)
                    .values(login)
                    .on_conflict_do_nothing()
                    .execute(c)
            })?;
            if claimed == 0 || is_claimed(conn, earlier)? {
                return Err(StoreError::EmailTaken);
            }
            if let Some(keep) = keep {
                keep.insert(conn, (no, session.as_ref().map(|session| session.id)), now)?;
            }
            let event = match &session {
                Some(session) => session.event(SecurityEventCode::Registered),
                // Only the command line makes an account without a session.
                None => SecurityEvent {
                    role: Some(role),
                    ..SecurityEvent::new(SecurityEventCode::CreatedByService)
                },
            };
            append(conn, no, &keys, &event, now.0)?;
            if let Some(session) = session {
                session.insert(conn, (no, role), &keys, now)?;
            }
            // Last, because on PostgreSQL everyone with the same code waits from here to the commit.
            invite.map_or(Ok(()), |invite| redeem(conn, &invite, now))
        });
        match write.await {
            Ok(()) => {
                // If this fails, the sweep does it.
                if let Err(error) = self.keys.confirm(id).await {
                    log::warn!("a new key could not be confirmed, and will be by the sweep: {error}");
                }
                Ok(())
            }
            // A definite refusal: the key of an account that was not stored is of no use. If this fails, the sweep does it.
            Err(
                refused @ (StoreError::EmailTaken
                | StoreError::InviteInvalid
                | StoreError::KeyInUse
                | StoreError::KeyReused
                | StoreError::Busy),
            ) => {
                if let Err(error) = self.keys.destroy(id).await {
                    log::warn!("the key of an account that was refused stays for now: {error}");
                }
                Err(refused)
            }
            // The account may be there: its key stays pending, and the sweep finds out.
            Err(error) => Err(error),
        }
    }

    /// Whether an account has the address. Another registration may take it meanwhile, so creating the account looks again.
    pub async fn is_email_taken(&self, email: &Email) -> Result<bool> {
        let (index, earlier) = (self.email_index(email), self.earlier_email_index(email));
        let read = self.data.read_for(Party::Background, move |conn| {
            Ok(is_claimed(conn, Some(index))? || is_claimed(conn, earlier)?)
        });
        read.await
    }

    /// Confirms pending keys whose account exists, and destroys the others. Only keys that have been pending since before
    /// `before` (microseconds) are looked at. Gives their number.
    ///
    /// # Errors
    /// The first error, after all keys were tried.
    pub async fn sweep_pending_keys(&self, before: i64) -> Result<usize> {
        let pending = self.keys.pending(DbTimestamp(before), PENDING_KEYS).await?;
        // A commit of unknown outcome may stand in SQLite's log, where only a recovery would find it. Once the log is empty,
        // what the database says is final.
        if pending.is_empty() || !self.data.truncate_log().await? {
            return Ok(0);
        }
        let mut outcome = Ok(pending.len());
        for account in pending {
            outcome = first_error(outcome, self.settle_pending_key(account).await);
        }
        outcome
    }

    async fn settle_pending_key(&self, account: Uuid) -> Result<()> {
        if self.account_no(account).await?.is_some() {
            self.keys.confirm(account).await
        } else {
            self.keys.destroy(account).await
        }
    }

    /// The number of an account, in whatever state it is.
    pub(crate) async fn account_no(&self, account: Uuid) -> Result<Option<i64>> {
        let read = self.data.read_for(Party::Background, move |conn| {
            let query = accounts::table
                .filter(accounts::id.eq(DbUuid(account)))
                .select(accounts::no);
            Ok(on!(conn, |c| query.first::<i64>(c).optional())?)
        });
        read.await
    }

    /// The data key of an account. An erasure destroys it before it deletes the account.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`] if the account is being erased, or is gone; [`StoreError::Sealed`] if the key of an account
    /// that is there is missing.
    pub(crate) async fn keys_of(&self, account: Uuid) -> Result<Arc<DataKeys>> {
        let missing = match self.keys.get(account).await {
            Err(missing @ StoreError::Sealed(_)) => missing,
            other => return other,
        };
        let read = self.data.read(move |conn| {
            let query = accounts::table
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(accounts::state.eq(ACTIVE))
                .select(accounts::no);
            Ok(on!(conn, |c| query.first::<i64>(c).optional())?)
        });
        Err(read.await?.map_or(StoreError::PersonGone, |_no| missing))
    }

    /// An account, for a sign-in or a command.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`].
    pub async fn account(&self, id: Uuid) -> Result<Account> {
        let keys = self.keys_of(id).await?;
        let read = self.data.read(move |conn| Ok(load(conn, id, &keys)?.0));
        read.await
    }

    /// The account of a person who has signed in.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`].
    pub async fn account_of(&self, scope: &PersonScope) -> Result<Account> {
        let (id, keys) = (scope.account, Arc::clone(&scope.keys));
        let load = move |conn: &mut Conn| Ok(load(conn, id, &keys)?.0);
        self.data.read_for(scope.party(), load).await
    }

    /// Replaces the profile of an account. `change` makes the new profile from the account as it is. Gives the account with
    /// the tag of its version.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`], [`StoreError::VersionMismatch`]; those of `change`.
    pub async fn update_profile(
        &self,
        id: Uuid,
        change: impl FnOnce(&Account) -> Result<Profile> + Send + 'static,
        expected: Expected,
        now: i64,
    ) -> Result<(Account, VersionTag)> {
        let keys = self.keys_of(id).await?;
        let write = self.data.write_for(Party::Account(id), move |conn| {
            let (before, no) = load(conn, id, &keys)?;
            let epoch = locked_epoch(conn, no)?;
            expected.check(VersionTag {
                version: before.version,
                epoch,
            })?;
            let content = SealedAccount {
                profile: change(&before)?,
                email: before.email,
            };
            write_profile(conn, (id, no, before.version), &content, &keys, DbTimestamp(now))?;
            let (account, _no) = load(conn, id, &keys)?;
            let version = account.version;
            Ok((account, VersionTag { version, epoch }))
        });
        write.await
    }

    /// The keyed hash that the database stores in place of an address.
    pub(crate) fn email_index(&self, email: &Email) -> Vec<u8> {
        self.index_of_key(&email.key())
    }

    /// The keyed hash of the earlier key of an address, if it has one.
    pub(crate) fn earlier_email_index(&self, email: &Email) -> Option<Vec<u8>> {
        email.earlier_key().map(|key| self.index_of_key(&key))
    }

    fn index_of_key(&self, key: &str) -> Vec<u8> {
        self.blind_index.mac(&[b"email", key.as_bytes()]).to_vec()
    }
}

/// The outcome of several steps: their number, or the first error.
fn first_error(outcome: Result<usize>, step: Result<()>) -> Result<usize> {
    outcome.and_then(|count| step.map(|()| count))
}

/// Whether an account has the address under a key. No new row has an earlier key, so none can come in between.
fn is_claimed(conn: &mut Conn, index: Option<Vec<u8>>) -> Result<bool> {
    let Some(index) = index else { return Ok(false) };
    let query = logins::table
        .filter(logins::email_index.eq(index))
        .select(logins::account_no);
    Ok(on!(conn, |c| query.first::<i64>(c).optional())?.is_some())
}

/// Inserts the rows of an account and of its person. Gives the number of the account.
fn insert_account(conn: &mut Conn, new: NewAccount, keys: &DataKeys, now: DbTimestamp) -> Result<i64> {
    let row = (
        accounts::id.eq(DbUuid(new.id)),
        accounts::role.eq(new.role.as_str()),
        accounts::state.eq(ACTIVE),
        accounts::version.eq(1),
        accounts::sealed.eq(keys.seal("profile", new.id, &json(&new.content))?),
        accounts::password_hash.eq(new.password_hash),
        accounts::password_changed_at.eq(now),
        accounts::created_at.eq(now),
        accounts::updated_at.eq(now),
        accounts::device_generation.eq(FIRST_DEVICE_GENERATION),
    );
    let insert = diesel::insert_into(accounts::table)
        .values(row)
        .returning(accounts::no);
    let no: i64 = on!(&mut *conn, |c| insert.get_result(c))?;
    let person = (
        people::person_no.eq(no),
        people::rev.eq(0),
        people::epoch.eq(VersionTag::FIRST_EPOCH),
        people::floor_rev.eq(0),
    );
    on!(conn, |c| diesel::insert_into(people::table)
        .values(person)
        .execute(c))?;
    Ok(no)
}

/// The epoch of a person's record. On PostgreSQL the row is locked: a restore that is declared meanwhile comes after.
pub(crate) fn locked_epoch(conn: &mut Conn, no: i64) -> Result<i64> {
    let query = people::table
        .filter(people::person_no.eq(no))
        .select(people::epoch);
    Ok(match conn {
        Conn::Sqlite(c) => query.first(c)?,
        Conn::Postgres(c) => query.for_share().first(c)?,
    })
}
