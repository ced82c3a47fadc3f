//! The private journal.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(an_entry_is_for_the_person_alone);

async fn an_entry_is_for_the_person_alone(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let entry = json!({ "occurred_at": "2026-03-01T22:15:00-05:00", "text": "Slow day.", "mood": 6 });
    let stored = sam.post("/v1/journal", &entry).await.expect(201);
    let path = stored.header("location");
    assert_eq!(path, format!("/v1/journal/{}", stored.id()));
    assert_eq!(sam.get("/v1/journal").await.items(), [stored.body]);
    kim.get(&path).await.expect(404);
    assert!(kim.get("/v1/journal").await.items().is_empty());
    let wrong = json!({ "occurred_at": "2199-01-01T00:00:00Z", "text": "x" });
    assert_eq!(sam.post("/v1/journal", &wrong).await.expect(422).pointers(), ["/occurred_at"]);
    let wrong = json!({ "occurred_at": "2026-03-01T22:15:00-05:00", "text": "a".repeat(4001), "mood": -1 });
    assert_eq!(sam.post("/v1/journal", &wrong).await.expect(422).pointers(), ["/mood", "/text"]);
}
