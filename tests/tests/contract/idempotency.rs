//! The Idempotency-Key: a request that is sent again gets its first answer again.

use chrono::TimeDelta;
use mainstay_tests::{Answer, Client, TestApp, app::PASSWORD, both_engines};
use serde_json::{Value, json};

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    client.send("POST", path, &[("idempotency-key", key)], Some(body.to_string().into_bytes())).await
}

async fn sign_out(client: &Client, key: &str) -> Answer {
    client.send("POST", "/v1/auth/logout", &[("idempotency-key", key)], None).await
}

fn note(text: &str) -> Value {
    json!({ "kind": "momentary", "occurred_at": "2026-03-01T12:00:00Z", "answers": { "craving": 3 }, "note": text })
}

/// What must be the same: everything but the id of the request and the date.
fn essence(answer: &Answer) -> (u16, String, String, String, String) {
    let header = |name| answer.header(name);
    (answer.status, answer.text.clone(), header("etag"), header("location"), header("content-type"))
}

both_engines!(
    a_record_without_an_id_is_stored_once,
    what_did_not_succeed_may_be_tried_again,
    many_at_once_are_one,
    events_keep_the_help_of_the_first_answer,
    activating_and_syncing_are_done_once,
    registering_and_signing_in_survive_a_lost_answer,
    a_named_refresh_gets_its_answer_again_until_someone_goes_on_from_it,
    signing_out_may_be_sent_again,
    two_people_may_call_their_requests_the_same,
    a_key_is_forgotten_after_a_day,
);

async fn a_record_without_an_id_is_stored_once(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let first = post(&sam, "/v1/check-ins", "key-1", &note("one")).await.expect(201);
    let path = first.header("location");
    sam.put(&path, 1, &note("edited")).await.expect(200);
    let again = post(&sam, "/v1/check-ins", "key-1", &note("one")).await;
    assert_eq!(essence(&again), essence(&first), "exactly the first answer, whatever came later");
    assert_eq!(
        post(&sam, "/v1/check-ins", "key-1", &note("two")).await.expect(422).problem(),
        "idempotency-key-reused"
    );
    assert_eq!(
        post(
            &sam,
            "/v1/goals",
            "key-1",
            &json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-01-15" })
        )
        .await
        .expect(422)
        .problem(),
        "idempotency-key-reused"
    );
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
    // A key belongs to its person.
    let other = post(&kim, "/v1/check-ins", "key-1", &note("one")).await.expect(201);
    assert_ne!(other.id(), first.id());
    post(&sam, "/v1/check-ins", "key-2", &note("one")).await.expect(201);
}

async fn what_did_not_succeed_may_be_tried_again(app: &TestApp) {
    let sam = app.person().await;
    post(&sam, "/v1/check-ins", "key", &json!({})).await.expect(422);
    post(&sam, "/v1/check-ins", "key", &note("one")).await.expect(201);
    for wrong in ["", &"x".repeat(256)] {
        post(&sam, "/v1/check-ins", wrong, &note("one")).await.expect(400);
    }
}

async fn many_at_once_are_one(app: &TestApp) {
    let sam = app.person().await;
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let sam = sam.clone();
        posts.spawn(
            async move { essence(&post(&sam, "/v1/check-ins", "key", &note("one")).await.expect(201)) },
        );
    }
    let mut answers = posts.join_all().await;
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
}

async fn events_keep_the_help_of_the_first_answer(app: &TestApp) {
    let sam = app.person().await;
    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] });
    let first = post(&sam, "/v1/craving-events", "key", &craving).await.expect(201);
    assert!(first.body["support"]["helplines"].as_array().is_some_and(|h| !h.is_empty()));
    sam.post(
        "/v1/support-contacts",
        &json!({ "name": "Robin", "relationship": "friend", "phone": "+12025550143" }),
    )
    .await
    .expect(201);
    assert_eq!(essence(&post(&sam, "/v1/craving-events", "key", &craving).await), essence(&first));
    assert_eq!(sam.get("/v1/craving-events").await.items().len(), 1);
}

async fn activating_and_syncing_are_done_once(app: &TestApp) {
    let sam = app.person().await;
    let plan = json!({ "kind": "relapse_prevention", "title": "Mine", "content": {
        "triggers": [{ "label": "Payday", "kind": "external" }], "strategies": [{ "label": "Walk", "category": "exercise" }] } });
    let path = format!("{}/activate", sam.post("/v1/plans", &plan).await.expect(201).header("location"));
    let activate = || sam.send("POST", &path, &[("idempotency-key", "key")], None);
    let first = activate().await.expect(200);
    assert_eq!(essence(&activate().await), essence(&first));
    let batch = json!({ "changes": [{ "kind": "check-ins", "op": "upsert", "id": "01950000-0000-7000-8000-000000000001", "record": note("one") }] });
    let first = post(&sam, "/v1/sync", "sync-key", &batch).await.expect(200);
    assert_eq!(first.body["results"][0]["status"], "applied");
    assert_eq!(essence(&post(&sam, "/v1/sync", "sync-key", &batch).await), essence(&first));
}

async fn registering_and_signing_in_survive_a_lost_answer(app: &TestApp) {
    let client = app.client();
    let registration = json!({ "email": "sam@example.org", "password": PASSWORD, "time_zone": "UTC" });
    let first = post(&client, "/v1/auth/register", "key", &registration).await.expect(201);
    assert_eq!(essence(&post(&client, "/v1/auth/register", "key", &registration).await), essence(&first));
    let token = first.body["tokens"]["access_token"].as_str().expect("a token");
    assert_eq!(client.with_token(token).get("/v1/me").await.expect(200).body, first.body["account"]);
    // The key opens nothing without the very same request.
    let mut guess = registration.clone();
    guess["password"] = json!("mountains do not hurry");
    assert_eq!(
        post(&client, "/v1/auth/register", "key", &guess).await.expect(422).problem(),
        "idempotency-key-reused"
    );
    let login = json!({ "email": "sam@example.org", "password": PASSWORD });
    let signed_in = post(&client, "/v1/auth/login", "login-key", &login).await.expect(200);
    assert_eq!(essence(&post(&client, "/v1/auth/login", "login-key", &login).await), essence(&signed_in));
    let sam = client.with_token(token);
    assert_eq!(sam.get("/v1/auth/sessions").await.items().len(), 2);
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    for _ in 0..2 {
        post(&sam, "/v1/auth/password/change", "change-key", &change).await.expect(204);
    }
}

async fn a_named_refresh_gets_its_answer_again_until_someone_goes_on_from_it(app: &TestApp) {
    let (sam, client) = (app.person().await, app.client());
    let body = json!({ "refresh_token": sam.tokens["refresh_token"] });
    let first = post(&client, "/v1/auth/refresh", "key", &body).await.expect(200);
    // Long after the 30 seconds in which every retry is taken: a tunnel, say.
    app.clock.advance(TimeDelta::hours(2));
    assert_eq!(essence(&post(&client, "/v1/auth/refresh", "key", &body).await), essence(&first));
    let next = json!({ "refresh_token": first.body["tokens"]["refresh_token"] });
    assert_eq!(
        post(&client, "/v1/auth/refresh", "key", &next).await.expect(422).problem(),
        "idempotency-key-reused"
    );
    post(&client, "/v1/auth/refresh", "next-key", &next).await.expect(200);
    // The new token was used: whoever still has the old one is not to go on.
    assert_eq!(
        post(&client, "/v1/auth/refresh", "key", &body).await.expect(401).problem(),
        "invalid-refresh-token"
    );
    assert_eq!(
        post(&client, "/v1/auth/refresh", "next-key", &next).await.expect(401).problem(),
        "invalid-refresh-token"
    );
}

async fn signing_out_may_be_sent_again(app: &TestApp) {
    let sam = app.person().await;
    let tablet = sam.another_device().await;
    let first = sign_out(&sam, "key").await.expect(204);
    assert_eq!(essence(&sign_out(&sam, "key").await), essence(&first));
    sign_out(&sam, "another").await.expect(401);
    sam.get("/v1/me").await.expect(401);
    // A name belongs to its session.
    tablet.get("/v1/me").await.expect(200);
    sign_out(&tablet, "key").await.expect(204);
    tablet.get("/v1/me").await.expect(401);
}

async fn two_people_may_call_their_requests_the_same(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    for person in [&sam, &kim] {
        post(person, "/v1/auth/password/change", "key", &change).await.expect(204);
    }
    let wrong = json!({ "current_password": PASSWORD, "new_password": "rivers do not hurry" });
    assert_eq!(
        post(&kim, "/v1/auth/password/change", "key", &wrong).await.expect(422).problem(),
        "idempotency-key-reused"
    );
    post(&kim, "/v1/auth/password/change", "other", &wrong).await.expect(401);
}

async fn a_key_is_forgotten_after_a_day(app: &TestApp) {
    let sam = app.person().await;
    post(&sam, "/v1/check-ins", "key", &note("one")).await.expect(201);
    let store = &app.state().store;
    app.clock.advance(TimeDelta::hours(24));
    assert_eq!(
        store
            .sweep_stored_responses(app.clock.micros() - 86_400_000_000 + 60_000_000)
            .await
            .expect("it sweeps"),
        1
    );
    let sam = sam.another_device().await;
    post(&sam, "/v1/check-ins", "key", &note("two")).await.expect(201);
}
