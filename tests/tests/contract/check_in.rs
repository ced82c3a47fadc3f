//! Check-ins: slots, local dates, findings and references.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(
    a_check_in_is_stored_read_and_listed,
    a_local_date_has_one_morning_and_one_evening_and_an_iso_week_one_weekly,
    deleting_frees_the_slot_and_moving_takes_another,
    every_wrong_field_is_named_and_nothing_is_stored,
    a_list_in_place_of_an_object_has_the_wrong_type,
    a_number_beyond_the_range_of_floats_is_named,
    a_whole_float_is_a_whole_number,
    a_wrong_type_never_hides_other_findings,
    a_weekly_check_in_carries_wellbeing_and_readiness,
);

async fn a_check_in_is_stored_read_and_listed(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam
        .post(
            "/v1/check-ins",
            &json!({
                "kind": "evening", "occurred_at": "2026-03-01T23:30:00-05:00",
                "answers": { "craving": 3, "mood": null }, "tags": ["work"],
            }),
        )
        .await
        .expect(201);
    assert_eq!(stored.body["local_date"], "2026-03-01");
    assert_eq!(stored.body["occurred_at"], "2026-03-01T23:30:00.000-05:00");
    assert_eq!(stored.body["answers"], json!({ "craving": 3 }));
    assert_eq!(stored.header("etag"), "\"1\"");
    let path = stored.header("location");
    assert_eq!(sam.get(&path).await.expect(200).body, stored.body);
    let unchanged = sam.send("GET", &path, &[("if-none-match", "\"1\"")], None).await.expect(304);
    assert_eq!(unchanged.text, "");
    assert_eq!(sam.get("/v1/check-ins").await.expect(200).items(), [stored.body]);
}

async fn a_local_date_has_one_morning_and_one_evening_and_an_iso_week_one_weekly(app: &TestApp) {
    let sam = app.person().await;
    let at =
        |kind: &str, time: &str| json!({ "kind": kind, "occurred_at": time, "answers": { "craving": 3 } });
    let first = sam.post("/v1/check-ins", &at("morning", "2026-03-02T00:30:00+14:00")).await.expect(201);
    // The same local date in another zone, then the same instant on another local date.
    let taken = sam.post("/v1/check-ins", &at("morning", "2026-03-02T23:00:00-11:00")).await.expect(409);
    assert_eq!((taken.problem().as_str(), &taken.body["existing_id"]), ("slot-taken", &first.body["id"]));
    sam.post("/v1/check-ins", &at("morning", "2026-03-01T10:30:00Z")).await.expect(201);
    sam.post("/v1/check-ins", &at("evening", "2026-03-02T20:00:00+14:00")).await.expect(201);
    sam.post("/v1/check-ins", &at("weekly", "2026-12-28T12:00:00Z")).await.expect(422);
    sam.post("/v1/check-ins", &at("weekly", "2025-12-29T12:00:00Z")).await.expect(201);
    sam.post("/v1/check-ins", &at("weekly", "2026-01-04T12:00:00Z")).await.expect(409);
    sam.post("/v1/check-ins", &at("weekly", "2026-01-05T12:00:00Z")).await.expect(201);
    for _ in 0..2 {
        sam.post("/v1/check-ins", &at("momentary", "2026-03-02T12:00:00Z")).await.expect(201);
    }
}

async fn deleting_frees_the_slot_and_moving_takes_another(app: &TestApp) {
    let sam = app.person().await;
    let on = |date: &str| json!({ "kind": "morning", "occurred_at": format!("{date}T08:00:00Z"), "answers": { "mood": 5 } });
    let first = sam.post("/v1/check-ins", &on("2026-03-01")).await.expect(201);
    let second = sam.post("/v1/check-ins", &on("2026-03-02")).await.expect(201);
    let moved = sam.put(&second.header("location"), 1, &on("2026-03-01")).await.expect(409);
    assert_eq!(moved.body["existing_id"], first.body["id"]);
    sam.put(&second.header("location"), 1, &on("2026-03-03")).await.expect(200);
    sam.post("/v1/check-ins", &on("2026-03-02")).await.expect(201);
    sam.delete(&first.header("location"), 1).await.expect(204);
    sam.post("/v1/check-ins", &on("2026-03-01")).await.expect(201);
}

async fn every_wrong_field_is_named_and_nothing_is_stored(app: &TestApp) {
    let sam = app.person().await;
    let wrong = sam
        .post(
            "/v1/check-ins",
            &json!({
                "kind": "noon", "occurred_at": "yesterday", "answers": { "craving": 11, "moood": 1 },
                "tags": [""], "nope": true,
            }),
        )
        .await
        .expect(422);
    assert_eq!(
        wrong.pointers(),
        ["/answers/craving", "/answers/moood", "/kind", "/nope", "/occurred_at", "/tags/0"]
    );
    let empty = sam
        .post(
            "/v1/check-ins",
            &json!({ "kind": "momentary", "occurred_at": "2026-03-02T12:00:00Z", "answers": {} }),
        )
        .await;
    assert_eq!(empty.expect(422).pointers(), ["/answers"]);
    let stranger = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47";
    let unknown = sam
        .post(
            "/v1/check-ins",
            &json!({
                "kind": "momentary", "occurred_at": "2026-03-02T12:00:00Z", "answers": { "craving": 1 },
                "trigger_ids": [stranger], "warning_sign_ids": [stranger],
            }),
        )
        .await
        .expect(422);
    let expected = [("/trigger_ids/0", "unknown-reference"), ("/warning_sign_ids/0", "unknown-reference")];
    assert_eq!(unknown.faults(), expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
    assert!(sam.get("/v1/check-ins").await.items().is_empty());
}

async fn a_list_in_place_of_an_object_has_the_wrong_type(app: &TestApp) {
    let sam = app.person().await;
    let with_list = json!({ "kind": "momentary", "occurred_at": "2026-03-02T12:00:00Z", "answers": [3, 4] });
    let refused = sam.post("/v1/check-ins", &with_list).await.expect(422);
    assert_eq!(refused.faults(), [("/answers".to_owned(), "type".to_owned())]);
    assert!(sam.get("/v1/check-ins").await.items().is_empty());
}

async fn a_number_beyond_the_range_of_floats_is_named(app: &TestApp) {
    let sam = app.person().await;
    let large =
        br#"{ "kind": "momentary", "occurred_at": "2026-03-02T12:00:00Z", "answers": { "craving": 1e400 } }"#;
    let refused = sam
        .send("POST", "/v1/check-ins", &[("content-type", "application/json")], Some(large.to_vec()))
        .await
        .expect(422);
    assert_eq!(refused.faults(), [("/answers/craving".to_owned(), "range".to_owned())]);
}

async fn a_whole_float_is_a_whole_number(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/check-ins", &json!({
        "kind": "momentary", "occurred_at": "2026-03-02T12:00:00.123456Z", "answers": { "craving": 10.0 },
    })).await.expect(201);
    assert_eq!(stored.body["answers"]["craving"].to_string(), "10");
    assert_eq!(stored.body["occurred_at"], "2026-03-02T07:00:00.123-05:00");
}

async fn a_wrong_type_never_hides_other_findings(app: &TestApp) {
    let sam = app.person().await;
    let future = "2099-01-01T00:00:00Z";
    for (body, expected) in [
        (
            json!({ "kind": 5, "occurred_at": future, "answers": { "craving": 1 } }),
            vec!["/kind", "/occurred_at"],
        ),
        (
            json!({ "kind": "morning", "occurred_at": future, "answers": { "craving": 11 } }),
            vec!["/answers/craving", "/occurred_at"],
        ),
        (
            json!({ "kind": [], "occurred_at": 7, "answers": { "used": {} } }),
            vec!["/answers/used", "/kind", "/occurred_at"],
        ),
    ] {
        assert_eq!(sam.post("/v1/check-ins", &body).await.expect(422).pointers(), expected);
    }
    let craving = json!({ "occurred_at": future, "ratings": [{ "offset_s": 5, "value": 3 }], "strategy_uses": [{ "practice": "none" }], "place": 3 });
    let named = sam.post("/v1/craving-events", &craving).await.expect(422).pointers();
    assert_eq!(named, ["/occurred_at", "/place", "/ratings/0/offset_s", "/strategy_uses/0/practice"]);
    let goal = json!({ "substance": "alcohol", "kind": "win", "started_on": "2026-01-15", "baseline": { "cost_minor_per_day": 5 } });
    assert_eq!(sam.post("/v1/goals", &goal).await.expect(422).pointers(), ["/baseline/currency", "/kind"]);
    for date in ["2026-1-5", " 2026-01-05", "2026-01-05\n", "+2026-01-05", "2026-02-30", "20260105"] {
        let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": date });
        assert_eq!(sam.post("/v1/goals", &goal).await.expect(422).pointers(), ["/started_on"], "{date}");
    }
    for time in [
        "2026-01-05 08:00:00Z",
        "2026-01-05T08:00:00\u{2212}05:00",
        "2026-01-05T08:00Z",
        "2026-01-05T24:00:00Z",
    ] {
        let note = json!({ "kind": "momentary", "occurred_at": time, "answers": { "craving": 1 } });
        assert_eq!(sam.post("/v1/check-ins", &note).await.expect(422).pointers(), ["/occurred_at"], "{time}");
    }
}

async fn a_weekly_check_in_carries_wellbeing_and_readiness(app: &TestApp) {
    let sam = app.person().await;
    let answers = json!({ "mental": 6, "emotional": 5, "physical": 7, "social": 4, "difficulty": 3, "importance": 9, "readiness": 8 });
    let weekly = json!({ "kind": "weekly", "occurred_at": "2026-03-01T18:00:00-05:00", "answers": answers });
    let stored = sam.post("/v1/check-ins", &weekly).await.expect(201);
    assert_eq!(stored.body["answers"], answers);
    let mut wrong = weekly.clone();
    wrong["answers"] = json!({ "mental": 11, "difficulty": 0, "readiness": 2.5 });
    let pointers = sam.post("/v1/check-ins", &wrong).await.expect(422).pointers();
    assert_eq!(pointers, ["/answers/difficulty", "/answers/mental", "/answers/readiness"]);
}
