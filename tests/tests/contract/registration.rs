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

fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "time_zone": "UTC" })
}

fn with_code(email: &str, code: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "time_zone": "UTC", "invite_code": code })
}

/// The path of registration.
const REGISTER: &str = "/v1/auth/register";

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
async fn invite(app: &TestApp, uses: u32) -> (Uuid, InviteCode) {
    let code = random_code().expect("random bytes");
    let id = Uuid::from_u128(mainstay_tests::database::rand());
    let expires_at = (app.clock.now() + TimeDelta::days(7)).timestamp_micros();
    let new = NewInvite { id, code: code.clone(), uses, note: None, expires_at };
    app.state().store.create_invites(vec![new], app.clock.micros()).await.expect("it is stored");
    (id, code)
}

async fn uses_left(app: &TestApp, id: Uuid) -> i64 {
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
    a_registration_that_fails_uses_no_invite,
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

async fn a_registration_that_fails_uses_no_invite(app: &TestApp) {
    let (id, code) = invite(app, 2).await;
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

/// Registers from an address of the network, which a trusted proxy forwards.
async fn register_from(app: &TestApp, address: &str, key: &str, body: &Value) -> Response {
    let headers = [("x-forwarded-for", address), ("idempotency-key", key)];
    app.client().send("POST", REGISTER, &headers, Some(body.to_string().into_bytes())).await
}

/// Bounds of three at once from a network, and five in all.
fn tight(mode: RegistrationMode) -> RegistrationSettings {
    RegistrationSettings { mode, per_network: 9, per_hour: 15 }
}

#[tokio::test]
async fn registrations_are_bounded_for_a_network_and_in_all_and_nobody_else_is_kept_out() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::start_registering(engine, LimitMode::On, tight(RegistrationMode::Open)).await;
        let person = |n: u32| registration(&format!("person{n}@example.org"));
        let mut first = None;
        for n in 0..3 {
            let made = register_from(&app, "192.0.2.1", &format!("key {n}"), &person(n)).await.expect(201);
            first.get_or_insert(made);
        }
        let refused = register_from(&app, "192.0.2.1", "key 3", &person(3)).await.expect(429);
        let wait: u32 = refused.header("retry-after").parse().expect("seconds");
        assert!((300..=401).contains(&wait), "{wait}: nine an hour are one in 400 s");
        // A retry of one that succeeded is no further registration, and another body under its key is refused for that
        // before anything is counted or hashed.
        let again = register_from(&app, "192.0.2.1", "key 0", &person(0)).await.expect(201);
        assert_eq!(again.text, first.expect("a response").text);
        let other = register_from(&app, "192.0.2.1", "key 0", &person(4)).await.expect(422);
        assert_eq!(other.problem(), "idempotency-key-reused");
        // Who has an account signs in from there as ever.
        let login = json!({ "email": "person0@example.org", "password": PASSWORD }).to_string().into_bytes();
        app.client()
            .send("POST", "/v1/auth/login", &[("x-forwarded-for", "192.0.2.1")], Some(login))
            .await
            .expect(200);
        register_from(&app, "192.0.2.2", "key 5", &person(5)).await.expect(201);
        // Questions for an address that is taken count for their network, and not for everyone.
        for n in 6..8 {
            register_from(&app, "192.0.2.2", &format!("key {n}"), &person(0)).await.expect(409);
        }
        register_from(&app, "192.0.2.2", "key 8", &person(0)).await.expect(429);
        register_from(&app, "192.0.2.3", "key 9", &person(9)).await.expect(201);
        let refused = register_from(&app, "192.0.2.4", "key 10", &person(10)).await.expect(503);
        let wait: u32 = refused.header("retry-after").parse().expect("seconds");
        assert!((200..=271).contains(&wait), "{wait}: fifteen an hour are one in 240 s");
    }
}

#[tokio::test]
async fn a_group_with_invites_registers_at_one_place_while_others_guess_codes_there() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let settings = RegistrationSettings { per_hour: 1000, ..tight(RegistrationMode::Invite) };
        let app = TestApp::start_registering(engine, LimitMode::On, settings).await;
        let (_, code) = invite(&app, 10).await;
        let mut statuses = Vec::new();
        for n in 0..6 {
            let guess = random_code().expect("random bytes").to_string();
            let body = with_code(&format!("guess{n}@example.org"), &guess);
            statuses.push(register_from(&app, "192.0.2.1", &format!("guess {n}"), &body).await.status);
        }
        assert_eq!(statuses, [403, 403, 403, 429, 429, 429]);
        for n in 0..6 {
            let body = with_code(&format!("person{n}@example.org"), &code.to_string());
            register_from(&app, "192.0.2.1", &format!("key {n}"), &body).await.expect(201);
        }
        // The code is no way to ask for addresses without end.
        let body = with_code("person0@example.org", &code.to_string());
        register_from(&app, "192.0.2.1", "question", &body).await.expect(429);
    }
}

#[tokio::test]
async fn many_networks_of_one_customer_are_bounded_together() {
    let settings = RegistrationSettings { per_network: 3, per_hour: 3000, ..tight(RegistrationMode::Open) };
    let app = TestApp::start_registering(Engine::Sqlite, LimitMode::On, settings).await;
    let mut statuses = Vec::new();
    for n in 0..6 {
        let address = format!("2001:db8:0:{n:x}::1");
        let body = registration(&format!("person{n}@example.org"));
        statuses.push(register_from(&app, &address, &format!("key {n}"), &body).await.status);
    }
    assert_eq!(statuses, [201, 201, 201, 201, 429, 429], "a /56 is good for four times as many as a /64");
    let elsewhere = register_from(&app, "2001:db8:1::1", "else", &registration("else@example.org")).await;
    elsewhere.expect(201);
}

#[tokio::test]
async fn very_many_codes_from_one_network_are_not_looked_up_and_elsewhere_a_code_is_good() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let settings = RegistrationSettings { per_hour: 1000, ..tight(RegistrationMode::Invite) };
        let app = TestApp::start_registering(engine, LimitMode::On, settings).await;
        let (id, code) = invite(&app, 10).await;
        for n in 0..30 {
            let guess = random_code().expect("random bytes").to_string();
            let body = with_code(&format!("guess{n}@example.org"), &guess);
            let refused = register_from(&app, "192.0.2.1", &format!("guess {n}"), &body).await;
            assert_eq!(refused.status, if n < 3 { 403 } else { 429 });
        }
        // A good code is no longer told from a wrong one there.
        let good = |n: u32| with_code(&format!("person{n}@example.org"), &code.to_string());
        register_from(&app, "192.0.2.1", "here", &good(0)).await.expect(429);
        assert_eq!(uses_left(&app, id).await, 10);
        register_from(&app, "192.0.2.2", "elsewhere", &good(1)).await.expect(201);
    }
}
