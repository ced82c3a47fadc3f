//! Writes checkpoints of the audit: each minute a signed root over the ends of all chains, if any of them has moved.
//!
//! The lines go to a file or to standard output, which the operator keeps elsewhere. They tell of nobody.

use std::{io::Write, path::PathBuf};

use mainstay_domain::{
    audit::{
        checkpoint::{Checkpoint, Hex, Leaf, MAX_LEAVES, SignedCheckpoint},
        merkle::{Hash, HeadTree},
    },
    record::json,
};
use mainstay_store::{
    Store, StoreError,
    audit::{ChangedHead, HeadCursor},
};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{auth::access_token::Tokens, server::id::new_id};

/// The checkpoints of one minute. If more ends have moved, the others follow in the next one.
const MAX_LINES: usize = 20;
/// How far a search goes back, in microseconds: the clocks of servers differ, and a transaction takes some time.
const OVERLAP_US: i64 = 2 * 60 * 1_000_000;

/// Where checkpoints go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CheckpointTarget {
    /// Nowhere.
    #[default]
    Off,
    /// Standard output.
    StandardOutput,
    /// The end of a file.
    File(PathBuf),
}

/// Writes checkpoints.
pub struct Checkpoints {
    target: CheckpointTarget,
    run: Mutex<Run>,
}

/// The checkpoints since the start, or since one could not be written.
struct Run {
    id: Uuid,
    seq: u64,
    last: Hash,
    tree: HeadTree,
    after: HeadCursor,
}

impl Run {
    fn new() -> Self {
        Self {
            id: new_id(),
            seq: 0,
            last: Hash::default(),
            tree: HeadTree::default(),
            after: HeadCursor::at(0),
        }
    }

    /// Makes the next checkpoint from the ends that have moved. `None` if none has.
    fn next(&mut self, found: &[ChangedHead], at: i64) -> Option<Checkpoint> {
        let moved: Vec<Leaf> = found
            .iter()
            .filter(|changed| self.tree.set(&changed.head))
            .map(|changed| Leaf::from(&changed.head))
            .collect();
        if moved.is_empty() {
            return None;
        }
        self.seq += 1;
        let checkpoint = Checkpoint {
            v: Checkpoint::FORM,
            run: self.id,
            seq: self.seq,
            at,
            chains: self.tree.len(),
            root: Hex(self.tree.root()),
            prev: Hex(self.last),
            leaves: moved,
        };
        self.last = checkpoint.hash();
        Some(checkpoint)
    }
}

impl Checkpoints {
    /// Creates a writer, whose first checkpoints name every chain.
    pub fn new(target: CheckpointTarget) -> Self {
        Self {
            target,
            run: Mutex::new(Run::new()),
        }
    }

    /// Writes what has changed since the last call. `now` is in microseconds.
    ///
    /// # Errors
    /// Of the database, or if a line cannot be written. Then all begins anew with the next call.
    pub async fn write(&self, store: &Store, tokens: &Tokens, now: i64) -> Result<(), StoreError> {
        if self.target == CheckpointTarget::Off {
            return Ok(());
        }
        let mut run = self.run.lock().await;
        for _ in 0..MAX_LINES {
            let found = store.audit_heads_after(run.after, MAX_LEAVES).await?;
            if let Some(checkpoint) = run.next(&found, now)
                && let Err(error) = self.append(tokens, checkpoint).await
            {
                *run = Run::new();
                log::error!("a checkpoint of the audit cannot be written: {error}");
                return Err(StoreError::Internal("a checkpoint cannot be written".to_owned()));
            }
            if let Some(last) = found.last() {
                run.after = last.cursor;
            }
            if found.len() < MAX_LEAVES {
                run.after = run.after.min(HeadCursor::at(now - OVERLAP_US));
                break;
            }
        }
        Ok(())
    }

    async fn append(&self, tokens: &Tokens, checkpoint: Checkpoint) -> Result<(), String> {
        let (kid, signature) = tokens.sign_statement(&checkpoint.signed_bytes())?;
        let mut line = json(&SignedCheckpoint {
            checkpoint,
            kid,
            signature,
        });
        line.push(b'\n');
        let target = self.target.clone();
        let write = move || write_line(&target, &line).map_err(|e| e.to_string());
        tokio::task::spawn_blocking(write)
            .await
            .map_err(|e| e.to_string())?
    }
}

fn write_line(target: &CheckpointTarget, line: &[u8]) -> std::io::Result<()> {
    match target {
        CheckpointTarget::Off => Ok(()),
        CheckpointTarget::StandardOutput => {
            let mut output = std::io::stdout().lock();
            output.write_all(line)?;
            output.flush()
        }
        CheckpointTarget::File(path) => {
            let mut options = std::fs::OpenOptions::new();
            options.create(true).append(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path)?;
            file.write_all(line)?;
            file.sync_data()
        }
    }
}
