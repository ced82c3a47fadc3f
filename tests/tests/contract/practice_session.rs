//! Practice sessions.

use mainstay_tests::{TestApp, both_engines};
use serde_json::{Value, json};

both_engines!(
    a_session_without_a_time_gets_the_time_of_storing,
    a_session_must_name_a_known_practice_and_an_own_craving,
);

async fn a_session_without_a_time_gets_the_time_of_storing(app: &TestApp) {
    let sam = app.person().await;
    let session = json!({ "id": "01950000-0000-7000-8000-000000000001", "practice": "urge-surfing-wave", "minutes": 10, "guided": true, "stress_before": 7, "stress_after": 4 });
    let stored = sam.post("/v1/practice-sessions", &session).await.expect(201);
    let at = stored.body["occurred_at"].as_str().expect("a time").to_owned();
    assert!(["-04:00", "-05:00"].iter().any(|offset| at.ends_with(offset)));
    // Sent again without a time, it is a replay.
    assert_eq!(sam.post("/v1/practice-sessions", &session).await.expect(200).body, stored.body);
    let mut longer = session.clone();
    longer["minutes"] = json!(12);
    let changed = sam.put(&stored.header("location"), 1, &longer).await.expect(200);
    assert_eq!((&changed.body["occurred_at"], &changed.body["minutes"]), (&json!(at), &json!(12)));
    let early =
        json!({ "practice": "urge-surfing-wave", "minutes": 5, "occurred_at": "2026-03-01T07:00:00-05:00" });
    let early = sam.post("/v1/practice-sessions", &early).await.expect(201);
    assert_eq!(early.body["guided"], false);
    let ids: Vec<Value> =
        sam.get("/v1/practice-sessions").await.items().iter().map(|s| s["id"].clone()).collect();
    assert_eq!(ids, [changed.body["id"].clone(), early.body["id"].clone()]);
}

async fn a_session_must_name_a_known_practice_and_an_own_craving(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let craving =
        json!({ "occurred_at": "2026-03-01T07:00:00Z", "ratings": [{ "offset_s": 0, "value": 6 }] });
    let craving =
        sam.post("/v1/craving-events", &craving).await.expect(201).body["craving_event"]["id"].take();
    let session = json!({ "practice": "urge-body-map", "minutes": 7, "craving_event_id": craving });
    sam.post("/v1/practice-sessions", &session).await.expect(201);
    assert_eq!(
        kim.post("/v1/practice-sessions", &session).await.expect(422).pointers(),
        ["/craving_event_id"]
    );
    let wrong =
        json!({ "practice": "no-such-practice", "minutes": 7, "occurred_at": "2199-01-01T00:00:00Z" });
    assert_eq!(
        sam.post("/v1/practice-sessions", &wrong).await.expect(422).pointers(),
        ["/occurred_at", "/practice"]
    );
    let wrong = json!({ "practice": "urge-body-map", "minutes": 241, "craving_after": 11 });
    assert_eq!(
        sam.post("/v1/practice-sessions", &wrong).await.expect(422).pointers(),
        ["/craving_after", "/minutes"]
    );
}
