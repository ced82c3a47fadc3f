//! The key store: wrapped data keys, and the ledger of erasures.

use std::sync::Arc;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, dsl::sql, sql_types};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    engine::{
        Engine, Party, PoolSize,
        connection::{Conn, DatabaseUrl},
        schema::{data_keys, erasures, key_store_installation},
        single,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::{
        master_key::{MasterKeys, SharedMasterKeys},
        opened_keys::OpenedKeys,
        seal::{DataKeys, Secret},
    },
    on,
};

/// The pages that each connection to the key store caches, in KiB. A key is read once and then cached unwrapped.
const PAGE_CACHE_KIB: u32 = 64;
/// How often a new key is wrapped again because the current master key changed in the meantime.
const CREATE_ATTEMPTS: usize = 3;

/// The wrapped data key of every account, in a database of its own.
pub struct KeyStore {
    engine: Engine,
    master: SharedMasterKeys,
    installation: Secret,
    opened: OpenedKeys,
    /// Whether a file of SQLite may hold a key that was destroyed. Held while the files are cleaned.
    needs_cleaning: Mutex<bool>,
}

impl KeyStore {
    /// Opens the key store. The first time it makes the secret of the installation.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] if the master key is another than the one that the store was made with.
    pub fn open(url: &DatabaseUrl, size: PoolSize, master: MasterKeys) -> Result<Self> {
        let engine = Engine::open(url, size, PAGE_CACHE_KIB)?;
        let installation = installation_secret(&mut single(url)?, &master)?;
        Ok(Self {
            engine,
            master: SharedMasterKeys::new(master),
            installation,
            opened: OpenedKeys::new(),
            // An earlier run of the server may have stopped in between.
            needs_cleaning: Mutex::new(true),
        })
    }

    /// Derives a key of the installation. It stays the same when the master key changes.
    pub fn derive(&self, purpose: &str) -> Result<Secret> {
        self.installation.derive(purpose)
    }

    /// Makes a data key for a new account. It is pending until [`Self::confirm`] says that the account is stored.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the key store has a current master key that this server does not know.
    pub async fn create(&self, account: Uuid, now: DbTimestamp) -> Result<Arc<DataKeys>> {
        let (data_key, before) = (Secret::random()?, self.opened.before_read());
        for _ in 0..CREATE_ATTEMPTS {
            let (master, new) = (self.master.get(), data_key.clone());
            let write = self.engine.write_for(Party::Background, move |conn| {
                insert_key(conn, &master, account, &new, now)
            });
            match write.await? {
                Inserted::Done => {
                    let keys = Arc::new(DataKeys::new(account, &data_key)?);
                    self.opened.insert(account, &keys, before);
                    return Ok(keys);
                }
                Inserted::NeedsMasterKey(id) => drop(self.master.with(&id).await?),
            }
        }
        Err(StoreError::Busy)
    }

    /// Notes that the account of a pending key is stored.
    pub async fn confirm(&self, account: Uuid) -> Result<()> {
        let write = self.engine.write_for(Party::Background, move |conn| {
            let row = data_keys::table.filter(data_keys::account_id.eq(DbUuid(account)));
            on!(conn, |c| diesel::update(row)
                .set(data_keys::pending.eq(false))
                .execute(c))?;
            Ok(())
        });
        write.await
    }

    /// The accounts of keys that have been pending since before that time, at most `limit` of them.
    pub async fn pending(&self, before: DbTimestamp, limit: i64) -> Result<Vec<Uuid>> {
        let read = self.engine.read_for(Party::Background, move |conn| {
            let query = data_keys::table
                .filter(data_keys::pending)
                .filter(data_keys::created_at.lt(before))
                .order(data_keys::created_at.asc())
                .select(data_keys::account_id)
                .limit(limit);
            Ok(on!(conn, |c| query.load::<DbUuid>(c))?)
        });
        let pending = read.await?;
        Ok(pending.into_iter().map(|account| account.0).collect())
    }

    /// The data key of an account.
    pub async fn get(&self, account: Uuid) -> Result<Arc<DataKeys>> {
        if let Some(keys) = self.opened.get(account) {
            return Ok(keys);
        }
        let before = self.opened.before_read();
        let read = self.engine.read(move |conn| {
            let query = data_keys::table
                .filter(data_keys::account_id.eq(DbUuid(account)))
                .select((data_keys::master_key_id, data_keys::wrapped));
            Ok(on!(conn, |c| query.first::<(Vec<u8>, Vec<u8>)>(c).optional())?)
        });
        let (master_id, wrapped) = read
            .await?
            .ok_or(StoreError::Sealed("an account without data key"))?;
        let master = self.master.with(&master_id).await?;
        let data_key = master.unwrap(&master_id, account, &wrapped)?;
        let keys = Arc::new(DataKeys::new(account, &data_key)?);
        self.opened.insert(account, &keys, before);
        Ok(keys)
    }

    /// Drops the opened key of an account from memory.
    pub fn forget(&self, account: Uuid) {
        self.opened.drop_key(account);
    }

    /// Drops opened keys that have been in memory for long. `now` is in microseconds.
    pub fn sweep_opened(&self, now: i64) {
        self.opened.sweep(now);
    }

    /// Destroys the data key of an account that was never stored.
    pub async fn destroy(&self, account: Uuid) -> Result<()> {
        self.remove(account, None).await?;
        self.engine.truncate_log().await.map(drop)
    }

    /// Destroys the data key of an account, and enters the erasure into the ledger. Nothing that was sealed with it opens by
    /// the key store any more, and a restore from a backup erases the account again. The files of SQLite may hold the wrapped
    /// key until [`Self::clean`] has succeeded.
    pub async fn erase(&self, account: Uuid, now: DbTimestamp) -> Result<()> {
        self.remove(account, Some(now)).await?;
        *self.needs_cleaning.lock().await = true;
        Ok(())
    }

    async fn remove(&self, account: Uuid, erased_at: Option<DbTimestamp>) -> Result<()> {
        let write = self.engine.write_for(Party::Background, move |conn| {
            destroy_key(conn, account)?;
            if let Some(erased_at) = erased_at {
                let row = (
                    erasures::account_id.eq(DbUuid(account)),
                    erasures::erased_at.eq(erased_at),
                );
                on!(conn, |c| diesel::insert_into(erasures::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(c))?;
            }
            Ok(())
        });
        write.await?;
        self.opened.drop_key(account);
        Ok(())
    }

    /// Removes destroyed keys from the files of SQLite: from the log, and from the gaps in the pages of the database. False if
    /// somebody was in the way. On PostgreSQL dead rows and logs keep wrapped keys until the master key is rotated.
    pub async fn clean(&self) -> Result<bool> {
        let mut needs_cleaning = self.needs_cleaning.lock().await;
        if *needs_cleaning {
            *needs_cleaning = !self.engine.rewrite().await?;
        }
        Ok(!*needs_cleaning)
    }

    /// The accounts whose erasure is not finished, at most `limit` of them.
    pub async fn unfinished_erasures(&self, limit: i64) -> Result<Vec<Uuid>> {
        let read = self.engine.read_for(Party::Background, move |conn| {
            let query = erasures::table
                .filter(erasures::finished_at.is_null())
                .order(erasures::account_id.asc())
                .select(erasures::account_id)
                .limit(limit);
            Ok(on!(conn, |c| query.load::<DbUuid>(c))?)
        });
        let unfinished = read.await?;
        Ok(unfinished.into_iter().map(|account| account.0).collect())
    }

    /// Notes that erasures are finished.
    pub async fn finish_erasures(&self, accounts: &[Uuid], now: DbTimestamp) -> Result<()> {
        let accounts: Vec<DbUuid> = accounts.iter().copied().map(DbUuid).collect();
        let write = self.engine.write_for(Party::Background, move |conn| {
            let rows = erasures::table
                .filter(erasures::account_id.eq_any(&accounts))
                .filter(erasures::finished_at.is_null());
            let change = diesel::update(rows).set(erasures::finished_at.eq(now));
            on!(conn, |c| change.execute(c))?;
            Ok(())
        });
        write.await
    }

    /// The accounts that were erased, and when (microseconds).
    pub async fn erased(&self) -> Result<Vec<(Uuid, i64)>> {
        let read = self.engine.read_long(None, |conn| {
            let query = erasures::table.select((erasures::account_id, erasures::erased_at));
            Ok(on!(conn, |c| query.load::<(DbUuid, DbTimestamp)>(c))?)
        });
        let rows = read.await?;
        Ok(rows.into_iter().map(|(account, at)| (account.0, at.0)).collect())
    }

    /// Succeeds if the key store answers and the master key unwraps a key in it.
    pub async fn check(&self) -> Result<()> {
        let read = self.engine.read(|conn| {
            let query = data_keys::table.select((
                data_keys::account_id,
                data_keys::master_key_id,
                data_keys::wrapped,
            ));
            Ok(on!(conn, |c| query
                .first::<(DbUuid, Vec<u8>, Vec<u8>)>(c)
                .optional())?)
        });
        if let Some((account, master_id, wrapped)) = read.await? {
            let master = self.master.with(&master_id).await?;
            master.unwrap(&master_id, account.0, &wrapped)?;
        }
        Ok(())
    }

    /// Replaces the master keys of a running server. False if they are the same as before.
    ///
    /// # Errors
    /// [`StoreError::Mismatched`] if they lack one that is in use and was there before. The keys stay as they are then.
    pub async fn replace_master_keys(&self, new: MasterKeys) -> Result<bool> {
        let before = self.master.get();
        if before.ids() == new.ids() {
            return Ok(false);
        }
        let read = self.engine.read_long(None, |conn| {
            let query = data_keys::table.select(data_keys::master_key_id).distinct();
            Ok(on!(conn, |c| query.load::<Vec<u8>>(c))?)
        });
        let in_use = read.await?;
        if let Some(needed) = in_use.iter().find(|id| before.has(id) && !new.has(id)) {
            return Err(StoreError::Mismatched(new.mismatch(needed)));
        }
        self.master.replace(new);
        Ok(true)
    }

    /// Says that the file of the master keys was looked at, and the keys stay as they are.
    pub fn keep_master_keys(&self) {
        self.master.keep();
    }

    /// Returns when a key is wrapped by a master key that is not known.
    pub async fn master_key_wanted(&self) {
        self.master.wanted().await;
    }
}

/// The account id under which the secret of the installation is stored. No account has it.
pub(crate) const INSTALLATION: Uuid = Uuid::nil();

/// Deletes the key of an account. On SQLite its bytes are overwritten first. (On PostgreSQL that would only make another row.)
pub(crate) fn destroy_key(conn: &mut Conn, account: Uuid) -> Result<usize> {
    let row = || data_keys::table.filter(data_keys::account_id.eq(DbUuid(account)));
    if let Conn::Sqlite(c) = &mut *conn {
        let overwrite = diesel::update(row())
            .set(data_keys::wrapped.eq(sql::<sql_types::Binary>("zeroblob(length(wrapped))")));
        overwrite.execute(c)?;
    }
    Ok(on!(conn, |c| diesel::delete(row()).execute(c))?)
}

/// The result of an attempt to insert a new key.
enum Inserted {
    Done,
    /// The current master key of the key store is not known.
    NeedsMasterKey(Vec<u8>),
}

/// Inserts the key of a new account, wrapped by the master key that is current in the key store. Whatever a server has read
/// from its file: once a rotation has made a key current, nobody wraps with an earlier one, so an earlier one can be retired.
fn insert_key(
    conn: &mut Conn,
    master: &MasterKeys,
    account: Uuid,
    data_key: &Secret,
    now: DbTimestamp,
) -> Result<Inserted> {
    let current = current_master_key(conn)?.unwrap_or_else(|| master.current_id().to_vec());
    let Some(wrapped) = master.wrap(&current, account, data_key)? else {
        return Ok(Inserted::NeedsMasterKey(current));
    };
    let row = (
        data_keys::account_id.eq(DbUuid(account)),
        data_keys::master_key_id.eq(current),
        data_keys::wrapped.eq(wrapped),
        data_keys::created_at.eq(now),
        data_keys::pending.eq(true),
    );
    on!(conn, |c| diesel::insert_into(data_keys::table)
        .values(row)
        .execute(c))?;
    Ok(Inserted::Done)
}

/// The master key that is current in the key store. It stays so until the end of the transaction.
fn current_master_key(conn: &mut Conn) -> Result<Option<Vec<u8>>> {
    let query = key_store_installation::table.select(key_store_installation::master_key_id);
    Ok(match conn {
        Conn::Sqlite(c) => query.first(c).optional(),
        Conn::Postgres(c) => query.for_share().first(c).optional(),
    }?)
}

/// Fails if the master keys do not open the secret of the installation.
pub(crate) fn check_master_key(conn: &mut Conn, master: &MasterKeys) -> Result<()> {
    installation_secret(conn, master).map(drop)
}

/// Reads the secret of the installation, or makes it. If several servers start at once, the first one's counts.
fn installation_secret(conn: &mut Conn, master: &MasterKeys) -> Result<Secret> {
    let query = || {
        data_keys::table
            .filter(data_keys::account_id.eq(DbUuid(INSTALLATION)))
            .select((data_keys::master_key_id, data_keys::wrapped))
    };
    let mut found: Option<(Vec<u8>, Vec<u8>)> = on!(&mut *conn, |c| query().first(c).optional())?;
    if found.is_none() {
        let row = (
            data_keys::account_id.eq(DbUuid(INSTALLATION)),
            data_keys::master_key_id.eq(master.current_id()),
            data_keys::wrapped.eq(master
                .wrap(master.current_id(), INSTALLATION, &Secret::random()?)?
                .unwrap_or_default()),
            data_keys::created_at.eq(DbTimestamp(0)),
            data_keys::pending.eq(false),
        );
        on!(&mut *conn, |c| diesel::insert_into(data_keys::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(c))?;
        found = on!(&mut *conn, |c| query().first(c).optional())?;
    }
    let (master_id, wrapped) = found.ok_or(StoreError::Sealed("the secret of the installation"))?;
    master.unwrap(&master_id, INSTALLATION, &wrapped)
}
