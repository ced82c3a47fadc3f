//! Copies an SQLite database that others write to.
//!
//! The copy is read in one transaction, so it is the database at one moment, and commits of others do not make it start
//! anew. It goes on in small steps with pauses, and its pages go to the disk little by little: a commit of a server on
//! the same disk does not wait behind all of them.

use std::{fs::File, path::Path, time::Duration};

use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    backup::{Backup, StepResult},
};

/// Pages in a step: half a MiB.
const STEP_PAGES: i32 = 256;
/// The pause between two steps. With it the copy takes at most some 100 MB a second.
const PAUSE: Duration = Duration::from_millis(4);
/// Steps between two flushes to the disk: 8 MiB.
const STEPS_PER_FLUSH: u32 = 16;

/// The reason why a database was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// SQLite's own error.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// An error of the file system.
    #[error("{0}")]
    File(#[from] std::io::Error),
}

impl CopyError {
    /// Whether there was no room for the copy.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            Self::File(error) => is_full(error),
        }
    }
}

/// Whether an error of the file system says that there is no room.
pub fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Copies a database into a file that exists and is empty. The copy is one plain file, and is on the disk afterwards.
///
/// # Errors
/// [`CopyError`]. The file then holds a part of the copy.
pub fn copy(from: &Path, to: &Path) -> Result<(), CopyError> {
    let file = File::options().write(true).open(to)?;
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.execute_batch("PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA cache_size = -1000;")?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    target.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; \
         PRAGMA cache_size = -1000;",
    )?;
    // The transaction begins with the first read.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
    copy_pages(&source, &mut target, &file)?;
    // From here on the server can fold its log back whole again.
    source.execute_batch("COMMIT")?;
    target.close().map_err(|(_, error)| error)?;
    file.sync_all()?;
    Ok(())
}

fn copy_pages(source: &Connection, target: &mut Connection, file: &File) -> Result<(), CopyError> {
    let backup = Backup::new(source, target)?;
    let mut steps = 0;
    // Busy and locked are over after a pause.
    while backup.step(STEP_PAGES)? != StepResult::Done {
        steps += 1;
        if steps % STEPS_PER_FLUSH == 0 {
            file.sync_data()?;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_database_at_the_moment_when_it_began() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from.db"), directory.path().join("to.db"));
        let writer = Connection::open(&from).unwrap();
        writer
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a, b);")
            .unwrap();
        let insert = |n: i32| {
            writer
                .execute("INSERT INTO t VALUES (?, zeroblob(3000))", [n])
                .unwrap()
        };
        for n in 0..3000 {
            insert(n);
        }
        File::create_new(&to).unwrap();
        std::thread::scope(|scope| {
            let copying = scope.spawn(|| copy(&from, &to));
            let mut n = 3000;
            while !copying.is_finished() {
                insert(n);
                n += 1;
            }
            copying.join().unwrap().unwrap();
        });
        let copied = Connection::open_with_flags(&to, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let (count, most): (i32, i32) = copied
            .query_row("SELECT count(*), max(a) FROM t", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert!(count >= 3000 && count == most + 1, "{count} {most}");
        let sound: String = copied
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
    }

    #[test]
    fn a_missing_database_is_not_created() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from.db"), directory.path().join("to.db"));
        File::create_new(&to).unwrap();
        assert!(copy(&from, &to).is_err());
        assert!(!from.exists());
    }
}
