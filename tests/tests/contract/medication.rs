//! Medications: schedules and due doses.

use chrono::TimeDelta;
use mainstay_tests::{Person, TestApp, both_engines};
use serde_json::{Value, json};

fn medication(schedule: &str, covers_days: i64) -> Value {
    json!({ "name": "Naltrexone", "class": "antagonist", "dose": "50 mg", "route": "oral", "schedule": schedule,
        "covers_days": covers_days, "started_on": "2026-03-02" })
}

async fn due(sam: &Person, path: &str, query: &str) -> Vec<Value> {
    let response = sam.get(&format!("{path}/due?{query}")).await.expect(200);
    let item = |item: &Value| json!([item["due_at"], item["standing"]]);
    response.items().iter().map(item).collect()
}

both_engines!(
    a_medication_is_stored_read_changed_and_deleted,
    every_wrong_member_is_named,
    a_schedule_that_is_hostile_or_never_comes_due_is_refused,
    due_doses_have_the_standing_of_the_recorded_doses,
    an_injection_is_due_after_the_last_one_given,
    a_skipped_injection_is_followed_by_the_next,
    the_time_range_of_due_doses_is_limited,
);

async fn a_medication_is_stored_read_changed_and_deleted(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/medications", &medication("FREQ=DAILY;BYHOUR=8", 1)).await.expect(201);
    assert_eq!((&stored.body["status"], stored.body.get("rxnorm")), (&json!("active"), None));
    let path = stored.header("location");
    let mut body = stored.body.clone();
    body["status"] = json!("stopped");
    body["ended_on"] = json!("2026-04-01");
    let changed = sam.put(&path, 1, &body).await.expect(200);
    assert_eq!(sam.get(&path).await.expect(200).body, changed.body);
    assert_eq!(sam.get("/v1/medications").await.items(), [changed.body]);
    sam.delete(&path, 2).await.expect(204);
    sam.get(&path).await.expect(404);
    sam.get(&format!("{path}/due")).await.expect(404);
}

async fn every_wrong_member_is_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong = sam.post("/v1/medications", &json!({
        "name": "", "class": "vitamin", "schedule": "FREQ=DAILY", "covers_days": 191, "started_on": "2.3.2026",
    })).await.expect(422);
    assert_eq!(wrong.pointers(), ["/class", "/covers_days", "/name", "/route", "/started_on"]);
    let mut ended = medication("FREQ=SECONDLY", 1);
    ended["ended_on"] = json!("2026-03-01");
    assert_eq!(sam.post("/v1/medications", &ended).await.expect(422).pointers(), ["/ended_on", "/schedule"]);
}

async fn a_schedule_that_is_hostile_or_never_comes_due_is_refused(app: &TestApp) {
    let sam = app.person().await;
    for schedule in [
        "FREQ=MINUTELY",
        "every day",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY\nRRULE:FREQ=SECONDLY",
        "FREQ=DAILY;UNTIL=20260301",
    ] {
        let refused = sam.post("/v1/medications", &medication(schedule, 1)).await.expect(422);
        assert_eq!(refused.pointers(), ["/schedule"], "{schedule}");
        assert!(!refused.text.contains("RRULE:"), "{}", refused.text);
    }
}

async fn due_doses_have_the_standing_of_the_recorded_doses(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let stored = sam.post("/v1/medications", &medication("FREQ=DAILY;BYHOUR=8", 1)).await.expect(201);
    let (id, path) = (stored.id(), stored.header("location"));
    let other = sam.post("/v1/medications", &medication("FREQ=DAILY;BYHOUR=8", 1)).await.expect(201).id();
    let dose = |medication: &str, at: &str, status: &str| json!({ "medication_id": medication, "occurred_at": at, "status": status });
    let taken = sam.post("/v1/doses", &dose(&id, "2026-03-07T09:10:00-05:00", "taken")).await.expect(201);
    sam.post("/v1/doses", &dose(&id, "2026-03-08T19:00:00-04:00", "late")).await.expect(201);
    sam.post("/v1/doses", &dose(&id, "2026-03-09T08:00:00-04:00", "skipped")).await.expect(201);
    // A dose counts only for its own medication.
    sam.post("/v1/doses", &dose(&other, "2026-03-10T08:00:00-04:00", "taken")).await.expect(201);
    let week = "from=2026-03-07T00:00:00-05:00&to=2026-03-11T00:00:00-04:00";
    // Clocks in New York go forward on 8 March.
    let expected = json!([
        ["2026-03-07T08:00:00.000-05:00", "taken"],
        ["2026-03-08T08:00:00.000-04:00", "late"],
        ["2026-03-09T08:00:00.000-04:00", "skipped"],
        ["2026-03-10T08:00:00.000-04:00", "missed"],
    ]);
    assert_eq!(json!(due(&sam, &path, week).await), expected);
    let response = sam.get(&format!("{path}/due?{week}")).await;
    assert_eq!(response.body["items"][0]["dose_ids"], json!([taken.body["id"]]));
    assert_eq!(
        (&response.body["time_zone"], &response.body["tolerance_hours"]),
        (&json!("America/New_York"), &json!(12))
    );
    assert!(response.body["next"]["due_at"].is_string());
    kim.get(&format!("{path}/due")).await.expect(404);
    assert!(sam.get(&format!("{path}/due")).await.expect(200).items().len() >= 13);
}

async fn an_injection_is_due_after_the_last_one_given(app: &TestApp) {
    let sam = app.person().await;
    let stored =
        sam.post("/v1/medications", &medication("FREQ=DAILY;INTERVAL=28;BYHOUR=10", 28)).await.expect(201);
    let (id, path) = (stored.id(), stored.header("location"));
    for at in ["2026-03-02T11:00:00-05:00", "2026-04-09T10:00:00-04:00"] {
        let dose = json!({ "medication_id": id, "occurred_at": at, "status": "taken", "observed": true });
        sam.post("/v1/doses", &dose).await.expect(201);
    }
    let expected = json!([
        ["2026-03-02T10:00:00.000-05:00", "taken"],
        ["2026-03-30T10:00:00.000-04:00", "late"],
        ["2026-05-07T10:00:00.000-04:00", "open"],
    ]);
    assert_eq!(json!(due(&sam, &path, "from=2026-03-01T00:00:00Z&to=2026-06-01T00:00:00Z").await), expected);
    // It is listed until it is given, even if it was due long before the requested range.
    for query in [
        "",
        "?from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z",
        "?from=2026-06-01T00:00:00Z&to=2026-06-08T00:00:00Z",
    ] {
        let response = sam.get(&format!("{path}/due{query}")).await.expect(200);
        let open = &response.body["items"][0];
        assert_eq!(
            (response.items().len(), &open["due_at"], &open["standing"]),
            (1, &json!("2026-05-07T10:00:00.000-04:00"), &json!("open"))
        );
        assert!(open["overdue_days"].as_i64().is_some_and(|days| days > 100));
        assert_eq!(&response.body["next"], open);
    }
    let all = sam.get("/v1/insights/medication").await.expect(200).body;
    assert_eq!(all["medications"][0]["next_due"]["due_at"], "2026-05-07T10:00:00.000-04:00");
}

async fn a_skipped_injection_is_followed_by_the_next(app: &TestApp) {
    let sam = app.person().await;
    let now = app.clock.now();
    let day = |days: i64| (now + TimeDelta::days(days)).format("%Y-%m-%d").to_string();
    let mut body = medication("FREQ=DAILY;INTERVAL=28", 28);
    body["started_on"] = json!(day(-37));
    let stored = sam.post("/v1/medications", &body).await.expect(201);
    let (id, path) = (stored.id(), stored.header("location"));
    for (days, status) in [(-37, "taken"), (-9, "skipped")] {
        let at = format!("{}T12:00:00Z", day(days));
        sam.post("/v1/doses", &json!({ "medication_id": id, "occurred_at": at, "status": status }))
            .await
            .expect(201);
    }
    let response = sam.get(&format!("{path}/due")).await.expect(200);
    assert_eq!((response.items().len(), &response.body["next"]["standing"]), (0, &json!("upcoming")));
    assert!(response.body["next"]["due_at"].as_str().unwrap().starts_with(&day(19)), "{}", response.text);
    // The gap in the medication still causes a warning.
    let warnings = sam.get("/v1/insights/warnings").await.expect(200).body;
    let gap =
        warnings["fired"].as_array().unwrap().iter().find(|fired| fired["rule"] == "medication_gap").unwrap();
    assert!(
        gap["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .any(|input| input["member"] == "overdue_days" && input["value"].as_f64() > Some(7.0))
    );
}

async fn the_time_range_of_due_doses_is_limited(app: &TestApp) {
    let sam = app.person().await;
    let path =
        sam.post("/v1/medications", &medication("FREQ=HOURLY", 1)).await.expect(201).header("location");
    for (query, pointers) in [
        ("from=2026-03-01T00:00:00Z&to=2026-06-02T00:00:00Z", vec!["/to"]),
        ("from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z", vec!["/to"]),
        ("from=9999-03-01T00:00:00Z", vec!["/to"]),
        ("from=0000-01-01T00:00:00Z", vec!["/from"]),
        ("from=yesterday&to=1", vec!["/from", "/to"]),
        ("limit=5", vec!["/limit"]),
    ] {
        assert_eq!(sam.get(&format!("{path}/due?{query}")).await.expect(422).pointers(), pointers, "{query}");
    }
    let longest =
        sam.get(&format!("{path}/due?from=2026-04-01T00:00:00Z&to=2026-07-02T00:00:00Z")).await.expect(200);
    assert_eq!(longest.items().len(), 92 * 24);
}
