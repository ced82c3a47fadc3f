//! Responses that are stored under an `Idempotency-Key` survive a kill of the server.

use mainstay_tests::{Database, Person, Process, Response, both_engines};
use serde_json::json;

both_engines!(the_first_response_is_replayed_by_the_next_process);

async fn the_first_response_is_replayed_by_the_next_process(database: &Database) {
    let process = Process::start(database, None, &[]).await;
    let (port, sam) = (process.port(), Person::register(&process.url, json!({})).await);
    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] });
    let send = async |n: usize| {
        let response = sam.post_with_key("/v1/craving-events", &format!("key-{n}"), &craving).await;
        let location = response.header("location");
        let Response { status, text, .. } = response;
        (status, location, text)
    };
    let mut first = Vec::new();
    for n in 0..10 {
        first.push(send(n).await);
    }
    assert!(first.iter().all(|(status, ..)| *status == 201));
    process.kill();
    let _process = Process::start(database, Some(port), &[]).await;
    for (n, response) in first.iter().enumerate() {
        assert_eq!(send(n).await, *response);
    }
    assert_eq!(sam.get("/v1/craving-events").await.items().len(), 10);
}
