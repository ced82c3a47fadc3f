//! Security events of accounts: added and read, and deleted when there are too many or they are old. Nothing changes one, and
//! the databases refuse to.

use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::security_event::{SecurityEvent, SecurityEventClass};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::security_events,
        sweep::Dated,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::{
        scope::PersonScope,
        seal::{DataKeys, fill_random},
    },
    live_account::account_no,
    on,
};

/// What the seal of an event is bound to.
const SEAL: &str = "security event";
/// Wrong passwords within this time after the last event of them are counted, and become one event later: an hour, in
/// microseconds.
const COLLAPSED_US: i64 = 3_600_000_000;

const AT: Dated = Dated {
    table: "security_events",
    key: "account_no, id",
    column: "at",
};

/// An event with its id and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id.
    pub id: Uuid,
    /// When it happened, in microseconds.
    pub at: i64,
    /// What happened.
    pub event: SecurityEvent,
}

/// A part of the list, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRange {
    /// Events after the one with that time in microseconds and that id.
    pub after: Option<(i64, Uuid)>,
    /// How many at most.
    pub limit: i64,
}

/// Wrong passwords that were counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedFailures {
    /// The account.
    pub account: Uuid,
    /// The event, with its count.
    pub event: SecurityEvent,
    /// When the last was, in microseconds.
    pub last_at: i64,
}

/// Whether events of the last hour hold back further ones of their class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collapse {
    /// They do, so that a flood makes few events.
    ByHour,
    /// They do not, because the server stops and would lose its count.
    Never,
}

/// Adds an event, and deletes the oldest of its class beyond those that are kept. The caller has locked the account against its
/// erasure.
///
/// # Errors
/// Of the database, and of the source of random bytes.
pub(crate) fn append(
    conn: &mut Conn,
    account_no: i64,
    keys: &DataKeys,
    event: &SecurityEvent,
    at: i64,
) -> Result<()> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    let class = event.code.class();
    let row = (
        security_events::account_no.eq(account_no),
        security_events::id.eq(DbUuid(id)),
        security_events::at.eq(DbTimestamp(at)),
        security_events::class.eq(class.code()),
        security_events::sealed.eq(keys.seal(SEAL, id, &mainstay_domain::record::json(event))?),
    );
    on!(&mut *conn, |c| diesel::insert_into(security_events::table)
        .values(row)
        .execute(c))?;
    let beyond = security_events::table
        .filter(security_events::account_no.eq(account_no))
        .filter(security_events::class.eq(class.code()))
        .order((security_events::at.desc(), security_events::id.desc()))
        .offset(class.kept())
        // More than one only if two were added at the same time.
        .limit(10)
        .select(security_events::id);
    let beyond: Vec<DbUuid> = on!(&mut *conn, |c| beyond.load(c))?;
    if !beyond.is_empty() {
        let rows = security_events::table
            .filter(security_events::account_no.eq(account_no))
            .filter(security_events::id.eq_any(beyond));
        on!(conn, |c| diesel::delete(rows).execute(c))?;
    }
    Ok(())
}

/// When the newest wrong password was entered into the log, in microseconds.
fn last_failure(conn: &mut Conn, account_no: i64) -> Result<Option<i64>> {
    let query = security_events::table
        .filter(security_events::account_no.eq(account_no))
        .filter(security_events::class.eq(SecurityEventClass::Failure.code()))
        .order((security_events::at.desc(), security_events::id.desc()))
        .select(security_events::at);
    let found: Option<DbTimestamp> = on!(conn, |c| query.first(c).optional())?;
    Ok(found.map(|at| at.0))
}

impl Store {
    /// A part of the events of an account.
    ///
    /// # Errors
    /// Of the database; [`StoreError::Sealed`] if an event was altered.
    pub async fn security_events(&self, scope: &PersonScope, range: EventRange) -> Result<Vec<StoredEvent>> {
        let (account_no, keys) = (scope.no, scope.keys.clone());
        let read = self.data.read_for(Party::Account(scope.account), move |conn| {
            let query = security_events::table
                .filter(security_events::account_no.eq(account_no))
                .order((security_events::at.desc(), security_events::id.desc()))
                .limit(range.limit)
                .select((security_events::id, security_events::at, security_events::sealed));
            let rows: Vec<(DbUuid, DbTimestamp, Vec<u8>)> = on!(conn, |c| match range.after {
                None => query.load(c),
                Some((at, id)) => {
                    let (at, id) = (DbTimestamp(at), DbUuid(id));
                    query
                        .filter(security_events::at.le(at))
                        .filter(security_events::at.lt(at).or(security_events::id.lt(id)))
                        .load(c)
                }
            })?;
            rows.into_iter()
                .map(|(id, at, sealed)| {
                    let plain = keys.open(SEAL, id.0, &sealed)?;
                    let event = serde_json::from_slice(&plain);
                    Ok(StoredEvent {
                        id: id.0,
                        at: at.0,
                        event: event.map_err(|e| StoreError::Internal(e.to_string()))?,
                    })
                })
                .collect()
        });
        read.await
    }

    /// Adds wrong passwords that were counted. False if another event of an hour before them holds them back: then they are
    /// counted further. Those of an account that is gone are left out.
    ///
    /// # Errors
    /// Of the databases.
    pub async fn add_counted_failures(&self, failures: CountedFailures, collapse: Collapse) -> Result<bool> {
        let CountedFailures {
            account,
            event,
            last_at,
        } = failures;
        let keys = match self.keys_of(account).await {
            Err(StoreError::PersonGone) => return Ok(true),
            keys => keys?,
        };
        let write = self.data.write_for(Party::Background, move |conn| {
            let no = account_no(conn, account)?;
            let is_held_back = collapse == Collapse::ByHour
                && last_failure(conn, no)?.is_some_and(|before| (last_at - before).abs() < COLLAPSED_US);
            if !is_held_back {
                append(conn, no, &keys, &event, last_at)?;
            }
            Ok(!is_held_back)
        });
        match write.await {
            Err(StoreError::PersonGone) => Ok(true),
            added => added,
        }
    }

    /// Deletes events from before `before` (microseconds). Gives their number.
    ///
    /// # Errors
    /// Of the database.
    pub async fn sweep_security_events(&self, before: i64) -> Result<usize> {
        let before = DbTimestamp(before);
        self.data.sweep(move |conn| AT.delete_some(conn, before)).await
    }
}
