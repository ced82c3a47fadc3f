//! Erasures leave nothing of a person in memory, even if an insight is being computed at the time.

use std::sync::mpsc;

use chrono::TimeDelta;
use mainstay_api::insight::{
    facts::{Need, Needs},
    facts_cache::{is_cached, with_facts},
};
use mainstay_tests::{PASSWORD, Person, TestApp, both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

/// The length from which on the facts of a record are cached.
const LONG: u32 = 1_000;

async fn person_with_long_record(app: &TestApp) -> Person {
    let person = app.person().await;
    let start = app.clock.now() - TimeDelta::days(200);
    for batch in 0..2 {
        let changes: Vec<Value> = (0..LONG / 2)
            .map(|n| {
                let at = start + TimeDelta::hours(i64::from(n + batch * LONG / 2));
                let record = json!({ "kind": "momentary", "occurred_at": at.to_rfc3339(), "answers": { "craving": n % 11 } });
                json!({ "kind": "check-ins", "op": "upsert", "id": Uuid::from_u128(u128::from(n + batch * LONG / 2) + 1), "record": record })
            })
            .collect();
        let pushed = person.post("/v1/sync", &json!({ "limit": 1, "changes": changes })).await.expect(200);
        let results = pushed.body["results"].as_array().cloned().unwrap_or_default();
        assert!(results.iter().all(|result| result["status"] == "applied"));
    }
    person
}

both_engines!(facts_that_are_computed_during_an_erasure_are_not_cached);

async fn facts_that_are_computed_during_an_erasure_are_not_cached(app: &TestApp) {
    let (sam, kim) = (person_with_long_record(app).await, person_with_long_record(app).await);
    let store = &app.state().store;
    let (sams, kims) = (app.scope(&sam).await, app.scope(&kim).await);
    for person in [&sam, &kim] {
        person.get("/v1/insights/summary").await.expect(200);
    }
    assert!(is_cached(store, &sams) && is_cached(store, &kims));

    let ((started, has_started), (go_on, may_go_on)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let (owner, cache, now) = (sams.clone(), store.clone(), app.clock.micros());
    let own_store = store.clone();
    let computation = tokio::spawn(async move {
        let needs = Needs { check_ins: Need::All, ..Needs::default() };
        own_store
            .read_long(&owner.clone(), move |records| {
                with_facts(&cache, &owner, records, needs, now, |facts| {
                    started.send(()).expect("the test waits");
                    may_go_on.recv().expect("the test goes on");
                    facts.check_ins.len()
                })
            })
            .await
    });
    tokio::task::spawn_blocking(move || has_started.recv())
        .await
        .expect("no panic")
        .expect("the computation starts");
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    sam.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
    go_on.send(()).expect("the computation waits");
    let count = computation.await.expect("no panic").expect("the facts were read before the erasure");
    assert_eq!(count, usize::try_from(LONG).expect("a small number"));

    assert!(!is_cached(store, &sams));
    // The facts of other people stay in the cache and are cached from now on.
    assert!(is_cached(store, &kims));
    kim.post("/v1/check-ins", &json!({ "kind": "momentary", "occurred_at": app.clock.now().to_rfc3339(), "answers": { "craving": 2 } })).await.expect(201);
    kim.get("/v1/insights/summary").await.expect(200);
    assert!(is_cached(store, &kims));
}
