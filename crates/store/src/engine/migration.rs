//! Brings a database to the schema that this binary needs.

use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{
    engine::connection::{Conn, check_sqlite_version},
    error::{Result, StoreError},
};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE_KEYS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite-keys");
const POSTGRES_KEYS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres-keys");

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// The record.
    Data,
    /// The key store.
    Keys,
}

fn failed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Internal(format!("migration: {error}"))
}

/// Runs the pending migrations. Gives their number.
pub fn migrate(conn: &mut Conn, database: Database) -> Result<usize> {
    let done = match (conn, database) {
        (Conn::Sqlite(c), Database::Data) => {
            check_sqlite_version(c).map_err(|e| failed(&e))?;
            c.run_pending_migrations(SQLITE).map(|done| done.len())
        }
        (Conn::Sqlite(c), Database::Keys) => c.run_pending_migrations(SQLITE_KEYS).map(|done| done.len()),
        (Conn::Postgres(c), Database::Data) => c.run_pending_migrations(POSTGRES).map(|done| done.len()),
        (Conn::Postgres(c), Database::Keys) => c.run_pending_migrations(POSTGRES_KEYS).map(|done| done.len()),
    };
    done.map_err(|e| failed(&e))
}

/// True if no migration is pending. Changes nothing, except that an empty database gets its list of migrations.
pub fn is_migrated(conn: &mut Conn, database: Database) -> Result<bool> {
    let pending = match (conn, database) {
        (Conn::Sqlite(c), Database::Data) => c.has_pending_migration(SQLITE),
        (Conn::Sqlite(c), Database::Keys) => c.has_pending_migration(SQLITE_KEYS),
        (Conn::Postgres(c), Database::Data) => c.has_pending_migration(POSTGRES),
        (Conn::Postgres(c), Database::Keys) => c.has_pending_migration(POSTGRES_KEYS),
    };
    pending.map(|pending| !pending).map_err(|e| failed(&e))
}
