//! Brings a database to the schema that this binary needs, and tells which schema it has.

use std::collections::BTreeSet;

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    migration::{Migration, MigrationSource},
    pg::Pg,
    sql_query, sql_types,
    sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{
    engine::connection::{Conn, check_sqlite_version},
    error::{Result, StoreError},
    on,
};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE_KEYS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite-keys");
const POSTGRES_KEYS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres-keys");

/// The advisory lock that a migration of a PostgreSQL database holds: "migrate!" as a number.
const POSTGRES_LOCK: i64 = 0x6d69_6772_6174_6521;
/// How long a migration of an SQLite file waits for another process that writes to it, in milliseconds: ten minutes.
const SQLITE_WAIT_MS: u32 = 600_000;

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// The record.
    Data,
    /// The key store.
    Keys,
}

impl Database {
    /// What the database is called in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "the record",
            Self::Keys => "the key store",
        }
    }
}

/// The schema of a database, beside the one that this binary needs. Migrations are named by date and number, such as
/// `20261123000001`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// The latest migration that the database has; `None` for an empty database.
    pub found: Option<String>,
    /// The latest migration that this binary knows.
    pub known: String,
    /// Migrations that the database still needs, oldest first.
    pub pending: Vec<String>,
    /// Migrations of a newer binary, oldest first.
    pub newer: Vec<String>,
}

impl SchemaStatus {
    /// Fails if a newer binary has migrated the database: this one could not read it soundly.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`].
    pub fn refuse_newer(&self, database: Database) -> Result<()> {
        match self.newer.last() {
            None => Ok(()),
            Some(found) => Err(StoreError::NewerSchema {
                database: database.name(),
                found: found.clone(),
                known: self.known.clone(),
            }),
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Internal(format!("migration: {error}"))
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = sql_types::Text)]
    version: String,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = sql_types::BigInt)]
    found: i64,
}

/// Whether a database has a table of that name. Changes nothing.
pub fn has_table(conn: &mut Conn, name: &str) -> Result<bool> {
    let sql = match conn {
        Conn::Sqlite(_) => "SELECT count(*) AS found FROM sqlite_master WHERE type = 'table' AND name = ?",
        Conn::Postgres(_) => "SELECT count(to_regclass($1)) AS found",
    };
    let found: Found = on!(conn, |c| sql_query(sql)
        .bind::<sql_types::Text, _>(name)
        .get_result(c))?;
    Ok(found.found > 0)
}

/// Reads which schema a database has. Changes nothing.
pub fn status(conn: &mut Conn, database: Database) -> Result<SchemaStatus> {
    let applied: BTreeSet<String> = if has_table(conn, "__diesel_schema_migrations")? {
        let query = sql_query("SELECT version FROM __diesel_schema_migrations");
        let rows: Vec<Applied> = on!(&mut *conn, |c| query.load(c))?;
        rows.into_iter().map(|row| row.version).collect()
    } else {
        BTreeSet::new()
    };
    let known = known(is_postgres(conn), database)?;
    // On PostgreSQL both databases may be one.
    let others = match database {
        Database::Data => self::known(is_postgres(conn), Database::Keys)?,
        Database::Keys => self::known(is_postgres(conn), Database::Data)?,
    };
    let applied: BTreeSet<String> = applied.difference(&others).cloned().collect();
    Ok(SchemaStatus {
        found: applied.last().cloned(),
        known: known.last().cloned().unwrap_or_default(),
        pending: known.difference(&applied).cloned().collect(),
        newer: applied.difference(&known).cloned().collect(),
    })
}

/// The latest migration that this binary has for a database.
pub fn latest_known(is_postgres: bool, database: Database) -> String {
    let known = known(is_postgres, database).unwrap_or_default();
    known.last().cloned().unwrap_or_default()
}

const fn is_postgres(conn: &Conn) -> bool {
    matches!(conn, Conn::Postgres(_))
}

/// The migrations that this binary has for a database.
fn known(is_postgres: bool, database: Database) -> Result<BTreeSet<String>> {
    fn names<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<BTreeSet<String>>
    where
        EmbeddedMigrations: MigrationSource<DB>,
    {
        let all: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(|e| failed(&e))?;
        Ok(all
            .iter()
            .map(|migration| migration.name().version().to_string())
            .collect())
    }
    match (is_postgres, database) {
        (false, Database::Data) => names::<Sqlite>(&SQLITE),
        (false, Database::Keys) => names::<Sqlite>(&SQLITE_KEYS),
        (true, Database::Data) => names::<Pg>(&POSTGRES),
        (true, Database::Keys) => names::<Pg>(&POSTGRES_KEYS),
    }
}

/// Runs the pending migrations. Gives their number. Several processes may do so at the same time: one migrates, and the
/// others wait for it.
///
/// # Errors
/// [`StoreError::NewerSchema`].
pub fn migrate(conn: &mut Conn, database: Database) -> Result<usize> {
    status(conn, database)?.refuse_newer(database)?;
    match conn {
        Conn::Sqlite(c) => {
            check_sqlite_version(c).map_err(|e| failed(&e))?;
            let source = match database {
                Database::Data => SQLITE,
                Database::Keys => SQLITE_KEYS,
            };
            c.batch_execute(&format!("PRAGMA busy_timeout = {SQLITE_WAIT_MS}"))?;
            // In one transaction, so that a second process sees either nothing or all of it.
            c.immediate_transaction(|c| {
                let done = c.run_pending_migrations(source).map(|done| done.len());
                done.map_err(|e| failed(&e))
            })
        }
        Conn::Postgres(c) => {
            let source = match database {
                Database::Data => POSTGRES,
                Database::Keys => POSTGRES_KEYS,
            };
            c.batch_execute(&format!("SELECT pg_advisory_lock({POSTGRES_LOCK})"))?;
            let done = c.run_pending_migrations(source).map(|done| done.len());
            let done = done.map_err(|e| failed(&e));
            c.batch_execute(&format!("SELECT pg_advisory_unlock({POSTGRES_LOCK})"))?;
            done
        }
    }
}
