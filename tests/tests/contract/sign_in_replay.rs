//! A sign-in or registration that is sent again with its `Idempotency-Key` never gives tokens that are of no use.

use std::collections::BTreeSet;

use mainstay_tests::{Client, Engine, PASSWORD, Person, Response, TestApp, both_engines};
use serde_json::{Value, json};
use tokio::task::JoinSet;

both_engines!(
    a_sign_in_is_replayed_as_long_as_its_tokens_are_of_use,
    after_a_new_password_a_replayed_sign_in_is_refused,
    after_signing_out_a_replayed_sign_in_starts_a_session_and_is_replayed_itself,
    a_replayed_sign_in_gives_no_refresh_token_that_was_used,
    a_replayed_registration_gives_no_tokens_of_an_ended_session,
);

const LOGIN: &str = "/v1/auth/login";
const REGISTER: &str = "/v1/auth/register";
const NEW_PASSWORD: &str = "mountains do not hurry";

fn login(person: &Person) -> Value {
    json!({ "email": person.email, "password": PASSWORD })
}

fn client_of(client: &Client, response: &Response) -> Client {
    client.with_token(response.body["tokens"]["access_token"].as_str().expect("a token"))
}

fn session_of(response: &Response) -> &str {
    response.body["tokens"]["session_id"].as_str().expect("an id")
}

/// Whether both tokens of a response are good.
async fn has_good_tokens(client: &Client, response: &Response) -> bool {
    let access = client_of(client, response).get("/v1/me").await.status;
    let refresh = json!({ "refresh_token": response.body["tokens"]["refresh_token"] });
    access == 200 && client.post("/v1/auth/refresh", &refresh).await.status == 200
}

async fn a_sign_in_is_replayed_as_long_as_its_tokens_are_of_use(app: &TestApp) {
    let (sam, client) = (app.person().await, app.client());
    let first = client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(200);
    for _ in 0..3 {
        let again = client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(200);
        assert_eq!(again.text, first.text);
    }
    assert!(has_good_tokens(&client, &first).await);
}

async fn after_a_new_password_a_replayed_sign_in_is_refused(app: &TestApp) {
    let (sam, client) = (app.person().await, app.client());
    client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(200);
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    sam.post("/v1/auth/password/change", &change).await.expect(204);
    for _ in 0..2 {
        let again = client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(401);
        assert_eq!(again.problem(), "invalid-credentials");
    }
    // The first response is gone with its session, and the key with it.
    let other = json!({ "email": sam.email, "password": NEW_PASSWORD });
    let signed_in = client.post_with_key(LOGIN, "key", &other).await.expect(200);
    assert!(has_good_tokens(&client, &signed_in).await);
}

async fn after_signing_out_a_replayed_sign_in_starts_a_session_and_is_replayed_itself(app: &TestApp) {
    let (sam, client) = (app.person().await, app.client());
    let first = client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(200);
    client_of(&client, &first).post_empty("/v1/auth/logout").await.expect(204);
    let second = client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(200);
    assert_ne!(session_of(&second), session_of(&first));
    let again = client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(200);
    assert_eq!(again.text, second.text);
    assert!(has_good_tokens(&client, &again).await);
}

async fn a_replayed_sign_in_gives_no_refresh_token_that_was_used(app: &TestApp) {
    let (sam, client) = (app.person().await, app.client());
    let first = client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(200);
    let refresh = json!({ "refresh_token": first.body["tokens"]["refresh_token"] });
    let refreshed = client.post("/v1/auth/refresh", &refresh).await.expect(200);
    let second = client.post_with_key(LOGIN, "key", &login(&sam)).await.expect(200);
    assert_ne!(session_of(&second), session_of(&first));
    assert!(has_good_tokens(&client, &second).await);
    assert!(has_good_tokens(&client, &refreshed).await, "the first session goes on");
}

async fn a_replayed_registration_gives_no_tokens_of_an_ended_session(app: &TestApp) {
    let client = app.client();
    let body = json!({ "email": "sam@example.org", "password": PASSWORD, "time_zone": "UTC" });
    let first = client.post_with_key(REGISTER, "key", &body).await.expect(201);
    let again = client.post_with_key(REGISTER, "key", &body).await.expect(201);
    assert_eq!(again.text, first.text);
    client_of(&client, &first).post_empty("/v1/auth/logout").await.expect(204);
    let again = client.post_with_key(REGISTER, "key", &body).await.expect(409);
    assert_eq!(again.problem(), "email-taken");
}

#[tokio::test]
async fn on_two_servers_replays_at_once_of_an_ended_session_have_one_response() {
    let app = TestApp::start(Engine::Postgres).await;
    let second = app.second_server().await;
    let (sam, clients) = (app.person().await, [app.client(), second.client.clone()]);
    for round in 0..4 {
        let key = format!("key {round}");
        let first = clients[0].post_with_key(LOGIN, &key, &login(&sam)).await.expect(200);
        client_of(&clients[0], &first).post_empty("/v1/auth/logout").await.expect(204);
        let mut replays = JoinSet::new();
        for n in 0..6 {
            let (client, key, body) = (clients[n % 2].clone(), key.clone(), login(&sam));
            replays.spawn(async move { client.post_with_key(LOGIN, &key, &body).await });
        }
        let replays = replays.join_all().await;
        assert!(replays.iter().all(|replay| replay.status == 200), "{:?}", replays[0].text);
        let different: BTreeSet<&str> = replays.iter().map(|replay| replay.text.as_str()).collect();
        assert_eq!(different.len(), 1);
        assert_ne!(session_of(&replays[0]), session_of(&first));
    }
}
