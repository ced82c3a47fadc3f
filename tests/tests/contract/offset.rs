//! Offsets of times: every time of every noun, the time of storing, the ends of the calendar, and query parameters.

use chrono::{DateTime, TimeDelta};
use mainstay_domain::record::Kind;
use mainstay_tests::{
    Response, TestApp, both_engines,
    samples::{sample_id, statuses, upsert},
};
use serde_json::{Value, json};

use crate::evening::{as_instants, evening, filed, move_to, new_yorker, push, set_clock};

both_engines!(
    every_time_of_every_collection_gets_the_offset_of_its_person,
    a_record_without_a_time_has_the_time_of_storing_at_home,
    no_date_of_a_time_without_offset_refuses_it,
    an_event_with_help_is_filed_at_home_too,
    parameters_take_every_spelling_of_an_offset,
    times_of_the_server_are_in_utc_with_milliseconds,
);

/// The schema behind references.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().or_else(|| schema["oneOf"][1]["$ref"].as_str());
    pointer.map_or(schema, |pointer| document.pointer(&pointer[1..]).expect("a schema"))
}

/// The top-level members of a collection's input that are times and that a client writes.
fn written_times(document: &Value, path: &str) -> Vec<String> {
    let body = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let members = resolved(document, body)["properties"].as_object().expect("members");
    let is_time = |schema: &Value| {
        schema["readOnly"] != true && resolved(document, schema).to_string().contains("\"date-time\"")
    };
    let always_read_only = ["created_at", "updated_at"];
    members
        .iter()
        .filter(|(name, schema)| is_time(schema) && !always_read_only.contains(&name.as_str()))
        .map(|(name, _)| name.clone())
        .collect()
}

async fn every_time_of_every_collection_gets_the_offset_of_its_person(app: &TestApp) {
    let sam = new_yorker(app).await;
    let document = app.document().await;
    let mut times = 0;
    // Medications come before their doses.
    for kind in Kind::ALL {
        let path = format!("/v1/{}", kind.path());
        let example = &document["paths"][&path]["post"]["requestBody"]["content"]["application/json"]["examples"]
            ["example"]["value"];
        if example.is_null() {
            // Reviews have no collection of their own, and no times.
            continue;
        }
        let mut body = example.clone();
        body["id"] = example.get("id").cloned().unwrap_or_else(|| json!(sample_id(7)));
        if *kind == Kind::Medication {
            body["id"] = document["paths"]["/v1/doses"]["post"]["requestBody"]["content"]["application/json"]
                ["examples"]["example"]["value"]["medication_id"]
                .clone();
        }
        let members = written_times(&document, &path);
        for member in &members {
            body[member] = json!("2026-10-16T01:30:00Z");
        }
        let stored = sam.post(&path, &body).await.expect(201);
        let of = |response: &Response| {
            response.body.get("id").map_or_else(
                || response.body[kind.singular().replace(' ', "_")].clone(),
                |_| response.body.clone(),
            )
        };
        let stored = of(&stored);
        move_to(&sam, "Asia/Tokyo").await;
        let one = format!("{path}/{}", stored["id"].as_str().expect("an id"));
        let put = of(&sam.put(&one, 1, &as_instants(&stored)).await.expect(200));
        move_to(&sam, "America/New_York").await;
        for member in &members {
            times += 1;
            for record in [&stored, &put] {
                assert_eq!(record[member], "2026-10-15T21:30:00.000-04:00", "{path}/{member}");
            }
        }
    }
    assert!(times >= 15, "{times} times");
}

async fn a_record_without_a_time_has_the_time_of_storing_at_home(app: &TestApp) {
    let sam = new_yorker(app).await;
    let session = json!({ "id": sample_id(1), "practice": "urge-surfing-wave", "minutes": 10 });
    let stored = sam.post("/v1/practice-sessions", &session).await.expect(201);
    let at = stored.body["occurred_at"].as_str().expect("a time").to_owned();
    assert!(at.starts_with("2026-12-01T07:00:") && at.ends_with("-05:00"), "{at}");
    app.clock.advance(TimeDelta::minutes(5));
    let thought = json!({ "situation": "Payday.", "thought": "One will be fine.", "belief_before": 60 });
    let results = push(&sam, &[upsert("thought-records", 2, None, thought)]).await;
    assert_eq!(statuses(&results), ["applied"]);
    let thought = sam.get(&format!("/v1/thought-records/{}", sample_id(2))).await.expect(200);
    let second = thought.body["occurred_at"].as_str().expect("a time");
    assert!(second.starts_with("2026-12-01T07:05:") && second.ends_with("-05:00"), "{second}");
    // A change without a time keeps it, and a retry is a replay.
    let path = stored.header("location");
    move_to(&sam, "Europe/Berlin").await;
    assert_eq!(sam.put(&path, 1, &session).await.expect(200).body["occurred_at"], at);
    assert_eq!(sam.post("/v1/practice-sessions", &session).await.expect(200).body["occurred_at"], at);
}

async fn no_date_of_a_time_without_offset_refuses_it(app: &TestApp) {
    set_clock(app, "2026-12-01");
    // At noon in UTC it is already the next day in Kiritimati, and in New York the date in UTC is ahead in the evening.
    let kim = app.person_with(json!({ "email": "kim@example.org", "time_zone": "Pacific/Kiritimati" })).await;
    let now = app.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let stored = kim.post("/v1/check-ins", &evening(1, &now)).await.expect(201);
    assert_eq!(stored.body["local_date"], "2026-12-02");
    let soon = (app.clock.now() + TimeDelta::minutes(6)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let refused = kim.post("/v1/check-ins", &evening(2, &soon)).await.expect(422);
    assert_eq!(refused.faults(), [("/occurred_at".to_owned(), "future".to_owned())]);
    let sam = app.person().await;
    for (at, status) in [
        ("1900-01-01T00:00:00Z", 201),
        ("2200-12-31T23:59:59Z", 201),
        ("1899-12-31T23:59:59Z", 422),
        ("2201-01-01T00:00:00Z", 422),
    ] {
        for person in [&sam, &kim] {
            person
                .post("/v1/appointments", &json!({ "kind": "intake", "starts_at": at }))
                .await
                .expect(status);
        }
    }
    // At either end of the calendar, and before standard time, the instant stays the same.
    for (n, at) in (10..).zip(["0001-01-01T00:00:00Z", "1850-06-01T12:34:56.789Z", "1971-06-01T12:00:00Z"]) {
        for person in [&sam, &kim] {
            let mut body = evening(n, at);
            body["kind"] = json!("momentary");
            let stored = person.post("/v1/check-ins", &body).await.expect(201);
            let local = DateTime::parse_from_rfc3339(filed(&stored).0).expect("a time");
            assert_eq!(local, DateTime::parse_from_rfc3339(at).expect("a time"));
            let back =
                person.put(&stored.header("location"), 1, &as_instants(&stored.body)).await.expect(200);
            assert_eq!(filed(&back), filed(&stored));
        }
    }
}

async fn an_event_with_help_is_filed_at_home_too(app: &TestApp) {
    let sam = new_yorker(app).await;
    let event = json!({
        "substance": "alcohol", "occurred_at": "2026-10-16T01:30:00.000Z", "ended_at": "2026-10-16T03:30:00.000Z",
    });
    let stored = sam.post("/v1/use-events", &event).await.expect(201).body["use_event"].clone();
    assert_eq!(
        (&stored["occurred_at"], &stored["ended_at"]),
        (&json!("2026-10-15T21:30:00.000-04:00"), &json!("2026-10-15T23:30:00.000-04:00"))
    );
    // One evening is one day of use, also for the insights.
    let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-10-01" });
    sam.post("/v1/goals", &goal).await.expect(201);
    let found = sam.get("/v1/insights/abstinence?as_of=2026-10-20T12:00:00Z").await.expect(200);
    assert_eq!(found.body["goals"][0]["run_from"], "2026-10-16");
}

async fn parameters_take_every_spelling_of_an_offset(app: &TestApp) {
    let sam = new_yorker(app).await;
    sam.post("/v1/check-ins", &evening(1, "2026-10-16T01:30:00Z")).await.expect(201);
    for from in [
        "2026-10-16T01:30:00Z",
        "2026-10-16T03:30:00%2B02:00",
        "2026-10-16T03:30:00+02:00",
        "2026-10-16T03:30:00+0200",
        "2026-10-16T03%3A30%3A00%2B0200",
        "2026-10-15T21:30:00-0400",
    ] {
        assert_eq!(
            sam.get(&format!("/v1/check-ins?from={from}")).await.expect(200).items().len(),
            1,
            "{from}"
        );
        assert_eq!(sam.get(&format!("/v1/check-ins?to={from}")).await.expect(200).items().len(), 0, "{from}");
        sam.get(&format!("/v1/insights/summary?as_of={from}")).await.expect(200);
        sam.get(&format!("/v1/reports/progress?as_of={from}")).await.expect(200);
    }
    let medication = json!({
        "name": "Naltrexone", "class": "antagonist", "route": "oral", "schedule": "FREQ=DAILY;BYHOUR=8", "covers_days": 1,
        "started_on": "2026-10-01",
    });
    let path = sam.post("/v1/medications", &medication).await.expect(201).header("location");
    let due = sam.get(&format!("{path}/due?from=2026-10-16T00:00:00+0200&to=2026-10-18T00:00:00-0400")).await;
    assert_eq!(due.expect(200).body["from"], "2026-10-15T18:00:00.000-04:00");
    for wrong in ["2026-10-16", "2026-10-16T00:00:00", "2026-10-16+00:00:00Z", "2026-10-16T00:00:00+2", "now"]
    {
        let refused = sam.get(&format!("/v1/check-ins?from={wrong}&to={wrong}")).await.expect(422);
        assert_eq!(refused.pointers(), ["/from", "/to"], "{wrong}");
        let refused = sam.get(&format!("/v1/insights/summary?as_of={wrong}")).await.expect(422);
        assert_eq!(refused.pointers(), ["/as_of"], "{wrong}");
    }
}

async fn times_of_the_server_are_in_utc_with_milliseconds(app: &TestApp) {
    let sam = new_yorker(app).await;
    let stored = sam.post("/v1/check-ins", &evening(1, "2026-10-16T01:30:00Z")).await.expect(201).body;
    let server_time =
        sam.post("/v1/sync", &json!({ "cursor": null })).await.expect(200).body["server_time"].clone();
    let account = sam.get("/v1/me").await.expect(200).body["created_at"].clone();
    for time in [&stored["created_at"], &stored["updated_at"], &server_time, &account] {
        let text = time.as_str().expect("a time");
        assert_eq!((text.len(), &text[19..20], &text[23..]), (24, ".", "Z"), "{text}");
    }
}
