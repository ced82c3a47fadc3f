//! The files of the master key and of the signing keys: reading them, and making them where they may be made.

use std::path::Path;

use mainstay_store::{DatabaseUrl, MasterKeys, installation::Found};
use zeroize::Zeroizing;

use crate::{
    auth::signing_key::generate_signing_key,
    cli::{
        secret_file::{read_secret, write_secret},
        settings::{SecretFile, Settings},
    },
};

/// Reads the master keys. The first start generates one, if no setting names the file, the key store is an embedded
/// database, and both databases are new.
pub fn read_master_key(settings: &Settings, found: &Found) -> Result<MasterKeys, String> {
    let SecretFile { path, is_configured } = &settings.master_key;
    if !path.exists() {
        let is_embedded = matches!(settings.keys, DatabaseUrl::Sqlite(_));
        if *is_configured || !is_embedded || !found.is_new() {
            return Err(format!(
                "the master key {} does not exist; put it back, or for a new installation run `mainstay keys generate`",
                path.display()
            ));
        }
        generate_master_key(path)?;
        log::warn!(
            "generated the master key {}; keep a copy in a safe place, because without it all data is lost",
            path.display()
        );
    }
    parse_master_keys(path)
}

/// Reads the master keys of an existing file.
///
/// # Errors
/// Names the file, and the line that is wrong.
pub fn parse_master_keys(path: &Path) -> Result<MasterKeys, String> {
    MasterKeys::parse(&read_secret(path)?).map_err(|e| format!("the master key {}: {e}", path.display()))
}

/// Reads the signing keys. The first start generates one, if no setting names the file.
///
/// # Errors
/// Names the file that cannot be read.
pub fn read_signing_key(settings: &Settings) -> Result<Zeroizing<String>, String> {
    let SecretFile { path, is_configured } = &settings.signing_key;
    if !path.exists() {
        if *is_configured {
            return Err(format!(
                "the signing key {} does not exist; run `mainstay keys generate`",
                path.display()
            ));
        }
        write_new_signing_key(path)?;
        log::info!("generated the signing key {}", path.display());
    }
    read_secret(path)
}

/// Generates a master key in a new file.
///
/// # Errors
/// Names the file that cannot be written.
pub fn generate_master_key(path: &Path) -> Result<(), String> {
    let text = MasterKeys::generate().map_err(|e| e.to_string())?;
    write_secret(path, &format!("{}\n", *text)).map_err(|e| format!("{}: {e}", path.display()))
}

/// Generates a signing key in a new file.
///
/// # Errors
/// Names the file that cannot be written.
pub fn write_new_signing_key(path: &Path) -> Result<(), String> {
    write_secret(path, &generate_signing_key()?).map_err(|e| format!("{}: {e}", path.display()))
}
