//! Two requests with one `Idempotency-Key` at the same time: the second one waits for the response of the first, at most
//! for two seconds, on the same server and on another one with the same database.

use std::sync::mpsc;

use mainstay_tests::{Client, Engine, PASSWORD, Person, Response, TestApp, both_engines, samples::check_in};
use serde_json::{Value, json};

/// A part of a test that holds up every writer of a person's record until it is dropped.
struct HoldUp(Option<mpsc::Sender<()>>, tokio::task::JoinHandle<()>);

impl HoldUp {
    /// Begins to hold up the writers of a person. On SQLite these are all writers.
    async fn of(app: &TestApp, person: &Person) -> Self {
        let (scope, store, now) = (app.scope(person).await, app.state().store.clone(), app.clock.micros());
        let (end, ended) = mpsc::channel::<()>();
        let (begun, beginning) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let held = store.write(&scope, uuid::Uuid::nil(), now, move |writer| {
                writer.lock()?;
                let _ = begun.send(());
                // An error means that the sender is gone.
                let _ = ended.recv();
                Ok(())
            });
            held.await.expect("nothing fails");
        });
        beginning.await.expect("it begins");
        Self(Some(end), task)
    }

    async fn end(mut self) {
        drop(self.0.take());
        self.1.await.expect("no panic");
    }
}

/// The parts of a response that a replay must repeat.
fn replayed_parts(response: &Response) -> (u16, String, String, String) {
    (response.status, response.text.clone(), response.header("etag"), response.header("location"))
}

fn registration() -> Value {
    json!({ "email": "sam@example.org", "password": PASSWORD, "time_zone": "UTC" })
}

/// Sends a request twice at the same time, to one or two servers. Both must get the same response, which is returned.
async fn twice(clients: [&Client; 2], path: &str, key: &str, body: &Value) -> Response {
    let [one, other] = clients.map(|client| client.post_with_key(path, key, body));
    let (one, other) = tokio::join!(one, other);
    assert_eq!(replayed_parts(&one), replayed_parts(&other), "{path}");
    one
}

both_engines!(
    every_request_that_is_sent_twice_at_once_has_one_response,
    a_request_waits_two_seconds_for_a_slow_one_with_its_key,
    a_request_waits_no_longer_than_the_one_before_it_needs,
    after_a_request_that_failed_the_next_one_is_carried_out,
);

async fn every_request_that_is_sent_twice_at_once_has_one_response(app: &TestApp) {
    let client = app.client();
    all_requests([&client, &client]).await;
}

#[tokio::test]
async fn two_servers_with_one_database_give_one_response() {
    let app = TestApp::start(Engine::Postgres).await;
    let (client, second) = (app.client(), app.second_server().await);
    all_requests([&client, &second.client]).await;
    all_requests([&second.client, &client]).await;
}

/// Sends each kind of request with a key twice at once.
async fn all_requests(clients: [&Client; 2]) {
    let address = format!("{}@example.org", uuid::Uuid::from_u128(mainstay_tests::database::rand()).simple());
    let mut registration = registration();
    registration["email"] = json!(address);
    let key = |name: &str| format!("{name} {address}");
    let registered = twice(clients, "/v1/auth/register", &key("register"), &registration).await.expect(201);
    let login = json!({ "email": address, "password": PASSWORD });
    let signed_in = twice(clients, "/v1/auth/login", &key("login"), &login).await.expect(200);
    let refresh = json!({ "refresh_token": registered.body["tokens"]["refresh_token"] });
    let refreshed = twice(clients, "/v1/auth/refresh", &key("refresh"), &refresh).await.expect(200);
    let token =
        |response: &Response| response.body["tokens"]["access_token"].as_str().expect("a token").to_owned();
    let [one, other] = clients.map(|client| client.with_token(&token(&refreshed)));
    let people = [&one, &other];
    assert_eq!(one.get("/v1/auth/sessions").await.expect(200).items().len(), 2, "each began one session");

    let stored = twice(people, "/v1/check-ins", "check-in", &check_in("one")).await.expect(201);
    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] });
    twice(people, "/v1/craving-events", "craving", &craving).await.expect(201);
    let change = json!({ "kind": "check-ins", "op": "merge", "id": stored.id(), "base_version": 1, "record": { "note": "two" } });
    let pushed = twice(people, "/v1/sync", "sync", &json!({ "changes": [change] })).await.expect(200);
    assert_eq!(pushed.body["results"][0]["status"], "applied");
    for list in ["/v1/check-ins", "/v1/craving-events"] {
        assert_eq!(one.get(list).await.expect(200).items().len(), 1, "{list}");
    }
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    twice(people, "/v1/auth/password/change", "password", &change).await.expect(204);
    assert_eq!(one.get("/v1/auth/sessions").await.expect(200).items().len(), 1);
    clients[0].with_token(&token(&signed_in)).get("/v1/me").await.expect(401);
    twice(people, "/v1/auth/logout", "logout", &Value::Null).await.expect(204);
}

async fn a_request_waits_two_seconds_for_a_slow_one_with_its_key(app: &TestApp) {
    let sam = app.person().await;
    slow_request(app, &sam, &sam.client).await;
}

#[tokio::test]
async fn a_request_waits_two_seconds_for_a_slow_one_on_another_server() {
    let app = TestApp::start(Engine::Postgres).await;
    let (sam, second) = (app.person().await, app.second_server().await);
    slow_request(&app, &sam, &second.client.with_token(sam.client.token.as_deref().expect("a token"))).await;
}

async fn slow_request(app: &TestApp, sam: &Person, other: &Client) {
    let hold_up = HoldUp::of(app, sam).await;
    let send = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { client.post_with_key("/v1/check-ins", "key", &check_in("one")).await })
    };
    let started = std::time::Instant::now();
    let (mut one, mut two) = (send(&sam.client), send(other));
    // Either may come first. The other one does not wait for ever.
    let (refused, slow) = tokio::select! {
        refused = &mut one => (refused, two),
        refused = &mut two => (refused, one),
    };
    let refused = refused.expect("no panic").expect(409);
    assert_eq!(
        (refused.problem().as_str(), refused.header("retry-after").as_str()),
        ("request-in-progress", "1")
    );
    assert!(started.elapsed().as_millis() >= 1900, "{:?}", started.elapsed());
    hold_up.end().await;
    let first = slow.await.expect("no panic").expect(201);
    for client in [&sam.client, other] {
        let again = client.post_with_key("/v1/check-ins", "key", &check_in("one")).await;
        assert_eq!(replayed_parts(&again), replayed_parts(&first));
    }
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
}

async fn a_request_waits_no_longer_than_the_one_before_it_needs(app: &TestApp) {
    let sam = app.person().await;
    let hold_up = HoldUp::of(app, &sam).await;
    let send = async || sam.post_with_key("/v1/check-ins", "key", &check_in("one")).await;
    let (first, second, ()) = tokio::join!(send(), send(), async {
        // Neither has an answer while the writers are held up.
        let me = sam.get("/v1/me").await.expect(200);
        assert_eq!(me.body["version"], 1);
        hold_up.end().await;
    });
    assert_eq!(replayed_parts(&first.expect(201)), replayed_parts(&second));
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
}

async fn after_a_request_that_failed_the_next_one_is_carried_out(app: &TestApp) {
    let client = app.client();
    client.post("/v1/auth/register", &registration()).await.expect(201);
    let register = async || client.post_with_key("/v1/auth/register", "key", &registration()).await;
    let (one, other) = tokio::join!(register(), register());
    assert_eq!(one.expect(409).problem(), "email-taken");
    assert_eq!(other.expect(409).problem(), "email-taken");
    let wrong = json!({ "email": "sam@example.org", "password": "mountains do not hurry" });
    client.post_with_key("/v1/auth/login", "login", &wrong).await.expect(401);
    // Another body is another request.
    let login = json!({ "email": "sam@example.org", "password": PASSWORD });
    client.post_with_key("/v1/auth/login", "login", &login).await.expect(200);
}
