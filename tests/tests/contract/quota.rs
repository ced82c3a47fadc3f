//! Budgets of accounts: what is refused beyond them, and what goes on.

use chrono::TimeDelta;
use mainstay_domain::{
    account::{SealedSession, quota::Quota},
    value::place::Email,
};
use mainstay_store::{
    quota::OwnQuota,
    session::{BegunFrom, NewSession, SessionRange},
};
use mainstay_tests::{
    Engine, Person, Response, TestApp, both_engines,
    samples::{check_in, check_in_with_id, delete, sample_id, statuses, upsert},
};
use serde_json::{Value, json};

const ROOMY: Quota = Quota { records: 1000, bytes: 10_000_000, writes_per_day: 1000 };

both_engines!(
    beyond_the_budget_of_records_only_what_helps_is_stored,
    the_writes_of_a_day_begin_anew_at_midnight,
    bytes_are_those_of_earlier_versions_too,
    sync_tells_each_change_apart,
    the_reserve_of_cravings_ends_with_help_and_the_plan_can_still_be_changed,
    an_operator_gives_one_account_other_limits,
    an_account_has_no_more_than_fifty_sessions,
);

fn craving() -> Value {
    json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 8 }], "outcome": "ongoing" })
}

fn plan() -> Value {
    json!({ "kind": "relapse_prevention", "title": "Mine", "content": { "lapse_response": [{ "text": "Call Robin." }] } })
}

#[track_caller]
fn assert_exceeded(response: &Response, quota: &str, limit: i64) {
    assert_eq!((response.status, response.problem().as_str()), (507, "quota-exceeded"), "{}", response.text);
    assert_eq!((&response.body["quota"], &response.body["limit"]), (&json!(quota), &json!(limit)));
    let retry_after = response.header("retry-after");
    if quota == "writes_per_day" {
        let seconds: i64 = retry_after.parse().expect("seconds");
        assert!((1..=86_400).contains(&seconds), "{seconds}");
    } else {
        assert_eq!(retry_after, "", "waiting does not help");
    }
}

async fn push(sam: &Person, changes: &[Value]) -> Vec<Value> {
    let response = sam.post("/v1/sync", &json!({ "cursor": null, "changes": changes })).await.expect(200);
    response.body["results"].as_array().cloned().expect("results")
}

async fn beyond_the_budget_of_records_only_what_helps_is_stored(engine: &Engine) {
    let app = TestApp::start_with_quota(*engine, Quota { records: 3, ..ROOMY }).await;
    let sam = app.person().await;
    for n in 1..=3 {
        sam.post("/v1/check-ins", &check_in_with_id(n, "one")).await.expect(201);
    }
    assert_exceeded(&sam.post("/v1/check-ins", &check_in("four")).await, "records", 3);
    assert_exceeded(&sam.post_with_key("/v1/check-ins", "a key", &check_in("four")).await, "records", 3);
    let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-01-15" });
    assert_exceeded(&sam.post("/v1/goals", &goal).await, "records", 3);
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 3, "nothing of them was stored");

    // What is there stays as it is, and can be sent again, changed, read and reported.
    sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(200);
    let mut other = check_in_with_id(1, "another");
    assert_eq!(sam.post("/v1/check-ins", &other).await.expect(409).problem(), "id-conflict");
    other.as_object_mut().expect("an object").remove("id");
    let first = format!("/v1/check-ins/{}", sample_id(1));
    sam.put(&first, 1, &other).await.expect(200);
    sam.patch(&first, 2, &json!({ "note": "again" })).await.expect(200);
    for path in ["/v1/insights/summary", "/v1/reports/progress", "/v1/plans", "/v1/me"] {
        assert_ne!(sam.get(path).await.status, 507, "{path}");
    }

    // What helps in a crisis is stored.
    let event = sam.post("/v1/craving-events", &craving()).await.expect(201);
    assert!(event.body["support"].is_object(), "{}", event.text);
    let event = format!("/v1/craving-events/{}", event.body["craving_event"]["id"].as_str().expect("an id"));
    sam.patch(&event, 1, &json!({ "outcome": "rode_it_out" })).await.expect(200);
    sam.post("/v1/use-events", &json!({ "substance": "alcohol", "occurred_at": "2026-03-01T12:00:00Z", "as_prescribed": false, "self_label": "lapse" }))
        .await
        .expect(201);
    sam.post("/v1/plans", &plan()).await.expect(201);
    sam.post(
        "/v1/support-contacts",
        &json!({ "name": "Kim", "relationship": "friend", "phone": "+12025550123" }),
    )
    .await
    .expect(201);

    // Deleting makes room. There are three check-ins and four that helped.
    for n in 1..=3 {
        let version = if n == 1 { 3 } else { 1 };
        sam.delete(&format!("/v1/check-ins/{}", sample_id(n)), version).await.expect(204);
    }
    assert_exceeded(&sam.post("/v1/check-ins", &check_in("five")).await, "records", 3);
    sam.delete(&event, 2).await.expect(204);
    let contact = sam.get("/v1/support-contacts").await.items()[0]["id"].as_str().expect("an id").to_owned();
    sam.delete(&format!("/v1/support-contacts/{contact}"), 1).await.expect(204);
    sam.post("/v1/check-ins", &check_in("six")).await.expect(201);
}

async fn the_writes_of_a_day_begin_anew_at_midnight(engine: &Engine) {
    let app = TestApp::start_with_quota(*engine, Quota { writes_per_day: 2, ..ROOMY }).await;
    let sam = app.person().await;
    sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201);
    sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(200);
    let first = format!("/v1/check-ins/{}", sample_id(1));
    sam.patch(&first, 1, &json!({ "note": "again" })).await.expect(200);
    assert_exceeded(&sam.post("/v1/check-ins", &check_in("two")).await, "writes_per_day", 2);
    assert_exceeded(&sam.patch(&first, 2, &json!({ "note": "more" })).await, "writes_per_day", 2);
    assert_eq!(sam.patch(&first, 1, &json!({ "note": "more" })).await.problem(), "version-mismatch");
    sam.delete(&first, 2).await.expect(204);
    sam.post("/v1/craving-events", &craving()).await.expect(201);

    app.clock.advance(TimeDelta::days(1));
    let sam = sam.another_device().await;
    for note in ["three", "four"] {
        sam.post("/v1/check-ins", &check_in(note)).await.expect(201);
    }
    assert_exceeded(&sam.post("/v1/check-ins", &check_in("five")).await, "writes_per_day", 2);
}

async fn bytes_are_those_of_earlier_versions_too(engine: &Engine) {
    let app = TestApp::start_with_quota(*engine, Quota { bytes: 10_000, ..ROOMY }).await;
    let sam = app.person().await;
    let long = "x".repeat(1500);
    sam.post("/v1/check-ins", &check_in_with_id(1, &long)).await.expect(201);
    let first = format!("/v1/check-ins/{}", sample_id(1));
    let mut version = 1;
    let refused = loop {
        let change = sam.patch(&first, version, &json!({ "note": format!("{version}{long}") })).await;
        if change.status != 200 {
            break change;
        }
        version += 1;
        assert!(version < 10, "ten versions fit into the space of six");
    };
    assert_exceeded(&refused, "bytes", 10_000);
    assert!(version >= 4, "{version}");
    assert_eq!(sam.get(&first).await.expect(200).body["version"], version);
    assert_exceeded(&sam.post("/v1/check-ins", &check_in(&long)).await, "bytes", 10_000);
    sam.post("/v1/craving-events", &craving()).await.expect(201);
    sam.delete(&first, version).await.expect(204);
}

async fn sync_tells_each_change_apart(engine: &Engine) {
    let app = TestApp::start_with_quota(*engine, Quota { records: 3, ..ROOMY }).await;
    let sam = app.person().await;
    let batch = [
        upsert("check-ins", 1, None, check_in("one")),
        upsert("check-ins", 2, None, check_in("two")),
        upsert("check-ins", 3, None, check_in("three")),
        upsert("check-ins", 4, None, check_in("four")),
        upsert("check-ins", 4, Some(1), check_in("four, edited")),
        upsert("craving-events", 5, None, craving()),
        upsert("check-ins", 1, Some(1), check_in("one, edited")),
        upsert("check-ins", 6, None, check_in("six")),
        delete("check-ins", 2, 1),
        upsert("plans", 7, None, plan()),
    ];
    let results = push(&sam, &batch).await;
    let expected = [
        "applied", "applied", "applied", "rejected", "skipped", "applied", "applied", "rejected", "applied",
        "applied",
    ];
    assert_eq!(statuses(&results), expected, "{results:?}");
    for refused in [&results[3], &results[7]] {
        let problem = &refused["problem"];
        let named = (&problem["type"], &problem["status"], &problem["quota"], &problem["limit"]);
        assert_eq!(named, (&json!("/problems/quota-exceeded"), &json!(507), &json!("records"), &json!(3)));
    }
    // The same again has the same results, also with a key, and what was refused is taken when there is room.
    let again = json!({ "cursor": null, "changes": batch });
    let again = sam.post_with_key("/v1/sync", "a key", &again).await.expect(200);
    let statuses_again = statuses(again.body["results"].as_array().expect("results"));
    assert_eq!(statuses_again[3..5], ["rejected", "skipped"]);
    assert!(!statuses_again.contains(&"applied"), "{statuses_again:?}");
    let room = [delete("check-ins", 3, 1), delete("check-ins", 1, 2), batch[3].clone(), batch[4].clone()];
    let results = push(&sam, &room).await;
    assert_eq!(statuses(&results), ["applied", "applied", "applied", "applied"], "{results:?}");
    assert_exceeded(&sam.post("/v1/check-ins", &check_in("seven")).await, "records", 3);
}

async fn the_reserve_of_cravings_ends_with_help_and_the_plan_can_still_be_changed(engine: &Engine) {
    let app = TestApp::start_with_quota(*engine, Quota { writes_per_day: 1, ..ROOMY }).await;
    let sam = app.person().await;
    let mut stored = 0;
    let mut n = 100;
    loop {
        let batch: Vec<Value> = (n..n + 500).map(|n| upsert("craving-events", n, None, craving())).collect();
        n += 500;
        let results = push(&sam, &batch).await;
        let applied = statuses(&results).iter().filter(|status| **status == "applied").count();
        stored += applied;
        if applied < 500 {
            break;
        }
        assert!(stored < 4000, "the reserve has an end");
    }
    assert_eq!(stored, 2401);
    let mut unsafe_one = craving();
    unsafe_one["feels_safe"] = json!("no");
    for event in [craving(), unsafe_one] {
        let refused = sam.post("/v1/craving-events", &event).await;
        assert_exceeded(&refused, "writes_per_day", 2401);
        assert!(refused.body["support"]["helplines"].is_array(), "{}", refused.text);
    }
    let refused = sam.post("/v1/check-ins", &check_in("one")).await;
    assert!(refused.body["support"].is_null(), "{}", refused.text);
    // The numbers of a crisis can still be changed.
    sam.post(
        "/v1/support-contacts",
        &json!({ "name": "Kim", "relationship": "friend", "phone": "+12025550123" }),
    )
    .await
    .expect(201);
    let plan = sam.post("/v1/plans", &plan()).await.expect(201).id();
    sam.patch(&format!("/v1/plans/{plan}"), 1, &json!({ "title": "Ours" })).await.expect(200);
}

async fn an_operator_gives_one_account_other_limits(engine: &Engine) {
    let app = TestApp::start_with_quota(*engine, Quota { records: 1, ..ROOMY }).await;
    let (sam, kim) = (app.person().await, app.person().await);
    for person in [&sam, &kim] {
        person.post("/v1/check-ins", &check_in("one")).await.expect(201);
        assert_exceeded(&person.post("/v1/check-ins", &check_in("two")).await, "records", 1);
    }
    let own = OwnQuota { records: Some(2), ..OwnQuota::default() };
    let account = sam.account["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    app.state().store.set_own_quota(account, own).await.expect("the account is there");
    // A session that begins now has them at once, and one that goes on within some seconds.
    let (sam, kim) = (sam.another_device().await, kim.another_device().await);
    sam.post("/v1/check-ins", &check_in("two")).await.expect(201);
    assert_exceeded(&sam.post("/v1/check-ins", &check_in("three")).await, "records", 2);
    assert_exceeded(&kim.post("/v1/check-ins", &check_in("two")).await, "records", 1);
}

async fn an_account_has_no_more_than_fifty_sessions(engine: &Engine) {
    let app = TestApp::start_with_quota(*engine, ROOMY).await;
    let sam = app.person().await;
    let account = sam.account["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let store = &app.state().store;
    for n in 0..55_u64 {
        let email = Email::new(&sam.email).expect("an address");
        let credentials = store.credentials(&email).await.expect("the store works").expect("the account");
        let session = NewSession {
            id: sample_id(u128::from(n)),
            refresh_hash: n.to_be_bytes().to_vec(),
            content: SealedSession::default(),
            begun_from: BegunFrom::default(),
        };
        app.clock.advance(TimeDelta::seconds(1));
        store
            .create_session(credentials, session, None, app.clock.micros())
            .await
            .expect("the session begins");
    }
    let live = store.sessions(account, 0, SessionRange::ALL).await.expect("the store works");
    assert_eq!(live.len(), 50);
    assert_eq!(live.last().map(|device| device.id), Some(sample_id(5)), "the oldest have ended");
}
