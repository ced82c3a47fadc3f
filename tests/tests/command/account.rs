//! Accounts that an operator creates from the command line.

use std::process::Output;

use mainstay_tests::{Client, Database, Engine, PASSWORD, Process};
use serde_json::json;

use super::{run, text};

fn create(database: &Database, display_name: &str) -> Output {
    let arguments = [
        "account",
        "create",
        "--role",
        "clinician",
        "--email",
        "kim@example.org",
        "--display-name",
        display_name,
    ];
    run(database, &arguments, &[], PASSWORD)
}

/// An account with such a name was created, and could not be read again.
#[tokio::test]
async fn a_display_name_of_a_forbidden_length_is_refused_and_creates_nothing() {
    let database = Database::create(Engine::Sqlite);
    for wrong in [String::new(), "x".repeat(201)] {
        let refused = create(&database, &wrong);
        let message = text(&refused.stderr);
        assert!(!refused.status.success(), "{message}");
        assert!(message.contains("--display-name must have 1 to 200 characters"), "{message}");
        assert_eq!(text(&refused.stdout), "");
    }
    // The address is still free.
    let longest = "ä".repeat(200);
    let created = create(&database, &longest);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let process = Process::start(&database, None, &[]).await;
    let login = json!({ "email": "kim@example.org", "password": PASSWORD });
    let session = Client::new(&process.url).post("/v1/auth/login", &login).await.expect(200);
    assert_eq!(session.body["account"]["display_name"], json!(longest));
}
