//! Wrong passwords and the delays after them, and the networks that an account is known from. They are stored, so that
//! every server knows them, also after a restart.

use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::{known_networks, login_delays},
        types::DbTimestamp,
    },
    error::Result,
    on,
};

/// How long failures are stored after the latest one, in microseconds: an hour.
const FAILURES_US: i64 = 3600 * 1_000_000;
/// How long a network stays known after the latest sign-in from it, in microseconds: 90 days.
const KNOWN_US: i64 = 90 * 24 * 3600 * 1_000_000;
/// A time that is further ahead than this was written while a clock was wrong, in microseconds: ten minutes.
pub(crate) const CLOCK_SLACK_US: i64 = 600 * 1_000_000;
/// The largest number of rows that one transaction of a sweep deletes.
const SWEPT_AT_ONCE: usize = 1000;

/// What wrong passwords are counted for. Only a keyed hash of it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DelayKey {
    /// An e-mail address, whether it has an account or not.
    Account(String),
    /// An e-mail address in tries from one network.
    Pair {
        /// The address.
        email: String,
        /// The network.
        network: String,
    },
    /// A network.
    Network(String),
    /// A device that the account knows.
    Device {
        /// The account.
        account: Uuid,
        /// The device.
        device: Uuid,
    },
    /// A session that confirms the password of its account.
    Session {
        /// The account.
        account: Uuid,
        /// The session.
        session: Uuid,
    },
}

/// A network from which an account signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNetwork {
    /// The e-mail address of the account.
    pub email: String,
    /// The network.
    pub network: String,
}

/// Recent failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// Their number.
    pub count: i64,
    /// The earliest time of the next try, in microseconds.
    pub retry_at: i64,
    /// The time of the latest one, in microseconds.
    pub last_at: i64,
}

impl Store {
    /// Reads the failures of each key, in the order of the keys.
    pub async fn failures(&self, keys: &[DelayKey]) -> Result<Vec<Failures>> {
        let keys = self.delay_indexes(keys);
        let read = self.data.read(move |conn| {
            let rows = login_delays::table
                .filter(login_delays::key.eq_any(&keys))
                .select(login_delays::all_columns);
            let rows: Vec<Row> = on!(conn, |c| rows.load(c))?;
            let of_key = |key: &Vec<u8>| rows.iter().find(|row| row.0 == *key).map(Failures::from);
            Ok(keys.iter().map(|key| of_key(key).unwrap_or_default()).collect())
        });
        read.await
    }

    /// Whether the account has signed in from the network in the last 90 days.
    pub async fn is_known(&self, network: &KnownNetwork) -> Result<bool> {
        let key = self.network_index(network);
        let read = self.data.read(move |conn| {
            let query = known_networks::table
                .filter(known_networks::key.eq(key))
                .select(known_networks::last_used_at);
            Ok(on!(conn, |c| query.first::<DbTimestamp>(c).optional())?.is_some())
        });
        read.await
    }

    /// Changes the failures of all keys in one transaction. `next` computes the new states from the present ones, both in
    /// the order of the keys; `None` changes nothing. Returns the states as they were.
    pub async fn change_failures(
        &self,
        keys: &[DelayKey],
        next: impl FnOnce(&[Failures]) -> Option<Vec<Failures>> + Send + 'static,
    ) -> Result<Vec<Failures>> {
        let keys = self.delay_indexes(keys);
        let write = self.data.write(move |conn| change(conn, &keys, next));
        write.await
    }

    /// Changes the failures of all keys as [`Self::change_failures`] does, and stores at `now` (microseconds) that the
    /// account has signed in from the network.
    pub async fn change_failures_and_remember(
        &self,
        keys: &[DelayKey],
        next: impl FnOnce(&[Failures]) -> Option<Vec<Failures>> + Send + 'static,
        network: &KnownNetwork,
        now: i64,
    ) -> Result<()> {
        let (keys, network) = (self.delay_indexes(keys), self.network_index(network));
        let write = self.data.write(move |conn| {
            change(conn, &keys, next)?;
            let row = (
                known_networks::key.eq(network),
                known_networks::last_used_at.eq(DbTimestamp(now)),
            );
            let insert = diesel::insert_into(known_networks::table)
                .values(row)
                .on_conflict(known_networks::key)
                .do_update()
                .set(known_networks::last_used_at.eq(DbTimestamp(now)));
            on!(conn, |c| insert.execute(c))?;
            Ok(())
        });
        write.await
    }

    /// Deletes failures that are an hour old at `now` (microseconds), or from a clock that was ahead. Gives their number.
    pub async fn sweep_failures(&self, now: i64) -> Result<usize> {
        let mut swept = 0;
        loop {
            let write = self.data.write(move |conn| sweep_some_failures(conn, now));
            let some = write.await?;
            swept += some;
            if some < SWEPT_AT_ONCE {
                return Ok(swept);
            }
        }
    }

    /// Deletes networks from which nobody has signed in for 90 days before `now` (microseconds). Gives their number.
    pub async fn sweep_known_networks(&self, now: i64) -> Result<usize> {
        let write = self.data.write(move |conn| {
            let ahead = known_networks::table
                .filter(known_networks::last_used_at.gt(DbTimestamp(now + CLOCK_SLACK_US)));
            on!(&mut *conn, |c| diesel::update(ahead)
                .set(known_networks::last_used_at.eq(DbTimestamp(now)))
                .execute(c))?;
            let old =
                known_networks::table.filter(known_networks::last_used_at.lt(DbTimestamp(now - KNOWN_US)));
            Ok(on!(conn, |c| diesel::delete(old).execute(c))?)
        });
        write.await
    }

    fn delay_indexes(&self, keys: &[DelayKey]) -> Vec<Vec<u8>> {
        keys.iter().map(|key| self.delay_index(key)).collect()
    }

    fn delay_index(&self, key: &DelayKey) -> Vec<u8> {
        let mac = |parts: &[&[u8]]| self.blind_index.mac(parts).to_vec();
        match key {
            DelayKey::Account(email) => mac(&[b"delay-account", email.as_bytes()]),
            DelayKey::Pair { email, network } => mac(&[b"delay-pair", email.as_bytes(), network.as_bytes()]),
            DelayKey::Network(network) => mac(&[b"delay-network", network.as_bytes()]),
            DelayKey::Device { account, device } => {
                mac(&[b"delay-device", account.as_bytes(), device.as_bytes()])
            }
            DelayKey::Session { account, session } => {
                mac(&[b"delay-session", account.as_bytes(), session.as_bytes()])
            }
        }
    }

    /// The keyed hash of a known network. It is that of earlier releases, whose rows are still there.
    fn network_index(&self, known: &KnownNetwork) -> Vec<u8> {
        let KnownNetwork { email, network } = known;
        let text = format!("{email}\n{network}");
        self.blind_index
            .mac(&[b"delay-network", text.as_bytes()])
            .to_vec()
    }
}

type Row = (Vec<u8>, i64, DbTimestamp, DbTimestamp);

impl From<&Row> for Failures {
    fn from((_, count, retry_at, last_at): &Row) -> Self {
        Self {
            count: *count,
            retry_at: retry_at.0,
            last_at: last_at.0,
        }
    }
}

/// Locks the rows of all keys, and changes them. Every transaction locks them in the order of the keyed hashes, so that no
/// two wait for each other.
fn change(
    conn: &mut Conn,
    keys: &[Vec<u8>],
    next: impl FnOnce(&[Failures]) -> Option<Vec<Failures>>,
) -> Result<Vec<Failures>> {
    let mut ordered: Vec<(usize, &Vec<u8>)> = keys.iter().enumerate().collect();
    ordered.sort_by_key(|(_, key)| *key);
    let mut locked = Vec::with_capacity(keys.len());
    for (place, key) in &ordered {
        locked.push((*place, lock(conn, key)?));
    }
    locked.sort_by_key(|(place, _)| *place);
    let before: Vec<Failures> = locked.into_iter().map(|(_, failures)| failures).collect();
    if let Some(after) = next(&before) {
        for (key, failures) in keys.iter().zip(after) {
            let row = login_delays::table.filter(login_delays::key.eq(key));
            let change = diesel::update(row).set((
                login_delays::failures.eq(failures.count),
                login_delays::retry_at.eq(DbTimestamp(failures.retry_at)),
                login_delays::updated_at.eq(DbTimestamp(failures.last_at)),
            ));
            on!(&mut *conn, |c| change.execute(c))?;
        }
    }
    Ok(before)
}

/// Locks the row of a key, which is inserted if it is missing, so that tries at the same moment all count.
fn lock(conn: &mut Conn, key: &[u8]) -> Result<Failures> {
    let first = (
        login_delays::key.eq(key),
        login_delays::failures.eq(0),
        login_delays::retry_at.eq(DbTimestamp(0)),
        login_delays::updated_at.eq(DbTimestamp(0)),
    );
    let lock = diesel::insert_into(login_delays::table)
        .values(first)
        .on_conflict(login_delays::key)
        .do_update()
        .set(login_delays::failures.eq(login_delays::failures))
        .returning(login_delays::all_columns);
    let row: Row = on!(conn, |c| lock.get_result(c))?;
    Ok(Failures::from(&row))
}

/// Deletes some failures that have expired. Rows that a try holds are left to the next sweep: waiting for them in another
/// order than the try locks them could stop both.
fn sweep_some_failures(conn: &mut Conn, now: i64) -> Result<usize> {
    let query = login_delays::table
        .filter(
            login_delays::updated_at
                .lt(DbTimestamp(now - FAILURES_US))
                .or(login_delays::updated_at.gt(DbTimestamp(now + CLOCK_SLACK_US))),
        )
        .limit(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX))
        .select(login_delays::key);
    let expired: Vec<Vec<u8>> = match &mut *conn {
        Conn::Sqlite(c) => query.load(c)?,
        Conn::Postgres(c) => query.for_update().skip_locked().load(c)?,
    };
    if expired.is_empty() {
        return Ok(0);
    }
    let rows = login_delays::table.filter(login_delays::key.eq_any(expired));
    Ok(on!(conn, |c| diesel::delete(rows).execute(c))?)
}
