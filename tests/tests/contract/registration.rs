//! Registration: one account for requests that are sent at the same time, invites, and bounds.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use mainstay_api::{
    auth::registration_policy::{RegistrationMode, RegistrationSettings},
    http::rate_limit::LimitMode,
};
use mainstay_domain::account::InviteCode;
use mainstay_store::invite::{NewInvite, random_code};
use mainstay_tests::{Client, Engine, PASSWORD, Response, TestApp, both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

both_engines!(
    registrations_at_once_with_one_key_have_one_response,
    registrations_at_once_without_a_key_make_one_account,
    a_registration_whose_first_tries_were_cut_off_is_made_once,
    the_response_that_is_stored_for_a_registration_is_erased_with_its_account,
);

pub(crate) fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "time_zone": "UTC" })
}

pub(crate) fn with_code(email: &str, code: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "time_zone": "UTC", "invite_code": code })
}

/// The path of registration.
pub(crate) const REGISTER: &str = "/v1/auth/register";

/// Sends the bodies at once, in turn to each client. Returns the statuses and what the responses tell.
async fn at_once(
    clients: &[&Client],
    path: &'static str,
    key: Option<&str>,
    bodies: &[Value],
) -> Vec<(u16, String)> {
    let mut posts = tokio::task::JoinSet::new();
    for (client, body) in clients.iter().cycle().zip(bodies) {
        let (client, key, body) = ((*client).clone(), key.map(str::to_owned), body.clone());
        posts.spawn(async move {
            let response = match key {
                Some(key) => client.post_with_key(path, &key, &body).await,
                None => client.post(path, &body).await,
            };
            let told = if response.status < 300 { response.text.clone() } else { response.problem() };
            (response.status, told)
        });
    }
    posts.join_all().await
}

/// Sends a request eight times at once with one key. All get the same response, which is returned.
async fn eight_times(clients: &[&Client], path: &'static str, key: &str, body: &Value) -> (u16, Value) {
    let responses = at_once(clients, path, Some(key), &vec![body.clone(); 8]).await;
    let different: BTreeSet<_> = responses.iter().collect();
    assert_eq!(different.len(), 1, "{path}: {different:?}");
    (responses[0].0, serde_json::from_str(&responses[0].1).expect("JSON"))
}

/// Sends each request that needs no sign-in many times at once, with new keys in each round.
async fn one_response(clients: &[&Client]) {
    for round in 0..6 {
        let email = format!("person{round}@example.org");
        let key = |name: &str| format!("{name} {round}");
        let (status, made) = eight_times(clients, REGISTER, &key("register"), &registration(&email)).await;
        assert_eq!(status, 201);
        let login = json!({ "email": email, "password": PASSWORD });
        let (status, signed_in) = eight_times(clients, "/v1/auth/login", &key("login"), &login).await;
        assert_eq!((status, &signed_in["account"]), (200, &made["account"]));
        let refresh = json!({ "refresh_token": signed_in["tokens"]["refresh_token"] });
        let (status, fresh) = eight_times(clients, "/v1/auth/refresh", &key("refresh"), &refresh).await;
        assert_eq!(status, 200);
        let sam = clients[0].with_token(fresh["tokens"]["access_token"].as_str().expect("a token"));
        assert_eq!(sam.get("/v1/auth/sessions").await.expect(200).items().len(), 2);
    }
}

async fn registrations_at_once_with_one_key_have_one_response(app: &TestApp) {
    one_response(&[&app.client()]).await;
}

#[tokio::test]
async fn registrations_at_once_on_two_servers_have_one_response() {
    let app = TestApp::start(Engine::Postgres).await;
    let second = app.second_server().await;
    one_response(&[&app.client(), &second.client]).await;
}

async fn registrations_at_once_without_a_key_make_one_account(app: &TestApp) {
    let mut responses =
        at_once(&[&app.client()], REGISTER, None, &vec![registration("sam@example.org"); 6]).await;
    responses.sort();
    let told: Vec<_> = responses.iter().map(|(status, told)| (*status, told.as_str())).collect();
    assert_eq!((told[0].0, &told[1..]), (201, [(409, "email-taken"); 5].as_slice()));
}

async fn a_registration_whose_first_tries_were_cut_off_is_made_once(app: &TestApp) {
    let client = app.client();
    for round in 0..12_u64 {
        let (key, body) = (format!("key {round}"), registration(&format!("person{round}@example.org")));
        let register = async || client.post_with_key(REGISTER, &key, &body).await;
        // The connection goes at any moment: while the request is read, hashed, stored or answered.
        for tries in 0..2 {
            let cut = std::time::Duration::from_millis(round * 6 + tries);
            let _either = tokio::time::timeout(cut, register()).await;
        }
        let made = register().await.expect(201);
        assert_eq!(register().await.expect(201).text, made.text);
    }
}

async fn the_response_that_is_stored_for_a_registration_is_erased_with_its_account(app: &TestApp) {
    let client = app.client();
    let register = async || client.post_with_key(REGISTER, "key", &registration("sam@example.org")).await;
    let first = register().await.expect(201);
    let sam = client.with_token(first.body["tokens"]["access_token"].as_str().expect("a token"));
    let erasure = json!({ "password": PASSWORD }).to_string().into_bytes();
    sam.send("DELETE", "/v1/me", &[], Some(erasure)).await.expect(204);
    let again = register().await.expect(201);
    assert_ne!(again.body["account"]["id"], first.body["account"]["id"]);
    assert_eq!(again.header("idempotent-replayed"), "");
}

/// A server with a mode of registration, without rate limits.
async fn start(engine: Engine, mode: RegistrationMode) -> TestApp {
    let settings = RegistrationSettings { mode, ..RegistrationSettings::default() };
    TestApp::start_registering(engine, LimitMode::Off, settings).await
}

/// Makes an invite. Returns its id and its code.
pub(crate) async fn invite(app: &TestApp, uses: u32) -> (Uuid, InviteCode) {
    let code = random_code().expect("random bytes");
    let id = Uuid::from_u128(mainstay_tests::database::rand());
    let expires_at = (app.clock.now() + TimeDelta::days(7)).timestamp_micros();
    let new = NewInvite { id, code: code.clone(), uses, note: None, expires_at };
    app.state().store.create_invites(vec![new], app.clock.micros()).await.expect("it is stored");
    (id, code)
}

pub(crate) async fn uses_left(app: &TestApp, id: Uuid) -> i64 {
    let invites = app.state().store.invites().await.expect("a list");
    invites.into_iter().find(|invite| invite.id == id).expect("the invite").uses_left
}

/// Makes two tests, on SQLite and on PostgreSQL, of a test on a server where an invite is needed.
macro_rules! by_invite {
    ($($test:ident),+ $(,)?) => {
        $(
            mod $test {
                #[tokio::test]
                async fn sqlite() {
                    super::$test(&super::start(super::Engine::Sqlite, super::RegistrationMode::Invite).await).await;
                }

                #[tokio::test]
                async fn postgres() {
                    super::$test(&super::start(super::Engine::Postgres, super::RegistrationMode::Invite).await).await;
                }
            }
        )+
    };
}

by_invite!(
    a_code_is_taken_as_people_write_it_and_is_good_for_its_uses,
    every_code_that_cannot_be_used_gets_the_same_response,
    a_registration_that_fails_uses_an_invite_only_for_a_taken_address,
    two_at_once_with_a_code_for_one_make_one_account,
    a_registration_by_invite_is_replayed_with_its_key,
);

async fn a_code_is_taken_as_people_write_it_and_is_good_for_its_uses(app: &TestApp) {
    let (id, code) = invite(app, 3).await;
    let (client, code) = (app.client(), code.to_string());
    let spellings =
        [code.clone(), code.to_lowercase().replace('-', " "), format!("\t{}\n", code.replace('-', ""))];
    for (n, spelling) in spellings.iter().enumerate() {
        let body = with_code(&format!("person{n}@example.org"), spelling);
        let response = client.post(REGISTER, &body).await.expect(201);
        assert!(!response.text.contains("invite"), "{}", response.text);
    }
    assert_eq!(uses_left(app, id).await, 0);
    let body = with_code("late@example.org", &code);
    assert_eq!(client.post(REGISTER, &body).await.expect(403).problem(), "invite-invalid");
    // Whoever has an account needs no invite.
    let login = json!({ "email": "person0@example.org", "password": PASSWORD });
    client.post("/v1/auth/login", &login).await.expect(200);
}

/// A problem without the id of its request.
fn told(response: &Response) -> Value {
    let mut body = response.body.clone();
    body["request_id"].take();
    body
}

async fn every_code_that_cannot_be_used_gets_the_same_response(app: &TestApp) {
    let client = app.client();
    let (_, used) = invite(app, 1).await;
    client.post(REGISTER, &with_code("sam@example.org", &used.to_string())).await.expect(201);
    let (_, ended) = invite(app, 1).await;
    app.clock.advance(TimeDelta::days(7));
    let (id, revoked) = invite(app, 1).await;
    assert!(app.state().store.revoke_invite(id).await.expect("the store works"));
    let missing = client.post(REGISTER, &registration("kim@example.org")).await.expect(403);
    assert_eq!(missing.problem(), "invite-invalid");
    let unknown = random_code().expect("random bytes").to_string();
    for code in [
        used.to_string(),
        ended.to_string(),
        revoked.to_string(),
        unknown,
        String::new(),
        "no code at all".to_owned(),
        "0000-0000-0000-000é".to_owned(),
    ] {
        // Nor does it tell whether the address has an account.
        for email in ["kim@example.org", "sam@example.org"] {
            let refused = client.post(REGISTER, &with_code(email, &code)).await.expect(403);
            assert_eq!(told(&refused), told(&missing), "{code}");
        }
    }
    let too_long = client.post(REGISTER, &with_code("kim@example.org", &"x".repeat(101))).await;
    assert_eq!(too_long.expect(422).faults(), [("/invite_code".to_owned(), "length".to_owned())]);
}

async fn a_registration_that_fails_uses_an_invite_only_for_a_taken_address(app: &TestApp) {
    let (id, code) = invite(app, 3).await;
    let (client, code) = (app.client(), code.to_string());
    client.post(REGISTER, &with_code("sam@example.org", &code)).await.expect(201);
    let taken = client.post(REGISTER, &with_code("SAM@example.org", &code)).await;
    assert_eq!(taken.expect(409).problem(), "email-taken");
    let mut weak = with_code("kim@example.org", &code);
    weak["password"] = json!("Password1234");
    client.post(REGISTER, &weak).await.expect(422);
    assert_eq!(uses_left(app, id).await, 1);
}

/// Sends one code with several addresses at once. One registration succeeds.
async fn one_account_for_one_code(app: &TestApp, clients: &[&Client]) {
    for round in 0..4 {
        let (id, code) = invite(app, 1).await;
        let bodies: Vec<Value> =
            (0..6).map(|n| with_code(&format!("p{round}-{n}@example.org"), &code.to_string())).collect();
        let mut responses = at_once(clients, REGISTER, None, &bodies).await;
        responses.sort();
        let told: Vec<_> = responses.iter().map(|(status, told)| (*status, told.as_str())).collect();
        assert_eq!((told[0].0, &told[1..]), (201, [(403, "invite-invalid"); 5].as_slice()));
        assert_eq!(uses_left(app, id).await, 0);
    }
}

async fn two_at_once_with_a_code_for_one_make_one_account(app: &TestApp) {
    one_account_for_one_code(app, &[&app.client()]).await;
}

#[tokio::test]
async fn two_servers_with_a_code_for_one_make_one_account() {
    let app = start(Engine::Postgres, RegistrationMode::Invite).await;
    let second = app.second_server().await;
    one_account_for_one_code(&app, &[&app.client(), &second.client]).await;
    // With one key it is one request: nobody is told that the code was used meanwhile.
    for round in 0..4 {
        let (_, code) = invite(&app, 1).await;
        let bodies = vec![with_code(&format!("once{round}@example.org"), &code.to_string()); 6];
        let responses =
            at_once(&[&app.client(), &second.client], REGISTER, Some(&format!("key {round}")), &bodies).await;
        let different: BTreeSet<_> = responses.iter().collect();
        assert_eq!((different.len(), responses[0].0), (1, 201), "{different:?}");
    }
}

async fn a_registration_by_invite_is_replayed_with_its_key(app: &TestApp) {
    let (_, code) = invite(app, 1).await;
    let body = with_code("sam@example.org", &code.to_string());
    let first = app.client().post_with_key(REGISTER, "key", &body).await.expect(201);
    let again = app.client().post_with_key(REGISTER, "key", &body).await.expect(201);
    assert_eq!(first.text, again.text);
}

#[tokio::test]
async fn where_registration_is_closed_no_code_opens_it() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = start(engine, RegistrationMode::Closed).await;
        let (id, code) = invite(&app, 1).await;
        for body in [registration("sam@example.org"), with_code("sam@example.org", &code.to_string())] {
            let refused = app.client().post(REGISTER, &body).await.expect(403);
            assert_eq!(refused.problem(), "registration-closed");
        }
        assert_eq!(uses_left(&app, id).await, 1);
    }
}

#[tokio::test]
async fn where_nobody_may_register_that_is_the_problem_whatever_the_body_is() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = start(engine, RegistrationMode::Closed).await;
        let send = async |headers: &[(&str, &str)], body: &str| {
            app.client().send("POST", REGISTER, headers, Some(body.as_bytes().to_vec())).await
        };
        let large = format!("{{\"email\":\"{}\"}}", "x".repeat(20_000));
        for body in ["{}", "", "no JSON", "[1]", r#"{"email":1,"nonsense":2,"password":"short"}"#, &large] {
            assert_eq!(send(&[], body).await.expect(403).problem(), "registration-closed");
            let keyed = send(&[("idempotency-key", "key")], body).await;
            assert_eq!(keyed.expect(403).problem(), "registration-closed");
        }
        let plain = send(&[("content-type", "text/plain")], "{}").await;
        assert_eq!(plain.expect(403).problem(), "registration-closed");
    }
}

#[tokio::test]
async fn where_an_invite_is_needed_one_without_a_code_is_told_that_first() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = start(engine, RegistrationMode::Invite).await;
        let send =
            async |body: &str| app.client().send("POST", REGISTER, &[], Some(body.as_bytes().to_vec())).await;
        for body in ["{}", r#"{"email":1,"password":"short"}"#, r#"{"email":1,"invite_code":null}"#] {
            assert_eq!(send(body).await.expect(403).problem(), "invite-invalid");
        }
        // With a code, or if nobody can tell whether there is one, the body is judged.
        let wrong = send(r#"{"email":1,"invite_code":"7QK2"}"#).await;
        assert_eq!(wrong.expect(422).pointers(), ["/email", "/password", "/time_zone"]);
        assert_eq!(send(r#"{"email":"#).await.expect(400).problem(), "malformed-json");
    }
}

#[tokio::test]
async fn where_registration_is_open_a_code_is_ignored() {
    let app = TestApp::start(Engine::Sqlite).await;
    let (id, code) = invite(&app, 1).await;
    for (email, code) in
        [("a@example.org", code.to_string()), ("b@example.org", String::new()), ("c@example.org", "?".into())]
    {
        app.client().post(REGISTER, &with_code(email, &code)).await.expect(201);
    }
    assert_eq!(uses_left(&app, id).await, 1);
}
