//! The program of a person in Berlin who tapers nicotine: planned uses, and days without any record.

use serde_json::{Map, json};

use super::{
    Program,
    calendar::{BERLIN, DAYS, day_of, wire, wire_date},
    care::{Care, Weeks},
    diary::{Diary, Habits},
    plans::{Outline, plan},
};

const HABITS: Habits = Habits {
    up: 7 * 60 + 10,
    to_bed: 23 * 60,
    momentary: (11, 17),
    cravings: (1, 4),
    strength: 6,
    medication: Some("some"),
};

const WEEKS: Weeks = Weeks {
    meetings: &[(0, 18 * 60 + 30, "Rauchfrei-Gruppe", "phone")],
    appointments: (8, 21, 10 * 60, "primary_care", "Praxis Aydın"),
    free: 20 * 60 + 30,
    practice: 50,
    commitments: 60,
    journal: 25,
    thoughts: 15,
};

/// First and last days without any record.
const GAPS: [(&str, &str); 3] =
    [("2026-09-14", "2026-09-18"), ("2026-10-09", "2026-10-11"), ("2026-11-03", "2026-11-03")];

const FIRST: Outline = Outline {
    title: "Weniger, Schritt für Schritt",
    reasons: &["Treppen ohne Pause.", "Das Geld für die Reise."],
    triggers: &[
        ("Kaffee nach dem Essen", "external", "urges_and_temptations"),
        ("Pause mit den anderen", "external", "social_pressure"),
        ("Ärger", "internal", "unpleasant_emotions"),
    ],
    signs: &[("Eine Schachtel „für alle Fälle“", "physical"), ("Ungeduld mit allen", "emotional")],
    strategies: &[("Zähne putzen", "self_care", ""), ("Eine Runde um den Block", "exercise", "brisk-ten")],
    situations: &[("Grillen im Hof", "pleasant_times_with_others")],
    lapse_response: &["Weiter mit dem nächsten Schritt des Plans."],
    environment: &["Aschenbecher weg."],
    routines: &["Wasser statt der ersten Zigarette."],
    naloxone: "",
    safety_steps: &[],
};

const SECOND: Outline = Outline {
    title: "Die letzten fünf",
    triggers: &[("Feierabend", "external", "pleasant_emotions")],
    signs: &[("Rechnen, wann die nächste erlaubt ist", "mental")],
    strategies: &[("Langsam ausatmen", "breathing", "longer-out-breath")],
    ..FIRST
};

/// The ninety days. Long because it tells one story in its order.
pub fn program() -> Program {
    let mut diary = Diary::new(0x21c0_714e, BERLIN, "nicotine");
    let at = BERLIN.at(0, 6 * 60 + 30);
    let jule = diary.create(
        "support-contacts",
        at,
        json!({
            "name": "Jule", "relationship": "partner", "phone": "+4930901820", "email": "jule@example.org",
            "preferred_channel": "text", "availability": [{ "days": [6, 7], "from": "22:00", "to": "02:00" }],
        }),
    );
    let goal = diary.create(
        "goals",
        at,
        json!({
            "substance": "nicotine", "kind": "taper", "unit": "cigarette", "started_on": wire_date(0),
            "taper": [
                { "from": wire_date(0), "max_units_per_day": 12 }, { "from": wire_date(21), "max_units_per_day": 8 },
                { "from": wire_date(49), "max_units_per_day": 4.5 }, { "from": wire_date(77), "max_units_per_day": 0 },
            ],
            "baseline": { "units_per_day": 18.0, "cost_minor_per_day": 720, "currency": "EUR" },
        }),
    );
    let body = plan(&mut diary, at, "relapse_prevention", &FIRST, &[jule]);
    let first = diary.create("plans", at, body);
    diary.activate(first);
    let sketch = plan(&mut diary, at, "relapse_prevention", &FIRST, &[]);
    let sketch = diary.create("plans", at, sketch);
    diary.delete("plans", sketch);
    let mut care = Care::new(WEEKS);
    patches(&mut diary, &mut care);
    for day in
        (0..DAYS).filter(|day| GAPS.iter().all(|(from, to)| !(day_of(from)..=day_of(to)).contains(day)))
    {
        diary.day(day, &HABITS);
        care.day(&mut diary, day);
        if day % 3 == 1 {
            as_planned(&mut diary, day);
        }
        if day == day_of("2026-10-05") {
            // A new plan is activated, and the first one stays.
            let at = BERLIN.at(day, 20 * 60);
            let body = plan(&mut diary, at, "relapse_prevention", &SECOND, &[jule]);
            let second = diary.create("plans", at, body);
            diary.activate(second);
            diary.replace("goals", goal, json!({ "note": "Der letzte Schritt eine Woche später.", "taper": [
                { "from": wire_date(0), "max_units_per_day": 12 }, { "from": wire_date(21), "max_units_per_day": 8 },
                { "from": wire_date(49), "max_units_per_day": 4.5 }, { "from": wire_date(84), "max_units_per_day": 0 },
            ] }));
        }
        if day == day_of("2026-10-24") {
            // The night in which the clocks go back: the same local time twice.
            for at in BERLIN.moments(day + 1, 150) {
                diary.check_in("momentary", at, &HABITS, Map::new());
            }
        }
    }
    let reached = json!({ "status": "achieved", "ended_on": wire_date(DAYS - 1) });
    diary.replace("goals", goal, reached);
    diary.program(
        "nicotine",
        json!({
            "email": "kim@example.org", "display_name": "Kim", "time_zone": "Europe/Berlin", "country": "DE", "locale": "de-DE",
        }),
    )
}

/// Patches in three strengths, and feedback on warnings.
fn patches(diary: &mut Diary, care: &mut Care) {
    let at = BERLIN.at(0, 6 * 60 + 40);
    let patch = json!({
        "name": "Nikotinpflaster", "class": "other", "dose": "21 mg/24 h", "route": "transdermal", "schedule": "FREQ=DAILY;BYHOUR=7;BYMINUTE=30",
        "covers_days": 1, "started_on": wire_date(0),
    });
    let patch = care.create_with_changes(
        diary,
        at,
        "medications",
        patch,
        &[
            (28, json!({ "dose": "14 mg/24 h" })),
            (42, json!({ "dose": "7 mg/24 h" })),
            (61, json!({ "status": "completed", "ended_on": wire_date(60) })),
        ],
    );
    care.add_regimen(patch, &[7 * 60 + 30], (0, 60));
    let course = json!({ "kind": "course", "to": "Volkshochschule", "status": "draft" });
    let course = care.create_with_changes(
        diary,
        at,
        "referrals",
        course,
        &[(4, json!({ "status": "requested" })), (33, json!({ "status": "accepted" }))],
    );
    care.delete_on(60, "referrals", course);
    let wrong = json!({ "rule": "low_mood", "kind": "wrong", "note": "Nur müde." });
    diary.create("warning-feedback", at, wrong);
    let silent = json!({ "rule": "recent_use", "kind": "mute" });
    care.create_with_changes(
        diary,
        at,
        "warning-feedback",
        silent,
        &[(9, json!({ "muted_until": wire(BERLIN.at(77, 0)) }))],
    );
}

/// A cigarette that the taper allows.
fn as_planned(diary: &mut Diary, day: i64) {
    let at = BERLIN.at(day, 12 * 60 + diary.random.between(0, 300));
    let event = json!({
        "substance": "nicotine", "occurred_at": wire(at), "amount": diary.random.between(1, 4), "unit": "cigarette",
        "self_label": "planned_use", "trigger_ids": [diary.items.triggers[0]],
    });
    let id = diary.create("use-events", at, event);
    if diary.random.chance(20) {
        diary.replace(
            "use-events",
            id,
            json!({ "amount": 2, "category": "urges_and_temptations", "trigger_ids": null }),
        );
    }
    if diary.random.chance(8) {
        diary.delete("use-events", id);
    }
}
