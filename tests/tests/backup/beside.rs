//! What goes on beside a backup or a restore: erasures, other commands, other restores.

use std::{
    fs,
    time::{Duration, Instant},
};

use mainstay_tests::{Client, Engine, PASSWORD, both_engines, process, samples::check_in_with_id};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::place::{Place, erase, erase_with, login, register, signed_in, store};

both_engines!(
    an_access_token_of_somebody_who_was_erased_by_a_command_is_refused,
    a_restore_can_sign_everybody_out,
    a_restore_makes_no_later_device_token_valid,
    commands_create_no_database_that_is_missing,
);

/// A backup reads for its whole time, and keeps SQLite from emptying its log.
#[tokio::test]
async fn an_erasure_during_a_backup_keeps_nobody_waiting() {
    let place = Place::create(Engine::Sqlite);
    let server = place.serve().await;
    let (sam, kim) = (register(&server.url, "sam").await, register(&server.url, "kim").await);
    let readers: Vec<Connection> = ["mainstay.db", "keys.db"]
        .iter()
        .map(|file| {
            let reader = Connection::open(place.path(file)).expect("it opens");
            reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;").expect("it reads");
            reader
        })
        .collect();
    kim.post("/v1/check-ins", &check_in_with_id(1, "before")).await.expect(201);
    let started = Instant::now();
    let writes = async {
        for n in 2..40 {
            kim.post("/v1/check-ins", &check_in_with_id(n, "meanwhile")).await.expect(201);
        }
    };
    tokio::join!(erase_with(&sam, 202), writes);
    // With SQLite's usual wait of five seconds for a reader, it was ten.
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    drop(readers);
}

async fn an_access_token_of_somebody_who_was_erased_by_a_command_is_refused(place: &Place) {
    let server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    sam.get("/v1/me").await.expect(200);
    let id = sam.account["id"].as_str().expect("an id");
    let line = format!("{{\"account_id\":\"{id}\",\"erased_at\":\"2026-11-01T00:00:00Z\"}}\n");
    fs::write(place.path("more.jsonl"), line).expect("a file");
    place.run(&["erasures", "replay", &place.path("more.jsonl").display().to_string()]).succeeds();
    // The server knows the session for some seconds more.
    sam.post("/v1/check-ins", &check_in_with_id(1, "a note")).await.expect(401);
    let craving = json!({ "occurred_at": "2026-10-01T10:00:00+01:00", "ratings": [{ "offset_s": 0, "value": 7 }],
        "outcome": "ongoing" });
    sam.post("/v1/craving-events", &craving).await.expect(401);
    sam.post("/v1/sync", &json!({ "cursor": null, "changes": [], "limit": 1 })).await.expect(401);
    sam.get("/v1/insights/summary").await.expect(401);
}

async fn a_restore_can_sign_everybody_out(place: &Place) {
    let mut server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    store(&sam, 1..20).await;
    assert!(server.terminate().success());
    let directory = place.back_up("backup", &[]);
    let elsewhere = place.elsewhere();
    let report = elsewhere.run(&["restore", "--end-sessions", &directory]).succeeds();
    assert!(report.contains("1 ended"), "{report}");
    let server = elsewhere.serve().await;
    let token = json!({ "refresh_token": sam.tokens["refresh_token"] });
    Client::new(&server.url).post("/v1/auth/refresh", &token).await.expect(401);
    let client = signed_in(&server.url, "sam").await;
    assert_eq!(client.get("/v1/check-ins?limit=100").await.expect(200).items().len(), 19);
    let right = json!({ "email": sam.email, "password": PASSWORD });
    assert_device_token_is_ignored(&server.url, &right, &sam.tokens["device_token"]).await;
}

/// Checks that wrong tries with a device token are not counted for the device alone.
async fn assert_device_token_is_ignored(url: &str, right: &Value, token: &Value) {
    let mut wrong = right.clone();
    wrong["password"] = json!("not the password");
    wrong["device_token"] = token.clone();
    let client = Client::new(url);
    for _ in 0..5 {
        client.post("/v1/auth/login", &wrong).await.expect(401);
    }
    client.post("/v1/auth/login", right).await.expect(429);
}

/// A password change after the backup and the restore both begin another generation of device tokens, from the same one.
async fn a_restore_makes_no_later_device_token_valid(place: &Place) {
    let mut server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    assert!(server.terminate().success());
    let directory = place.back_up("backup", &[]);
    let mut server = place.serve().await;
    let new_password = "mountains do not hurry";
    let change = json!({ "current_password": PASSWORD, "new_password": new_password });
    let client = signed_in(&server.url, "sam").await;
    client.post("/v1/auth/password/change", &change).await.expect(204);
    let login = json!({ "email": sam.email, "password": new_password });
    let later = Client::new(&server.url).post("/v1/auth/login", &login).await.expect(200);
    assert!(server.terminate().success());
    let elsewhere = place.elsewhere();
    elsewhere.run(&["restore", "--end-sessions", &directory]).succeeds();
    let server = elsewhere.serve().await;
    let right = json!({ "email": sam.email, "password": PASSWORD });
    assert_device_token_is_ignored(&server.url, &right, &later.body["tokens"]["device_token"]).await;
}

/// A database that a command had made would keep a restore from putting one there.
async fn commands_create_no_database_that_is_missing(place: &Place) {
    let mut server = place.serve().await;
    register(&server.url, "sam").await;
    assert!(server.terminate().success());
    let directory = place.back_up("backup", &["--part", "record"]);
    let elsewhere = place.elsewhere();
    let commands: [&[&str]; 7] = [
        &["erasures", "replay"],
        &["restore", "--declare"],
        &["keys", "rotate"],
        &["keys", "status"],
        &["backup", "--out", "target-of-nothing"],
        &["restore", &directory],
        &["doctor"],
    ];
    for arguments in commands {
        assert!(!elsewhere.run(arguments).is_success(), "{arguments:?}");
        assert!(elsewhere.is_empty(), "{arguments:?} made a database");
    }
    assert!(!fs::exists("target-of-nothing").expect("a directory"), "it is no backup");
}

/// Whoever repeats a restore while the first one still runs must not spoil it.
#[tokio::test]
async fn of_two_restores_at_once_one_is_refused() {
    let place = Place::create(Engine::Sqlite);
    let mut server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    store(&sam, 1..3000).await;
    assert!(server.terminate().success());
    let directory = place.back_up("backup", &[]);
    for pause in [0, 20, 60, 120] {
        let elsewhere = place.elsewhere();
        let mut first = elsewhere.command(&["restore", &directory]).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(pause));
        let second = elsewhere.run(&["restore", &directory]);
        let first = first.wait().expect("it ends").success();
        assert!(first != second.is_success(), "{pause}: {first} {}", second.text);
        let server = elsewhere.serve().await;
        login(&server.url, "sam").await.expect(200);
        assert!(elsewhere.run(&["doctor", "--deep", "--listen", "127.0.0.1:0"]).is_success());
    }
}

/// What a kill, or a loss of power, can leave of the files beside a database.
#[tokio::test]
async fn whatever_is_left_of_a_log_the_server_starts() {
    let place = Place::create(Engine::Sqlite);
    let server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    store(&sam, 1..50).await;
    server.kill();
    let (log, index) = (place.path("mainstay.db-wal"), place.path("mainstay.db-shm"));
    let whole = fs::read(&log).expect("a log");
    assert!(whole.len() > 10_000);
    let spoil: [(&str, &dyn Fn()); 5] = [
        ("an index of zeros", &|| fs::write(&index, vec![0; 32768]).expect("it is written")),
        ("an index of noise", &|| fs::write(&index, vec![0xa5; 32768]).expect("it is written")),
        ("no index", &|| drop(fs::remove_file(&index))),
        ("half a frame at the end", &|| {
            let log = fs::File::options().append(true).open(&log).expect("a log");
            std::io::Write::write_all(&mut &log, &[7; 100]).expect("it is written");
        }),
        ("a header and nothing else, and an index of another log", &|| {
            // Everything is in the database by now.
            let conn = Connection::open(place.path("mainstay.db")).expect("it opens");
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("it is folded back");
            std::mem::forget(conn);
            fs::write(&log, &whole[..32]).expect("it is written");
            fs::write(&index, vec![0; 32768]).expect("it is written");
        }),
    ];
    for (name, spoil) in spoil {
        spoil();
        let started = Instant::now();
        let doctor = place.run(&["doctor", "--deep", "--listen", "127.0.0.1:0"]);
        assert!(doctor.is_success(), "{name}: {}", doctor.text);
        let server = place.serve().await;
        assert!(started.elapsed() < Duration::from_secs(8), "{name}: {:?}", started.elapsed());
        let sam = signed_in(&server.url, "sam").await;
        assert_eq!(sam.get("/v1/check-ins?limit=100").await.expect(200).items().len(), 49, "{name}");
        server.kill();
    }
}

/// `doctor` reads while the server writes and empties its log.
#[tokio::test]
async fn doctor_finds_no_fault_beside_a_server_that_writes() {
    let place = Place::create(Engine::Sqlite);
    let server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    let mut doctor = process::command(&place.database);
    doctor.args(["doctor", "--deep", "--listen", "127.0.0.1:0"]);
    let checks = tokio::task::spawn_blocking(move || {
        (0..15).all(|_| doctor.output().expect("it ends").status.success())
    });
    let mut n = 0;
    while !checks.is_finished() {
        n += 1;
        sam.post("/v1/check-ins", &check_in_with_id(n, "a note")).await.expect(201);
        if n % 20 == 0 {
            erase(&register(&server.url, &format!("person{n}")).await).await;
        }
    }
    assert!(checks.await.expect("no panic"), "a fault was found");
}
