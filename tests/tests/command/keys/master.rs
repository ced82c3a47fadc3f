//! Rotation, retirement and status of the master key.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use mainstay_store::RotationLock;
use mainstay_tests::{Client, Engine, PASSWORD, Person, both_engines};
use serde_json::{Value, json};

use super::{Keys, files, id, new_line, run, text, until, until_logged};

both_engines!(
    a_server_goes_on_through_rotations,
    earlier_keys_are_retired_once_they_wrap_nothing,
    one_command_at_a_time_makes_a_key,
    a_file_that_cannot_be_written_is_changed_by_hand,
    a_broken_file_changes_nothing,
    status_tells_what_wraps_what,
);

async fn sign_in(client: &Client, email: &str) -> Value {
    client.post("/v1/auth/login", &json!({ "email": email, "password": PASSWORD })).await.expect(200).body
}

/// Registers people, reads them, and erases every second one, until it is told to stop. Gives those who are left.
async fn come_and_go(url: String, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut left = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let person = Person::register(&url, json!({ "email": format!("coming{n}@example.org") })).await;
        person.get("/v1/me").await.expect(200);
        if n % 2 == 0 {
            let erasure = json!({ "password": PASSWORD }).to_string().into_bytes();
            person.send("DELETE", "/v1/me", &[], Some(erasure)).await.expect(204);
        } else {
            sign_in(&Client::new(&url), &person.email).await;
            left.push(person.email);
        }
    }
    left
}

async fn a_server_goes_on_through_rotations(keys: &Keys) {
    let database = &keys.database;
    let process = keys.serve().await;
    let sam = Person::register(&process.url, json!({})).await;
    let stop = Arc::new(AtomicBool::new(false));
    let traffic = tokio::spawn(come_and_go(process.url.clone(), Arc::clone(&stop)));
    let first = keys.read_file();
    for round in 1..=3 {
        let report = keys.succeeds(&["rotate"]);
        assert!(report.contains("every key is under master key"), "{report}");
        assert_eq!(keys.lines().len(), 1 + round);
        sam.get("/v1/me").await.expect(200);
        sign_in(&Client::new(&process.url), &sam.email).await;
    }
    keys.succeeds(&["retire"]);
    until_logged(database, "the master keys were read again").await;
    stop.store(true, Ordering::Relaxed);
    let left = traffic.await.expect("no request failed");

    let lines = keys.lines();
    assert_eq!(lines.len(), 1);
    assert_ne!(lines, first.lines().collect::<Vec<_>>());
    assert!(keys.is_all_under(&lines[0]), "{:?}", keys.in_use());
    // The secret of the installation, and the keys of those who are left.
    let count = keys.in_use().count_not_under(&[]);
    assert_eq!(usize::try_from(count).expect("a number"), 2 + left.len(), "nobody who was erased is back");
    drop(process);
    let process = keys.serve().await;
    for email in left.iter().chain([&sam.email]) {
        let account = &sign_in(&Client::new(&process.url), email).await["account"];
        assert_eq!(account["email"], json!(email));
    }
}

async fn earlier_keys_are_retired_once_they_wrap_nothing(keys: &Keys) {
    let database = &keys.database;
    let mut process = keys.serve().await;
    let sam = Person::register(&process.url, json!({})).await;
    assert!(process.terminate().success());
    let old = keys.lines()[0].clone();
    assert!(keys.succeeds(&["retire"]).contains("nothing to retire"));
    // An operator has put a new line into the file, and not rotated yet.
    let by_hand = new_line();
    fs::write(keys.file(), format!("{by_hand}\n{old}\n")).expect("it is written");
    let refused = keys.fails(&["retire"]);
    assert!(refused.contains(&format!("2 keys wrapped by master key {}", id(&old))), "{refused}");
    assert_eq!(keys.lines(), [by_hand.as_str(), old.as_str()]);
    let copy = fs::read(database.path().join("keys.db")).ok();

    keys.succeeds(&["rotate"]);
    assert_eq!(keys.lines(), [by_hand.as_str(), old.as_str()], "no further key is made");
    let report = keys.succeeds(&["retire"]);
    assert!(report.contains("Backups of the key store") && report.contains(&id(&old)), "{report}");
    assert!(!report.contains(&by_hand) && !report.contains(&old), "no key is shown");
    assert_eq!(keys.lines(), [by_hand.as_str()]);

    if database.engine == Engine::Sqlite {
        // A copy of the key store from before opens only with the key that was retired.
        fs::write(database.path().join("keys.db"), copy.expect("a copy")).expect("it is put back");
        let refused = run(database, &["serve", "--listen", "127.0.0.1:0"], &[], "");
        assert!(!refused.status.success() && text(&refused.stderr).contains(&id(&old)));
        fs::write(keys.file(), format!("{by_hand}\n{old}\n")).expect("it is written");
    }
    let process = keys.serve().await;
    sign_in(&Client::new(&process.url), &sam.email).await;
}

async fn one_command_at_a_time_makes_a_key(keys: &Keys) {
    let database = &keys.database;
    drop(keys.serve().await);
    let before = keys.read_file();
    let lock = RotationLock::take(&database.locations().keys).expect("it works").expect("it is free");
    for command in ["rotate", "retire"] {
        assert!(keys.fails(&[command]).contains("is running"));
    }
    assert_eq!(keys.read_file(), before);
    drop(lock);

    let outputs = std::thread::scope(|scope| {
        let commands: Vec<_> = (0..4).map(|_| scope.spawn(|| keys.command(&["rotate"]))).collect();
        commands.into_iter().map(|command| command.join().expect("it ends")).collect::<Vec<_>>()
    });
    let made = outputs.iter().filter(|output| text(&output.stdout).contains("made master key")).count();
    assert!(made >= 1);
    assert_eq!(keys.lines().len(), 1 + made, "each key that was made is in the file");
    assert!(keys.is_all_under(&keys.lines()[0]));
}

async fn a_file_that_cannot_be_written_is_changed_by_hand(keys: &Keys) {
    let database = &keys.database;
    let process = keys.serve().await;
    let sam = Person::register(&process.url, json!({})).await;
    // Nobody, not even the superuser, can put the new file beside the old one.
    fs::create_dir(database.path().join(".master.key.new")).expect("a directory");
    let before = keys.read_file();
    let refused = keys.fails(&["rotate"]);
    for part in ["cannot be written", "before the first line", "run `mainstay keys rotate` again"] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(keys.read_file(), before);
    assert!(keys.is_all_under(before.trim()), "nothing was changed");

    let line = new_line();
    fs::write(keys.file(), format!("{line}\n{before}")).expect("it is written");
    let report = keys.succeeds(&["rotate"]);
    assert!(!report.contains("made master key"), "{report}");
    assert!(keys.is_all_under(&line));
    sign_in(&Client::new(&process.url), &sam.email).await;
    let refused = keys.fails(&["retire"]);
    assert!(refused.contains("every line but the first is removed"), "{refused}");
    assert_eq!(keys.lines().len(), 2);
}

async fn a_broken_file_changes_nothing(keys: &Keys) {
    let database = &keys.database;
    let process = keys.serve().await;
    let sam = Person::register(&process.url, json!({})).await;
    let good = keys.read_file();
    for (n, (broken, warning)) in [
        ("not a key", "line 1 is not 64 hexadecimal digits"),
        ("", "it holds no key"),
        (new_line().as_str(), "lacks one in use"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(keys.file(), broken).expect("it is written");
        until_logged(database, warning).await;
        Person::register(&process.url, json!({ "email": format!("kim{n}@example.org") })).await;
        sign_in(&Client::new(&process.url), &sam.email).await;
    }
    fs::remove_file(keys.file()).expect("it was there");
    sign_in(&Client::new(&process.url), &sam.email).await;
    fs::write(keys.file(), good).expect("it is written");
    keys.succeeds(&["rotate"]);
    until("the server is ready with the new key", async || {
        Client::new(&process.url).get("/health/ready").await.status == 200
    })
    .await;
    Person::register(&process.url, json!({ "email": "lee@example.org" })).await;
    assert!(keys.is_all_under(&keys.lines()[0]));
}

async fn status_tells_what_wraps_what(keys: &Keys) {
    let database = &keys.database;
    let mut process = keys.serve().await;
    Person::register(&process.url, json!({})).await;
    assert!(process.terminate().success());
    let old = keys.lines()[0].clone();
    let before = files(database);
    let status = keys.succeeds(&["status"]);
    let installation = keys.in_use().record.expect("an installation").0.to_string();
    for part in [&installation, &format!("{}  current, wraps 2 keys", id(&old)), "mode 0600", "  signs"] {
        assert!(status.contains(part), "{part}: {status}");
    }
    assert!(!status.contains("next:"), "{status}");

    let new = new_line();
    fs::write(keys.file(), format!("{new}\n{old}\n")).expect("it is written");
    let status = keys.succeeds(&["status"]);
    assert!(status.contains(&format!("{}  earlier, wraps 2 keys", id(&old))), "{status}");
    assert!(status.contains("next: the rotation is not complete: run `mainstay keys rotate`"), "{status}");

    fs::write(keys.file(), format!("{new}\n")).expect("it is written");
    let status = keys.fails(&["status"]);
    assert!(status.contains(&format!("{}  NOT IN THE FILE, wraps 2 keys", id(&old))), "{status}");
    assert!(!status.contains(&new), "no key is shown");
    assert_eq!(files(database), before, "nothing was made");
}
