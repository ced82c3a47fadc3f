//! Wrong passwords and the delays after them. They are stored, so that every server knows them, also after a restart.
//!
//! Nothing here depends on whether an address has an account, so an answer that is made from it tells nothing of that.

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, RunQueryDsl};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::{login_delays, logins},
        sweep::SWEPT_AT_ONCE,
        types::DbTimestamp,
    },
    error::Result,
    key::seal::Secret,
    on,
};

/// How long failures are stored after the latest one, in microseconds: an hour.
const FAILURES_US: i64 = 3600 * 1_000_000;
/// A time that is further ahead than this was written while a clock was wrong, in microseconds: ten minutes.
pub const CLOCK_SLACK_US: i64 = 600 * 1_000_000;

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
    /// An e-mail address in tries from all networks of one customer.
    Customer {
        /// The address.
        email: String,
        /// The customer.
        customer: String,
    },
    /// A line of those who wait for their turn to try an e-mail address.
    Line {
        /// The address.
        email: String,
        /// The number of the line.
        line: u8,
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
                .select(COLUMNS);
            let rows: Vec<Row> = on!(conn, |c| rows.load(c))?;
            let of_key = |key: &Vec<u8>| rows.iter().find(|row| row.0 == *key).map(Failures::from);
            Ok(keys.iter().map(|key| of_key(key).unwrap_or_default()).collect())
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
        let owners: Vec<_> = keys.iter().map(|key| self.delay_owner(key)).collect();
        let keys: Vec<_> = self.delay_indexes(keys).into_iter().zip(owners).collect();
        let write = self.data.write(move |conn| change(conn, &keys, next));
        write.await
    }

    /// Deletes failures that are an hour old at `now` (microseconds), or from a clock that was ahead. Gives their number.
    pub async fn sweep_failures(&self, now: i64) -> Result<usize> {
        self.data.sweep(move |conn| sweep_some_failures(conn, now)).await
    }

    /// The keyed hash by which the failures of an address or an account are found when it is erased. A network has none.
    fn delay_owner(&self, key: &DelayKey) -> Option<Vec<u8>> {
        match key {
            DelayKey::Account(email)
            | DelayKey::Pair { email, .. }
            | DelayKey::Customer { email, .. }
            | DelayKey::Line { email, .. } => {
                let login = self.blind_index.mac(&[b"email", email.as_bytes()]);
                Some(owner_of_login(&self.blind_index, &login))
            }
            DelayKey::Device { account, .. } | DelayKey::Session { account, .. } => {
                Some(owner_of_account(&self.blind_index, *account))
            }
            DelayKey::Network(_) => None,
        }
    }

    fn delay_indexes(&self, keys: &[DelayKey]) -> Vec<Vec<u8>> {
        keys.iter().map(|key| self.delay_index(key)).collect()
    }

    fn delay_index(&self, key: &DelayKey) -> Vec<u8> {
        let mac = |parts: &[&[u8]]| self.blind_index.mac(parts).to_vec();
        match key {
            DelayKey::Account(email) => mac(&[b"delay-account", email.as_bytes()]),
            DelayKey::Pair { email, network } => mac(&[b"delay-pair", email.as_bytes(), network.as_bytes()]),
            DelayKey::Customer { email, customer } => {
                mac(&[b"delay-customer", email.as_bytes(), customer.as_bytes()])
            }
            DelayKey::Line { email, line } => mac(&[b"delay-line", email.as_bytes(), &[*line]]),
            DelayKey::Network(network) => mac(&[b"delay-network", network.as_bytes()]),
            DelayKey::Device { account, device } => {
                mac(&[b"delay-device", account.as_bytes(), device.as_bytes()])
            }
            DelayKey::Session { account, session } => {
                mac(&[b"delay-session", account.as_bytes(), session.as_bytes()])
            }
        }
    }
}

/// The owner of the failures of an address, from the keyed hash by which the account is found at sign-in. It is not that hash,
/// so that the table does not tell which addresses have an account.
fn owner_of_login(blind_index: &Secret, email_index: &[u8]) -> Vec<u8> {
    blind_index.mac(&[b"delay-owner", email_index]).to_vec()
}

fn owner_of_account(blind_index: &Secret, account: Uuid) -> Vec<u8> {
    blind_index.mac(&[b"delay-owner", account.as_bytes()]).to_vec()
}

/// Deletes the failures of an account that is erased: those of its addresses, devices and sessions.
pub(crate) fn forget_failures(
    conn: &mut Conn,
    blind_index: &Secret,
    (account, no): (Uuid, i64),
) -> Result<()> {
    let addresses = logins::table
        .filter(logins::account_no.eq(no))
        .select(logins::email_index);
    let addresses: Vec<Vec<u8>> = on!(&mut *conn, |c| addresses.load(c))?;
    let mut owners = vec![owner_of_account(blind_index, account)];
    owners.extend(addresses.iter().map(|index| owner_of_login(blind_index, index)));
    let rows = login_delays::table.filter(login_delays::owner.eq_any(&owners));
    if let Conn::Postgres(c) = &mut *conn {
        // A try to sign in locks them in this order too, so the two never wait for each other.
        let locked = rows.order(login_delays::key).select(login_delays::key);
        locked.for_update().load::<Vec<u8>>(c)?;
    }
    let rows = login_delays::table.filter(login_delays::owner.eq_any(&owners));
    on!(conn, |c| diesel::delete(rows).execute(c))?;
    Ok(())
}

const COLUMNS: (
    login_delays::key,
    login_delays::failures,
    login_delays::retry_at,
    login_delays::updated_at,
) = (
    login_delays::key,
    login_delays::failures,
    login_delays::retry_at,
    login_delays::updated_at,
);

/// The keyed hash of a row, and that of its owner.
type KeyAndOwner = (Vec<u8>, Option<Vec<u8>>);

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
    keys: &[KeyAndOwner],
    next: impl FnOnce(&[Failures]) -> Option<Vec<Failures>>,
) -> Result<Vec<Failures>> {
    let mut ordered: Vec<(usize, &KeyAndOwner)> = keys.iter().enumerate().collect();
    ordered.sort_by_key(|(_, (key, _))| key);
    let mut locked = Vec::with_capacity(keys.len());
    for (place, (key, owner)) in &ordered {
        locked.push((*place, lock(conn, key, owner.as_deref())?));
    }
    locked.sort_by_key(|(place, _)| *place);
    let before: Vec<Failures> = locked.into_iter().map(|(_, failures)| failures).collect();
    if let Some(after) = next(&before) {
        for ((key, _), failures) in keys.iter().zip(after) {
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
fn lock(conn: &mut Conn, key: &[u8], owner: Option<&[u8]>) -> Result<Failures> {
    let first = (
        login_delays::key.eq(key),
        login_delays::failures.eq(0),
        login_delays::retry_at.eq(DbTimestamp(0)),
        login_delays::updated_at.eq(DbTimestamp(0)),
        login_delays::owner.eq(owner),
    );
    let lock = diesel::insert_into(login_delays::table)
        .values(first)
        .on_conflict(login_delays::key)
        .do_update()
        .set(login_delays::failures.eq(login_delays::failures))
        .returning(COLUMNS);
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
