//! First answers survive the death of the server.

use mainstay_tests::{Client, Database, Engine, Person, Process};
use serde_json::{Value, json};

async fn post(sam: &Client, key: &str, body: &Value) -> (u16, String, String) {
    let body = body.to_string().into_bytes();
    let answer = sam.send("POST", "/v1/craving-events", &[("idempotency-key", key)], Some(body)).await;
    (answer.status, answer.header("location"), answer.text)
}

async fn the_first_answer_is_given_again_by_the_next_process(engine: Engine) {
    let database = Database::create(engine);
    let process = Process::start(&database, None, &[]).await;
    let (port, sam) = (process.port(), Person::register(&process.url, json!({})).await);
    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] });
    let mut first = Vec::new();
    for n in 0..10 {
        first.push(post(&sam, &format!("key-{n}"), &craving).await);
    }
    assert!(first.iter().all(|(status, ..)| *status == 201));
    process.kill();
    let _process = Process::start(&database, Some(port), &[]).await;
    for (n, answer) in first.iter().enumerate() {
        assert_eq!(post(&sam, &format!("key-{n}"), &craving).await, *answer);
    }
    assert_eq!(sam.get("/v1/craving-events").await.items().len(), 10);
}

#[tokio::test]
async fn the_first_answer_is_given_again_by_the_next_process_on_sqlite() {
    the_first_answer_is_given_again_by_the_next_process(Engine::Sqlite).await;
}

#[tokio::test]
async fn the_first_answer_is_given_again_by_the_next_process_on_postgres() {
    the_first_answer_is_given_again_by_the_next_process(Engine::Postgres).await;
}
