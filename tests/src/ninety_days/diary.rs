//! Writes a program: days as they are lived, with all that goes wrong between a phone and a server.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Program, Step,
    calendar::{Clock, id, is_sunday, slot, wire},
    phrases,
    plans::Items,
    random::Random,
};

/// How a person's days go. Times are minutes after midnight and may lie beyond the end of the day.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// When the day begins.
    pub up: i64,
    /// When it ends.
    pub to_bed: i64,
    /// Fewest and most check-ins in between.
    pub momentary: (i64, i64),
    /// Fewest and most cravings.
    pub cravings: (i64, i64),
    /// How strong they are, about.
    pub strength: i64,
    /// What there is to say on medication.
    pub medication: Option<&'static str>,
}

/// A record that may still be corrected or taken back.
#[derive(Debug, Clone, Copy)]
struct Entry {
    collection: &'static str,
    /// The kind of a check-in.
    kind: &'static str,
    id: Uuid,
    at: DateTime<FixedOffset>,
}

/// A program that is being written.
pub struct Diary {
    /// Chance.
    pub random: Random,
    /// The clock that the person goes by.
    pub clock: Clock,
    /// Plan items that records may name.
    pub items: Items,
    substance: &'static str,
    steps: Vec<Step>,
    unheard: BTreeSet<usize>,
    created: Vec<usize>,
    recent: Vec<Entry>,
    slots: HashMap<String, Uuid>,
}

impl Diary {
    /// An empty one.
    pub fn new(seed: u64, clock: Clock, substance: &'static str) -> Self {
        Self {
            random: Random::new(seed),
            clock,
            items: Items::default(),
            substance,
            steps: Vec::new(),
            unheard: BTreeSet::new(),
            created: Vec::new(),
            recent: Vec::new(),
            slots: HashMap::new(),
        }
    }

    /// The program as written.
    pub fn program(self, name: &'static str, registration: Value) -> Program {
        Program { name, registration, steps: self.steps, unheard: self.unheard }
    }

    /// A new id for that moment.
    pub fn id(&mut self, at: DateTime<FixedOffset>) -> Uuid {
        id(at, &mut self.random)
    }

    fn push(&mut self, step: Step) {
        if self.random.chance(3) {
            self.unheard.insert(self.steps.len());
        }
        self.steps.push(step);
    }

    /// A new record; now and then it is sent twice.
    pub fn create(&mut self, collection: &'static str, at: DateTime<FixedOffset>, body: Value) -> Uuid {
        let id = self.id(at);
        self.created.push(self.steps.len());
        self.push(Step::Create { collection, id, body });
        if self.random.chance(2) {
            let index = self.created[self.created.len() - 1];
            self.push(Step::Replay { index });
        }
        id
    }

    /// Other members of a record.
    pub fn replace(&mut self, collection: &'static str, id: Uuid, change: Value) {
        self.push(Step::Replace { collection, id, change });
    }

    /// A record is taken back.
    pub fn delete(&mut self, collection: &'static str, id: Uuid) {
        self.recent.retain(|entry| entry.id != id);
        self.slots.retain(|_, holder| *holder != id);
        self.push(Step::Delete { collection, id });
    }

    /// A plan comes in use.
    pub fn activate(&mut self, id: Uuid) {
        self.push(Step::Activate { id });
    }

    /// A use event is looked back on.
    pub fn review(&mut self, id: Uuid, body: Value) {
        self.push(Step::PutReview { id, body });
    }

    /// A day like any other.
    pub fn day(&mut self, day: i64, habits: &Habits) {
        let up = self.clock.at(day, habits.up + self.random.between(0, 35));
        let mut morning = Map::from_iter([
            ("sleep_minutes".to_owned(), json!(self.random.between(240, 540))),
            ("sleep_quality".to_owned(), json!(self.random.between(2, 9))),
            ("risky_situation_expected".to_owned(), json!(self.random.between(0, 8))),
        ]);
        if let Some(medication) = habits.medication {
            morning.insert("medication".to_owned(), json!(medication));
        }
        self.check_in("morning", up, habits, morning);
        let mut moments: Vec<(i64, bool)> = Vec::new();
        for (craving, (least, most)) in [(false, habits.momentary), (true, habits.cravings)] {
            for _ in 0..self.random.between(least, most) {
                let minute = self.random.between(habits.up + 40, habits.to_bed - 20);
                moments.push((minute, craving));
            }
        }
        moments.sort_unstable();
        for (minute, craving) in moments {
            let at = self.clock.at(day, minute) + TimeDelta::milliseconds(self.random.between(0, 59_999));
            if craving {
                self.craving(at, habits.strength);
            } else {
                self.check_in("momentary", at, habits, Map::new());
            }
        }
        let to_bed = self.clock.at(day, habits.to_bed + self.random.between(0, 20));
        let evening = Map::from_iter([
            ("craving_max".to_owned(), json!(self.random.between(0, 10))),
            ("used".to_owned(), json!("no")),
            ("support_contacted".to_owned(), json!(self.random.chance(45))),
            ("meeting_attended".to_owned(), json!(self.random.chance(20))),
            ("social".to_owned(), json!(self.random.between(1, 9))),
        ]);
        self.check_in("evening", to_bed, habits, evening);
        if is_sunday(day) {
            let weekly = Map::from_iter([
                ("importance".to_owned(), json!(self.random.between(6, 10))),
                ("readiness".to_owned(), json!(self.random.between(5, 10))),
                ("difficulty".to_owned(), json!(self.random.between(1, 5))),
            ]);
            self.check_in("weekly", to_bed + TimeDelta::minutes(2), habits, weekly);
        }
        self.second_thoughts(habits);
    }

    /// A check-in, if its place is free; else the phone learns who holds it.
    pub fn check_in(
        &mut self,
        kind: &'static str,
        at: DateTime<FixedOffset>,
        habits: &Habits,
        answers: Map<String, Value>,
    ) {
        let mut answers = answers;
        let craving = (habits.strength + self.random.between(-3, 2)).clamp(0, 10);
        answers.insert("craving".to_owned(), json!(craving));
        for name in ["mood", "stress", "self_efficacy", "hungry", "angry", "lonely", "tired", "pain"] {
            if self.random.chance(55) {
                answers.insert(name.to_owned(), json!(self.random.between(0, 10)));
            }
        }
        let mut body = json!({ "kind": kind, "occurred_at": wire(at), "answers": answers });
        if self.random.chance(25) {
            body["trigger_ids"] = json!(self.some(|items| &items.triggers, 2));
        }
        if self.random.chance(20) {
            body["warning_sign_ids"] = json!(self.some(|items| &items.signs, 2));
        }
        if self.random.chance(30) {
            body["note"] = json!(self.random.pick(phrases::NOTES));
        }
        if self.random.chance(15) {
            body["tags"] = json!([self.random.pick(phrases::TAGS), "again"]);
        }
        if self.random.chance(10) {
            // Spelt out, it is the same as left out.
            body["answers"]["withdrawal"] = Value::Null;
        }
        let slot = slot(kind, at);
        if let Some(holder) = slot.as_ref().and_then(|slot| self.slots.get(slot).copied()) {
            let id = self.id(at);
            self.push(Step::Collide { id, body, holder });
            return;
        }
        let also_elsewhere = slot.is_some() && self.random.chance(4);
        let id = self.create("check-ins", at, body.clone());
        if let Some(slot) = slot {
            self.slots.insert(slot, id);
        }
        if also_elsewhere {
            // The tablet asked too, and was offline.
            body["answers"]["craving"] = json!((craving + 1) % 11);
            let second = self.id(at);
            self.push(Step::Collide { id: second, body, holder: id });
        }
        self.recent.push(Entry { collection: "check-ins", kind, id, at });
    }

    /// A craving: reported when it is over, or when it begins and then completed.
    pub fn craving(&mut self, at: DateTime<FixedOffset>, strength: i64) -> Uuid {
        let peak = (strength + self.random.between(-2, 3)).clamp(1, 10);
        let minutes = self.random.between(3, 55);
        let mut ratings = vec![json!({ "offset_s": 0, "value": (peak - 1).max(0) })];
        let mut offset = 0;
        for value in [peak, peak - 2, peak - 4].into_iter().take(self.random.place(4)) {
            offset += self.random.between(30, minutes * 20);
            ratings.push(json!({ "offset_s": offset, "value": value.max(0) }));
        }
        let mut whole = json!({
            "substance": self.substance, "occurred_at": wire(at), "ended_at": wire(at + TimeDelta::minutes(minutes)),
            "ratings": ratings, "category": self.random.pick(phrases::CATEGORIES), "outcome": "rode_it_out", "acted": false,
        });
        if self.random.chance(60) {
            whole["place"] = json!(self.random.pick(phrases::PLACES));
            whole["company"] = json!(self.random.pick(phrases::COMPANY));
        }
        if self.random.chance(50) {
            whole["trigger_ids"] = json!(self.some(|items| &items.triggers, 3));
        }
        if self.random.chance(30) {
            whole["note"] = json!(self.random.pick(phrases::CRAVING_NOTES));
        }
        let uses: Vec<Value> = (0..self.random.between(0, 3)).map(|_| self.strategy_use(at, peak)).collect();
        if !uses.is_empty() {
            whole["strategy_uses"] = json!(uses);
        }
        let id = if self.random.chance(35) {
            let open =
                json!({ "substance": self.substance, "occurred_at": wire(at), "ratings": [ratings[0]] });
            let id = self.create("craving-events", at, open);
            // Some are never closed by the person.
            if self.random.chance(85) {
                self.replace("craving-events", id, whole);
            }
            id
        } else {
            self.create("craving-events", at, whole)
        };
        self.recent.push(Entry { collection: "craving-events", kind: "", id, at });
        id
    }

    fn strategy_use(&mut self, at: DateTime<FixedOffset>, before: i64) -> Value {
        let after = (before - self.random.between(-1, 5)).clamp(0, 10);
        let mut tried = match self.random.place(4) {
            0 | 1 if !self.items.strategies.is_empty() => {
                json!({ "strategy_id": self.random.pick(&self.items.strategies.clone()) })
            }
            2 => json!({ "label": self.random.pick(phrases::OWN_WAYS) }),
            _ => json!({ "practice": self.random.pick(phrases::PRACTICES) }),
        };
        if self.random.chance(80) {
            tried["id"] = json!(self.id(at));
        }
        if self.random.chance(80) {
            tried["before"] = json!(before);
            tried["after"] = json!(after);
        }
        if self.random.chance(50) {
            tried["helped"] = json!(after < before);
            tried["seconds"] = json!(self.random.between(20, 1800));
        }
        tried
    }

    /// Up to `most` different items.
    fn some(&mut self, of: fn(&Items) -> &Vec<Uuid>, most: usize) -> Vec<Uuid> {
        let mut all = of(&self.items).clone();
        let count = 1 + self.random.place(most);
        while all.len() > count {
            all.remove(self.random.place(all.len()));
        }
        all
    }

    /// The latest craving that may still be corrected.
    pub fn last_craving(&self) -> Option<Uuid> {
        let cravings = self.recent.iter().rev().find(|entry| entry.kind.is_empty());
        cravings.map(|entry| entry.id)
    }

    /// Earlier records are corrected, taken back, or sent again by a phone that did not hear the answer.
    fn second_thoughts(&mut self, habits: &Habits) {
        let keep = self.recent.len().saturating_sub(40);
        self.recent.drain(..keep);
        for _ in 0..2 {
            if !self.recent.is_empty() && self.random.chance(45) {
                let entry = self.recent[self.random.place(self.recent.len())];
                self.correct(entry);
            }
        }
        if !self.recent.is_empty() && self.random.chance(35) {
            let entry = self.recent[self.random.place(self.recent.len())];
            self.delete(entry.collection, entry.id);
            // The place that it held is free again.
            if matches!(entry.kind, "morning" | "evening") {
                self.check_in(entry.kind, entry.at, habits, Map::new());
            }
        }
        for _ in 0..2 {
            if !self.created.is_empty() && self.random.chance(30) {
                let index = self.created[self.random.place(self.created.len())];
                self.push(Step::Replay { index });
            }
        }
    }

    fn correct(&mut self, entry: Entry) {
        let mut change = json!({ "note": self.random.pick(phrases::CORRECTIONS) });
        match (entry.collection, self.random.place(4)) {
            ("check-ins", 0) => {
                change["answers"] = json!({ "craving": self.random.between(0, 10), "mood": 5 });
            }
            ("check-ins", 1) => change = json!({ "note": null, "tags": [] }),
            ("craving-events", 0) => {
                change["ratings"] = json!([{ "offset_s": 0, "value": self.random.between(0, 10) }]);
            }
            // It was some minutes earlier; a place that belongs to the date is not left.
            ("craving-events", 1) => {
                change["occurred_at"] =
                    json!(wire(entry.at - TimeDelta::minutes(self.random.between(1, 90))));
            }
            _ => {}
        }
        self.replace(entry.collection, entry.id, change);
    }
}
