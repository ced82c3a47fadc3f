//! Runs the histories of many seeds concurrently, and names the seed of one that fails.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use mainstay_tests::Client;
use tokio::task::JoinSet;

use crate::{
    history::{History, Mode},
    totals::Totals,
};

/// The first seed.
pub const SEED: u64 = 0x5eed_c0de;
/// The histories that run concurrently.
const CONCURRENT: usize = 12;

/// The seed of `MAINSTAY_MODEL_SEED`, if one history is to be replayed.
#[expect(clippy::disallowed_methods, reason = "the seed to replay is passed to the tests this way")]
pub fn replayed_seed() -> Option<u64> {
    std::env::var("MAINSTAY_MODEL_SEED").ok()?.parse().ok()
}

/// So many seeds, or only the one to be replayed.
pub fn seeds(first: u64, count: u64) -> std::ops::Range<u64> {
    replayed_seed().map_or(first..first + count, |seed| seed..seed + 1)
}

/// Runs the histories of some seeds. `client` creates a person for each.
pub async fn run_all(
    seeds: impl Iterator<Item = u64>,
    mode: Mode,
    requests: &Arc<AtomicU64>,
    client: impl AsyncFn() -> Client,
) -> Totals {
    let (mut totals, mut running) = (Totals::default(), JoinSet::new());
    let mut seed_of_task = BTreeMap::new();
    // None of them ends before the last restore.
    let concurrent = if mode.restores.is_some() { usize::MAX } else { CONCURRENT };
    for seed in seeds.map(Some).chain(std::iter::repeat(None)) {
        while running.len() >= concurrent || (seed.is_none() && !running.is_empty()) {
            match running.join_next_with_id().await.expect("one is running") {
                Ok((_, history)) => totals += history,
                Err(error) => panic!(
                    "a history failed; to replay it: MAINSTAY_MODEL_SEED={}",
                    seed_of_task.get(&error.id()).expect("its seed")
                ),
            }
        }
        let Some(seed) = seed else { break };
        let history = History::new(client().await, seed, mode.clone(), requests.clone());
        seed_of_task.insert(running.spawn(history.run()).id(), seed);
    }
    totals
}
