//! Passwords: which ones can be set, how they are stored, and what their verification costs.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use mainstay_api::{
    auth::{
        password::cost::HashCost,
        password_filter::build::build,
        registration_policy::{RegistrationMode, RegistrationSettings},
    },
    http::rate_limit::LimitMode,
};
use mainstay_tests::{Engine, PASSWORD, Response, TestApp, both_engines};
use serde_json::{Value, json};

use crate::registration::invite;

both_engines!(
    what_is_easily_guessed_is_refused_at_registration_and_at_a_change,
    a_password_of_the_filter_is_refused,
    a_password_opens_from_every_keyboard,
    a_hash_of_another_account_opens_nothing,
    a_hash_is_renewed_when_its_cost_has_changed,
    an_unknown_address_takes_as_long_as_the_accounts_do,
    sign_ins_at_once_renew_a_hash_and_all_succeed,
    in_the_mode_invite_only_an_invite_learns_who_has_an_account,
);

/// Dearer than the default, but not by so much that tests take long.
const DEARER: HashCost = HashCost { memory_kib: 19 * 1024, passes: 20, lanes: 1 };

fn registration(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "time_zone": "UTC" })
}

async fn register(app: &TestApp, body: &Value) -> Response {
    app.client().post("/v1/auth/register", body).await
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> Response {
    app.client().post("/v1/auth/login", &json!({ "email": email, "password": password })).await
}

/// Signs in with what is refused, after the waits for earlier tries.
async fn is_refused(app: &TestApp, email: &str, password: &str) {
    app.clock.advance(TimeDelta::minutes(20));
    sign_in(app, email, password).await.expect(401);
}

fn stored_hash(app: &TestApp, no: usize) -> String {
    app.database.ask(&format!("SELECT password_hash FROM accounts WHERE no = {no}"))
}

async fn what_is_easily_guessed_is_refused_at_registration_and_at_a_change(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "sam.rivers@example.org", "display_name": "Samantha" })).await;
    for (password, code) in [
        ("Password123!", "common-password"),
        ("qwertyuiop[]", "common-password"),
        ("123456789101112", "common-password"),
        ("mainstay1234", "guessable-password"),
        ("elephant1985", "guessable-password"),
        ("sam.rivers@example.org", "guessable-password"),
        ("sam.rivers2026", "guessable-password"),
        ("Samantha2026", "guessable-password"),
    ] {
        let mut body = registration("sam.rivers@example.org", password);
        body["display_name"] = json!("Samantha");
        let refused = register(app, &body).await.expect(422);
        assert_eq!(refused.faults(), [("/password".to_owned(), code.to_owned())], "{password}");
        let message = refused.body["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains("take several words"), "it says what to do: {message}");
        assert!(!refused.text.contains(password));
        // The current password is wrong too, and is not looked at.
        let change = json!({ "current_password": "wrong", "new_password": password });
        let refused = sam.post("/v1/auth/password/change", &change).await.expect(422);
        assert_eq!(refused.faults(), [("/new_password".to_owned(), code.to_owned())], "{password}");
    }
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    sam.post("/v1/auth/password/change", &change).await.expect(204);
}

async fn a_password_of_the_filter_is_refused(engine: &Engine) {
    let directory = tempfile::tempdir().expect("a folder");
    let filter = directory.path().join("passwords.filter");
    build("clouds drift east\nmu\u{308}de flu\u{308}sse am abend\n".as_bytes(), None, &filter, 0)
        .expect("it is made");
    let app = TestApp::start_with_password_filter(*engine, filter).await;
    let sam = app.person().await;
    for leaked in ["clouds drift east", "m\u{fc}de fl\u{fc}sse am abend"] {
        let refused = register(&app, &registration("kim@example.org", leaked)).await.expect(422);
        assert_eq!(refused.faults(), [("/password".to_owned(), "common-password".to_owned())]);
        let change = json!({ "current_password": PASSWORD, "new_password": leaked });
        let refused = sam.post("/v1/auth/password/change", &change).await.expect(422);
        assert_eq!(refused.faults(), [("/new_password".to_owned(), "common-password".to_owned())]);
    }
    register(&app, &registration("kim@example.org", "clouds drift west")).await.expect(201);
    // The address of somebody else is not told along with a leaked password.
    register(&app, &registration(&sam.email, "clouds drift east")).await.expect(422);
}

async fn a_password_opens_from_every_keyboard(app: &TestApp) {
    let (composed, decomposed) = ("m\u{fc}de fl\u{fc}sse am abend", "mu\u{308}de flu\u{308}sse am abend");
    for (email, typed) in [("a@example.org", composed), ("b@example.org", decomposed)] {
        register(app, &registration(email, typed)).await.expect(201);
        for sent in [composed, decomposed] {
            sign_in(app, email, sent).await.expect(200);
        }
        sign_in(app, email, "mude flusse am abend").await.expect(401);
    }
    // Twelve characters are counted after they were put together.
    let eleven = registration("c@example.org", "mu\u{308}de flu\u{308}ss");
    assert_eq!(
        register(app, &eleven).await.expect(422).faults(),
        [("/password".to_owned(), "length".to_owned())]
    );
}

async fn a_hash_of_another_account_opens_nothing(app: &TestApp) {
    register(app, &registration("thief@example.org", "clouds drift east")).await.expect(201);
    register(app, &registration("sam@example.org", PASSWORD)).await.expect(201);
    let own = stored_hash(app, 2);
    app.database.tamper(
        "UPDATE accounts SET password_hash = (SELECT password_hash FROM accounts WHERE no = 1) WHERE no = 2",
    );
    for password in ["clouds drift east", PASSWORD] {
        is_refused(app, "sam@example.org", password).await;
    }
    // Nor does it without the mark of its form.
    app.database.tamper(
        "UPDATE accounts SET password_hash = (SELECT substr(password_hash, 2) FROM accounts WHERE no = 1) WHERE no = 2",
    );
    is_refused(app, "sam@example.org", "clouds drift east").await;
    for nonsense in
        ["", "2", "2$argon2id$v=19$m=4294967295,t=4294967295,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAA"]
    {
        app.database.tamper(&format!("UPDATE accounts SET password_hash = '{nonsense}' WHERE no = 2"));
        is_refused(app, "sam@example.org", PASSWORD).await;
    }
    app.database.tamper(&format!("UPDATE accounts SET password_hash = '{own}' WHERE no = 2"));
    sign_in(app, "sam@example.org", PASSWORD).await.expect(200);
}

async fn a_hash_is_renewed_when_its_cost_has_changed(engine: &Engine) {
    let app = TestApp::start(*engine).await;
    let sam = app.person().await;
    let (token, first) =
        (sam.tokens["access_token"].as_str().expect("a token").to_owned(), stored_hash(&app, 1));
    assert!(first.starts_with("2$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
    let app = app.restart_with_password_cost(DEARER).await;
    sign_in(&app, &sam.email, "clouds drift east").await.expect(401);
    assert_eq!(stored_hash(&app, 1), first);
    sign_in(&app, &sam.email, PASSWORD).await.expect(200);
    let renewed = stored_hash(&app, 1);
    assert!(renewed.starts_with("2$argon2id$v=19$m=19456,t=20,p=1$"), "{renewed}");
    sign_in(&app, &sam.email, PASSWORD).await.expect(200);
    assert_eq!(stored_hash(&app, 1), renewed, "it is done once");
    // Sessions go on: the password is the same.
    app.client().with_token(&token).get("/v1/me").await.expect(200);
}

/// The shortest of some sign-ins, which other work on the machine disturbs the least.
async fn shortest(app: &TestApp, email: &str) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..4 {
        let started = Instant::now();
        is_refused(app, email, "clouds drift east").await;
        shortest = shortest.min(started.elapsed());
    }
    shortest
}

async fn an_unknown_address_takes_as_long_as_the_accounts_do(engine: &Engine) {
    let app = TestApp::start(*engine).await;
    let sam = app.person().await;
    // The account has a cheap hash, and new ones are ten times as dear.
    let app = app.restart_with_password_cost(DEARER).await;
    let forms = app.state().store.hash_forms().await.expect("the store works");
    app.state().passwords.set_forms(&forms);
    let (known, unknown) = (shortest(&app, &sam.email).await, shortest(&app, "nobody@example.org").await);
    assert!(unknown < known * 3, "{unknown:?} {known:?}");
    sign_in(&app, &sam.email, PASSWORD).await.expect(200);
    let (known, unknown) = (shortest(&app, &sam.email).await, shortest(&app, "nobody@example.org").await);
    assert!(known < unknown * 3, "{unknown:?} {known:?}");
    assert!(known > Duration::from_millis(20), "the hash is dear now: {known:?}");
}

async fn sign_ins_at_once_renew_a_hash_and_all_succeed(engine: &Engine) {
    let app = TestApp::start(*engine).await;
    let sam = app.person().await;
    let app = app.restart_with_password_cost(HashCost { passes: 3, ..HashCost::DEFAULT }).await;
    let all = (0..6).map(|_| sign_in(&app, &sam.email, PASSWORD));
    for response in futures_util::future::join_all(all).await {
        response.expect(200);
    }
}

async fn in_the_mode_invite_only_an_invite_learns_who_has_an_account(engine: &Engine) {
    let settings = RegistrationSettings { mode: RegistrationMode::Invite, ..RegistrationSettings::default() };
    let app = TestApp::start_registering(*engine, LimitMode::Off, settings).await;
    let (_, first) = invite(&app, 1).await;
    let with_code = |email: &str, code: &str| {
        let mut body = registration(email, PASSWORD);
        body["invite_code"] = json!(code);
        body
    };
    register(&app, &with_code("sam@example.org", &first.to_string())).await.expect(201);
    let mut told = Vec::new();
    for email in ["sam@example.org", "nobody@example.org"] {
        for body in [
            registration(email, PASSWORD),
            with_code(email, &first.to_string()),
            with_code(email, "ABCD-EFGH"),
        ] {
            let refused = register(&app, &body).await.expect(403);
            told.push((refused.problem(), refused.body["detail"].clone()));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    // Each question of an invite costs a use, and a taken address is not changed by it.
    let (_, code) = invite(&app, 2).await;
    let asking = with_code("sam@example.org", &code.to_string());
    for _ in 0..2 {
        assert_eq!(register(&app, &asking).await.expect(409).problem(), "email-taken");
    }
    assert_eq!(register(&app, &asking).await.expect(403).problem(), "invite-invalid");
    let other = with_code("nobody@example.org", &code.to_string());
    assert_eq!(register(&app, &other).await.expect(403).problem(), "invite-invalid");
    sign_in(&app, "sam@example.org", PASSWORD).await.expect(200);
}
