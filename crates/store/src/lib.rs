//! Storage: the only crate that speaks SQL. It knows nothing of HTTP.
//!
//! [`Store::read`] and [`Store::write`] are the doors to a person's record. Accounts, sessions and reference data have
//! functions of their own, in the file that is named after their table. The folders:
//!
//! - [`record`]: stores, replaces, lists and deletes the records of every noun;
//! - [`engine`]: connections and transactions on SQLite and PostgreSQL, the tables, the migrations;
//! - [`cache`]: responses that were derived from a record, and the revision that validates them;
//! - [`key`]: master keys, the key store, sealing, and the right to reach one person's record.

pub mod account;
pub mod audit;
pub mod backup;
pub mod break_glass;
pub mod cache;
pub mod consent;
mod contribution;
pub mod credentials;
mod encouragement;
pub mod engine;
pub mod erasure_ledger;
pub mod error;
pub mod examination;
pub mod idempotency;
pub mod installation;
pub mod invitation;
pub mod invite;
pub mod key;
mod live_account;
pub mod login_delay;
pub mod meeting;
mod peer_profile;
mod profile;
mod proposal;
pub mod questionnaire;
pub mod quota;
pub mod record;
pub mod resource;
pub mod restore;
pub mod restriction;
pub mod rotation;
pub mod security_event;
pub mod session;
mod shared_commitment;
pub mod sharing;
mod sign_off;
#[cfg(test)]
mod tests;
pub mod timer;
pub mod tombstone;

use std::sync::Arc;

use diesel::{RunQueryDsl, sql_query};
use mainstay_domain::account::quota::Quota;
use uuid::Uuid;

use crate::{
    cache::{RecordCache, revision::RevisionThread},
    engine::{
        Engine,
        connection::connect_to_inspect,
        migration::{Database, SchemaStatus, migrate, status},
        single,
        turns::PartyTurn,
        types::DbTimestamp,
    },
    erasure_ledger::ErasureLedger,
    key::{key_store::KeyStore, seal::Secret},
    record::BatchInserter,
};
pub use crate::{
    contribution::{Author, Contributed, ContributionPage, ContributionRange},
    engine::{PoolSize, connection::DatabaseUrl, turns},
    error::{ContributionRefusal, Mismatch, Result, StoreError},
    key::{
        master_key::MasterKeys,
        scope::{PersonScope, Urgency, VersionTag},
    },
    record::{
        Change, Created, Expected, History, KeyedRecords, LockedWriter, Order, Part, Range, RecordWriter,
        Records, Replaced, SealedDraft, Since, Stored, SyncState,
        history::{Version, VersionPage, VersionRange},
    },
    rotation::{KeyUse, Rotated, RotationLock, rotate},
};

/// The pages that each reading connection caches, in KiB. There are several, so it is less than the writer's.
const PAGE_CACHE_KIB: u32 = 1000;

/// Where the databases are.
#[derive(Debug, Clone)]
pub struct Locations {
    /// The record.
    pub data: DatabaseUrl,
    /// The key store.
    pub keys: DatabaseUrl,
    /// The size of the connection pool to the record.
    pub pool: PoolSize,
    /// The size of the connection pool to the key store.
    pub key_pool: PoolSize,
}

/// The opened databases. Cheap to clone.
///
/// ```
/// use mainstay_store::{DatabaseUrl, Locations, MasterKeys, PoolSize, Store, migrate_all};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let file = |name| DatabaseUrl::Sqlite(directory.path().join(name));
/// let locations = Locations {
///     data: file("data.db"),
///     keys: file("keys.db"),
///     pool: PoolSize { connections: 4 },
///     key_pool: PoolSize { connections: 4 },
/// };
/// migrate_all(&locations)?;
/// let store = Store::open(&locations, MasterKeys::parse(&MasterKeys::generate()?)?)?;
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # runtime.block_on(async {
/// // Nobody has signed up yet, so no session has the right to reach a record.
/// let session = store.principal(uuid::Uuid::nil(), uuid::Uuid::nil(), 0).await?;
/// assert!(session.is_none());
/// # Ok(()) })
/// # }
/// ```
#[derive(Clone)]
pub struct Store {
    data: Arc<Engine>,
    /// On PostgreSQL only: SQLite's writer batches all writes.
    batch_inserter: Option<Arc<BatchInserter>>,
    /// On PostgreSQL only: SQLite is asked at once.
    revisions: Option<Arc<RevisionThread>>,
    keys: Arc<KeyStore>,
    cache: Arc<RecordCache>,
    blind_index: Secret,
    /// The file that erasures are entered into, beside the table of the key store.
    ledger: Option<ErasureLedger>,
    /// The limits of accounts that have none of their own.
    quota: Quota,
    /// Refused reads of the records of others.
    refusals: Arc<sharing::Refusals>,
}

impl Store {
    /// Opens databases that have been migrated.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::NewerSchema`], and [`StoreError::Mismatched`] if the databases and the master
    /// key do not belong together.
    pub fn open(locations: &Locations, master: MasterKeys) -> Result<Self> {
        installation::bind(
            &mut single(&locations.data)?,
            &mut single(&locations.keys)?,
            &master,
        )?;
        let keys = KeyStore::open(&locations.keys, locations.key_pool, master)?;
        let blind_index = keys.derive("mainstay blind index 1")?;
        let data = Engine::open(&locations.data, locations.pool, PAGE_CACHE_KIB)?;
        let (batch_inserter, revisions) = match &locations.data {
            DatabaseUrl::Sqlite(_) => (None, None),
            url @ DatabaseUrl::Postgres(_) => (
                Some(Arc::new(BatchInserter::start(url, &data.connection_epoch())?)),
                Some(Arc::new(RevisionThread::start(url, data.connection_epoch())?)),
            ),
        };
        Ok(Self {
            batch_inserter,
            revisions,
            data: Arc::new(data),
            keys: Arc::new(keys),
            cache: Arc::default(),
            blind_index,
            ledger: None,
            quota: Quota::DEFAULT,
            refusals: Arc::default(),
        })
    }

    /// The same store, which enters erasures into a file too.
    #[must_use]
    pub fn with_erasure_ledger(self, ledger: ErasureLedger) -> Self {
        Self {
            ledger: Some(ledger),
            ..self
        }
    }

    /// The same store, with other limits for accounts that have none of their own.
    #[must_use]
    pub fn with_quota(self, quota: Quota) -> Self {
        Self { quota, ..self }
    }

    /// Reads a person's record. On SQLite the work runs on the calling thread, so it must be short and indexed.
    pub async fn read<T, F>(&self, scope: &PersonScope, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Records<'_>) -> Result<T> + Send + 'static,
    {
        let scope = scope.clone();
        self.data
            .read_for(scope.party(), move |conn| f(&mut Records::new(conn, &scope)))
            .await
    }

    /// Reads a part of a person's record that may be large, for help. It waits for no long read. Each person has one
    /// such read under way. The work runs a second time if it turns out to be too large for the calling thread.
    ///
    /// # Errors
    /// Those of the work, and [`StoreError::Busy`] if too many of the same person wait, or none comes to its turn in time.
    pub async fn read_large<T, F>(&self, scope: &PersonScope, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Records<'_>) -> Result<T> + Send + 'static,
    {
        let (account, scope) = (scope.account, scope.clone());
        self.data
            .read_large(account, scope.party(), move |conn| {
                f(&mut Records::new(conn, &scope))
            })
            .await
    }

    /// Reads a person's record with work that may take long, on a thread that may block. Each person has one such read under
    /// way, and the others of theirs wait for it.
    ///
    /// # Errors
    /// Those of the work, and [`StoreError::Busy`] if its turn does not come in time, or if it takes more than five seconds.
    pub async fn read_long<T, F>(&self, scope: &PersonScope, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Records<'_>) -> Result<T> + Send + 'static,
    {
        let turn = self.data.long_turn(scope.account).await?;
        self.read_long_in_turn(turn, scope, f).await
    }

    /// The same in a turn of the account that has come already.
    pub(crate) async fn read_long_in_turn<T, F>(
        &self,
        turn: Arc<PartyTurn<Uuid>>,
        scope: &PersonScope,
        f: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Records<'_>) -> Result<T> + Send + 'static,
    {
        let scope = scope.clone();
        self.data
            .read_long(Some(turn), move |conn| f(&mut Records::new(conn, &scope)))
            .await
    }

    /// Writes to a person's record in one transaction, on behalf of a session. `now` is in microseconds.
    ///
    /// # Errors
    /// Those of the work, [`StoreError::Busy`], [`StoreError::Unavailable`] and [`StoreError::OutcomeUnknown`].
    pub async fn write<T, F>(&self, scope: &PersonScope, session: Uuid, now: i64, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut RecordWriter<'_>) -> Result<T> + Send + 'static,
    {
        let scope = scope.clone();
        self.data
            .write_for(scope.party(), move |conn| {
                f(&mut RecordWriter::new(
                    conn,
                    &scope,
                    DbTimestamp(now),
                    Some(session),
                ))
            })
            .await
    }

    /// Derives a key of the installation for one purpose.
    pub fn derive_key(&self, purpose: &str) -> Result<Secret> {
        self.keys.derive(purpose)
    }

    /// Replaces the master keys of a running server. False if they are the same as before.
    ///
    /// # Errors
    /// [`StoreError::Mismatched`] if they lack one that is in use and was there before. The keys stay as they are then.
    pub async fn replace_master_keys(&self, master: MasterKeys) -> Result<bool> {
        self.keys.replace_master_keys(master).await
    }

    /// Says that the file of the master keys was looked at, and the keys stay as they are.
    pub fn keep_master_keys(&self) {
        self.keys.keep_master_keys();
    }

    /// Returns when a key is wrapped by a master key that the store does not have. Those who wait for it go on after
    /// [`Self::replace_master_keys`] or [`Self::keep_master_keys`].
    pub async fn master_key_wanted(&self) {
        self.keys.master_key_wanted().await;
    }

    /// Succeeds if both databases answer and are migrated, and the master key fits.
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

/// Migrates both databases. Gives the number of migrations that ran. Neither is touched if one of them is newer.
///
/// # Errors
/// [`StoreError::NewerSchema`].
pub fn migrate_all(locations: &Locations) -> Result<usize> {
    for (database, schema) in schemas(locations)? {
        schema.map_or(Ok(()), |schema| schema.refuse_newer(database))?;
    }
    let mut done = 0;
    for (url, database) in [
        (&locations.data, Database::Data),
        (&locations.keys, Database::Keys),
    ] {
        done += migrate(&mut single(url)?, database)?;
    }
    Ok(done)
}

/// The schemas of the record and of the key store, in this order; `None` where there is no database. Changes nothing.
pub fn schemas(locations: &Locations) -> Result<[(Database, Option<SchemaStatus>); 2]> {
    let schema = |url, database| -> Result<_> {
        let conn = connect_to_inspect(url).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok((
            database,
            conn.map(|mut conn| status(&mut conn, database)).transpose()?,
        ))
    };
    Ok([
        schema(&locations.data, Database::Data)?,
        schema(&locations.keys, Database::Keys)?,
    ])
}

/// True if neither database needs a migration.
pub fn is_all_migrated(locations: &Locations) -> Result<bool> {
    let mut is_migrated = true;
    for (database, schema) in schemas(locations)? {
        let Some(schema) = schema else { return Ok(false) };
        schema.refuse_newer(database)?;
        is_migrated &= schema.pending.is_empty();
    }
    Ok(is_migrated)
}
