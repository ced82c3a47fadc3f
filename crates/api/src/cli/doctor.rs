//! The command `doctor`: checks everything that the server needs, and reports every fault.

use std::{fs, net::TcpListener, path::Path};

use mainstay_store::{DatabaseUrl, MasterKeys, Store, is_all_migrated};

use crate::{auth::access_token::Tokens, cli::settings::Settings};

/// The result of one check.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// The subject of the check.
    pub subject: &'static str,
    /// The fault, if there is one.
    pub fault: Option<String>,
}

/// Runs all checks. They change nothing.
pub async fn run_checks(settings: &Settings) -> Vec<Check> {
    let check = |subject, outcome: Result<(), String>| Check {
        subject,
        fault: outcome.err(),
    };
    let mut checks = vec![
        check("data directory", check_directory(&settings.data_dir)),
        check(
            "master key",
            read_secret(&settings.master_key.path).and_then(|text| MasterKeys::parse(&text).map(drop)),
        ),
        check(
            "signing key",
            read_secret(&settings.signing_key.path).and_then(|text| Tokens::new(&text, "mainstay").map(drop)),
        ),
        check(
            "address to serve on",
            TcpListener::bind(settings.listen)
                .map(drop)
                .map_err(|e| format!("{}: {e}", settings.listen)),
        ),
    ];
    let databases = [("database", &settings.database), ("key store", &settings.keys)];
    let missing: Vec<_> = databases
        .into_iter()
        .filter_map(|(subject, url)| missing_file(url).map(|fault| (subject, fault)))
        .collect();
    if missing.is_empty() {
        let migrated = is_all_migrated(&settings.locations());
        checks.push(check(
            "schema",
            match migrated {
                Ok(true) => Ok(()),
                Ok(false) => Err("the databases are not migrated; run `mainstay migrate`".to_owned()),
                Err(error) => Err(error.to_string()),
            },
        ));
        if checks
            .iter()
            .all(|c| c.fault.is_none() || c.subject == "address to serve on")
        {
            checks.push(check("sealed data", open_sealed_data(settings).await));
        }
    }
    checks.extend(missing.into_iter().map(|(subject, fault)| Check {
        subject,
        fault: Some(fault),
    }));
    checks
}

fn check_directory(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Reads a file of secrets, which not every user may be able to read.
fn read_secret(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)
            .map_err(|e| e.to_string())?
            .permissions()
            .mode();
        if mode & 0o007 != 0 {
            return Err(format!(
                "every user can read {}; run `chmod 600` on it",
                path.display()
            ));
        }
    }
    Ok(text)
}

/// Returns the fault of a missing database file, which opening the database would create.
fn missing_file(url: &DatabaseUrl) -> Option<String> {
    match url {
        DatabaseUrl::Sqlite(path) if !path.exists() => Some(format!(
            "{} does not exist; `mainstay serve` or `mainstay migrate` creates it",
            path.display()
        )),
        _ => None,
    }
}

/// Opens the databases with the master key, and reads a sealed value.
async fn open_sealed_data(settings: &Settings) -> Result<(), String> {
    let text = fs::read_to_string(&settings.master_key.path).map_err(|e| e.to_string())?;
    let store = Store::open(&settings.locations(), MasterKeys::parse(&text)?).map_err(|e| e.to_string())?;
    store.check().await.map_err(|e| e.to_string())
}
