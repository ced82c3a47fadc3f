//! Database outages: the status of the responses, no lost record, and no internal detail in a problem.

use mainstay_tests::{Engine, TestApp, samples::check_in_with_id};

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
        // As an app does it: send the record again until it is acknowledged.
        let mut tries = 0;
        loop {
            let response = sam.post("/v1/check-ins", &check_in_with_id(n, "a note")).await;
            match response.status {
                200 | 201 => break,
                503 => assert_eq!(response.header("retry-after"), "2"),
                other => panic!("{other}: {}", response.text),
            }
            tries += 1;
            assert!(tries < 40, "the connections are not replaced");
        }
    }
    assert_eq!(sam.get("/v1/check-ins?limit=200").await.items().len(), 60);
    app.client().get("/health/ready").await.expect(200);
}

#[tokio::test]
async fn a_broken_database_is_not_ready_and_its_problems_show_no_detail() {
    let app = TestApp::start(Engine::Postgres).await;
    let sam = app.person().await;
    sam.post("/v1/check-ins", &check_in_with_id(1, "a note")).await.expect(201);
    app.database.sql("ALTER TABLE records RENAME TO hidden");
    let fault = sam.get("/v1/check-ins").await.expect(500);
    assert_eq!(fault.problem(), "internal");
    assert!(!fault.text.contains("records") && !fault.text.contains("relation"), "{}", fault.text);
    sam.post("/v1/check-ins", &check_in_with_id(2, "a note")).await.expect(500);
    app.database.sql("ALTER TABLE hidden RENAME TO records");
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
    app.database.sql("ALTER TABLE people RENAME TO hidden");
    let unready = app.client().get("/health/ready").await.expect(503);
    assert_eq!((unready.problem().as_str(), unready.header("retry-after").as_str()), ("unavailable", "2"));
    app.client().get("/health/live").await.expect(200);
    app.client().get("/v1/helplines?country=US").await.expect(200);
}
