//! Sessions: one for each device that is signed in, with a rotating refresh token.

use diesel::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{
    account::{Role, SealedSession},
    record::json,
};
use uuid::Uuid;

use crate::{
    Store,
    credentials::Credentials,
    engine::{
        Party,
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, people, sessions},
        sweep::Dated,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    idempotency::StoredResponse,
    key::{
        scope::{PersonScope, Urgency},
        seal::DataKeys,
    },
    login_delay::CLOCK_SLACK_US,
    on,
    quota::{OWN_QUOTA, OwnQuota},
};

/// A new session.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: Uuid,
    /// The hash of its first refresh token.
    pub refresh_hash: Vec<u8>,
    /// The name of the device.
    pub content: SealedSession,
}

/// The live sessions that an account can have. A new one ends the one that was not used for the longest time.
const MAX_LIVE: i64 = 200;
/// The ended sessions of an account that are kept until the sweep. A token of one that is gone is refused in the same way.
const MAX_ENDED: i64 = 200;

const LAST_USED: Dated = Dated {
    table: "sessions",
    key: "account_no, id",
    column: "last_used_at",
};
const ENDED: Dated = Dated {
    column: "ended_at",
    ..LAST_USED
};

/// Ends the live sessions of an account beyond the newest, and deletes the ended ones beyond the newest, so that there is
/// room for another.
fn make_room(conn: &mut Conn, account_no: i64, now: DbTimestamp) -> Result<()> {
    let live = sessions::table
        .filter(sessions::account_no.eq(account_no))
        .filter(sessions::ended_at.is_null())
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .select(sessions::id)
        .offset(MAX_LIVE - 1)
        .limit(i64::MAX);
    let oldest: Vec<DbUuid> = on!(&mut *conn, |c| live.load(c))?;
    if !oldest.is_empty() {
        let rows = sessions::table
            .filter(sessions::account_no.eq(account_no))
            .filter(sessions::id.eq_any(oldest));
        let end = diesel::update(rows).set(sessions::ended_at.eq(now));
        on!(&mut *conn, |c| end.execute(c))?;
    }
    let ended = sessions::table
        .filter(sessions::account_no.eq(account_no))
        .filter(sessions::ended_at.is_not_null())
        .order((sessions::ended_at.desc(), sessions::id.desc()))
        .select(sessions::id)
        .offset(MAX_ENDED)
        .limit(i64::MAX);
    let oldest: Vec<DbUuid> = on!(&mut *conn, |c| ended.load(c))?;
    if !oldest.is_empty() {
        let rows = sessions::table
            .filter(sessions::account_no.eq(account_no))
            .filter(sessions::id.eq_any(oldest));
        on!(conn, |c| diesel::delete(rows).execute(c))?;
    }
    Ok(())
}

impl NewSession {
    pub(crate) fn insert(
        self,
        conn: &mut Conn,
        account_no: i64,
        keys: &DataKeys,
        now: DbTimestamp,
    ) -> Result<()> {
        make_room(conn, account_no, now)?;
        let sealed = keys.seal("session", self.id, &json(&self.content))?;
        let row = (
            sessions::account_no.eq(account_no),
            sessions::id.eq(DbUuid(self.id)),
            sessions::refresh_hash.eq(self.refresh_hash),
            sessions::counter.eq(0),
            sessions::rotated_at.eq(now),
            sessions::created_at.eq(now),
            sessions::last_used_at.eq(now),
            sessions::sealed.eq(sealed),
        );
        on!(conn, |c| diesel::insert_into(sessions::table)
            .values(row)
            .execute(c))?;
        Ok(())
    }
}

/// The person behind a live session.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The right to reach their own record.
    pub scope: PersonScope,
    /// The role of the account.
    pub role: Role,
    /// The session.
    pub session: Uuid,
}

/// The state of a session's refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshState {
    /// How often it was refreshed, which is the number of the valid token.
    pub counter: i64,
    /// The hash of that token.
    pub refresh_hash: Vec<u8>,
    /// When it was last refreshed, in microseconds.
    pub rotated_at: i64,
    /// When it was last used, in microseconds.
    pub last_used_at: i64,
    /// True if it was ended.
    pub ended: bool,
    /// The role of the account.
    pub role: Role,
    /// The generation of the account's device tokens.
    pub device_generation: i64,
}

/// The next refresh token of a session.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The number of the valid token, as it was read.
    pub counter: i64,
    /// The number of the next one, which is higher.
    pub next: i64,
    /// The hash of the next one.
    pub refresh_hash: Vec<u8>,
    /// The response to store, if the request has an `Idempotency-Key`.
    pub keep: Option<StoredResponse>,
}

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: Uuid,
    /// When it began, in microseconds.
    pub created_at: i64,
    /// When it was last used, in microseconds.
    pub last_used_at: i64,
    /// The name of the device.
    pub content: SealedSession,
}

impl Store {
    /// Begins a session for verified credentials.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::PersonGone`] if the account is gone; [`StoreError::NotFound`] if its password
    /// has changed since.
    pub async fn create_session(
        &self,
        credentials: Credentials,
        session: NewSession,
        keep: Option<StoredResponse>,
        now: i64,
    ) -> Result<()> {
        let keys = self.keys_of(credentials.account).await?;
        let write = self.data.write(move |conn| {
            if let Some(keep) = &keep {
                keep.claim(conn)?;
            }
            let query = accounts::table
                .filter(accounts::id.eq(DbUuid(credentials.account)))
                .filter(accounts::device_generation.eq(credentials.device_generation))
                .filter(accounts::state.eq(ACTIVE))
                .select(accounts::no);
            // Locked against a change of the password: either it finds this session and ends it, or this finds another
            // generation. The hash itself may be renewed meanwhile.
            let no: i64 = match &mut *conn {
                Conn::Sqlite(c) => query.first(c)?,
                Conn::Postgres(c) => query.for_share().first(c)?,
            };
            if let Some(keep) = keep {
                keep.insert(conn, no, DbTimestamp(now))?;
            }
            session.insert(conn, no, &keys, DbTimestamp(now))
        });
        write.await
    }

    /// The person behind a session. `None` if it has ended, or was not used since `idle_since` (microseconds).
    pub async fn principal(
        &self,
        account: Uuid,
        session: Uuid,
        idle_since: i64,
    ) -> Result<Option<Principal>> {
        let of_service = Party::Service;
        self.principal_for(of_service, account, session, idle_since).await
    }

    /// The same, in a turn of the account for a request of that urgency. The caller knows that the account has signed in.
    pub async fn principal_in_turn(
        &self,
        account: Uuid,
        session: Uuid,
        idle_since: i64,
        urgency: Urgency,
    ) -> Result<Option<Principal>> {
        let of_account = match urgency {
            Urgency::Ordinary => Party::Account(account),
            Urgency::Urgent => Party::UrgentAccount(account),
        };
        self.principal_for(of_account, account, session, idle_since).await
    }

    async fn principal_for(
        &self,
        party: Party,
        account: Uuid,
        session: Uuid,
        idle_since: i64,
    ) -> Result<Option<Principal>> {
        let read = self.data.read_for(party, move |conn| {
            let query = sessions::table
                .inner_join(accounts::table)
                .inner_join(people::table.on(people::person_no.eq(sessions::account_no)))
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(accounts::state.eq(ACTIVE))
                .filter(sessions::id.eq(DbUuid(session)))
                .filter(sessions::ended_at.is_null())
                .filter(sessions::last_used_at.ge(DbTimestamp(idle_since)))
                .select((accounts::no, accounts::role, people::epoch, OWN_QUOTA));
            Ok(on!(conn, |c| query
                .first::<(i64, String, i64, OwnQuota)>(c)
                .optional())?)
        });
        let Some((no, role, epoch, own)) = read.await? else {
            return Ok(None);
        };
        let keys = match self.keys_of(account).await {
            Err(StoreError::PersonGone) => return Ok(None),
            keys => keys?,
        };
        let role = role
            .parse::<Role>()
            .ok()
            .ok_or(StoreError::Internal("an unknown role".to_owned()))?;
        Ok(Some(Principal {
            scope: PersonScope {
                no,
                account,
                epoch,
                keys,
                urgency: Urgency::Ordinary,
                quota: own.or(self.quota),
            },
            role,
            session,
        }))
    }

    /// The state of a session's refresh tokens.
    pub async fn refresh_state(&self, account: Uuid, session: Uuid) -> Result<Option<RefreshState>> {
        type Columns = (
            i64,
            Vec<u8>,
            DbTimestamp,
            DbTimestamp,
            Option<DbTimestamp>,
            String,
            i64,
        );
        let read = self.data.read(move |conn| {
            let query = sessions::table
                .inner_join(accounts::table)
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(accounts::state.eq(ACTIVE))
                .filter(sessions::id.eq(DbUuid(session)))
                .select((
                    sessions::counter,
                    sessions::refresh_hash,
                    sessions::rotated_at,
                    sessions::last_used_at,
                    sessions::ended_at,
                    accounts::role,
                    accounts::device_generation,
                ));
            Ok(on!(conn, |c| query.first::<Columns>(c).optional())?)
        });
        read.await?
            .map(
                |(counter, refresh_hash, rotated_at, last_used_at, ended_at, role, device_generation)| {
                    Ok(RefreshState {
                        counter,
                        refresh_hash,
                        rotated_at: rotated_at.0,
                        last_used_at: last_used_at.0,
                        ended: ended_at.is_some(),
                        role: role
                            .parse::<Role>()
                            .ok()
                            .ok_or(StoreError::Internal("an unknown role".to_owned()))?,
                        device_generation,
                    })
                },
            )
            .transpose()
    }

    /// Replaces the refresh token with that number by the next one, and stores the response in the same transaction. False
    /// if another call was first.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`].
    pub async fn rotate_session(
        &self,
        account: Uuid,
        session: Uuid,
        rotation: Rotation,
        now: i64,
    ) -> Result<bool> {
        let write = self.data.write(move |conn| {
            if let Some(keep) = &rotation.keep {
                keep.claim(conn)?;
            }
            let no = account_no(conn, account)?;
            let Rotation {
                counter,
                next,
                refresh_hash,
                keep,
            } = rotation;
            let row = sessions::table
                .filter(sessions::account_no.eq(no))
                .filter(sessions::id.eq(DbUuid(session)))
                .filter(sessions::counter.eq(counter).and(sessions::ended_at.is_null()));
            let change = diesel::update(row).set((
                sessions::counter.eq(next),
                sessions::refresh_hash.eq(refresh_hash),
                sessions::rotated_at.eq(DbTimestamp(now)),
                sessions::last_used_at.eq(DbTimestamp(now)),
            ));
            let is_first = on!(&mut *conn, |c| change.execute(c))? == 1;
            if let Some(keep) = keep.filter(|_| is_first) {
                keep.insert(conn, no, DbTimestamp(now))?;
            }
            Ok(is_first)
        });
        write.await
    }

    /// The live sessions of an account, last used first.
    pub async fn sessions(&self, account: Uuid, idle_since: i64) -> Result<Vec<Device>> {
        let keys = self.keys_of(account).await?;
        let read = self.data.read_for(Party::Account(account), move |conn| {
            let query = sessions::table
                .inner_join(accounts::table)
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(sessions::ended_at.is_null())
                .filter(sessions::last_used_at.ge(DbTimestamp(idle_since)))
                .order((sessions::last_used_at.desc(), sessions::id.desc()))
                .select((
                    sessions::id,
                    sessions::created_at,
                    sessions::last_used_at,
                    sessions::sealed,
                ));
            let rows: Vec<(DbUuid, DbTimestamp, DbTimestamp, Vec<u8>)> = on!(conn, |c| query.load(c))?;
            rows.into_iter()
                .map(|(id, created_at, last_used_at, sealed)| {
                    let plain = keys.open("session", id.0, &sealed)?;
                    Ok(Device {
                        id: id.0,
                        created_at: created_at.0,
                        last_used_at: last_used_at.0,
                        content: serde_json::from_slice(&plain)
                            .map_err(|e| StoreError::Internal(e.to_string()))?,
                    })
                })
                .collect()
        });
        read.await
    }

    /// Ends a session, and stores the response in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the account has no such live session; [`StoreError::PersonGone`].
    pub async fn end_session(
        &self,
        account: Uuid,
        session: Uuid,
        keep: Option<StoredResponse>,
        now: i64,
    ) -> Result<()> {
        let write = self.data.write(move |conn| {
            if let Some(keep) = &keep {
                keep.claim(conn)?;
            }
            let no = account_no(conn, account)?;
            let row = sessions::table
                .filter(sessions::account_no.eq(no))
                .filter(sessions::id.eq(DbUuid(session)))
                .filter(sessions::ended_at.is_null());
            let ended = on!(&mut *conn, |c| diesel::update(row)
                .set(sessions::ended_at.eq(DbTimestamp(now)))
                .execute(c))?;
            if ended == 0 {
                return Err(StoreError::NotFound);
            }
            keep.map_or(Ok(()), |keep| keep.insert(conn, no, DbTimestamp(now)))
        });
        write.await
    }

    /// Deletes sessions that ended, or were last used, longer than `idle` before `now` (both in microseconds). Gives their
    /// number. A session that seems to be used later than now was used while the clock was ahead, and counts as used now.
    pub async fn sweep_sessions(&self, now: i64, idle: i64) -> Result<usize> {
        let (before, ahead) = (DbTimestamp(now - idle), DbTimestamp(now + CLOCK_SLACK_US));
        let date_back = move |conn: &mut Conn| LAST_USED.date_some_back(conn, ahead, DbTimestamp(now));
        self.data.sweep(date_back).await?;
        let ended = self.data.sweep(move |conn| ENDED.delete_some(conn, before));
        let ended = ended.await?;
        let unused = self.data.sweep(move |conn| LAST_USED.delete_some(conn, before));
        Ok(ended + unused.await?)
    }
}

/// The number of an account. It is locked against its erasure, which then finds what this transaction writes.
///
/// # Errors
/// [`StoreError::PersonGone`].
fn account_no(conn: &mut Conn, account: Uuid) -> Result<i64> {
    let query = accounts::table
        .filter(accounts::id.eq(DbUuid(account)))
        .filter(accounts::state.eq(ACTIVE))
        .select(accounts::no);
    let found: Option<i64> = match conn {
        Conn::Sqlite(c) => query.first(c).optional()?,
        Conn::Postgres(c) => query.for_share().first(c).optional()?,
    };
    found.ok_or(StoreError::PersonGone)
}
