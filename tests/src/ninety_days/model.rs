//! The expected records of a person after the acknowledged steps of a program.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Step,
    compare::{as_read, with_changes},
};

/// The collections in which programs create records.
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

/// Whether a record exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It exists.
    Live,
    /// It was deleted.
    Deleted,
    /// It was deleted, and can still be read as entered in error.
    EnteredInError,
}

/// The expected state of one record.
#[derive(Debug, Clone)]
pub struct ExpectedRecord {
    /// The body that was sent last, without the id.
    pub sent: Value,
    /// The version.
    pub version: i64,
    /// Whether it exists.
    pub state: State,
    /// The status, if it is a plan.
    pub status: &'static str,
    /// The bodies of all numbers of a plan.
    pub numbers: Vec<Value>,
    /// The review of a use event with its version.
    pub review: Option<(Value, i64)>,
}

/// The expected records of one person.
#[derive(Debug, Clone, Default)]
pub struct Model {
    records: BTreeMap<(&'static str, Uuid), ExpectedRecord>,
}

impl Model {
    /// The expected state of a record.
    pub fn get(&self, collection: &'static str, id: Uuid) -> &ExpectedRecord {
        self.records.get(&(collection, id)).expect("programs change records that they created")
    }

    fn get_mut(&mut self, collection: &'static str, id: Uuid) -> &mut ExpectedRecord {
        self.records.get_mut(&(collection, id)).expect("programs change records that they created")
    }

    /// The records of a collection in a state.
    pub fn all(
        &self,
        collection: &'static str,
        state: State,
    ) -> impl Iterator<Item = (Uuid, &ExpectedRecord)> {
        let found = self
            .records
            .iter()
            .filter(move |((of, _), expected)| *of == collection && expected.state == state);
        found.map(|((_, id), expected)| (*id, expected))
    }

    /// The body of a record, without the times that the server sets.
    pub fn expected_body(&self, collection: &'static str, id: Uuid) -> Value {
        let expected = self.get(collection, id);
        let mut record = as_read(collection, &expected.sent);
        record["id"] = json!(id);
        record["version"] = json!(expected.version);
        match collection {
            "plans" => {
                record["status"] = json!(expected.status);
                record["number"] = json!(expected.numbers.len());
            }
            "use-events" => {
                record["entered_in_error"] = json!(expected.state == State::EnteredInError);
            }
            _ => {}
        }
        record
    }

    /// The body of the review of a use event.
    pub fn expected_review(&self, id: Uuid) -> Option<Value> {
        let (sent, version) = self.get("use-events", id).review.as_ref()?;
        let mut review = as_read("review", sent);
        review["id"] = json!(id);
        review["version"] = json!(version);
        Some(review)
    }

    /// The ids of a collection in the order of its list: newest first, by their time or date.
    pub fn in_order(&self, collection: &'static str) -> Vec<(DateTime<Utc>, Uuid)> {
        let mut all: Vec<_> = (self.all(collection, State::Live))
            .map(|(id, expected)| (sort_time(&expected.sent), id))
            .collect();
        all.sort_unstable_by(|one, other| other.cmp(one));
        all
    }

    /// Applies a step that the server acknowledged.
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Create { collection, id, body } => self.add(collection, *id, body),
            Step::Replay { .. } | Step::Conflict { .. } => {}
            Step::Replace { collection, id, change } => {
                let expected = self.get_mut(collection, *id);
                expected.sent = with_changes(&expected.sent, change);
                expected.version += 1;
                if *collection == "plans" {
                    expected.numbers.push(expected.sent.clone());
                }
            }
            Step::Delete { collection, id } => {
                let expected = self.get_mut(collection, *id);
                expected.version += 1;
                expected.state =
                    if *collection == "use-events" { State::EnteredInError } else { State::Deleted };
            }
            Step::Activate { id } => self.activate(*id),
            Step::PutReview { id, body } => {
                let review = &mut self.get_mut("use-events", *id).review;
                *review = Some((body.clone(), review.as_ref().map_or(1, |(_, version)| version + 1)));
            }
        }
    }

    fn add(&mut self, collection: &'static str, id: Uuid, body: &Value) {
        let expected = ExpectedRecord {
            sent: body.clone(),
            version: 1,
            state: State::Live,
            status: "draft",
            numbers: if collection == "plans" { vec![body.clone()] } else { vec![] },
            review: None,
        };
        let before = self.records.insert((collection, id), expected);
        assert!(before.is_none(), "programs choose each id once");
    }

    fn activate(&mut self, id: Uuid) {
        let kind = self.get("plans", id).sent["kind"].clone();
        for ((collection, other), expected) in &mut self.records {
            if *collection == "plans" && expected.sent["kind"] == kind {
                if *other == id {
                    expected.status = "active";
                    expected.version += 1;
                } else if expected.status == "active" {
                    expected.status = "archived";
                    expected.version += 1;
                }
            }
        }
    }
}

/// The time of a record, by which its collection is sorted.
fn sort_time(record: &Value) -> DateTime<Utc> {
    let text = |member: &str| record[member].as_str();
    let date = || ["started_on", "discharged_on", "on"].into_iter().find_map(text);
    let at = ["occurred_at", "starts_at"].into_iter().find_map(text);
    let at = at.map_or_else(|| date().map(|date| format!("{date}T00:00:00Z")), |at| Some(at.to_owned()));
    let at = at.expect("a moment or a date");
    DateTime::parse_from_rfc3339(&at).expect("a time").to_utc()
}
