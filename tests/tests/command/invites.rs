//! Invites to register, which an operator makes, lists and revokes.

use std::fs;

use mainstay_tests::{Client, Database, Engine, PASSWORD, Process, both_engines};
use serde_json::{Value, json};

use super::{run, text};

both_engines!(codes_are_shown_once_and_can_be_revoked);

/// The codes and ids that `invites create` has printed.
fn made(stdout: &[u8]) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (code, id) = line.split_once(' ').expect("a code and an id");
        (code.to_owned(), id.to_owned())
    };
    text(stdout).lines().map(pair).collect()
}

async fn register(process: &Process, email: &str, code: &str) -> u16 {
    let body = json!({ "email": email, "password": PASSWORD, "time_zone": "UTC", "invite_code": code });
    Client::new(&process.url).post("/v1/auth/register", &body).await.status
}

async fn codes_are_shown_once_and_can_be_revoked(database: &Database) {
    let process = Process::start(database, None, &[("MAINSTAY_REGISTRATION", "invite")]).await;
    let invites = |arguments: &[&str]| run(database, &[&["invites"], arguments].concat(), &[], "");
    let created =
        invites(&["create", "--count", "3", "--uses", "2", "--expires", "10", "--note", "Group of October"]);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let made = made(&created.stdout);
    assert_eq!(made.len(), 3);
    for (code, _) in &made {
        let groups: Vec<usize> = code.split('-').map(str::len).collect();
        assert_eq!(groups, [4; 4], "{code}");
        assert!(!code.contains(['I', 'L', 'O', 'U']), "{code}");
    }
    let (first, second) = (&made[0], &made[1]);
    assert_eq!(register(&process, "sam@example.org", &first.0.to_lowercase()).await, 201);

    let listed = invites(&["list"]);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    let lines: Vec<Value> =
        text(&listed.stdout).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    assert_eq!(lines.len(), 3);
    let line = lines.iter().find(|line| line["id"] == json!(first.1)).expect("the first");
    assert_eq!(
        (&line["uses"], &line["uses_left"], &line["note"]),
        (&json!(2), &json!(1), &json!("Group of October"))
    );
    assert!(line["created_at"].as_str() < line["expires_at"].as_str());
    for (code, _) in &made {
        assert!(!text(&listed.stdout).contains(code.as_str()));
    }

    let revoked = invites(&["revoke", &second.1]);
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    assert!(!invites(&["revoke", &second.1]).status.success(), "it is gone");
    assert_eq!(register(&process, "kim@example.org", &second.0).await, 403);
    assert_eq!(register(&process, "kim@example.org", &first.0).await, 201);
    assert_eq!(register(&process, "lee@example.org", &first.0).await, 403);
    for wrong in [
        ["create", "--count", "0"],
        ["create", "--count", "1001"],
        ["create", "--uses", "0"],
        ["create", "--expires", "0"],
        ["create", "--note", ""],
        ["revoke", "--", "everything"],
    ] {
        let refused = invites(&wrong);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{wrong:?}");
    }
    drop(process);
    if database.engine == Engine::Sqlite {
        let mut stored = Vec::new();
        for name in ["mainstay.db", "mainstay.db-wal"] {
            stored.extend(fs::read(database.path().join(name)).unwrap_or_default());
        }
        let holds = |needle: &str| stored.windows(needle.len()).any(|part| part == needle.as_bytes());
        assert!(holds("CREATE TABLE invites"), "the file was read");
        let digits = first.0.replace('-', "");
        assert!(!holds("Group of October") && !holds(&first.0) && !holds(&digits));
    }
}

#[tokio::test]
async fn where_registration_is_closed_the_operator_creates_accounts() {
    let database = Database::create(Engine::Sqlite);
    let settings = [("MAINSTAY_REGISTRATION", "closed")];
    let process = Process::start(&database, None, &settings).await;
    assert_eq!(register(&process, "sam@example.org", "").await, 403);
    let arguments = ["account", "create", "--role", "person", "--email", "sam@example.org"];
    let created = run(&database, &arguments, &settings, PASSWORD);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let login = json!({ "email": "sam@example.org", "password": PASSWORD });
    Client::new(&process.url).post("/v1/auth/login", &login).await.expect(200);
}
