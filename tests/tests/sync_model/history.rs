//! One history: the devices of one person, and the network between them and the server.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
};

use mainstay_tests::{
    Client,
    ninety_days::random::Random,
    offline::{OfflineStore, Pending, Place},
};
use serde_json::Value;
use uuid::Uuid;

use crate::proof::Tally;

/// How a history is lived.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way {
    /// The server may be killed at any time, so that nobody knows what requests did whose answer is missing.
    pub kills: bool,
}

/// What the network saw.
#[derive(Default)]
pub struct Ledger {
    /// How often the server said that it applied a change to a record.
    pub applied: BTreeMap<Place, i64>,
    /// What devices know to be done.
    pub acknowledged: Vec<Pending>,
    /// The words of every change that was ever made, so that each is known by its own.
    pub words: BTreeSet<String>,
}

impl Ledger {
    /// Notes what an answer says.
    pub fn hear(&mut self, answer: &Value) {
        for result in answer["results"].as_array().expect("results") {
            if result["status"] == "applied" {
                let kind = result["kind"].as_str().expect("a kind").to_owned();
                *self.applied.entry((kind, id_of(result))).or_default() += 1;
            }
        }
    }
}

/// A device of the person.
#[derive(Default)]
pub struct Device {
    pub store: OfflineStore,
    /// No network before this step.
    pub back_at: u64,
    /// How many years its clock is behind.
    pub behind: i64,
}

/// One history: the devices of one person, and the network between them and the server.
pub struct History {
    pub client: Client,
    pub way: Way,
    pub random: Random,
    pub devices: Vec<Device>,
    /// Requests that arrive later, when nobody waits for their answer any more.
    pub held: Vec<Value>,
    pub ledger: Ledger,
    pub ids: u64,
    pub requests: Arc<AtomicU64>,
}

impl History {
    pub fn new(client: Client, seed: u64, way: Way, requests: Arc<AtomicU64>) -> Self {
        let mut random = Random::new(seed);
        let devices = (0..random.between(2, 5)).map(|_| Device {
            behind: if random.chance(30) { random.between(1, 30) } else { 0 },
            ..Device::default()
        });
        let devices = devices.collect();
        Self { client, way, random, devices, held: Vec::new(), ledger: Ledger::default(), ids: 0, requests }
    }

    /// The history of a seed, from its beginning to its proof.
    pub async fn live(mut self) -> Tally {
        let steps = u64::try_from(self.random.between(10, 40)).expect("a number");
        for step in 0..steps {
            let n = self.random.place(self.devices.len());
            match self.random.number() % 100 {
                0..55 => self.change(n),
                55..58 => {
                    self.devices[n].back_at = step + 5 + self.random.number() % 20;
                }
                58..63 if !self.held.is_empty() => {
                    let late = self.random.place(self.held.len());
                    let late = self.held.swap_remove(late);
                    self.deliver(&late).await;
                }
                63..68 => {
                    let other = (n + 1) % self.devices.len();
                    self.meet(n, other).await;
                }
                _ if step < self.devices[n].back_at => self.change(n),
                _ => self.connect(n).await,
            }
        }
        self.come_to_rest().await;
        self.prove().await
    }
}

fn id_of(value: &Value) -> Uuid {
    value["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}
