//! Commitments.

use chrono::TimeDelta;
use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(nothing_but_the_person_says_how_a_commitment_turned_out);

async fn nothing_but_the_person_says_how_a_commitment_turned_out(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam
        .post("/v1/commitments", &json!({ "text": "Call my sister.", "on": "2026-03-02" }))
        .await
        .expect(201);
    assert_eq!(stored.body.get("outcome"), None);
    // The outcome stays open, even after weeks.
    app.clock.advance(TimeDelta::days(60));
    app.state().store.run_timers(app.clock.micros()).await.expect("the timers run");
    let sam = sam.another_device().await;
    let path = stored.header("location");
    assert_eq!(sam.get(&path).await.expect(200).body, stored.body);
    let mut body = stored.body.clone();
    for outcome in ["kept", "not_kept", "unsure"] {
        body["outcome"] = json!(outcome);
        let version = body["version"].as_i64().expect("a version");
        body = sam.put(&path, version, &body).await.expect(200).body;
    }
    body["outcome"] = json!(null);
    assert_eq!(sam.put(&path, 4, &body).await.expect(200).body.get("outcome"), None);
    let wrong = json!({ "text": "", "on": "tomorrow", "outcome": "lost" });
    assert_eq!(
        sam.post("/v1/commitments", &wrong).await.expect(422).pointers(),
        ["/on", "/outcome", "/text"]
    );
}
