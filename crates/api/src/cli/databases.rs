//! What every command does before it uses the databases: looks at them, migrates them where it may, and reads the keys.

use std::{fs, path::Path};

use mainstay_store::{
    DatabaseUrl, Store,
    engine::{self, migration},
    erasure_ledger::ErasureLedger,
    installation::{Found, inspect},
    is_all_migrated, migrate_all,
};

use crate::cli::{
    key_files::{parse_master_keys, read_master_key},
    settings::Settings,
};

/// Looks at the databases before anything is written, and refuses those that do not belong together. The master key is
/// looked at too, if it is there.
pub fn inspect_databases(settings: &Settings) -> Result<Found, String> {
    let found = inspect(&settings.locations()).map_err(|e| e.to_string())?;
    let path = &settings.master_key.path;
    let master = path.exists().then(|| parse_master_keys(path)).transpose()?;
    found.check(master.as_ref()).map_err(|e| e.to_string())?;
    Ok(found)
}

/// Migrates the databases where the server may do so, and checks that they are migrated.
pub fn prepare_databases(settings: &Settings, migrate: bool) -> Result<(), String> {
    let locations = settings.locations();
    if migrate || matches!(settings.database, DatabaseUrl::Sqlite(_)) {
        let count = migrate_all(&locations).map_err(|e| e.to_string())?;
        if count > 0 {
            log::info!("{count} migrations run");
        }
        return Ok(());
    }
    // No other server uses an embedded key store, so it may always be migrated.
    if matches!(settings.keys, DatabaseUrl::Sqlite(_)) {
        let mut conn = engine::single(&settings.keys).map_err(|e| e.to_string())?;
        migration::migrate(&mut conn, migration::Database::Keys).map_err(|e| e.to_string())?;
    }
    if !is_all_migrated(&locations).map_err(|e| e.to_string())? {
        return Err(
            "the database is not migrated; run `mainstay migrate`, or serve with --migrate".to_owned(),
        );
    }
    Ok(())
}

/// Opens the databases for a command. An embedded database is migrated first.
pub fn open_store(settings: &Settings) -> Result<Store, String> {
    let found = inspect_databases(settings)?;
    prepare_directories(settings)?;
    let locations = settings.locations();
    if matches!(settings.database, DatabaseUrl::Sqlite(_)) {
        migrate_all(&locations).map_err(|e| e.to_string())?;
    } else if !is_all_migrated(&locations).map_err(|e| e.to_string())? {
        return Err("the database is not migrated; run `mainstay migrate` first".to_owned());
    }
    let store = Store::open(&locations, read_master_key(settings, &found)?).map_err(|e| e.to_string())?;
    let store = store.with_erasure_ledger(ErasureLedger::at(&settings.erasure_ledger));
    Ok(store.with_quota(settings.quota))
}

/// Creates the directories of the data, of embedded databases and of the ledger of erasures, for their owner only.
///
/// # Errors
/// Names the directory that cannot be created.
pub fn prepare_directories(settings: &Settings) -> Result<(), String> {
    let mut needed = vec![settings.data_dir.clone()];
    let ledger = settings.erasure_ledger.parent();
    needed.extend(ledger.filter(|p| !p.as_os_str().is_empty()).map(Path::to_owned));
    for url in [&settings.database, &settings.keys] {
        if let DatabaseUrl::Sqlite(path) = url
            && let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty())
        {
            needed.push(parent.to_owned());
        }
    }
    needed
        .iter()
        .try_for_each(|path| private_directory(path).map_err(|e| format!("{}: {e}", path.display())))
}

/// Creates a directory that only its owner can access. An existing directory is not changed.
fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
