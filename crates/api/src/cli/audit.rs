//! The command that verifies the audit: the chains in the database, and the checkpoints that were kept elsewhere.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use mainstay_domain::audit::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    merkle::{ChainHead, Hash, HeadTree},
};
use mainstay_store::{
    StoreError,
    audit::{AuditFault, AuditSummary, HeadsAtCheckpoints},
};
use uuid::Uuid;

use crate::{
    auth::signing_key::SigningKeys,
    cli::{
        databases::open_store,
        key_files::read_signing_key,
        output::{block_on, print},
        settings::Settings,
    },
};

/// The runs of checkpoints that are followed at the same time: one for each server that writes to the same file.
const MAX_RUNS: usize = 16;

/// What to do with the audit.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Verify that no entry was changed, deleted, inserted, put into another order or cut. Prints a line for each fault with the
    /// account and the number of the entry. The exit code is 1 if there is one.
    Verify(AuditVerify),
}

/// What to verify.
#[derive(Args)]
pub struct AuditVerify {
    /// The account to verify; all of them if left out.
    #[arg(long, value_name = "ID")]
    account: Option<Uuid>,
    /// A file with checkpoints, from `MAINSTAY_AUDIT_CHECKPOINTS`. Can be given more than once, the oldest first.
    #[arg(long, value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
}

/// Runs a command on the audit.
///
/// # Errors
/// A message that says what is wrong.
pub fn run(command: &AuditCommand, settings: &Settings) -> Result<ExitCode, String> {
    let AuditCommand::Verify(verify) = command;
    let store = open_store(settings)?;
    let mut reader = CheckpointReader::new(settings, &verify.checkpoints)?;
    for path in &verify.checkpoints {
        reader.read(path)?;
    }
    let CheckpointReader {
        seen,
        lines,
        faults,
        of_unknown_key,
        ..
    } = reader;
    for fault in &faults {
        print(format!("FAULT  {fault}\n").as_bytes())?;
    }
    let mut printed = Ok(());
    let report = |fault: &AuditFault| {
        if printed.is_ok() {
            printed = print(line(fault).as_bytes());
        }
    };
    let verified = block_on(store.verify_audit(verify.account, seen, report))?;
    printed?;
    let summary = verified.map_err(|error| match error {
        StoreError::PersonGone => "there is no such account".to_owned(),
        other => other.to_string(),
    })?;
    let AuditSummary {
        accounts,
        accesses,
        disclosures,
        ..
    } = summary;
    let count = summary.faults + faults.len();
    print(
        format!(
            "{accounts} accounts, {accesses} accesses, {disclosures} disclosures, {lines} checkpoints verified; {count} faults\n"
        )
        .as_bytes(),
    )?;
    if of_unknown_key > 0 {
        print(
            format!("{of_unknown_key} checkpoints were left out: their keys are not in the file of the signing keys\n")
                .as_bytes(),
        )?;
    }
    let is_nothing_compared = !verify.checkpoints.is_empty() && lines == 0;
    if is_nothing_compared {
        print(b"FAULT  no checkpoint of the files could be verified\n")?;
    }
    Ok(if count == 0 && !is_nothing_compared {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn line(fault: &AuditFault) -> String {
    let account = fault
        .account
        .map(|id| format!("account {id}: "))
        .unwrap_or_default();
    let entry = fault.no.map(|no| format!("entry {no}: ")).unwrap_or_default();
    format!("FAULT  {account}{entry}{}\n", fault.damage.words())
}

/// Reads files of checkpoints, and verifies them by themselves.
struct CheckpointReader {
    keys: Option<SigningKeys>,
    seen: HeadsAtCheckpoints,
    /// The runs that may go on, the one that went on last at the end.
    runs: Vec<Run>,
    lines: usize,
    of_unknown_key: usize,
    faults: Vec<String>,
}

struct Run {
    id: Uuid,
    seq: u64,
    last: Hash,
    /// `None` if its beginning was not read, so that its roots cannot be made.
    tree: Option<HeadTree>,
}

impl CheckpointReader {
    fn new(settings: &Settings, files: &[PathBuf]) -> Result<Self, String> {
        let keys = if files.is_empty() {
            None
        } else {
            Some(SigningKeys::parse(&read_signing_key(settings)?)?)
        };
        Ok(Self {
            keys,
            seen: HeadsAtCheckpoints::default(),
            runs: Vec::new(),
            lines: 0,
            of_unknown_key: 0,
            faults: Vec::new(),
        })
    }

    fn read(&mut self, path: &Path) -> Result<(), String> {
        let name = path.display();
        let file = File::open(path).map_err(|e| format!("{name}: {e}"))?;
        for (n, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|e| format!("{name}: {e}"))?;
            // Standard output may have log lines in between.
            if !line.contains("\"leaves\"") {
                continue;
            }
            let place = format!("{name}, line {}", n + 1);
            match serde_json::from_str::<SignedCheckpoint>(&line) {
                Ok(signed) => self.checkpoint(&signed, &place),
                Err(_) => self
                    .faults
                    .push(format!("{place}: is no checkpoint, or only a part of one")),
            }
        }
        Ok(())
    }

    fn checkpoint(&mut self, signed: &SignedCheckpoint, place: &str) {
        let checkpoint = &signed.checkpoint;
        let statement = checkpoint.signed_bytes();
        let keys = self.keys.as_ref();
        match keys.and_then(|keys| keys.has_signed(&signed.kid, &statement, &signed.signature)) {
            None => self.of_unknown_key += 1,
            Some(true) if checkpoint.v == Checkpoint::FORM => {
                self.lines += 1;
                if let Err(fault) = self.follow(checkpoint) {
                    self.faults.push(format!("{place}: {fault}"));
                }
                for leaf in &checkpoint.leaves {
                    self.seen.add(&ChainHead::from(leaf));
                }
            }
            Some(_) => self.faults.push(format!("{place}: the signature does not fit")),
        }
    }

    /// Follows the run of a checkpoint.
    fn follow(&mut self, checkpoint: &Checkpoint) -> Result<(), &'static str> {
        let known = self.runs.iter().position(|run| run.id == checkpoint.run);
        let mut run = match known {
            Some(at) => self.runs.remove(at),
            None => Run {
                id: checkpoint.run,
                seq: checkpoint.seq.saturating_sub(1),
                last: if checkpoint.seq == 1 {
                    Hash::default()
                } else {
                    checkpoint.prev.0
                },
                tree: (checkpoint.seq == 1).then(HeadTree::default),
            },
        };
        let follows = checkpoint.seq == run.seq + 1 && checkpoint.prev.0 == run.last;
        if !follows {
            run.tree = None;
        }
        let is_root = run.tree.as_mut().is_none_or(|tree| {
            for leaf in &checkpoint.leaves {
                tree.set(&ChainHead::from(leaf));
            }
            tree.root() == checkpoint.root.0 && tree.len() == checkpoint.chains
        });
        (run.seq, run.last) = (checkpoint.seq, checkpoint.hash());
        self.runs.push(run);
        if self.runs.len() > MAX_RUNS {
            self.runs.remove(0);
        }
        match (follows, is_root) {
            (false, _) => Err("checkpoints before this one are missing, or in another order"),
            (true, false) => Err("the root does not fit the ends of the chains"),
            (true, true) => Ok(()),
        }
    }
}
