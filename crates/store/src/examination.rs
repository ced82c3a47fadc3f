//! Examines whether the stored data can be opened. It reads only: neither database nor any file beside it changes.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use uuid::Uuid;

use crate::{
    Locations, MasterKeys, credentials,
    engine::{
        connection::{Conn, DatabaseUrl, connect_to_inspect},
        schema::{account_state::ACTIVE, accounts, data_keys, records},
        types::DbUuid,
    },
    error::{Result, StoreError},
    key::{key_store::INSTALLATION, seal::DataKeys},
    on,
};

/// Accounts that are read at a time.
const BATCH: i64 = 500;

/// What was found about the accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examination {
    /// The number of accounts that were examined.
    pub accounts: usize,
    /// Accounts whose data key is missing. Nothing of theirs can be read.
    pub without_key: Vec<Uuid>,
    /// Accounts that have a key, but something of theirs does not open, and what that is.
    pub unreadable: Vec<(Uuid, String)>,
    /// The number of keys that belong to no account. They do no harm.
    pub keys_without_account: usize,
}

/// How much is examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The secret of the installation, and the newest account.
    Newest,
    /// Every account: its key, its profile, and its newest record.
    EveryAccount,
}

/// Opens stored data with the master keys.
///
/// # Errors
/// [`StoreError::Unavailable`], and [`StoreError::Sealed`] if the secret of the installation does not open.
pub fn examine(locations: &Locations, master: &MasterKeys, depth: Depth) -> Result<Examination> {
    let mut examiner = Examiner {
        data: open(&locations.data)?,
        keys: open(&locations.keys)?,
        master,
        found: Examination::default(),
    };
    let secret = examiner.wrapped_keys(&[DbUuid(INSTALLATION)])?;
    if let Some((master_id, wrapped)) = secret.get(&INSTALLATION) {
        examiner.unwrap(INSTALLATION, master_id, wrapped)?;
    }
    examiner.examine_accounts(depth)?;
    Ok(examiner.found)
}

/// The accounts whose data key is missing, at most `limit` of them. Accounts that are being erased are not among them.
pub fn accounts_without_key(locations: &Locations, limit: usize) -> Result<Vec<Uuid>> {
    let (data, keys) = (&mut open(&locations.data)?, &mut open(&locations.keys)?);
    let (mut missing, mut before) = (Vec::new(), i64::MAX);
    loop {
        let batch = active_accounts(data, before, BATCH)?;
        let Some((last, ..)) = batch.last() else { break };
        before = *last;
        let ids: Vec<DbUuid> = batch.iter().map(|(_, id, _)| *id).collect();
        let there = load_wrapped_keys(keys, &ids)?;
        missing.extend(ids.iter().map(|id| id.0).filter(|id| !there.contains_key(id)));
        if missing.len() >= limit {
            break;
        }
    }
    // An account that was erased meanwhile is gone by now.
    let mut missing = still_active(data, missing)?;
    missing.truncate(limit);
    Ok(missing)
}

/// The forms in which the hashes of passwords are stored, each without salt and hash value, and how many accounts have it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn hash_forms(locations: &Locations) -> Result<Vec<(String, u64)>> {
    credentials::hash_forms(&mut open(&locations.data)?)
}

fn open(url: &DatabaseUrl) -> Result<Conn> {
    match connect_to_inspect(url) {
        Ok(Some(conn)) => Ok(conn),
        Ok(None) => Err(StoreError::Unavailable("there is no such file".to_owned())),
        Err(error) => Err(StoreError::Unavailable(error.to_string())),
    }
}

type WrappedKeys = BTreeMap<Uuid, (Vec<u8>, Vec<u8>)>;

struct Examiner<'a> {
    data: Conn,
    keys: Conn,
    master: &'a MasterKeys,
    found: Examination,
}

impl Examiner<'_> {
    fn wrapped_keys(&mut self, accounts: &[DbUuid]) -> Result<WrappedKeys> {
        load_wrapped_keys(&mut self.keys, accounts)
    }

    fn unwrap(&self, account: Uuid, master_id: &[u8], wrapped: &[u8]) -> Result<DataKeys> {
        DataKeys::new(account, &self.master.unwrap(master_id, account, wrapped)?)
    }

    fn examine_accounts(&mut self, depth: Depth) -> Result<()> {
        let mut all = BTreeSet::new();
        let mut before = i64::MAX;
        loop {
            let limit = if depth == Depth::Newest { 1 } else { BATCH };
            let batch = active_accounts(&mut self.data, before, limit)?;
            let Some((last, ..)) = batch.last() else { break };
            before = *last;
            let ids: Vec<DbUuid> = batch.iter().map(|(_, id, _)| *id).collect();
            let wrapped = self.wrapped_keys(&ids)?;
            for (no, id, profile) in batch {
                self.found.accounts += 1;
                all.insert(id.0);
                let Some((master_id, key)) = wrapped.get(&id.0) else {
                    self.found.without_key.push(id.0);
                    continue;
                };
                if let Err(error) = self.open_account(no, id.0, &profile, master_id, key) {
                    self.found.unreadable.push((id.0, error.to_string()));
                }
            }
            if depth == Depth::Newest {
                return Ok(());
            }
        }
        // An account that was erased meanwhile is gone by now.
        let without_key = std::mem::take(&mut self.found.without_key);
        self.found.without_key = still_active(&mut self.data, without_key)?;
        self.found.keys_without_account = self.count_keys_without(&all)?;
        Ok(())
    }

    /// Opens the profile of an account, and its newest record.
    fn open_account(
        &mut self,
        no: i64,
        id: Uuid,
        profile: &[u8],
        master_id: &[u8],
        key: &[u8],
    ) -> Result<()> {
        let keys = self.unwrap(id, master_id, key)?;
        keys.open("profile", id, profile)?;
        let newest = records::table
            .filter(records::person_no.eq(no))
            .filter(records::deleted.eq(false))
            .order(records::rev.desc())
            .select((
                records::collection,
                records::id,
                records::version,
                records::sealed,
            ));
        let newest: Option<(i16, DbUuid, i64, Vec<u8>)> =
            on!(&mut self.data, |c| newest.first(c).optional())?;
        if let Some((collection, id, version, sealed)) = newest {
            keys.open_record(collection, id.0, version, &sealed)?;
        }
        Ok(())
    }

    fn count_keys_without(&mut self, accounts: &BTreeSet<Uuid>) -> Result<usize> {
        let (mut count, mut after) = (0, INSTALLATION);
        loop {
            let query = data_keys::table
                .filter(data_keys::account_id.gt(DbUuid(after)))
                .filter(data_keys::pending.eq(false))
                .order(data_keys::account_id.asc())
                .select(data_keys::account_id)
                .limit(BATCH);
            let batch: Vec<DbUuid> = on!(&mut self.keys, |c| query.load(c))?;
            let Some(last) = batch.last() else {
                return Ok(count);
            };
            after = last.0;
            count += batch.iter().filter(|id| !accounts.contains(&id.0)).count();
        }
    }
}

/// Active accounts with a number below that one, the newest first: number, id, sealed profile.
fn active_accounts(data: &mut Conn, before: i64, limit: i64) -> Result<Vec<(i64, DbUuid, Vec<u8>)>> {
    let query = accounts::table
        .filter(accounts::no.lt(before))
        .filter(accounts::state.eq(ACTIVE))
        .order(accounts::no.desc())
        .select((accounts::no, accounts::id, accounts::sealed))
        .limit(limit);
    Ok(on!(data, |c| query.load(c))?)
}

/// Those accounts that are still in use.
fn still_active(data: &mut Conn, found: Vec<Uuid>) -> Result<Vec<Uuid>> {
    let mut active = Vec::new();
    for account in found {
        let query = accounts::table
            .filter(accounts::id.eq(DbUuid(account)))
            .filter(accounts::state.eq(ACTIVE))
            .select(accounts::no);
        if on!(&mut *data, |c| query.first::<i64>(c).optional())?.is_some() {
            active.push(account);
        }
    }
    Ok(active)
}

fn load_wrapped_keys(keys: &mut Conn, accounts: &[DbUuid]) -> Result<WrappedKeys> {
    let query = data_keys::table
        .filter(data_keys::account_id.eq_any(accounts.to_vec()))
        .select((
            data_keys::account_id,
            data_keys::master_key_id,
            data_keys::wrapped,
        ));
    let rows: Vec<(DbUuid, Vec<u8>, Vec<u8>)> = on!(keys, |c| query.load(c))?;
    Ok(rows
        .into_iter()
        .map(|(id, master, key)| (id.0, (master, key)))
        .collect())
}
