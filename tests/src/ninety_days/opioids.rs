//! The program of a person who has a monthly injection against opioids: night shifts, travel across time zones, and a
//! change of the clocks.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Program,
    calendar::{DAYS, TRAVELS, day_of, wire, wire_date},
    care::{Care, Weeks},
    diary::{Diary, Habits},
    plans::{Outline, plan, with_item},
};

/// Gets up in the afternoon, and goes to bed after the shift, on the next date.
const ON_SHIFT: Habits = Habits {
    up: 15 * 60 + 10,
    to_bed: 31 * 60 + 20,
    momentary: (10, 16),
    cravings: (1, 3),
    strength: 4,
    medication: Some("not_due"),
};

const OFF: Habits = Habits { up: 9 * 60, to_bed: 23 * 60 + 10, ..ON_SHIFT };

const WEEKS: Weeks = Weeks {
    meetings: &[(2, 14 * 60, "na", "online"), (6, 18 * 60, "na", "in_person")],
    appointments: (4, 28, 16 * 60, "medication", "Dr. Ito"),
    free: 20 * 60,
    practice: 40,
    commitments: 35,
    journal: 40,
    thoughts: 10,
};

/// The days of the injections. The third was due three days earlier.
const INJECTIONS: [i64; 4] = [2, 30, 61, 89];

const OUTLINE: Outline = Outline {
    title: "Nights and days",
    reasons: &["My sister's wedding.", "To be there when they call."],
    triggers: &[
        ("The end of a double shift", "external", "physical_discomfort"),
        ("Back pain", "internal", "physical_discomfort"),
        ("Old numbers in the phone", "external", "social_pressure"),
    ],
    signs: &[
        ("Not answering messages", "emotional"),
        ("Thinking of the good times only", "mental"),
        ("Cash in the jacket", "physical"),
    ],
    strategies: &[
        ("Cold water on the hands", "grounding", "cool-water-hands"),
        ("Text the night group", "call_someone", "two-line-text"),
        ("Feet on the floor of the van", "grounding", ""),
    ],
    situations: &[
        ("Hotel room, wide awake", "unpleasant_emotions"),
        ("Waiting for the pharmacy", "urges_and_temptations"),
    ],
    lapse_response: &[
        "Never alone. Naloxone beside me. Call Noor.",
        "Tell the clinic before the next injection.",
    ],
    environment: &["New number, old contacts gone."],
    routines: &["Eat before the shift.", "Blackout curtains."],
    naloxone: "In the left pocket of the bag; Noor knows how to give it.",
    safety_steps: &[],
};

const SAFETY: Outline = Outline {
    title: "If it gets dark",
    signs: &[("No sleep for two days", "emotional")],
    strategies: &[("Shower, then tea", "self_care", "warm-comfort")],
    safety_steps: &[
        (1, "Everything sounds far away."),
        (2, "Shower, tea, the green playlist."),
        (3, "The all-night diner."),
        (4, "Noor, then my sister."),
        (5, "The clinic's night line."),
        (6, "Tablets stay with Noor."),
    ],
    ..Outline {
        title: "",
        reasons: &[],
        triggers: &[],
        signs: &[],
        strategies: &[],
        situations: &[],
        lapse_response: &[],
        environment: &[],
        routines: &[],
        naloxone: "",
        safety_steps: &[],
    }
};

/// The ninety days.
pub fn program() -> Program {
    let mut diary = Diary::new(0x0b10_1d50, TRAVELS, "opioid_fentanyl");
    let noor = beginning(&mut diary);
    let mut care = Care::new(WEEKS);
    let injection = medication(&mut diary, &mut care);
    other_help(&mut diary, &mut care);
    let away = day_of("2026-10-18")..=day_of("2026-11-07");
    for day in 0..DAYS {
        let habits = if away.contains(&day) || day % 7 >= 5 { OFF } else { ON_SHIFT };
        diary.day(day, &habits);
        care.day(&mut diary, day);
        if INJECTIONS.contains(&day) {
            let injection_answers =
                Map::from_iter([("medication".to_owned(), json!("all")), ("pain".to_owned(), json!(3))]);
            let at = TRAVELS.at(day, 16 * 60 + 45);
            diary.check_in("momentary", at, &habits, injection_answers);
            let status = if day == 61 { "late" } else { "taken" };
            let dose = json!({ "medication_id": injection, "occurred_at": wire(at), "status": status, "observed": true });
            diary.create("doses", at, dose);
        }
        if day == day_of("2026-09-03") {
            night(&mut diary, day, noor);
        }
        if day == day_of("2026-10-24") {
            night_of_the_change(&mut diary, day);
        }
    }
    diary.program(
        "opioids",
        json!({
            "email": "sasha@example.org", "display_name": "Sasha", "time_zone": "America/Chicago", "country": "US", "locale": "en-US",
            "device_name": "work phone",
        }),
    )
}

/// Contacts, goals, both plans, and the days before the first injection.
fn beginning(diary: &mut Diary) -> Uuid {
    let at = TRAVELS.at(0, 14 * 60);
    let noor = diary.create(
        "support-contacts",
        at,
        json!({
            "name": "Noor", "relationship": "peer", "phone": "+13125550188", "position": 1, "in_crisis": true,
            "time_zone": "America/Chicago", "availability": [{ "days": [1, 2, 3, 4, 5, 6, 7], "from": "06:00", "to": "06:00" }],
        }),
    );
    let clinic = diary.create(
        "support-contacts",
        at,
        json!({
            "name": "Dr. Ito", "relationship": "prescriber", "phone": "+13125550111", "email": "clinic@example.org",
            "preferred_channel": "call", "availability": [{ "days": [1, 3, 5], "from": "08:30", "to": "16:00" }], "position": 3,
        }),
    );
    diary.create(
        "goals",
        at,
        json!({ "substance": "opioid_fentanyl", "kind": "abstain", "started_on": wire_date(-45), "label": "Never alone again" }),
    );
    diary.create(
        "goals",
        at,
        json!({ "substance": "opioid_prescription", "kind": "harm_reduction", "started_on": wire_date(0), "status": "paused" }),
    );
    let body = plan(diary, at, "relapse_prevention", &OUTLINE, &[noor, clinic]);
    let nights = diary.create("plans", at, body.clone());
    diary.activate(nights);
    let safety = plan(diary, at, "safety", &SAFETY, &[noor]);
    let safety = diary.create("plans", at, safety);
    diary.activate(safety);
    let item = json!({ "id": diary.id(at), "text": "Sunglasses on the way home." });
    diary.replace("plans", nights, json!({ "content": with_item(&body["content"], "routines", item) }));
    for day in 0..2 {
        let at = TRAVELS.at(day, 15 * 60);
        let tablets = json!({
            "substance": "opioid_prescription", "occurred_at": wire(at), "amount": 8, "unit": "other", "unit_label": "mg", "as_prescribed": true,
            "note": "As the clinic said, until the injection.",
        });
        diary.create("use-events", at, tablets);
    }
    noor
}

/// Tablets until the first injection, lozenges for a few weeks, and a monthly injection.
fn medication(diary: &mut Diary, care: &mut Care) -> Uuid {
    let at = TRAVELS.at(0, 13 * 60);
    let tablets = json!({
        "name": "Buprenorphine/naloxone", "class": "partial_agonist", "dose": "8 mg", "route": "sublingual",
        "schedule": "FREQ=DAILY;BYHOUR=16", "covers_days": 1, "started_on": wire_date(0),
    });
    let ended = json!({ "status": "stopped", "ended_on": wire_date(2) });
    let tablets = care.create_with_changes(diary, at, "medications", tablets, &[(3, ended)]);
    care.add_regimen(tablets, &[16 * 60], (0, 2));
    let four_a_day = json!({
        "name": "Nicotine lozenges", "class": "other", "route": "oral", "schedule": "FREQ=DAILY;BYHOUR=9,13,17,21", "covers_days": 1,
        "started_on": wire_date(60),
    });
    let lozenges = diary.create("medications", TRAVELS.at(60, 14 * 60), four_a_day);
    care.add_regimen(lozenges, &[17 * 60, 21 * 60], (60, 80));
    let paused = json!({ "status": "paused", "dose": "2 mg" });
    care.change_on(81, "medications", lozenges, paused);
    let injection = json!({
        "name": "Buprenorphine, monthly", "class": "partial_agonist", "dose": "300 mg", "route": "injection",
        "schedule": "FREQ=DAILY;BYHOUR=16", "covers_days": 28, "started_on": wire_date(2),
    });
    let lower = json!({ "dose": "100 mg" });
    let injection = care.create_with_changes(diary, at, "medications", injection, &[(61, lower)]);
    let due = TRAVELS.at(58, 16 * 60);
    let away = json!({
        "medication_id": injection, "occurred_at": wire(due), "due_at": wire(due), "status": "missed", "reason": "On the road until Friday.",
    });
    let id = diary.create("doses", due, away);
    care.change_on(59, "doses", id, json!({ "reason": "The clinic was told." }));
    injection
}

/// The transition out of residential care, a referral, and feedback on warnings.
fn other_help(diary: &mut Diary, care: &mut Care) {
    let at = TRAVELS.at(0, 13 * 60 + 30);
    let home = json!({
        "from_level": "residential", "to_level": "office_based", "discharged_on": wire_date(-3), "status": "in_progress",
        "follow_ups": [{ "due_on": wire_date(0), "done_on": wire_date(0) }, { "due_on": wire_date(27) }],
    });
    let back = json!({
        "status": "closed", "follow_ups": [{ "due_on": wire_date(0), "done_on": wire_date(0) }, { "due_on": wire_date(27), "done_on": wire_date(26) }],
    });
    care.create_with_changes(diary, at, "transitions", home, &[(26, back)]);
    let mistaken =
        json!({ "from_level": "residential", "to_level": "detox", "discharged_on": wire_date(-3) });
    let mistaken = diary.create("transitions", at, mistaken);
    care.delete_on(1, "transitions", mistaken);
    let housing = json!({ "kind": "housing", "to": "Lakeside rooms", "reason": "Quiet by day.", "status": "requested" });
    care.create_with_changes(
        diary,
        at,
        "referrals",
        housing,
        &[
            (12, json!({ "status": "declined", "next_step": "Ask again in spring." })),
            (40, json!({ "status": "closed", "next_step": Value::Null })),
        ],
    );
    let silent = json!({ "rule": "sleep", "kind": "mute", "note": "I work nights." });
    diary.create("warning-feedback", at, silent);
    let away = json!({ "rule": "gone_quiet", "kind": "mute", "muted_until": wire(TRAVELS.at(89, 0)) });
    let away = diary.create("warning-feedback", at, away);
    care.delete_on(70, "warning-feedback", away);
    let helped = json!({ "rule": "recent_use", "kind": "helpful" });
    care.create_with_changes(
        diary,
        at,
        "warning-feedback",
        helped,
        &[(20, json!({ "note": "Noor saw it first." }))],
    );
}

/// A use event that spans two dates, with a review, and a mistaken entry that is deleted.
fn night(diary: &mut Diary, day: i64, noor: Uuid) {
    let at = TRAVELS.at(day, 23 * 60 + 20);
    let craving = diary.craving(at - TimeDelta::minutes(50), 8);
    let event = diary.create(
        "use-events",
        at,
        json!({
            "substance": "opioid_heroin", "occurred_at": wire(at), "ended_at": wire(at + TimeDelta::minutes(190)),
            "self_label": "slip", "category": "physical_discomfort", "trigger_ids": diary.items.triggers,
            "warning_sign_ids": [diary.items.signs[2]], "craving_event_id": craving,
            "feelings": { "guilt": 9, "shame": 9, "felt_control": 1 }, "harm": "none", "note": "Noor came over and stayed.",
        }),
    );
    diary.review(
        event,
        json!({
            "situation": "After the double shift.", "what_helped": "Noor.",
            "proposed_items": [{ "section": "environment", "label": "No double shifts in the injection's last week", "note": "Ask Dr. Ito." }],
        }),
    );
    diary.replace("craving-events", craving, json!({ "outcome": "used", "acted": true }));
    let doubt = TRAVELS.at(day + 1, 20 * 60);
    let dream =
        json!({ "substance": "opioid_heroin", "occurred_at": wire(doubt), "note": "It was a dream." });
    let dream = diary.create("use-events", doubt, dream);
    diary.delete("use-events", dream);
    diary.replace(
        "support-contacts",
        noor,
        json!({ "note": "Has the second key.", "notify_on": ["support_request", "use_event"] }),
    );
}

/// A use event in London, from before midnight until after the clocks went back.
fn night_of_the_change(diary: &mut Diary, day: i64) {
    let begun = TRAVELS.at(day, 23 * 60 + 40);
    let ended = TRAVELS.show((begun + TimeDelta::minutes(160)).to_utc());
    assert_ne!(begun.offset(), ended.offset(), "the clocks go back in between");
    let event = diary.create(
        "use-events",
        begun,
        json!({
            "substance": "opioid_prescription", "occurred_at": wire(begun), "ended_at": wire(ended), "amount": 0.5, "unit": "pill",
            "self_label": "lapse", "feelings": { "shame": 4 },
        }),
    );
    diary.replace("use-events", event, json!({ "amount": 1, "harm": "none" }));
    for at in TRAVELS.moments(day + 1, 90) {
        diary.check_in("momentary", at, &OFF, Map::new());
    }
}
