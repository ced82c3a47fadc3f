//! Signing in while very many others try to, and confirming a password while others do.

use std::{cell::Cell, net::IpAddr, time::Duration};

use chrono::TimeDelta;
use futures_util::future::join_all;
use mainstay_api::{
    auth::{
        login_delay::Attempt,
        turns::{Applicant, Precedence},
    },
    http::rate_limit::LimitMode,
};
use mainstay_tests::{Engine, PASSWORD, Person, Response, TestApp, both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

const WRONG: &str = "not the password";
/// A network in which nobody has tried.
const NEW_PHONE: &str = "198.51.100.1";
const LOGIN: &str = "/v1/auth/login";

both_engines!(
    the_owner_signs_in_in_a_new_network_while_two_hundred_others_try,
    one_customer_with_many_networks_holds_nobody_up,
    who_has_a_copy_of_a_device_token_does_not_keep_the_device_out,
    somebody_with_many_accounts_keeps_nobody_from_a_new_password,
);

async fn sign_in_from(app: &TestApp, from: &str, body: &Value) -> Response {
    let bytes = body.to_string().into_bytes();
    app.client().send("POST", LOGIN, &[("x-forwarded-for", from)], Some(bytes)).await
}

fn login(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

fn with_token(person: &Person, password: &str) -> Value {
    let mut body = login(&person.email, password);
    body["device_token"] = person.tokens["device_token"].clone();
    body
}

/// Tries as a sign-in does, without the work of verifying a password. Gives whether the password would be verified.
async fn try_wrongly(app: &TestApp, email: &str, from: &str) -> bool {
    let address: IpAddr = from.parse().expect("an address");
    let attempt = Attempt::sign_in(&app.state().store, email, Some(address), &app.clock);
    attempt.look().await.is_ok() && attempt.count().await.is_ok()
}

/// An address of the hostile network with that number. No two are of one customer.
fn hostile(n: usize) -> String {
    format!("10.{n}.0.{}", n % 9 + 1)
}

/// Each hostile network tries once. Gives how many passwords were verified.
async fn all_try(app: &TestApp, email: &str) -> usize {
    let mut verified = 0;
    for n in 0..200 {
        verified += usize::from(try_wrongly(app, email, &hostile(n)).await);
    }
    verified
}

/// The owner signs in and comes back after each `Retry-After`, while the hostile networks try on. Gives the seconds until
/// the response, and the guesses meanwhile.
async fn owner_signs_in(app: &TestApp, person: &Person) -> (i64, usize) {
    let (mut waited, mut guesses) = (0, 0);
    loop {
        let response = sign_in_from(app, NEW_PHONE, &login(&person.email, PASSWORD)).await;
        if response.status != 429 {
            response.expect(200);
            return (waited, guesses);
        }
        let wait: i64 = response.header("retry-after").parse().expect("seconds");
        assert!((1..=30).contains(&wait), "{wait}");
        app.clock.advance(TimeDelta::seconds(wait));
        waited += wait;
        assert!(waited <= 600, "the owner waits for {waited} s");
        guesses += all_try(app, &person.email).await;
    }
}

async fn the_owner_signs_in_in_a_new_network_while_two_hundred_others_try(app: &TestApp) {
    let sam = app.person().await;
    // Most of them have a place in line before the owner comes.
    let mut guesses = all_try(app, &sam.email).await;
    assert!((100..=103).contains(&guesses), "{guesses}");
    let refused = sign_in_from(app, NEW_PHONE, &login(&sam.email, PASSWORD)).await.expect(429);
    let detail = refused.body["detail"].as_str().expect("a detail");
    assert!(detail.contains("about 5 minutes"), "{detail}");
    // It tells nothing of who has an account.
    for _ in 0..2 {
        all_try(app, "nobody@example.org").await;
    }
    let nobody = sign_in_from(app, NEW_PHONE, &login("nobody@example.org", PASSWORD)).await.expect(429);
    assert_eq!(nobody.body["detail"], refused.body["detail"]);
    let (waited, more) = owner_signs_in(app, &sam).await;
    guesses += more;
    assert!((1..=330).contains(&waited), "{waited}");
    assert!(guesses <= 100 + 330 / 3 + 330 / 12 + 330 / 30, "{guesses}");
    // Once they have tried, they come after a network that has not. It waits for one try at most.
    app.clock.advance(TimeDelta::seconds(3));
    let elsewhere = sign_in_from(app, "192.0.2.77", &login(&sam.email, PASSWORD)).await;
    elsewhere.expect(200);
}

async fn one_customer_with_many_networks_holds_nobody_up(app: &TestApp) {
    let sam = app.person().await;
    for n in 0..130 {
        try_wrongly(app, &sam.email, &format!("2001:db8:1:{n:x}::1")).await;
        try_wrongly(app, &sam.email, &format!("203.0.113.{n}")).await;
    }
    sign_in_from(app, "203.0.113.200", &login(&sam.email, PASSWORD)).await.expect(429);
    sign_in_from(app, "2001:db8:1:ff00::1", &login(&sam.email, PASSWORD)).await.expect(429);
    sign_in_from(app, NEW_PHONE, &login(&sam.email, PASSWORD)).await.expect(200);
    sign_in_from(app, "2001:db8:2::1", &login(&sam.email, PASSWORD)).await.expect(200);
}

async fn who_has_a_copy_of_a_device_token_does_not_keep_the_device_out(app: &TestApp) {
    let sam = app.person().await;
    let thief = "203.0.113.9";
    for _ in 0..30 {
        let tried = sign_in_from(app, thief, &with_token(&sam, WRONG)).await;
        assert!(matches!(tried.status, 401 | 429), "{}", tried.text);
    }
    sign_in_from(app, thief, &with_token(&sam, PASSWORD)).await.expect(429);
    sign_in_from(app, NEW_PHONE, &with_token(&sam, PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn a_flood_with_a_copy_of_a_device_token_does_not_use_up_what_the_device_may_send() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::start_with(engine, LimitMode::On).await;
        let sam = app.person().await;
        let mut policies = Vec::new();
        for _ in 0..140 {
            let tried = sign_in_from(&app, "203.0.113.9", &with_token(&sam, WRONG)).await;
            policies.push(tried.header("ratelimit-policy").split(';').next().map(str::to_owned));
        }
        assert_eq!(policies[0].as_deref(), Some("\"account\""));
        assert_eq!(policies[139].as_deref(), Some("\"network\""), "treated as one without a token");
        let refresh = json!({ "refresh_token": sam.tokens["refresh_token"] });
        app.client().post("/v1/auth/refresh", &refresh).await.expect(200);
        sign_in_from(&app, NEW_PHONE, &with_token(&sam, PASSWORD)).await.expect(200);
    }
}

/// Has an account of another network wait for a turn to confirm a password, and keeps the turn for a while.
async fn confirm(app: &TestApp, account: u128, done: &Cell<usize>) {
    let applicant = Applicant {
        customer: "203.0.113.0/24",
        network: "203.0.113.9",
        account: Some(Uuid::from_u128(account)),
        precedence: Precedence::Usual,
    };
    if let Ok(_turn) = app.state().passwords.confirmation_turn(applicant).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
        done.set(done.get() + 1);
    }
}

async fn somebody_with_many_accounts_keeps_nobody_from_a_new_password(app: &TestApp) {
    let (sam, done) = (app.person().await, Cell::new(0));
    let flood = join_all((0..60).map(|account| confirm(app, account, &done)));
    let owner = async {
        while done.get() == 0 {
            tokio::task::yield_now().await;
        }
        let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
        sam.post("/v1/auth/password/change", &change).await.expect(204);
        assert!(done.get() < 30, "{} of the others were served first", done.get());
    };
    tokio::join!(flood, owner);
}
