//! Insights that are cached: facts that follow every change, and responses that the client has already.

use chrono::TimeDelta;
use mainstay_tests::{Person, Response, TestApp, both_engines, samples::sample_id};
use serde_json::{Value, json};

use crate::insight::{PATHS, insight};

async fn get_if_changed(sam: &Person, path: &str, tag: &str) -> Response {
    sam.send("GET", &format!("/v1/insights/{path}"), &[("if-none-match", tag)], None).await
}

/// The summary from cached facts, and the summary of the same moment computed from the whole record.
async fn cached_and_computed_summary(sam: &Person) -> (Value, Value) {
    let summary = insight(sam, "summary").await;
    let moment = summary["as_of"].as_str().unwrap_or_default().replace('+', "%2B");
    let computed = insight(sam, &format!("summary?as_of={moment}")).await;
    (summary, computed)
}

/// Pushes 1 200 check-ins and cravings, one each half day.
async fn push_long_record(sam: &Person, day: impl Fn(i64) -> String) {
    for batch in 0..3_i64 {
        let changes: Vec<Value> = (0..400_u32).map(|n| i64::from(n) + batch * 400).map(|n| {
            let (kind, record) = if n % 4 == 0 {
                let rating = json!([{ "offset_s": 0, "value": 8 }]);
                let uses = json!([{ "practice": "urge-surfing-wave", "before": 8, "after": n % 7 }]);
                ("craving-events", json!({ "occurred_at": day(n), "outcome": "rode_it_out", "ratings": rating, "strategy_uses": uses, "note": "It passed." }))
            } else {
                let answers = json!({ "craving": n % 11, "mood": n % 9, "used": "no" });
                ("check-ins", json!({ "kind": "momentary", "occurred_at": day(n), "answers": answers, "note": "quiet" }))
            };
            json!({ "kind": kind, "op": "upsert", "id": sample_id(10_000 + u128::from(n.unsigned_abs())), "record": record })
        }).collect();
        let pushed = sam.post("/v1/sync", &json!({ "limit": 1, "changes": changes })).await.expect(200);
        let results = pushed.body["results"].as_array().cloned().unwrap_or_default();
        assert_eq!(results.iter().find(|result| result["status"] != "applied"), None);
    }
}

both_engines!(
    the_cached_facts_of_a_long_record_follow_every_change,
    an_unchanged_record_is_not_computed_again,
);

async fn the_cached_facts_of_a_long_record_follow_every_change(app: &TestApp) {
    let sam = app.person().await;
    sam.post("/v1/goals", &json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2024-01-01" }))
        .await
        .expect(201);
    let start = app.state().clock.now() - TimeDelta::days(600);
    let day = |n: i64| (start + TimeDelta::hours(12 * n)).to_rfc3339();
    push_long_record(&sam, day).await;
    let (mut before, computed) = cached_and_computed_summary(&sam).await;
    assert_eq!(before, computed, "before any change");
    let paths = [10_001, 10_003].map(|n| format!("/v1/check-ins/{}", sample_id(n)));
    for step in 0..6 {
        match step {
            // A new record between two others.
            0 => drop(sam.post("/v1/check-ins", &json!({ "kind": "momentary", "occurred_at": day(700), "answers": { "craving": 10, "used": "no" } })).await.expect(201)),
            1 => drop(sam.post("/v1/use-events", &json!({ "substance": "alcohol", "occurred_at": day(1190) })).await.expect(201)),
            // A change, also of the time.
            2 => {
                let mut body = sam.get(&paths[0]).await.body;
                (body["occurred_at"], body["answers"]["used"]) = (json!(day(1195)), json!("yes"));
                sam.put(&paths[0], 1, &body).await.expect(200);
            }
            3 => drop(sam.delete(&paths[1], 1).await.expect(204)),
            // A collection that is not cached, then more changes than are applied one by one.
            4 => drop(sam.post("/v1/goals", &json!({ "substance": "cannabis", "kind": "abstain", "started_on": "2025-01-01" })).await.expect(201)),
            _ => for n in 0..20 {
                sam.post("/v1/craving-events", &json!({ "occurred_at": day(1150 + n), "outcome": "rode_it_out", "ratings": [{ "offset_s": 0, "value": 9 }] })).await.expect(201);
            }
        }
        let (now, computed) = cached_and_computed_summary(&sam).await;
        assert_eq!(now, computed, "step {step}");
        assert_ne!(now, before, "step {step}");
        before = now;
    }
}

async fn an_unchanged_record_is_not_computed_again(app: &TestApp) {
    let sam = app.person().await;
    for path in PATHS {
        let first = sam.get(&format!("/v1/insights/{path}")).await.expect(200);
        let tag = first.header("etag");
        // These depend on the hour, which may change between two requests.
        let unchanged = get_if_changed(&sam, path, &tag).await;
        assert!(unchanged.status == 304 || matches!(path, "warnings" | "summary" | "medication"), "{path}");
        assert_eq!(first.header("cache-control"), "private, no-cache");
    }
    let tag = sam.get("/v1/insights/abstinence").await.header("etag");
    let other = sam.get("/v1/insights/milestones").await.header("etag");
    assert_ne!(tag, other);
    assert_ne!(
        sam.get("/v1/insights/cravings?window=7d").await.header("etag"),
        sam.get("/v1/insights/cravings?window=30d").await.header("etag")
    );
    sam.post("/v1/goals", &json!({ "substance": "nicotine", "kind": "abstain", "started_on": "2026-01-01" }))
        .await
        .expect(201);
    let changed = get_if_changed(&sam, "abstinence", &tag).await.expect(200);
    assert_eq!(changed.body["goals"].as_array().unwrap().len(), 1);
    let tag = changed.header("etag");
    get_if_changed(&sam, "abstinence", &tag).await.expect(304);
    // Another time zone in the profile changes the insight.
    let me = sam.get("/v1/me").await.expect(200);
    let version = me.body["version"].as_i64().unwrap();
    sam.put("/v1/me", version, &json!({ "time_zone": "Asia/Kathmandu" })).await.expect(200);
    let moved = get_if_changed(&sam, "abstinence", &tag).await.expect(200);
    assert!(moved.body["as_of"].as_str().unwrap().ends_with("+05:45"));
    // So does the next day.
    app.clock.advance(TimeDelta::days(1));
    let sam = sam.another_device().await;
    let tomorrow = get_if_changed(&sam, "abstinence", &moved.header("etag")).await.expect(200);
    assert_ne!(tomorrow.body["today"], moved.body["today"]);
}
