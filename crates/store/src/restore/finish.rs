//! What every restore needs, whether from a backup of Mainstay or by other means.

use std::collections::BTreeSet;

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl, connection::SimpleConnection};
use uuid::Uuid;

use super::{
    raise_epochs,
    replay::{Replayed, replay},
};
use crate::{
    Locations, MasterKeys,
    backup::{
        error::{BackupError, Result},
        manifest::{Part, counts_of},
    },
    credentials::new_device_generation,
    engine::{
        connection::{Conn, DatabaseUrl, connect_to_inspect},
        fold_log, in_one_transaction,
        migration::{Database, migrate, status},
        process_lock::ProcessLock,
        schema::{accounts, data_keys, kept_answers, sessions},
        single,
        types::{DbTimestamp, DbUuid},
    },
    erasure_ledger::{Erasure, ErasureLedger, in_key_store, union},
    error::StoreError,
    installation::{UNFINISHED_RESTORE, bind_restored, inspect, look, refuse_prepared},
    key::key_store::{INSTALLATION, check_master_key},
    on,
};

/// How long a restore waits for others that write to an SQLite file, in milliseconds.
const WAIT_MS: u32 = 60_000;

/// Whether people stay signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// Sessions of the backup go on.
    Keep,
    /// Everybody signs in again.
    End,
}

/// Whether what devices know is told to be out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epochs {
    /// The record was put back.
    Raise,
    /// The record is the one that was there.
    Keep,
}

/// What a restore does beside putting back databases.
pub struct Options<'a> {
    /// The master keys.
    pub master: &'a MasterKeys,
    /// The file of the ledger.
    pub ledger: &'a ErasureLedger,
    /// Other files of erasures.
    pub erasures: &'a [ErasureLedger],
    /// Whether people stay signed in.
    pub sessions: Sessions,
    /// The time in microseconds.
    pub now: i64,
}

/// What a restore has done.
#[derive(Debug, Clone)]
pub struct Report {
    /// The rows of both databases by kind.
    pub counts: Vec<(String, i64)>,
    /// Migrations that ran.
    pub migrations: usize,
    /// The people whose epoch was raised; `None` if the record stayed.
    pub epochs_raised: Option<usize>,
    /// Sessions that were ended.
    pub sessions_ended: usize,
    /// The erasures.
    pub replayed: Replayed,
    /// Accounts whose key is missing: nothing of them can be read.
    pub accounts_without_key: usize,
    /// Keys without an account, as of people who registered after the record was copied.
    pub keys_without_account: usize,
}

/// Finishes a restore of databases that were put back by other means: checks that they belong together, raises every
/// epoch, and replays erasures. It may be repeated.
///
/// # Errors
/// [`BackupError`].
pub fn declare(locations: &Locations, options: &Options<'_>) -> Result<Report> {
    let _locks = lock(locations)?;
    refuse_prepared(locations)?;
    for part in Part::ALL {
        let url = part.url(locations);
        let found = connect_to_inspect(url).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let found = found
            .map(|mut conn| status(&mut conn, part.database()))
            .transpose()?;
        let Some(schema) = found.filter(|schema| schema.found.is_some()) else {
            return Err(missing(part));
        };
        schema.refuse_newer(part.database())?;
    }
    // Before anything is migrated.
    check_belonging(&locations.data, &locations.keys, options.master)?;
    let erasures = known_erasures(options)?;
    let (mut data, mut keys) = (single(&locations.data)?, single(&locations.keys)?);
    let report = finish(&mut data, &mut keys, options, erasures, Epochs::Raise)?;
    end_unfinished(&locations.keys)?;
    end_unfinished(&locations.data)?;
    Ok(report)
}

/// The number of the advisory lock on PostgreSQL: "restore!".
const LOCK: i64 = 0x7265_7374_6f72_6521;

/// Locks out other restores of the same databases. Several processes would work on each other's half-written files.
pub(super) fn lock(locations: &Locations) -> Result<[ProcessLock; 2]> {
    let lock = |part: Part, number| match ProcessLock::on_database(part.url(locations), number)? {
        Some(lock) => Ok(lock),
        None => Err(BackupError::Refused(format!(
            "another restore of {} is running: wait until it has ended, and repeat this one",
            part.name()
        ))),
    };
    // Both may be one database.
    Ok([lock(Part::Record, LOCK)?, lock(Part::Keys, LOCK + 1)?])
}

/// Checks that two databases and the master key belong together. Changes nothing.
pub(super) fn check_belonging(data: &DatabaseUrl, keys: &DatabaseUrl, master: &MasterKeys) -> Result<()> {
    let open = |url| connect_to_inspect(url).map_err(|e| StoreError::Unavailable(e.to_string()));
    let (mut data, mut keys) = (open(data)?, open(keys)?);
    Ok(look(data.as_mut(), keys.as_mut())?.check(Some(master))?)
}

/// Replays the ledgers on databases that may be in use.
///
/// # Errors
/// [`BackupError`].
pub fn replay_ledgers(locations: &Locations, options: &Options<'_>) -> Result<Replayed> {
    let erasures = known_erasures(options)?;
    let found = inspect(locations)?;
    found.check(Some(options.master))?;
    for (belonging, part) in [(&found.data, Part::Record), (&found.keys, Part::Keys)] {
        if belonging
            .schema
            .as_ref()
            .is_none_or(|schema| schema.found.is_none())
        {
            return Err(missing(part));
        }
    }
    let (mut data, mut keys) = (single(&locations.data)?, single(&locations.keys)?);
    wait_for_others(&mut data)?;
    wait_for_others(&mut keys)?;
    crate::installation::bind(&mut data, &mut keys, options.master)?;
    let erasures = union([erasures.into_iter(), in_key_store(&mut keys)?.into_iter()]);
    let replayed = replay(&mut data, &mut keys, &erasures)?;
    options.ledger.append_missing(&erasures)?;
    Ok(replayed)
}

fn missing(part: Part) -> BackupError {
    BackupError::Refused(format!("{} is empty or missing: put it back first", part.name()))
}

/// The erasures of all files, each of which must be readable.
pub(super) fn known_erasures(options: &Options<'_>) -> Result<Vec<Erasure>> {
    let mut all = options.ledger.read()?;
    for file in options.erasures {
        all.extend(file.read_existing()?);
    }
    Ok(union([all.into_iter()]))
}

/// Migrates both databases, checks that they belong together and open with the master key, raises epochs, ends sessions,
/// and replays erasures.
pub(super) fn finish(
    data: &mut Conn,
    keys: &mut Conn,
    options: &Options<'_>,
    erasures: Vec<Erasure>,
    epochs: Epochs,
) -> Result<Report> {
    let migrations = migrate(data, Database::Data)? + migrate(keys, Database::Keys)?;
    wait_for_others(data)?;
    wait_for_others(keys)?;
    bind_restored(data, keys, options.master)?;
    check_master_key(keys, options.master)?;
    let (epochs_raised, sessions_ended) = in_one_transaction(data, |conn| {
        let raised = match epochs {
            Epochs::Raise => Some(raise_epochs(conn, options.now)?),
            Epochs::Keep => None,
        };
        let ended = match options.sessions {
            Sessions::End => end_sessions(conn, options.now)?,
            Sessions::Keep => 0,
        };
        Ok((raised, ended))
    })?;
    let erasures = union([erasures.into_iter(), in_key_store(keys)?.into_iter()]);
    let mut replayed = replay(data, keys, &erasures)?;
    options.ledger.append_missing(&erasures)?;
    let (accounts_without_key, keys_without_account) = without_counterpart(data, keys)?;
    let mut counts: Vec<(String, i64)> = counts_of(data, Part::Record)?.into_iter().collect();
    counts.extend(counts_of(keys, Part::Keys)?);
    replayed.log_is_empty = fold_log(keys)? && fold_log(data)?;
    Ok(Report {
        counts,
        migrations,
        epochs_raised,
        sessions_ended,
        replayed,
        accounts_without_key,
        keys_without_account,
    })
}

/// Lets others finish what they write to an SQLite file.
fn wait_for_others(conn: &mut Conn) -> Result<()> {
    if let Conn::Sqlite(c) = conn {
        c.batch_execute(&format!("PRAGMA busy_timeout = {WAIT_MS}"))
            .map_err(StoreError::from)?;
    }
    Ok(())
}

/// Ends every session with the kept responses that hold its tokens, and begins the next generation of device tokens. Gives the
/// number of sessions.
fn end_sessions(conn: &mut Conn, now: i64) -> crate::Result<usize> {
    let next = diesel::update(accounts::table).set(accounts::device_generation.eq(new_device_generation()?));
    on!(&mut *conn, |c| next.execute(c))?;
    let kept = kept_answers::table.filter(kept_answers::session_id.is_not_null());
    on!(&mut *conn, |c| diesel::delete(kept).execute(c))?;
    let open = sessions::table.filter(sessions::ended_at.is_null());
    let end = diesel::update(open).set(sessions::ended_at.eq(DbTimestamp(now)));
    Ok(on!(conn, |c| end.execute(c))?)
}

/// Takes the mark of an unfinished restore off a database of PostgreSQL.
pub(super) fn end_unfinished(url: &DatabaseUrl) -> Result<()> {
    if matches!(url, DatabaseUrl::Postgres(_)) {
        let mut conn = single(url)?;
        let sql = format!("DROP TABLE IF EXISTS {UNFINISHED_RESTORE}");
        on!(&mut conn, |c| c.batch_execute(&sql)).map_err(StoreError::from)?;
    }
    Ok(())
}

/// The number of accounts without a key, and of keys without an account.
fn without_counterpart(data: &mut Conn, keys: &mut Conn) -> crate::Result<(usize, usize)> {
    let query = accounts::table.select(accounts::id);
    let accounts: Vec<DbUuid> = on!(data, |c| query.load(c))?;
    let query = data_keys::table.select(data_keys::account_id);
    let keys: Vec<DbUuid> = on!(keys, |c| query.load(c))?;
    let accounts: BTreeSet<Uuid> = accounts.into_iter().map(|id| id.0).collect();
    let mut keys: BTreeSet<Uuid> = keys.into_iter().map(|id| id.0).collect();
    keys.remove(&INSTALLATION);
    Ok((
        accounts.difference(&keys).count(),
        keys.difference(&accounts).count(),
    ))
}
