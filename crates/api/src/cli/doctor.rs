//! The command `doctor`: checks everything that the server needs, and reports every fault.

use std::{fs, net::TcpListener, path::Path};

use mainstay_store::{
    DatabaseUrl, MasterKeys,
    erasure_ledger::ErasureLedger,
    examination::{Depth, examine, hash_forms},
    installation::inspect,
    is_all_migrated,
};
use zeroize::Zeroizing;

use crate::{
    auth::{access_token::Tokens, password::hash::Form},
    cli::{passwords::describe_filter, private_files::find_exposed, secret_file, settings::Settings},
};

/// The result of one check.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// The subject of the check.
    pub subject: &'static str,
    /// The fault, if there is one.
    pub fault: Option<String>,
    /// What an operator may want to know, although it is no fault.
    pub detail: Option<String>,
}

/// Runs all checks. They change nothing. With `deep` every account is looked at.
pub fn run_checks(settings: &Settings, deep: bool) -> Vec<Check> {
    let check = |subject, outcome: Result<(), String>| Check {
        subject,
        fault: outcome.err(),
        detail: None,
    };
    let master = read_secret(&settings.master_key.path).and_then(|text| MasterKeys::parse(&text));
    let (master, master_fault) = match master {
        Ok(master) => (Some(master), Ok(())),
        Err(fault) => (None, Err(fault)),
    };
    let mut checks = vec![
        check("data directory", check_directory(&settings.data_dir)),
        check(
            "private files",
            find_exposed(settings).message().map_or(Ok(()), Err),
        ),
        check("master key", master_fault),
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
    let ledger = ErasureLedger::at(&settings.erasure_ledger).check();
    checks.push(check("ledger of erasures", ledger.map_err(|e| e.to_string())));
    checks.push(with_detail(
        "filter of leaked passwords",
        describe_filter(&settings.password_filter),
    ));
    let belonging = check_belonging(settings, master.as_ref());
    let belong = belonging.is_ok();
    checks.push(check("installation", belonging));
    let mut is_migrated = false;
    // What is missing or foreign is not a matter of the schema.
    if belong {
        let schema = check_schema(settings);
        is_migrated = schema.is_ok();
        checks.push(check("schema", schema));
    }
    if belong && is_migrated {
        checks.push(with_detail("password hashes", describe_hashes(settings)));
    }
    if let Some(master) = master.filter(|_| belong && is_migrated) {
        checks.extend(open_sealed_data(settings, &master, deep));
    }
    checks
}

/// A check that tells something if it finds no fault.
fn with_detail(subject: &'static str, outcome: Result<String, String>) -> Check {
    let (fault, detail) = match outcome {
        Ok(detail) => (None, Some(detail)),
        Err(fault) => (Some(fault), None),
    };
    Check {
        subject,
        fault,
        detail,
    }
}

/// Describes how the passwords of the accounts are hashed.
fn describe_hashes(settings: &Settings) -> Result<String, String> {
    let forms = hash_forms(&settings.locations()).map_err(|e| e.to_string())?;
    let (mut unbound, mut other, mut all) = (0, 0, 0);
    for (form, count) in forms {
        let form = Form::of(&form);
        all += count;
        unbound += count * u64::from(form.is_none_or(|form| !form.is_bound));
        other += count * u64::from(form.is_some_and(|form| form.cost != settings.password_cost));
    }
    Ok(format!(
        "{all} in all, {unbound} not bound to their account yet, {other} of another cost than is set; each is renewed at the next \
         sign-in"
    ))
}

/// Checks that record, key store and master key belong together.
fn check_belonging(settings: &Settings, master: Option<&MasterKeys>) -> Result<(), String> {
    let found = inspect(&settings.locations()).map_err(|e| e.to_string())?;
    found.check(master).map_err(|e| e.to_string())?;
    let missing: Vec<String> = [&settings.database, &settings.keys]
        .into_iter()
        .filter_map(missing_file)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing.join("; "))
    }
}

fn check_schema(settings: &Settings) -> Result<(), String> {
    match is_all_migrated(&settings.locations()) {
        Ok(true) => Ok(()),
        Ok(false) => Err("the databases are not migrated; run `mainstay migrate`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn check_directory(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Reads a file of secrets, which not every user may be able to read.
fn read_secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = secret_file::read_secret(path)?;
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

/// Opens stored data with the master key: of the newest account, or of every account.
fn open_sealed_data(settings: &Settings, master: &MasterKeys, deep: bool) -> Vec<Check> {
    let depth = if deep { Depth::EveryAccount } else { Depth::Newest };
    let mut faults: Vec<String> = Vec::new();
    match examine(&settings.locations(), master, depth) {
        Err(error) => faults.push(error.to_string()),
        Ok(found) => {
            faults.extend(found.without_key.iter().map(|id| {
                format!("account {id} has no key in the key store: restore the key store from a backup that has it, or free its \
                         address with `mainstay account prune-keyless`")
            }));
            let unreadable = found.unreadable.iter();
            faults.extend(unreadable.map(|(id, error)| format!("account {id}: {error}")));
        }
    }
    let check = |fault| Check {
        subject: "sealed data",
        fault,
        detail: None,
    };
    if faults.is_empty() {
        vec![check(None)]
    } else {
        faults.into_iter().map(|fault| check(Some(fault))).collect()
    }
}
