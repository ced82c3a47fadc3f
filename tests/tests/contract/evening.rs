//! The evening stays on its day: times that clients send in UTC, with `Z`.
//!
//! Clients made by generators know instants only. The bytes here are those that they send.

use chrono::DateTime;
use mainstay_tests::{
    Person, Response, TestApp, both_engines,
    samples::{sample_id, statuses, upsert},
};
use serde_json::{Value, json};

both_engines!(
    the_evening_stays_on_its_day_whatever_a_client_sends,
    two_evenings_in_a_row_are_two_slots_and_a_second_one_of_the_day_is_taken,
    a_record_that_is_read_and_put_back_as_an_instant_stays_as_it_is,
    after_a_move_old_records_keep_their_offset_and_new_ones_have_the_new_one,
    the_same_moment_written_otherwise_is_a_replay,
    what_the_server_filled_in_may_be_posted_again_as_an_instant,
    a_put_with_another_offset_for_the_same_instant_changes_the_offset,
    both_sides_of_the_repeated_hour_keep_their_offsets,
    the_evening_stays_on_its_day_through_sync,
);

/// 21:30 in New York, as the clients of each language send it.
const SENT: [(&str, &str, &str); 7] = [
    ("Swift, Dart and TypeScript", "2026-10-16T01:30:00.000Z", "000"),
    ("Kotlin Multiplatform", "2026-10-16T01:30:00Z", "000"),
    ("Kotlin Multiplatform with nanoseconds", "2026-10-16T01:30:00.123456789Z", "123"),
    ("Dart with microseconds", "2026-10-16T01:30:00.000123Z", "000"),
    ("RFC 3339 in lower case", "2026-10-16t01:30:00z", "000"),
    ("RFC 3339, section 4.3", "2026-10-16T01:30:00-00:00", "000"),
    ("a client that knows its offset", "2026-10-15T21:30:00-04:00", "000"),
];

/// Sets the clock to a date at noon in UTC, after which the tests' times lie.
pub fn set_clock(app: &TestApp, date: &str) {
    let noon: DateTime<chrono::Utc> = format!("{date}T12:00:00Z").parse().expect("a time");
    app.clock.advance(noon - app.clock.now());
}

pub async fn new_yorker(app: &TestApp) -> Person {
    set_clock(app, "2026-12-01");
    app.person().await
}

pub fn evening(n: u128, at: &str) -> Value {
    json!({ "id": sample_id(n), "kind": "evening", "occurred_at": at, "answers": { "craving": 3 } })
}

pub async fn move_to(sam: &Person, zone: &str) {
    let me = sam.get("/v1/me").await.expect(200);
    let mut body = me.body.clone();
    body["time_zone"] = json!(zone);
    let version = me.body["version"].as_i64().expect("a version");
    sam.put("/v1/me", version, &body).await.expect(200);
}

/// The record as a generated client sends it back: each time as an instant in UTC.
pub fn as_instants(record: &Value) -> Value {
    match record {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), as_instants(value))).collect()
        }
        Value::Array(items) => items.iter().map(as_instants).collect(),
        Value::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => json!(at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            Err(_) => record.clone(),
        },
        other => other.clone(),
    }
}

/// The time and the date under which a check-in is filed.
pub fn filed(response: &Response) -> (&str, &str) {
    let text = |member: &str| response.body[member].as_str().expect("a text");
    (text("occurred_at"), text("local_date"))
}

async fn the_evening_stays_on_its_day_whatever_a_client_sends(app: &TestApp) {
    let sam = new_yorker(app).await;
    for (n, (client, at, millis)) in (1..).zip(SENT) {
        let stored = sam.post("/v1/check-ins", &evening(n, at)).await.expect(201);
        let local = format!("2026-10-15T21:30:00.{millis}-04:00");
        assert_eq!(filed(&stored), (local.as_str(), "2026-10-15"), "{client}");
        let path = stored.header("location");
        assert_eq!(sam.get(&path).await.expect(200).body, stored.body, "{client}");
        sam.delete(&path, 1).await.expect(204);
    }
}

async fn two_evenings_in_a_row_are_two_slots_and_a_second_one_of_the_day_is_taken(app: &TestApp) {
    let sam = new_yorker(app).await;
    // 21:30, then 18:00 of the next day: one date in UTC, two evenings.
    sam.post("/v1/check-ins", &evening(1, "2026-10-16T01:30:00.000Z")).await.expect(201);
    let next = sam.post("/v1/check-ins", &evening(2, "2026-10-16T22:00:00.000Z")).await.expect(201);
    assert_eq!(next.body["local_date"], "2026-10-16");
    let mut morning = evening(3, "2026-10-16T11:00:00Z");
    morning["kind"] = json!("morning");
    sam.post("/v1/check-ins", &morning).await.expect(201);
    // 23:30 is the next date in UTC, and still the second evening of the day.
    for at in ["2026-10-17T03:30:00Z", "2026-10-16T23:30:00-04:00"] {
        let second = sam.post("/v1/check-ins", &evening(4, at)).await.expect(409);
        assert_eq!(
            (second.problem().as_str(), &second.body["existing_id"]),
            ("slot-taken", &next.body["id"])
        );
    }
    let mut weekly = evening(5, "2026-10-19T02:00:00Z");
    weekly["kind"] = json!("weekly");
    sam.post("/v1/check-ins", &weekly).await.expect(201);
    // Monday in UTC, Sunday in New York: the same week.
    (weekly["id"], weekly["occurred_at"]) = (json!(sample_id(6)), json!("2026-10-18T12:00:00-04:00"));
    assert_eq!(sam.post("/v1/check-ins", &weekly).await.expect(409).problem(), "slot-taken");
}

async fn a_record_that_is_read_and_put_back_as_an_instant_stays_as_it_is(app: &TestApp) {
    let sam = new_yorker(app).await;
    let sent = evening(1, "2026-10-15T21:30:00.25-04:00");
    let path = sam.post("/v1/check-ins", &sent).await.expect(201).header("location");
    for version in 1..4 {
        let read = sam.get(&path).await.expect(200);
        let mut back = as_instants(&read.body);
        assert_eq!(back["occurred_at"], "2026-10-16T01:30:00.250Z");
        back["note"] = json!(format!("edit {version}"));
        let put = sam.put(&path, version, &back).await.expect(200);
        assert_eq!(filed(&put), ("2026-10-15T21:30:00.250-04:00", "2026-10-15"));
    }
    let second = sam.post("/v1/check-ins", &evening(2, "2026-10-16T02:00:00Z")).await.expect(409);
    assert_eq!(second.problem(), "slot-taken", "the slot is still that of the day");
    // Another instant is read in the zone of the account.
    let mut moved = evening(1, "2026-10-17T01:30:00Z");
    moved["note"] = json!("the day after");
    let put = sam.put(&path, 4, &moved).await.expect(200);
    assert_eq!(filed(&put), ("2026-10-16T21:30:00.000-04:00", "2026-10-16"));
    sam.post("/v1/check-ins", &evening(2, "2026-10-16T02:00:00Z")).await.expect(201);
}

async fn after_a_move_old_records_keep_their_offset_and_new_ones_have_the_new_one(app: &TestApp) {
    let sam = new_yorker(app).await;
    let path =
        sam.post("/v1/check-ins", &evening(1, "2026-10-16T01:30:00Z")).await.expect(201).header("location");
    move_to(&sam, "Europe/Berlin").await;
    let mut back = as_instants(&sam.get(&path).await.expect(200).body);
    back["note"] = json!("from Berlin");
    let put = sam.put(&path, 1, &back).await.expect(200);
    assert_eq!(filed(&put), ("2026-10-15T21:30:00.000-04:00", "2026-10-15"));
    // A retry of the first request is still a replay, and the response has the offset that is stored.
    let retry = sam.post("/v1/check-ins", &evening(1, "2026-10-16T01:30:00.000Z")).await.expect(200);
    assert_eq!(retry.header("idempotent-replayed"), "true");
    assert_eq!(filed(&retry), ("2026-10-15T21:30:00.000-04:00", "2026-10-15"));
    let new = sam.post("/v1/check-ins", &evening(2, "2026-11-20T21:30:00Z")).await.expect(201);
    assert_eq!(filed(&new), ("2026-11-20T22:30:00.000+01:00", "2026-11-20"));
    move_to(&sam, "Pacific/Kiritimati").await;
    let new = sam.post("/v1/check-ins", &evening(3, "2026-11-21T10:00:00Z")).await.expect(201);
    assert_eq!(filed(&new), ("2026-11-22T00:00:00.000+14:00", "2026-11-22"));
    move_to(&sam, "UTC").await;
    let new = sam.post("/v1/check-ins", &evening(4, "2026-11-23T20:00:00Z")).await.expect(201);
    assert_eq!(filed(&new), ("2026-11-23T20:00:00.000+00:00", "2026-11-23"));
}

async fn the_same_moment_written_otherwise_is_a_replay(app: &TestApp) {
    let sam = new_yorker(app).await;
    let first = sam.post("/v1/check-ins", &evening(1, "2026-10-16T01:30:00Z")).await.expect(201);
    for zone in ["America/New_York", "Asia/Tokyo"] {
        move_to(&sam, zone).await;
        for at in [
            "2026-10-16T01:30:00.000Z",
            "2026-10-16T01:30:00.000999999Z",
            "2026-10-15T21:30:00-04:00",
            "2026-10-16T03:30:00.0+02:00",
            "2026-10-16T01:30:00+00:00",
        ] {
            let again = sam.post("/v1/check-ins", &evening(1, at)).await.expect(200);
            assert_eq!(
                (again.header("idempotent-replayed").as_str(), &again.body),
                ("true", &first.body),
                "{at}"
            );
        }
        for at in ["2026-10-16T01:30:00.001Z", "2026-10-15T21:30:00Z", "2026-10-16T01:30:00-04:00"] {
            let other = sam.post("/v1/check-ins", &evening(1, at)).await.expect(409);
            assert_eq!(other.problem(), "id-conflict", "{at}");
        }
    }
}

async fn what_the_server_filled_in_may_be_posted_again_as_an_instant(app: &TestApp) {
    let sam = new_yorker(app).await;
    let craving = json!({
        "id": sample_id(1), "occurred_at": "2026-10-16T01:30:00Z", "ended_at": "2026-10-16T01:50:00Z", "outcome": "rode_it_out",
        "ratings": [{ "offset_s": 0, "value": 7 }], "strategy_uses": [{ "label": "tea" }],
    });
    let first = sam.post("/v1/craving-events", &craving).await.expect(201).body["craving_event"].clone();
    move_to(&sam, "Asia/Tokyo").await;
    let again = sam.post("/v1/craving-events", &as_instants(&first)).await.expect(200);
    assert_eq!(
        (again.header("idempotent-replayed").as_str(), &again.body["craving_event"]),
        ("true", &first)
    );
    let mut other = as_instants(&first);
    other["ended_at"] = json!("2026-10-16T01:51:00Z");
    assert_eq!(sam.post("/v1/craving-events", &other).await.expect(409).problem(), "id-conflict");
}

async fn a_put_with_another_offset_for_the_same_instant_changes_the_offset(app: &TestApp) {
    let sam = new_yorker(app).await;
    let path =
        sam.post("/v1/check-ins", &evening(1, "2026-10-16T01:30:00Z")).await.expect(201).header("location");
    let in_berlin = sam.put(&path, 1, &evening(1, "2026-10-16T03:30:00+02:00")).await.expect(200);
    assert_eq!(filed(&in_berlin), ("2026-10-16T03:30:00.000+02:00", "2026-10-16"));
    // From now on this is the stored offset.
    let back = sam.put(&path, 2, &as_instants(&in_berlin.body)).await.expect(200);
    assert_eq!(filed(&back), ("2026-10-16T03:30:00.000+02:00", "2026-10-16"));
    let zero = sam.put(&path, 3, &evening(1, "2026-10-16T01:30:00+00:00")).await.expect(200);
    assert_eq!(filed(&zero), ("2026-10-16T01:30:00.000+00:00", "2026-10-16"));
}

async fn both_sides_of_the_repeated_hour_keep_their_offsets(app: &TestApp) {
    let sam = new_yorker(app).await;
    // On 1 November at 02:00 the clock goes back to 01:00.
    let sides = [
        ("2026-11-01T05:30:00Z", "2026-11-01T01:30:00.000-04:00"),
        ("2026-11-01T06:30:00Z", "2026-11-01T01:30:00.000-05:00"),
    ];
    for (n, (instant, local)) in (1..).zip(sides) {
        let mut body = evening(n, instant);
        body["kind"] = json!("momentary");
        let stored = sam.post("/v1/check-ins", &body).await.expect(201);
        assert_eq!(filed(&stored), (local, "2026-11-01"));
        let put = sam.put(&stored.header("location"), 1, &as_instants(&stored.body)).await.expect(200);
        assert_eq!(filed(&put), (local, "2026-11-01"));
        // The other offset of that hour, for the same instant: as sent, and then as stored.
        let other = DateTime::parse_from_rfc3339(local).expect("a time").to_utc();
        let offset = chrono::FixedOffset::west_opt(if n == 1 { 5 } else { 4 } * 3600).expect("an offset");
        let other = other.with_timezone(&offset).to_rfc3339_opts(chrono::SecondsFormat::Millis, false);
        body["occurred_at"] = json!(other);
        let put = sam.put(&stored.header("location"), 2, &body).await.expect(200);
        assert_eq!(put.body["occurred_at"], other);
        let put = sam.put(&stored.header("location"), 3, &as_instants(&put.body)).await.expect(200);
        assert_eq!(put.body["occurred_at"], other);
    }
}

pub async fn push(sam: &Person, changes: &[Value]) -> Vec<Value> {
    let response = sam.post("/v1/sync", &json!({ "cursor": null, "changes": changes })).await.expect(200);
    response.body["results"].as_array().cloned().expect("results")
}

async fn the_evening_stays_on_its_day_through_sync(app: &TestApp) {
    let sam = new_yorker(app).await;
    let with_note = |at: &str, note: &str| {
        let mut record = evening(1, at);
        record["note"] = json!(note);
        record
    };
    let new = upsert("check-ins", 1, None, evening(1, "2026-10-16T01:30:00.000Z"));
    assert_eq!(statuses(&push(&sam, std::slice::from_ref(&new)).await), ["applied"]);
    let path = format!("/v1/check-ins/{}", sample_id(1));
    let local = ("2026-10-15T21:30:00.000-04:00", "2026-10-15");
    assert_eq!(filed(&sam.get(&path).await.expect(200)), local);
    move_to(&sam, "Europe/Berlin").await;
    // The new record and its edit, sent by a device that knows instants only, then sent again in other words.
    let edit = upsert("check-ins", 1, Some(1), with_note("2026-10-16T01:30:00Z", "edited"));
    assert_eq!(statuses(&push(&sam, &[new, edit]).await), ["replayed", "applied"]);
    assert_eq!(filed(&sam.get(&path).await.expect(200)), local);
    let again = [
        upsert("check-ins", 1, None, evening(1, "2026-10-16T01:30:00+00:00")),
        upsert("check-ins", 1, Some(1), with_note("2026-10-16T03:30:00.000+02:00", "edited")),
    ];
    assert_eq!(statuses(&push(&sam, &again).await), ["replayed", "replayed"]);
    assert_eq!(filed(&sam.get(&path).await.expect(200)), local);
    // Another instant, an explicit offset, and what is neither.
    let changes = [
        upsert("check-ins", 1, Some(2), with_note("2026-10-17T01:30:00Z", "another instant")),
        upsert("check-ins", 2, None, evening(2, "2026-10-17T02:00:00Z")),
        upsert("check-ins", 3, None, evening(3, "2026-10-15T21:30:00-04:00")),
        upsert("check-ins", 4, None, evening(4, "2026-10-16 01:30:00Z")),
    ];
    let results = push(&sam, &changes).await;
    assert_eq!(statuses(&results), ["applied", "rejected", "applied", "rejected"]);
    assert_eq!(results[1]["problem"]["existing_id"], json!(sample_id(1)), "the same date in Berlin");
    assert_eq!(results[3]["problem"]["errors"][0]["pointer"], "/occurred_at");
    let moved = sam.get(&path).await.expect(200);
    assert_eq!(filed(&moved), ("2026-10-17T03:30:00.000+02:00", "2026-10-17"));
}
