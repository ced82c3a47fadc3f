//! Builds a program day by day: check-ins and cravings, with corrections, deletions, repeated requests and lost
//! responses.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Program, Step,
    calendar::{Clock, day_of, id, is_sunday, slot, wire},
    phrases,
    plan_items::PlanItems,
    random::Random,
};

/// The daily routine of a person. Times are minutes after midnight, and may lie after the next midnight.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// The time of getting up.
    pub up: i64,
    /// The time of going to bed.
    pub to_bed: i64,
    /// The least and the greatest number of momentary check-ins.
    pub momentary: (i64, i64),
    /// The least and the greatest number of cravings.
    pub cravings: (i64, i64),
    /// The approximate strength of cravings.
    pub strength: i64,
    /// The answer on medication in the morning.
    pub medication: Option<&'static str>,
}

/// A record that may still be corrected or deleted.
#[derive(Debug, Clone, Copy)]
struct Entry {
    collection: &'static str,
    /// The kind of a check-in.
    kind: &'static str,
    id: Uuid,
    at: DateTime<FixedOffset>,
}

/// A program under construction.
pub struct Diary {
    /// Random numbers.
    pub random: Random,
    /// The local time of the person.
    pub clock: Clock,
    /// Plan items that records may refer to.
    pub items: PlanItems,
    substance: &'static str,
    steps: Vec<Step>,
    lost_responses: BTreeSet<usize>,
    created: Vec<usize>,
    /// The days on which use began or ended.
    use_days: BTreeSet<i64>,
    recent: Vec<Entry>,
    slots: HashMap<String, Uuid>,
}

impl Diary {
    /// Creates an empty diary.
    pub fn new(seed: u64, clock: Clock, substance: &'static str) -> Self {
        Self {
            random: Random::new(seed),
            clock,
            items: PlanItems::default(),
            substance,
            steps: Vec::new(),
            lost_responses: BTreeSet::new(),
            created: Vec::new(),
            use_days: BTreeSet::new(),
            recent: Vec::new(),
            slots: HashMap::new(),
        }
    }

    /// Completes the program.
    pub fn program(self, name: &'static str, registration: Value) -> Program {
        Program { name, registration, steps: self.steps, lost_responses: self.lost_responses }
    }

    /// A new id for a time.
    pub fn id(&mut self, at: DateTime<FixedOffset>) -> Uuid {
        id(at, &mut self.random)
    }

    fn push(&mut self, step: Step) {
        if self.random.chance(3) {
            self.lost_responses.insert(self.steps.len());
        }
        self.steps.push(step);
    }

    /// Creates a record. A few of them are sent twice.
    pub fn create(&mut self, collection: &'static str, at: DateTime<FixedOffset>, body: Value) -> Uuid {
        let id = self.id(at);
        if collection == "use-events" {
            let days =
                ["occurred_at", "ended_at"].map(|member| body[member].as_str().map(|at| day_of(&at[..10])));
            self.use_days.extend(days.into_iter().flatten());
        }
        self.created.push(self.steps.len());
        self.push(Step::Create { collection, id, body });
        if self.random.chance(2) {
            let index = self.created[self.created.len() - 1];
            self.push(Step::Replay { index });
        }
        id
    }

    /// Changes members of a record.
    pub fn replace(&mut self, collection: &'static str, id: Uuid, change: Value) {
        self.push(Step::Replace { collection, id, change });
    }

    /// Deletes a record.
    pub fn delete(&mut self, collection: &'static str, id: Uuid) {
        self.recent.retain(|entry| entry.id != id);
        self.slots.retain(|_, existing| *existing != id);
        self.push(Step::Delete { collection, id });
    }

    /// Activates a plan.
    pub fn activate(&mut self, id: Uuid) {
        self.push(Step::Activate { id });
    }

    /// Creates or replaces the review of a use event.
    pub fn review(&mut self, id: Uuid, body: Value) {
        self.push(Step::PutReview { id, body });
    }

    /// Adds the records of an ordinary day.
    pub fn day(&mut self, day: i64, habits: &Habits) {
        let up = self.clock.at(day, habits.up + self.random.between(0, 35));
        let mut morning = Map::from_iter([
            ("sleep_minutes".to_owned(), json!(self.random.between(240, 540))),
            ("sleep_quality".to_owned(), json!(self.random.between(2, 9))),
            ("risky_situation_expected".to_owned(), json!(self.random.between(0, 8))),
        ]);
        let has_used = self.use_days.contains(&(day - 1));
        morning.insert("used_yesterday".to_owned(), json!(if has_used { "yes" } else { "no" }));
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
        self.correct_earlier_records(habits);
    }

    /// Adds a check-in. If its slot is taken, the request is expected to conflict.
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
            body["trigger_ids"] = json!(self.pick_items(|items| &items.triggers, 2));
        }
        if self.random.chance(20) {
            body["warning_sign_ids"] = json!(self.pick_items(|items| &items.signs, 2));
        }
        if self.random.chance(30) {
            body["note"] = json!(self.random.pick(phrases::NOTES));
        }
        if self.random.chance(15) {
            body["tags"] = json!([self.random.pick(phrases::TAGS), "again"]);
        }
        if self.random.chance(10) {
            // Null means the same as leaving it out.
            body["answers"]["withdrawal"] = Value::Null;
        }
        let slot = slot(kind, at);
        if let Some(existing) = slot.as_ref().and_then(|slot| self.slots.get(slot).copied()) {
            let id = self.id(at);
            self.push(Step::Conflict { id, body, existing });
            return;
        }
        let also_elsewhere = slot.is_some() && self.random.chance(4);
        let id = self.create("check-ins", at, body.clone());
        if let Some(slot) = slot {
            self.slots.insert(slot, id);
        }
        if also_elsewhere {
            // The tablet, which was offline, has a check-in for the same slot.
            body["answers"]["craving"] = json!((craving + 1) % 11);
            let second = self.id(at);
            self.push(Step::Conflict { id: second, body, existing: id });
        }
        self.recent.push(Entry { collection: "check-ins", kind, id, at });
    }

    /// Adds a craving. Most are reported when they are over, others when they begin, and completed later.
    pub fn craving(&mut self, at: DateTime<FixedOffset>, strength: i64) -> Uuid {
        let peak = (strength + self.random.between(-2, 3)).clamp(1, 10);
        let minutes = self.random.between(3, 55);
        let mut ratings = vec![json!({ "offset_s": 0, "value": (peak - 1).max(0) })];
        let mut offset = 0;
        for value in [peak, peak - 2, peak - 4].into_iter().take(self.random.index(4)) {
            offset += self.random.between(30, minutes * 20);
            ratings.push(json!({ "offset_s": offset, "value": value.max(0) }));
        }
        let mut report = json!({
            "substance": self.substance, "occurred_at": wire(at), "ended_at": wire(at + TimeDelta::minutes(minutes)),
            "ratings": ratings, "category": self.random.pick(phrases::CATEGORIES), "outcome": "rode_it_out", "acted": false,
        });
        if self.random.chance(60) {
            report["place"] = json!(self.random.pick(phrases::PLACES));
            report["company"] = json!(self.random.pick(phrases::COMPANY));
        }
        if self.random.chance(50) {
            report["trigger_ids"] = json!(self.pick_items(|items| &items.triggers, 3));
        }
        if self.random.chance(30) {
            report["note"] = json!(self.random.pick(phrases::CRAVING_NOTES));
        }
        let uses: Vec<Value> = (0..self.random.between(0, 3)).map(|_| self.strategy_use(at, peak)).collect();
        if !uses.is_empty() {
            report["strategy_uses"] = json!(uses);
        }
        let id = if self.random.chance(35) {
            let open =
                json!({ "substance": self.substance, "occurred_at": wire(at), "ratings": [ratings[0]] });
            let id = self.create("craving-events", at, open);
            // The person never completes the others.
            if self.random.chance(85) {
                self.replace("craving-events", id, report);
            }
            id
        } else {
            self.create("craving-events", at, report)
        };
        self.recent.push(Entry { collection: "craving-events", kind: "", id, at });
        id
    }

    fn strategy_use(&mut self, at: DateTime<FixedOffset>, before: i64) -> Value {
        let after = (before - self.random.between(-1, 5)).clamp(0, 10);
        let mut strategy_use = match self.random.index(4) {
            0 | 1 if !self.items.strategies.is_empty() => {
                json!({ "strategy_id": self.random.pick(&self.items.strategies.clone()) })
            }
            2 => json!({ "label": self.random.pick(phrases::OWN_STRATEGIES) }),
            _ => json!({ "practice": self.random.pick(phrases::PRACTICES) }),
        };
        if self.random.chance(80) {
            strategy_use["id"] = json!(self.id(at));
        }
        if self.random.chance(80) {
            strategy_use["before"] = json!(before);
            strategy_use["after"] = json!(after);
        }
        if self.random.chance(50) {
            strategy_use["helped"] = json!(after < before);
            strategy_use["seconds"] = json!(self.random.between(20, 1800));
        }
        strategy_use
    }

    /// Up to `max` different items.
    fn pick_items(&mut self, list: fn(&PlanItems) -> &Vec<Uuid>, max: usize) -> Vec<Uuid> {
        let mut all = list(&self.items).clone();
        let count = 1 + self.random.index(max);
        while all.len() > count {
            all.remove(self.random.index(all.len()));
        }
        all
    }

    /// The latest craving that may still be corrected.
    pub fn last_craving(&self) -> Option<Uuid> {
        let cravings = self.recent.iter().rev().find(|entry| entry.kind.is_empty());
        cravings.map(|entry| entry.id)
    }

    /// Corrects, deletes and resends a few earlier records.
    fn correct_earlier_records(&mut self, habits: &Habits) {
        let keep = self.recent.len().saturating_sub(40);
        self.recent.drain(..keep);
        for _ in 0..2 {
            if !self.recent.is_empty() && self.random.chance(45) {
                let entry = self.recent[self.random.index(self.recent.len())];
                self.correct(entry);
            }
        }
        if !self.recent.is_empty() && self.random.chance(35) {
            let entry = self.recent[self.random.index(self.recent.len())];
            self.delete(entry.collection, entry.id);
            // Its slot is free again.
            if matches!(entry.kind, "morning" | "evening") {
                self.check_in(entry.kind, entry.at, habits, Map::new());
            }
        }
        for _ in 0..2 {
            if !self.created.is_empty() && self.random.chance(30) {
                let index = self.created[self.random.index(self.created.len())];
                self.push(Step::Replay { index });
            }
        }
    }

    fn correct(&mut self, entry: Entry) {
        let mut change = json!({ "note": self.random.pick(phrases::CORRECTIONS) });
        match (entry.collection, self.random.index(4)) {
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
