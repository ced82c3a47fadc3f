//! After a restore from a backup: what a device holds from before fits nothing.

use mainstay_api::auth::refresh_token::hash;
use mainstay_store::session::Rotation;
use mainstay_tests::{
    Engine, Person, Response, TestApp, both_engines,
    offline::{OfflineStore, OnConflict, sync},
    samples::{check_in, check_in_with_id, sample_id, upsert},
};
use serde_json::{Value, json};

both_engines!(
    a_tag_from_before_a_restore_changes_nothing_and_the_new_one_does,
    a_tag_from_before_a_restore_is_refused_at_once_even_if_the_server_has_not_noticed,
    a_copy_from_before_a_restore_is_not_current,
    the_profile_has_tags_of_the_epoch_too,
    a_plan_is_not_activated_by_a_tag_from_before_a_restore,
    a_review_and_an_event_have_tags_of_the_epoch,
    a_second_restore_of_the_same_backup_is_another_epoch,
    a_cursor_from_before_a_restore_is_gone_and_says_why,
    a_refresh_token_of_the_time_that_was_lost_goes_on,
    an_older_token_of_the_time_that_was_lost_ends_the_session,
    keys_and_pages_from_before_a_restore_go_on,
    a_device_gives_back_what_must_be_sent_in_an_order,
    the_outcome_of_a_craving_that_was_lost_comes_back_after_the_server_closed_it,
    a_deletion_that_was_lost_does_not_delete_what_was_changed_after_the_restore,
);

/// Declares a restore. The server's caches notice at once, as they would within seconds.
async fn restore(app: &TestApp) {
    declare(app).await;
    app.state().sessions.forget_all();
}

/// Declares a restore that this server has not noticed yet.
async fn declare(app: &TestApp) {
    let raised = app.state().store.raise_epochs(app.clock.micros()).await.expect("epochs rise");
    assert!(raised > 0);
}

/// Sends a request with `If-Match`.
async fn with_tag(sam: &Person, method: &str, path: &str, tag: &str, body: Option<&Value>) -> Response {
    let media_type = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let headers = [("if-match", tag), ("content-type", media_type)];
    sam.send(method, path, &headers, body.map(|body| body.to_string().into_bytes())).await
}

/// The tag that a `GET` answers.
async fn tag(sam: &Person, path: &str) -> String {
    sam.get(path).await.expect(200).header("etag")
}

async fn a_tag_from_before_a_restore_changes_nothing_and_the_new_one_does(app: &TestApp) {
    let sam = app.person().await;
    let created = sam.post("/v1/check-ins", &check_in("one")).await.expect(201);
    let (path, old) = (created.header("location"), created.header("etag"));
    assert_eq!(old, "\"1\"");
    restore(app).await;
    let body = check_in("two");
    for (method, body) in [("PUT", Some(&body)), ("PATCH", Some(&json!({ "note": "two" }))), ("DELETE", None)]
    {
        for old in [&old, "\"1\", \"2\"", "W/\"1\"", "\"1.1\"", "\"1.2\""] {
            let refused = with_tag(&sam, method, &path, old, body).await.expect(412);
            assert_eq!(refused.problem(), "version-mismatch");
        }
    }
    let same = sam.get(&path).await.expect(200);
    assert_eq!(same.body, created.body);
    let new = same.header("etag");
    assert!(new.starts_with("\"1.") && new.len() > 10, "{new}");
    let both = format!("{old}, {new}");
    let patched = with_tag(&sam, "PATCH", &path, &both, Some(&json!({ "note": "two" }))).await.expect(200);
    let second = patched.header("etag");
    assert_eq!(second, new.replace("\"1.", "\"2."));
    let third = with_tag(&sam, "PUT", &path, &format!("W/{second}"), Some(&body)).await.expect(200);
    with_tag(&sam, "DELETE", &path, &second, None).await.expect(412);
    with_tag(&sam, "DELETE", &path, &third.header("etag"), None).await.expect(204);
    // A new record, and one that is sent again, have the epoch from the start.
    let body = check_in_with_id(7, "three");
    let created = sam.post("/v1/check-ins", &body).await.expect(201).header("etag");
    assert_eq!(created, new);
    assert_eq!(sam.post("/v1/check-ins", &body).await.expect(200).header("etag"), new);
    // Whoever wants to change whatever there is still can.
    with_tag(&sam, "DELETE", &format!("/v1/check-ins/{}", sample_id(7)), "*", None).await.expect(204);
}

async fn a_tag_from_before_a_restore_is_refused_at_once_even_if_the_server_has_not_noticed(app: &TestApp) {
    let sam = app.person().await;
    let created = sam.post("/v1/check-ins", &check_in("one")).await.expect(201);
    let (path, old) = (created.header("location"), created.header("etag"));
    let profile = tag(&sam, "/v1/me").await;
    declare(app).await;
    let body = check_in("two");
    with_tag(&sam, "PUT", &path, &old, Some(&body)).await.expect(412);
    with_tag(&sam, "PATCH", &path, &old, Some(&json!({ "note": "two" }))).await.expect(412);
    with_tag(&sam, "DELETE", &path, &old, None).await.expect(412);
    with_tag(&sam, "PATCH", "/v1/me", &profile, Some(&json!({ "time_zone": "UTC" }))).await.expect(412);
    assert_eq!(sam.get(&path).await.expect(200).body, created.body);
    app.clock.advance(chrono::TimeDelta::seconds(6));
    let new = tag(&sam, &path).await;
    with_tag(&sam, "PUT", &path, &new, Some(&body)).await.expect(200);
}

async fn a_copy_from_before_a_restore_is_not_current(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in("one")).await.expect(201).header("location");
    let paths = [path.as_str(), "/v1/me", "/v1/insights/summary"];
    let mut tags = Vec::new();
    for path in paths {
        tags.push(tag(&sam, path).await);
    }
    restore(app).await;
    for (path, old) in paths.into_iter().zip(&tags) {
        let full = sam.send("GET", path, &[("if-none-match", old)], None).await.expect(200);
        let new = full.header("etag");
        assert_ne!(&new, old, "{path}");
        sam.send("GET", path, &[("if-none-match", &new)], None).await.expect(304);
    }
}

async fn the_profile_has_tags_of_the_epoch_too(app: &TestApp) {
    let sam = app.person().await;
    let old = tag(&sam, "/v1/me").await;
    restore(app).await;
    let profile = json!({ "time_zone": "Europe/Berlin" });
    with_tag(&sam, "PUT", "/v1/me", &old, Some(&profile)).await.expect(412);
    with_tag(&sam, "PATCH", "/v1/me", &old, Some(&profile)).await.expect(412);
    let new = tag(&sam, "/v1/me").await;
    let second = with_tag(&sam, "PATCH", "/v1/me", &new, Some(&profile)).await.expect(200).header("etag");
    assert_eq!(second, tag(&sam, "/v1/me").await);
    with_tag(&sam, "PUT", "/v1/me", &second, Some(&profile)).await.expect(200);
}

async fn a_plan_is_not_activated_by_a_tag_from_before_a_restore(app: &TestApp) {
    let sam = app.person().await;
    let content = json!({
        "triggers": [{ "id": sample_id(1), "label": "Payday", "kind": "external" }],
        "strategies": [{ "id": sample_id(2), "label": "Walk", "category": "exercise" }],
    });
    let plan = json!({ "kind": "relapse_prevention", "title": "My plan", "content": content });
    let created = sam.post("/v1/plans", &plan).await.expect(201);
    let (path, old) = (created.header("location"), created.header("etag"));
    restore(app).await;
    let activate = format!("{path}/activate");
    with_tag(&sam, "POST", &activate, &old, None).await.expect(412);
    let new = tag(&sam, &path).await;
    let active = with_tag(&sam, "POST", &activate, &new, None).await.expect(200);
    assert_eq!(active.header("etag"), tag(&sam, &path).await);
    // It is active already, so nothing would be written. The tag is wrong all the same.
    with_tag(&sam, "POST", &activate, "\"2\"", None).await.expect(412);
}

async fn a_review_and_an_event_have_tags_of_the_epoch(app: &TestApp) {
    let sam = app.person().await;
    let event = json!({ "substance": "alcohol", "occurred_at": "2026-03-01T12:00:00Z" });
    let created = sam.post("/v1/use-events", &event).await.expect(201);
    let (path, old) = (created.header("location"), created.header("etag"));
    let review = format!("{path}/review");
    let situation = json!({ "situation": "a party" });
    let old_review = sam.send("PUT", &review, &[], Some(situation.to_string().into())).await.expect(201);
    restore(app).await;
    let note = json!({ "note": "later" });
    with_tag(&sam, "PATCH", &path, &old, Some(&note)).await.expect(412);
    with_tag(&sam, "DELETE", &path, &old, None).await.expect(412);
    with_tag(&sam, "PUT", &review, &old_review.header("etag"), Some(&situation)).await.expect(412);
    let new = tag(&sam, &path).await;
    let patched = with_tag(&sam, "PATCH", &path, &new, Some(&note)).await.expect(200).header("etag");
    assert_eq!(patched, tag(&sam, &path).await);
    let new_review = tag(&sam, &review).await;
    let replaced = with_tag(&sam, "PUT", &review, &new_review, Some(&situation)).await.expect(200);
    assert_eq!(replaced.header("etag"), tag(&sam, &review).await);
    with_tag(&sam, "DELETE", &path, &patched, None).await.expect(204);
}

async fn a_second_restore_of_the_same_backup_is_another_epoch(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in("one")).await.expect(201).header("location");
    let mut tags = vec![tag(&sam, &path).await];
    for _ in 0..2 {
        restore(app).await;
        tags.push(tag(&sam, &path).await);
        app.clock.advance(chrono::TimeDelta::seconds(1));
    }
    let (first, second) = (&tags[1], &tags[2]);
    assert!(first != second, "{tags:?}");
    with_tag(&sam, "DELETE", &path, first, None).await.expect(412);
    with_tag(&sam, "DELETE", &path, second, None).await.expect(204);
}

async fn a_cursor_from_before_a_restore_is_gone_and_says_why(app: &TestApp) {
    let sam = app.person().await;
    let sync = async |cursor: &Value, changes: &[Value]| {
        sam.post("/v1/sync", &json!({ "cursor": cursor, "changes": changes })).await
    };
    let old = sync(&Value::Null, &[upsert("check-ins", 1, None, check_in("one"))]).await.expect(200).body;
    restore(app).await;
    for changes in [&[][..], &[upsert("check-ins", 2, None, check_in("two"))]] {
        let gone = sync(&old["cursor"], changes).await.expect(410);
        assert_eq!((gone.problem().as_str(), &gone.body["reason"]), ("cursor-expired", &json!("restored")));
    }
    let all = sync(&Value::Null, &[]).await.expect(200).body;
    assert_eq!(all["changes"].as_array().map(Vec::len), Some(1), "nothing of the refused push was stored");
    // Once deletions that the device needs are swept, it cannot tell what was lost from what was deleted.
    sync(
        &all["cursor"],
        &[json!({ "kind": "check-ins", "op": "delete", "id": sample_id(1), "base_version": 1 })],
    )
    .await
    .expect(200);
    let swept = app.state().store.sweep_tombstones(app.clock.micros() + 1_000_000).await;
    assert_eq!(swept.expect("the sweep runs"), 1);
    for cursor in [&old["cursor"], &all["cursor"]] {
        assert_eq!(sync(cursor, &[]).await.expect(410).body["reason"], "too_old");
    }
}

async fn refresh(app: &TestApp, token: &Value, key: Option<&str>) -> Response {
    let body = json!({ "refresh_token": token });
    match key {
        Some(key) => app.client().post_with_key("/v1/auth/refresh", key, &body).await,
        None => app.client().post("/v1/auth/refresh", &body).await,
    }
}

/// Refreshes so many times, and then puts the session back to its first token, as a restore does. Returns all tokens.
async fn lose_refreshes(app: &TestApp, sam: &Person, count: usize) -> Vec<Value> {
    let mut tokens = vec![sam.tokens["refresh_token"].clone()];
    for n in 0..count {
        let new = refresh(app, &tokens[n], None).await.expect(200).body["tokens"]["refresh_token"].clone();
        tokens.push(new);
    }
    let id = |value: &Value| value.as_str().and_then(|id| id.parse().ok()).expect("an id");
    let rotation = Rotation {
        counter: i64::try_from(count).expect("a small number"),
        next: 0,
        refresh_hash: hash(tokens[0].as_str().expect("a token")),
        keep: None,
    };
    let (account, session) = (id(&sam.account["id"]), id(&sam.tokens["session_id"]));
    let put_back = app.state().store.rotate_session(account, session, rotation, app.clock.micros()).await;
    assert!(put_back.expect("the store works"));
    restore(app).await;
    tokens
}

async fn a_refresh_token_of_the_time_that_was_lost_goes_on(app: &TestApp) {
    for key in [None, Some("a key")] {
        let sam = app.person().await;
        let tokens = lose_refreshes(app, &sam, 3).await;
        let first = refresh(app, &tokens[3], key).await.expect(200).body["tokens"].clone();
        sam.client
            .with_token(first["access_token"].as_str().expect("a token"))
            .get("/v1/me")
            .await
            .expect(200);
        // A lost response is repeated, as ever.
        let again = refresh(app, &tokens[3], key).await.expect(200).body["tokens"].clone();
        assert_eq!(again["refresh_token"], first["refresh_token"]);
        let next = refresh(app, &first["refresh_token"], None).await.expect(200);
        assert!(!tokens.contains(&next.body["tokens"]["refresh_token"]), "no token is given twice");
        // Every other device is signed in as before.
        refresh(app, &sam.another_device().await.tokens["refresh_token"], None).await.expect(200);
        refresh(app, &tokens[2], None).await.expect(401);
    }
}

async fn an_older_token_of_the_time_that_was_lost_ends_the_session(app: &TestApp) {
    for old in 0..3 {
        let sam = app.person().await;
        let tokens = lose_refreshes(app, &sam, 4).await;
        let new = refresh(app, &tokens[4], None).await.expect(200).body["tokens"]["refresh_token"].clone();
        assert_eq!(refresh(app, &tokens[old], None).await.expect(401).problem(), "invalid-refresh-token");
        refresh(app, &new, None).await.expect(401);
        sam.get("/v1/me").await.expect(401);
    }
}

async fn keys_and_pages_from_before_a_restore_go_on(app: &TestApp) {
    let sam = app.person().await;
    for n in 0..3 {
        sam.post("/v1/check-ins", &check_in(&n.to_string())).await.expect(201);
    }
    let first = sam.post_with_key("/v1/check-ins", "a key", &check_in("once")).await.expect(201);
    let page = sam.get("/v1/check-ins?limit=2").await.expect(200);
    restore(app).await;
    // The backup has the key with its response, which is repeated as it was: its tag is one from before the restore.
    let again = sam.post_with_key("/v1/check-ins", "a key", &check_in("once")).await.expect(201);
    assert_eq!((again.id(), again.header("etag")), (first.id(), "\"1\"".to_owned()));
    let path = first.header("location");
    with_tag(&sam, "DELETE", &path, &again.header("etag"), None).await.expect(412);
    // The cursor of a list is a time and an id, which hold in any epoch.
    let cursor = page.body["next_cursor"].as_str().expect("a cursor");
    let rest = sam.get(&format!("/v1/check-ins?limit=2&cursor={cursor}")).await.expect(200);
    let mut ids: Vec<Value> =
        page.items().iter().chain(&rest.items()).map(|item| item["id"].clone()).collect();
    ids.sort_unstable_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

/// Syncs a device until nothing is pending.
async fn sync_device(sam: &Person, store: &mut OfflineStore) {
    assert!(sync(&sam.client, store, 500, &mut |_| OnConflict::KeepServerVersion).await);
}

/// Lets a device know changes that the server does not have, as after a restore.
async fn know_lost(app: &TestApp, store: &mut OfflineStore, changes: &[Value]) {
    let (pull, cursor) = (store.push(0, 500), store.cursor().map(str::to_owned));
    let response = json!({ "results": [], "changes": changes, "cursor": cursor, "has_more": false });
    store.apply_response(&pull, &response, &mut |_| OnConflict::KeepServerVersion);
    restore(app).await;
    app.clock.advance(chrono::TimeDelta::seconds(1));
}

/// A record of the device's with other members and the next version, as a pulled change.
fn lost_version(store: &OfflineStore, kind: &str, id: u128, patch: &Value) -> Value {
    let known = &store.known()[&(kind.to_owned(), sample_id(id))];
    let mut record = known.record.clone().expect("a record");
    mainstay_tests::offline::merge_into(&mut record, patch);
    json!({ "kind": kind, "id": sample_id(id), "version": known.version + 1, "deleted": false, "record": record })
}

async fn a_device_gives_back_what_must_be_sent_in_an_order(app: &TestApp) {
    let (sam, mut phone) = (app.person().await, OfflineStore::default());
    let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-01-01" });
    phone.upsert(("goals".to_owned(), sample_id(2)), goal.clone());
    sync_device(&sam, &mut phone).await;
    // In the lost time the goal was paused, and another one begun, whose id comes first.
    let paused = lost_version(&phone, "goals", 2, &json!({ "status": "paused" }));
    let begun =
        json!({ "kind": "goals", "id": sample_id(1), "version": 1, "deleted": false, "record": goal });
    know_lost(app, &mut phone, &[paused, begun]).await;
    sync_device(&sam, &mut phone).await;
    assert_eq!(phone.lost_edits, []);
    for (id, status) in [(1, "active"), (2, "paused")] {
        let goal = sam.get(&format!("/v1/goals/{}", sample_id(id))).await.expect(200);
        assert_eq!(goal.body["status"], status);
    }
}

async fn the_outcome_of_a_craving_that_was_lost_comes_back_after_the_server_closed_it(app: &TestApp) {
    let (sam, mut phone) = (app.person().await, OfflineStore::default());
    let at = app.clock.now().to_rfc3339();
    let craving = json!({ "occurred_at": at, "ratings": [{ "offset_s": 0, "value": 7 }] });
    phone.upsert(("craving-events".to_owned(), sample_id(1)), craving);
    sync_device(&sam, &mut phone).await;
    let told = lost_version(&phone, "craving-events", 1, &json!({ "outcome": "rode_it_out" }));
    know_lost(app, &mut phone, &[told]).await;
    app.clock.advance(chrono::TimeDelta::hours(5));
    app.state().store.run_timers(app.clock.micros()).await.expect("the timers run");
    let (path, sam) = (format!("/v1/craving-events/{}", sample_id(1)), sam.another_device().await);
    assert_eq!(sam.get(&path).await.expect(200).body["outcome"], "unsure");
    sync_device(&sam, &mut phone).await;
    assert_eq!(sam.get(&path).await.expect(200).body["outcome"], "rode_it_out");
    assert_eq!(phone.lost_edits, []);
}

async fn a_deletion_that_was_lost_does_not_delete_what_was_changed_after_the_restore(app: &TestApp) {
    let (sam, mut tablet) = (app.person().await, OfflineStore::default());
    for n in 1..=2 {
        tablet.upsert(("check-ins".to_owned(), sample_id(n)), check_in("of the backup"));
    }
    sync_device(&sam, &mut tablet).await;
    let deleted = |n| json!({ "kind": "check-ins", "id": sample_id(n), "version": 3, "deleted": true });
    know_lost(app, &mut tablet, &[deleted(1), deleted(2)]).await;
    let path = |n| format!("/v1/check-ins/{}", sample_id(n));
    let note = json!({ "note": "after the restore" });
    with_tag(&sam, "PATCH", &path(1), "*", Some(&note)).await.expect(200);
    sync_device(&sam, &mut tablet).await;
    assert_eq!(sam.get(&path(1)).await.expect(200).body["note"], "after the restore");
    sam.get(&path(2)).await.expect(404);
    let shown: Vec<_> = tablet.lost_edits.iter().map(|edit| (edit.key.1, &edit.record)).collect();
    assert_eq!(shown, [(sample_id(1), &None)]);
}

/// Only on PostgreSQL, where the test can take changes away beside the server. The model test of sync puts files back on
/// both engines.
#[tokio::test]
async fn a_cursor_ahead_of_the_counter_is_gone_although_nobody_declared_a_restore() {
    let app = TestApp::start(Engine::Postgres).await;
    let sam = app.person().await;
    let sync = async |cursor: &Value, n: u128| {
        let changes = [upsert("check-ins", n, None, check_in("a note"))];
        sam.post("/v1/sync", &json!({ "cursor": cursor, "changes": changes })).await
    };
    let kept = sync(&Value::Null, 1).await.expect(200).body["cursor"].clone();
    let lost = sync(&kept, 2).await.expect(200).body["cursor"].clone();
    app.database.sql("delete from records where rev = 2; update people set rev = 1 where rev = 2");
    let gone = sync(&lost, 3).await.expect(410);
    assert_eq!((gone.problem().as_str(), &gone.body["reason"]), ("cursor-expired", &json!("restored")));
    // Nothing of the refused push was stored. A cursor that the backup knows goes on.
    let all = sam.post("/v1/sync", &json!({ "cursor": null })).await.expect(200);
    assert_eq!(all.body["changes"].as_array().map(Vec::len), Some(1));
    sync(&kept, 3).await.expect(200);
}
