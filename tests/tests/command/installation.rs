//! Databases and keys that do not belong together, schemas of other versions, and accounts without a key.

use std::{collections::BTreeMap, fs, path::Path};

use mainstay_tests::{Client, Database, Engine, PASSWORD, Person, Process, both_engines, process};
use serde_json::json;

use super::{run, text};

/// Commands that must refuse databases that do not belong together.
const COMMANDS: [&[&str]; 6] = [
    &["serve", "--listen", "127.0.0.1:0"],
    &["serve", "--migrate", "--listen", "127.0.0.1:0"],
    &["migrate"],
    &["doctor", "--listen", "127.0.0.1:0"],
    &["account", "prune-keyless"],
    &["account", "create", "--role", "operator", "--email", "o@example.org"],
];

/// The files of a directory: size, content and time of the last change.
fn files(path: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let entries = fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry"));
    let files = entries.map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let changed = entry.metadata().and_then(|metadata| metadata.modified()).expect("a time");
        (name, (fs::read(entry.path()).expect("a file"), changed))
    });
    files.collect()
}

/// Runs a command that must fail with the message, and must not change a file.
#[track_caller]
fn refuses(database: &Database, arguments: &[&str], message: &str) {
    let before = files(database.path());
    let output = run(database, arguments, &[], PASSWORD);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!output.status.success() && said.contains(message), "{arguments:?}: {said}");
    assert!(files(database.path()) == before, "{arguments:?} changed a file");
}

/// A database in which a person has signed up, whose server has stopped.
async fn used(engine: Engine) -> (Database, Person) {
    let database = Database::create(engine);
    let mut process = Process::start(&database, None, &[]).await;
    let sam = Person::register(&process.url, json!({})).await;
    assert!(process.terminate().success());
    (database, sam)
}

fn sqlite(database: &Database, file: &str) -> rusqlite::Connection {
    rusqlite::Connection::open(database.path().join(file)).expect("it opens")
}

/// Runs SQL on the record while no server runs.
fn sql(database: &Database, sql: &str) {
    match database.engine {
        Engine::Sqlite => sqlite(database, "mainstay.db").execute_batch(sql).expect("it runs"),
        Engine::Postgres => drop(database.sql(sql)),
    }
}

both_engines!(
    a_record_without_its_key_store_is_refused_by_every_command,
    a_key_store_without_its_record_is_refused,
    doctor_changes_nothing,
    a_newer_schema_is_refused_with_both_versions,
    several_processes_migrate_at_once,
    databases_from_before_they_had_an_id_are_bound,
    an_account_without_key_is_named_and_its_address_can_be_freed,
);

async fn a_record_without_its_key_store_is_refused_by_every_command(database: &Database) {
    let (record, _) = used(database.engine).await;
    let keys = fs::read(record.path().join("keys.db")).expect("a key store");
    // A key store of the same master key that has no account, and one that has.
    let put = |name: &str, bytes: &[u8]| fs::write(record.path().join(name), bytes).expect("it is written");
    let (other, _) = used(Engine::Sqlite).await;
    let unused = Database::create(Engine::Sqlite);
    drop(Process::start(&unused, None, &[]).await);
    let migrated = Database::create(Engine::Sqlite);
    assert!(run(&migrated, &["migrate"], &[], "").status.success());
    let foreign = |other: &Database| {
        let keys = sqlite(other, "keys.db");
        keys.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("the log is folded back");
        drop(keys);
        fs::read(other.path().join("keys.db")).expect("a key store")
    };
    for arguments in COMMANDS {
        fs::remove_file(record.path().join("keys.db")).expect("it was there");
        refuses(&record, arguments, "key store is empty or missing");
        put("keys.db", &foreign(&migrated));
        refuses(&record, arguments, "key store is empty or missing");
        put("keys.db", &foreign(&unused));
        refuses(&record, arguments, "the key store belongs to installation");
        put("keys.db", &foreign(&other));
        refuses(&record, arguments, "the key store belongs to installation");
        put("keys.db", &keys);
    }
    // Without the master key, none is made.
    fs::remove_file(record.path().join("master.key")).expect("it was there");
    refuses(&record, COMMANDS[0], "master.key");
    fs::remove_file(record.path().join("keys.db")).expect("it was there");
    refuses(&record, COMMANDS[0], "key store is empty or missing");
}

async fn a_key_store_without_its_record_is_refused(database: &Database) {
    let (mut used, _) = used(database.engine).await;
    let fresh = Database::create(database.engine);
    used.url.clone_from(&fresh.url);
    for arguments in COMMANDS {
        refuses(&used, arguments, "record is empty or missing");
    }
}

async fn doctor_changes_nothing(database: &Database) {
    // Before anything exists, while a server runs, after it was killed, and after it stopped.
    let doctor = || {
        let before = files(database.path());
        let output = run(database, &["doctor", "--deep", "--listen", "127.0.0.1:0"], &[], "");
        let after = files(database.path());
        // The server may write its log meanwhile.
        let without_log = |mut files: BTreeMap<String, _>| {
            files.remove("server.log");
            files
        };
        assert!(without_log(before) == without_log(after));
        output
    };
    assert!(!doctor().status.success());
    let process = Process::start(database, None, &[]).await;
    let sam = Person::register(&process.url, json!({})).await;
    let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-10-01" });
    sam.post("/v1/goals", &goal).await.expect(201);
    let healthy = |output: std::process::Output| {
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    };
    healthy(doctor());
    process.kill();
    healthy(doctor());
    let mut process = Process::start(database, None, &[]).await;
    assert!(process.terminate().success());
    healthy(doctor());
    let tables = match database.engine {
        Engine::Sqlite => return,
        Engine::Postgres => Database::create(Engine::Postgres),
    };
    assert!(!run(&tables, &["doctor"], &[], "").status.success());
    let count = tables.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'");
    assert_eq!(count.trim(), "0", "an empty database stays empty");
}

async fn a_newer_schema_is_refused_with_both_versions(database: &Database) {
    let (used, _) = used(database.engine).await;
    let status = run(&used, &["migrate", "--status"], &[], "");
    assert!(status.status.success() && text(&status.stdout).contains("pending: none"), "{status:?}");
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000077')";
    sql(&used, newer);
    for arguments in COMMANDS {
        refuses(&used, arguments, "the record has schema 20991231000077");
        refuses(&used, arguments, "knows schemas up to 2026");
    }
    let status = run(&used, &["migrate", "--status"], &[], "");
    assert!(!status.status.success() && text(&status.stdout).contains("newer version: 20991231000077"));
    sql(&used, "DELETE FROM __diesel_schema_migrations WHERE version = '20991231000077'");
    sqlite(&used, "keys.db").execute_batch(newer).expect("it runs");
    for arguments in COMMANDS {
        refuses(&used, arguments, "the key store has schema 20991231000077");
    }
}

async fn several_processes_migrate_at_once(database: &Database) {
    let migrate = || {
        let mut command = process::command(database);
        command.arg("migrate").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().expect("the binary starts")
    };
    let status = run(database, &["migrate", "--status"], &[], "");
    assert!(!status.status.success(), "{}", text(&status.stdout));
    let all: Vec<_> = (0..4).map(|_| migrate()).collect();
    let mut done = 0;
    for process in all {
        let output = process.wait_with_output().expect("it ends");
        let said = text(&output.stdout);
        assert!(output.status.success(), "{said}{}", text(&output.stderr));
        done += said.split(' ').next().and_then(|count| count.parse::<u32>().ok()).expect("a count");
    }
    let status = text(&run(database, &["migrate", "--status"], &[], "").stdout);
    assert!(done >= 6 && status.matches("pending: none").count() == 2, "{done} {status}");
    drop(Process::start(database, None, &[]).await);
}

async fn databases_from_before_they_had_an_id_are_bound(database: &Database) {
    let (used, sam) = used(database.engine).await;
    sql(&used, "DELETE FROM installation");
    sqlite(&used, "keys.db").execute_batch("DELETE FROM key_store_installation").expect("it runs");
    let (other, _) = self::used(Engine::Sqlite).await;
    let keys = fs::read(used.path().join("keys.db")).expect("a key store");
    let foreign = sqlite(&other, "keys.db");
    foreign.execute_batch("DELETE FROM key_store_installation").expect("it runs");
    drop(foreign);
    fs::copy(other.path().join("keys.db"), used.path().join("keys.db")).expect("it is copied");
    refuses(&used, COMMANDS[0], "the key store has no key of the record's accounts");
    fs::write(used.path().join("keys.db"), keys).expect("it is put back");
    let process = Process::start(&used, None, &[]).await;
    let login = json!({ "email": sam.email, "password": PASSWORD });
    Client::new(&process.url).post("/v1/auth/login", &login).await.expect(200);
    drop(process);
    let doctor = run(&used, &["doctor", "--deep", "--listen", "127.0.0.1:0"], &[], "");
    assert!(doctor.status.success(), "{}", text(&doctor.stdout));
}

async fn an_account_without_key_is_named_and_its_address_can_be_freed(database: &Database) {
    let mut process = Process::start(database, None, &[]).await;
    let (kim, sam) = (json!({ "email": "kim@example.org" }), json!({ "email": "sam@example.org" }));
    let kim = Person::register(&process.url, kim).await;
    let lost = Person::register(&process.url, sam.clone()).await;
    let id = lost.get("/v1/me").await.expect(200).body["id"].as_str().expect("an id").to_owned();
    assert!(process.terminate().success());
    let uuid: uuid::Uuid = id.parse().expect("an id");
    let deleted = sqlite(database, "keys.db")
        .execute("DELETE FROM data_keys WHERE account_id = ?1", [uuid.as_bytes().as_slice()]);
    assert_eq!(deleted, Ok(1));
    let doctor = text(&run(database, &["doctor", "--deep", "--listen", "127.0.0.1:0"], &[], "").stdout);
    assert!(
        doctor.contains(&format!("account {id} has no key")) && doctor.contains("prune-keyless"),
        "{doctor}"
    );
    let prune = |arguments: &[&str]| {
        let output = run(database, &[&["account", "prune-keyless"], arguments].concat(), &[], "");
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (is_done, _, message) = prune(&["--at-most", "0"]);
    assert!(!is_done && message.contains("more than 0 accounts"), "{message}");
    assert_eq!(prune(&["--dry-run"]).1, format!("{id}\n"));
    assert_eq!(prune(&[]).1, format!("{id}\n"));
    assert_eq!(prune(&[]).1, "");
    let doctor = run(database, &["doctor", "--deep", "--listen", "127.0.0.1:0"], &[], "");
    assert!(doctor.status.success(), "{}", text(&doctor.stdout));
    let process = Process::start(database, None, &[]).await;
    Person::register(&process.url, sam).await;
    let login = json!({ "email": kim.email, "password": PASSWORD });
    Client::new(&process.url).post("/v1/auth/login", &login).await.expect(200);
}

/// What is not the record's is not migrated, which could not be undone.
#[tokio::test]
async fn a_foreign_key_store_of_an_older_schema_is_refused_before_it_is_migrated() {
    let (record, _) = used(Engine::Sqlite).await;
    let (other, _) = used(Engine::Sqlite).await;
    let older = sqlite(&other, "keys.db");
    older
        .execute_batch(
            "DROP TABLE erasures; DROP TABLE key_store_installation; \
             DELETE FROM __diesel_schema_migrations WHERE version = '20261130000052'",
        )
        .expect("it runs");
    drop(older);
    fs::copy(other.path().join("keys.db"), record.path().join("keys.db")).expect("it is copied");
    let before = fs::read(record.path().join("keys.db")).expect("a key store");
    for arguments in [&["restore", "--declare"][..], COMMANDS[0], COMMANDS[2]] {
        let output = run(&record, arguments, &[], "");
        assert!(!output.status.success(), "{arguments:?}");
        let after = fs::read(record.path().join("keys.db")).expect("a key store");
        assert!(before == after, "{arguments:?} changed the key store");
    }
}
