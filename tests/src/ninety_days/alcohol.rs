//! The program of a person in New York who stops drinking alcohol: two lapses with reviews, changes of the plan after
//! each, and a new goal.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Program,
    calendar::{DAYS, NEW_YORK, day_of, wire, wire_date},
    care::{Care, Weeks},
    diary::{Diary, Habits},
    plans::{Outline, plan, with_item},
};

const HABITS: Habits = Habits {
    up: 6 * 60 + 40,
    to_bed: 22 * 60 + 50,
    momentary: (10, 16),
    cravings: (1, 3),
    strength: 5,
    medication: Some("all"),
};

const WEEKS: Weeks = Weeks {
    meetings: &[(1, 19 * 60, "aa", "in_person"), (4, 12 * 60 + 15, "smart", "online")],
    appointments: (3, 14, 15 * 60 + 30, "counseling", "Dr. Okafor"),
    free: 21 * 60,
    practice: 45,
    commitments: 50,
    journal: 30,
    thoughts: 12,
};

const OUTLINE: Outline = Outline {
    title: "Staying well",
    reasons: &["Breakfast with my daughter.", "Mornings that belong to me."],
    triggers: &[
        ("Payday", "external", "pleasant_emotions"),
        ("The bar on the corner", "external", "urges_and_temptations"),
        ("Feeling left out", "internal", "unpleasant_emotions"),
        ("Arguments with my brother", "external", "interpersonal_conflict"),
    ],
    signs: &[
        ("Skipping meals", "emotional"),
        ("Telling myself that one is fine", "mental"),
        ("Walking past the shop on purpose", "physical"),
    ],
    strategies: &[
        ("Walk along the river", "mindful_walking", ""),
        ("Surf the wave", "urge_surfing", "urge-surfing-wave"),
        ("Call Robin", "call_someone", "call-before"),
    ],
    situations: &[("Friday evening alone", "unpleasant_emotions"), ("Drinks after work", "social_pressure")],
    lapse_response: &["Stop, get somewhere safe, call Robin.", "Sleep, then look at it with kind eyes."],
    environment: &["No bottles at home."],
    routines: &["Up at seven, also on Sundays."],
    naloxone: "",
    safety_steps: &[],
};

/// The ninety days.
pub fn program() -> Program {
    let mut diary = Diary::new(0x00a1_c0a1, NEW_YORK, "alcohol");
    let (goal, plan, mut content) = beginning(&mut diary);
    let mut care = Care::new(WEEKS);
    medication(&mut diary, &mut care);
    other_help(&mut diary, &mut care);
    for day in 0..DAYS {
        diary.day(day, &HABITS);
        care.day(&mut diary, day);
        if day == day_of("2026-09-12") {
            content = first_lapse(&mut diary, day, goal, plan, &content);
        }
        if day == day_of("2026-10-17") {
            content = second_lapse(&mut diary, day, goal, plan, &content);
        }
        if day == day_of("2026-10-31") {
            // The night in which the clocks go back: the same local time twice.
            for at in NEW_YORK.moments(day + 1, 90) {
                diary.check_in("momentary", at, &HABITS, Map::new());
            }
        }
        if day > day_of("2026-10-24") && day % 5 == 0 {
            planned_glass(&mut diary, day);
        }
    }
    diary.program(
        "alcohol",
        json!({
            "email": "avery@example.org", "display_name": "Avery", "time_zone": "America/New_York", "country": "US",
            "locale": "en-US", "device_name": "phone",
        }),
    )
}

/// Contacts, the goal, and a plan that is activated.
fn beginning(diary: &mut Diary) -> (Uuid, Uuid, Value) {
    let at = NEW_YORK.at(0, 6 * 60);
    let robin = diary.create(
        "support-contacts",
        at,
        json!({
            "name": "Robin", "relationship": "sponsor", "phone": "+12025550143", "position": 1, "in_crisis": true,
            "availability": [{ "days": [1, 2, 3, 4, 5], "from": "17:00", "to": "23:30" }], "time_zone": "America/New_York",
            "notify_on": ["support_request"], "note": "Met at the Tuesday group.",
        }),
    );
    let dana = diary.create(
        "support-contacts",
        at,
        json!({ "name": "Dana", "relationship": "family", "email": "dana@example.org", "position": 2 }),
    );
    let old = diary.create(
        "support-contacts",
        at,
        json!({ "name": "Old number", "relationship": "friend", "phone": "+12025550100" }),
    );
    let goal = diary.create(
        "goals",
        at,
        json!({
            "substance": "alcohol", "kind": "abstain", "unit": "standard_drink", "started_on": wire_date(0), "note": "For the mornings with my daughter.",
            "baseline": { "units_per_day": 6, "cost_minor_per_day": 1450, "currency": "USD", "minutes_per_day": 180 },
        }),
    );
    let mut body = plan(diary, at, "relapse_prevention", &OUTLINE, &[robin, dana, old]);
    body["review_on"] = json!(wire_date(42));
    let draft = diary.create("plans", at, body.clone());
    // A better title, before the plan is activated.
    body["title"] = json!("Staying well, together");
    diary.replace("plans", draft, json!({ "title": body["title"] }));
    diary.activate(draft);
    diary.delete("support-contacts", old);
    (goal, draft, body["content"].clone())
}

/// Naltrexone each morning, and after the second lapse acamprosate three times a day.
fn medication(diary: &mut Diary, care: &mut Care) {
    let at = NEW_YORK.at(1, 16 * 60);
    let daily = json!({
        "name": "Naltrexone", "class": "antagonist", "dose": "50 mg", "route": "oral", "schedule": "FREQ=DAILY;BYHOUR=8",
        "covers_days": 1, "started_on": wire_date(2),
    });
    let naltrexone = care.create_with_changes(
        diary,
        at,
        "medications",
        daily.clone(),
        &[(30, json!({ "rxnorm": "7243" }))],
    );
    care.add_regimen(naltrexone, &[8 * 60], (2, DAYS - 1));
    // A duplicate from the list of the pharmacy, under another name.
    let mut twice = daily;
    twice["name"] = json!("Naltrexone hydrochloride");
    let twice = diary.create("medications", at, twice);
    care.delete_on(3, "medications", twice);
    let second = day_of("2026-10-20");
    let thrice = json!({
        "name": "Acamprosate", "class": "alcohol_anticraving", "dose": "666 mg", "route": "oral",
        "schedule": "FREQ=DAILY;BYHOUR=8,14,20", "covers_days": 1, "started_on": wire_date(second), "status": null,
    });
    let acamprosate = diary.create("medications", NEW_YORK.at(second, 7 * 60), thrice);
    care.add_regimen(acamprosate, &[8 * 60, 14 * 60, 20 * 60], (second, second + 13));
    let completed = json!({ "status": "completed", "ended_on": wire_date(second + 13) });
    care.change_on(second + 14, "medications", acamprosate, completed);
}

/// The way from the ward to the day programme, and feedback on warnings.
fn other_help(diary: &mut Diary, care: &mut Care) {
    let at = NEW_YORK.at(0, 11 * 60);
    let done = |upto: usize| -> Value {
        let days = [1, 3, 7, 14, 30].into_iter().enumerate();
        days.map(|(n, day)| {
            let done_on = (n < upto).then(|| wire_date(day));
            json!({ "due_on": wire_date(day), "done_on": done_on })
        })
        .collect()
    };
    let ward =
        json!({ "from_level": "detox", "to_level": "intensive_outpatient", "discharged_on": wire_date(0) });
    care.create_with_changes(
        diary,
        at,
        "transitions",
        ward,
        &[
            (1, json!({ "status": "in_progress", "follow_ups": done(1) })),
            (7, json!({ "follow_ups": done(3) })),
            (30, json!({ "status": "stabilised", "follow_ups": done(5), "to_level": "outpatient" })),
        ],
    );
    let intake = json!({ "kind": "intake", "starts_at": wire(NEW_YORK.at(5, 9 * 60)), "with": "Riverside day programme" });
    let intake =
        care.create_with_changes(diary, at, "appointments", intake, &[(5, json!({ "status": "kept" }))]);
    let referral = json!({ "kind": "intensive_outpatient", "to": "Riverside day programme", "next_step": "Call on Monday." });
    care.create_with_changes(
        diary,
        at,
        "referrals",
        referral,
        &[
            (1, json!({ "status": "waitlisted", "reason": "Three days a week, after the ward." })),
            (3, json!({ "status": "scheduled", "appointment_id": intake, "next_step": null })),
            (5, json!({ "status": "attended" })),
        ],
    );
    let dentist = diary.create(
        "referrals",
        at,
        json!({ "kind": "primary_care", "to": "Dentist", "status": "requested" }),
    );
    care.delete_on(9, "referrals", dentist);
    let helped =
        json!({ "rule": "craving_peak", "kind": "helpful", "note": "I called before it was an eight." });
    diary.create("warning-feedback", at, helped);
    let quiet = json!({ "rule": "sleep", "kind": "mute", "muted_until": wire(NEW_YORK.at(40, 0)) });
    let quiet = care.create_with_changes(
        diary,
        at,
        "warning-feedback",
        quiet,
        &[(20, json!({ "muted_until": wire(NEW_YORK.at(30, 0)), "note": "The baby upstairs." }))],
    );
    care.delete_on(31, "warning-feedback", quiet);
    let wrong = json!({ "rule": "isolation", "kind": "wrong" });
    diary.create("warning-feedback", at, wrong);
}

fn first_lapse(diary: &mut Diary, day: i64, goal: Uuid, plan: Uuid, content: &Value) -> Value {
    let at = NEW_YORK.at(day, 22 * 60 + 40);
    let craving = diary.craving(at - TimeDelta::minutes(30), 8);
    let triggers = [diary.items.triggers[1], diary.items.triggers[2]];
    let event = diary.create(
        "use-events",
        at,
        json!({
            "substance": "alcohol", "occurred_at": wire(at), "ended_at": wire(at + TimeDelta::minutes(150)), "amount": 4.5,
            "unit": "standard_drink", "self_label": "lapse", "category": "social_pressure", "trigger_ids": triggers,
            "craving_event_id": craving, "feelings": { "guilt": 6, "shame": 5, "felt_control": 4 }, "harm": "none",
            "note": "A birthday. I called Robin on the way home.",
        }),
    );
    diary.replace("craving-events", craving, json!({ "outcome": "used", "acted": true }));
    diary.replace("goals", goal, json!({ "status": "paused" }));
    let item = diary.id(at);
    diary.review(
        event,
        json!({
            "situation": "A birthday at the old bar.", "vulnerabilities": "Little sleep, and I had skipped dinner.",
            "thoughts": "One will be fine.", "feelings": "Left out, then cheerful, then sad.",
            "proposed_items": [{ "id": item, "section": "warning_signs", "label": "Skipping dinner before a party" }],
        }),
    );
    diary.review(
        event,
        json!({
            "situation": "A birthday at the old bar, from nine on.", "vulnerabilities": "Little sleep, and I had skipped dinner.",
            "thoughts": "One will be fine.", "feelings": "Left out, then cheerful, then sad.",
            "what_helped": "Leaving, and calling Robin.", "what_to_change": "Eat before I go out; leave with a friend at ten.",
            "proposed_items": [{ "id": item, "section": "warning_signs", "label": "Skipping dinner before a party" }],
        }),
    );
    diary.items.signs.push(item);
    let sign = json!({ "id": item, "label": "Skipping dinner before a party", "stage": "emotional" });
    let content = with_item(content, "warning_signs", sign);
    diary.replace("plans", plan, json!({ "content": content, "review_on": wire_date(day + 28) }));
    diary.replace("goals", goal, json!({ "status": "active", "note": "Going on, with dinner first." }));
    content
}

fn second_lapse(diary: &mut Diary, day: i64, goal: Uuid, plan: Uuid, content: &Value) -> Value {
    let at = NEW_YORK.at(day, 21 * 60 + 5);
    let entry = json!({
        "substance": "alcohol", "occurred_at": wire(at), "ended_at": wire(at + TimeDelta::minutes(220)), "amount": 7,
        "unit": "standard_drink", "self_label": "no_label", "category": "interpersonal_conflict",
        "feelings": { "guilt": 8, "shame": 7, "felt_control": 2 }, "harm": "unknown",
    });
    let event = diary.create("use-events", at, entry.clone());
    // The tablet recorded it too, under another id, and the duplicate is deleted.
    let twice = diary.create("use-events", at, entry);
    diary.delete("use-events", twice);
    diary.replace("use-events", event, json!({ "amount": 6, "note": "Counted again the next day." }));
    diary.review(
        event,
        json!({ "thoughts": "It does not matter now.", "what_to_change": "Call before, not after." }),
    );
    let strategy = diary.id(at);
    diary.items.strategies.push(strategy);
    let item = json!({
        "id": strategy, "label": "Ten minutes on the balcony", "category": "delay", "practice": "fifteen-minute-delay",
    });
    let content = with_item(content, "strategies", item);
    diary.replace("plans", plan, json!({ "content": content, "title": "Staying well, once more" }));
    let stopped = json!({ "status": "stopped", "ended_on": wire_date(day + 1), "note": "Another way fits me better now." });
    diary.replace("goals", goal, stopped);
    diary.create(
        "goals",
        NEW_YORK.at(day + 1, 600),
        json!({
            "substance": "alcohol", "label": "Weekends", "kind": "reduce", "unit": "standard_drink", "started_on": wire_date(day + 2),
            "limits": { "units_per_day": 2, "units_per_week": 6, "heavy_day_units": 4 },
        }),
    );
    content
}

fn planned_glass(diary: &mut Diary, day: i64) {
    let at = NEW_YORK.at(day, 19 * 60 + 30);
    let glass = json!({
        "substance": "alcohol", "occurred_at": wire(at), "amount": 1.5, "unit": "standard_drink", "self_label": "planned_use",
        "category": "pleasant_times_with_others",
    });
    diary.create("use-events", at, glass);
}
