//! Proves what must hold after a history: all devices agree with the server, and no acknowledged change is missing,
//! doubled or undone.

use std::{collections::BTreeMap, time::Duration};

use mainstay_tests::offline::{KnownRecord, OfflineStore, OnConflict, RecordKey, canonical, sync};
use serde_json::{Value, json};

use crate::{change::marker, history::History, totals::Totals};

impl History {
    /// Pulls everything into the store of a new device.
    pub async fn fresh_store(&self) -> OfflineStore {
        let mut store = OfflineStore::default();
        while !sync(&self.client, &mut store, 500, &mut |_| OnConflict::KeepServerVersion).await {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        store
    }

    async fn get(&self, path: &str) -> Value {
        for _ in 0..500 {
            match self.client.try_send("GET", path, &[], None).await {
                Some(response) if response.status == 200 => return response.body,
                Some(response) if response.status != 503 => {
                    panic!("{path}: {} {}", response.status, response.text)
                }
                _ => tokio::time::sleep(Duration::from_millis(40)).await,
            }
        }
        panic!("{path}: no answer");
    }

    /// Proves that all devices agree, and that each acknowledged change took effect once.
    pub async fn prove(mut self) -> Totals {
        let fresh = self.fresh_store().await;
        let expected = snapshot(&fresh);
        for (n, device) in self.devices.iter().enumerate() {
            assert_eq!(snapshot(&device.store), expected, "device {n} and a fresh one do not agree");
        }

        // Each held request was sent again long ago, so it has no effect any more.
        let late = std::mem::take(&mut self.held);
        for body in &late {
            let before = self.ledger.applied.clone();
            self.deliver(body).await;
            assert_eq!(self.ledger.applied, before, "{body}\nhad an effect when everything was done");
        }
        if !late.is_empty() {
            assert_eq!(snapshot(&self.fresh_store().await), expected, "late requests changed something");
        }

        let mut versions: BTreeMap<RecordKey, Vec<String>> = BTreeMap::new();
        let mut totals = Totals {
            changes: self.ledger.markers.len(),
            lost_edits: self.devices.iter().map(|device| device.store.lost_edits.len()).sum(),
            ..Totals::default()
        };
        for (key, known) in fresh.known() {
            let markers = self.markers_of(key, known).await;
            totals.versions += known.version;
            totals.deleted += usize::from(known.deleted);
            let applied = self.ledger.applied.get(key).copied().unwrap_or_default();
            if self.mode.kills {
                assert!(applied <= known.version, "{key:?}: {applied} changes, but {known:?}");
            } else {
                assert_eq!(known.version, applied, "{key:?}: {applied} changes, but {known:?}");
            }
            versions.insert(key.clone(), markers);
        }
        let mut all: Vec<&String> = versions.values().flatten().collect();
        assert!(all.iter().all(|marker| self.ledger.markers.contains(*marker)), "{all:?}");
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a change took effect twice");
        self.prove_acknowledged(&fresh, &versions);
        totals
    }

    /// Proves that each acknowledged change is the version of its record that it should be.
    fn prove_acknowledged(&self, fresh: &OfflineStore, versions: &BTreeMap<RecordKey, Vec<String>>) {
        for change in &self.ledger.acknowledged {
            let known = fresh.known().get(&change.key);
            match &change.record {
                None => assert!(
                    known.is_some_and(|known| known.deleted),
                    "{change:?} was acknowledged, but {known:?}"
                ),
                Some(record) => {
                    let n = usize::try_from(change.version() - 1).expect("a version");
                    let actual = versions.get(&change.key).and_then(|markers| markers.get(n));
                    assert_eq!(
                        actual,
                        Some(&marker(&change.key, record)),
                        "{change:?} was acknowledged, but {known:?}"
                    );
                }
            }
        }
    }

    /// The markers of all versions of a record except its deletion.
    async fn markers_of(&self, key: &RecordKey, known: &KnownRecord) -> Vec<String> {
        let mut markers = Vec::new();
        if known.version > 1 {
            let path = format!("/v1/{}/{}/history?limit=200", key.0, key.1);
            let history = self.get(&path).await;
            let items = history["items"].as_array().expect("items");
            for (n, item) in items.iter().rev().enumerate() {
                assert_eq!(item["version"], n + 1, "{key:?}: {history}");
                markers.push(marker(key, &item["record"]));
            }
        }
        assert_eq!(
            i64::try_from(markers.len()).expect("a small number"),
            known.version - 1,
            "{key:?}: a version is missing"
        );
        if !known.deleted {
            markers.push(marker(key, known.record.as_ref().expect("a record")));
        }
        markers
    }
}

/// The contents of a store without tombstones, as text for comparison.
pub fn snapshot(store: &OfflineStore) -> String {
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
