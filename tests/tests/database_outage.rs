//! When the database is in trouble: clear answers, nothing lost, and no word of the inside.

use mainstay_tests::{Engine, TestApp};
use serde_json::{Value, json};
use uuid::Uuid;

fn note(n: u128) -> Value {
    json!({
        "id": Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0000 + n), "kind": "momentary",
        "occurred_at": "2026-03-01T12:00:00Z", "answers": { "craving": 3 },
    })
}

#[tokio::test]
async fn broken_connections_are_replaced_and_lose_nothing() {
    let app = TestApp::start(Engine::Postgres).await;
    let sam = app.person().await;
    for n in 0..60 {
        if n % 15 == 5 {
            app.database.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
            );
        }
        // What an app does: the same record again until it is acknowledged.
        let mut tries = 0;
        loop {
            let answer = sam.post("/v1/check-ins", &note(n)).await;
            match answer.status {
                200 | 201 => break,
                503 => assert_eq!(answer.header("retry-after"), "2"),
                other => panic!("{other}: {}", answer.text),
            }
            tries += 1;
            assert!(tries < 40, "the connections are not replaced");
        }
    }
    assert_eq!(sam.get("/v1/check-ins?limit=200").await.items().len(), 60);
    app.client().get("/health/ready").await.expect(200);
}

#[tokio::test]
async fn a_database_that_is_gone_is_not_ready_and_says_nothing_of_the_inside() {
    let app = TestApp::start(Engine::Postgres).await;
    let sam = app.person().await;
    sam.post("/v1/check-ins", &note(1)).await.expect(201);
    app.database.sql("ALTER TABLE records RENAME TO hidden");
    let fault = sam.get("/v1/check-ins").await.expect(500);
    assert_eq!(fault.problem(), "internal");
    assert!(!fault.text.contains("records") && !fault.text.contains("relation"), "{}", fault.text);
    sam.post("/v1/check-ins", &note(2)).await.expect(500);
    app.database.sql("ALTER TABLE hidden RENAME TO records");
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
    app.database.sql("ALTER TABLE people RENAME TO hidden");
    let unready = app.client().get("/health/ready").await.expect(503);
    assert_eq!((unready.problem().as_str(), unready.header("retry-after").as_str()), ("unavailable", "2"));
    app.client().get("/health/live").await.expect(200);
    app.client().get("/v1/helplines?country=US").await.expect(200);
}
