//! The command `backup`: takes a backup, or checks one.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mainstay_store::{
    backup::{
        Request,
        manifest::{Manifest, Part},
        take,
        verify::verify,
    },
    erasure_ledger::ErasureLedger,
};

use crate::{
    cli::{output::print, settings::Settings},
    server::clock::Clock,
};

/// A backup to take or to check.
#[derive(Args)]
pub struct BackupCommand {
    /// The directory to create for the backup. It may exist if it is empty.
    #[arg(long, value_name = "DIR", required_unless_present = "verify")]
    out: Option<PathBuf>,
    /// Back up one part only, to keep the two apart.
    #[arg(long, value_enum)]
    part: Option<PartName>,
    /// Check the backup in a directory, and change nothing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "part"])]
    verify: Option<PathBuf>,
}

/// A part of a backup on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub enum PartName {
    /// The database with the record.
    Record,
    /// The key store.
    Keys,
}

impl From<PartName> for Part {
    fn from(name: PartName) -> Self {
        match name {
            PartName::Record => Self::Record,
            PartName::Keys => Self::Keys,
        }
    }
}

/// Takes or checks a backup.
///
/// # Errors
/// A message that says what is wrong, and names every fault of a backup.
pub fn run(command: &BackupCommand, settings: &Settings) -> Result<(), String> {
    match (&command.verify, &command.out) {
        (Some(directory), _) => check(directory),
        (None, Some(directory)) => back_up(settings, directory, command.part),
        (None, None) => Err("give --out or --verify".to_owned()),
    }
}

fn back_up(settings: &Settings, directory: &Path, part: Option<PartName>) -> Result<(), String> {
    let parts = part.map_or(Part::ALL.to_vec(), |part| vec![part.into()]);
    let manifest = take(&Request {
        locations: &settings.locations(),
        directory,
        parts: &parts,
        ledger: &ErasureLedger::at(&settings.erasure_ledger),
        version: env!("CARGO_PKG_VERSION"),
        now: Clock::default().now(),
    });
    let manifest = manifest.map_err(|e| e.to_string())?;
    print(format!("{}:\n{}", directory.display(), describe(&manifest)).as_bytes())
}

fn check(directory: &Path) -> Result<(), String> {
    let findings = verify(directory);
    for remark in &findings.remarks {
        print(format!("note    {remark}\n").as_bytes())?;
    }
    let faults: Vec<&String> = findings.faults.iter().chain(&findings.open_files).collect();
    for fault in &faults {
        print(format!("FAULT   {fault}\n").as_bytes())?;
    }
    match findings.manifest {
        Some(manifest) if faults.is_empty() => {
            print(format!("ok      {}\n{}", directory.display(), describe(&manifest)).as_bytes())
        }
        _ => Err(format!("the backup has {} faults", faults.len())),
    }
}

/// Describes a backup in lines for people.
fn describe(manifest: &Manifest) -> String {
    let mut text = format!(
        "        taken {} by version {}\n",
        manifest.created_at.format("%Y-%m-%dT%H:%M:%SZ"),
        manifest.version
    );
    for entry in &manifest.parts {
        let counts: Vec<String> = entry
            .counts
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let line = format!(
            "        {}: {} bytes; {}\n",
            entry.file_name(),
            entry.file.size,
            counts.join(", ")
        );
        text.push_str(&line);
    }
    text
}
