//! Restores from backups while histories run: their state, and what devices knew when they learnt of them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mainstay_tests::offline::RecordKey;

/// The number of restores.
pub const RESTORES: u64 = 5;

/// The state of the server that all histories share.
#[derive(Default)]
pub struct Restores {
    /// Even while everything that is stored stays; odd from a backup until it is put back.
    phase: AtomicU64,
    /// The number of responses.
    responses: AtomicU64,
}

impl Restores {
    /// The state after the last restore.
    pub fn over() -> Arc<Self> {
        Arc::new(Self { phase: AtomicU64::new(2 * RESTORES), ..Self::default() })
    }

    /// The present phase.
    pub fn phase(&self) -> u64 {
        self.phase.load(Ordering::SeqCst)
    }

    /// Begins the next phase.
    pub fn next_phase(&self) {
        self.phase.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether all restores are over.
    pub fn are_over(&self) -> bool {
        self.phase() == 2 * RESTORES
    }

    /// Counts a response.
    pub fn count_response(&self) {
        self.responses.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until there were so many responses.
    pub async fn wait_for_responses(&self, count: u64) {
        while self.responses.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What devices knew when they learnt of the last restore.
#[derive(Default)]
pub struct Witness {
    pub phase: u64,
    /// The marker of the version of each record that a device knew.
    pub versions: BTreeSet<(RecordKey, String)>,
    /// The deletions that a device knew of, with the index of the device and the version that the deletion made.
    pub deletions: BTreeSet<(RecordKey, usize, i64)>,
}
