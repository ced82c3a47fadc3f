//! Safety notes: every danger of the table brings its note with every kind of help, and its nearest neighbour does not.

mod substance;
mod tolerance;

use chrono::{TimeDelta, Timelike};
use mainstay_tests::{Person, TestApp, both_engines};
use serde_json::{Value, json};

use crate::{insight::insight, questionnaire::import_fixture};

both_engines!(
    harm_and_feeling_unsafe_bring_their_notes_with_every_help,
    the_event_itself_brings_its_note_however_long_ago_it_was,
    the_answer_of_the_event_itself_counts_for_its_help,
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
