//! The commands on keys.

use std::path::Path;

use crate::cli::{
    databases::prepare_directories,
    key_files::{generate_master_key, write_new_signing_key},
    output::print,
    settings::Settings,
};
use clap::Subcommand;

/// What to do with keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Generate the master key and the signing key at the paths of the settings. Existing keys are never replaced.
    Generate,
}

/// Runs a command on keys.
///
/// # Errors
/// A message that says what is wrong.
pub fn run(command: &KeysCommand, settings: &Settings) -> Result<(), String> {
    match command {
        KeysCommand::Generate => generate_keys(settings),
    }
}

type Generate = fn(&Path) -> Result<(), String>;

fn generate_keys(settings: &Settings) -> Result<(), String> {
    prepare_directories(settings)?;
    let keys: [(&str, &Path, Generate); 2] = [
        ("master key", &settings.master_key.path, generate_master_key),
        ("signing key", &settings.signing_key.path, write_new_signing_key),
    ];
    for (name, path, generate) in keys {
        if path.exists() {
            print(format!("kept the {name} {}\n", path.display()).as_bytes())?;
        } else {
            generate(path)?;
            print(format!("generated the {name} {}\n", path.display()).as_bytes())?;
        }
    }
    Ok(())
}
