//! What the person does on a device.

use mainstay_tests::offline::Place;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::history::History;

/// The collections, as often as they are chosen.
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

    fn new_word(&mut self) -> String {
        let word = format!("word {}", self.ledger.words.len());
        self.ledger.words.insert(word.clone());
        word
    }

    /// The person does something on a device.
    pub fn change(&mut self, n: usize) {
        let visible = self.devices[n].store.visible();
        match self.random.number() % 100 {
            0..45 if !visible.is_empty() => {
                let place = visible[self.random.place(visible.len())].clone();
                let mut record = self.devices[n].store.view(&place).cloned().expect("it is visible");
                record[word_member(&place.0)] = json!(self.new_word());
                if place.0 == "check-ins" && self.random.chance(40) {
                    record["answers"]["mood"] = json!(self.random.between(0, 10));
                }
                self.devices[n].store.upsert(place, record);
            }
            45..60 if !visible.is_empty() => {
                let place = visible[self.random.place(visible.len())].clone();
                self.devices[n].store.delete(place);
            }
            _ => self.make(n, &visible),
        }
    }

    /// The person makes something new, which may refer to what is visible.
    pub fn make(&mut self, n: usize, visible: &[Place]) {
        let kind = self.random.pick(&KINDS);
        let of = |kind: &str| -> Vec<&Place> { visible.iter().filter(|place| place.0 == kind).collect() };
        let plans = of("plans");
        let (medications, appointments) = (of("medications"), of("appointments"));
        let is_one_too_many = kind == "plans" && !plans.is_empty();
        if is_one_too_many || kind == "doses" && medications.is_empty() {
            return;
        }
        let (id, word) = (self.new_id(), self.new_word());
        let store = &self.devices[n].store;
        let plan = plans.first().and_then(|place| store.view(place));
        let item = |list: &str| plan.map(|plan| plan["content"][list][0]["id"].clone());
        let ids = |item: Option<Value>| json!(item.into_iter().collect::<Vec<_>>());
        let year = 2025 - self.devices[n].behind;
        let day = self.random.between(1, 28);
        let mut at = format!("{year}-03-{day:02}T12:00:00.5+01:00");
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
                let craving = of("craving-events").first().map(|place| place.1);
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
                let craving = of("craving-events").first().map(|place| place.1);
                json!({ "practice": "urge-body-map", "minutes": day, "occurred_at": at, "craving_event_id": craving })
            }
            "appointments" => json!({ "kind": "counseling", "starts_at": at }),
            "referrals" => {
                json!({ "kind": "housing", "appointment_id": appointments.first().map(|place| place.1) })
            }
            "journal" => json!({ "occurred_at": at, "mood": day % 10 }),
            _ => {
                let contacts: Vec<Uuid> = of("support-contacts").iter().map(|place| place.1).collect();
                json!({ "kind": "relapse_prevention", "content": {
                    "contact_ids": contacts,
                    "triggers": [{ "id": self.new_id(), "label": "Payday", "kind": "external" }],
                    "warning_signs": [{ "id": self.new_id(), "label": "Skipping meals", "stage": "emotional" }],
                    "strategies": [{ "id": self.new_id(), "label": "Walk", "category": "exercise" }],
                } })
            }
        };
        record[word_member(kind)] = json!(word);
        self.devices[n].store.upsert((kind.to_owned(), id), record);
    }
}

/// The member that tells one change of a record from another.
fn word_member(kind: &str) -> &'static str {
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

/// What tells this state of a record from every other.
pub fn word(place: &Place, record: &Value) -> String {
    record[word_member(&place.0)].as_str().expect("a word").to_owned()
}

/// A change that the server must reject.
pub fn is_bad(record: Option<&Value>) -> bool {
    record.is_some_and(|record| record["occurred_at"].as_str().is_some_and(|at| at.starts_with("2199")))
}
