//! What an erasure leaves in memory: nothing, whatever is being computed meanwhile.

use std::sync::mpsc;

use chrono::TimeDelta;
use mainstay_api::insight::facts::{Need, Needs};
use mainstay_store::PersonScope;
use mainstay_tests::{Person, TestApp, app::PASSWORD, on_both_databases};
use serde_json::{Value, json};
use uuid::Uuid;

/// Long enough that a record is kept opened.
const LONG: u32 = 1_000;

async fn scope(app: &TestApp, person: &Person) -> PersonScope {
    let state = app.state();
    let token = person.tokens["access_token"].as_str().expect("a token");
    let claims = state.tokens.verify(token, app.clock.now()).expect("it is good");
    let principal = state.store.principal(claims.sub, claims.sid, 0).await;
    principal.expect("the store answers").expect("it lives").scope
}

async fn with_a_long_record(app: &TestApp) -> Person {
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
        let pushed = person
            .post("/v1/sync", &json!({ "limit": 1, "changes": changes }))
            .await
            .expect(200);
        let results = pushed.body["results"].as_array().cloned().unwrap_or_default();
        assert!(results.iter().all(|result| result["status"] == "applied"));
    }
    person
}

on_both_databases! {
    async fn a_record_that_is_looked_at_while_its_account_is_erased_is_not_kept(app) {
        let (sam, kim) = (with_a_long_record(app).await, with_a_long_record(app).await);
        let cache = &app.state().facts_cache;
        let (sams, kims) = (scope(app, &sam).await, scope(app, &kim).await);
        for person in [&sam, &kim] {
            person.get("/v1/insights/summary").await.expect(200);
        }
        assert!(cache.contains(sams.account()) && cache.contains(kims.account()));

        let (looking, looked) = (mpsc::channel::<()>(), mpsc::channel::<()>());
        let (state, account, now) = (app.state().clone(), sams.account(), app.clock.micros());
        let store = app.state().store.clone();
        let (begun, go_on) = (looking.0, looked.1);
        let look = tokio::spawn(async move {
            let needs = Needs { check_ins: Need::All, ..Needs::default() };
            store.read_long(&sams, move |records| {
                state.facts_cache.with_facts(records, account, needs, now, |facts| {
                    begun.send(()).expect("the test waits");
                    go_on.recv().expect("the test goes on");
                    facts.check_ins.len()
                })
            }).await
        });
        tokio::task::spawn_blocking(move || looking.1.recv()).await.expect("no panic").expect("it begins");
        let password = json!({ "password": PASSWORD }).to_string().into_bytes();
        sam.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
        looked.0.send(()).expect("it waits");
        let found = look.await.expect("no panic").expect("it was opened before");
        assert_eq!(found, usize::try_from(LONG).expect("it is small"));

        assert!(!cache.contains(account));
        // Of other people what was kept stays, and what is looked at from now on is kept.
        assert!(cache.contains(kims.account()));
        kim.post("/v1/check-ins", &json!({ "kind": "momentary", "occurred_at": app.clock.now().to_rfc3339(), "answers": { "craving": 2 } })).await.expect(201);
        kim.get("/v1/insights/summary").await.expect(200);
        assert!(cache.contains(kims.account()));
    }
}
