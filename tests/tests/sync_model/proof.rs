//! What must hold after a history.

use std::{collections::BTreeMap, time::Duration};

use mainstay_tests::offline::{Known, OfflineStore, OnConflict, Place, canonical, sync};
use serde_json::{Value, json};

use crate::{change::word, history::History};

/// What happened in histories.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    changes: usize,
    versions: i64,
    deleted: usize,
    lost: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.versions += other.versions;
        self.deleted += other.deleted;
        self.lost += other.lost;
    }
}

impl History {
    /// What a device that has nothing yet pulls.
    pub async fn fresh(&self) -> OfflineStore {
        let mut store = OfflineStore::default();
        while !sync(&self.client, &mut store, 500, &mut |_| OnConflict::KeepTheirs).await {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        store
    }

    async fn get(&self, path: &str) -> Value {
        for _ in 0..500 {
            match self.client.try_send("GET", path, &[], None).await {
                Some(answer) if answer.status == 200 => return answer.body,
                Some(answer) if answer.status != 503 => panic!("{path}: {} {}", answer.status, answer.text),
                _ => tokio::time::sleep(Duration::from_millis(40)).await,
            }
        }
        panic!("{path}: no answer");
    }

    /// Proves that everybody agrees, and on the right thing.
    pub async fn prove(mut self) -> Tally {
        let fresh = self.fresh().await;
        let whole = in_full(&fresh);
        for (n, device) in self.devices.iter().enumerate() {
            assert_eq!(in_full(&device.store), whole, "device {n} and a fresh one do not agree");
        }

        // What arrives only now was sent again long ago, and does nothing any more.
        let late = std::mem::take(&mut self.held);
        for body in &late {
            let before = self.ledger.applied.clone();
            self.deliver(body).await;
            assert_eq!(self.ledger.applied, before, "{body}\nhad an effect when everything was done");
        }
        if !late.is_empty() {
            assert_eq!(in_full(&self.fresh().await), whole, "late requests changed something");
        }

        let mut versions: BTreeMap<Place, Vec<String>> = BTreeMap::new();
        let mut tally = Tally {
            changes: self.ledger.words.len(),
            lost: self.devices.iter().map(|device| device.store.lost_edits.len()).sum(),
            ..Tally::default()
        };
        for (place, known) in fresh.known() {
            let words = self.words_of(place, known).await;
            tally.versions += known.version;
            tally.deleted += usize::from(known.deleted);
            let applied = self.ledger.applied.get(place).copied().unwrap_or_default();
            if self.way.kills {
                assert!(applied <= known.version, "{place:?}: {applied} changes, but {known:?}");
            } else {
                assert_eq!(known.version, applied, "{place:?}: {applied} changes, but {known:?}");
            }
            versions.insert(place.clone(), words);
        }
        let mut all: Vec<&String> = versions.values().flatten().collect();
        assert!(all.iter().all(|word| self.ledger.words.contains(*word)), "{all:?}");
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a change took effect twice");
        for change in &self.ledger.acknowledged {
            let known = fresh.known().get(&change.place);
            match &change.record {
                None => assert!(
                    known.is_some_and(|known| known.deleted),
                    "{change:?} was acknowledged, but {known:?}"
                ),
                Some(record) => {
                    let n = usize::try_from(change.version() - 1).expect("a version");
                    let stands = versions.get(&change.place).and_then(|words| words.get(n));
                    assert_eq!(
                        stands,
                        Some(&word(&change.place, record)),
                        "{change:?} was acknowledged, but {known:?}"
                    );
                }
            }
        }
        tally
    }

    /// The words of each version of a record, but for that of its deletion.
    async fn words_of(&self, place: &Place, known: &Known) -> Vec<String> {
        let mut words = Vec::new();
        if known.version > 1 {
            let path = format!("/v1/{}/{}/history?limit=200", place.0, place.1);
            let history = self.get(&path).await;
            let items = history["items"].as_array().expect("items");
            for (n, item) in items.iter().rev().enumerate() {
                assert_eq!(item["version"], n + 1, "{place:?}: {history}");
                words.push(word(place, &item["record"]));
            }
        }
        assert_eq!(
            i64::try_from(words.len()).expect("few"),
            known.version - 1,
            "{place:?}: a version is missing"
        );
        if !known.deleted {
            words.push(word(place, known.record.as_ref().expect("a record")));
        }
        words
    }
}

/// Everything that a device has, but for tombstones.
pub fn in_full(store: &OfflineStore) -> String {
    let mut text = String::new();
    for ((kind, id), known) in store.known() {
        if let Some(record) = &known.record {
            let line = json!({ "kind": kind, "id": id, "version": known.version, "deleted": known.deleted, "record": record });
            text.push_str(&canonical(&line));
            text.push('\n');
        }
    }
    text
}
