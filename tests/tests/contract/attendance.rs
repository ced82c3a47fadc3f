//! Attendances at meetings.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(any_programme_and_meeting_is_accepted, every_wrong_member_is_named,);

async fn any_programme_and_meeting_is_accepted(app: &TestApp) {
    let sam = app.person().await;
    let attendance = json!({ "meeting_id": "01950000-0000-7000-8000-000000000009", "programme": "smart", "mode": "online", "role": "share", "occurred_at": "2026-03-03T19:00:00-05:00" });
    let stored = sam.post("/v1/attendances", &attendance).await.expect(201);
    assert_eq!(stored.body["meeting_id"], attendance["meeting_id"]);
    let own = json!({ "programme": "our Tuesday group", "mode": "in_person", "role": "serve", "occurred_at": "2026-03-04T19:00:00-05:00" });
    let own = sam.post("/v1/attendances", &own).await.expect(201);
    assert_eq!(sam.get("/v1/attendances").await.items(), [own.body, stored.body]);
}

async fn every_wrong_member_is_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong = json!({ "meeting_id": "one", "mode": "fax", "role": "lead", "occurred_at": "today" });
    assert_eq!(
        sam.post("/v1/attendances", &wrong).await.expect(422).pointers(),
        ["/meeting_id", "/mode", "/occurred_at", "/programme", "/role"]
    );
}
