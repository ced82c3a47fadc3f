//! Builds the records of a program besides check-ins and cravings: doses, practice, meetings, appointments, thought
//! records, commitments, profiles, questionnaires and a journal. Many are completed or corrected on a later day.

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    calendar::{is_sunday, wire, wire_date},
    diary::Diary,
    phrases,
};

/// The questionnaire that every server has.
const A_LOOK_AT_THE_WEEK: &str = "b12f75b8-83fb-83f5-89eb-f4218a8459d9";
/// The options of its choice questions, in the order of their weights.
pub const HOW_OFTEN: [&str; 4] = ["never", "some-days", "most-days", "every-day"];

/// The weekly routine of a person. Times are minutes after midnight.
#[derive(Debug, Clone, Copy)]
pub struct Weeks {
    /// Meetings: day of the week (Monday is 0), time, programme, mode.
    pub meetings: &'static [(i64, i64, &'static str, &'static str)],
    /// Appointments: first day, days in between, time, kind, with.
    pub appointments: (i64, i64, i64, &'static str, &'static str),
    /// The time for writing in the evening.
    pub free: i64,
    /// The percentage of days with a practice session.
    pub practice: u64,
    /// The percentage of days with a commitment for the next day.
    pub commitments: u64,
    /// The percentage of days with a journal entry.
    pub journal: u64,
    /// The percentage of days with a thought record.
    pub thoughts: u64,
}

/// A medication that is taken at given times, from one day to another.
#[derive(Debug, Clone, Copy)]
struct Regimen {
    medication: Uuid,
    times: &'static [i64],
    days: (i64, i64),
}

/// A change of a record on a later day; without a change, the record is deleted.
#[derive(Debug, Clone)]
struct LaterChange {
    day: i64,
    collection: &'static str,
    id: Uuid,
    change: Option<Value>,
}

/// The care of one person, with the changes that are due on later days.
pub struct Care {
    weeks: Weeks,
    regimens: Vec<Regimen>,
    later: Vec<LaterChange>,
}

impl Care {
    /// Creates the care of a person with a weekly routine.
    pub const fn new(weeks: Weeks) -> Self {
        Self { weeks, regimens: Vec::new(), later: Vec::new() }
    }

    /// Creates a record, and schedules changes on later days.
    pub fn create_with_changes(
        &mut self,
        diary: &mut Diary,
        at: DateTime<FixedOffset>,
        collection: &'static str,
        body: Value,
        changes: &[(i64, Value)],
    ) -> Uuid {
        let id = diary.create(collection, at, body);
        for (day, change) in changes {
            self.change_on(*day, collection, id, change.clone());
        }
        id
    }

    /// Adds a medication that is taken at these times from its first to its last day.
    pub fn add_regimen(&mut self, medication: Uuid, times: &'static [i64], days: (i64, i64)) {
        self.regimens.push(Regimen { medication, times, days });
    }

    /// Schedules a change of a record.
    pub fn change_on(&mut self, day: i64, collection: &'static str, id: Uuid, change: Value) {
        let change = Some(change);
        self.later.push(LaterChange { day, collection, id, change });
    }

    /// Schedules the deletion of a record.
    pub fn delete_on(&mut self, day: i64, collection: &'static str, id: Uuid) {
        self.later.push(LaterChange { day, collection, id, change: None });
    }

    /// Adds the records of a day, after the changes that are due.
    pub fn day(&mut self, diary: &mut Diary, day: i64) {
        self.apply_due_changes(diary, day);
        for regimen in self.regimens.clone() {
            if (regimen.days.0..=regimen.days.1).contains(&day) {
                for minute in regimen.times {
                    self.dose(diary, regimen.medication, day, *minute);
                }
            }
        }
        let weeks = self.weeks;
        for (_, minute, programme, mode) in weeks.meetings.iter().filter(|meeting| meeting.0 == day % 7) {
            if diary.random.chance(80) {
                self.meeting(diary, day, *minute, programme, mode);
            }
        }
        if diary.random.chance(weeks.practice) {
            self.practice(diary, day);
        }
        if diary.random.chance(weeks.thoughts) {
            self.thought(diary, day);
        }
        if diary.random.chance(weeks.commitments) {
            self.commitment(diary, day);
        }
        if diary.random.chance(weeks.journal) {
            self.journal(diary, day);
        }
        self.occasional_records(diary, day);
    }

    fn apply_due_changes(&mut self, diary: &mut Diary, day: i64) {
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|later| later.day <= day);
        self.later = later;
        let mut due: Vec<LaterChange> = due;
        due.sort_by_key(|later| later.day);
        for LaterChange { collection, id, change, .. } in due {
            match change {
                Some(change) => diary.replace(collection, id, change),
                None => diary.delete(collection, id),
            }
        }
    }

    /// Appointments, profiles and questionnaires.
    fn occasional_records(&mut self, diary: &mut Diary, day: i64) {
        let (first, every, ..) = self.weeks.appointments;
        if day >= first && (day - first) % every == 0 {
            self.appointment(diary, day);
        }
        if day % 14 == 10 {
            self.profile(diary, day);
        }
        if is_sunday(day) && day % 2 == 0 {
            self.questionnaire(diary, day);
        }
    }

    fn dose(&mut self, diary: &mut Diary, medication: Uuid, day: i64, minute: i64) {
        let due = diary.clock.at(day, minute);
        let (status, minutes) = match diary.random.index(100) {
            0..80 => ("taken", diary.random.between(0, 40)),
            80..88 => ("late", diary.random.between(90, 300)),
            88..91 => ("skipped", 30),
            91..96 => ("missed", 600),
            // The dose is not recorded.
            _ => return,
        };
        let at = due + TimeDelta::minutes(minutes);
        let mut body = json!({ "medication_id": medication, "occurred_at": wire(at), "status": status });
        if diary.random.chance(60) {
            body["due_at"] = json!(wire(due));
        }
        if status == "skipped" {
            body["reason"] = json!(diary.random.pick(phrases::SKIP_REASONS));
        }
        let id = diary.create("doses", at, body.clone());
        if status == "missed" && diary.random.chance(40) {
            // The dose was found and taken later on the same day.
            let found = json!({ "status": "late", "occurred_at": wire(due + TimeDelta::minutes(420)), "observed": true });
            self.change_on(day + 1, "doses", id, found);
        }
        if diary.random.chance(3) {
            let twice = diary.create("doses", at, body);
            self.delete_on(day + 1, "doses", twice);
        }
    }

    fn meeting(&mut self, diary: &mut Diary, day: i64, minute: i64, programme: &str, mode: &str) {
        let at = diary.clock.at(day, minute);
        let role = diary.random.pick(&["attend", "attend", "share", "serve"]);
        let body = json!({ "programme": programme, "mode": mode, "role": role, "occurred_at": wire(at) });
        let id = diary.create("attendances", at, body);
        match diary.random.index(12) {
            0 => self.change_on(day + 1, "attendances", id, json!({ "role": "share", "mode": "phone" })),
            1 => self.delete_on(day + 1, "attendances", id),
            _ => {}
        }
    }

    fn practice(&mut self, diary: &mut Diary, day: i64) {
        let at = diary.clock.at(day, self.weeks.free - diary.random.between(20, 240));
        let mut body = json!({
            "occurred_at": wire(at), "practice": diary.random.pick(phrases::PRACTICES), "minutes": diary.random.between(3, 40),
            "guided": diary.random.chance(40),
        });
        for (before, after) in [("craving_before", "craving_after"), ("stress_before", "stress_after")] {
            if diary.random.chance(60) {
                let value = diary.random.between(2, 9);
                body[before] = json!(value);
                body[after] = json!((value - diary.random.between(-1, 4)).clamp(0, 10));
            }
        }
        if diary.random.chance(30) {
            body["craving_event_id"] = json!(diary.last_craving());
        }
        if diary.random.chance(15) {
            body["note"] = json!(diary.random.pick(phrases::NOTES));
        }
        let id = diary.create("practice-sessions", at, body);
        match diary.random.index(15) {
            0 => self.change_on(day + 2, "practice-sessions", id, json!({ "minutes": 12, "note": null })),
            1 => self.delete_on(day + 1, "practice-sessions", id),
            _ => {}
        }
    }

    /// A thought record, which is usually completed a day later.
    fn thought(&mut self, diary: &mut Diary, day: i64) {
        let at = diary.clock.at(day, self.weeks.free + 5);
        let (situation, thought, alternative) = diary.random.pick(phrases::THOUGHTS);
        let (belief, strength) = (diary.random.between(50, 100), diary.random.between(4, 10));
        let mut body = json!({
            "occurred_at": wire(at), "situation": situation, "thought": thought, "belief_before": belief,
            "emotions": [{ "name": "Angst", "before": strength }, { "name": "shame", "before": 3 }],
        });
        if diary.random.chance(60) {
            body["distortions"] = json!([diary.random.pick(phrases::DISTORTIONS), "other"]);
        }
        let id = diary.create("thought-records", at, body);
        if diary.random.chance(75) {
            let completed = json!({
                "evidence_for": "It was like that once.", "evidence_against": "Three times since it was not.",
                "alternative": alternative, "belief_after": belief - diary.random.between(0, 50),
                "emotions": [{ "name": "Angst", "before": strength, "after": strength - diary.random.between(0, 4) }],
            });
            self.change_on(day + 1, "thought-records", id, completed);
        } else if diary.random.chance(50) {
            self.delete_on(day + 3, "thought-records", id);
        }
    }

    /// A commitment for the next day. Some never get an outcome.
    fn commitment(&mut self, diary: &mut Diary, day: i64) {
        let at = diary.clock.at(day, self.weeks.free + 30);
        let text = diary.random.pick(phrases::COMMITMENTS);
        let body = json!({ "text": text, "on": wire_date(day + 1) });
        let id = diary.create("commitments", at, body);
        match diary.random.index(20) {
            0..11 => self.change_on(day + 1, "commitments", id, json!({ "outcome": "kept" })),
            11..13 => self.change_on(day + 1, "commitments", id, json!({ "outcome": "not_kept" })),
            13 => self.change_on(day + 2, "commitments", id, json!({ "outcome": "unsure" })),
            14 => self.change_on(day + 1, "commitments", id, json!({ "on": wire_date(day + 2) })),
            15 => self.delete_on(day + 1, "commitments", id),
            _ => {}
        }
    }

    fn journal(&mut self, diary: &mut Diary, day: i64) {
        let at = diary.clock.at(day, self.weeks.free + diary.random.between(31, 55));
        let text =
            format!("{} {}", diary.random.pick(phrases::NOTES), diary.random.pick(phrases::CRAVING_NOTES));
        let mut body = json!({ "occurred_at": wire(at), "text": text });
        if diary.random.chance(60) {
            body["mood"] = json!(diary.random.between(1, 9));
        }
        let id = diary.create("journal", at, body);
        match diary.random.index(8) {
            0 => self.change_on(
                day + 1,
                "journal",
                id,
                json!({ "text": format!("{text} I slept on it."), "mood": null }),
            ),
            1 => self.delete_on(day + 2, "journal", id),
            _ => {}
        }
    }

    /// Makes the next appointment on the day of the last one.
    fn appointment(&mut self, diary: &mut Diary, day: i64) {
        let (_, every, minute, kind, with) = self.weeks.appointments;
        let made_at = diary.clock.at(day, minute + 60);
        let starts = diary.clock.at(day + every, minute);
        let mut body = json!({ "kind": kind, "starts_at": wire(starts), "with": with });
        if diary.random.chance(50) {
            body["place"] = json!("Second floor, the green door");
            body["status"] = Value::Null;
        }
        let became = match diary.random.index(8) {
            0 => json!({ "status": "missed" }),
            1 => json!({ "status": "cancelled", "place": null }),
            2 => json!({ "starts_at": wire(starts + TimeDelta::minutes(90)), "status": "kept" }),
            _ => json!({ "status": "kept" }),
        };
        self.create_with_changes(diary, made_at, "appointments", body, &[(day + every, became)]);
    }

    fn profile(&mut self, diary: &mut Diary, day: i64) {
        let at = diary.clock.at(day, self.weeks.free + 58);
        let rated = |diary: &mut Diary| -> Value {
            let rates = phrases::CATEGORIES.iter();
            rates.map(|category| ((*category).to_owned(), json!(diary.random.between(10, 95)))).collect()
        };
        let body = json!({ "occurred_at": wire(at), "confidence": rated(diary) });
        let id = diary.create("self-efficacy-profiles", at, body);
        match diary.random.index(5) {
            0 => {
                let again = json!({ "confidence": rated(diary) });
                self.change_on(day + 1, "self-efficacy-profiles", id, again);
            }
            1 => {
                // The tablet has a duplicate.
                let body = json!({ "occurred_at": wire(at), "confidence": rated(diary) });
                let twice = diary.create("self-efficacy-profiles", at, body);
                self.delete_on(day + 1, "self-efficacy-profiles", twice);
            }
            _ => {}
        }
    }

    /// A questionnaire that is begun on Sunday and completed the next day. No answer causes a safety note.
    fn questionnaire(&mut self, diary: &mut Diary, day: i64) {
        let at = diary.clock.at(day, self.weeks.free + 59);
        let mut answers: Vec<Value> = [("rest", 3), ("company", 3), ("calm", 3), ("too-much", 2)]
            .iter()
            .map(|(link, most)| {
                let chosen = HOW_OFTEN[diary.random.index(most + 1)];
                json!({ "link_id": link, "value_coding": { "code": chosen } })
            })
            .collect();
        let begun = json!({
            "questionnaire_id": A_LOOK_AT_THE_WEEK, "status": "in_progress", "occurred_at": wire(at), "answers": answers[..2],
        });
        if diary.random.chance(70) {
            answers.push(json!({ "link_id": "confidence", "value_integer": diary.random.between(0, 10) }));
        }
        let completed = json!({ "status": "completed", "answers": answers });
        self.create_with_changes(diary, at, "questionnaire-responses", begun, &[(day + 1, completed)]);
    }
}
