//! Rotation of the master key: wraps every key of the key store anew under the first master key of the file, and tells how
//! far that is.
//!
//! The steps are in an order that can be stopped anywhere, and continued from what is found:
//!
//! 1. The file has the new key as its first line.
//! 2. The key store names it as current: from then on every server wraps new keys with it.
//! 3. All other keys are wrapped anew, in batches.
//! 4. SQLite's log is folded back, since it holds keys as they were wrapped before.
//! 5. The record names the key as current: the rotation is complete.

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::connection::SimpleConnection;
use uuid::Uuid;

use crate::{
    Locations, MasterKeys,
    engine::{
        connection::{Conn, DatabaseUrl, connect_to_inspect},
        fold_log,
        migration::{Database, has_table},
        process_lock::ProcessLock,
        single,
    },
    error::{Result, StoreError},
    installation::{inspect, set_master_key},
    key::rewrap::{count_by_master_key, rewrap_batch},
};

/// Keys in one transaction.
const BATCH: i64 = 1000;
/// How long a rotation waits for the writer of a server, in milliseconds.
const SQLITE_WAIT_MS: u32 = 20_000;
/// The advisory lock that a rotation holds on PostgreSQL: "rotate!" as a number.
const POSTGRES_LOCK: i64 = 0x0072_6f74_6174_6521;

/// Which master keys the databases name, and which wrap keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// The installations of the record and of the key store, with the master key that each names as current. `None` for
    /// a database that has none yet.
    pub record: Option<(Uuid, Vec<u8>)>,
    /// The same for the key store.
    pub key_store: Option<(Uuid, Vec<u8>)>,
    /// How many keys each master key wraps, by its id. The secret of the installation counts as one.
    pub wrapped: Vec<(Vec<u8>, i64)>,
}

impl KeyUse {
    /// Reads which master keys are in use. Changes nothing.
    pub fn inspect(locations: &Locations) -> Result<Self> {
        let found = inspect(locations)?;
        let keys = connect_to_inspect(&locations.keys).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let mut wrapped = Vec::new();
        if let Some(mut conn) = keys
            && has_table(&mut conn, "data_keys")?
        {
            wrapped = count_by_master_key(&mut conn)?;
        }
        Ok(Self {
            record: found.data.installation,
            key_store: found.keys.installation,
            wrapped,
        })
    }

    /// How many keys that master key wraps.
    pub fn count(&self, id: &[u8]) -> i64 {
        self.wrapped
            .iter()
            .find(|(wrapping, _)| wrapping == id)
            .map_or(0, |(_, count)| *count)
    }

    /// How many keys other master keys than that one wrap.
    pub fn count_not_under(&self, id: &[u8]) -> i64 {
        let others = self.wrapped.iter().filter(|(wrapping, _)| wrapping != id);
        others.map(|(_, count)| count).sum()
    }

    /// The master keys that wrap keys and are not among those, and how many keys each wraps.
    pub fn unknown(&self, master: &MasterKeys) -> Vec<(&[u8], i64)> {
        let unknown = self.wrapped.iter().filter(|(id, _)| !master.has(id));
        unknown.map(|(id, count)| (id.as_slice(), *count)).collect()
    }

    /// Whether every key is under that master key, and both databases name it as current.
    pub fn is_all_under(&self, id: &[u8]) -> bool {
        let names = |named: &Option<(Uuid, Vec<u8>)>| named.as_ref().is_some_and(|(_, named)| named == id);
        self.count_not_under(id) == 0 && names(&self.key_store) && names(&self.record)
    }
}

/// The right to change master keys: one process has it at a time.
pub struct RotationLock {
    _lock: ProcessLock,
}

impl RotationLock {
    /// Takes the lock. `None` if another process holds it.
    pub fn take(keys: &DatabaseUrl) -> Result<Option<Self>> {
        let lock = ProcessLock::on_database(keys, POSTGRES_LOCK)?;
        Ok(lock.map(|lock| Self { _lock: lock }))
    }
}

/// What a rotation did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Keys that were wrapped anew.
    pub rewrapped: usize,
    /// Accounts whose key does not open.
    pub damaged: Vec<Uuid>,
    /// Keys that other master keys still wrap.
    pub left: i64,
    /// Whether SQLite's log still holds keys as they were wrapped before, because a reader was in the way.
    pub is_log_left: bool,
}

/// Brings every key under the first of the master keys, or goes on with it. `progress` gets the number of keys that were
/// wrapped anew, after each batch.
///
/// # Errors
/// Those of the databases. What was done stays, and another call goes on.
pub fn rotate(
    locations: &Locations,
    master: &MasterKeys,
    _lock: &RotationLock,
    mut progress: impl FnMut(usize),
) -> Result<Rotated> {
    let mut keys = single(&locations.keys)?;
    if let Conn::Sqlite(c) = &mut keys {
        c.batch_execute(&format!("PRAGMA busy_timeout = {SQLITE_WAIT_MS};"))?;
    }
    set_master_key(&mut keys, Database::Keys, master.current_id())?;
    let mut rotated = Rotated::default();
    loop {
        let before = rotated.rewrapped;
        rotated.damaged.clear();
        rewrap_all(&mut keys, master, &mut rotated, &mut progress)?;
        // Again, until nothing is found: a server of an earlier release may still wrap new keys as before.
        if rotated.rewrapped == before {
            break;
        }
    }
    let counts = count_by_master_key(&mut keys)?;
    let others = counts.iter().filter(|(id, _)| id != master.current_id());
    rotated.left = others.map(|(_, count)| count).sum();
    rotated.is_log_left = !fold_log(&mut keys)?;
    if rotated.left == 0 && !rotated.is_log_left {
        set_master_key(&mut single(&locations.data)?, Database::Data, master.current_id())?;
    }
    Ok(rotated)
}

fn rewrap_all(
    keys: &mut Conn,
    master: &MasterKeys,
    rotated: &mut Rotated,
    progress: &mut impl FnMut(usize),
) -> Result<()> {
    let mut after = None;
    loop {
        let started = Instant::now();
        let batch = rewrap_batch(keys, master, after, BATCH)?;
        rotated.rewrapped += batch.rewrapped;
        rotated.damaged.extend(batch.damaged);
        if batch.rewrapped > 0 {
            progress(rotated.rewrapped);
        }
        after = batch.next_after;
        if after.is_none() {
            return Ok(());
        }
        // SQLite has one writer at a time: a running server gets as much of the time.
        if matches!(keys, Conn::Sqlite(_)) {
            thread::sleep(started.elapsed().min(Duration::from_secs(1)));
        }
    }
}
