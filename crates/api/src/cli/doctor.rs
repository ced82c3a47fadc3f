//! Looks at everything that the server needs and says what is wrong.

use std::{fs, net::TcpListener, path::Path};

use mainstay_store::{DatabaseUrl, MasterKeys, Store, is_all_migrated};

use crate::{auth::access_token::Tokens, cli::settings::Settings};

/// What was found out about one thing.
#[derive(Debug, PartialEq, Eq)]
pub struct Examination {
    /// The thing.
    pub what: &'static str,
    /// What is wrong with it, if anything.
    pub fault: Option<String>,
}

/// Examines everything. Changes nothing.
pub async fn examine(settings: &Settings) -> Vec<Examination> {
    let of = |what, outcome: Result<(), String>| Examination {
        what,
        fault: outcome.err(),
    };
    let mut found = vec![
        of("data directory", directory(&settings.data_dir)),
        of(
            "master key",
            secret(&settings.master_key.path).and_then(|text| MasterKeys::parse(&text).map(drop)),
        ),
        of(
            "signing key",
            secret(&settings.signing_key.path).and_then(|text| Tokens::new(&text, "mainstay").map(drop)),
        ),
        of(
            "address to serve on",
            TcpListener::bind(settings.listen)
                .map(drop)
                .map_err(|e| format!("{}: {e}", settings.listen)),
        ),
    ];
    let databases = [("database", &settings.database), ("key store", &settings.keys)];
    let missing: Vec<_> = databases
        .into_iter()
        .filter_map(|(what, url)| absent(url).map(|fault| (what, fault)))
        .collect();
    if missing.is_empty() {
        let migrated = is_all_migrated(&settings.locations());
        found.push(of(
            "schema",
            match migrated {
                Ok(true) => Ok(()),
                Ok(false) => Err("it is not migrated; run `mainstay migrate`".to_owned()),
                Err(error) => Err(error.to_string()),
            },
        ));
        if found
            .iter()
            .all(|e| e.fault.is_none() || e.what == "address to serve on")
        {
            found.push(of("sealed data", sealed(settings).await));
        }
    }
    found.extend(missing.into_iter().map(|(what, fault)| Examination {
        what,
        fault: Some(fault),
    }));
    found
}

fn directory(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is no directory", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn secret(path: &Path) -> Result<String, String> {
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
                "{} can be read by everyone; `chmod 600` it",
                path.display()
            ));
        }
    }
    Ok(text)
}

/// A database file that looking must not make.
fn absent(url: &DatabaseUrl) -> Option<String> {
    match url {
        DatabaseUrl::Sqlite(path) if !path.exists() => Some(format!(
            "{} is not there; `mainstay serve` or `mainstay migrate` makes it",
            path.display()
        )),
        _ => None,
    }
}

async fn sealed(settings: &Settings) -> Result<(), String> {
    let text = fs::read_to_string(&settings.master_key.path).map_err(|e| e.to_string())?;
    let store = Store::open(&settings.locations(), MasterKeys::parse(&text)?).map_err(|e| e.to_string())?;
    store.check().await.map_err(|e| e.to_string())
}
