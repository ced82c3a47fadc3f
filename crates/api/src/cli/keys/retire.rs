//! The command `keys retire`: removes master keys from their file that wrap nothing any more.

use mainstay_store::{KeyUse, MasterKeys, key::master_key::hex};
use zeroize::Zeroizing;

use super::{counted, lock_master_keys, say};
use crate::cli::{
    databases::inspect_databases,
    key_files::parse_master_keys,
    secret_file::{read_secret, replace_and_destroy_secret},
    settings::Settings,
};

/// Removes every master key but the first, if the first wraps every key.
pub fn retire_master_keys(settings: &Settings) -> Result<(), String> {
    inspect_databases(settings)?;
    let _lock = lock_master_keys(&settings.keys)?;
    let path = &settings.master_key.path;
    let master = parse_master_keys(path)?;
    let current = master.current_id();
    let retired: Vec<&[u8]> = master.ids().into_iter().filter(|id| *id != current).collect();
    if retired.is_empty() {
        return say(&format!(
            "{} holds one master key: there is nothing to retire",
            path.display()
        ));
    }
    let in_use = KeyUse::inspect(&settings.locations()).map_err(|e| e.to_string())?;
    if !in_use.is_all_under(current) {
        return Err(refusal(&in_use, current));
    }
    let ids = retired.iter().map(|id| hex(id)).collect::<Vec<_>>().join(", ");
    let text = read_secret(path)?;
    // The file may have been changed by hand since it was judged.
    let is_same = MasterKeys::parse(&text).is_ok_and(|now| now.ids() == master.ids());
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    let Some(first) = first.filter(|_| is_same) else {
        return Err(format!(
            "{} was changed meanwhile, so nothing was done; run the command again",
            path.display()
        ));
    };
    let text = Zeroizing::new(format!("{first}\n"));
    replace_and_destroy_secret(path, &text).map_err(|error| {
        format!(
            "{} cannot be written or overwritten ({error}). No key is wrapped by master key {ids} any more: see to it that \
             every line but the first is removed where the file comes from",
            path.display()
        )
    })?;
    say(&format!(
        "retired master key {ids}; {} holds master key {} only\n\
         Backups of the key store from before the rotation open only with a retired key. As long as they shall be readable, \
         keep a copy of it apart. Once you destroy every copy, they open no more, and with them the keys of people who have \
         erased their account since.",
        path.display(),
        hex(current)
    ))
}

fn refusal(in_use: &KeyUse, current: &[u8]) -> String {
    let mut lines = vec![
        "the rotation is not complete, so nothing was changed; run `mainstay keys rotate` first".to_owned(),
    ];
    for (id, count) in &in_use.wrapped {
        if id != current {
            lines.push(format!(
                "  {} wrapped by master key {}",
                counted(*count, "key"),
                hex(id)
            ));
        }
    }
    lines.join("\n")
}
