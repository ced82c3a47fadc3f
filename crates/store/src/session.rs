//! Sessions: one for each device that is signed in, with a rotating refresh token.

pub(crate) mod end;
mod list;

use diesel::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{
    account::{Role, SealedSession, SessionTimes},
    record::json,
    security_event::{SecurityEvent, SecurityEventCode},
};
use uuid::Uuid;

use self::end::make_room;
pub use self::list::{Device, SessionRange};
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
    live_account::account_no,
    login_delay::CLOCK_SLACK_US,
    on,
    quota::{OWN_QUOTA, OwnQuota},
    security_event::append,
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
    /// From where it begins, for the events of the account.
    pub begun_from: BegunFrom,
}

/// From where a session begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BegunFrom {
    /// The network, named coarsely.
    pub network: Option<String>,
    /// Whether the device has shown that it had signed in before.
    pub is_known_device: bool,
}

const LAST_USED: Dated = Dated {
    table: "sessions",
    key: "account_no, id",
    column: "last_used_at",
};
const ENDED: Dated = Dated {
    column: "ended_at",
    ..LAST_USED
};

impl NewSession {
    /// The event that it begins.
    pub(crate) fn event(&self, code: SecurityEventCode) -> SecurityEvent {
        SecurityEvent {
            session: Some(self.id),
            network: self.begun_from.network.clone(),
            device_name: self.content.device_name.clone(),
            ..SecurityEvent::new(code)
        }
    }

    pub(crate) fn insert(
        self,
        conn: &mut Conn,
        (account_no, role): (i64, Role),
        keys: &DataKeys,
        now: DbTimestamp,
    ) -> Result<()> {
        make_room(conn, (account_no, role), keys, now)?;
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
    /// When it began and was last used.
    pub times: SessionTimes,
    /// True if it was ended.
    pub ended: bool,
    /// The role of the account.
    pub role: Role,
    /// The generation of the account's device tokens.
    pub device_generation: i64,
}

impl RefreshState {
    /// Whether the session is live at a time in microseconds.
    pub fn is_live(&self, now: i64) -> bool {
        !self.ended && self.times.is_live(self.role, now)
    }
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
                .select((accounts::no, accounts::role));
            // Locked against a change of the password: either it finds this session and ends it, or this finds another
            // generation. The hash itself may be renewed meanwhile.
            let (no, role): (i64, String) = match &mut *conn {
                Conn::Sqlite(c) => query.first(c)?,
                Conn::Postgres(c) => query.for_share().first(c)?,
            };
            if let Some(keep) = keep {
                keep.insert(conn, (no, Some(session.id)), DbTimestamp(now))?;
            }
            let code = if session.begun_from.is_known_device {
                SecurityEventCode::SignedIn
            } else {
                SecurityEventCode::SignedInOnNewDevice
            };
            append(conn, no, &keys, &session.event(code), now)?;
            session.insert(conn, (no, parse_role(&role)?), &keys, DbTimestamp(now))
        });
        write.await
    }

    /// The person behind a session. `None` if it is not live at `now` (microseconds).
    pub async fn principal(&self, account: Uuid, session: Uuid, now: i64) -> Result<Option<Principal>> {
        let of_service = Party::Service;
        self.principal_for(of_service, account, session, now).await
    }

    /// The same, in a turn of the account for a request of that urgency. The caller knows that the account has signed in.
    pub async fn principal_in_turn(
        &self,
        account: Uuid,
        session: Uuid,
        now: i64,
        urgency: Urgency,
    ) -> Result<Option<Principal>> {
        let of_account = match urgency {
            Urgency::Ordinary => Party::Account(account),
            Urgency::Urgent => Party::UrgentAccount(account),
        };
        self.principal_for(of_account, account, session, now).await
    }

    async fn principal_for(
        &self,
        party: Party,
        account: Uuid,
        session: Uuid,
        now: i64,
    ) -> Result<Option<Principal>> {
        let read = self.data.read_for(party, move |conn| {
            let query = sessions::table
                .inner_join(accounts::table)
                .inner_join(people::table.on(people::person_no.eq(sessions::account_no)))
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(accounts::state.eq(ACTIVE))
                .filter(sessions::id.eq(DbUuid(session)))
                .filter(sessions::ended_at.is_null())
                .select((
                    accounts::no,
                    accounts::role,
                    (sessions::created_at, sessions::last_used_at),
                    people::epoch,
                    OWN_QUOTA,
                ));
            Ok(on!(conn, |c| query
                .first::<(i64, String, (DbTimestamp, DbTimestamp), i64, OwnQuota)>(c)
                .optional())?)
        });
        let Some((no, role, (created_at, last_used_at), epoch, own)) = read.await? else {
            return Ok(None);
        };
        let role = parse_role(&role)?;
        let times = SessionTimes {
            created_at: created_at.0,
            last_used_at: last_used_at.0,
        };
        if !times.is_live(role, now) {
            return Ok(None);
        }
        let keys = match self.keys_of(account).await {
            Err(StoreError::PersonGone) => return Ok(None),
            keys => keys?,
        };
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
            (DbTimestamp, DbTimestamp),
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
                    (sessions::created_at, sessions::last_used_at),
                    sessions::ended_at,
                    accounts::role,
                    accounts::device_generation,
                ));
            Ok(on!(conn, |c| query.first::<Columns>(c).optional())?)
        });
        read.await?
            .map(
                |(
                    counter,
                    refresh_hash,
                    rotated_at,
                    (created_at, last_used_at),
                    ended_at,
                    role,
                    device_generation,
                )| {
                    Ok(RefreshState {
                        counter,
                        refresh_hash,
                        rotated_at: rotated_at.0,
                        times: SessionTimes {
                            created_at: created_at.0,
                            last_used_at: last_used_at.0,
                        },
                        ended: ended_at.is_some(),
                        role: parse_role(&role)?,
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
                keep.insert(conn, (no, Some(session)), DbTimestamp(now))?;
            }
            Ok(is_first)
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

/// Reads the role of an account.
fn parse_role(text: &str) -> Result<Role> {
    let role = text.parse::<Role>().ok();
    role.ok_or(StoreError::Internal("an unknown role".to_owned()))
}
