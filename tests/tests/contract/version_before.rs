//! Databases that the version before has made: nothing in them becomes unreadable, and their passwords open.

use std::path::{Path, PathBuf};

use mainstay_tests::{Client, Database, Engine, TestApp, both_engines};
use serde_json::{Value, json};

both_engines!(
    everything_that_was_stored_before_can_be_read,
    old_password_hashes_sign_in_and_are_bound,
    a_step_up_binds_an_old_hash_too,
);

fn folder(engine: Engine) -> PathBuf {
    let name = match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/version_before").join(name)
}

async fn start(engine: Engine) -> (TestApp, Value) {
    let text = std::fs::read_to_string(folder(engine).join("expected.json")).expect("the fixture has it");
    (
        TestApp::start_on_version_before(engine, &folder(engine)).await,
        serde_json::from_str(&text).expect("JSON"),
    )
}

/// Signs in as somebody of the fixture.
async fn sign_in(app: &TestApp, person: &Value) -> Client {
    let login = json!({ "email": person["email"], "password": person["password"] });
    let session = app.client().post("/v1/auth/login", &login).await.expect(200).body;
    app.client().with_token(session["tokens"]["access_token"].as_str().expect("a token"))
}

fn stored_hash(database: &Database, no: usize) -> String {
    database.ask(&format!("SELECT password_hash FROM accounts WHERE no = {no}"))
}

async fn everything_that_was_stored_before_can_be_read(engine: &Engine) {
    let (app, expected) = start(*engine).await;
    for (name, person) in expected["people"].as_object().expect("people") {
        let client = sign_in(&app, person).await;
        assert_eq!(client.get("/v1/me").await.expect(200).body, person["account"], "{name}");
        for (path, items) in person["lists"].as_object().expect("lists") {
            let found = client.get(path).await.expect(200).items();
            assert_eq!(json!(found), *items, "{name} {path}");
        }
        // The session of then goes on.
        let refresh = json!({ "refresh_token": person["refresh_token"] });
        app.client().post("/v1/auth/refresh", &refresh).await.expect(200);
    }
    let sam = sign_in(&app, &expected["people"]["sam"]).await;
    let kept = &expected["kept_answer"];
    let (path, key) = (kept["path"].as_str().expect("a path"), kept["key"].as_str().expect("a key"));
    let body = kept["body"].as_str().expect("a text").as_bytes().to_vec();
    let again = sam.send("POST", path, &[("idempotency-key", key)], Some(body)).await.expect(201);
    assert_eq!(again.body, kept["answer"], "the answer that was kept comes again");
    let robin = sign_in(&app, &expected["people"]["robin"]).await;
    let shared = &expected["shared"];
    let path = format!("/v1/shared/{}/check-ins", shared["person"].as_str().expect("an id"));
    let seen = robin.get(&path).await.expect(200).items();
    assert_eq!(json!(seen.len()), shared["check_ins"], "the consent of then is in force");
}

async fn old_password_hashes_sign_in_and_are_bound(engine: &Engine) {
    let (app, expected) = start(*engine).await;
    for (no, name) in [(1, "sam"), (2, "robin"), (3, "ada")] {
        let person = &expected["people"][name];
        let before = stored_hash(&app.database, no);
        assert!(before.starts_with("$argon2id$"), "{before}");
        let wrong = json!({ "email": person["email"], "password": "clouds drift east" });
        app.client().post("/v1/auth/login", &wrong).await.expect(401);
        assert_eq!(stored_hash(&app.database, no), before, "only a right password binds the hash");
        sign_in(&app, person).await;
        let bound = stored_hash(&app.database, no);
        assert!(bound.starts_with("2$argon2id$"), "{bound}");
        sign_in(&app, person).await;
        assert_eq!(stored_hash(&app.database, no), bound, "it is done once");
    }
}

async fn a_step_up_binds_an_old_hash_too(engine: &Engine) {
    let (app, expected) = start(*engine).await;
    let robin = &expected["people"]["robin"];
    let refresh = json!({ "refresh_token": robin["refresh_token"] });
    let tokens = app.client().post("/v1/auth/refresh", &refresh).await.expect(200).body["tokens"].clone();
    let client = app.client().with_token(tokens["access_token"].as_str().expect("a token"));
    // The change is refused, and the password was verified all the same.
    let new = "clouds drift east over hills";
    let change = json!({ "current_password": robin["password"], "new_password": new });
    client.post("/v1/auth/password/change", &change).await.expect(204);
    assert!(stored_hash(&app.database, 2).starts_with("2$argon2id$"));
    let login = |password: &Value| json!({ "email": robin["email"], "password": password });
    app.client().post("/v1/auth/login", &login(&robin["password"])).await.expect(401);
    app.client().post("/v1/auth/login", &login(&json!(new))).await.expect(200);
}
