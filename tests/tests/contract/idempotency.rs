//! The `Idempotency-Key`: a request that is sent again gets the first response again.

use chrono::TimeDelta;
use mainstay_tests::{PASSWORD, Person, Response, TestApp, both_engines, samples::check_in};
use serde_json::json;

async fn sign_out(person: &Person, key: &str) -> Response {
    person.send("POST", "/v1/auth/logout", &[("idempotency-key", key)], None).await
}

/// The parts of a response that a replay must repeat: all but the request id and the date.
fn replayed_parts(response: &Response) -> (u16, String, String, String, String) {
    let header = |name| response.header(name);
    (response.status, response.text.clone(), header("etag"), header("location"), header("content-type"))
}

both_engines!(
    a_record_without_an_id_is_stored_once,
    a_request_that_failed_may_be_sent_again_with_its_key,
    parallel_requests_with_one_key_store_one_record,
    a_replay_of_an_event_has_the_help_of_the_first_response,
    activations_and_pushes_with_a_key_take_effect_once,
    registering_and_signing_in_survive_a_lost_response,
    a_refresh_with_a_key_is_replayed_until_its_new_token_is_used,
    signing_out_with_a_key_is_replayed,
    two_people_may_use_the_same_key,
    a_key_is_forgotten_after_a_day,
);

async fn a_record_without_an_id_is_stored_once(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let first = sam.post_with_key("/v1/check-ins", "key-1", &check_in("one")).await.expect(201);
    let path = first.header("location");
    sam.put(&path, 1, &check_in("edited")).await.expect(200);
    let again = sam.post_with_key("/v1/check-ins", "key-1", &check_in("one")).await;
    assert_eq!(
        replayed_parts(&again),
        replayed_parts(&first),
        "the first response, although the record was changed since"
    );
    assert_eq!(
        sam.post_with_key("/v1/check-ins", "key-1", &check_in("two")).await.expect(422).problem(),
        "idempotency-key-reused"
    );
    assert_eq!(
        sam.post_with_key(
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
    let other = kim.post_with_key("/v1/check-ins", "key-1", &check_in("one")).await.expect(201);
    assert_ne!(other.id(), first.id());
    sam.post_with_key("/v1/check-ins", "key-2", &check_in("one")).await.expect(201);
}

async fn a_request_that_failed_may_be_sent_again_with_its_key(app: &TestApp) {
    let sam = app.person().await;
    sam.post_with_key("/v1/check-ins", "key", &json!({})).await.expect(422);
    sam.post_with_key("/v1/check-ins", "key", &check_in("one")).await.expect(201);
    for wrong in ["", &"x".repeat(256)] {
        sam.post_with_key("/v1/check-ins", wrong, &check_in("one")).await.expect(400);
    }
}

async fn parallel_requests_with_one_key_store_one_record(app: &TestApp) {
    let sam = app.person().await;
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let sam = sam.clone();
        posts.spawn(async move {
            replayed_parts(&sam.post_with_key("/v1/check-ins", "key", &check_in("one")).await.expect(201))
        });
    }
    let mut responses = posts.join_all().await;
    responses.dedup();
    assert_eq!(responses.len(), 1);
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
}

async fn a_replay_of_an_event_has_the_help_of_the_first_response(app: &TestApp) {
    let sam = app.person().await;
    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] });
    let first = sam.post_with_key("/v1/craving-events", "key", &craving).await.expect(201);
    assert!(first.body["support"]["helplines"].as_array().is_some_and(|h| !h.is_empty()));
    sam.post(
        "/v1/support-contacts",
        &json!({ "name": "Robin", "relationship": "friend", "phone": "+12025550143" }),
    )
    .await
    .expect(201);
    assert_eq!(
        replayed_parts(&sam.post_with_key("/v1/craving-events", "key", &craving).await),
        replayed_parts(&first)
    );
    assert_eq!(sam.get("/v1/craving-events").await.items().len(), 1);
}

async fn activations_and_pushes_with_a_key_take_effect_once(app: &TestApp) {
    let sam = app.person().await;
    let plan = json!({ "kind": "relapse_prevention", "title": "Mine", "content": {
        "triggers": [{ "label": "Payday", "kind": "external" }], "strategies": [{ "label": "Walk", "category": "exercise" }] } });
    let path = format!("{}/activate", sam.post("/v1/plans", &plan).await.expect(201).header("location"));
    let activate = || sam.send("POST", &path, &[("idempotency-key", "key")], None);
    let first = activate().await.expect(200);
    assert_eq!(replayed_parts(&activate().await), replayed_parts(&first));
    let batch = json!({ "changes": [{ "kind": "check-ins", "op": "upsert", "id": "01950000-0000-7000-8000-000000000001", "record": check_in("one") }] });
    let first = sam.post_with_key("/v1/sync", "sync-key", &batch).await.expect(200);
    assert_eq!(first.body["results"][0]["status"], "applied");
    assert_eq!(
        replayed_parts(&sam.post_with_key("/v1/sync", "sync-key", &batch).await),
        replayed_parts(&first)
    );
}

async fn registering_and_signing_in_survive_a_lost_response(app: &TestApp) {
    let client = app.client();
    let registration = json!({ "email": "sam@example.org", "password": PASSWORD, "time_zone": "UTC" });
    let first = client.post_with_key("/v1/auth/register", "key", &registration).await.expect(201);
    assert_eq!(
        replayed_parts(&client.post_with_key("/v1/auth/register", "key", &registration).await),
        replayed_parts(&first)
    );
    let token = first.body["tokens"]["access_token"].as_str().expect("a token");
    assert_eq!(client.with_token(token).get("/v1/me").await.expect(200).body, first.body["account"]);
    // The key alone gives nothing: the request must be the same.
    let mut guess = registration.clone();
    guess["password"] = json!("mountains do not hurry");
    assert_eq!(
        client.post_with_key("/v1/auth/register", "key", &guess).await.expect(422).problem(),
        "idempotency-key-reused"
    );
    let login = json!({ "email": "sam@example.org", "password": PASSWORD });
    let signed_in = client.post_with_key("/v1/auth/login", "login-key", &login).await.expect(200);
    assert_eq!(
        replayed_parts(&client.post_with_key("/v1/auth/login", "login-key", &login).await),
        replayed_parts(&signed_in)
    );
    let sam = client.with_token(token);
    assert_eq!(sam.get("/v1/auth/sessions").await.items().len(), 2);
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    for _ in 0..2 {
        sam.post_with_key("/v1/auth/password/change", "change-key", &change).await.expect(204);
    }
}

async fn a_refresh_with_a_key_is_replayed_until_its_new_token_is_used(app: &TestApp) {
    let (sam, client) = (app.person().await, app.client());
    let body = json!({ "refresh_token": sam.tokens["refresh_token"] });
    let first = client.post_with_key("/v1/auth/refresh", "key", &body).await.expect(200);
    // Long after the 30 seconds in which a retry needs no key.
    app.clock.advance(TimeDelta::hours(2));
    assert_eq!(
        replayed_parts(&client.post_with_key("/v1/auth/refresh", "key", &body).await),
        replayed_parts(&first)
    );
    let next = json!({ "refresh_token": first.body["tokens"]["refresh_token"] });
    assert_eq!(
        client.post_with_key("/v1/auth/refresh", "key", &next).await.expect(422).problem(),
        "idempotency-key-reused"
    );
    client.post_with_key("/v1/auth/refresh", "next-key", &next).await.expect(200);
    // The new token was used, so the old one is no longer accepted.
    assert_eq!(
        client.post_with_key("/v1/auth/refresh", "key", &body).await.expect(401).problem(),
        "invalid-refresh-token"
    );
    assert_eq!(
        client.post_with_key("/v1/auth/refresh", "next-key", &next).await.expect(401).problem(),
        "invalid-refresh-token"
    );
}

async fn signing_out_with_a_key_is_replayed(app: &TestApp) {
    let sam = app.person().await;
    let tablet = sam.another_device().await;
    let first = sign_out(&sam, "key").await.expect(204);
    assert_eq!(replayed_parts(&sign_out(&sam, "key").await), replayed_parts(&first));
    sign_out(&sam, "another").await.expect(401);
    sam.get("/v1/me").await.expect(401);
    // A key belongs to its session.
    tablet.get("/v1/me").await.expect(200);
    sign_out(&tablet, "key").await.expect(204);
    tablet.get("/v1/me").await.expect(401);
}

async fn two_people_may_use_the_same_key(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    for person in [&sam, &kim] {
        person.post_with_key("/v1/auth/password/change", "key", &change).await.expect(204);
    }
    let wrong = json!({ "current_password": PASSWORD, "new_password": "rivers do not hurry" });
    assert_eq!(
        kim.post_with_key("/v1/auth/password/change", "key", &wrong).await.expect(422).problem(),
        "idempotency-key-reused"
    );
    kim.post_with_key("/v1/auth/password/change", "other", &wrong).await.expect(401);
}

async fn a_key_is_forgotten_after_a_day(app: &TestApp) {
    let sam = app.person().await;
    sam.post_with_key("/v1/check-ins", "key", &check_in("one")).await.expect(201);
    let store = &app.state().store;
    app.clock.advance(TimeDelta::hours(24));
    assert_eq!(
        store
            .sweep_stored_responses(app.clock.micros() - 86_400_000_000 + 60_000_000)
            .await
            .expect("the sweep runs"),
        1
    );
    let sam = sam.another_device().await;
    sam.post_with_key("/v1/check-ins", "key", &check_in("two")).await.expect(201);
}
