//! Safety notes: every danger of the table brings its note with every kind of help, and its nearest neighbour does not.

use chrono::{TimeDelta, Timelike};
use mainstay_tests::{Person, TestApp, both_engines};
use serde_json::{Value, json};

use crate::{insight::insight, questionnaire::import_fixture};

both_engines!(
    lower_tolerance_brings_its_note_with_every_help,
    a_drug_that_may_hold_fentanyl_brings_its_note_with_every_help,
    stopping_at_once_brings_its_note_with_every_help,
    depressants_together_bring_their_note_with_every_help,
    harm_and_feeling_unsafe_bring_their_notes_with_every_help,
    the_event_itself_brings_its_note_however_long_ago_it_was,
    the_answer_of_the_event_itself_counts_for_its_help,
    a_medication_that_was_stopped_brings_no_note_for_ever,
    every_note_names_helplines_of_the_persons_country_and_nothing_mutes_it,
);

/// A record to be stored: its collection and its body.
type Stored = (&'static str, Value);

fn ago(app: &TestApp, minutes: i64) -> String {
    (app.clock.now() - TimeDelta::minutes(minutes)).to_rfc3339()
}

fn days_ago(app: &TestApp, days: i64) -> String {
    ago(app, days * 24 * 60)
}

fn date(app: &TestApp, days_ago: i64) -> String {
    (app.clock.now() - TimeDelta::days(days_ago)).date_naive().to_string()
}

fn minutes_since_midnight(app: &TestApp) -> i64 {
    i64::from(app.clock.now().num_seconds_from_midnight() / 60)
}

fn used(substance: &str, at: String) -> Stored {
    ("use-events", json!({ "substance": substance, "occurred_at": at }))
}

fn craved(substance: &str, at: String) -> Stored {
    (
        "craving-events",
        json!({ "substance": substance, "occurred_at": at, "ratings": [{ "offset_s": 0, "value": 7 }] }),
    )
}

/// Adds members to a record.
fn with(mut stored: Stored, members: Value) -> Stored {
    for (name, value) in members.as_object().expect("an object") {
        stored.1[name] = value.clone();
    }
    stored
}

/// Registers a person in the zone UTC who has stored these records.
async fn person_with_records(app: &TestApp, records: &[Stored]) -> Person {
    let sam = app.person_in_utc().await;
    for (collection, body) in records {
        sam.post(&format!("/v1/{collection}"), body).await.expect(201);
    }
    sam
}

/// The topics of notes, each of which must have a text and begin its helplines with an emergency number.
fn topics(notes: &Value) -> Vec<String> {
    let notes = notes.as_array().expect("notes");
    for note in notes {
        assert!(note["text"].as_str().is_some_and(|text| text.len() > 100), "{note}");
        assert_eq!(note["helplines"][0]["topic"], "emergency", "{note}");
        assert_eq!(note.get("reviewed_by"), None, "nobody has reviewed the texts yet");
    }
    notes.iter().map(|note| note["topic"].as_str().expect("a topic").to_owned()).collect()
}

/// The topics of the notes that come with each kind of help, by its name.
async fn topics_by_help(sam: &Person) -> Vec<(&'static str, Vec<String>)> {
    let support = sam.get("/v1/support").await.expect(200).body;
    let warnings = insight(sam, "warnings").await;
    let summary = insight(sam, "summary").await;
    for note in warnings["safety"].as_array().expect("notes") {
        assert!(note["inputs"].as_array().is_some_and(|inputs| !inputs.is_empty()), "{note}");
    }
    let now = support["safety_notes"].clone();
    let at = warnings["as_of"].clone();
    let craving = json!({ "occurred_at": at, "ratings": [{ "offset_s": 0, "value": 5 }] });
    let craving = sam.post("/v1/craving-events", &craving).await.expect(201);
    let of_craving = sam.get(&format!("{}/support", craving.header("location"))).await.expect(200);
    // Nicotine is no part of any danger.
    let event = json!({ "substance": "nicotine", "occurred_at": at });
    let event = sam.post("/v1/use-events", &event).await.expect(201);
    let of_use = sam.get(&format!("{}/support", event.header("location"))).await.expect(200);
    vec![
        ("support", topics(&now)),
        ("warnings", topics(&warnings["safety"])),
        ("summary", topics(&summary["warnings"]["safety"])),
        ("craving", topics(&craving.body["support"]["safety_notes"])),
        ("help for a craving", topics(&of_craving.body["safety_notes"])),
        ("use", topics(&event.body["support"]["safety_notes"])),
        ("help for a use", topics(&of_use.body["safety_notes"])),
    ]
}

async fn assert_shown(app: &TestApp, topic: &str, case: &str, records: &[Stored]) {
    let sam = person_with_records(app, records).await;
    for (help, topics) in topics_by_help(&sam).await {
        assert!(topics.iter().any(|one| one == topic), "{case}: {help} has {topics:?}");
    }
}

async fn assert_hidden(app: &TestApp, topic: &str, case: &str, records: &[Stored]) {
    let sam = person_with_records(app, records).await;
    for (help, topics) in topics_by_help(&sam).await {
        assert!(topics.iter().all(|one| one != topic), "{case}: {help} has {topics:?}");
    }
}

/// Opioid use every other day, which is never three days without.
fn every_other_day(app: &TestApp) -> Vec<Stored> {
    [8, 6, 4, 2].into_iter().map(|days| used("opioid_heroin", days_ago(app, days))).collect()
}

fn medication(app: &TestApp, class: &str, schedule: &str, covers_days: i64, started: i64) -> Stored {
    let id = "01950000-0000-7000-8000-0000000000aa";
    let body = json!({ "id": id, "name": "Mine", "class": class, "route": "oral", "schedule": schedule, "covers_days": covers_days,
        "started_on": date(app, started) });
    ("medications", body)
}

fn dose(status: &str, at: String) -> Stored {
    (
        "doses",
        json!({ "medication_id": "01950000-0000-7000-8000-0000000000aa", "occurred_at": at, "status": status }),
    )
}

fn discharge(app: &TestApp, from_level: &str, days: i64) -> Stored {
    ("transitions", json!({ "from_level": from_level, "to_level": "home", "discharged_on": date(app, days) }))
}

async fn lower_tolerance_brings_its_note_with_every_help(app: &TestApp) {
    let topic = "opioid_tolerance";
    let and =
        |records: Vec<Stored>, last: Stored| -> Vec<Stored> { records.into_iter().chain([last]).collect() };
    let now = || ago(app, 1);
    let tablets = || medication(app, "antagonist", "FREQ=DAILY", 1, 10);
    let injection = || medication(app, "antagonist", "FREQ=DAILY;INTERVAL=28", 28, 56);
    let methadone = |members: Value| with(medication(app, "opioid_agonist", "FREQ=DAILY", 1, 60), members);
    let goal = |substance: &str| {
        ("goals", json!({ "substance": substance, "kind": "abstain", "started_on": date(app, 60) }))
    };
    let four_days_ago = [10, 7, 4].map(|days| used("opioid_heroin", days_ago(app, days))).to_vec();
    for (case, records) in [
        ("craving after three days", and(four_days_ago.clone(), craved("opioid_heroin", now()))),
        ("use after three days", and(four_days_ago, used("opioid_fentanyl", now()))),
        (
            "craving after 72 hours, of which two are whole dates",
            vec![used("opioid_heroin", ago(app, 72 * 60 + 10)), craved("opioid_heroin", now())],
        ),
        ("a first craving", vec![craved("opioid_prescription", now())]),
        ("tablet missed", vec![tablets(), dose("taken", days_ago(app, 2))]),
        ("tablet due, none recorded", vec![tablets()]),
        ("tablets ended", vec![with(tablets(), json!({ "status": "stopped", "ended_on": date(app, 5) }))]),
        ("tablets stopped, nobody knows when", vec![with(tablets(), json!({ "status": "stopped" }))]),
        (
            "an injection that may still have worked two weeks ago, stopped without a date",
            vec![with(injection(), json!({ "status": "stopped" })), dose("taken", days_ago(app, 40))],
        ),
        ("methadone ended", vec![methadone(json!({ "status": "stopped", "ended_on": date(app, 28) }))]),
        ("methadone paused, nobody knows when", vec![methadone(json!({ "status": "paused" }))]),
        (
            "an injection of buprenorphine ended, which works for four weeks",
            vec![with(
                medication(app, "partial_agonist", "FREQ=DAILY;INTERVAL=28", 28, 100),
                json!({ "status": "completed", "ended_on": date(app, 50) }),
            )],
        ),
        ("injection overdue", vec![injection(), dose("taken", days_ago(app, 30))]),
        ("out of jail", and(every_other_day(app), discharge(app, "jail", 3))),
        (
            "a community hospital is no freedom",
            and(every_other_day(app), discharge(app, "community hospital", 3)),
        ),
        ("home detention is no freedom", and(every_other_day(app), discharge(app, "Home Detention", 3))),
        ("nobody knows the level", and(every_other_day(app), discharge(app, "Haus am See", 3))),
        ("out of jail, with a goal about a stimulant", vec![goal("cocaine"), discharge(app, "jail", 3)]),
        (
            "out of a detox for alcohol, with a craving for cocaine",
            vec![goal("alcohol"), craved("cocaine", days_ago(app, 1)), discharge(app, "detox", 3)],
        ),
        ("out of jail, after a cigarette and a drink", {
            vec![used("nicotine", now()), used("alcohol", now()), discharge(app, "jail", 3)]
        }),
        (
            "out of treatment, on buprenorphine",
            vec![medication(app, "partial_agonist", "FREQ=DAILY", 1, 20), discharge(app, "detox", 28)],
        ),
    ] {
        assert_shown(app, topic, case, &records).await;
    }
    let alcohol_goal = || goal("alcohol");
    for (case, records) in [
        (
            "craving after 70 hours",
            [192, 140, 70].map(|hours| used("opioid_heroin", ago(app, hours * 60))).to_vec(),
        ),
        (
            "methadone ended five weeks ago",
            vec![methadone(json!({ "status": "stopped", "ended_on": date(app, 29) }))],
        ),
        (
            "methadone ended, buprenorphine follows",
            vec![
                methadone(json!({ "id": "01950000-0000-7000-8000-0000000000bb", "ended_on": date(app, 2) })),
                medication(app, "partial_agonist", "FREQ=DAILY", 1, 1),
            ],
        ),
        ("kratom after days without", vec![used("kratom", days_ago(app, 9)), craved("kratom", now())]),
        ("a nicotine goal alone, out of jail", vec![goal("nicotine"), discharge(app, "jail", 3)]),
        ("from a hospital's outpatient clinic", {
            and(every_other_day(app), discharge(app, "hospital outpatient clinic", 3))
        }),
        ("craving after two days", and(every_other_day(app), craved("opioid_heroin", now()))),
        ("use after two days", and(every_other_day(app), used("opioid_heroin", now()))),
        ("craving for something else", vec![craved("alcohol", now())]),
        ("tablet taken today", vec![tablets(), dose("taken", ago(app, 0))]),
        (
            "tablets ended long ago",
            vec![with(
                tablets(),
                json!({ "started_on": date(app, 90), "status": "completed", "ended_on": date(app, 29) }),
            )],
        ),
        ("injection given", vec![injection(), dose("taken", days_ago(app, 20))]),
        ("another medication missed", vec![medication(app, "alcohol_anticraving", "FREQ=DAILY", 1, 10)]),
        ("out of jail for five weeks", and(every_other_day(app), discharge(app, "jail", 29))),
        ("from an outpatient program", and(every_other_day(app), discharge(app, "intensive_outpatient", 3))),
        ("alcohol alone, out of treatment", vec![alcohol_goal(), discharge(app, "residential", 3)]),
        (
            "naltrexone against alcohol, taken, out of treatment",
            vec![alcohol_goal(), tablets(), dose("taken", ago(app, 0)), discharge(app, "residential", 3)],
        ),
    ] {
        assert_hidden(app, topic, case, &records).await;
    }
    // Without an event, help is as for a craving: for what the goal is about, or for what nobody knows.
    for records in [vec![goal("opioid_heroin")], vec![discharge(app, "detox", 3)]] {
        let sam = person_with_records(app, &records).await;
        let support = sam.get("/v1/support").await.expect(200).body;
        assert_eq!(topics(&support["safety_notes"]), [topic]);
    }
}

async fn a_drug_that_may_hold_fentanyl_brings_its_note_with_every_help(app: &TestApp) {
    let topic = "street_supply";
    let pill = json!({ "amount": 1, "unit": "pill" });
    for (case, records) in [
        ("use of a stimulant", vec![used("cocaine", days_ago(app, 1))]),
        ("craving for a stimulant", vec![craved("methamphetamine", ago(app, 1))]),
        ("a sedative", vec![used("sedative", ago(app, 1))]),
        ("a pill from the street", vec![with(used("opioid_prescription", ago(app, 1)), pill.clone())]),
        ("another pill", vec![with(used("hallucinogen", ago(app, 1)), pill.clone())]),
        (
            "a pill in the person's own word",
            vec![with(
                used("other", ago(app, 1)),
                json!({ "amount": 1, "unit": "other", "unit_label": "Blue tabs" }),
            )],
        ),
    ] {
        assert_shown(app, topic, case, &records).await;
    }
    for (case, records) in [
        ("a stimulant five weeks ago", vec![used("cocaine", days_ago(app, 36))]),
        (
            "something else than pills",
            vec![with(
                used("other", ago(app, 1)),
                json!({ "amount": 1, "unit": "other", "unit_label": "bags" }),
            )],
        ),
        ("cannabis", vec![used("cannabis", ago(app, 1)), craved("cannabis", ago(app, 1))]),
        (
            "a prescribed sedative",
            vec![with(used("sedative", ago(app, 1)), json!({ "as_prescribed": true }))],
        ),
        (
            "a prescribed pill",
            vec![with(
                with(used("opioid_prescription", ago(app, 1)), pill),
                json!({ "as_prescribed": true }),
            )],
        ),
    ] {
        assert_hidden(app, topic, case, &records).await;
    }
    // A craving without a substance, and a request for help, are for what the record is about.
    let goal = ("goals", json!({ "substance": "sedative", "kind": "abstain", "started_on": date(app, 400) }));
    for record in [used("cocaine", days_ago(app, 8)), goal] {
        let sam = person_with_records(app, &[record]).await;
        let warnings = insight(&sam, "warnings").await;
        assert_eq!(topics(&warnings["safety"]), Vec::<String>::new(), "nothing of the last week");
        let support = sam.get("/v1/support").await.expect(200).body;
        assert_eq!(topics(&support["safety_notes"]), [topic]);
        let craving = json!({ "occurred_at": ago(app, 1), "ratings": [{ "offset_s": 0, "value": 5 }] });
        let craving = sam.post("/v1/craving-events", &craving).await.expect(201);
        assert_eq!(topics(&craving.body["support"]["safety_notes"]), [topic]);
        assert_eq!(topics(&insight(&sam, "warnings").await["safety"]), [topic]);
    }
}

async fn stopping_at_once_brings_its_note_with_every_help(app: &TestApp) {
    let daily =
        |substance: &'static str, days: std::ops::RangeInclusive<i64>, members: Value| -> Vec<Stored> {
            days.map(|days| with(used(substance, days_ago(app, days)), members.clone())).collect()
        };
    let drinks = |n: i64| json!({ "amount": n, "unit": "standard_drink" });
    let goal = |members: Value| {
        let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": date(app, 2) });
        vec![with(("goals", goal), members)]
    };
    let bottles = json!({ "amount": 1, "unit": "other", "unit_label": "bottles" });
    for (case, records) in [
        ("four drinks a day", daily("alcohol", 1..=5, drinks(4))),
        (
            "wine by the millilitre",
            daily("alcohol", 3..=8, json!({ "amount": 750, "unit": "ml", "abv": 12.5 })),
        ),
        ("a bottle a day, which is no drink", daily("alcohol", 1..=5, bottles)),
        ("nobody knows how much", daily("alcohol", 1..=5, json!({}))),
        ("a light day among heavy ones", {
            daily("alcohol", 1..=4, drinks(9)).into_iter().chain(daily("alcohol", 5..=7, drinks(1))).collect()
        }),
        ("little since the heavy days", {
            daily("alcohol", 3..=7, drinks(9)).into_iter().chain(daily("alcohol", 0..=1, drinks(1))).collect()
        }),
        ("evenings that last over midnight", {
            let session = |days: i64| {
                let start = days * 24 * 60 + minutes_since_midnight(app) + 60;
                let members = json!({ "occurred_at": ago(app, start), "ended_at": ago(app, start - 120) });
                with(with(used("alcohol", String::new()), drinks(5)), members)
            };
            (1..=5).map(session).collect()
        }),
        ("one record of many days", {
            let members = json!({ "amount": 600, "unit": "g", "ended_at": days_ago(app, 1) });
            vec![with(used("alcohol", days_ago(app, 10)), members)]
        }),
        ("a drink at breakfast of the first day", {
            let first = with(used("alcohol", days_ago(app, 2)), drinks(1));
            goal(json!({ "unit": "g", "baseline": { "units_per_day": 60 } }))
                .into_iter()
                .chain([first])
                .collect()
        }),
        ("much on the first day, and little today", {
            let uses = [
                with(used("alcohol", days_ago(app, 2)), drinks(9)),
                with(used("alcohol", ago(app, 1)), drinks(1)),
            ];
            goal(json!({ "unit": "g", "baseline": { "units_per_day": 60 } }))
                .into_iter()
                .chain(uses)
                .collect()
        }),
        ("a new goal", goal(json!({ "unit": "g", "baseline": { "units_per_day": 60 } }))),
        (
            "a new goal in bottles",
            goal(json!({ "unit": "other", "unit_label": "bottles", "baseline": { "units_per_day": 1 } })),
        ),
    ] {
        assert_shown(app, "alcohol_withdrawal", case, &records).await;
    }
    for (case, records) in [
        ("three drinks a day", daily("alcohol", 1..=5, drinks(3))),
        ("four days of seven", daily("alcohol", 1..=4, drinks(9))),
        ("a beer a day", daily("alcohol", 1..=5, json!({ "amount": 500, "unit": "ml", "abv": 5 }))),
        ("three heavy days of seven", {
            daily("alcohol", 1..=3, drinks(5)).into_iter().chain(daily("alcohol", 4..=7, drinks(1))).collect()
        }),
        ("one record of many light days", {
            let members = json!({ "amount": 500, "unit": "g", "ended_at": days_ago(app, 1) });
            vec![with(used("alcohol", days_ago(app, 10)), members)]
        }),
        ("a new goal, and as much as before today", {
            let today = with(used("alcohol", ago(app, 1)), drinks(9));
            goal(json!({ "unit": "g", "baseline": { "units_per_day": 60 } }))
                .into_iter()
                .chain([today])
                .collect()
        }),
        ("still drinking", daily("alcohol", 0..=5, drinks(9))),
        ("stopped eight days ago", daily("alcohol", 8..=12, drinks(9))),
        ("a new goal after little", goal(json!({ "unit": "g", "baseline": { "units_per_day": 50 } }))),
    ] {
        assert_hidden(app, "alcohol_withdrawal", case, &records).await;
    }
    let prescribed = json!({ "as_prescribed": true });
    assert_shown(app, "sedative_withdrawal", "prescribed", &daily("sedative", 10..=14, prescribed.clone()))
        .await;
    assert_hidden(app, "sedative_withdrawal", "long ago", &daily("sedative", 15..=19, prescribed)).await;
}

async fn depressants_together_bring_their_note_with_every_help(app: &TestApp) {
    let topic = "mixed_depressants";
    let sedative = |at: String| with(used("sedative", at), json!({ "as_prescribed": true }));
    let methadone = |started| medication(app, "opioid_agonist", "FREQ=DAILY", 1, started);
    let goal = |substance: &str| {
        ("goals", json!({ "substance": substance, "kind": "abstain", "started_on": date(app, 60) }))
    };
    for (case, records) in [
        ("alcohol and a prescribed sedative", vec![used("alcohol", ago(app, 60)), sedative(ago(app, 120))]),
        (
            "an opioid and a sedative",
            vec![used("opioid_heroin", ago(app, 60)), used("sedative", ago(app, 600))],
        ),
        ("a craving after a sedative", vec![sedative(ago(app, 60)), craved("alcohol", ago(app, 1))]),
        (
            "kratom, which acts as an opioid, and alcohol",
            vec![used("kratom", ago(app, 60)), used("alcohol", ago(app, 120))],
        ),
        (
            "a craving without a substance, which is for alcohol",
            vec![goal("alcohol"), sedative(ago(app, 60)), {
                (
                    "craving-events",
                    json!({ "occurred_at": ago(app, 1), "ratings": [{ "offset_s": 0, "value": 5 }] }),
                )
            }],
        ),
        ("a craving for alcohol on methadone", vec![methadone(40), craved("alcohol", ago(app, 1))]),
        ("a craving for a sedative on methadone", vec![methadone(40), craved("sedative", ago(app, 1))]),
        ("alcohol on methadone", vec![methadone(40), used("alcohol", ago(app, 60))]),
        (
            "a sedative on methadone, taken",
            vec![methadone(40), dose("taken", ago(app, 60)), sedative(ago(app, 60))],
        ),
    ] {
        assert_shown(app, topic, case, &records).await;
    }
    for (case, records) in [
        ("alcohol alone", vec![used("alcohol", ago(app, 60)), used("alcohol", ago(app, 120))]),
        ("a sedative two days before", vec![used("alcohol", ago(app, 60)), sedative(days_ago(app, 2))]),
        ("both three days ago", vec![used("alcohol", days_ago(app, 3)), sedative(days_ago(app, 3))]),
        ("two cravings", vec![craved("sedative", ago(app, 60)), craved("alcohol", ago(app, 1))]),
        ("a craving for cannabis on methadone", vec![methadone(40), craved("cannabis", ago(app, 1))]),
        ("methadone without alcohol", vec![methadone(40), used("cannabis", ago(app, 60))]),
        (
            "methadone left out today",
            vec![methadone(40), dose("missed", ago(app, 0)), used("alcohol", ago(app, 0))],
        ),
        (
            "methadone ended",
            vec![
                with(methadone(40), json!({ "ended_on": date(app, 9), "status": "stopped" })),
                used("alcohol", ago(app, 60)),
            ],
        ),
    ] {
        assert_hidden(app, topic, case, &records).await;
    }
    // A request for help is as a craving for what the record is about.
    for (records, expected) in [
        (vec![goal("alcohol"), methadone(40)], vec![topic]),
        (vec![goal("alcohol"), sedative(ago(app, 60))], vec![topic]),
        (vec![goal("cannabis"), methadone(40)], vec![]),
    ] {
        let sam = person_with_records(app, &records).await;
        let support = sam.get("/v1/support").await.expect(200).body;
        assert_eq!(topics(&support["safety_notes"]), expected, "{records:?}");
        assert_eq!(topics(&insight(&sam, "warnings").await["safety"]), Vec::<String>::new());
    }
}

async fn harm_and_feeling_unsafe_bring_their_notes_with_every_help(app: &TestApp) {
    let harm = |harm: &str, at: String| vec![with(used("cannabis", at), json!({ "harm": harm }))];
    for topic in ["overdose", "injury"] {
        assert_shown(app, topic, "an hour ago", &harm(topic, ago(app, 60))).await;
        assert_hidden(app, topic, "two days ago", &harm(topic, days_ago(app, 2))).await;
    }
    assert_hidden(app, "overdose", "no harm", &harm("none", ago(app, 60))).await;
    let topic = "feeling_unsafe";
    let check_in = |answer: &str, at: String| {
        ("check-ins", json!({ "kind": "momentary", "occurred_at": at, "answers": { "feels_safe": answer } }))
    };
    let craving = |answer: &str, at: String| with(craved("cannabis", at), json!({ "feels_safe": answer }));
    let questionnaire = import_fixture(app).await;
    let response = |answer: &str, at: String| {
        let answers = json!([{ "link_id": "dark", "value_coding": { "code": answer } }]);
        (
            "questionnaire-responses",
            json!({ "questionnaire_id": questionnaire, "status": "in_progress", "occurred_at": at, "answers": answers }),
        )
    };
    for (case, records) in [
        ("no in a check-in", vec![check_in("no", ago(app, 60))]),
        ("not sure in a craving", vec![craving("not_sure", ago(app, 60))]),
        ("yes before no", vec![craving("yes", ago(app, 90)), check_in("no", ago(app, 60))]),
        (
            "no about an hour before, written after yes",
            vec![check_in("yes", ago(app, 30)), craving("no", ago(app, 90))],
        ),
        ("no about the moment of yes", vec![craving("no", ago(app, 60)), check_in("yes", ago(app, 60))]),
        (
            "one of two answers is taken back",
            vec![
                craving("no", ago(app, 90)),
                check_in("yes", ago(app, 60)),
                check_in("not_sure", ago(app, 75)),
            ],
        ),
        ("a dark answer", vec![response("much", ago(app, 60))]),
        (
            "a dark answer, whatever was said later",
            vec![response("much", ago(app, 60)), check_in("yes", ago(app, 10))],
        ),
    ] {
        assert_shown(app, topic, case, &records).await;
    }
    for (case, records) in [
        ("yes", vec![check_in("yes", ago(app, 60)), craving("yes", ago(app, 30))]),
        ("a later yes", vec![check_in("no", ago(app, 60)), craving("yes", ago(app, 30))]),
        ("two days ago", vec![check_in("no", days_ago(app, 2)), craving("no", days_ago(app, 2))]),
        ("a lighter answer", vec![response("none", ago(app, 60))]),
        ("a dark answer two days ago", vec![response("much", days_ago(app, 2))]),
        ("nothing said", vec![craved("cannabis", ago(app, 60))]),
    ] {
        assert_hidden(app, topic, case, &records).await;
    }
}

async fn the_event_itself_brings_its_note_however_long_ago_it_was(app: &TestApp) {
    let sam = app.person_in_utc().await;
    let long_ago = || days_ago(app, 500);
    for (topic, stored) in [
        ("opioid_tolerance", used("opioid_heroin", long_ago())),
        ("opioid_tolerance", craved("opioid_heroin", long_ago())),
        ("street_supply", used("cocaine", long_ago())),
        ("street_supply", craved("cocaine", long_ago())),
        ("overdose", with(used("cannabis", long_ago()), json!({ "harm": "overdose" }))),
        ("feeling_unsafe", with(craved("cannabis", long_ago()), json!({ "feels_safe": "no" }))),
    ] {
        let (collection, body) = stored;
        let response = sam.post(&format!("/v1/{collection}"), &body).await.expect(201);
        let found = topics(&response.body["support"]["safety_notes"]);
        assert!(found.iter().any(|one| one == topic), "{topic}: {found:?}");
        let help = sam.get(&format!("{}/support", response.header("location"))).await.expect(200);
        assert_eq!(topics(&help.body["safety_notes"]), found);
    }
    // Help without an event is for now.
    assert_eq!(topics(&sam.get("/v1/support").await.expect(200).body["safety_notes"]), Vec::<String>::new());
    // An event that was entered in error tells of nothing.
    let overdose = with(used("opioid_heroin", ago(app, 1)), json!({ "harm": "overdose" }));
    let stored = sam.post("/v1/use-events", &overdose.1).await.expect(201);
    sam.delete(&stored.header("location"), 1).await.expect(204);
    let help = sam.get(&format!("{}/support", stored.header("location"))).await.expect(200);
    assert_eq!(topics(&help.body["safety_notes"]), Vec::<String>::new());
}

async fn the_answer_of_the_event_itself_counts_for_its_help(app: &TestApp) {
    let topic = "feeling_unsafe";
    let sam = app.person_in_utc().await;
    let yes = json!({ "kind": "momentary", "occurred_at": ago(app, 10), "answers": { "feels_safe": "yes" } });
    sam.post("/v1/check-ins", &yes).await.expect(201);
    // The onset of the craving was before that answer.
    let craving = with(craved("cannabis", ago(app, 60)), json!({ "feels_safe": "no" }));
    let stored = sam.post("/v1/craving-events", &craving.1).await.expect(201);
    assert_eq!(topics(&stored.body["support"]["safety_notes"]), [topic]);
    let of_event = format!("{}/support", stored.header("location"));
    for path in ["/v1/support", of_event.as_str()] {
        assert_eq!(topics(&sam.get(path).await.expect(200).body["safety_notes"]), [topic], "{path}");
    }
    assert_eq!(topics(&insight(&sam, "warnings").await["safety"]), [topic]);
    // A yes about a later time that is written later takes it back, except for the event itself.
    let yes = json!({ "kind": "momentary", "occurred_at": ago(app, 5), "answers": { "feels_safe": "yes" } });
    sam.post("/v1/check-ins", &yes).await.expect(201);
    let nothing = Vec::<String>::new();
    assert_eq!(topics(&sam.get("/v1/support").await.expect(200).body["safety_notes"]), nothing);
    assert_eq!(topics(&insight(&sam, "warnings").await["safety"]), nothing);
    assert_eq!(topics(&sam.get(&of_event).await.expect(200).body["safety_notes"]), [topic]);
}

async fn a_medication_that_was_stopped_brings_no_note_for_ever(app: &TestApp) {
    for class in ["antagonist", "opioid_agonist"] {
        let stopped = with(medication(app, class, "FREQ=DAILY", 1, 10), json!({ "status": "stopped" }));
        let sam = person_with_records(app, &[stopped]).await;
        for (days, expected) in [(28, vec!["opioid_tolerance"]), (1, vec![])] {
            app.clock.advance(TimeDelta::days(days));
            let sam = sam.another_device().await;
            assert_eq!(topics(&insight(&sam, "warnings").await["safety"]), expected, "{class}");
            let support = sam.get("/v1/support").await.expect(200).body;
            assert_eq!(topics(&support["safety_notes"]), expected, "{class}");
        }
    }
}

async fn every_note_names_helplines_of_the_persons_country_and_nothing_mutes_it(app: &TestApp) {
    for (email, country, locale, expected) in
        [("ute@example.org", json!("DE"), "de-DE", "DE"), ("ola@example.org", json!(null), "en", "ZZ")]
    {
        let sam = app
            .person_with(json!({ "email": email, "country": country, "locale": locale, "time_zone": "UTC" }))
            .await;
        let overdose = with(used("opioid_heroin", ago(app, 1)), json!({ "harm": "overdose" }));
        let support = sam.post("/v1/use-events", &overdose.1).await.expect(201).body["support"].clone();
        for rule in ["recent_use", "physical_sign", "medication_gap"] {
            sam.post("/v1/insights/warnings/feedback", &json!({ "rule": rule, "kind": "mute" }))
                .await
                .expect(201);
        }
        let warnings = insight(&sam, "warnings").await;
        assert_eq!(topics(&support["safety_notes"]), ["overdose", "opioid_tolerance"]);
        assert_eq!(topics(&warnings["safety"]), ["overdose", "opioid_tolerance"]);
        for notes in [&support["safety_notes"], &warnings["safety"]] {
            let lines =
                notes.as_array().unwrap().iter().flat_map(|note| note["helplines"].as_array().unwrap());
            assert!(lines.into_iter().all(|line| line["country"] == expected), "{notes}");
        }
        assert_eq!(support["helplines"][0]["topic"], "emergency");
    }
}
