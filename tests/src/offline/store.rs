//! The store of the reference client: what the server is known to have, and what it has not acknowledged yet.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

/// Collection and id of a record.
pub type Place = (String, Uuid);

/// A record as the server was last heard to have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Its version.
    pub version: i64,
    /// Whether it is deleted.
    pub deleted: bool,
    /// The record; of a deleted one only if it stays to be read.
    pub record: Option<Value>,
}

/// A change that the server has not acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// What it changes.
    pub place: Place,
    /// The version that it was made to; none if it makes the record.
    pub base: Option<i64>,
    /// The whole record; none if it deletes it.
    pub record: Option<Value>,
}

impl Pending {
    /// The version that the record has after it.
    pub fn version(&self) -> i64 {
        self.base.map_or(1, |base| base + 1)
    }

    fn to_json(&self) -> Value {
        let (kind, id) = &self.place;
        match &self.record {
            Some(record) => {
                json!({ "kind": kind, "op": "upsert", "id": id, "base_version": self.base, "record": record })
            }
            None => json!({ "kind": kind, "op": "delete", "id": id, "base_version": self.base }),
        }
    }
}

/// What to do with own changes to a record that has changed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// What the server has stays; the own changes are put aside.
    KeepTheirs,
    /// The own changes are made again, to the version that the server has.
    MakeAgain,
}

/// A request that was made from the outbox.
#[derive(Debug, Clone)]
pub struct Push {
    /// Places in the outbox, in the order of the request's changes.
    order: Vec<usize>,
    /// The request.
    pub body: Value,
}

impl Push {
    /// How many changes it carries.
    pub fn changes(&self) -> usize {
        self.order.len()
    }
}

/// What an answer brought.
#[derive(Debug, Default)]
pub struct Taken {
    /// Changes that are done.
    pub acknowledged: Vec<Pending>,
    /// Changes that were not valid, with why.
    pub rejected: Vec<(Pending, Value)>,
    /// How many changes were pulled.
    pub pulled: usize,
    /// Whether there is more to pull.
    pub has_more: bool,
}

/// A device's store.
#[derive(Debug, Clone, Default)]
pub struct OfflineStore {
    known: BTreeMap<Place, Known>,
    outbox: Vec<Pending>,
    cursor: Option<String>,
    /// Where everything is gathered anew after the cursor expired.
    anew: Option<BTreeMap<Place, Known>>,
    /// Own changes that lost against others, or were not valid. They are kept for the person to see.
    pub lost_edits: Vec<Pending>,
}

impl OfflineStore {
    /// What the server was last heard to have.
    pub fn known(&self) -> &BTreeMap<Place, Known> {
        &self.known
    }

    /// What the server has not acknowledged, oldest first.
    pub fn outbox(&self) -> &[Pending] {
        &self.outbox
    }

    /// The cursor, if there is one.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// A record as the person sees it: with what is pending.
    pub fn view(&self, place: &Place) -> Option<&Value> {
        match self.last_pending(place) {
            Some(change) => change.record.as_ref(),
            None => self.known.get(place).filter(|known| !known.deleted)?.record.as_ref(),
        }
    }

    /// Everything that the person sees.
    pub fn visible(&self) -> Vec<Place> {
        let mut places: BTreeSet<&Place> = self.known.keys().collect();
        places.extend(self.outbox.iter().map(|change| &change.place));
        let seen = places.into_iter().filter(|place| self.view(place).is_some());
        seen.cloned().collect()
    }

    /// Makes or replaces a record. A change in the outbox is never altered: it may have reached the server already.
    pub fn upsert(&mut self, place: Place, record: Value) {
        let base = self.next_base(&place);
        self.outbox.push(Pending { place, base, record: Some(record) });
    }

    /// Deletes a record.
    pub fn delete(&mut self, place: Place) {
        let base = self.next_base(&place);
        self.outbox.push(Pending { place, base, record: None });
    }

    fn last_pending(&self, place: &Place) -> Option<&Pending> {
        self.outbox.iter().rev().find(|change| change.place == *place)
    }

    /// The version that the next change to a record is made to: the one that it will have after what is pending.
    fn next_base(&self, place: &Place) -> Option<i64> {
        let known = || self.known.get(place).map(|known| known.version);
        self.last_pending(place).map(Pending::version).or_else(known)
    }

    /// A request with the oldest changes of the outbox, as many as that at most.
    pub fn push(&self, changes: usize, limit: i64) -> Push {
        self.push_in_order(changes, limit, |_| {})
    }

    /// A request whose changes are in another order. Those to one record stay in theirs.
    pub fn push_in_order(&self, changes: usize, limit: i64, arrange: impl FnOnce(&mut [usize])) -> Push {
        let mut order: Vec<usize> = (0..self.outbox.len().min(changes).min(500)).collect();
        arrange(&mut order);
        // The places that belong to one record are filled in the order of its changes.
        let mut of_record: BTreeMap<&Place, Vec<usize>> = BTreeMap::new();
        for n in (0..order.len()).rev() {
            of_record.entry(&self.outbox[n].place).or_default().push(n);
        }
        for n in &mut order {
            let left = of_record.get_mut(&self.outbox[*n].place).and_then(Vec::pop);
            *n = left.expect("as many as there are");
        }
        let sent: Vec<Value> = order.iter().map(|n| self.outbox[*n].to_json()).collect();
        let body = json!({ "cursor": self.cursor, "changes": sent, "limit": limit });
        Push { order, body }
    }

    /// Takes the answer to the latest request.
    pub fn take(
        &mut self,
        push: &Push,
        answer: &Value,
        rule: &mut impl FnMut(&Pending) -> OnConflict,
    ) -> Taken {
        let mut taken = Taken::default();
        let results = answer["results"].as_array().expect("results");
        assert_eq!(results.len(), push.order.len(), "one result for each change");
        // First all that is done, then the chains that came to a stop.
        let mut gone: BTreeSet<usize> = BTreeSet::new();
        let mut stopped: Vec<(usize, &Value)> = Vec::new();
        for (&n, result) in push.order.iter().zip(results) {
            let change = self.outbox[n].clone();
            assert_eq!(
                (&result["kind"], &result["id"]),
                (&json!(change.place.0), &json!(change.place.1)),
                "results come in the order of the changes"
            );
            match result["status"].as_str().unwrap_or_default() {
                "applied" | "replayed" => {
                    self.learn_own(&change, result);
                    gone.insert(n);
                    taken.acknowledged.push(change);
                }
                "conflict" | "rejected" => stopped.push((n, result)),
                "skipped" => {}
                other => panic!("an unknown status: {other}"),
            }
        }
        for (n, result) in stopped {
            self.settle(n, result, rule, &mut gone, &mut taken);
        }
        let left = self.outbox.drain(..).enumerate().filter(|(n, _)| !gone.contains(n));
        self.outbox = left.map(|(_, change)| change).collect();
        self.pull(answer, &mut taken);
        taken
    }

    /// What an acknowledgement tells of the record: nothing if others have changed it since, for the pull brings that,
    /// and nothing if it was pulled already, which can be when an earlier answer was lost.
    fn learn_own(&mut self, change: &Pending, result: &Value) {
        let version = result["version"].as_i64().expect("a version");
        let before = self.known.get(&change.place).map_or(0, |known| known.version);
        if version == change.version() && version > before {
            let known = Known { version, deleted: change.record.is_none(), record: change.record.clone() };
            self.learn(change.place.clone(), known);
        }
    }

    /// Decides about a change that did not go through and all later ones to the same record.
    fn settle(
        &mut self,
        first: usize,
        result: &Value,
        rule: &mut impl FnMut(&Pending) -> OnConflict,
        gone: &mut BTreeSet<usize>,
        taken: &mut Taken,
    ) {
        let place = self.outbox[first].place.clone();
        let chain: Vec<usize> =
            (first..self.outbox.len()).filter(|n| self.outbox[*n].place == place).collect();
        let mut again = false;
        if result["status"] == "conflict" {
            let current = &result["current"];
            let version = result["version"].as_i64().expect("a version");
            let deleted = current["deleted"] == true;
            // What is deleted but kept to be read comes whole, with the mark beside its own members.
            let mut record = current.clone();
            let whole = record.as_object_mut().is_some_and(|members| {
                members.remove("deleted");
                members.contains_key("created_at")
            });
            let record = whole.then_some(record);
            let made = self.outbox[first].base.is_none();
            self.learn(place, Known { version, deleted, record });
            again = !deleted && !made && rule(&self.outbox[first]) == OnConflict::MakeAgain;
            if again {
                for (base, n) in (version..).zip(&chain) {
                    self.outbox[*n].base = Some(base);
                }
            }
        } else {
            taken.rejected.push((self.outbox[first].clone(), result["problem"].clone()));
        }
        if !again {
            for n in chain {
                self.lost_edits.push(self.outbox[n].clone());
                gone.insert(n);
            }
        }
    }

    fn pull(&mut self, answer: &Value, taken: &mut Taken) {
        let changes = answer["changes"].as_array().expect("changes");
        taken.pulled = changes.len();
        taken.has_more = answer["has_more"].as_bool().expect("has_more");
        for change in changes {
            let kind = change["kind"].as_str().expect("a kind").to_owned();
            let id = change["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            let known = Known {
                version: change["version"].as_i64().expect("a version"),
                deleted: change["deleted"].as_bool().expect("deleted"),
                record: change.get("record").cloned(),
            };
            if let Some(anew) = &mut self.anew {
                anew.insert((kind.clone(), id), known.clone());
            }
            self.learn((kind, id), known);
        }
        self.cursor = Some(answer["cursor"].as_str().expect("a cursor").to_owned());
        if !taken.has_more
            && let Some(anew) = self.anew.take()
        {
            // What the server did not tell of was deleted longer ago than it remembers.
            self.known = anew;
        }
    }

    /// Takes what is at least as new as what is known.
    fn learn(&mut self, place: Place, new: Known) {
        if let Some(old) = self.known.get(&place) {
            assert!(
                !old.deleted || new.deleted,
                "{place:?} was deleted and came back: {old:?}, then {new:?}"
            );
            if old.version > new.version {
                return;
            }
        }
        self.known.insert(place, new);
    }

    /// The cursor expired: everything is pulled from the beginning, beside what is known. The outbox stays.
    pub fn start_over(&mut self) {
        self.cursor = None;
        self.anew = Some(BTreeMap::new());
    }
}
