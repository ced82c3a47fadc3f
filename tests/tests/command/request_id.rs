//! The id of a request in every line that is logged on its behalf.

use mainstay_tests::{Database, Engine, Person, Process};
use serde_json::{Value, json};

use crate::log;

#[tokio::test]
async fn the_line_of_a_fault_carries_the_id_of_its_response() {
    let database = Database::create(Engine::Postgres);
    let mut process = Process::start(&database, None, &[("MAINSTAY_LOG_FORMAT", "json")]).await;
    let sam = Person::register(&process.url, json!({})).await;
    database.sql("ALTER TABLE accounts RENAME TO missing_accounts");
    let mut ids = vec!["my-own-id".to_owned()];
    sam.send("GET", "/v1/me", &[("x-request-id", "my-own-id")], None).await.expect(500);
    let response = sam.send("GET", "/v1/me", &[], None).await.expect(500);
    ids.push(response.header("x-request-id"));
    assert_eq!(response.body["request_id"], json!(ids[1]));

    assert!(process.terminate().success());
    let lines: Vec<Value> =
        log(&database).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    for id in ids {
        let levels: Vec<&Value> =
            lines.iter().filter(|line| line["request_id"] == json!(id)).map(|line| &line["level"]).collect();
        assert_eq!(levels, ["ERROR", "INFO"], "{id}: the fault, then the request");
    }
}
