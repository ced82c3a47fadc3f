//! A request that is sent again with its Idempotency-Key gets its first response, even if its body has become invalid.

use chrono::TimeDelta;
use mainstay_domain::record::{Incoming, draft};
use mainstay_domain::support_contact::SupportContact;
use mainstay_store::PersonScope;
use mainstay_tests::{Client, Person, Response, TestApp, both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

both_engines!(
    a_retry_whose_body_has_become_invalid_gets_the_first_response,
    help_that_cannot_be_built_does_not_stop_an_event_with_a_key,
);

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Response {
    let headers = [("idempotency-key", key)];
    client.send("POST", path, &headers, Some(body.to_string().into_bytes())).await
}

/// Each of these is valid while the clock says what it says now, and invalid six minutes earlier.
fn requests(app: &TestApp) -> Vec<(&'static str, Value)> {
    let now = app.clock.now().to_rfc3339();
    vec![
        ("/v1/check-ins", json!({ "kind": "momentary", "occurred_at": now, "answers": { "craving": 3 } })),
        ("/v1/craving-events", json!({ "occurred_at": now, "ratings": [{ "offset_s": 0, "value": 7 }] })),
        ("/v1/journal", json!({ "occurred_at": now, "text": "Slow day." })),
    ]
}

async fn a_retry_whose_body_has_become_invalid_gets_the_first_response(app: &TestApp) {
    let sam = app.person().await;
    app.clock.advance(TimeDelta::minutes(6));
    let requests = requests(app);
    let mut first = Vec::new();
    for (path, body) in &requests {
        first.push(post(&sam.client, path, path, body).await.expect(201));
    }
    // The clock is corrected: the bodies are in the future now.
    app.clock.advance(TimeDelta::minutes(-6));
    for ((path, body), first) in requests.iter().zip(&first) {
        let retry = post(&sam.client, path, path, body).await.expect(201);
        assert_eq!(
            (&retry.text, retry.header("etag"), retry.header("location")),
            (&first.text, first.header("etag"), first.header("location"))
        );
        assert_eq!(post(&sam.client, path, "another", body).await.expect(422).problem(), "validation");
        let other = post(&sam.client, path, path, &json!({})).await.expect(422);
        assert_eq!(other.problem(), "idempotency-key-reused");
        assert_eq!(sam.get(path).await.items().len(), 1);
    }
}

async fn scope(app: &TestApp, person: &Person) -> (PersonScope, Uuid) {
    let state = app.state();
    let token = person.tokens["access_token"].as_str().expect("a token");
    let claims = state.tokens.verify(token, app.clock.now()).expect("it is valid");
    let principal = state.store.principal(claims.sub, claims.sid, 0).await;
    (principal.expect("the store responds").expect("it is live").scope, claims.sid)
}

async fn help_that_cannot_be_built_does_not_stop_an_event_with_a_key(app: &TestApp) {
    let sam = app.person().await;
    let contact = json!({ "name": "Robin", "relationship": "friend", "phone": "+12025550143" });
    let incoming: Incoming<SupportContact> = serde_json::from_value(contact).expect("a contact");
    let mut contact = draft(incoming, Uuid::from_u128(5), None, app.clock.now(), chrono_tz::UTC, &mut || {
        Uuid::from_u128(6)
    })
    .expect("it is valid");
    // Nothing can read this contact, so no help can be built that names it.
    contact.body = b"{}".to_vec();
    let (scope, session) = scope(app, &sam).await;
    let stored = app.state().store.create(&scope, session, app.clock.micros(), contact).await;
    stored.expect("it is stored");

    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] });
    let event = post(&sam.client, "/v1/craving-events", "key", &craving).await.expect(201);
    let helplines = event.body["support"]["helplines"].as_array();
    assert!(helplines.is_some_and(|lines| !lines.is_empty()), "{}", event.text);
    assert_eq!(sam.get("/v1/craving-events").await.items().len(), 1);
    assert_eq!(post(&sam.client, "/v1/craving-events", "key", &craving).await.expect(201).text, event.text);
}
