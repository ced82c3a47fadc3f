//! Pulls of sync: what they bring, and when their cursors expire.

use mainstay_api::server::push_turns::CONCURRENT_PUSHES;
use mainstay_domain::record::Kind;
use mainstay_tests::{
    Engine, TestApp, both_engines,
    samples::{check_in, check_in_with_id, delete, sample_id, upsert},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sync::{pull, push};

both_engines!(
    a_pull_brings_each_record_once_and_deletions_as_tombstones,
    cursors_belong_to_one_person_and_expire_with_the_tombstones_after_them,
    a_push_without_a_permit_gets_503_and_a_pull_needs_no_permit,
    every_collection_travels_by_sync,
);

async fn a_pull_brings_each_record_once_and_deletions_as_tombstones(app: &TestApp) {
    let sam = app.person().await;
    for n in 0..7 {
        sam.post("/v1/check-ins", &check_in_with_id(n, "x")).await.expect(201);
    }
    let (mut cursor, mut seen) = (Value::Null, Vec::new());
    loop {
        let page = pull(&sam, &cursor, 3).await.expect(200);
        seen.extend(page.body["changes"].as_array().expect("changes").iter().map(|c| c["id"].clone()));
        cursor = page.body["cursor"].clone();
        if page.body["has_more"] == false {
            break;
        }
    }
    assert_eq!(json!(seen), json!((0..7).map(sample_id).collect::<Vec<_>>()));
    let path = |n: u128| format!("/v1/check-ins/{}", sample_id(n));
    sam.put(&path(2), 1, &check_in("edited")).await.expect(200);
    sam.delete(&path(5), 1).await.expect(204);
    let lapse = json!({ "id": sample_id(20), "substance": "alcohol", "occurred_at": "2026-03-01T13:00:00Z" });
    let lapse = sam.post("/v1/use-events", &lapse).await.expect(201).header("location");
    sam.delete(&lapse, 1).await.expect(204);
    let page = pull(&sam, &cursor, 200).await.expect(200);
    let changes = page.body["changes"].as_array().expect("changes");
    let view: Vec<_> = changes
        .iter()
        .map(|c| (c["id"].clone(), c["version"].as_i64(), c["deleted"].as_bool(), c.get("record").is_some()))
        .collect();
    assert_eq!(
        view,
        [
            (json!(sample_id(2)), Some(2), Some(false), true),
            (json!(sample_id(5)), Some(2), Some(true), false),
            (json!(sample_id(20)), Some(2), Some(true), true),
        ]
    );
    assert_eq!(changes[0]["record"], sam.get(&path(2)).await.body);
    assert_eq!(changes[2]["record"]["entered_in_error"], true);
    let nothing = pull(&sam, &page.body["cursor"], 200).await.expect(200);
    assert_eq!(
        (&nothing.body["changes"], &nothing.body["has_more"], &nothing.body["cursor"]),
        (&json!([]), &json!(false), &page.body["cursor"])
    );
}

async fn cursors_belong_to_one_person_and_expire_with_the_tombstones_after_them(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    push(
        &sam,
        &[upsert("check-ins", 1, None, check_in("one")), upsert("check-ins", 2, None, check_in("two"))],
    )
    .await;
    let before = pull(&sam, &Value::Null, 200).await.expect(200).body["cursor"].clone();
    push(&sam, &[delete("check-ins", 1, 1)]).await;
    let after = pull(&sam, &before, 200).await.expect(200).body["cursor"].clone();
    for wrong in [&before, &json!("AAAA"), &json!("x y")] {
        assert_eq!(pull(&kim, wrong, 10).await.expect(422).pointers(), ["/cursor"]);
    }
    // As if the tombstone were older than 180 days.
    let store = &app.state().store;
    assert_eq!(store.sweep_tombstones(app.clock.micros() + 1_000_000).await.expect("the sweep runs"), 1);
    assert_eq!(pull(&sam, &before, 200).await.expect(410).problem(), "cursor-expired");
    pull(&sam, &after, 200).await.expect(200);
    let fresh = pull(&sam, &Value::Null, 200).await.expect(200);
    assert_eq!(fresh.body["changes"].as_array().map(Vec::len), Some(1));
    assert_eq!(store.sweep_tombstones(app.clock.micros() + 1_000_000).await.expect("the sweep runs"), 0);
    // The deletion had the highest change number, which is not used again: a device with that cursor pulls the next
    // change.
    push(&sam, &[upsert("check-ins", 3, None, check_in("three"))]).await;
    let next = pull(&sam, &after, 200).await.expect(200);
    assert_eq!(next.body["changes"].as_array().map(Vec::len), Some(1));
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 2);
}

async fn a_push_without_a_permit_gets_503_and_a_pull_needs_no_permit(app: &TestApp) {
    let sam = app.person().await;
    let all_turns = async || {
        let mut held = Vec::new();
        for n in 0..CONCURRENT_PUSHES {
            held.push(app.state().pushes.wait(Uuid::from_u128(n as u128)).await.expect("nobody pushes"));
        }
        held
    };
    let held = all_turns().await;
    let changes = json!({ "cursor": null, "changes": [upsert("check-ins", 1, None, check_in("one"))] });
    let refused = sam.post("/v1/sync", &changes).await.expect(503);
    assert!(matches!(refused.header("retry-after").as_str(), "1" | "2" | "3"));
    assert_eq!(pull(&sam, &Value::Null, 10).await.expect(200).body["changes"], json!([]));
    drop(held);
    assert_eq!(sam.post("/v1/sync", &changes).await.expect(200).body["results"][0]["status"], "applied");
    // Every turn is returned.
    all_turns().await;
}

/// Only on PostgreSQL, where the test can write to the database beside the server. Both engines store the epoch alike.
#[tokio::test]
async fn cursors_from_before_a_restore_are_expired() {
    let app = TestApp::start(Engine::Postgres).await;
    let sam = app.person().await;
    push(&sam, &[upsert("check-ins", 1, None, check_in("one"))]).await;
    let all = pull(&sam, &Value::Null, 200).await.expect(200).body;
    // A restore begins a new epoch for everyone.
    app.database.sql("update people set epoch = epoch + 1");
    assert_eq!(pull(&sam, &all["cursor"], 200).await.expect(410).problem(), "cursor-expired");
    let batch =
        json!({ "cursor": all["cursor"], "changes": [upsert("check-ins", 2, None, check_in("two"))] });
    assert_eq!(sam.post("/v1/sync", &batch).await.expect(410).problem(), "cursor-expired");
    let again = pull(&sam, &Value::Null, 200).await.expect(200).body;
    assert_eq!(
        again["changes"], all["changes"],
        "nothing was lost, and nothing of the refused batch was stored"
    );
    assert_ne!(again["cursor"], all["cursor"]);
    pull(&sam, &again["cursor"], 200).await.expect(200);
}

async fn every_collection_travels_by_sync(app: &TestApp) {
    let sam = app.person().await;
    let document = app.document().await;
    let example = |kind: &Kind| {
        let operation = &document["paths"][format!("/v1/{}", kind.path())]["post"];
        let record =
            operation["requestBody"]["content"]["application/json"]["examples"]["example"]["value"].clone();
        // The example of a dose names this medication.
        let id = match kind {
            Kind::Medication => Uuid::from_u128(0x0195_e4c2_6d1f_7c33_8a55_0d9f_3c1b_2a47),
            other => sample_id(other.code().unsigned_abs().into()),
        };
        record.is_object().then(|| json!({ "kind": kind.path(), "op": "upsert", "id": id, "record": record }))
    };
    // Reviews have no collection of their own.
    let changes: Vec<Value> = Kind::ALL.iter().rev().filter_map(example).collect();
    assert_eq!(changes.len(), Kind::ALL.len() - 1);
    // In any order: a dose may come before its medication.
    let results = push(&sam, &changes).await;
    assert!(results.iter().all(|r| r["status"] == "applied"), "{results:?}");
    let pulled = pull(&sam, &Value::Null, 200).await.expect(200);
    let pulled_changes = pulled.body["changes"].as_array().expect("changes");
    for change in &changes {
        let found = pulled_changes
            .iter()
            .find(|c| c["kind"] == change["kind"])
            .unwrap_or_else(|| panic!("no {}", change["kind"]));
        let one = sam
            .get(&format!(
                "/v1/{}/{}",
                change["kind"].as_str().expect("a kind"),
                change["id"].as_str().expect("an id")
            ))
            .await;
        assert_eq!(found["record"], one.expect(200).body);
    }
    assert!(push(&sam, &changes).await.iter().all(|r| r["status"] == "replayed"));
}
