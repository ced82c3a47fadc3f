//! The commands on keys.

mod retire;
mod rotate;
mod signing;
mod status;

use std::path::Path;

use clap::{Args, Subcommand};
use mainstay_store::{DatabaseUrl, RotationLock};

use crate::cli::{
    databases::prepare_directories,
    key_files::{generate_master_key, write_new_signing_key},
    output::print,
    settings::Settings,
};

/// What to do with keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Generate the master key and the signing key at the paths of the settings. Existing keys are never replaced.
    Generate,
    /// Make a new key the current one, or go on with a rotation that was stopped. Servers keep running.
    Rotate(Rotate),
    /// Remove keys that are not in use any more from the file: all but the first.
    Retire(Retire),
    /// Show the keys and what each is used for. Changes nothing.
    Status,
}

/// The key to rotate.
#[derive(Args)]
pub struct Rotate {
    /// Rotate the key that signs access tokens, in place of the master key.
    #[arg(long)]
    signing_key: bool,
    /// For several servers: add a new signing key that only verifies for now.
    #[arg(long, requires = "signing_key", conflicts_with = "promote")]
    stage: bool,
    /// For several servers: let the staged signing key sign, once every server has it.
    #[arg(long, requires = "signing_key")]
    promote: bool,
}

/// The keys to retire.
#[derive(Args)]
pub struct Retire {
    /// Retire keys that signed access tokens, in place of master keys.
    #[arg(long)]
    signing_key: bool,
    /// Do not wait until all tokens of the old signing keys have expired. Apps have to refresh theirs.
    #[arg(long, requires = "signing_key")]
    now: bool,
}

/// Runs a command on keys.
///
/// # Errors
/// A message that says what is wrong.
pub fn run(command: &KeysCommand, settings: &Settings) -> Result<(), String> {
    match command {
        KeysCommand::Generate => generate_keys(settings),
        KeysCommand::Rotate(rotate) => {
            let path = &settings.signing_key.path;
            match (rotate.signing_key, rotate.stage, rotate.promote) {
                (false, ..) => rotate::rotate_master_key(settings),
                (true, true, _) => signing::stage(path),
                (true, _, true) => signing::promote(path),
                (true, ..) => signing::rotate(path),
            }
        }
        KeysCommand::Retire(retire) if retire.now => signing::retire_at_once(&settings.signing_key.path),
        KeysCommand::Retire(retire) if retire.signing_key => signing::retire(&settings.signing_key.path),
        KeysCommand::Retire(_) => retire::retire_master_keys(settings),
        KeysCommand::Status => status::print_status(settings),
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

/// Takes the right to change master keys.
fn lock_master_keys(keys: &DatabaseUrl) -> Result<RotationLock, String> {
    RotationLock::take(keys)
        .map_err(|e| e.to_string())?
        .ok_or_else(|| {
            "another `mainstay keys rotate` or `mainstay keys retire` is running; wait until it has ended"
                .to_owned()
        })
}

/// Prints a line.
fn say(line: &str) -> Result<(), String> {
    print(format!("{line}\n").as_bytes())
}

/// A number of things, such as `1 key` or `3 keys`.
fn counted(count: impl TryInto<u64>, thing: &str) -> String {
    match count.try_into().unwrap_or(0) {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}
