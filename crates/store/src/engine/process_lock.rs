//! Locks between processes, for commands of which one may run at a time.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types};

use super::{
    connection::{Conn, DatabaseUrl},
    single,
};
use crate::error::{Result, StoreError};

/// A lock that is held until it is dropped, or its process ends.
pub struct ProcessLock {
    _held: Held,
}

enum Held {
    /// An empty file beside the one that is changed.
    File { _file: File },
    /// An advisory lock of a connection to PostgreSQL.
    Connection { _conn: Box<Conn> },
}

#[derive(QueryableByName)]
struct Attempt {
    #[diesel(sql_type = sql_types::Bool)]
    is_held: bool,
}

impl ProcessLock {
    /// Takes the lock on a database. `number` is that of the advisory lock on PostgreSQL. `None` if another process holds it.
    pub fn on_database(url: &DatabaseUrl, number: i64) -> Result<Option<Self>> {
        if let DatabaseUrl::Sqlite(path) = url {
            let unavailable =
                |e: std::io::Error| StoreError::Unavailable(format!("{}: {e}", lock_path(path).display()));
            return Self::beside(path).map_err(unavailable);
        }
        let mut conn = single(url)?;
        let Conn::Postgres(c) = &mut conn else {
            return Err(StoreError::Internal("a connection to another engine".to_owned()));
        };
        let attempt: Attempt = sql_query("SELECT pg_try_advisory_lock($1) AS is_held")
            .bind::<sql_types::BigInt, _>(number)
            .get_result(c)?;
        Ok(attempt.is_held.then(|| Self {
            _held: Held::Connection {
                _conn: Box::new(conn),
            },
        }))
    }

    /// Takes the lock on a file: that of an empty file beside it, which stays. The file itself may be replaced meanwhile.
    /// `None` if another process holds it.
    ///
    /// # Errors
    /// The error of the file system.
    pub fn beside(path: &Path) -> std::io::Result<Option<Self>> {
        let file = open(&lock_path(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self {
                _held: Held::File { _file: file },
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}

/// Opens the file of a lock, or makes it. It may belong to another user who ran a command before.
fn open(path: &Path) -> std::io::Result<File> {
    match OpenOptions::new().read(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path),
        opened => opened,
    }
}
