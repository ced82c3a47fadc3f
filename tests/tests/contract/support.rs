//! Help in every answer that needs it: changed records, replays and refused requests; in long records; and everywhere.

use chrono::TimeDelta;
use mainstay_tests::{Person, Response, TestApp, both_engines, samples::sample_id};
use serde_json::{Value, json};

use crate::insight::insight;

both_engines!(
    a_change_answers_with_help_exactly_if_the_record_now_tells_of_danger,
    a_replay_answers_as_the_record_is_stored,
    a_refused_body_that_tells_of_danger_is_answered_with_help,
    a_refused_change_that_tells_of_danger_is_answered_with_help,
    a_refusal_of_anything_else_has_no_help,
    what_warnings_note_help_notes_in_a_long_record,
    the_numbers_are_those_of_where_the_person_is,
);

/// A collection, a calm record of it, the members that make it tell of danger, and the topic of that danger.
type Case = (&'static str, Value, Value, &'static str);

fn ago(app: &TestApp, minutes: i64) -> String {
    (app.clock.now() - TimeDelta::minutes(minutes)).to_rfc3339()
}

fn cases(app: &TestApp) -> Vec<Case> {
    let at = ago(app, 5);
    let check_in = json!({ "kind": "momentary", "occurred_at": at, "answers": { "mood": 5 } });
    let craving = json!({ "occurred_at": at, "ratings": [{ "offset_s": 0, "value": 7 }] });
    let used = json!({ "substance": "cannabis", "occurred_at": at });
    let answers = |answer: &str| json!({ "answers": { "feels_safe": answer } });
    vec![
        ("check-ins", check_in.clone(), answers("no"), "feeling_unsafe"),
        ("check-ins", check_in, answers("not_sure"), "feeling_unsafe"),
        ("craving-events", craving, json!({ "feels_safe": "no" }), "feeling_unsafe"),
        ("use-events", used.clone(), json!({ "harm": "overdose" }), "overdose"),
        ("use-events", used, json!({ "harm": "injury" }), "injury"),
    ]
}

fn merged(record: &Value, members: &Value) -> Value {
    let mut merged = record.clone();
    for (name, value) in members.as_object().expect("an object") {
        match value {
            Value::Object(inner) => {
                for (inner_name, value) in inner {
                    merged[name][inner_name] = value.clone();
                }
            }
            other => merged[name] = other.clone(),
        }
    }
    merged
}

/// Asserts that a response has help for a danger: its note first, the emergency number first, and a message for a crisis.
fn assert_help(response: &Response, topic: &str) {
    let support = &response.body["support"];
    assert_eq!(support["safety_notes"][0]["topic"], topic, "{}", response.text);
    assert_eq!(support["helplines"][0]["topic"], "emergency", "{}", response.text);
    assert!(support["message"].as_str().is_some_and(|text| text.contains("safety comes first")));
}

fn assert_no_help(response: &Response) {
    assert_eq!(response.body.get("support"), None, "{}", response.text);
}

async fn a_change_answers_with_help_exactly_if_the_record_now_tells_of_danger(app: &TestApp) {
    for (collection, calm, danger, topic) in cases(app) {
        let sam = app.person().await;
        let stored = sam.post(&format!("/v1/{collection}"), &calm).await.expect(201);
        let path = stored.header("location");
        let worse = merged(&calm, &danger);
        let put = sam.put(&path, 1, &worse).await.expect(200);
        assert_help(&put, topic);
        let read = sam.get(&path).await.expect(200);
        assert_no_help(&read);
        let mut record = put.body.clone();
        record.as_object_mut().unwrap().remove("support");
        assert_eq!((&read.body, read.header("etag")), (&record, put.header("etag")));
        // What came may be sent back, with any change beside the danger.
        assert_help(&sam.put(&path, 2, &put.body).await.expect(200), topic);
        assert_help(&sam.patch(&path, 3, &json!({ "note": "Later." })).await.expect(200), topic);
        assert_no_help(&sam.put(&path, 4, &calm).await.expect(200));
        assert_no_help(&sam.patch(&path, 5, &json!({ "note": "Calm." })).await.expect(200));
        assert_help(&sam.patch(&path, 6, &danger).await.expect(200), topic);
    }
}

async fn a_replay_answers_as_the_record_is_stored(app: &TestApp) {
    for (n, (collection, calm, danger, topic)) in cases(app).into_iter().enumerate() {
        let sam = app.person().await;
        let path = format!("/v1/{collection}");
        let worse = merged(&calm, &danger);
        let with_id = |id: u128, body: &Value| merged(body, &json!({ "id": sample_id(id) }));
        let (became_worse, became_calm) = (with_id(1, &calm), with_id(2, &worse));
        let first = sam.post(&path, &became_worse).await.expect(201);
        sam.put(&first.header("location"), 1, &worse).await.expect(200);
        assert_help(&sam.post(&path, &became_worse).await.expect(200), topic);
        assert_help(&sam.post_with_key(&path, &format!("a{n}"), &became_worse).await.expect(200), topic);
        let second = sam.post(&path, &became_calm).await.expect(201);
        assert_help(&second, topic);
        sam.put(&second.header("location"), 1, &calm).await.expect(200);
        if collection == "check-ins" {
            assert_no_help(&sam.post(&path, &became_calm).await.expect(200));
            assert_no_help(&sam.post_with_key(&path, &format!("b{n}"), &became_calm).await.expect(200));
        }
        // With a key the first response is sent again, help and all.
        let key = format!("c{n}");
        let keyed = sam.post_with_key(&path, &key, &worse).await.expect(201);
        assert_help(&keyed, topic);
        assert_eq!(sam.post_with_key(&path, &key, &worse).await.expect(201).text, keyed.text);
    }
}

async fn a_refused_body_that_tells_of_danger_is_answered_with_help(app: &TestApp) {
    for (collection, calm, danger, topic) in cases(app) {
        let sam = app.person().await;
        let path = format!("/v1/{collection}");
        let worse = merged(&calm, &danger);
        let taken = sam.post(&path, &merged(&calm, &json!({ "id": sample_id(1) }))).await.expect(201);
        let conflict = sam.post(&path, &merged(&worse, &json!({ "id": sample_id(1) }))).await.expect(409);
        assert_eq!(conflict.body["type"], "/problems/id-conflict");
        assert_help(&conflict, topic);
        let invalid = sam.post(&path, &merged(&worse, &json!({ "surprise": 1 }))).await.expect(422);
        assert_eq!(invalid.pointers(), ["/surprise"]);
        assert_help(&invalid, topic);
        sam.post_with_key(&path, "tonight", &calm).await.expect(201);
        let reused = sam.post_with_key(&path, "tonight", &worse).await.expect(422);
        assert_eq!(reused.body["type"], "/problems/idempotency-key-reused");
        assert_help(&reused, topic);
        let keyed = sam.post_with_key(&path, "new", &merged(&worse, &json!({ "surprise": 1 }))).await;
        assert_help(&keyed.expect(422), topic);
        sam.delete(&taken.header("location"), 1).await.expect(204);
        assert_help(
            &sam.post(&path, &merged(&worse, &json!({ "id": sample_id(1) }))).await.expect(409),
            topic,
        );
    }
    let sam = app.person().await;
    let evening =
        |answers: Value| json!({ "kind": "evening", "occurred_at": ago(app, 1), "answers": answers });
    sam.post("/v1/check-ins", &evening(json!({ "mood": 4 }))).await.expect(201);
    let taken = sam.post("/v1/check-ins", &evening(json!({ "feels_safe": "no" }))).await.expect(409);
    assert_eq!(taken.body["type"], "/problems/slot-taken");
    assert!(taken.body["existing_id"].is_string());
    assert_help(&taken, "feeling_unsafe");
    assert_eq!(taken.body["support"]["helplines"][1]["id"], "us-988");
    assert_no_help(&sam.post("/v1/check-ins", &evening(json!({ "mood": 1 }))).await.expect(409));
}

async fn a_refused_change_that_tells_of_danger_is_answered_with_help(app: &TestApp) {
    for (collection, calm, danger, topic) in cases(app) {
        let sam = app.person().await;
        let path = sam.post(&format!("/v1/{collection}"), &calm).await.expect(201).header("location");
        let worse = merged(&calm, &danger);
        let text = |body: &Value| Some(body.to_string().into_bytes());
        let merge = [("content-type", "application/merge-patch+json")];
        for refused in [
            sam.put(&path, 7, &worse).await.expect(412),
            sam.patch(&path, 7, &danger).await.expect(412),
            sam.send("PUT", &path, &[], text(&worse)).await.expect(428),
            sam.send("PATCH", &path, &merge, text(&danger)).await.expect(428),
            sam.put(&path, 1, &merged(&worse, &json!({ "note": 7 }))).await.expect(422),
            sam.patch(&path, 1, &merged(&danger, &json!({ "note": 7 }))).await.expect(422),
        ] {
            assert_help(&refused, topic);
        }
        assert_eq!(sam.get(&path).await.expect(200).body["version"], 1);
        assert_no_help(&sam.put(&path, 7, &calm).await.expect(412));
        assert_no_help(&sam.patch(&path, 1, &json!({ "note": 7 })).await.expect(422));
    }
}

async fn a_refusal_of_anything_else_has_no_help(app: &TestApp) {
    let sam = app.person().await;
    let danger =
        json!({ "kind": "momentary", "occurred_at": ago(app, 1), "answers": { "feels_safe": "no" } });
    assert_no_help(&app.client().post("/v1/check-ins", &danger).await.expect(401));
    let cut_off = br#"{ "answers": { "feels_safe": "no" }"#.to_vec();
    assert_no_help(&sam.send("POST", "/v1/check-ins", &[], Some(cut_off)).await.expect(400));
    for body in [json!({}), json!([]), json!("no"), json!({ "answers": { "feels_safe": "yes" } })] {
        assert_no_help(&sam.post("/v1/check-ins", &body).await.expect(422));
    }
    assert_no_help(&sam.post("/v1/goals", &danger).await.expect(422));
}

/// Stores records of a collection through sync, which gives no help by itself.
async fn push(sam: &Person, collection: &str, records: impl Iterator<Item = (u128, Value)>) {
    let changes: Vec<Value> = records
        .map(
            |(n, record)| json!({ "kind": collection, "op": "upsert", "id": sample_id(n), "record": record }),
        )
        .collect();
    for changes in changes.chunks(300) {
        let pushed = sam.post("/v1/sync", &json!({ "cursor": null, "changes": changes })).await.expect(200);
        let results = pushed.body["results"].as_array().expect("results").clone();
        assert!(results.iter().all(|result| result["status"] == "applied"), "{}", pushed.text);
    }
}

/// The topics of the notes of `GET /v1/support`, which must be those of the warnings.
async fn noted(sam: &Person) -> Vec<String> {
    let topics = |notes: &Value| -> Vec<String> {
        let notes = notes.as_array().expect("notes").iter();
        notes.map(|note| note["topic"].as_str().expect("a topic").to_owned()).collect()
    };
    let support = sam.get("/v1/support").await.expect(200).body;
    let warnings = insight(sam, "warnings").await;
    assert_eq!(topics(&support["safety_notes"]), topics(&warnings["safety"]));
    topics(&support["safety_notes"])
}

async fn what_warnings_note_help_notes_in_a_long_record(app: &TestApp) {
    // 600 cigarettes after an overdose today.
    let sam = app.person_in_utc().await;
    let overdose = json!({ "substance": "opioid_heroin", "occurred_at": ago(app, 700), "harm": "overdose" });
    sam.post("/v1/use-events", &overdose).await.expect(201);
    let cigarettes = (1..=600_u128).map(|n| {
        let minutes = i64::try_from(n).expect("few");
        (n, json!({ "substance": "nicotine", "occurred_at": ago(app, minutes) }))
    });
    push(&sam, "use-events", cigarettes).await;
    assert_eq!(noted(&sam).await, ["overdose", "opioid_tolerance"]);
    // 600 cigarettes since heroin three weeks ago, and a craving that names nothing.
    let kim = app.person_in_utc().await;
    let heroin = json!({ "substance": "opioid_heroin", "occurred_at": ago(app, 20 * 24 * 60) });
    kim.post("/v1/use-events", &heroin).await.expect(201);
    let craving = json!({ "occurred_at": ago(app, 9), "ratings": [{ "offset_s": 0, "value": 5 }] });
    kim.post("/v1/craving-events", &craving).await.expect(201);
    let cigarettes = (1..=600_u128).map(|n| {
        let minutes = 40 * i64::try_from(n).expect("few");
        (n, json!({ "substance": "nicotine", "occurred_at": ago(app, minutes) }))
    });
    push(&kim, "use-events", cigarettes).await;
    assert_eq!(noted(&kim).await, ["opioid_tolerance"]);
    // 300 check-ins of today, of which one has said no, newest or not.
    for unsafe_one in [1, 150, 300] {
        let lee = app.person_in_utc().await;
        let check_ins = (1..=300_i64).map(|n| {
            let answers = if n == unsafe_one { json!({ "feels_safe": "no" }) } else { json!({ "mood": 5 }) };
            let record = json!({ "kind": "momentary", "occurred_at": ago(app, n), "answers": answers });
            (n.unsigned_abs().into(), record)
        });
        push(&lee, "check-ins", check_ins).await;
        assert_eq!(noted(&lee).await, ["feeling_unsafe"], "{unsafe_one}");
    }
}

async fn the_numbers_are_those_of_where_the_person_is(app: &TestApp) {
    let at = ago(app, 1);
    for (n, (zone, country, first, number, crisis)) in [
        ("Asia/Tokyo", json!(null), "jp-emergency", "119", Some("jp-yorisoi")),
        ("Europe/Berlin", json!("ZA"), "za-emergency", "112", Some("za-sadag")),
        ("America/Mexico_City", json!(null), "mx-emergency", "911", Some("mx-saptel")),
        ("UTC", json!("TN"), "tn-emergency", "190", None),
        ("UTC", json!("AQ"), "international-112", "112", None),
        ("UTC", json!(null), "international-112", "112", None),
    ]
    .into_iter()
    .enumerate()
    {
        let person = json!({ "email": format!("p{n}@example.org"), "time_zone": zone, "country": country, "locale": "en" });
        let sam = app.person_with(person).await;
        let body = json!({ "kind": "momentary", "occurred_at": at, "answers": { "feels_safe": "no" } });
        let support = sam.post("/v1/check-ins", &body).await.expect(201).body["support"].clone();
        let line = &support["helplines"][0];
        assert_eq!((&line["id"], &line["channels"][0]["value"]), (&json!(first), &json!(number)), "{zone}");
        let note = &support["safety_notes"][0];
        assert_eq!(note["helplines"][0], *line);
        assert_eq!(note["helplines"][1]["id"].as_str(), crisis, "{zone} {country}");
        let text = note["text"].as_str().expect("a text");
        assert_eq!(text.contains("crisis line"), crisis.is_some(), "{text}");
        assert_eq!(text.contains("911 in the Americas"), first == "international-112", "{text}");
        let warnings = insight(&sam, "warnings").await;
        assert_eq!(warnings["safety"][0]["text"], note["text"]);
    }
}
