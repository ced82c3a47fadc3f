//! The random changes of a person on a device.

use mainstay_tests::offline::{RecordKey, merge_into};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::history::History;

/// The collections of new records, each as often as its weight.
const KINDS: [&str; 15] = [
    "check-ins",
    "check-ins",
    "check-ins",
    "craving-events",
    "craving-events",
    "use-events",
    "goals",
    "support-contacts",
    "plans",
    "medications",
    "doses",
    "practice-sessions",
    "appointments",
    "referrals",
    "journal",
];

impl History {
    fn new_id(&mut self) -> Uuid {
        self.ids += 1;
        let time = u128::from(self.ids) << 80;
        let chance = u128::from(self.random.number()) & 0x3fff_ffff_ffff_ffff;
        Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0000 + time + chance)
    }

    /// A unique text for one change, by which the proof finds the change in the record.
    fn new_marker(&mut self) -> String {
        let marker = format!("marker {}", self.ledger.markers.len());
        self.ledger.markers.insert(marker.clone());
        marker
    }

    /// Makes a random change on a device.
    pub fn change(&mut self, n: usize) {
        let visible = self.devices[n].store.visible();
        match self.random.number() % 100 {
            0..45 if !visible.is_empty() => {
                let key = visible[self.random.index(visible.len())].clone();
                let mut change = json!({ marker_member(&key.0): self.new_marker() });
                if key.0 == "check-ins" && self.random.chance(60) {
                    let answer = self.random.pick(&["mood", "stress", "pain"]);
                    let value = json!(self.random.between(0, 10));
                    change["answers"] =
                        json!({ answer: if self.random.chance(20) { Value::Null } else { value } });
                }
                // The members that a merge does not name are whatever they are on the server. An upsert sends them along.
                if self.random.chance(50) {
                    self.devices[n].store.merge(key, change);
                } else {
                    let mut record = self.devices[n].store.view(&key).cloned().expect("it is visible");
                    merge_into(&mut record, &change);
                    self.devices[n].store.upsert(key, record);
                }
            }
            45..60 if !visible.is_empty() => {
                let key = visible[self.random.index(visible.len())].clone();
                self.devices[n].store.delete(key);
            }
            _ => self.create(n, &visible),
        }
    }

    /// Creates a random record, which may refer to visible records. Long because it has an arm for each collection.
    pub fn create(&mut self, n: usize, visible: &[RecordKey]) {
        let kind = self.random.pick(&KINDS);
        let visible_of =
            |kind: &str| -> Vec<&RecordKey> { visible.iter().filter(|key| key.0 == kind).collect() };
        let plans = visible_of("plans");
        let (medications, appointments) = (visible_of("medications"), visible_of("appointments"));
        let is_one_too_many = kind == "plans" && !plans.is_empty();
        if is_one_too_many || kind == "doses" && medications.is_empty() {
            return;
        }
        let (id, marker) = (self.new_id(), self.new_marker());
        let store = &self.devices[n].store;
        let plan = plans.first().and_then(|key| store.view(key));
        let item = |list: &str| plan.map(|plan| plan["content"][list][0]["id"].clone());
        let ids = |item: Option<Value>| json!(item.into_iter().collect::<Vec<_>>());
        let year = 2025 - self.devices[n].years_behind;
        let day = self.random.between(1, 28);
        // A third of the times are sent as instants, as generated clients do.
        let mut at = match day % 3 {
            0 => format!("{year}-03-{day:02}T11:00:00.5Z"),
            _ => format!("{year}-03-{day:02}T12:00:00.5+01:00"),
        };
        let mut record = match kind {
            "check-ins" => {
                if self.random.chance(3) {
                    "2199-01-01T00:00:00Z".clone_into(&mut at);
                }
                json!({ "kind": "momentary", "occurred_at": at, "answers": { "craving": day % 10 },
                    "trigger_ids": ids(item("triggers")), "warning_sign_ids": ids(item("warning_signs")) })
            }
            "craving-events" => {
                let strategy = match item("strategies") {
                    Some(id) => json!([{ "strategy_id": id, "before": 7, "after": 3 }]),
                    None => json!([{ "label": "tea" }]),
                };
                json!({ "occurred_at": at, "ratings": [{ "offset_s": 0, "value": 7 }], "outcome": "rode_it_out",
                    "trigger_ids": ids(item("triggers")), "strategy_uses": strategy })
            }
            "use-events" => {
                let craving = visible_of("craving-events").first().map(|key| key.1);
                json!({ "substance": "alcohol", "occurred_at": at, "craving_event_id": craving })
            }
            "goals" => {
                json!({ "substance": "alcohol", "kind": "abstain", "started_on": format!("{year}-01-01"), "status": "paused" })
            }
            "support-contacts" => {
                json!({ "name": "Robin", "relationship": "friend", "phone": "+12025550143" })
            }
            "medications" => {
                json!({ "class": "antagonist", "route": "oral", "schedule": "FREQ=DAILY", "covers_days": 1, "started_on": format!("{year}-01-01") })
            }
            "doses" => json!({ "medication_id": medications[0].1, "occurred_at": at, "status": "taken" }),
            "practice-sessions" => {
                let craving = visible_of("craving-events").first().map(|key| key.1);
                json!({ "practice": "urge-body-map", "minutes": day, "occurred_at": at, "craving_event_id": craving })
            }
            "appointments" => json!({ "kind": "counseling", "starts_at": at }),
            "referrals" => {
                json!({ "kind": "housing", "appointment_id": appointments.first().map(|key| key.1) })
            }
            "journal" => json!({ "occurred_at": at, "mood": day % 10 }),
            _ => {
                let contacts: Vec<Uuid> = visible_of("support-contacts").iter().map(|key| key.1).collect();
                json!({ "kind": "relapse_prevention", "content": {
                    "contact_ids": contacts,
                    "triggers": [{ "id": self.new_id(), "label": "Payday", "kind": "external" }],
                    "warning_signs": [{ "id": self.new_id(), "label": "Skipping meals", "stage": "emotional" }],
                    "strategies": [{ "id": self.new_id(), "label": "Walk", "category": "exercise" }],
                } })
            }
        };
        record[marker_member(kind)] = json!(marker);
        self.devices[n].store.upsert((kind.to_owned(), id), record);
    }
}

/// The member that holds the marker.
fn marker_member(kind: &str) -> &'static str {
    match kind {
        "plans" => "title",
        "medications" => "name",
        "doses" => "reason",
        "appointments" => "place",
        "referrals" => "to",
        "journal" => "text",
        _ => "note",
    }
}

/// The marker of a record's latest change.
pub fn marker(key: &RecordKey, record: &Value) -> String {
    record[marker_member(&key.0)].as_str().expect("a marker").to_owned()
}

/// Whether the server must reject a record.
pub fn is_invalid(record: Option<&Value>) -> bool {
    record.is_some_and(|record| record["occurred_at"].as_str().is_some_and(|at| at.starts_with("2199")))
}
