//! The commands on the ledger of erasures.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mainstay_store::{
    erasure_ledger::{ErasureLedger, lines},
    restore::finish::{Options, Sessions, replay_ledgers},
};

use crate::{
    cli::{
        databases::prepare_directories,
        output::print,
        restore::{check_log, master_keys},
        settings::Settings,
    },
    server::clock::Clock,
};

/// What to do with the ledger of erasures.
#[derive(Subcommand)]
pub enum ErasuresCommand {
    /// Print the ledger: a line of JSON for each erasure.
    List,
    /// Erase again what the ledger and the files name. It may be repeated, also while a server runs.
    Replay(Replay),
}

/// The files to replay.
#[derive(Args)]
pub struct Replay {
    /// More files of erasures, such as those of backups.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs a command on the ledger.
///
/// # Errors
/// A message that says what is wrong.
pub fn run(command: &ErasuresCommand, settings: &Settings) -> Result<(), String> {
    let ledger = ErasureLedger::at(&settings.erasure_ledger);
    match command {
        ErasuresCommand::List => {
            let erasures = ledger.read().map_err(|e| e.to_string())?;
            print(lines(&erasures).as_bytes())
        }
        ErasuresCommand::Replay(replay) => {
            let master = master_keys(settings)?;
            prepare_directories(settings)?;
            let files: Vec<_> = replay.files.iter().map(|path| ErasureLedger::at(path)).collect();
            let options = Options {
                master: &master,
                ledger: &ledger,
                erasures: &files,
                sessions: Sessions::Keep,
                now: Clock::default().micros(),
            };
            let replayed = replay_ledgers(&settings.locations(), &options).map_err(|e| e.to_string())?;
            let text = format!(
                "{} erasures known, {} accounts erased again\n",
                replayed.known, replayed.erased
            );
            print(text.as_bytes())?;
            check_log(&replayed)
        }
    }
}
