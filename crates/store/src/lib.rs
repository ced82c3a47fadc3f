//! Storage: the only crate that speaks SQL. [`Store::read`] and [`Store::write`] are the doors to a person's
//! record; accounts, sessions and the rest have functions of their own. Knows nothing of HTTP.
//!
//! - [`record`]: the one mechanism for every noun;
//! - [`scope`]: the right to reach a record;
//! - [`seal`], [`keys`]: what is kept so that only its owner's key opens it;
//! - [`engine`], [`conn`]: two database engines behind one door;
//! - [`bulk`]: many new records of several people at once;
//! - [`meeting`], [`questionnaire`]: reference data that operators import;
//! - [`account`], [`session`], [`login_delay`], [`timer`]: the rest, each with its table.

pub mod account;
pub mod cache;
pub mod engine;
pub mod error;
pub mod idempotency;
pub mod key;
pub mod login_delay;
pub mod meeting;
pub mod questionnaire;
pub mod record;
pub mod session;
pub mod timer;
pub mod tombstone;

use std::sync::Arc;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, sql_query};
use uuid::Uuid;

use crate::{
    cache::response_cache::ResponseCache,
    engine::{
        Engine,
        migration::{Database, is_migrated, migrate},
        single,
        types::DbTimestamp,
    },
    key::{
        key_store::{INSTALLATION, KeyStore},
        seal::Secret,
    },
    record::BatchInserter,
};
pub use crate::{
    engine::{PoolSize, connection::DatabaseUrl},
    error::{Result, StoreError},
    key::{key_store::MasterKeys, scope::PersonScope},
    record::{
        Change, Created, Expected, Order, Range, RecordWriter, Records, Replaced, Sealed, Since, Stored,
        SyncState,
        history::{Version, VersionPage, VersionRange},
    },
};

/// What each of the connections that read keeps of the record's pages, in KiB: there are several, so less than the
/// writer's.
const PAGE_CACHE_KIB: u32 = 1000;

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Locations {
    /// The record.
    pub data: DatabaseUrl,
    /// The key store.
    pub keys: DatabaseUrl,
    /// How large the pools are.
    pub pool: PoolSize,
}

/// The databases, opened.
#[derive(Clone)]
pub struct Store {
    data: Arc<Engine>,
    /// Where the engine is a server, which has no writer of ours.
    batch_inserter: Option<Arc<BatchInserter>>,
    keys: Arc<KeyStore>,
    response_cache: Arc<ResponseCache>,
    blind_index: Secret,
}

impl Store {
    /// Opens databases that are migrated.
    pub fn open(locations: &Locations, master: MasterKeys) -> Result<Self> {
        let keys = KeyStore::open(&locations.keys, locations.pool, master)?;
        let blind_index = keys.derive("mainstay blind index 1")?;
        let data = Engine::open(&locations.data, locations.pool, PAGE_CACHE_KIB)?;
        let batch_inserter = match &locations.data {
            DatabaseUrl::Sqlite(_) => None,
            url @ DatabaseUrl::Postgres(_) => Some(Arc::new(BatchInserter::start(url, &data.breaks())?)),
        };
        Ok(Self {
            batch_inserter,
            data: Arc::new(data),
            keys: Arc::new(keys),
            response_cache: Arc::default(),
            blind_index,
        })
    }

    /// Reads a person's record. Short, indexed work only.
    pub async fn read<T, F>(&self, scope: &PersonScope, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Records<'_>) -> Result<T> + Send + 'static,
    {
        let scope = scope.clone();
        self.data
            .read(move |conn| f(&mut Records::new(conn, &scope)))
            .await
    }

    /// Reads a person's record where that may take its time.
    pub async fn read_long<T, F>(&self, scope: &PersonScope, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Records<'_>) -> Result<T> + Send + 'static,
    {
        let scope = scope.clone();
        self.data
            .read_long(move |conn| f(&mut Records::new(conn, &scope)))
            .await
    }

    /// Writes to a person's record in one transaction, on behalf of a session. `now` is in microseconds.
    pub async fn write<T, F>(&self, scope: &PersonScope, session: Uuid, now: i64, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut RecordWriter<'_>) -> Result<T> + Send + 'static,
    {
        let scope = scope.clone();
        self.data
            .write(move |conn| {
                f(&mut RecordWriter::new(
                    conn,
                    &scope,
                    DbTimestamp(now),
                    Some(session),
                ))
            })
            .await
    }

    /// A key of the installation for another purpose.
    pub fn derive_key(&self, purpose: &str) -> Result<Secret> {
        self.keys.derive(purpose)
    }

    /// Succeeds if both databases answer, are migrated, and the master key fits.
    pub async fn check(&self) -> Result<()> {
        self.data
            .read(|conn| {
                Ok(on!(conn, |c| sql_query(
                    "SELECT rev FROM people WHERE person_no = 0"
                )
                .execute(c)
                .map(drop))?)
            })
            .await?;
        self.keys.check().await
    }
}

/// Migrates both databases and says how many migrations ran.
pub fn migrate_all(locations: &Locations) -> Result<usize> {
    let mut done = 0;
    for (url, database) in [
        (&locations.data, Database::Data),
        (&locations.keys, Database::Keys),
    ] {
        done += migrate(&mut single(url)?, database)?;
    }
    Ok(done)
}

/// True if the key store holds the key of any account. One that is not there, or not migrated, holds none.
pub fn has_data_keys(keys: &DatabaseUrl) -> Result<bool> {
    if matches!(keys, DatabaseUrl::Sqlite(path) if !path.exists()) {
        return Ok(false);
    }
    let mut conn = single(keys)?;
    if !is_migrated(&mut conn, Database::Keys)? {
        return Ok(false);
    }
    let found = on!(&mut conn, |c| engine::schema::data_keys::table
        .filter(engine::schema::data_keys::account_id.ne(engine::types::DbUuid(INSTALLATION)))
        .select(engine::schema::data_keys::wrapped)
        .first::<Vec<u8>>(c)
        .optional())?;
    Ok(found.is_some())
}

/// True if neither database needs a migration.
pub fn is_all_migrated(locations: &Locations) -> Result<bool> {
    Ok(is_migrated(&mut single(&locations.data)?, Database::Data)?
        && is_migrated(&mut single(&locations.keys)?, Database::Keys)?)
}
