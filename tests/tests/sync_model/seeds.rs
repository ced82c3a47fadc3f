//! Which histories are lived, and how many at the same time.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use mainstay_tests::Client;
use tokio::task::JoinSet;

use crate::{
    history::{History, Way},
    proof::Tally,
};

/// From which the seeds of the histories follow.
pub const SEED: u64 = 0x5eed_c0de;
/// How many are lived at the same time.
const TOGETHER: usize = 12;

/// The one seed that shall be replayed.
#[expect(clippy::disallowed_methods, reason = "whoever replays a history says so this way")]
pub fn replayed_seed() -> Option<u64> {
    std::env::var("MAINSTAY_MODEL_SEED").ok()?.parse().ok()
}

/// That many seeds, or the one that shall be replayed.
pub fn seeds(first: u64, count: u64) -> std::ops::Range<u64> {
    replayed_seed().map_or(first..first + count, |seed| seed..seed + 1)
}

/// Lives histories, several at the same time. `client` gives the client of a new person.
pub async fn live_all(
    seeds: impl Iterator<Item = u64>,
    way: Way,
    requests: &Arc<AtomicU64>,
    client: impl AsyncFn() -> Client,
) -> Tally {
    let (mut tally, mut running) = (Tally::default(), JoinSet::new());
    let mut of_task = BTreeMap::new();
    for seed in seeds.map(Some).chain(std::iter::repeat(None)) {
        while running.len() >= TOGETHER || (seed.is_none() && !running.is_empty()) {
            match running.join_next_with_id().await.expect("one is running") {
                Ok((_, lived)) => tally += lived,
                Err(error) => panic!(
                    "a history failed; to replay it: MAINSTAY_MODEL_SEED={}",
                    of_task.get(&error.id()).expect("its seed")
                ),
            }
        }
        let Some(seed) = seed else { break };
        let history = History::new(client().await, seed, way, requests.clone());
        of_task.insert(running.spawn(history.live()).id(), seed);
    }
    tally
}
