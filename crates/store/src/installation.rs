//! The installation: a record, its key store and their master key, which belong together.
//!
//! Both databases hold the id of the installation. Nothing is written to databases that do not belong together: an empty
//! key store beside a record, or the key store of another installation, would otherwise look like a healthy server that
//! cannot read anybody's data.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use uuid::Uuid;

use crate::{
    Locations, MasterKeys,
    engine::{
        connection::{Conn, DatabaseUrl, connect_to_inspect},
        migration::{Database, SchemaStatus, has_table, status},
        schema::{account_state::ACTIVE, accounts, data_keys},
        types::DbUuid,
    },
    error::{Mismatch, Result, StoreError},
    key::{key_store::INSTALLATION, seal::Secret},
    on,
};

/// The table that stands in a database of PostgreSQL while a restore fills it.
pub const UNFINISHED_RESTORE: &str = "unfinished_restore";
/// So many of the newest accounts, and of the oldest, are looked up in the key store, to find out whether it is the record's.
const SAMPLE: i64 = 10;

/// What a database says of the installation that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belonging {
    /// The schema; `None` if there is no such database.
    pub schema: Option<SchemaStatus>,
    /// The id of the installation, and the id of its master key.
    pub installation: Option<(Uuid, Vec<u8>)>,
    /// Whether the database holds accounts, or keys of accounts.
    pub is_in_use: bool,
}

impl Belonging {
    const MISSING: Self = Self {
        schema: None,
        installation: None,
        is_in_use: false,
    };
}

/// Both databases, as they are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The record.
    pub data: Belonging,
    /// The key store.
    pub keys: Belonging,
    /// The id of the master key that wraps the secret of the installation.
    pub master_key_id: Option<Vec<u8>>,
    /// Whether the key store has a key of the record's accounts.
    fits: bool,
}

/// Reads both databases. Changes nothing, and creates nothing.
///
/// # Errors
/// [`StoreError::Unavailable`], and [`StoreError::Mismatched`] for an unfinished restore.
pub fn inspect(locations: &Locations) -> Result<Found> {
    refuse_prepared(locations)?;
    let open = |url| connect_to_inspect(url).map_err(|e| StoreError::Unavailable(e.to_string()));
    let (mut data, mut keys) = (open(&locations.data)?, open(&locations.keys)?);
    find(data.as_mut(), keys.as_mut())
}

/// Fails if a restore has prepared an SQLite file that has not got its name.
///
/// # Errors
/// [`StoreError::Mismatched`].
pub(crate) fn refuse_prepared(locations: &Locations) -> Result<()> {
    for url in [&locations.data, &locations.keys] {
        if let DatabaseUrl::Sqlite(path) = url
            && !path.exists()
            && prepared(path).exists()
        {
            let mismatch = Mismatch::UnfinishedFile(prepared(path));
            return Err(StoreError::Mismatched(mismatch));
        }
    }
    Ok(())
}

/// The file beside an SQLite database in which a restore prepares it.
pub(crate) fn prepared(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".restoring");
    name.into()
}

fn find(mut data: Option<&mut Conn>, mut keys: Option<&mut Conn>) -> Result<Found> {
    for (conn, database) in [
        (data.as_deref_mut(), Database::Data),
        (keys.as_deref_mut(), Database::Keys),
    ] {
        conn.map_or(Ok(()), |conn| refuse_unfinished(conn, database))?;
    }
    look(data, keys)
}

/// Fails if a restore into a database has not ended.
///
/// # Errors
/// [`StoreError::Mismatched`].
pub(crate) fn refuse_unfinished(conn: &mut Conn, database: Database) -> Result<()> {
    if has_table(conn, UNFINISHED_RESTORE)? {
        let mismatch = Mismatch::UnfinishedRestore(database.name());
        return Err(StoreError::Mismatched(mismatch));
    }
    Ok(())
}

/// Reads both databases, of a restore that has not ended too.
pub(crate) fn look(mut data: Option<&mut Conn>, mut keys: Option<&mut Conn>) -> Result<Found> {
    let sample = data
        .as_mut()
        .map_or(Ok(Vec::new()), |conn| sample_of_accounts(conn))?;
    let has_keys = keys
        .as_mut()
        .map_or(Ok(false), |conn| has_table(conn, "data_keys"))?;
    let (master_key_id, fits) = match keys.as_mut() {
        Some(conn) if has_keys => (master_key_id(conn)?, has_any_key(conn, &sample)?),
        _ => (None, false),
    };
    Ok(Found {
        data: data.map_or(Ok(Belonging::MISSING), |conn| {
            belonging(conn, Database::Data, !sample.is_empty())
        })?,
        keys: keys.map_or(Ok(Belonging::MISSING), |conn| {
            let is_in_use = has_keys && has_account_keys(conn)?;
            belonging(conn, Database::Keys, is_in_use)
        })?,
        master_key_id,
        fits,
    })
}

impl Found {
    /// Fails if the databases do not belong together, or the master key is not theirs. Without `master` only the databases
    /// are compared.
    ///
    /// # Errors
    /// [`StoreError::Mismatched`], [`StoreError::NewerSchema`].
    pub fn check(&self, master: Option<&MasterKeys>) -> Result<()> {
        for (belonging, database) in [(&self.data, Database::Data), (&self.keys, Database::Keys)] {
            if let Some(schema) = &belonging.schema {
                schema.refuse_newer(database)?;
            }
        }
        self.mismatch(master)
            .map_or(Ok(()), |mismatch| Err(StoreError::Mismatched(mismatch)))
    }

    fn mismatch(&self, master: Option<&MasterKeys>) -> Option<Mismatch> {
        match (&self.data.installation, &self.keys.installation) {
            (Some((record, _)), Some((keys, _))) if record != keys => {
                return Some(Mismatch::OtherInstallation {
                    record: *record,
                    keys: *keys,
                });
            }
            // A copy from before its databases had an id may be put back beside one that has it.
            (Some(_), None) if !self.keys.is_in_use => return Some(Mismatch::KeyStoreIsEmpty),
            (Some(_), None) if !self.fits => return Some(Mismatch::OtherKeys),
            (None, _) if self.data.is_in_use && !self.keys.is_in_use => {
                return Some(Mismatch::KeyStoreIsEmpty);
            }
            (None, _) if !self.data.is_in_use && self.keys.is_in_use => {
                return Some(Mismatch::RecordIsEmpty);
            }
            (None, _) if self.data.is_in_use && !self.fits => return Some(Mismatch::OtherKeys),
            _ => {}
        }
        let (needed, found) = (self.master_key_id.as_ref()?, master?);
        (!found.has(needed)).then(|| found.mismatch(needed))
    }

    /// Whether the databases hold nothing yet, so that a new installation may begin in them.
    pub fn is_new(&self) -> bool {
        let is_new = |one: &Belonging| one.installation.is_none() && !one.is_in_use;
        is_new(&self.data) && is_new(&self.keys) && self.master_key_id.is_none()
    }
}

/// Checks that two migrated databases and a master key belong together, and gives both databases the id of a new
/// installation if they have none.
///
/// # Errors
/// [`StoreError::Mismatched`], [`StoreError::NewerSchema`].
pub(crate) fn bind(data: &mut Conn, keys: &mut Conn, master: &MasterKeys) -> Result<()> {
    refuse_unfinished(data, Database::Data)?;
    refuse_unfinished(keys, Database::Keys)?;
    bind_restored(data, keys, master)
}

/// The same for databases that a restore has filled.
///
/// # Errors
/// Those of [`bind`].
pub(crate) fn bind_restored(data: &mut Conn, keys: &mut Conn, master: &MasterKeys) -> Result<()> {
    let found = look(Some(&mut *data), Some(&mut *keys))?;
    found.check(Some(master))?;
    // The key store first: a record with an id and a key store without one do not belong together.
    let (id, _) = match (&found.keys.installation, &found.data.installation) {
        (Some(installation), _) => installation.clone(),
        (None, Some((id, _))) => insert(keys, Database::Keys, *id, master)?,
        (None, None) => insert(keys, Database::Keys, random_id()?, master)?,
    };
    // A record that is not migrated has no place for it.
    let is_migrated = found.data.schema.is_some_and(|schema| schema.pending.is_empty());
    if found.data.installation.is_none() && is_migrated {
        insert(data, Database::Data, id, master)?;
    }
    Ok(())
}

/// Runs the same code on the table of the installation that a database has. The two have different names, since both
/// databases may be one on PostgreSQL.
macro_rules! installation_of {
    ($database:expr, |$table:ident| $body:expr) => {
        match $database {
            Database::Data => {
                use crate::engine::schema::installation as $table;
                $body
            }
            Database::Keys => {
                use crate::engine::schema::key_store_installation as $table;
                $body
            }
        }
    };
}

/// Inserts the id of the installation. If several servers do so at once, the first one's counts.
fn insert(conn: &mut Conn, database: Database, id: Uuid, master: &MasterKeys) -> Result<(Uuid, Vec<u8>)> {
    installation_of!(database, |installation| {
        let row = (
            installation::no.eq(1),
            installation::id.eq(DbUuid(id)),
            installation::master_key_id.eq(master.current_id()),
        );
        on!(&mut *conn, |c| diesel::insert_into(installation::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(c))?;
    });
    select(conn, database)?.ok_or(StoreError::Internal("the installation has no id".to_owned()))
}

/// Notes the master key that is current from now on.
pub(crate) fn set_master_key(conn: &mut Conn, database: Database, master_key_id: &[u8]) -> Result<()> {
    installation_of!(database, |installation| {
        let change = diesel::update(installation::table).set(installation::master_key_id.eq(master_key_id));
        on!(conn, |c| change.execute(c))?;
    });
    Ok(())
}

/// The id of the installation and of its master key.
fn select(conn: &mut Conn, database: Database) -> Result<Option<(Uuid, Vec<u8>)>> {
    let found: Option<(DbUuid, Vec<u8>)> = installation_of!(database, |installation| {
        let query = installation::table.select((installation::id, installation::master_key_id));
        on!(conn, |c| query.first(c).optional())?
    });
    Ok(found.map(|(id, master)| (id.0, master)))
}

fn random_id() -> Result<Uuid> {
    let random = *Secret::random()?.as_bytes();
    let bytes = random.first_chunk::<16>().copied().unwrap_or_default();
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// What a database says of its installation.
pub(crate) fn belonging(conn: &mut Conn, database: Database, is_in_use: bool) -> Result<Belonging> {
    let table = match database {
        Database::Data => "installation",
        Database::Keys => "key_store_installation",
    };
    let installation = if has_table(conn, table)? {
        select(conn, database)?
    } else {
        None
    };
    Ok(Belonging {
        schema: Some(status(conn, database)?),
        installation,
        is_in_use,
    })
}

/// Some of the newest and of the oldest accounts of the record.
fn sample_of_accounts(conn: &mut Conn) -> Result<Vec<DbUuid>> {
    if !has_table(conn, "accounts")? {
        return Ok(Vec::new());
    }
    let query = || {
        accounts::table
            .filter(accounts::state.eq(ACTIVE))
            .select(accounts::id)
            .limit(SAMPLE)
    };
    let (newest, oldest) = (
        query().order(accounts::no.desc()),
        query().order(accounts::no.asc()),
    );
    let mut sample: Vec<DbUuid> = on!(&mut *conn, |c| newest.load(c))?;
    sample.extend::<Vec<DbUuid>>(on!(conn, |c| oldest.load(c))?);
    Ok(sample)
}

/// Whether the key store has a key of one of the accounts.
fn has_any_key(conn: &mut Conn, accounts: &[DbUuid]) -> Result<bool> {
    for account in accounts {
        let query = data_keys::table
            .filter(data_keys::account_id.eq(account))
            .select(data_keys::account_id);
        if on!(&mut *conn, |c| query.first::<DbUuid>(c).optional())?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the key store has the key of any account.
fn has_account_keys(conn: &mut Conn) -> Result<bool> {
    let query = data_keys::table
        .filter(data_keys::account_id.ne(DbUuid(INSTALLATION)))
        .select(data_keys::account_id);
    Ok(on!(conn, |c| query.first::<DbUuid>(c).optional())?.is_some())
}

/// The id of the master key that wraps the secret of the installation.
fn master_key_id(conn: &mut Conn) -> Result<Option<Vec<u8>>> {
    let query = data_keys::table
        .filter(data_keys::account_id.eq(DbUuid(INSTALLATION)))
        .select(data_keys::master_key_id);
    Ok(on!(conn, |c| query.first(c).optional())?)
}

/// The ids of all master keys that are needed to unwrap the keys of a key store.
pub(crate) fn master_key_ids(conn: &mut Conn) -> Result<Vec<Vec<u8>>> {
    let query = data_keys::table.select(data_keys::master_key_id).distinct();
    Ok(on!(conn, |c| query.load(c))?)
}
