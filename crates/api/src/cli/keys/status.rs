//! The command `keys status`: which keys there are, what each is used for, and what to do next.

use std::path::Path;

use mainstay_store::{KeyUse, MasterKeys, key::master_key::hex};
use uuid::Uuid;

use super::{counted, say};
use crate::{
    auth::signing_key::SigningKeys,
    cli::{key_files::parse_master_keys, secret_file::read_secret, settings::Settings},
};

/// Prints the keys and what they are used for. Changes nothing.
///
/// # Errors
/// If a key is wrapped by a master key that the file lacks, or something cannot be read.
pub fn print_status(settings: &Settings) -> Result<(), String> {
    let in_use = KeyUse::inspect(&settings.locations()).map_err(|e| e.to_string())?;
    print_installation(&in_use)?;
    let master = parse_master_keys(&settings.master_key.path);
    say(&format!(
        "master keys    {}",
        described(&settings.master_key.path)
    ))?;
    match &master {
        Ok(master) => print_master_keys(master, &in_use)?,
        Err(fault) => say(&format!("  FAULT: {fault}"))?,
    }
    say(&format!(
        "signing keys   {}",
        described(&settings.signing_key.path)
    ))?;
    let signing = print_signing_keys(&settings.signing_key.path);
    if let Err(fault) = &signing {
        say(&format!("  FAULT: {fault}"))?;
    }
    let master = master?;
    signing?;
    for step in next_steps(&master, &in_use) {
        say(&format!("next: {step}"))?;
    }
    let unknown: i64 = in_use.unknown(&master).iter().map(|(_, count)| count).sum();
    if unknown > 0 {
        return Err(format!(
            "{} wrapped by a master key that the file lacks: what they protect cannot be read",
            counted(unknown, "key")
        ));
    }
    Ok(())
}

fn print_installation(in_use: &KeyUse) -> Result<(), String> {
    let installation = match (&in_use.record, &in_use.key_store) {
        (Some((record, _)), Some((keys, _))) if record == keys => record.to_string(),
        (None, None) => "none yet; the server makes one at its first start".to_owned(),
        (record, keys) => {
            let id = |one: &Option<(Uuid, Vec<u8>)>| {
                one.as_ref()
                    .map_or_else(|| "none".to_owned(), |(id, _)| id.to_string())
            };
            format!(
                "FAULT: the record has {}, and the key store {}",
                id(record),
                id(keys)
            )
        }
    };
    say(&format!("installation   {installation}"))?;
    for (database, installation) in [("record", &in_use.record), ("key store", &in_use.key_store)] {
        if let Some((_, master)) = installation {
            say(&format!(
                "  the {database} names master key {} as current",
                hex(master)
            ))?;
        }
    }
    Ok(())
}

fn print_master_keys(master: &MasterKeys, in_use: &KeyUse) -> Result<(), String> {
    for (n, id) in master.ids().into_iter().enumerate() {
        let place = if n == 0 { "current" } else { "earlier" };
        say(&format!(
            "  {}  {place}, wraps {}",
            hex(id),
            counted(in_use.count(id), "key")
        ))?;
    }
    for (id, count) in in_use.unknown(master) {
        say(&format!(
            "  {}  NOT IN THE FILE, wraps {}",
            hex(id),
            counted(count, "key")
        ))?;
    }
    Ok(())
}

fn print_signing_keys(path: &Path) -> Result<(), String> {
    let keys = SigningKeys::parse(&read_secret(path)?)?;
    for (n, id) in keys.ids().into_iter().enumerate() {
        say(&format!("  {id}  {}", if n == 0 { "signs" } else { "verifies" }))?;
    }
    Ok(())
}

/// What to do if something is not finished.
fn next_steps(master: &MasterKeys, in_use: &KeyUse) -> Vec<String> {
    let current = master.current_id();
    let mut steps: Vec<String> = in_use
        .unknown(master)
        .into_iter()
        .map(|(id, _)| format!("add the line of master key {} to the end of the file", hex(id)))
        .collect();
    if in_use.key_store.is_some() && !in_use.is_all_under(current) {
        steps.push("the rotation is not complete: run `mainstay keys rotate`".to_owned());
    } else if steps.is_empty() && in_use.key_store.is_some() && master.ids().iter().any(|id| *id != current) {
        steps.push(
            "every key is under the current master key: `mainstay keys retire` removes the earlier ones"
                .to_owned(),
        );
    }
    steps
}

/// The path of a file and its permissions.
fn described(path: &Path) -> String {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(path) {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o7777;
        let open = if mode.trailing_zeros() >= 3 {
            ""
        } else {
            ", which lets every user access it: run `chmod 600` on it"
        };
        return format!("{} (mode {mode:04o}{open})", path.display());
    }
    path.display().to_string()
}
