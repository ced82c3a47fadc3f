//! A random history: the devices of one person, and the network between them and the server.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
};

use mainstay_tests::{
    Client,
    ninety_days::random::Random,
    offline::{OfflineStore, PendingChange, RecordKey},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    restores::{Restores, Witness},
    totals::Totals,
};

/// The conditions of a history.
#[derive(Clone, Default)]
pub struct Mode {
    /// Whether the server may be killed at any time. If so, a request without a response may have taken effect.
    pub kills: bool,
    /// The restores of the server, if it is restored from backups. A request without a response may have taken effect.
    pub restores: Option<Arc<Restores>>,
}

/// The record of all that passed through the network.
#[derive(Default)]
pub struct Ledger {
    /// The number of applied changes to each record, as the responses say.
    pub applied: BTreeMap<RecordKey, i64>,
    /// The changes whose acknowledgement reached a device, and that no restore undoes.
    pub acknowledged: Vec<PendingChange>,
    /// What devices knew when they learnt of a restore.
    pub witness: Witness,
    /// The markers of all changes. Each change has its own.
    pub markers: BTreeSet<String>,
}

impl Ledger {
    /// Counts the applied changes of a response.
    pub fn observe(&mut self, response: &Value) {
        for result in response["results"].as_array().expect("results") {
            if result["status"] == "applied" {
                let kind = result["kind"].as_str().expect("a kind").to_owned();
                *self.applied.entry((kind, id_of(result))).or_default() += 1;
            }
        }
    }
}

/// A request that arrives late, when no device waits for its response any more.
pub struct HeldRequest {
    pub body: Value,
    /// The phase of the restores in which it was sent.
    pub phase: u64,
}

/// A device of the person.
#[derive(Default)]
pub struct Device {
    pub store: OfflineStore,
    /// The step before which the device has no network.
    pub online_from: u64,
    /// The years by which its clock is behind.
    pub years_behind: i64,
}

/// A history: the devices of one person, and the network between them and the server.
pub struct History {
    pub client: Client,
    pub mode: Mode,
    pub random: Random,
    pub devices: Vec<Device>,
    pub held: Vec<HeldRequest>,
    pub ledger: Ledger,
    pub ids: u64,
    pub requests: Arc<AtomicU64>,
}

impl History {
    pub fn new(client: Client, seed: u64, mode: Mode, requests: Arc<AtomicU64>) -> Self {
        let mut random = Random::new(seed);
        let devices = (0..random.between(2, 5)).map(|_| Device {
            years_behind: if random.chance(30) { random.between(1, 30) } else { 0 },
            ..Device::default()
        });
        let devices = devices.collect();
        Self { client, mode, random, devices, held: Vec::new(), ledger: Ledger::default(), ids: 0, requests }
    }

    /// Runs the history of its seed and proves the result.
    pub async fn run(mut self) -> Totals {
        self.step_at_random().await;
        self.sync_until_quiet().await;
        self.prove().await
    }

    /// Lets devices change, send and receive at random.
    pub async fn step_at_random(&mut self) {
        let steps = u64::try_from(self.random.between(10, 40)).expect("a number");
        for step in 0.. {
            if step >= steps && self.may_end() {
                return;
            }
            let n = self.random.index(self.devices.len());
            match self.random.number() % 100 {
                0..55 => self.change(n),
                55..58 => {
                    self.devices[n].online_from = step + 5 + self.random.number() % 20;
                }
                58..63 if !self.held.is_empty() => {
                    let late = self.random.index(self.held.len());
                    let late = self.held.swap_remove(late);
                    self.deliver_late(&late).await;
                }
                63..68 => {
                    let other = (n + 1) % self.devices.len();
                    self.sync_together(n, other).await;
                }
                _ if step < self.devices[n].online_from => self.change(n),
                _ => self.sync_once(n).await,
            }
        }
    }
}

fn id_of(value: &Value) -> Uuid {
    value["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}
