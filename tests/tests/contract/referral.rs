//! Referrals.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(a_referral_may_go_through_its_statuses_in_any_order);

async fn a_referral_may_go_through_its_statuses_in_any_order(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let appointment = sam
        .post("/v1/appointments", &json!({ "kind": "intake", "starts_at": "2026-04-01T09:00:00Z" }))
        .await
        .expect(201)
        .id();
    let stored =
        sam.post("/v1/referrals", &json!({ "kind": "residential", "to": "Riverside" })).await.expect(201);
    assert_eq!(stored.body["status"], "draft");
    let mut body = stored.body.clone();
    for status in [
        "requested",
        "waitlisted",
        "accepted",
        "scheduled",
        "no_show",
        "scheduled",
        "attended",
        "closed",
        "declined",
    ] {
        body["status"] = json!(status);
        body["appointment_id"] = json!(appointment);
        let version = body["version"].as_i64().expect("a version");
        body = sam.put(&stored.header("location"), version, &body).await.expect(200).body;
    }
    assert_eq!(body["version"], 10);
    let of_kim = json!({ "kind": "residential", "to": "Riverside", "appointment_id": appointment });
    assert_eq!(kim.post("/v1/referrals", &of_kim).await.expect(422).pointers(), ["/appointment_id"]);
    let wrong = json!({ "kind": "", "status": "lost" });
    assert_eq!(sam.post("/v1/referrals", &wrong).await.expect(422).pointers(), ["/kind", "/status", "/to"]);
}
