//! Creating records in bulk, which has the same result as posting each of them.

use chrono::TimeDelta;
use mainstay_domain::{
    check_in::{CheckIn, CheckInKind},
    plan::Plan,
    record::{Draft, Incoming, Record, draft},
    support_contact::SupportContact,
    value::timestamp::Timestamp,
};
use mainstay_store::{PersonScope, StoreError, record::bulk::NewRecord};
use mainstay_tests::{TestApp, both_engines};
use serde_json::json;
use uuid::Uuid;

fn draft_of<T: Record>(app: &TestApp, body: T, n: u128) -> Draft {
    let incoming = Incoming { id: None, body, context: None };
    let id = Uuid::from_u128(n);
    draft(incoming, id, None, app.clock.now(), chrono_tz::UTC, &mut || Uuid::from_u128(1000 + n))
        .expect("a valid record")
}

fn check_in(app: &TestApp, kind: CheckInKind, n: u128) -> Draft {
    let body = CheckIn {
        kind,
        occurred_at: Timestamp::utc(app.clock.now() - TimeDelta::hours(1)),
        ..CheckIn::example()
    };
    draft_of(app, body, n)
}

fn records(scope: &PersonScope, app: &TestApp, drafts: impl IntoIterator<Item = Draft>) -> Vec<NewRecord> {
    let at = app.clock.micros();
    let records = drafts.into_iter().map(|draft| NewRecord { scope: scope.clone(), draft, at });
    records.collect()
}

both_engines!(
    records_created_in_bulk_are_listed_replayed_and_synced_in_order,
    a_plan_may_refer_to_a_contact_of_the_same_call_and_its_items_may_be_referred_to,
    one_record_that_cannot_be_stored_stops_the_whole_call,
);

async fn records_created_in_bulk_are_listed_replayed_and_synced_in_order(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let (sams, kims) = (app.scope(&sam).await, app.scope(&kim).await);
    // More than fit in one statement, of two people alternately.
    let mut new = Vec::new();
    for n in 1..=600 {
        new.extend(records(&sams, app, [check_in(app, CheckInKind::Momentary, n)]));
        new.extend(records(&kims, app, [check_in(app, CheckInKind::Momentary, 10_000 + n)]));
    }
    app.state().store.create_in_bulk(new).await.expect("the records are stored");

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
    let next_record = sam
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
    assert_eq!(last.body["changes"][0]["id"], next_record.body["id"], "it has the next number");
    assert_eq!(kim.get("/v1/check-ins?limit=1").await.expect(200).items().len(), 1);
}

async fn a_plan_may_refer_to_a_contact_of_the_same_call_and_its_items_may_be_referred_to(app: &TestApp) {
    let sam = app.person().await;
    let sams = app.scope(&sam).await;
    let contact = draft_of(app, SupportContact::example(), 1);
    let mut plan = Plan::example();
    plan.content.contact_ids = mainstay_domain::value::list::Ids::of([contact.id]);
    let trigger = plan.content.triggers.first().and_then(|t| t.id).expect("an id");
    let new = records(&sams, app, [contact, draft_of(app, plan, 2)]);
    app.state().store.create_in_bulk(new).await.expect("the records are stored");
    sam.post("/v1/check-ins", &json!({
        "kind": "momentary", "occurred_at": "2026-03-01T21:30:00Z", "answers": { "craving": 3 }, "trigger_ids": [trigger],
    })).await.expect(201);
}

async fn one_record_that_cannot_be_stored_stops_the_whole_call(app: &TestApp) {
    let sam = app.person().await;
    let sams = app.scope(&sam).await;
    let same_slot = [1, 2].map(|n| check_in(app, CheckInKind::Evening, n));
    let outcome = app.state().store.create_in_bulk(records(&sams, app, same_slot)).await;
    assert!(outcome.is_err(), "the second needs the slot of the first");
    let mut invalid_plan = Plan::example();
    invalid_plan.content.contact_ids = mainstay_domain::value::list::Ids::of([Uuid::from_u128(99)]);
    let new = records(&sams, app, [check_in(app, CheckInKind::Momentary, 3), draft_of(app, invalid_plan, 4)]);
    let outcome = app.state().store.create_in_bulk(new).await;
    assert!(matches!(outcome, Err(StoreError::Findings(_))));
    assert_eq!(sam.get("/v1/check-ins").await.expect(200).items().len(), 0);
}
