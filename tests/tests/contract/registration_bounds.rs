//! Bounds of registrations: for a network, and for all with a share for each. What costs nothing is given back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mainstay_api::{
    auth::{
        password::HashTurn,
        registration_policy::{RegistrationMode, RegistrationSettings},
        turns::{Applicant, Precedence},
    },
    http::rate_limit::LimitMode,
};
use mainstay_store::invite::random_code;
use mainstay_tests::{Engine, PASSWORD, Response, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::registration::{REGISTER, invite, registration, uses_left, with_code};

/// Registers from an address of the network, which a trusted proxy forwards.
async fn register_from(app: &TestApp, address: &str, key: &str, body: &Value) -> Response {
    let headers = [("x-forwarded-for", address), ("idempotency-key", key)];
    app.client().send("POST", REGISTER, &headers, Some(body.to_string().into_bytes())).await
}

/// Bounds of three at once from a network, and six in all.
fn tight(mode: RegistrationMode) -> RegistrationSettings {
    RegistrationSettings { mode, per_network: 9, per_hour: 18 }
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
        register_from(&app, "198.51.100.2", "key 5", &person(5)).await.expect(201);
        // Questions for an address that is taken count for their network, and not for everyone.
        for n in 6..8 {
            register_from(&app, "198.51.100.2", &format!("key {n}"), &person(0)).await.expect(409);
        }
        register_from(&app, "198.51.100.2", "key 8", &person(0)).await.expect(429);
        register_from(&app, "203.0.113.3", "key 9", &person(9)).await.expect(201);
        register_from(&app, "172.16.0.4", "key 10", &person(10)).await.expect(201);
        let refused = register_from(&app, "100.64.0.4", "key 11", &person(11)).await.expect(503);
        let wait: u32 = refused.header("retry-after").parse().expect("seconds");
        assert!((160..=231).contains(&wait), "{wait}: eighteen an hour are one in 200 s");
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

/// Takes the only turn to hash the password of a registration, so that others wait.
async fn take_turn(app: &TestApp) -> HashTurn {
    let somebody = Applicant { customer: "", network: "", account: None, precedence: Precedence::Usual };
    app.state().passwords.registration_turn(somebody).await.expect("the only turn")
}

/// How many registrations from an address are free at once.
fn free_of(app: &TestApp, address: &str) -> usize {
    let (policy, address) = (&app.state().registration, address.parse().ok());
    let taken: Vec<_> = std::iter::from_fn(|| policy.count_network(address).ok()).collect();
    taken.len()
}

/// Sends eight registrations at once from one network.
fn eight_at_once(app: &TestApp) -> JoinSet<Response> {
    let mut waiting = JoinSet::new();
    for n in 0..8 {
        let (client, body) = (app.client(), registration(&format!("waits{n}@example.org")));
        waiting.spawn(async move {
            let headers = [("x-forwarded-for", "192.0.2.1")];
            client.send("POST", REGISTER, &headers, Some(body.to_string().into_bytes())).await
        });
    }
    waiting
}

async fn wait_until_free(app: &TestApp, number: usize) {
    while free_of(app, "192.0.2.1") != number {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_registration_that_gets_no_turn_to_hash_is_not_counted() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // Eight at once from a network, and sixteen in all.
        let settings = RegistrationSettings { mode: RegistrationMode::Open, per_network: 24, per_hour: 48 };
        let app = TestApp::start_registering(engine, LimitMode::On, settings).await;
        let turn = take_turn(&app).await;
        assert_eq!(free_of(&app, "192.0.2.1"), 8);
        let mut waiting = eight_at_once(&app);
        while free_of(&app, "192.0.2.1") != 0 {
            // On a slow machine the first may be refused before the last has come.
            while waiting.try_join_next().is_some() {}
            if waiting.is_empty() {
                waiting = eight_at_once(&app);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(waiting);
        // They have disconnected.
        wait_until_free(&app, 8).await;
        let waiting = eight_at_once(&app);
        for response in waiting.join_all().await {
            assert_eq!(response.expect(503).problem(), "unavailable");
        }
        drop(turn);
        for n in 0..8 {
            let person = registration(&format!("person{n}@example.org"));
            register_from(&app, "192.0.2.1", &format!("key {n}"), &person).await.expect(201);
        }
        for n in 8..16 {
            let person = registration(&format!("person{n}@example.org"));
            let from = format!("10.{n}.0.1");
            register_from(&app, &from, &format!("key {n}"), &person).await.expect(201);
        }
        let person = registration("late@example.org");
        register_from(&app, "10.99.0.1", "late", &person).await.expect(503);
    }
}

#[tokio::test]
async fn thirty_networks_that_flood_leave_room_for_a_newcomer() {
    const FLOOD: usize = 120;
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let settings = RegistrationSettings::default();
        let app = TestApp::start_registering(engine, LimitMode::On, settings).await;
        let (done, mut flood) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        for n in 0..FLOOD {
            let (client, done) = (app.client(), Arc::clone(&done));
            flood.spawn(async move {
                let (from, body) = (format!("10.{}.0.1", n % 30), registration(&format!("p{n}@example.org")));
                let headers = [("x-forwarded-for", from.as_str())];
                let response =
                    client.send("POST", REGISTER, &headers, Some(body.to_string().into_bytes())).await;
                done.fetch_add(1, Ordering::SeqCst);
                response.status
            });
        }
        while done.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let newcomer = registration("newcomer@example.org");
        register_from(&app, "198.51.100.1", "newcomer", &newcomer).await.expect(201);
        assert!(done.load(Ordering::SeqCst) < FLOOD, "the flood is over before");
        assert!(flood.join_all().await.iter().all(|status| matches!(status, 201 | 503)));
        // They go on until none of them is let through. No password is hashed for these.
        let policy = &app.state().registration;
        for n in 0..3000 {
            if let Ok((counted, _)) = policy.count_all(format!("10.{}.0.1", n % 30).parse().ok()) {
                counted.keep();
            }
        }
        let one_more = registration("more@example.org");
        register_from(&app, "10.7.0.1", "more", &one_more).await.expect(429);
        for n in 0..4 {
            let newcomer = registration(&format!("newcomer{n}@example.org"));
            register_from(&app, "203.0.113.1", &format!("newcomer {n}"), &newcomer).await.expect(201);
        }
    }
}
