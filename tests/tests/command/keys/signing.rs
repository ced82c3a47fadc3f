//! Rotation of the keys that sign access tokens.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use mainstay_tests::{Client, Engine, Fixture, PASSWORD, Person, Process};
use serde_json::json;
use tempfile::TempDir;

use super::{Keys, run, text, until};

/// The ids of the public keys of a server, the one that signs first.
async fn published(url: &str) -> Vec<String> {
    let keys = Client::new(url).get("/.well-known/jwks.json").await.expect(200).body;
    let keys = keys["keys"].as_array().cloned().expect("a list");
    keys.iter().map(|key| key["kid"].as_str().expect("an id").to_owned()).collect()
}

/// Signs in at one server and uses the token at the other, in turn, until it is told to stop. Gives how often.
async fn go_between(urls: [String; 2], email: String, stop: Arc<AtomicBool>) -> usize {
    let mut turns = 0;
    while !stop.load(Ordering::Relaxed) {
        let (one, other) = (Client::new(&urls[turns % 2]), Client::new(&urls[(turns + 1) % 2]));
        let login = json!({ "email": email, "password": PASSWORD });
        let signed_in = one.post("/v1/auth/login", &login).await.expect(200);
        let token = signed_in.body["tokens"]["access_token"].as_str().expect("a token").to_owned();
        for client in [other, one] {
            client.with_token(&token).get("/v1/me").await.expect(200);
        }
        // An account has only so many sessions.
        Client::new(&urls[0]).with_token(&token).post_empty("/v1/auth/logout").await.expect(204);
        turns += 1;
    }
    turns
}

#[tokio::test]
async fn two_servers_take_over_a_staged_signing_key_without_a_401() {
    let keys = Keys::create_on(Engine::Postgres).await;
    let database = &keys.database;
    let other_directory = TempDir::new().expect("a directory");
    let other_file = other_directory.path().join("signing.pem");
    let file = database.path().join("signing.pem");
    let copy = || fs::copy(&file, &other_file).expect("it is copied");
    copy();
    let other_name = other_file.display().to_string();
    let one = keys.serve().await;
    let other_settings = [("MAINSTAY_SIGNING_KEY_FILE", other_name.as_str())];
    let other = Process::start(database, None, &other_settings).await;
    let sam = Person::register(&one.url, json!({})).await;
    let stop = Arc::new(AtomicBool::new(false));
    let urls = [one.url.clone(), other.url.clone()];
    let traffic = tokio::spawn(go_between(urls.clone(), sam.email.clone(), Arc::clone(&stop)));

    let before = published(&one.url).await;
    for (how, signing) in [("--stage", 0), ("--promote", 1)] {
        keys.succeeds(&["rotate", "--signing-key", how]);
        // The servers get the file one after the other.
        for url in &urls {
            until("the keys are published", async || {
                let keys = published(url).await;
                keys.len() == 2 && keys[signing] == before[0]
            })
            .await;
            copy();
        }
    }
    sam.get("/v1/me").await.expect(200);
    stop.store(true, Ordering::Relaxed);
    assert!(traffic.await.expect("no request was refused") > 2);

    // Its tokens are valid for minutes.
    assert!(keys.fails(&["retire", "--signing-key"]).contains("--now"));
    keys.succeeds(&["retire", "--signing-key", "--now"]);
    until("the old key is gone", async || published(&one.url).await.len() == 1).await;
    assert_ne!(published(&one.url).await, before);
    sam.get("/v1/me").await.expect(401);
    let refreshed = json!({ "refresh_token": sam.tokens["refresh_token"] });
    Client::new(&one.url).post("/v1/auth/refresh", &refreshed).await.expect(200);
}

#[tokio::test]
async fn one_server_takes_over_a_new_signing_key_and_keeps_it_if_the_file_breaks() {
    let keys = Keys::create_on(Engine::Sqlite).await;
    let database = &keys.database;
    let process = keys.serve().await;
    let sam = Person::register(&process.url, json!({})).await;
    let file = database.path().join("signing.pem");
    let before = published(&process.url).await;
    let report = keys.succeeds(&["rotate", "--signing-key"]);
    assert!(report.contains("  signs") && !report.contains("PRIVATE"), "{report}");
    until("the new key signs", async || {
        let keys = published(&process.url).await;
        keys.len() == 2 && keys[1] == before[0]
    })
    .await;
    sam.get("/v1/me").await.expect(200);
    sam.another_device().await.get("/v1/me").await.expect(200);
    let after = published(&process.url).await;
    fs::write(&file, "no key").expect("it is written");
    super::until_logged(database, "the signing keys stay as they are").await;
    assert_eq!(published(&process.url).await, after);
    sam.another_device().await.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_staged_key_is_promoted_once_and_not_lost() {
    let keys = Keys::create_on(Engine::Sqlite).await;
    let database = &keys.database;
    let signs = || {
        let status = run(database, &["keys", "status"], &[], "");
        let status = text(&status.stdout);
        let line = status.lines().find(|line| line.ends_with("  signs")).expect("a line");
        line.trim().to_owned()
    };
    let first = signs();
    assert!(keys.fails(&["rotate", "--signing-key", "--promote"]).contains("--stage"));
    keys.succeeds(&["rotate", "--signing-key", "--stage"]);
    assert_eq!(signs(), first);
    assert!(keys.fails(&["rotate", "--signing-key", "--stage"]).contains("already"));
    for refused in [&["rotate", "--signing-key"][..], &["retire", "--signing-key", "--now"]] {
        assert!(keys.fails(refused).contains("staged"));
    }
    keys.succeeds(&["rotate", "--signing-key", "--promote"]);
    let second = signs();
    assert_ne!(second, first);
    keys.fails(&["rotate", "--signing-key", "--promote"]);
    assert_eq!(signs(), second, "the old key does not sign again");
    keys.fails(&["rotate", "--stage"]);
    keys.succeeds(&["retire", "--signing-key", "--now"]);
    assert!(keys.succeeds(&["retire", "--signing-key"]).contains("nothing to retire"));
    assert_eq!(signs(), second);
}
