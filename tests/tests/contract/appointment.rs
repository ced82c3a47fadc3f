//! Appointments.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(an_appointment_may_lie_ahead_and_is_listed_by_its_time, every_wrong_member_is_named,);

async fn an_appointment_may_lie_ahead_and_is_listed_by_its_time(app: &TestApp) {
    let sam = app.person().await;
    let at = |time: &str| json!({ "kind": "counseling", "starts_at": time, "with": "Dr. Okafor" });
    let ahead = sam.post("/v1/appointments", &at("2150-03-10T15:00:00+01:00")).await.expect(201);
    let past = sam.post("/v1/appointments", &at("2026-03-10T15:00:00+01:00")).await.expect(201);
    assert_eq!(
        (&ahead.body["status"], &ahead.body["starts_at"]),
        (&json!("planned"), &json!("2150-03-10T15:00:00.000+01:00"))
    );
    assert_eq!(sam.get("/v1/appointments").await.items(), [ahead.body.clone(), past.body.clone()]);
    assert_eq!(sam.get("/v1/appointments?from=2100-01-01T00:00:00Z").await.items(), [ahead.body]);
    let mut changed = past.body.clone();
    for status in ["missed", "kept", "planned", "cancelled"] {
        changed["status"] = json!(status);
        let version = changed["version"].as_i64().expect("a version");
        changed = sam.put(&past.header("location"), version, &changed).await.expect(200).body;
    }
    assert_eq!(changed["version"], 5);
}

async fn every_wrong_member_is_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong = json!({ "kind": "", "starts_at": "2026-03-10", "status": "done" });
    assert_eq!(
        sam.post("/v1/appointments", &wrong).await.expect(422).pointers(),
        ["/kind", "/starts_at", "/status"]
    );
    let far = json!({ "kind": "intake", "starts_at": "9999-12-31T23:59:59Z" });
    assert_eq!(sam.post("/v1/appointments", &far).await.expect(422).pointers(), ["/starts_at"]);
}
