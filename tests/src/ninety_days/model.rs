//! What the server must hold once a program's steps were acknowledged.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Step,
    compare::{as_answered, changed},
};

/// Every collection that programs fill.
pub const COLLECTIONS: [&str; 19] = [
    "goals",
    "plans",
    "check-ins",
    "craving-events",
    "use-events",
    "support-contacts",
    "medications",
    "doses",
    "practice-sessions",
    "thought-records",
    "attendances",
    "appointments",
    "referrals",
    "transitions",
    "self-efficacy-profiles",
    "commitments",
    "journal",
    "questionnaire-responses",
    "warning-feedback",
];

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is there.
    Live,
    /// It was deleted.
    Gone,
    /// It was deleted, and can still be read as entered in error.
    Marked,
}

/// What must be known of one record.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What was sent last, without its id.
    pub sent: Value,
    /// Its version.
    pub version: i64,
    /// Where it stands.
    pub state: State,
    /// Where a plan stands.
    pub status: &'static str,
    /// What each number of a plan said.
    pub numbers: Vec<Value>,
    /// The review of a use event, with its version.
    pub review: Option<(Value, i64)>,
}

/// All records of one person.
#[derive(Debug, Clone, Default)]
pub struct Model {
    records: BTreeMap<(&'static str, Uuid), Kept>,
}

impl Model {
    /// What is known of a record.
    pub fn get(&self, collection: &'static str, id: Uuid) -> &Kept {
        self.records.get(&(collection, id)).expect("programs change what they made")
    }

    fn get_mut(&mut self, collection: &'static str, id: Uuid) -> &mut Kept {
        self.records.get_mut(&(collection, id)).expect("programs change what they made")
    }

    /// Every record of a collection that is in a state.
    pub fn all(&self, collection: &'static str, state: State) -> impl Iterator<Item = (Uuid, &Kept)> {
        let of = self.records.iter().filter(move |((of, _), kept)| *of == collection && kept.state == state);
        of.map(|((_, id), kept)| (*id, kept))
    }

    /// How the record is read, without the times that only the server knows.
    pub fn read(&self, collection: &'static str, id: Uuid) -> Value {
        let kept = self.get(collection, id);
        let mut record = as_answered(collection, &kept.sent);
        record["id"] = json!(id);
        record["version"] = json!(kept.version);
        match collection {
            "plans" => {
                record["status"] = json!(kept.status);
                record["number"] = json!(kept.numbers.len());
            }
            "use-events" => record["entered_in_error"] = json!(kept.state == State::Marked),
            _ => {}
        }
        record
    }

    /// How the review of a use event is read.
    pub fn read_review(&self, id: Uuid) -> Option<Value> {
        let (sent, version) = self.get("use-events", id).review.as_ref()?;
        let mut review = as_answered("review", sent);
        review["id"] = json!(id);
        review["version"] = json!(version);
        Some(review)
    }

    /// The ids of a collection in the order of its list, newest first. Some have dates, the others moments.
    pub fn in_order(&self, collection: &'static str) -> Vec<(DateTime<Utc>, Uuid)> {
        let mut all: Vec<_> =
            (self.all(collection, State::Live)).map(|(id, kept)| (when(&kept.sent), id)).collect();
        all.sort_unstable_by(|one, other| other.cmp(one));
        all
    }

    /// Takes in a step that the server acknowledged.
    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Create { collection, id, body } => self.add(collection, *id, body),
            Step::Replay { .. } | Step::Collide { .. } => {}
            Step::Replace { collection, id, change } => {
                let kept = self.get_mut(collection, *id);
                kept.sent = changed(&kept.sent, change);
                kept.version += 1;
                if *collection == "plans" {
                    kept.numbers.push(kept.sent.clone());
                }
            }
            Step::Delete { collection, id } => {
                let kept = self.get_mut(collection, *id);
                kept.version += 1;
                kept.state = if *collection == "use-events" { State::Marked } else { State::Gone };
            }
            Step::Activate { id } => self.activate(*id),
            Step::PutReview { id, body } => {
                let review = &mut self.get_mut("use-events", *id).review;
                *review = Some((body.clone(), review.as_ref().map_or(1, |(_, version)| version + 1)));
            }
        }
    }

    fn add(&mut self, collection: &'static str, id: Uuid, body: &Value) {
        let kept = Kept {
            sent: body.clone(),
            version: 1,
            state: State::Live,
            status: "draft",
            numbers: if collection == "plans" { vec![body.clone()] } else { vec![] },
            review: None,
        };
        let before = self.records.insert((collection, id), kept);
        assert!(before.is_none(), "programs choose each id once");
    }

    fn activate(&mut self, id: Uuid) {
        let kind = self.get("plans", id).sent["kind"].clone();
        for ((collection, other), kept) in &mut self.records {
            if *collection == "plans" && kept.sent["kind"] == kind {
                if *other == id {
                    kept.status = "active";
                    kept.version += 1;
                } else if kept.status == "active" {
                    kept.status = "archived";
                    kept.version += 1;
                }
            }
        }
    }
}

/// The time that orders a record's collection.
fn when(record: &Value) -> DateTime<Utc> {
    let text = |member: &str| record[member].as_str();
    let date = || ["started_on", "discharged_on", "on"].into_iter().find_map(text);
    let at = ["occurred_at", "starts_at"].into_iter().find_map(text);
    let at = at.map_or_else(|| date().map(|date| format!("{date}T00:00:00Z")), |at| Some(at.to_owned()));
    let at = at.expect("a moment or a date");
    DateTime::parse_from_rfc3339(&at).expect("a time").to_utc()
}
