//! The audit is verified, and a breach is looked into, on the command line.

use std::fs;

use mainstay_domain::{
    account::Role,
    audit::{Access, AccessAction, AccessDecision, Subject},
    record::Kind,
    sharing::DataClass,
};
use mainstay_store::{MasterKeys, Store};
use mainstay_tests::{Database, Engine, Person, Process, both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{run, text};

both_engines!(own_accesses_are_written_when_the_server_stops, a_breach_is_listed);

const HELPER: Uuid = Uuid::from_u128(0x0195);

fn verify(database: &Database, more: &[&str]) -> (bool, String) {
    let output = run(database, &[&["audit", "verify"], more].concat(), &[], "");
    (output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

/// A server whose people have done something, and the directory's file of checkpoints.
async fn lived(database: &Database) -> (Person, String) {
    let file = database.path().join("checkpoints.jsonl").display().to_string();
    let mut process = Process::start(database, None, &[("MAINSTAY_AUDIT_CHECKPOINTS", &file)]).await;
    let sam = Person::register(&process.url, json!({})).await;
    let kim = Person::register(&process.url, json!({ "email": "kim@example.org" })).await;
    for person in [&sam, &kim] {
        person.get("/v1/goals").await.expect(200);
        person.get("/v1/insights/abstinence").await.expect(200);
    }
    assert!(process.terminate().success());
    (sam, file)
}

async fn own_accesses_are_written_when_the_server_stops(database: &Database) {
    let (sam, file) = lived(database).await;
    let (is_well, said) = verify(database, &["--checkpoints", &file]);
    assert!(
        is_well && said.contains("2 accounts, 4 accesses, 0 disclosures, 1 checkpoints verified; 0 faults"),
        "{said}"
    );
    let id = sam.account["id"].as_str().expect("an id");
    let (is_well, said) = verify(database, &["--account", id]);
    assert!(is_well && said.contains("1 accounts, 2 accesses"), "{said}");
    let (is_well, said) = verify(database, &["--account", &HELPER.to_string()]);
    assert!(!is_well && said.contains("no such account"), "{said}");

    let lines = fs::read_to_string(&file).expect("a file");
    let line: Value = serde_json::from_str(lines.trim()).expect("one line");
    assert_eq!((&line["seq"], &line["chains"], &line["v"]), (&json!(1), &json!(2), &json!(1)));
    assert!(!lines.contains(id) && !lines.contains("sam"), "it tells of nobody");

    // Another run begins anew with every chain.
    let (_, _) = (
        sam.email,
        Process::start(database, None, &[("MAINSTAY_AUDIT_CHECKPOINTS", &file)]).await.terminate(),
    );
    assert_eq!(fs::read_to_string(&file).expect("a file").lines().count(), 2);
    assert!(verify(database, &["--checkpoints", &file]).0);
    altered_checkpoints_are_found(database, &file, &lines);
}

fn altered_checkpoints_are_found(database: &Database, file: &str, line: &str) {
    let other = format!("{file}.other");
    for (from, to, fault) in [
        ("\"count\":2", "\"count\":3", "the signature does not fit"),
        ("\"chains\":2", "\"chains\":1", "the signature does not fit"),
        ("\"leaves\":[", "\"leaves\":[[", "is no checkpoint"),
    ] {
        fs::write(&other, line.replace(from, to)).expect("it is written");
        let (is_well, said) = verify(database, &["--checkpoints", &other]);
        assert!(!is_well && said.contains(fault), "{from}: {said}");
    }
    let (is_well, said) = verify(database, &["--checkpoints", &format!("{file}.missing")]);
    assert!(!is_well && said.contains("missing"), "{said}");
}

#[tokio::test]
async fn a_changed_log_is_named_with_its_account_and_entry() {
    let database = Database::create(Engine::Postgres);
    let (sam, file) = lived(&database).await;
    let id = sam.account["id"].as_str().expect("an id");
    let person = format!("(SELECT no FROM accounts WHERE id = '{id}')");
    database.sql(&format!("CREATE TABLE kept AS SELECT * FROM access_log; UPDATE access_log SET at = at - interval '1 day' WHERE no = 1 AND person_no = {person}"));
    let (is_well, said) = verify(&database, &[]);
    assert!(
        !is_well && said.contains(&format!("FAULT  account {id}: entry 1: the entry was altered")),
        "{said}"
    );
    assert!(
        said.contains("2 accounts, 4 accesses, 0 disclosures, 0 checkpoints verified; 1 faults"),
        "{said}"
    );

    database.sql("DELETE FROM access_log; INSERT INTO access_log SELECT * FROM kept");
    assert!(verify(&database, &["--checkpoints", &file]).0);
    // The whole chain of a person, which only the checkpoint knows.
    database.sql(&format!(
        "DELETE FROM access_log WHERE person_no = {person}; DELETE FROM audit_heads WHERE person_no = {person}"
    ));
    assert!(verify(&database, &[]).0);
    let (is_well, said) = verify(&database, &["--checkpoints", &file]);
    assert!(
        !is_well && said.contains(&format!("account {id}: entry 2: a checkpoint has seen this entry")),
        "{said}"
    );
}

async fn a_breach_is_listed(database: &Database) {
    let process = Process::start(database, None, &[]).await;
    let sam = Person::register(&process.url, json!({})).await;
    Person::register(&process.url, json!({ "email": "kim@example.org" })).await;
    drop(process);
    let id = sam.account["id"].as_str().expect("an id");
    {
        let master = fs::read_to_string(database.path().join("master.key")).expect("a key");
        let store = Store::open(&database.locations(), MasterKeys::parse(&master).expect("a good key"));
        let access = Access {
            at: 1_700_000_000_000_000,
            by: HELPER,
            role: Role::Clinician,
            session: None,
            action: AccessAction::Read,
            subject: vec![Subject::records(Kind::UseEvent, Some(DataClass::Use), 4)],
            decision: AccessDecision::Permitted,
            consent: None,
            request_id: None,
        };
        let person = id.parse().expect("an id");
        store.expect("it opens").write_access(person, access).await.expect("it is written");
    }
    let list = |arguments: &[&str]| run(database, &[&["breach", "list"], arguments].concat(), &[], "");
    let ids = database.path().join("leaked.txt");
    fs::write(&ids, format!("{HELPER}\n")).expect("it is written");
    let helper = HELPER.to_string();
    for accounts in [helper.as_str(), &ids.display().to_string()] {
        let listed = list(&["--since", "2023-11-01", "--accounts", accounts]);
        assert!(listed.status.success(), "{}", text(&listed.stderr));
        let line: Value = serde_json::from_str(text(&listed.stdout).trim()).expect("one line");
        assert_eq!(
            line,
            json!({
                "account_id": id, "first_at": "2023-11-14T22:13:20.000Z", "last_at": "2023-11-14T22:13:20.000Z",
                "accesses": 1, "by": [HELPER], "classes": { "use": 4 }, "what": ["use-events"],
            })
        );
    }
    assert!(!list(&["--since", "2023-11-01"]).stdout.is_empty());
    assert!(list(&["--since", "2023-11-15"]).stdout.is_empty());
    assert!(list(&["--since", "2023-11-01", "--accounts", id]).stdout.is_empty());
    for wrong in [&["--since", "soon"][..], &["--since", "2023-11-01", "--accounts", "ana"], &[]] {
        assert!(!list(wrong).status.success(), "{wrong:?}");
    }
}
