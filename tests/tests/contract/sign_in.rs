//! Signing in stays open: device tokens, tries that count before they are verified, and fair turns.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use mainstay_api::auth::login_delay::Attempt;
use mainstay_store::login_delay::{DelayKey, Failures};
use mainstay_tests::{Client, Engine, PASSWORD, Person, Response, TestApp, both_engines};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet};

const WRONG: &str = "not the password";
/// An address at which nobody has an account or signs in.
const ELSEWHERE: &str = "198.51.100.1";
/// The address of the test itself, behind which the people of a test live.
const HOME: &str = "127.0.0.1";

both_engines!(
    a_device_token_comes_with_every_session_and_stays_the_same,
    wrong_tries_of_others_do_not_delay_a_device_with_a_token,
    wrong_tries_of_a_device_delay_nobody_else,
    a_device_token_is_good_for_its_account_and_generation_only,
    what_is_no_device_token_is_ignored,
    a_new_phone_signs_in_although_others_try_elsewhere,
    a_right_password_gives_back_its_own_try_only,
    a_right_password_is_no_wrong_one_when_the_client_disconnects,
    parallel_guesses_all_count,
    the_owner_signs_in_among_parallel_guesses,
    tries_from_one_ipv6_customer_count_together,
    no_wait_outlasts_a_clock_that_was_ahead,
    failures_live_an_hour,
    waits_do_not_tell_who_has_an_account,
    a_flood_from_one_network_delays_another_by_a_turn,
    a_flood_of_registrations_keeps_nobody_from_signing_in,
    confirming_a_password_is_delayed_by_its_own_session_only,
);

async fn sign_in_from(client: &Client, from: &str, body: &Value) -> Response {
    let bytes = body.to_string().into_bytes();
    client.send("POST", "/v1/auth/login", &[("x-forwarded-for", from)], Some(bytes)).await
}

fn login(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

/// A right sign-in of a person with their device token.
fn with_token(person: &Person) -> Value {
    let mut body = login(&person.email, PASSWORD);
    body["device_token"] = person.tokens["device_token"].clone();
    body
}

fn wrong_with_token(person: &Person) -> Value {
    let mut body = with_token(person);
    body["password"] = json!(WRONG);
    body
}

/// Counts a wrong try without the work of verifying it.
async fn try_wrongly(app: &TestApp, email: &str, from: &str) -> bool {
    let address: IpAddr = from.parse().expect("an address");
    let state = app.state();
    Attempt::sign_in(&state.store, email, Some(address), &app.clock).count().await.is_ok()
}

/// Lets very many networks try to sign in to an account, no two of one customer.
async fn attack_from_everywhere(app: &TestApp, email: &str) {
    for n in 0..110 {
        assert!(try_wrongly(app, email, &format!("10.{n}.0.1")).await || n > 100);
    }
}

async fn a_device_token_comes_with_every_session_and_stays_the_same(app: &TestApp) {
    let sam = app.person().await;
    let token = sam.tokens["device_token"].as_str().expect("a device token");
    assert!((40..=200).contains(&token.len()), "{token}");
    let account = sam.account["id"].as_str().expect("an id").replace('-', "");
    assert!(!token.contains(&account));
    let refresh = json!({ "refresh_token": sam.tokens["refresh_token"] });
    let refreshed = app.client().post("/v1/auth/refresh", &refresh).await.expect(200);
    assert_eq!(refreshed.body["tokens"]["device_token"], sam.tokens["device_token"]);
    let other = sam.another_device().await;
    assert_ne!(other.tokens["device_token"], sam.tokens["device_token"], "each device is counted by itself");
}

async fn wrong_tries_of_others_do_not_delay_a_device_with_a_token(app: &TestApp) {
    let sam = app.person().await;
    attack_from_everywhere(app, &sam.email).await;
    for n in 0..60 {
        try_wrongly(app, &sam.email, HOME).await;
        try_wrongly(app, &format!("nobody{n}@example.org"), ELSEWHERE).await;
    }
    for from in [HOME, ELSEWHERE, "192.0.2.55"] {
        let plain = sign_in_from(&app.client(), from, &login(&sam.email, PASSWORD)).await;
        let wait: i64 = plain.expect(429).header("retry-after").parse().expect("seconds");
        assert!((1..=30).contains(&wait), "{wait}");
        sign_in_from(&app.client(), from, &with_token(&sam)).await.expect(200);
    }
}

async fn wrong_tries_of_a_device_delay_nobody_else(app: &TestApp) {
    let sam = app.person().await;
    let tablet = sam.another_device().await;
    let mut waits = Vec::new();
    for _ in 0..24 {
        let response = sign_in_from(&app.client(), ELSEWHERE, &wrong_with_token(&sam)).await;
        if response.status == 429 {
            let wait: i64 = response.header("retry-after").parse().expect("seconds");
            waits.push(wait);
            app.clock.advance(TimeDelta::seconds(wait));
        } else {
            response.expect(401);
        }
    }
    assert!(waits.len() >= 4 && waits.iter().all(|wait| (1..=30).contains(wait)), "{waits:?}");
    // Nor is it let through as one without a token, once it has failed there too.
    while sign_in_from(&app.client(), ELSEWHERE, &wrong_with_token(&sam)).await.status != 429 {}
    sign_in_from(&app.client(), ELSEWHERE, &with_token(&sam)).await.expect(429);
    sign_in_from(&app.client(), ELSEWHERE, &with_token(&tablet)).await.expect(200);
    let other = app.person().await;
    sign_in_from(&app.client(), ELSEWHERE, &login(&other.email, PASSWORD)).await.expect(200);
    sign_in_from(&app.client(), "192.0.2.9", &login(&sam.email, PASSWORD)).await.expect(200);
    // Never a lock, and a right password ends the delays.
    app.clock.advance(TimeDelta::seconds(31));
    for _ in 0..3 {
        sign_in_from(&app.client(), ELSEWHERE, &with_token(&sam)).await.expect(200);
        sign_in_from(&app.client(), ELSEWHERE, &wrong_with_token(&sam)).await.expect(401);
    }
}

async fn a_device_token_is_good_for_its_account_and_generation_only(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    attack_from_everywhere(app, &sam.email).await;
    let mut foreign = with_token(&kim);
    foreign["email"] = json!(sam.email);
    sign_in_from(&app.client(), ELSEWHERE, &foreign).await.expect(429);
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    sam.post("/v1/auth/password/change", &change).await.expect(204);
    let mut old = with_token(&sam);
    old["password"] = json!("mountains do not hurry");
    sign_in_from(&app.client(), ELSEWHERE, &old).await.expect(429);
    // The session that lives on gets the token of the new generation with its next refresh.
    let refresh = json!({ "refresh_token": sam.tokens["refresh_token"] });
    let refreshed = app.client().post("/v1/auth/refresh", &refresh).await.expect(200);
    let mut new = old.clone();
    new["device_token"] = refreshed.body["tokens"]["device_token"].clone();
    assert_ne!(new["device_token"], old["device_token"]);
    sign_in_from(&app.client(), ELSEWHERE, &new).await.expect(200);
}

async fn what_is_no_device_token_is_ignored(app: &TestApp) {
    let sam = app.person().await;
    let own = sam.tokens["device_token"].as_str().expect("a token").to_owned();
    for token in
        [json!(null), json!(""), json!("x"), json!(own[1..]), json!("Ä".repeat(200)), json!("A".repeat(64))]
    {
        for (email, password, status) in
            [(sam.email.as_str(), PASSWORD, 200), ("nobody@example.org", PASSWORD, 401)]
        {
            let mut body = login(email, password);
            body["device_token"] = token.clone();
            app.clock.advance(TimeDelta::minutes(1));
            app.client().post("/v1/auth/login", &body).await.expect(status);
        }
    }
    let mut body = login(&sam.email, PASSWORD);
    body["device_token"] = json!("A".repeat(201));
    assert_eq!(app.client().post("/v1/auth/login", &body).await.expect(422).pointers(), ["/device_token"]);
}

async fn a_new_phone_signs_in_although_others_try_elsewhere(app: &TestApp) {
    let sam = app.person().await;
    for n in 0..40 {
        try_wrongly(app, &sam.email, &format!("203.0.113.{n}")).await;
        try_wrongly(app, &sam.email, "203.0.113.200").await;
    }
    let client = app.client();
    sign_in_from(&client, ELSEWHERE, &login(&sam.email, WRONG)).await.expect(401);
    sign_in_from(&client, ELSEWHERE, &login(&sam.email, PASSWORD)).await.expect(429);
    sign_in_from(&client, "192.0.2.77", &login(&sam.email, PASSWORD)).await.expect(200);
}

async fn failures(app: &TestApp, keys: &[DelayKey]) -> Vec<Failures> {
    app.state().store.failures(keys).await.expect("the store works")
}

async fn a_right_password_gives_back_its_own_try_only(app: &TestApp) {
    let sam = app.person().await;
    for n in 0..7 {
        try_wrongly(app, &sam.email, &format!("203.0.113.{n}")).await;
        try_wrongly(app, "nobody@example.org", &format!("203.0.113.{n}")).await;
    }
    let keys = [DelayKey::Account(sam.email.clone()), DelayKey::Network("203.0.113.3".to_owned())];
    let before = failures(app, &keys).await;
    assert_eq!(before.iter().map(|f| f.count).collect::<Vec<_>>(), [7, 2]);
    sign_in_from(&app.client(), "203.0.113.3", &login(&sam.email, PASSWORD)).await.expect(200);
    let after = failures(app, &keys).await;
    assert_eq!(after.iter().map(|f| f.count).collect::<Vec<_>>(), [7, 2]);
}

/// Sends a request whose password is right, and disconnects once the try is counted. Then the count must be taken back.
async fn disconnect_while_it_is_verified(
    app: &TestApp,
    client: &Client,
    path: &'static str,
    body: &Value,
    own: DelayKey,
) {
    let keys = [own];
    for _ in 0..6 {
        let (client, body) = (client.clone(), body.clone());
        let request = tokio::spawn(async move { client.post(path, &body).await });
        while !request.is_finished() && failures(app, &keys).await[0].count == 0 {
            tokio::task::yield_now().await;
        }
        request.abort();
        let begun = Instant::now();
        while failures(app, &keys).await[0].count > 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "{path}: the try stays counted");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn a_right_password_is_no_wrong_one_when_the_client_disconnects(app: &TestApp) {
    let sam = app.person().await;
    let right = login(&sam.email, PASSWORD);
    let pair = DelayKey::Pair { email: sam.email.clone(), network: HOME.to_owned() };
    disconnect_while_it_is_verified(app, &app.client(), "/v1/auth/login", &right, pair).await;
    let account = app.scope(&sam).await.account();
    let sessions = sam.get("/v1/auth/sessions").await.expect(200).items();
    let current = sessions.iter().find(|session| session["current"] == json!(true)).expect("the session");
    let session = current["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    let own = DelayKey::Session { account, session };
    disconnect_while_it_is_verified(app, &sam.client, "/v1/auth/password/change", &change, own).await;
    let account = DelayKey::Account(sam.email.clone());
    let of_all = failures(app, &[account, DelayKey::Network(HOME.to_owned())]).await;
    assert!(of_all.iter().all(|failures| failures.count == 0), "{of_all:?}");
}

async fn parallel_guesses_all_count(app: &TestApp) {
    let mut clients = vec![app.client()];
    let second;
    if app.database.engine == Engine::Postgres {
        second = app.second_server().await;
        clients.push(second.client.clone());
    }
    let mut guesses = JoinSet::new();
    for n in 0..200 {
        let client = clients[n % clients.len()].clone();
        guesses.spawn(async move {
            let body = login(&format!("nobody{n}@example.org"), WRONG);
            sign_in_from(&client, ELSEWHERE, &body).await.status
        });
    }
    let statuses = guesses.join_all().await;
    let verified = statuses.iter().filter(|status| **status == 401).count();
    // Fifty are free. While they are verified, a wait may end some few times. A busy machine verifies fewer in time.
    assert!((10..=56).contains(&verified), "{verified} of 200 were verified");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429 | 503)));
    let network = failures(app, &[DelayKey::Network(ELSEWHERE.to_owned())]).await;
    let counted = usize::try_from(network[0].count).expect("a count");
    assert!(counted <= verified && counted + 3 >= verified, "{verified} were verified, {counted} counted");
}

async fn the_owner_signs_in_among_parallel_guesses(app: &TestApp) {
    let sam = app.person().await;
    let mut guesses = JoinSet::new();
    for _ in 0..80 {
        let (client, email) = (app.client(), sam.email.clone());
        guesses.spawn(async move { sign_in_from(&client, HOME, &login(&email, WRONG)).await.status });
    }
    let right = sign_in_from(&app.client(), HOME, &with_token(&sam)).await;
    right.expect(200);
    let statuses = guesses.join_all().await;
    let verified = statuses.iter().filter(|status| **status == 401).count();
    assert!(verified <= 8, "{verified}");
}

async fn tries_from_one_ipv6_customer_count_together(app: &TestApp) {
    let (client, now) = (app.client(), app.clock.micros());
    let store = &app.state().store;
    // Of one /64, a /56 and a /48. Each try is for another account, and from another part of the network.
    for (free, network, address) in [
        (50, "2001:db8:1:1::/64", &(|n| format!("2001:db8:1:1::{n:x}")) as &dyn Fn(i64) -> String),
        (200, "2001:db8:2::/56", &|n| format!("2001:db8:2:{n:x}::1")),
        (800, "2001:db8:3::/48", &|n| format!("2001:db8:3:{n:x}00::1")),
    ] {
        let before =
            move |_: &[Failures]| Some(vec![Failures { count: free - 20, retry_at: 0, last_at: now }]);
        let keys = [DelayKey::Network(network.to_owned())];
        store.change_failures(&keys, before).await.expect("the store works");
        for n in 0..21 {
            assert!(try_wrongly(app, &format!("nobody{n}@example.org"), &address(n)).await, "{network} {n}");
        }
        sign_in_from(&client, &address(100), &login("someone@example.org", WRONG)).await.expect(429);
    }
    sign_in_from(&client, "2001:db8:4::1", &login("someone@example.org", WRONG)).await.expect(401);
}

async fn no_wait_outlasts_a_clock_that_was_ahead(app: &TestApp) {
    let sam = app.person().await;
    let year = TimeDelta::days(365);
    app.clock.advance(year);
    attack_from_everywhere(app, &sam.email).await;
    for n in 0..60 {
        try_wrongly(app, &format!("nobody{n}@example.org"), ELSEWHERE).await;
        try_wrongly(app, &sam.email, ELSEWHERE).await;
    }
    let refresh = json!({ "refresh_token": sam.tokens["refresh_token"] });
    // The session has ended by the clock; another one begins.
    app.client().post("/v1/auth/refresh", &refresh).await.expect(401);
    let ahead = sign_in_from(&app.client(), HOME, &with_token(&sam)).await.expect(200).body["tokens"].clone();
    let own = app.client().with_token(ahead["access_token"].as_str().expect("a token"));
    app.clock.advance(-year);
    sign_in_from(&app.client(), ELSEWHERE, &login(&sam.email, PASSWORD)).await.expect(200);
    // Its access token would be valid for a year. The next one is not.
    assert_eq!(own.get("/v1/me").await.expect(401).problem(), "unauthenticated");
    let refresh = json!({ "refresh_token": ahead["refresh_token"] });
    let next = app.client().post("/v1/auth/refresh", &refresh).await.expect(200);
    let token = next.body["tokens"]["access_token"].as_str().expect("a token");
    app.client().with_token(token).get("/v1/me").await.expect(200);
    app.state().store.sweep_failures(app.clock.micros()).await.expect("the store works");
    let keys = [DelayKey::Account(sam.email.clone()), DelayKey::Network("10.5.0.1".to_owned())];
    assert_eq!(failures(app, &keys).await[1], Failures::default(), "it is swept");
}

async fn failures_live_an_hour(app: &TestApp) {
    let sam = app.person().await;
    let (store, keys) = (&app.state().store, [DelayKey::Network(ELSEWHERE.to_owned())]);
    try_wrongly(app, &sam.email, ELSEWHERE).await;
    app.clock.advance(TimeDelta::minutes(59));
    store.sweep_failures(app.clock.micros()).await.expect("the store works");
    assert_eq!(failures(app, &keys).await[0].count, 1);
    app.clock.advance(TimeDelta::minutes(2));
    assert!(store.sweep_failures(app.clock.micros()).await.expect("the store works") > 0);
    assert_eq!(failures(app, &keys).await[0], Failures::default());
}

async fn waits_do_not_tell_who_has_an_account(app: &TestApp) {
    let (sam, gone) = (app.person().await, app.person().await);
    for person in [&sam, &gone] {
        person.another_device().await;
    }
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    gone.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
    let emails = [sam.email.as_str(), gone.email.as_str(), "nobody@example.org"];
    for n in 0..60 {
        try_wrongly(app, &format!("nobody{n}@example.org"), HOME).await;
    }
    for email in emails {
        sign_in_from(&app.client(), HOME, &login(email, WRONG)).await.expect(429);
    }
    app.clock.advance(TimeDelta::minutes(20));
    for email in emails {
        for n in 0..12 {
            assert!(try_wrongly(app, email, &format!("203.0.113.{n}")).await);
        }
        sign_in_from(&app.client(), HOME, &login(email, WRONG)).await.expect(401);
        sign_in_from(&app.client(), HOME, &login(email, WRONG)).await.expect(429);
    }
}

/// Sends bodies at the same time from one network. The counter has the number of responses so far; the first one is there.
async fn flood(
    app: &TestApp,
    path: &'static str,
    bodies: impl Iterator<Item = Value>,
) -> (Arc<AtomicUsize>, JoinSet<Response>) {
    let (done, first, mut flood) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()), JoinSet::new());
    for body in bodies {
        let (client, done, first) = (app.client(), Arc::clone(&done), Arc::clone(&first));
        flood.spawn(async move {
            let headers = [("x-forwarded-for", ELSEWHERE)];
            let response = client.send("POST", path, &headers, Some(body.to_string().into_bytes())).await;
            done.fetch_add(1, Ordering::SeqCst);
            first.notify_one();
            response
        });
    }
    first.notified().await;
    (done, flood)
}

async fn a_flood_from_one_network_delays_another_by_a_turn(app: &TestApp) {
    const FLOOD: usize = 36;
    let sam = app.person().await;
    let bodies = (0..FLOOD).map(|n| login(&format!("nobody{n}@example.org"), WRONG));
    let (done, flood) = flood(app, "/v1/auth/login", bodies).await;
    sign_in_from(&app.client(), "192.0.2.3", &login(&sam.email, PASSWORD)).await.expect(200);
    let before = done.load(Ordering::SeqCst);
    assert!(before < FLOOD * 3 / 4, "{before} of the flood were served first");
    for response in flood.join_all().await {
        assert!(matches!(response.status, 401 | 503), "{}", response.text);
    }
}

async fn a_flood_of_registrations_keeps_nobody_from_signing_in(app: &TestApp) {
    const FLOOD: usize = 120;
    let sam = app.person().await;
    let bodies = (0..FLOOD)
        .map(|n| json!({ "email": format!("new{n}@example.org"), "password": PASSWORD, "time_zone": "UTC" }));
    let (done, flood) = flood(app, "/v1/auth/register", bodies).await;
    app.client().post("/v1/auth/login", &login(&sam.email, PASSWORD)).await.expect(200);
    assert!(done.load(Ordering::SeqCst) < FLOOD, "the flood is over before the owner is signed in");
    let mut refused = flood.join_all().await;
    refused.retain(|response| response.status != 201);
    assert!(refused.len() > 20, "{}", refused.len());
    for response in refused {
        let wait: i64 = response.expect(503).header("retry-after").parse().expect("seconds");
        assert!((1..=5).contains(&wait), "{wait}");
    }
}

async fn confirming_a_password_is_delayed_by_its_own_session_only(app: &TestApp) {
    let sam = app.person().await;
    let thief = sam.another_device().await;
    attack_from_everywhere(app, &sam.email).await;
    for n in 0..60 {
        try_wrongly(app, &format!("nobody{n}@example.org"), HOME).await;
    }
    let change = |current| json!({ "current_password": current, "new_password": "mountains do not hurry" });
    let mut delayed = 0;
    for _ in 0..8 {
        let response = thief.post("/v1/auth/password/change", &change(WRONG)).await;
        delayed += usize::from(response.status == 429);
    }
    assert!(delayed >= 2, "{delayed}");
    sam.post("/v1/auth/password/change", &change(WRONG)).await.expect(401);
    sam.post("/v1/auth/password/change", &change(PASSWORD)).await.expect(204);
}
