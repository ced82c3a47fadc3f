//! Records that are made in bulk stand as if each had been posted.

use chrono::TimeDelta;
use mainstay_domain::{
    check_in::{CheckIn, CheckInKind},
    plan::Plan,
    record::{Draft, Incoming, Record, draft},
    support_contact::SupportContact,
    value::timestamp::Timestamp,
};
use mainstay_store::{PersonScope, StoreError, record::bulk::NewRecord};
use mainstay_tests::{Person, TestApp, both_engines};
use serde_json::json;
use uuid::Uuid;

async fn scope(app: &TestApp, person: &Person) -> PersonScope {
    let state = app.state();
    let token = person.tokens["access_token"].as_str().expect("a token");
    let claims = state.tokens.verify(token, app.clock.now()).expect("it is good");
    let principal = state.store.principal(claims.sub, claims.sid, 0).await;
    principal.expect("the store answers").expect("it lives").scope
}

fn made<T: Record>(app: &TestApp, body: T, n: u128) -> Draft {
    let incoming = Incoming { id: None, body, basis: None };
    let id = Uuid::from_u128(n);
    draft(incoming, id, None, app.clock.now(), &mut || Uuid::from_u128(1000 + n)).expect("it is valid")
}

fn check_in(app: &TestApp, kind: CheckInKind, n: u128) -> Draft {
    let body = CheckIn {
        kind,
        occurred_at: Timestamp::utc(app.clock.now() - TimeDelta::hours(1)),
        ..CheckIn::example()
    };
    made(app, body, n)
}

fn records(scope: &PersonScope, app: &TestApp, drafts: impl IntoIterator<Item = Draft>) -> Vec<NewRecord> {
    let at = app.clock.micros();
    let new = drafts.into_iter().map(|draft| NewRecord { scope: scope.clone(), draft, at });
    new.collect()
}

both_engines!(
    what_is_made_in_bulk_is_listed_replayed_and_synced_in_its_order,
    a_plan_may_refer_to_a_contact_of_the_same_call_and_its_items_are_known,
    one_that_cannot_be_stored_leaves_none,
);

async fn what_is_made_in_bulk_is_listed_replayed_and_synced_in_its_order(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let (sams, kims) = (scope(app, &sam).await, scope(app, &kim).await);
    // More than one statement takes, of two people in turns.
    let mut new = Vec::new();
    for n in 1..=600 {
        new.extend(records(&sams, app, [check_in(app, CheckInKind::Momentary, n)]));
        new.extend(records(&kims, app, [check_in(app, CheckInKind::Momentary, 10_000 + n)]));
    }
    app.state().store.create_in_bulk(new).await.expect("they are stored");

    let pulled = sam.post("/v1/sync", &json!({ "limit": 500 })).await.expect(200);
    let ids: Vec<Uuid> = pulled.body["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| change["id"].as_str().expect("an id").parse().expect("an id"))
        .collect();
    assert_eq!(ids, (1..=500).map(Uuid::from_u128).collect::<Vec<_>>());
    assert_eq!(pulled.body["has_more"], true);

    let first = sam.get(&format!("/v1/check-ins/{}", Uuid::from_u128(1))).await.expect(200);
    sam.post("/v1/check-ins", &first.body).await.expect(200);
    let next = sam
        .post(
            "/v1/check-ins",
            &json!({
                "kind": "momentary", "occurred_at": "2026-03-01T21:30:00Z", "answers": { "craving": 3 },
            }),
        )
        .await
        .expect(201);
    let cursor =
        sam.post("/v1/sync", &json!({ "limit": 100, "cursor": pulled.body["cursor"] })).await.expect(200);
    let last = sam.post("/v1/sync", &json!({ "cursor": cursor.body["cursor"] })).await.expect(200);
    assert_eq!(last.body["changes"][0]["id"], next.body["id"], "the next number is free");
    assert_eq!(kim.get("/v1/check-ins?limit=1").await.expect(200).items().len(), 1);
}

async fn a_plan_may_refer_to_a_contact_of_the_same_call_and_its_items_are_known(app: &TestApp) {
    let sam = app.person().await;
    let sams = scope(app, &sam).await;
    let contact = made(app, SupportContact::example(), 1);
    let mut plan = Plan::example();
    plan.content.contact_ids = mainstay_domain::value::list::Ids::of([contact.id]);
    let trigger = plan.content.triggers.first().and_then(|t| t.id).expect("an id");
    let new = records(&sams, app, [contact, made(app, plan, 2)]);
    app.state().store.create_in_bulk(new).await.expect("they are stored");
    sam.post("/v1/check-ins", &json!({
        "kind": "momentary", "occurred_at": "2026-03-01T21:30:00Z", "answers": { "craving": 3 }, "trigger_ids": [trigger],
    })).await.expect(201);
}

async fn one_that_cannot_be_stored_leaves_none(app: &TestApp) {
    let sam = app.person().await;
    let sams = scope(app, &sam).await;
    let twice = [1, 2].map(|n| check_in(app, CheckInKind::Evening, n));
    let outcome = app.state().store.create_in_bulk(records(&sams, app, twice)).await;
    assert!(outcome.is_err(), "the second takes the slot of the first");
    let mut astray = Plan::example();
    astray.content.contact_ids = mainstay_domain::value::list::Ids::of([Uuid::from_u128(99)]);
    let new = records(&sams, app, [check_in(app, CheckInKind::Momentary, 3), made(app, astray, 4)]);
    let outcome = app.state().store.create_in_bulk(new).await;
    assert!(matches!(outcome, Err(StoreError::Findings(_))));
    assert_eq!(sam.get("/v1/check-ins").await.expect(200).items().len(), 0);
}
