//! Changes that wait for others while a device gives back what a restore has lost: a goal that is active until another
//! change pauses it, or a record that refers to one that is given back later.

use std::collections::BTreeSet;

use serde_json::Value;

use super::store::{OfflineStore, RecordKey, SyncOutcome};

impl OfflineStore {
    /// Lets the pending changes to a record wait if the problem may be over when everything else was sent. Returns whether
    /// they wait.
    pub(super) fn wait(&mut self, key: &RecordKey, problem: &Value) -> bool {
        let gives_back = self.waiting.values().any(|problem| !may_be_stored_later(problem))
            || self.outbox.iter().any(|change| change.gives_back);
        let waits = may_be_stored_later(problem) || gives_back && is_about_others(problem);
        if waits {
            self.waiting.insert(key.clone(), problem.clone());
        }
        waits
    }

    /// Ends a round when all that is left has waited: it is sent again if anything took effect since, and is lost
    /// otherwise. What the server could not take at the time is never lost.
    pub(super) fn end_round(&mut self, outcome: &mut SyncOutcome) {
        self.has_progress |= !outcome.acknowledged.is_empty();
        if self.outbox.iter().any(|change| !self.waiting.contains_key(&change.key)) {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        if std::mem::take(&mut self.has_progress) {
            return;
        }
        for (key, problem) in waiting {
            if may_be_stored_later(&problem) {
                // It stays in the outbox.
                continue;
            }
            let first = self.outbox.iter().find(|change| change.key == key).cloned();
            outcome.rejected.extend(first.map(|change| (change, problem)));
            self.lose_chain(&key);
        }
    }
}

/// Whether a change was rejected only for now: a budget of the account is used up, or the push was cut off before it.
fn may_be_stored_later(problem: &Value) -> bool {
    problem["type"] == "/problems/quota-exceeded" || problem["type"] == "/problems/postponed"
}

/// Whether a change was rejected only for what other records are at the time.
fn is_about_others(problem: &Value) -> bool {
    let kind = problem["type"].as_str().unwrap_or_default().trim_start_matches("/problems/");
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let codes: BTreeSet<&str> = errors.iter().filter_map(|error| error["code"].as_str()).collect();
    ["goal-exists", "slot-taken", "not-found"].contains(&kind)
        || codes == BTreeSet::from(["unknown-reference"])
}
