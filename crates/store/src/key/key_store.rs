//! The master keys, the key store, and the cache of unwrapped data keys.

use std::sync::Arc;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use quick_cache::sync::Cache;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    engine::{
        Engine, PoolSize,
        connection::{Conn, DatabaseUrl},
        schema::{data_keys, erasures},
        single,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::seal::{DataKeys, Secret, unwrap, wrap},
    on,
};

/// Unwrapped data keys in the cache.
const CACHED: usize = 20_000;
/// The pages that each connection to the key store caches, in KiB. A key is read once and then cached unwrapped.
const PAGE_CACHE_KIB: u32 = 64;

/// The master keys. The first wraps new data keys; all of them unwrap. Each has an id that is derived from it.
pub struct MasterKeys {
    all: Vec<(Vec<u8>, Secret)>,
    current: Secret,
    current_id: Vec<u8>,
}

impl MasterKeys {
    /// Reads keys from hexadecimal lines. The first is the current one.
    ///
    /// # Errors
    /// Names the wrong line, never its content.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut all = Vec::new();
        for (n, line) in text
            .lines()
            .map(str::trim)
            .enumerate()
            .filter(|(_, l)| !l.is_empty())
        {
            let bytes = Zeroizing::new(
                decode_hex(line).ok_or(format!("line {} is not 64 hexadecimal digits", n + 1))?,
            );
            all.push(Secret::from_bytes(*bytes));
        }
        let current = all.first().ok_or("it holds no key")?.clone();
        let id = |key: &Secret| -> std::result::Result<Vec<u8>, String> {
            Ok(key
                .derive("mainstay key id 1")
                .map_err(|e| e.to_string())?
                .as_bytes()
                .iter()
                .take(8)
                .copied()
                .collect())
        };
        let current_id = id(&current)?;
        let all = all
            .into_iter()
            .map(|key| Ok((id(&key)?, key)))
            .collect::<std::result::Result<_, String>>()?;
        Ok(Self {
            all,
            current,
            current_id,
        })
    }

    /// Makes a new master key, as a hexadecimal line.
    pub fn generate() -> Result<Zeroizing<String>> {
        let key = Secret::random()?;
        Ok(Zeroizing::new(key.as_bytes().iter().fold(
            String::new(),
            |mut hex, byte| {
                use std::fmt::Write;
                let _ = write!(hex, "{byte:02x}");
                hex
            },
        )))
    }

    /// The ids of all keys, the current one first.
    pub fn ids(&self) -> Vec<&[u8]> {
        self.all.iter().map(|(id, _)| id.as_slice()).collect()
    }

    /// The id of the current key.
    pub fn current_id(&self) -> &[u8] {
        &self.current_id
    }

    fn by_id(&self, id: &[u8]) -> Option<&Secret> {
        self.all.iter().find(|(have, _)| have == id).map(|(_, key)| key)
    }
}

fn decode_hex(line: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if line.len() != 64 || !line.is_ascii() {
        return None;
    }
    for (n, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(line.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(out)
}

/// The wrapped data key of every account, in a database of its own.
pub struct KeyStore {
    engine: Engine,
    master: MasterKeys,
    installation: Secret,
    cache: Cache<Uuid, Arc<DataKeys>>,
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
            master,
            installation,
            cache: Cache::new(CACHED),
        })
    }

    /// Derives a key of the installation. It stays the same when the master key changes.
    pub fn derive(&self, purpose: &str) -> Result<Secret> {
        self.installation.derive(purpose)
    }

    /// Makes a data key for a new account. It is pending until [`Self::confirm`] says that the account is stored.
    pub async fn create(&self, account: Uuid, now: DbTimestamp) -> Result<Arc<DataKeys>> {
        let data_key = Secret::random()?;
        let wrapped = wrap(&self.master.current, account, &data_key)?;
        let master_key_id = self.master.current_id.clone();
        let write = self.engine.write(move |conn| {
            let row = (
                data_keys::account_id.eq(DbUuid(account)),
                data_keys::master_key_id.eq(master_key_id),
                data_keys::wrapped.eq(wrapped),
                data_keys::created_at.eq(now),
                data_keys::pending.eq(true),
            );
            on!(conn, |c| diesel::insert_into(data_keys::table)
                .values(row)
                .execute(c))?;
            Ok(())
        });
        write.await?;
        let keys = Arc::new(DataKeys::new(account, &data_key)?);
        self.cache.insert(account, Arc::clone(&keys));
        Ok(keys)
    }

    /// Notes that the account of a pending key is stored.
    pub async fn confirm(&self, account: Uuid) -> Result<()> {
        let write = self.engine.write(move |conn| {
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
        let read = self.engine.read(move |conn| {
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
        if let Some(keys) = self.cache.get(&account) {
            return Ok(keys);
        }
        let read = self.engine.read(move |conn| {
            let query = data_keys::table
                .filter(data_keys::account_id.eq(DbUuid(account)))
                .select((data_keys::master_key_id, data_keys::wrapped));
            Ok(on!(conn, |c| query.first::<(Vec<u8>, Vec<u8>)>(c).optional())?)
        });
        let (master_id, wrapped) = read
            .await?
            .ok_or(StoreError::Sealed("an account without data key"))?;
        let master = self
            .master
            .by_id(&master_id)
            .ok_or(StoreError::Sealed("another master key"))?;
        let keys = Arc::new(DataKeys::new(account, &unwrap(master, account, &wrapped)?)?);
        self.cache.insert(account, Arc::clone(&keys));
        Ok(keys)
    }

    /// Destroys the data key of an account that was never stored.
    pub async fn destroy(&self, account: Uuid) -> Result<()> {
        self.remove(account, None).await
    }

    /// Destroys the data key of an account, and enters the erasure into the ledger. Nothing that was sealed with it opens any
    /// more, and a restore from a backup erases the account again.
    pub async fn erase(&self, account: Uuid, now: DbTimestamp) -> Result<()> {
        self.remove(account, Some(now)).await
    }

    async fn remove(&self, account: Uuid, erased_at: Option<DbTimestamp>) -> Result<()> {
        let write = self.engine.write(move |conn| {
            let query = diesel::delete(data_keys::table.filter(data_keys::account_id.eq(DbUuid(account))));
            on!(&mut *conn, |c| query.execute(c))?;
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
        self.cache.remove(&account);
        self.engine.truncate_log().await.map(drop)
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
            let master = self
                .master
                .by_id(&master_id)
                .ok_or(StoreError::Sealed("another master key"))?;
            unwrap(master, account.0, &wrapped)?;
        }
        Ok(())
    }
}

/// The account id under which the secret of the installation is stored. No account has it.
pub(crate) const INSTALLATION: Uuid = Uuid::nil();

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
            data_keys::master_key_id.eq(master.current_id.clone()),
            data_keys::wrapped.eq(wrap(&master.current, INSTALLATION, &Secret::random()?)?),
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
    let master = master
        .by_id(&master_id)
        .ok_or(StoreError::Sealed("the key store (another master key)"))?;
    unwrap(master, INSTALLATION, &wrapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back() {
        let text = MasterKeys::generate().unwrap();
        let keys = MasterKeys::parse(&format!("\n{}\n{}\n", *text, "ab".repeat(32))).unwrap();
        assert_eq!(keys.all.len(), 2);
        assert!(keys.by_id(&keys.current_id).is_some());
    }

    #[test]
    fn a_wrong_line_is_named_without_its_content() {
        let error = MasterKeys::parse("secret-words").err().unwrap();
        assert_eq!(error, "line 1 is not 64 hexadecimal digits");
        assert!(MasterKeys::parse("").is_err());
    }
}
