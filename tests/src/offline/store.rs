//! The store of the reference client: the records that the server is known to have, and an outbox with the changes that
//! it has not acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::merge::merge_into;

/// The collection and id of a record.
pub type RecordKey = (String, Uuid);

/// A record as the server last sent or acknowledged it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownRecord {
    /// Its version.
    pub version: i64,
    /// Whether it is deleted.
    pub deleted: bool,
    /// The record. A deleted one has a record only if it can still be read.
    pub record: Option<Value>,
    /// Whether the server sent it. If not, the server has acknowledged it, and it is written as the device sent it.
    pub is_pulled: bool,
}

/// A change that the server has not acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingChange {
    /// The record that it changes.
    pub key: RecordKey,
    /// The version that it changes; `None` if it creates the record.
    pub base: Option<i64>,
    /// The whole record after the change; `None` if it deletes the record.
    pub record: Option<Value>,
    /// The members that it changes, if it keeps all others whatever they are.
    pub patch: Option<Value>,
    /// Whether it gives back what the server lost by a restore. It never overwrites what was written since.
    pub gives_back: bool,
}

impl PendingChange {
    /// The version of the record after the change.
    pub fn version(&self) -> i64 {
        self.base.map_or(1, |base| base + 1)
    }

    fn to_json(&self) -> Value {
        let (kind, id) = &self.key;
        let base = self.base;
        match (&self.patch, &self.record) {
            (Some(patch), _) => {
                json!({ "kind": kind, "op": "merge", "id": id, "base_version": base, "record": patch })
            }
            (None, Some(record)) => {
                json!({ "kind": kind, "op": "upsert", "id": id, "base_version": base, "record": record })
            }
            (None, None) => json!({ "kind": kind, "op": "delete", "id": id, "base_version": base }),
        }
    }
}

/// Why a cursor has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// The server was restored from a backup, and may have lost what the device knows.
    Restored,
    /// The device was away so long that it does not know of all deletions.
    TooOld,
}

/// The records that were pulled since the cursor expired, until all of them are there.
#[derive(Debug, Clone)]
struct Rebuild {
    reason: Expiry,
    records: BTreeMap<RecordKey, KnownRecord>,
}

/// The decision about pending changes to a record that another device has changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// The version of the server stays. The pending changes become lost edits.
    KeepServerVersion,
    /// The pending changes are sent again, based on the version of the server.
    Reapply,
}

/// A sync request with changes from the outbox.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// The indexes in the outbox of the request's changes, in their order.
    order: Vec<usize>,
    /// The body of the request.
    pub body: Value,
}

impl PushRequest {
    /// The number of changes in the request.
    pub fn changes(&self) -> usize {
        self.order.len()
    }
}

/// The outcome of a sync request for the store.
#[derive(Debug, Default)]
pub struct SyncOutcome {
    /// Changes that took effect.
    pub acknowledged: Vec<PendingChange>,
    /// Changes that were not valid, each with its problem.
    pub rejected: Vec<(PendingChange, Value)>,
    /// The number of pulled changes.
    pub pulled: usize,
    /// Whether there are more changes to pull.
    pub has_more: bool,
}

/// The store of a device.
#[derive(Debug, Clone, Default)]
pub struct OfflineStore {
    pub(super) known: BTreeMap<RecordKey, KnownRecord>,
    pub(super) outbox: Vec<PendingChange>,
    cursor: Option<String>,
    rebuild: Option<Rebuild>,
    /// Deleted records that the server does not have after a restore, with the version that the deletion made.
    pub(super) lost_deletions: BTreeMap<RecordKey, i64>,
    /// The latest time of the server in a response, apart from those that are collected now.
    pub(super) heard: String,
    /// The records whose changes are sent again when everything else was sent, each with the problem that it met.
    pub(super) waiting: BTreeMap<RecordKey, Value>,
    /// Whether any change took effect since the first of them waits.
    pub(super) has_progress: bool,
    /// Pending changes that lost a conflict or were not valid. They are kept so that the person can see them.
    pub lost_edits: Vec<PendingChange>,
}

impl OfflineStore {
    /// The records that the server is known to have.
    pub fn known(&self) -> &BTreeMap<RecordKey, KnownRecord> {
        &self.known
    }

    /// The changes that the server has not acknowledged, oldest first.
    pub fn outbox(&self) -> &[PendingChange] {
        &self.outbox
    }

    /// The cursor of the last response, if there is one.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// A record as the person sees it: with pending changes applied.
    pub fn view(&self, key: &RecordKey) -> Option<&Value> {
        match self.last_pending(key) {
            Some(change) => change.record.as_ref(),
            None => self.known.get(key).filter(|known| !known.deleted)?.record.as_ref(),
        }
    }

    /// The keys of all records that the person sees.
    pub fn visible(&self) -> Vec<RecordKey> {
        let mut keys: BTreeSet<&RecordKey> = self.known.keys().collect();
        keys.extend(self.outbox.iter().map(|change| &change.key));
        let seen = keys.into_iter().filter(|key| self.view(key).is_some());
        seen.cloned().collect()
    }

    /// Creates or replaces a record. It adds to the outbox and alters no change there, because the server may have
    /// received that change already.
    pub fn upsert(&mut self, key: RecordKey, record: Value) {
        let base = self.next_base(&key);
        self.outbox.push(PendingChange { key, base, record: Some(record), patch: None, gives_back: false });
    }

    /// Changes the members that the patch names in a record that the person sees. Prefer it to [`Self::upsert`] for a
    /// change: it keeps what other apps have written, also if it is made again after a conflict.
    pub fn merge(&mut self, key: RecordKey, patch: Value) {
        let mut record = self.view(&key).cloned().expect("the person sees it");
        merge_into(&mut record, &patch);
        let base = self.next_base(&key);
        self.outbox.push(PendingChange {
            key,
            base,
            record: Some(record),
            patch: Some(patch),
            gives_back: false,
        });
    }

    /// Deletes a record.
    pub fn delete(&mut self, key: RecordKey) {
        let base = self.next_base(&key);
        self.outbox.push(PendingChange { key, base, record: None, patch: None, gives_back: false });
    }

    fn last_pending(&self, key: &RecordKey) -> Option<&PendingChange> {
        self.outbox.iter().rev().find(|change| change.key == *key)
    }

    /// The base version of the next change to a record: its version after all pending changes.
    fn next_base(&self, key: &RecordKey) -> Option<i64> {
        let known = || self.known.get(key).map(|known| known.version);
        self.last_pending(key).map(PendingChange::version).or_else(known)
    }

    /// Builds a request with the oldest changes of the outbox: at most `changes`, and never more than 500. It has none
    /// before the first response, and none while everything is pulled again: a request with changes always has a cursor,
    /// by which the server knows it if it arrives after a restore.
    pub fn push(&self, changes: usize, limit: i64) -> PushRequest {
        self.push_in_order(changes, limit, |_| {})
    }

    /// Builds a request whose changes are in another order. Changes to the same record keep their order.
    pub fn push_in_order(
        &self,
        changes: usize,
        limit: i64,
        arrange: impl FnOnce(&mut [usize]),
    ) -> PushRequest {
        let may_push = self.cursor.is_some() && self.rebuild.is_none();
        let changes = if may_push { changes.min(500) } else { 0 };
        let ready = |n: &usize| !self.waiting.contains_key(&self.outbox[*n].key);
        let mut order: Vec<usize> = (0..self.outbox.len()).filter(ready).take(changes).collect();
        let oldest_first = order.clone();
        arrange(&mut order);
        // The positions of a record's changes are filled with these changes in their original order.
        let mut of_record: BTreeMap<&RecordKey, Vec<usize>> = BTreeMap::new();
        for n in oldest_first.into_iter().rev() {
            of_record.entry(&self.outbox[n].key).or_default().push(n);
        }
        for n in &mut order {
            let next = of_record.get_mut(&self.outbox[*n].key).and_then(Vec::pop);
            *n = next.expect("one change for each position");
        }
        let sent: Vec<Value> = order.iter().map(|n| self.outbox[*n].to_json()).collect();
        let body = json!({ "cursor": self.cursor, "changes": sent, "limit": limit });
        PushRequest { order, body }
    }

    /// Applies the response to the latest request: the results of its changes, then the pulled changes. Calls
    /// `conflict_rule` for each change that met a conflict.
    pub fn apply_response(
        &mut self,
        push: &PushRequest,
        response: &Value,
        conflict_rule: &mut impl FnMut(&PendingChange) -> OnConflict,
    ) -> SyncOutcome {
        let mut outcome = SyncOutcome::default();
        let results = response["results"].as_array().expect("results");
        assert_eq!(results.len(), push.order.len(), "one result for each change");
        // All acknowledged changes come before the changes that failed, since later ones may depend on those.
        let mut removed: BTreeSet<usize> = BTreeSet::new();
        let mut failed: Vec<(usize, &Value)> = Vec::new();
        for (&n, result) in push.order.iter().zip(results) {
            let change = self.outbox[n].clone();
            assert_eq!(
                (&result["kind"], &result["id"]),
                (&json!(change.key.0), &json!(change.key.1)),
                "results come in the order of the changes"
            );
            match result["status"].as_str().unwrap_or_default() {
                "applied" | "replayed" => {
                    self.store_acknowledged(&change, result);
                    removed.insert(n);
                    outcome.acknowledged.push(change);
                }
                "conflict" | "rejected" => failed.push((n, result)),
                "skipped" => {}
                other => panic!("an unknown status: {other}"),
            }
        }
        for (n, result) in failed {
            self.resolve(n, result, conflict_rule, &mut removed, &mut outcome);
        }
        let remaining = self.outbox.drain(..).enumerate().filter(|(n, _)| !removed.contains(n));
        self.outbox = remaining.map(|(_, change)| change).collect();
        self.pull(response, &mut outcome);
        self.end_round(&mut outcome);
        outcome
    }

    /// Stores an acknowledged change as the known record. Ignores it if others have changed the record since, because the
    /// pull brings that version, and if it was pulled already, which happens after a response was lost.
    fn store_acknowledged(&mut self, change: &PendingChange, result: &Value) {
        let version = result["version"].as_i64().expect("a version");
        let before = self.known.get(&change.key).map_or(0, |known| known.version);
        if version == change.version() && version > before {
            let (deleted, record) = (change.record.is_none(), change.record.clone());
            let known = KnownRecord { version, deleted, record, is_pulled: false };
            self.store_if_newer(change.key.clone(), known);
        }
    }

    /// Resolves a conflict or a rejection, for the failed change and all later ones to the same record.
    fn resolve(
        &mut self,
        first: usize,
        result: &Value,
        conflict_rule: &mut impl FnMut(&PendingChange) -> OnConflict,
        removed: &mut BTreeSet<usize>,
        outcome: &mut SyncOutcome,
    ) {
        let key = self.outbox[first].key.clone();
        let chain: Vec<usize> = (first..self.outbox.len()).filter(|n| self.outbox[*n].key == key).collect();
        let mut is_reapplied = false;
        if result["status"] == "conflict" {
            let current = &result["current"];
            let version = result["version"].as_i64().expect("a version");
            let deleted = current["deleted"] == true;
            // A deleted record that can still be read comes with all its members and the mark `deleted`.
            let mut record = current.clone();
            let is_readable = record.as_object_mut().is_some_and(|members| {
                members.remove("deleted");
                members.contains_key("created_at")
            });
            let record = is_readable.then_some(record);
            let is_new = self.outbox[first].base.is_none();
            let known = KnownRecord { version, deleted, record: record.clone(), is_pulled: true };
            self.store_if_newer(key, known);
            is_reapplied = !deleted
                && !is_new
                && !self.outbox[first].gives_back
                && conflict_rule(&self.outbox[first]) == OnConflict::Reapply;
            if is_reapplied {
                let mut before = record.expect("a record that is not deleted");
                for (base, n) in (version..).zip(&chain) {
                    let pending = &mut self.outbox[*n];
                    pending.base = Some(base);
                    if let Some(patch) = &pending.patch {
                        merge_into(&mut before, patch);
                        pending.record = Some(before.clone());
                    } else if let Some(record) = &pending.record {
                        before.clone_from(record);
                    }
                }
            }
        } else if self.wait(&key, &result["problem"]) {
            return;
        } else {
            outcome.rejected.push((self.outbox[first].clone(), result["problem"].clone()));
        }
        if !is_reapplied {
            for n in chain {
                self.lost_edits.push(self.outbox[n].clone());
                removed.insert(n);
            }
        }
    }

    /// Stores the pulled changes and the new cursor.
    fn pull(&mut self, response: &Value, outcome: &mut SyncOutcome) {
        let changes = response["changes"].as_array().expect("changes");
        outcome.pulled = changes.len();
        outcome.has_more = response["has_more"].as_bool().expect("has_more");
        for change in changes {
            let kind = change["kind"].as_str().expect("a kind").to_owned();
            let id = change["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            let known = KnownRecord {
                version: change["version"].as_i64().expect("a version"),
                deleted: change["deleted"].as_bool().expect("deleted"),
                record: change.get("record").cloned(),
                is_pulled: true,
            };
            let key = (kind, id);
            if let Some(rebuild) = &mut self.rebuild {
                rebuild.records.insert(key, known);
            } else {
                self.delete_again(&key, &known);
                self.store_if_newer(key, known);
            }
        }
        self.cursor = Some(response["cursor"].as_str().expect("a cursor").to_owned());
        if !outcome.has_more
            && let Some(rebuild) = self.rebuild.take()
        {
            match rebuild.reason {
                Expiry::Restored => self.reconcile(rebuild.records),
                // A record that the server did not send was deleted so long ago that its tombstone is gone.
                Expiry::TooOld => {
                    self.known = rebuild.records;
                    self.delete_all_again();
                }
            }
        }
        if self.rebuild.is_none() {
            self.hear(response);
        }
    }

    /// Remembers the latest time of the server that a response has.
    fn hear(&mut self, response: &Value) {
        let changes = response["changes"].as_array().into_iter().flatten();
        let written = changes.filter_map(|change| change["record"]["updated_at"].as_str());
        if let Some(latest) = written.chain(response["server_time"].as_str()).max()
            && latest > self.heard.as_str()
        {
            latest.clone_into(&mut self.heard);
        }
    }

    /// Stores a record unless a newer version is known.
    fn store_if_newer(&mut self, key: RecordKey, new: KnownRecord) {
        if let Some(old) = self.known.get(&key) {
            assert!(!old.deleted || new.deleted, "{key:?} was deleted and came back: {old:?}, then {new:?}");
            if old.version > new.version {
                return;
            }
        }
        self.known.insert(key, new);
    }

    /// Starts to pull everything from the beginning, after the cursor expired. The outbox stays, and so do the known
    /// records until the pull is complete. If the cursor expires again meanwhile, the first reason holds, since the known
    /// records are still those from before.
    pub fn restart_from_scratch(&mut self, reason: Expiry) {
        let reason = self.rebuild.take().map_or(reason, |rebuild| rebuild.reason);
        self.cursor = None;
        self.rebuild = Some(Rebuild { reason, records: BTreeMap::new() });
    }
}
