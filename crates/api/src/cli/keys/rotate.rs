//! The command `keys rotate`: a new master key, and every key of the key store wrapped anew under it.

use std::path::Path;

use mainstay_store::{
    KeyUse, MasterKeys, Rotated, RotationLock, is_all_migrated, key::master_key::hex, rotate,
};
use zeroize::Zeroizing;

use super::{counted, lock_master_keys, say};
use crate::cli::{
    databases::inspect_databases,
    key_files::parse_master_keys,
    secret_file::{read_secret, replace_secret},
    settings::Settings,
};

/// Wrapped keys between two lines that tell how far the rotation is.
const PROGRESS: usize = 10_000;
/// The most accounts that are named.
const MAX_NAMED: usize = 20;

/// Rotates the master key, or goes on with a rotation that was stopped.
pub fn rotate_master_key(settings: &Settings) -> Result<(), String> {
    inspect_databases(settings)?;
    let locations = settings.locations();
    if !is_all_migrated(&locations).map_err(|e| e.to_string())? {
        return Err("the databases are not there or not migrated; run `mainstay migrate` first".to_owned());
    }
    let lock = lock_master_keys(&settings.keys)?;
    let path = &settings.master_key.path;
    let in_use = KeyUse::inspect(&locations).map_err(|e| e.to_string())?;
    if in_use.key_store.is_none() {
        return Err(
            "the key store holds no key yet, so there is nothing to rotate; start the server first"
                .to_owned(),
        );
    }
    let master = newest_keys(path, &in_use)?;
    let found = in_use.count_not_under(master.current_id());
    let current = hex(master.current_id());
    say(&format!(
        "wrapping {} anew under master key {current}",
        counted(found, "key")
    ))?;
    let rotated = run(settings, &master, &lock)?;
    say(&format!("{} wrapped anew", counted(rotated.rewrapped, "key")))?;
    complete(settings, &master, &rotated)
}

/// The master keys with the one to rotate to as the first: a new one, or the one of a rotation that is not complete.
fn newest_keys(path: &Path, in_use: &KeyUse) -> Result<MasterKeys, String> {
    let master = parse_master_keys(path)?;
    let current = hex(master.current_id());
    if !in_use.is_all_under(master.current_id()) {
        say(&format!(
            "the first master key in {} is {current}, and not every key is under it: going on with that rotation",
            path.display()
        ))?;
        return Ok(master);
    }
    let line = MasterKeys::generate().map_err(|e| e.to_string())?;
    let text = Zeroizing::new(format!("{}\n{}", *line, *read_secret(path)?));
    let master = MasterKeys::parse(&text)?;
    replace_secret(path, &text).map_err(|error| unwritable(path, &error))?;
    say(&format!(
        "made master key {}, now the first line of {}; the earlier lines stay",
        hex(master.current_id()),
        path.display()
    ))?;
    Ok(master)
}

/// What to do if the file cannot be written, as with a secret that is mounted.
fn unwritable(path: &Path, error: &std::io::Error) -> String {
    let path = path.display();
    format!(
        "{path} cannot be written ({error}), so no key was made and nothing was changed. Do it where the file comes from:\n  \
         1. make a key: mainstay keys generate --master-key-file new-master.key --signing-key-file new-signing.pem\n  \
         2. put the line of new-master.key before the first line of {path}, and keep the lines that are there\n  \
         3. wait until every server has the new file (`mainstay keys status` shows it)\n  \
         4. run `mainstay keys rotate` again: it finds the new line and wraps every key anew"
    )
}

fn run(settings: &Settings, master: &MasterKeys, lock: &RotationLock) -> Result<Rotated, String> {
    let mut told = 0;
    let progress = |done: usize| {
        if done >= told + PROGRESS {
            told = done;
            // A rotation does not end because nobody reads its output.
            let _ = say(&format!("  {done} keys"));
        }
    };
    rotate(&settings.locations(), master, lock, progress)
        .map_err(|e| format!("{e}\nWhat was done stays. Run `mainstay keys rotate` again to go on."))
}

/// Tells whether the rotation is complete, and what to do next.
fn complete(settings: &Settings, master: &MasterKeys, rotated: &Rotated) -> Result<(), String> {
    let path = settings.master_key.path.display();
    if rotated.left > 0 {
        let in_use = KeyUse::inspect(&settings.locations()).map_err(|e| e.to_string())?;
        return Err(left_over(&path.to_string(), &in_use, master, rotated));
    }
    if rotated.is_log_left {
        return Err(
            "every key is wrapped anew, but the log of the key store still holds the old ones, because somebody was \
             reading it; run `mainstay keys rotate` again"
                .to_owned(),
        );
    }
    say(&format!(
        "every key is under master key {} now\n\
         Next:\n  \
         - Copy {path} to a safe place now: backups from now on need its first line.\n  \
         - If other servers use this key store, give each of them the same file.\n  \
         - Take a new backup of the key store, then run `mainstay keys retire`, which removes the earlier master keys.",
        hex(master.current_id())
    ))
}

/// Why keys are left that other master keys wrap.
fn left_over(path: &str, in_use: &KeyUse, master: &MasterKeys, rotated: &Rotated) -> String {
    let mut lines = vec![format!(
        "the rotation is not complete: {} left under other master keys",
        counted(rotated.left, "key")
    )];
    for (id, count) in in_use.unknown(master) {
        lines.push(format!(
            "  {} wrapped by master key {}, which {path} lacks: add its line to the end of the file, and run \
             `mainstay keys rotate` again",
            counted(count, "key"),
            hex(id)
        ));
    }
    if !rotated.damaged.is_empty() {
        lines.push(format!(
            "  {} damaged: the master key is there, but does not open them. Put them back from a backup of the key store. \
             The accounts:",
            counted(rotated.damaged.len(), "key")
        ));
        let named = rotated.damaged.iter().take(MAX_NAMED);
        lines.extend(named.map(|account| format!("    {account}")));
    }
    lines.join("\n")
}
