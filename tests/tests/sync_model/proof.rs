//! Proves what must hold after a history: all devices agree with the server, and no acknowledged change is missing,
//! doubled or undone.

use std::{collections::BTreeMap, time::Duration};

use mainstay_tests::offline::{
    KnownRecord, OfflineStore, OnConflict, RecordKey, canonical, merge_into, sync,
};
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

    /// Proves that all devices agree with a fresh one, which is returned.
    pub async fn agree(&self) -> OfflineStore {
        let fresh = self.fresh_store().await;
        for (n, device) in self.devices.iter().enumerate() {
            assert_eq!(snapshot(&device.store), snapshot(&fresh), "device {n} and a fresh one do not agree");
        }
        fresh
    }

    /// Proves that all devices agree, and that each acknowledged change took effect once.
    pub async fn prove(mut self) -> Totals {
        let fresh = self.agree().await;
        let expected = snapshot(&fresh);

        // Each held request was sent again long ago, or is from before a restore, so it has no effect any more.
        let late = std::mem::take(&mut self.held);
        for request in &late {
            let before = self.ledger.applied.clone();
            self.deliver_late(request).await;
            assert_eq!(
                self.ledger.applied, before,
                "{}\nhad an effect when everything was done",
                request.body
            );
        }
        if !late.is_empty() {
            assert_eq!(snapshot(&self.fresh_store().await), expected, "late requests changed something");
        }

        let mut versions: BTreeMap<RecordKey, Vec<Value>> = BTreeMap::new();
        let mut totals = Totals {
            changes: self.ledger.markers.len(),
            lost_edits: self.devices.iter().map(|device| device.store.lost_edits.len()).sum(),
            given_back: self.ledger.acknowledged.iter().filter(|change| change.gives_back).count(),
            ..Totals::default()
        };
        for (key, known) in fresh.known() {
            let records = self.versions_of(key, known).await;
            totals.versions += known.version;
            totals.deleted += usize::from(known.deleted);
            let applied = self.ledger.applied.get(key).copied().unwrap_or_default();
            if self.mode.restores.is_some() {
                // Applied changes may be lost, and given back under another version.
            } else if self.mode.kills {
                assert!(applied <= known.version, "{key:?}: {applied} changes, but {known:?}");
            } else {
                assert_eq!(known.version, applied, "{key:?}: {applied} changes, but {known:?}");
            }
            versions.insert(key.clone(), records);
        }
        let marked = versions.iter().flat_map(|(key, all)| all.iter().map(|record| marker(key, record)));
        let mut all: Vec<String> = marked.collect();
        assert!(all.iter().all(|marker| self.ledger.markers.contains(marker)), "{all:?}");
        all.sort_unstable();
        let twice = all.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twice, None, "a change took effect twice in {versions:#?}");
        self.prove_acknowledged(&fresh, &versions);
        let markers = versions
            .iter()
            .map(|(key, all)| (key.clone(), all.iter().map(|record| marker(key, record)).collect()));
        self.prove_restored(&fresh, &markers.collect());
        totals
    }

    /// Proves that each acknowledged change is the version of its record that it should be, and that a merge has kept
    /// what it did not name.
    fn prove_acknowledged(&self, fresh: &OfflineStore, versions: &BTreeMap<RecordKey, Vec<Value>>) {
        for change in &self.ledger.acknowledged {
            let known = fresh.known().get(&change.key);
            match &change.record {
                None => assert!(
                    known.is_some_and(|known| known.deleted),
                    "{change:?} was acknowledged, but {known:?}"
                ),
                // A journal entry takes its versions along.
                Some(_) if known.is_some_and(|known| is_purged(&change.key, known)) => {}
                Some(record) => {
                    let n = usize::try_from(change.version() - 1).expect("a version");
                    let all = versions.get(&change.key).expect("its versions");
                    let actual = all.get(n).expect("a version");
                    assert_eq!(
                        marker(&change.key, actual),
                        marker(&change.key, record),
                        "{change:?} was acknowledged, but {known:?}"
                    );
                    if let Some(patch) = &change.patch {
                        let mut merged = all[n - 1].clone();
                        merge_into(&mut merged, patch);
                        assert_eq!(
                            content(&merged),
                            content(actual),
                            "{change:?} was not made to {}",
                            all[n - 1]
                        );
                    }
                }
            }
        }
    }

    /// All versions of a record except its deletion.
    async fn versions_of(&self, key: &RecordKey, known: &KnownRecord) -> Vec<Value> {
        let mut records = Vec::new();
        if known.version > 1 {
            let path = format!("/v1/{}/{}/history?limit=200", key.0, key.1);
            let history = self.get(&path).await;
            let items = history["items"].as_array().expect("items");
            for (n, item) in items.iter().rev().enumerate() {
                assert_eq!(item["version"], n + 1, "{key:?}: {history}");
                records.push(item["record"].clone());
            }
        }
        if is_purged(key, known) {
            assert!(records.is_empty(), "{key:?}: a version is left");
            return records;
        }
        assert_eq!(
            i64::try_from(records.len()).expect("a small number"),
            known.version - 1,
            "{key:?}: a version is missing"
        );
        if !known.deleted {
            records.push(known.record.clone().expect("a record"));
        }
        records
    }
}

/// Whether nothing is left of the versions of a record: the deletion of a journal entry purges them.
pub fn is_purged(key: &RecordKey, known: &KnownRecord) -> bool {
    known.deleted && key.0 == "journal"
}

/// A version of a record as text, without what the server sets at each change.
fn content(record: &Value) -> String {
    let mut record = record.clone();
    for name in ["version", "created_at", "updated_at", "number"] {
        record.as_object_mut().expect("a record").remove(name);
    }
    canonical(&record)
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
