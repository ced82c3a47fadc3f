//! What stays of a deleted record: its history, unless it is purged; and its id, for ever.

use mainstay_tests::{Person, Response, TestApp, both_engines, samples::check_in};
use serde_json::json;

both_engines!(
    a_deleted_journal_entry_leaves_no_text,
    a_purge_takes_the_earlier_versions_of_any_record,
    a_use_event_that_was_marked_can_be_purged_of_its_earlier_versions,
    a_deletion_in_sync_can_purge,
    a_purge_is_true_or_false_and_for_deletions,
    a_swept_id_never_comes_back,
);

const ANY: (&str, &str) = ("if-match", "*");

async fn purge(person: &Person, path: &str) -> Response {
    person.send("DELETE", &format!("{path}?purge=true"), &[ANY], None).await
}

async fn versions(person: &Person, path: &str) -> usize {
    person.get(&format!("{path}/history")).await.expect(200).items().len()
}

async fn a_deleted_journal_entry_leaves_no_text(app: &TestApp) {
    let sam = app.person().await;
    let entry = json!({ "occurred_at": "2026-03-01T22:15:00-05:00", "text": "A slow and private day." });
    let write = async || sam.post_with_key("/v1/journal", "key", &entry).await;
    let stored = write().await.expect(201);
    assert_eq!(write().await.expect(201).text, stored.text);
    let path = stored.header("location");
    sam.patch(&path, 1, &json!({ "text": "A slow day." })).await.expect(200);
    assert_eq!(versions(&sam, &path).await, 1);
    sam.delete(&path, 2).await.expect(204);
    sam.get(&path).await.expect(404);
    assert_eq!(versions(&sam, &path).await, 0);
    // The response that was kept for the key is gone too, and the entry is not written a second time.
    let again = write().await.expect(409);
    assert_eq!(again.problem(), "id-deleted");
    assert!(!again.text.contains("private"));
    assert!(sam.get("/v1/journal").await.items().is_empty());
    let usage = app.state().store.account_quota(
        sam.account["id"].as_str().expect("an id").parse().expect("a UUID"),
        app.clock.micros(),
    );
    assert_eq!(usage.await.expect("an account").usage.bytes, 0, "what is gone takes no room");
}

async fn a_purge_takes_the_earlier_versions_of_any_record(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in("one")).await.expect(201).header("location");
    sam.patch(&path, 1, &json!({ "note": "two" })).await.expect(200);
    sam.delete(&path, 2).await.expect(204);
    assert_eq!(versions(&sam, &path).await, 2, "a deletion alone keeps the history");
    // It is deleted already, and can still be purged, but not in a version that it never had.
    sam.send("DELETE", &format!("{path}?purge=true"), &[("if-match", "\"2\"")], None).await.expect(404);
    assert_eq!(versions(&sam, &path).await, 2);
    purge(&sam, &path).await.expect(204);
    assert_eq!(versions(&sam, &path).await, 0);

    let path = sam.post("/v1/check-ins", &check_in("three")).await.expect(201).header("location");
    sam.patch(&path, 1, &json!({ "note": "four" })).await.expect(200);
    purge(&sam, &path).await.expect(204);
    assert_eq!(versions(&sam, &path).await, 0);
    sam.get(&path).await.expect(404);
    app.person().await.send("DELETE", &format!("{path}?purge=true"), &[ANY], None).await.expect(404);
}

async fn a_use_event_that_was_marked_can_be_purged_of_its_earlier_versions(app: &TestApp) {
    let sam = app.person().await;
    let event =
        json!({ "substance": "alcohol", "occurred_at": "2026-03-01T22:15:00-05:00", "note": "said once" });
    let stored = sam.post("/v1/use-events", &event).await.expect(201);
    let path = stored.header("location");
    sam.patch(&path, 1, &json!({ "note": null })).await.expect(200);
    purge(&sam, &path).await.expect(204);
    assert_eq!(versions(&sam, &path).await, 0);
    assert!(!sam.get(&path).await.expect(200).text.contains("said once"));
}

async fn a_deletion_in_sync_can_purge(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/check-ins", &check_in("one")).await.expect(201);
    let (id, path) = (stored.id(), stored.header("location"));
    let delete = |purge: bool| json!({ "changes": [{ "kind": "check-ins", "op": "delete", "id": id, "base_version": 1, "purge": purge }] });
    let status = async |purge: bool| {
        let pushed = sam.post("/v1/sync", &delete(purge)).await.expect(200);
        pushed.body["results"][0]["status"].as_str().expect("a status").to_owned()
    };
    assert_eq!(status(false).await, "applied");
    assert_eq!(versions(&sam, &path).await, 1);
    assert_eq!(status(true).await, "replayed");
    assert_eq!(versions(&sam, &path).await, 0);
}

async fn a_purge_is_true_or_false_and_for_deletions(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/check-ins", &check_in("one")).await.expect(201);
    let path = stored.header("location");
    for (query, pointer) in
        [("purge=maybe", "/purge"), ("purged=true", "/purged"), ("purge=true&purge=true", "/purge")]
    {
        let refused = sam.send("DELETE", &format!("{path}?{query}"), &[ANY], None).await.expect(422);
        assert_eq!(refused.pointers(), [pointer]);
    }
    let change = json!({ "kind": "check-ins", "op": "upsert", "id": stored.id(), "base_version": 1, "record": check_in("two"), "purge": true });
    let refused = sam.post("/v1/sync", &json!({ "changes": [change] })).await.expect(422);
    assert_eq!(refused.pointers(), ["/changes/0/purge"]);
    sam.send("DELETE", &format!("{path}?purge=false"), &[ANY], None).await.expect(204);
    assert_eq!(versions(&sam, &path).await, 1);
}

async fn a_swept_id_never_comes_back(app: &TestApp) {
    let sam = app.person().await;
    let id = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a99";
    let mut record = check_in("one");
    record["id"] = json!(id);
    // A check-in has no side effects; a craving may be referred to and has a timer.
    let craving = json!({ "id": id, "occurred_at": "2026-03-01T22:15:00-05:00", "ratings": [{ "offset_s": 0, "value": 4 }] });
    for (collection, record) in [("check-ins", &record), ("craving-events", &craving)] {
        let (all, one) = (format!("/v1/{collection}"), format!("/v1/{collection}/{id}"));
        sam.post(&all, record).await.expect(201);
        sam.delete(&one, 1).await.expect(204);
        app.state().store.sweep_tombstones(app.clock.micros() + 1).await.expect("it is swept");
        assert_eq!(sam.post(&all, record).await.expect(409).problem(), "id-deleted");
        assert_eq!(sam.post_with_key(&all, collection, record).await.expect(409).problem(), "id-deleted");
        sam.put(&one, 1, record).await.expect(404);
        sam.delete(&one, 1).await.expect(404);
        let status = async |op: &str, base: Option<i64>| {
            let mut change = json!({ "kind": collection, "op": op, "id": id, "base_version": base });
            if op == "upsert" {
                change["record"] = record.clone();
            }
            let pushed = sam.post("/v1/sync", &json!({ "changes": [change] })).await.expect(200);
            pushed.body["results"][0].clone()
        };
        let conflict = status("upsert", None).await;
        assert_eq!(conflict["status"], "conflict");
        assert_eq!(conflict["current"], json!({ "id": id, "version": 2, "deleted": true }));
        assert_eq!(status("delete", Some(1)).await["status"], "replayed");
    }
    // Another person may use it.
    app.person().await.post("/v1/check-ins", &record).await.expect(201);
}
