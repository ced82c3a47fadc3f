//! Erasures leave nothing of a person, whatever is computed or fails at the time.

use std::sync::mpsc;

use chrono::TimeDelta;
use mainstay_api::insight::{
    facts::{Need, Needs},
    facts_cache::{is_cached, with_facts},
};
use mainstay_tests::{PASSWORD, Person, Response, TestApp, both_engines};
use rusqlite::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

/// The length from which on the facts of a record are cached.
const LONG: u32 = 1_000;

async fn person_with_long_record(app: &TestApp) -> Person {
    let person = app.person().await;
    let start = app.clock.now() - TimeDelta::days(200);
    for batch in 0..2 {
        let changes: Vec<Value> = (0..LONG / 2)
            .map(|n| {
                let at = start + TimeDelta::hours(i64::from(n + batch * LONG / 2));
                let record = json!({ "kind": "momentary", "occurred_at": at.to_rfc3339(), "answers": { "craving": n % 11 } });
                json!({ "kind": "check-ins", "op": "upsert", "id": Uuid::from_u128(u128::from(n + batch * LONG / 2) + 1), "record": record })
            })
            .collect();
        let pushed = person.post("/v1/sync", &json!({ "limit": 1, "changes": changes })).await.expect(200);
        let results = pushed.body["results"].as_array().cloned().unwrap_or_default();
        assert!(results.iter().all(|result| result["status"] == "applied"));
    }
    person
}

both_engines!(
    facts_that_are_computed_during_an_erasure_are_not_cached,
    an_erasure_whose_key_store_fails_goes_on_by_itself,
    an_erasure_beside_a_reader_goes_on_until_no_file_has_the_key,
    no_kept_response_outlives_its_session_or_its_account,
);

/// The embedded key store, as another process has it.
fn key_store(app: &TestApp) -> Connection {
    Connection::open(app.database.path().join("keys.db")).expect("it opens")
}

fn unfinished(keys: &Connection) -> i64 {
    let sql = "SELECT count(*) FROM erasures WHERE finished_at IS NULL";
    keys.query_row(sql, [], |row| row.get(0)).expect("a number")
}

async fn erase(person: &Person) -> Response {
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    person.send("DELETE", "/v1/me", &[], Some(password)).await
}

/// The job runs every five seconds.
async fn until(what: impl AsyncFn() -> bool) {
    let wait = async {
        while !what().await {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), wait).await.expect("it comes true");
}

async fn an_erasure_whose_key_store_fails_goes_on_by_itself(app: &TestApp) {
    let sam = app.person().await;
    let keys = key_store(app);
    keys.execute_batch(
        "CREATE TRIGGER stubborn BEFORE DELETE ON data_keys BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .expect("a trigger");
    erase(&sam).await.expect(202);
    // The account is closed at once.
    sam.get("/v1/me").await.expect(401);
    let login = json!({ "email": sam.email, "password": PASSWORD });
    app.client().post("/v1/auth/login", &login).await.expect(401);
    keys.execute_batch("DROP TRIGGER stubborn").expect("it goes");
    let account: Uuid = sam.account["id"].as_str().expect("an id").parse().expect("a UUID");
    let has_key = || {
        let sql = "SELECT count(*) FROM data_keys WHERE account_id = ?1";
        keys.query_row(sql, [account.as_bytes()], |row| row.get::<_, i64>(0)).expect("a number") > 0
    };
    until(async || !has_key() && unfinished(&keys) == 0).await;
    // The address is free again.
    app.person_with(json!({ "email": sam.email })).await;
}

async fn an_erasure_beside_a_reader_goes_on_until_no_file_has_the_key(app: &TestApp) {
    let sam = app.person().await;
    let keys = key_store(app);
    let account: Uuid = sam.account["id"].as_str().expect("an id").parse().expect("a UUID");
    let sql = "SELECT wrapped FROM data_keys WHERE account_id = ?1";
    let wrapped: Vec<u8> = keys.query_row(sql, [account.as_bytes()], |row| row.get(0)).expect("a key");
    let is_in_a_file = || {
        ["keys.db", "keys.db-wal", "keys.db-shm"].iter().any(|file| {
            let bytes = std::fs::read(app.database.path().join(file)).unwrap_or_default();
            bytes.windows(wrapped.len()).any(|window| window == wrapped)
        })
    };
    assert!(is_in_a_file(), "the search finds what is there");
    let reader = key_store(app);
    reader.execute_batch("BEGIN; SELECT count(*) FROM data_keys;").expect("it reads");
    erase(&sam).await.expect(202);
    assert_eq!(unfinished(&keys), 1);
    reader.execute_batch("COMMIT").expect("it ends");
    until(async || unfinished(&keys) == 0).await;
    assert!(!is_in_a_file());
    // Without a reader it is done at once.
    erase(&app.person().await).await.expect(204);
    assert_eq!(unfinished(&keys), 0);
}

async fn no_kept_response_outlives_its_session_or_its_account(app: &TestApp) {
    let client = app.client();
    let registration = json!({ "email": "kept@example.org", "password": PASSWORD, "time_zone": "UTC" });
    let register = async || client.post_with_key("/v1/auth/register", "one", &registration).await;
    let first = register().await.expect(201);
    let login = json!({ "email": "kept@example.org", "password": PASSWORD });
    let sign_in = async || client.post_with_key("/v1/auth/login", "two", &login).await;
    let second = sign_in().await.expect(200);
    assert_eq!(sign_in().await.expect(200).text, second.text);
    // The end of the session ends the response: the same request signs in anew.
    let token =
        |response: &Response| response.body["tokens"]["access_token"].as_str().expect("a token").to_owned();
    client.with_token(&token(&second)).send("POST", "/v1/auth/logout", &[], None).await.expect(204);
    let third = sign_in().await.expect(200);
    assert_ne!(third.body["tokens"]["session_id"], second.body["tokens"]["session_id"]);
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    client.with_token(&token(&first)).post("/v1/auth/password/change", &change).await.expect(204);
    assert_eq!(sign_in().await.expect(401).problem(), "invalid-credentials");
    let erasure = json!({ "password": "mountains do not hurry" }).to_string().into_bytes();
    client.with_token(&token(&first)).send("DELETE", "/v1/me", &[], Some(erasure)).await.expect(204);
    sign_in().await.expect(401);
    let anew = register().await.expect(201);
    assert_ne!(anew.body["account"]["id"], first.body["account"]["id"]);
}

async fn facts_that_are_computed_during_an_erasure_are_not_cached(app: &TestApp) {
    let (sam, kim) = (person_with_long_record(app).await, person_with_long_record(app).await);
    let store = &app.state().store;
    let (sams, kims) = (app.scope(&sam).await, app.scope(&kim).await);
    for person in [&sam, &kim] {
        person.get("/v1/insights/summary").await.expect(200);
    }
    assert!(is_cached(store, &sams) && is_cached(store, &kims));

    let ((started, has_started), (go_on, may_go_on)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let (owner, cache, now) = (sams.clone(), store.clone(), app.clock.micros());
    let own_store = store.clone();
    let computation = tokio::spawn(async move {
        let needs = Needs { check_ins: Need::All, ..Needs::default() };
        own_store
            .read_long(&owner.clone(), move |records| {
                with_facts(&cache, &owner, records, needs, now, |facts| {
                    started.send(()).expect("the test waits");
                    may_go_on.recv().expect("the test goes on");
                    facts.check_ins.len()
                })
            })
            .await
    });
    tokio::task::spawn_blocking(move || has_started.recv())
        .await
        .expect("no panic")
        .expect("the computation starts");
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    sam.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
    go_on.send(()).expect("the computation waits");
    let count = computation.await.expect("no panic").expect("the facts were read before the erasure");
    assert_eq!(count, usize::try_from(LONG).expect("a small number"));

    assert!(!is_cached(store, &sams));
    // The facts of other people stay in the cache and are cached from now on.
    assert!(is_cached(store, &kims));
    kim.post("/v1/check-ins", &json!({ "kind": "momentary", "occurred_at": app.clock.now().to_rfc3339(), "answers": { "craving": 2 } })).await.expect(201);
    kim.get("/v1/insights/summary").await.expect(200);
    assert!(is_cached(store, &kims));
}
