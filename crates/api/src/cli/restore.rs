//! The command `restore`: puts back a backup, or finishes a restore by other means.

use std::path::PathBuf;

use clap::Args;
use mainstay_store::{
    MasterKeys,
    backup::manifest::Part,
    erasure_ledger::ErasureLedger,
    restore::{
        finish::{Options, Report, Sessions, declare},
        from_backup::{Request, restore},
        replay::Replayed,
    },
};

use crate::{
    cli::{
        backup::PartName, databases::prepare_directories, key_files::parse_master_keys, output::print,
        settings::Settings,
    },
    server::clock::Clock,
};

/// A backup to put back.
#[derive(Args)]
pub struct RestoreCommand {
    /// The directory of the backup, or two directories if its parts are kept apart.
    #[arg(value_name = "DIR", num_args = 0..=2, required_unless_present = "declare", conflicts_with = "declare")]
    directories: Vec<PathBuf>,
    /// Put back one part only, beside the other part that is there.
    #[arg(long, value_enum, conflicts_with = "declare")]
    part: Option<PartName>,
    /// Tell that files or databases were put back by other means: begin new epochs, and replay erasures.
    #[arg(long)]
    declare: bool,
    /// Sign everybody out: otherwise sessions and passwords are those of the backup.
    #[arg(long)]
    end_sessions: bool,
    /// Another file of erasures to replay. May be given several times.
    #[arg(long, value_name = "FILE")]
    erasures: Vec<PathBuf>,
}

/// Puts back a backup.
///
/// # Errors
/// A message that says what is wrong and what to do.
pub fn run(command: &RestoreCommand, settings: &Settings) -> Result<(), String> {
    let master = master_keys(settings)?;
    prepare_directories(settings)?;
    let ledger = ErasureLedger::at(&settings.erasure_ledger);
    let erasures: Vec<_> = command
        .erasures
        .iter()
        .map(|path| ErasureLedger::at(path))
        .collect();
    let options = Options {
        master: &master,
        ledger: &ledger,
        erasures: &erasures,
        sessions: if command.end_sessions {
            Sessions::End
        } else {
            Sessions::Keep
        },
        now: Clock::default().micros(),
    };
    let locations = settings.locations();
    let report = if command.declare {
        declare(&locations, &options)
    } else {
        let parts: Vec<Part> = command.part.into_iter().map(Part::from).collect();
        restore(&Request {
            locations: &locations,
            directories: &command.directories,
            parts: &parts,
            options,
        })
    };
    let report = report.map_err(|e| e.to_string())?;
    print(describe(&report).as_bytes())?;
    check_log(&report.replayed)
}

/// Reads the master keys. A restore never generates one.
pub fn master_keys(settings: &Settings) -> Result<MasterKeys, String> {
    let path = &settings.master_key.path;
    if !path.exists() {
        return Err(format!(
            "the master key {} does not exist; put it back first",
            path.display()
        ));
    }
    parse_master_keys(path)
}

/// Fails if a log still holds what was erased.
pub fn check_log(replayed: &Replayed) -> Result<(), String> {
    if replayed.log_is_empty {
        return Ok(());
    }
    Err(
        "what was erased is still in a write-ahead log, because others read or wrote for too long: run `mainstay erasures replay` again"
            .to_owned(),
    )
}

fn describe(report: &Report) -> String {
    let counts: Vec<String> = report
        .counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let epochs = match report.epochs_raised {
        Some(people) => format!("raised for {people} people; their devices pull everything again"),
        None => "as they were, since the record stayed".to_owned(),
    };
    let mut lines = vec![
        format!("restored:   {}", counts.join(", ")),
        format!("migrations: {}", report.migrations),
        format!("epochs:     {epochs}"),
        format!("sessions:   {} ended", report.sessions_ended),
        format!(
            "erasures:   {} known, {} accounts erased again",
            report.replayed.known, report.replayed.erased
        ),
    ];
    if report.keys_without_account > 0 {
        lines.push(format!(
            "keys without an account: {} (people who registered after the backup of the record register again)",
            report.keys_without_account
        ));
    }
    if report.accounts_without_key > 0 {
        lines.push(format!(
            "ACCOUNTS WITHOUT A KEY: {}; nothing of them can be read. `mainstay doctor --deep` names them",
            report.accounts_without_key
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}
