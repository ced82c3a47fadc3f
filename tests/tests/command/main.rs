//! The server binary: its commands, settings, log lines, metrics, and how it stops.

mod account;
mod audit;
mod connection;
mod import;
mod installation;
mod invites;
mod keys;
mod pool_size;
mod private_files;
mod request_id;
mod security_txt;

use std::{
    fs,
    io::{ErrorKind, Write},
    process::{Command, Output, Stdio},
};

use mainstay_tests::{Client, Database, Engine, PASSWORD, Person, Process, both_engines, process};
use serde_json::{Value, json};

fn run(database: &Database, arguments: &[&str], settings: &[(&str, &str)], input: &str) -> Output {
    let mut command: Command = process::command(database);
    command.args(arguments).envs(settings.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let written = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    // A command that refuses its arguments may end before it reads.
    if let Err(error) = written {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
    }
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn log(database: &Database) -> String {
    fs::read_to_string(database.path().join("server.log")).expect("a log")
}

#[test]
fn openapi_prints_the_committed_document() {
    let database = Database::create(Engine::Sqlite);
    let output = run(&database, &["openapi"], &[], "");
    assert!(output.status.success());
    assert!(text(&output.stdout) == include_str!("../../../openapi/openapi.json"));
}

#[test]
fn wrong_settings_stop_the_start_with_one_message_that_names_all_of_them() {
    let database = Database::create(Engine::Sqlite);
    let settings = [("MAINSTAY_LISTEN", "here"), ("MAINSTAY_LOG_FORMAT", "xml"), ("MAINSTAY_WORKERS", "0")];
    let output = run(&database, &["serve"], &settings, "");
    let message = text(&output.stderr);
    assert!(!output.status.success());
    for (name, _) in settings {
        assert!(message.contains(name), "{message}");
    }
    assert!(!database.path().join("mainstay.db").exists(), "nothing was created");
}

#[test]
fn keys_are_generated_once_and_only_their_owner_can_read_them() {
    let database = Database::create(Engine::Sqlite);
    assert!(run(&database, &["keys", "generate"], &[], "").status.success());
    let read = |name: &str| fs::read_to_string(database.path().join(name)).expect("a key");
    let (master, signing) = (read("master.key"), read("signing.pem"));
    #[cfg(unix)]
    for name in ["master.key", "signing.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(database.path().join(name)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let again = run(&database, &["keys", "generate"], &[], "");
    assert!(text(&again.stdout).contains("kept the master key"));
    assert_eq!((read("master.key"), read("signing.pem")), (master, signing));
}

#[tokio::test]
async fn a_lost_master_key_stops_the_start() {
    let database = Database::create(Engine::Sqlite);
    let process = Process::start(&database, None, &[]).await;
    Person::register(&process.url, json!({})).await;
    drop(process);
    fs::remove_file(database.path().join("master.key")).expect("the key exists");
    let output = run(&database, &["serve", "--listen", "127.0.0.1:0"], &[], "");
    assert!(
        !output.status.success() && text(&output.stderr).contains("master.key"),
        "{}",
        text(&output.stderr)
    );
    assert!(!database.path().join("master.key").exists());
}

#[test]
fn an_unmigrated_server_database_is_not_served() {
    let database = Database::create(Engine::Postgres);
    let refused = run(&database, &["serve", "--listen", "127.0.0.1:0"], &[], "");
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("mainstay migrate"),
        "{}",
        text(&refused.stderr)
    );
    let migrated = run(&database, &["migrate"], &[], "");
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    assert_eq!(text(&run(&database, &["migrate"], &[], "").stdout), "0 migrations run\n");
}

both_engines!(doctor_finds_faults);

async fn doctor_finds_faults(database: &Database) {
    let early = run(database, &["doctor"], &[], "");
    assert!(!early.status.success() && text(&early.stdout).contains("FAULT   master key"));
    let process = Process::start(database, None, &[]).await;
    Person::register(&process.url, json!({})).await;
    let well = run(database, &["doctor", "--listen", "127.0.0.1:0"], &[], "");
    assert!(well.status.success(), "{}{}", text(&well.stdout), text(&well.stderr));
    assert!(text(&well.stdout).contains("ok      sealed data"));
    let busy = run(database, &["doctor", "--listen", &format!("127.0.0.1:{}", process.port())], &[], "");
    assert!(text(&busy.stdout).contains("FAULT   address to serve on"));
    drop(process);
    let key = database.path().join("master.key");
    fs::write(&key, format!("{}\n", "ab".repeat(32))).expect("the key is replaced");
    let other = run(database, &["doctor", "--listen", "127.0.0.1:0"], &[], "");
    assert!(
        text(&other.stdout).contains("FAULT   installation: the key store needs master key"),
        "{}",
        text(&other.stdout)
    );
}

#[tokio::test]
async fn clinicians_and_operators_are_created_on_the_command_line() {
    let database = Database::create(Engine::Sqlite);
    let create = |role: &str, email: &str, password: &str| {
        run(
            &database,
            &["account", "create", "--role", role, "--email", email, "--time-zone", "Europe/Berlin"],
            &[],
            password,
        )
    };
    assert!(create("clinician", "kim@example.org", &format!("{PASSWORD}\n")).status.success());
    for (role, email, password) in [
        ("clinician", "kim@example.org", PASSWORD),
        ("clinician", "kim", PASSWORD),
        ("clinician", "lee@example.org", "short"),
        ("clinician", "lee@example.org", "Password1234"),
        ("wizard", "lee@example.org", PASSWORD),
    ] {
        let refused = create(role, email, password);
        assert!(!refused.status.success() && !text(&refused.stderr).contains(PASSWORD), "{role} {email}");
    }
    let process = Process::start(&database, None, &[]).await;
    let login = json!({ "email": "kim@example.org", "password": PASSWORD });
    let response = Client::new(&process.url).post("/v1/auth/login", &login).await.expect(200);
    assert_eq!(
        (&response.body["account"]["role"], &response.body["account"]["time_zone"]),
        (&json!("clinician"), &json!("Europe/Berlin"))
    );
}

#[tokio::test]
async fn each_request_is_one_line_with_its_route_and_no_body() {
    let database = Database::create(Engine::Sqlite);
    let metrics = process::free_port();
    let address = format!("127.0.0.1:{metrics}");
    let settings = [("MAINSTAY_LOG_FORMAT", "json"), ("MAINSTAY_METRICS_LISTEN", address.as_str())];
    let mut process = Process::start(&database, None, &settings).await;
    let sam = Person::register(&process.url, json!({})).await;
    let id = "01950000-0000-7000-8000-000000000001";
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let headers =
        [("x-request-id", "my-own-id"), ("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))];
    sam.send("GET", &format!("/v1/check-ins/{id}"), &headers, None).await.expect(404);
    sam.send("GET", "/no/such/path", &[], None).await.expect(404);

    let metrics_text = Client::new(&format!("http://{address}")).get("/metrics").await.expect(200).text;
    let counted = "http_requests_total{method=\"GET\",route=\"/v1/check-ins/{id}\",status=\"404\"} 1";
    assert!(metrics_text.contains(counted), "{metrics_text}");
    assert!(metrics_text.contains("route=\"unmatched\"") && !metrics_text.contains("/no/such/path"));
    assert!(metrics_text.contains("http_request_duration_seconds_bucket"));
    Client::new(&process.url).get("/metrics").await.expect(404);

    // The last lines are written when the server stops.
    assert!(process.terminate().success());
    let lines: Vec<Value> =
        log(&database).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let line = lines.iter().find(|line| line["request_id"] == "my-own-id").expect("the request's line");
    assert_eq!(
        (&line["method"], &line["route"], &line["status"], &line["trace_id"]),
        (&json!("GET"), &json!("/v1/check-ins/{id}"), &json!(404), &json!(trace))
    );
    assert!(line["duration_us"].is_u64() && line["at"].is_string());
    assert_eq!(lines.iter().filter(|line| line["request_id"] == "my-own-id").count(), 1);
    assert!(!log(&database).contains(id) && !log(&database).contains("sam@example.org"));
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_stops_the_server_in_good_order() {
    let database = Database::create(Engine::Sqlite);
    let mut process = Process::start(&database, None, &[]).await;
    let sam = Person::register(&process.url, json!({})).await;
    let note =
        json!({ "kind": "momentary", "occurred_at": "2026-03-01T12:00:00Z", "answers": { "craving": 3 } });
    sam.post("/v1/check-ins", &note).await.expect(201);
    assert!(process.terminate().success());
    assert!(log(&database).contains("stopped"));
}

#[tokio::test]
async fn a_migrated_embedded_database_is_served() {
    let database = Database::create(Engine::Sqlite);
    assert!(run(&database, &["migrate"], &[], "").status.success());
    let process = Process::start(&database, None, &[]).await;
    Person::register(&process.url, json!({})).await;
}

#[tokio::test]
async fn a_wrong_master_key_stops_the_start_and_a_new_one_before_the_old_is_accepted() {
    let database = Database::create(Engine::Sqlite);
    let process = Process::start(&database, None, &[]).await;
    let sam = Person::register(&process.url, json!({})).await;
    drop(process);
    let file = database.path().join("master.key");
    let old = fs::read_to_string(&file).expect("a key");
    let new = "ab".repeat(32);
    fs::write(&file, format!("{new}\n")).expect("the key is replaced");
    let refused = run(&database, &["serve", "--listen", "127.0.0.1:0"], &[], "");
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("put the right master key into the file"),
        "{}",
        text(&refused.stderr)
    );

    fs::write(&file, format!("{new}\n{old}")).expect("the key is replaced");
    let process = Process::start(&database, None, &[]).await;
    let client = Client::new(&process.url);
    client.post("/v1/auth/login", &json!({ "email": sam.email, "password": PASSWORD })).await.expect(200);
    let token = json!({ "refresh_token": sam.tokens["refresh_token"] });
    client.post("/v1/auth/refresh", &token).await.expect(200);
    Person::register(&process.url, json!({ "email": "kim@example.org" })).await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_data_directory_and_stopping_checkpoints_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let mut database = Database::create(Engine::Sqlite);
    let inner = database.path().join("inner");
    database.url = format!("sqlite:{}", inner.join("mainstay.db").display());
    let metrics = format!("127.0.0.1:{}", process::free_port());
    let inner_name = inner.display().to_string();
    let settings =
        [("MAINSTAY_DATA_DIR", inner_name.as_str()), ("MAINSTAY_METRICS_LISTEN", metrics.as_str())];
    let mut process = Process::start(&database, None, &settings).await;
    Person::register(&process.url, json!({})).await;
    assert_eq!(fs::metadata(&inner).expect("a directory").permissions().mode() & 0o777, 0o700);
    assert!(process.terminate().success());
    for file in ["mainstay.db-wal", "keys.db-wal"] {
        assert!(!inner.join(file).exists(), "{file}");
    }
}
