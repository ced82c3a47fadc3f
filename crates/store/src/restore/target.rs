//! Where the parts of a backup are restored to: a new SQLite file, or an empty PostgreSQL database.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use diesel::{QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types};
use sha2::{Digest, Sha256};

use crate::{
    backup::{
        create_private,
        error::{BackupError, Result, in_file},
        manifest::{EngineName, FileEntry, Part, PartEntry},
        sync_directory,
    },
    engine::{
        connection::{Conn, DatabaseUrl},
        migration::has_table,
        postgres_tool, single,
    },
    error::StoreError,
    installation::{UNFINISHED_RESTORE, prepared},
    key::master_key::hex,
    on,
};

/// A part of a backup with the place that it is restored to.
pub(super) struct Target<'a> {
    pub part: Part,
    pub entry: &'a PartEntry,
    /// The file of the backup.
    pub source: PathBuf,
    pub url: &'a DatabaseUrl,
}

/// The name of a file with something appended.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// The file that stands beside the record while restored files are put in their places. It holds the checksum of the
/// backup of the key store.
pub(super) fn unfinished(record: &Path) -> PathBuf {
    beside(record, ".restoring.unfinished")
}

impl Target<'_> {
    /// Fails if there is something that a restore would overwrite. Changes nothing.
    pub fn check_free(&self) -> Result<()> {
        if EngineName::of(self.url) != self.entry.engine {
            let (kind, other) = match self.url {
                DatabaseUrl::Sqlite(_) => ("a PostgreSQL database", "an SQLite file"),
                DatabaseUrl::Postgres(_) => ("an SQLite file", "a PostgreSQL database"),
            };
            return Err(BackupError::Refused(format!(
                "the backup of {} is of {kind}, and the settings name {other}",
                self.part.name()
            )));
        }
        match self.url {
            DatabaseUrl::Sqlite(path) => self.check_no_file(path),
            DatabaseUrl::Postgres(_) => self.check_empty_database(),
        }
    }

    fn check_no_file(&self, path: &Path) -> Result<()> {
        let there = ["", "-wal", "-shm", "-journal"].map(|suffix| beside(path, suffix));
        let there: Vec<String> = there
            .iter()
            .filter(|path| path.exists())
            .map(|path| path.display().to_string())
            .collect();
        if there.is_empty() {
            return Ok(());
        }
        let part = match self.part {
            Part::Record => "keys",
            Part::Keys => "record",
        };
        Err(BackupError::Refused(format!(
            "{} is there already: {}. A restore overwrites nothing. Stop the server and move the files away; or, to keep them and \
             put back the other part alone, give `--part {part}`",
            self.part.name(),
            there.join(", ")
        )))
    }

    fn check_empty_database(&self) -> Result<()> {
        let mut conn = single(self.url)?;
        let tables = tables(&mut conn)?;
        if let Some(other) = other_client(&mut conn)? {
            return Err(BackupError::Refused(format!(
                "others are connected to the database of {} (such as {other:?}): stop all servers and wait until a pg_restore has \
                 ended, and repeat the restore",
                self.part.name()
            )));
        }
        let advice = format!(
            "the database of {} is not empty (it has {} tables or other objects). A restore overwrites nothing. Create an empty database for it; or, to \
             keep this one and put back the other part alone, give `--part`",
            self.part.name(),
            tables.len()
        );
        match tables.as_slice() {
            [] => Ok(()),
            _ if !has_table(&mut conn, UNFINISHED_RESTORE)? => Err(BackupError::Refused(advice)),
            _ if self.is_ours(&mut conn)? => Ok(()),
            _ => Err(BackupError::Refused(format!(
                "a restore of another backup into the database of {} has not ended: drop the database and create it again; or finish \
                 that restore",
                self.part.name()
            ))),
        }
    }

    /// Whether a restore of the same backup into a database of PostgreSQL has not ended.
    pub fn is_marked_for_this_backup(&self) -> Result<bool> {
        if matches!(self.url, DatabaseUrl::Sqlite(_)) {
            return Ok(false);
        }
        let mut conn = single(self.url)?;
        Ok(has_table(&mut conn, UNFINISHED_RESTORE)? && self.is_ours(&mut conn)?)
    }

    /// Whether something is there that no restore is about to complete.
    pub fn is_complete(&self) -> Result<bool> {
        match self.url {
            DatabaseUrl::Sqlite(path) => Ok(path.exists()),
            DatabaseUrl::Postgres(_) => {
                let mut conn = single(self.url)?;
                Ok(has_table(&mut conn, "data_keys")? && !has_table(&mut conn, UNFINISHED_RESTORE)?)
            }
        }
    }

    /// Whether an unfinished restore of the database is of the same backup.
    fn is_ours(&self, conn: &mut Conn) -> Result<bool> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = sql_types::Text)]
            sha256: String,
        }
        let query = sql_query(format!("SELECT sha256 FROM {UNFINISHED_RESTORE}"));
        let rows: Vec<Row> = on!(conn, |c| query.load(c)).map_err(StoreError::from)?;
        Ok(rows.iter().all(|row| row.sha256 == self.entry.file.sha256))
    }

    /// Marks a database of PostgreSQL as one that is being restored: nothing serves it until the mark is gone.
    pub fn mark(&self) -> Result<()> {
        if matches!(self.url, DatabaseUrl::Sqlite(_)) {
            return Ok(());
        }
        let mut conn = single(self.url)?;
        // The checksum is of hexadecimal digits: `verify` has compared it.
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {UNFINISHED_RESTORE} (sha256 text NOT NULL);
             INSERT INTO {UNFINISHED_RESTORE}
                SELECT '{}' WHERE NOT EXISTS (SELECT 1 FROM {UNFINISHED_RESTORE})",
            self.entry.file.sha256
        );
        on!(&mut conn, |c| c.batch_execute(&sql)).map_err(StoreError::from)?;
        Ok(())
    }

    /// Copies the part: an SQLite file to a name of its own, a dump into its database. Gives where it is now.
    pub fn fill(&self) -> Result<DatabaseUrl> {
        match self.url {
            DatabaseUrl::Sqlite(path) => {
                let prepared = prepared(path);
                discard(&prepared)?;
                copy(&self.source, &prepared, &self.entry.file)?;
                Ok(DatabaseUrl::Sqlite(prepared))
            }
            DatabaseUrl::Postgres(url) => {
                // A restore of the same backup may have come this far before: the dump comes in one transaction.
                let only_the_mark = tables(&mut single(self.url)?)?.len() <= 1;
                if only_the_mark {
                    postgres_tool::restore(url, &self.source)?;
                }
                Ok(self.url.clone())
            }
        }
    }

    /// Gives a prepared SQLite file its name.
    pub fn put_in_place(&self) -> Result<()> {
        let DatabaseUrl::Sqlite(path) = self.url else {
            return Ok(());
        };
        let prepared = prepared(path);
        if beside(&prepared, "-wal").exists() {
            return Err(BackupError::Refused(format!(
                "{} is in use by another program; end it and repeat the restore",
                prepared.display()
            )));
        }
        File::open(&prepared)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&prepared, path))
            .map_err(in_file(&prepared))?;
        sync_directory(path.parent().unwrap_or(Path::new(".")))
    }
}

/// Removes what a restore that was broken off has left.
fn discard(prepared: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let path = beside(prepared, suffix);
        if path.exists() {
            fs::remove_file(&path).map_err(in_file(&path))?;
        }
    }
    Ok(())
}

/// Copies a file of a backup to the disk, and fails if it is not the one that the manifest describes.
fn copy(from: &Path, to: &Path, entry: &FileEntry) -> Result<()> {
    let mut source = File::open(from).map_err(in_file(from))?;
    let mut target = create_private(to)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = source.read(&mut buffer).map_err(in_file(from))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hash.update(bytes);
        target.write_all(bytes).map_err(in_file(to))?;
    }
    target.sync_all().map_err(in_file(to))?;
    if hex(&hash.finalize()) == entry.sha256 {
        return Ok(());
    }
    Err(BackupError::Faults(vec![format!(
        "{} changed while it was restored",
        from.display()
    )]))
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

/// The tables of a PostgreSQL database, and whatever else somebody has made there: sequences, functions, types.
fn tables(conn: &mut Conn) -> Result<Vec<String>> {
    let query = sql_query(
        "SELECT relname::text AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
         WHERE relkind NOT IN ('i', 'I') AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_' \
         UNION ALL SELECT proname::text FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace \
         WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_' \
         UNION ALL SELECT typname::text FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace \
         WHERE typtype IN ('d', 'e') AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_'",
    );
    let rows: Vec<Table> = on!(conn, |c| query.load(c)).map_err(StoreError::from)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// The name of another client of the database: a server that would serve what is restored before it is complete, or the
/// `pg_restore` of a restore that was killed. The lock of this restore is a connection of the same process.
fn other_client(conn: &mut Conn) -> Result<Option<String>> {
    let query = sql_query(
        "SELECT application_name AS name FROM pg_stat_activity WHERE datname = current_database() \
         AND backend_type = 'client backend' AND pid <> pg_backend_pid() \
         AND NOT EXISTS (SELECT 1 FROM pg_locks WHERE pg_locks.pid = pg_stat_activity.pid AND locktype = 'advisory')",
    );
    let rows: Vec<Table> = on!(conn, |c| query.load(c)).map_err(StoreError::from)?;
    Ok(rows.into_iter().next().map(|row| row.name))
}
