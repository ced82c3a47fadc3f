//! Craving events: the help in the response, and the closing of events that nobody ends.

use chrono::{Datelike, SecondsFormat, TimeDelta, Utc};
use mainstay_tests::{Person, Response, TestApp, both_engines, samples::sample_id};
use serde_json::{Value, json};

fn at(hours_ago: i64) -> Value {
    #[expect(clippy::disallowed_methods, reason = "the server uses the real time too")]
    let at = Utc::now() - TimeDelta::hours(hours_ago);
    // Without an offset it is a time on the person's own clock, whatever the date is in UTC.
    json!(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

both_engines!(
    reporting_a_craving_brings_help_for_this_person,
    a_strategy_that_helped_comes_first_from_then_on,
    an_event_that_nobody_ends_closes_as_unsure_after_four_hours,
    rules_of_a_craving_are_named,
);

/// A person with an active plan and two contacts. Returns the plan too.
async fn person_with_plan(app: &TestApp) -> (Person, Response) {
    let sam = app.person().await;
    let another_day = (app.clock.now() + TimeDelta::days(3)).weekday().number_from_monday();
    let unavailable = json!({ "name": "Never now", "relationship": "friend", "phone": "+12025550101", "position": 1, "time_zone": "UTC",
        "availability": [{ "days": [another_day], "from": "03:00", "to": "03:01" }] });
    sam.post("/v1/support-contacts", &unavailable).await.expect(201);
    let robin = json!({ "name": "Robin", "relationship": "sponsor", "phone": "+12025550143", "position": 2 });
    let robin = sam.post("/v1/support-contacts", &robin).await.expect(201).id();
    let plan = json!({
        "kind": "relapse_prevention", "title": "Mine",
        "content": {
            "triggers": [{ "id": sample_id(1), "label": "Payday", "kind": "external" }],
            "strategies": [
                { "id": sample_id(2), "label": "Walk", "category": "mindful_walking" },
                { "id": sample_id(3), "label": "Call", "category": "call_someone", "trigger_ids": [sample_id(1)] },
                { "id": sample_id(4), "label": "Tea", "category": "self_care" },
            ],
            "contact_ids": [robin],
        },
    });
    let plan = sam.post("/v1/plans", &plan).await.expect(201);
    sam.post_empty(&format!("{}/activate", plan.header("location"))).await.expect(200);
    (sam, plan)
}

/// A craving with the trigger of the plan.
fn payday_craving() -> Value {
    json!({ "occurred_at": at(0), "ratings": [{ "offset_s": 0, "value": 7 }, { "offset_s": 60, "value": 8 }],
        "trigger_ids": [sample_id(1)], "outcome": "ongoing" })
}

async fn reporting_a_craving_brings_help_for_this_person(app: &TestApp) {
    let (sam, plan) = person_with_plan(app).await;
    let response = sam.post("/v1/craving-events", &payday_craving()).await.expect(201);
    let (event, support) = (&response.body["craving_event"], &response.body["support"]);
    assert_eq!(
        (&event["peak"], &event["outcome"], &event["version"]),
        (&json!(8), &json!("ongoing"), &json!(1))
    );
    assert_eq!((&support["plan_id"], &support["plan_number"]), (&plan.body["id"], &json!(1)));
    assert_eq!(support["strategies"][0]["strategy_id"], json!(sample_id(3)));
    assert_eq!(support["contacts"][0]["name"], "Robin");
    assert_eq!(support["contacts"][1]["name"], "Never now");
    assert!(support["helplines"].as_array().is_some_and(|h| h.iter().any(|h| h["id"] == "us-988")));
    for list in ["strategies", "contacts"] {
        let whys = support[list].as_array().expect("a list");
        assert!(whys.iter().all(|entry| entry["why"].as_str().is_some_and(|why| !why.is_empty())), "{list}");
    }
}

async fn a_strategy_that_helped_comes_first_from_then_on(app: &TestApp) {
    let (sam, _) = person_with_plan(app).await;
    let response = sam.post("/v1/craving-events", &payday_craving()).await.expect(201);
    let event = &response.body["craving_event"];
    // The tea was in no trigger of the plan, but it helped.
    let mut tried = event.clone();
    tried["strategy_uses"] =
        json!([{ "strategy_id": sample_id(4), "before": 8, "after": 2, "helped": true, "seconds": 600 }]);
    tried["outcome"] = json!("rode_it_out");
    let path = response.header("location");
    let changed = sam.put(&path, 1, &tried).await.expect(200);
    assert!(changed.body["strategy_uses"][0]["id"].is_string());
    for help in
        [sam.get("/v1/support").await.expect(200), sam.get(&format!("{path}/support")).await.expect(200)]
    {
        let first = &help.body["strategies"][0];
        assert_eq!(
            (&first["strategy_id"], &first["n"], &first["raw_mean_drop"]),
            (&json!(sample_id(4)), &json!(1), &json!(6.0))
        );
        assert!(first["why"].as_str().is_some_and(|why| why.contains("fell by 6.0")));
    }
    let kim = app.person().await;
    kim.get(&format!("{path}/support")).await.expect(404);
    assert_eq!(sam.get("/v1/support?category=nope").await.expect(422).pointers(), ["/category"]);
    // The response to a replay has help too.
    let mut again = payday_craving();
    again["occurred_at"] = event["occurred_at"].clone();
    again["id"] = event["id"].clone();
    let replay = sam.post("/v1/craving-events", &again).await.expect(200);
    assert_eq!(
        (&replay.body["craving_event"]["version"], &replay.body["support"]["strategies"][0]["strategy_id"]),
        (&json!(2), &json!(sample_id(4)))
    );
}

async fn an_event_that_nobody_ends_closes_as_unsure_after_four_hours(app: &TestApp) {
    let sam = app.person().await;
    let report = |hours_ago: i64| json!({ "occurred_at": at(hours_ago), "ratings": [{ "offset_s": 0, "value": 5 }], "outcome": "ongoing" });
    let old = sam.post("/v1/craving-events", &report(5)).await.expect(201);
    assert_eq!(old.body["craving_event"]["outcome"], "unsure");
    let recent = sam.post("/v1/craving-events", &report(0)).await.expect(201);
    let ended = sam.post("/v1/craving-events", &report(1)).await.expect(201);
    let mut done = ended.body["craving_event"].clone();
    done["outcome"] = json!("rode_it_out");
    sam.put(&ended.header("location"), 1, &done).await.expect(200);
    let (path, deleted) =
        (recent.header("location"), sam.post("/v1/craving-events", &report(2)).await.expect(201));
    sam.delete(&deleted.header("location"), 1).await.expect(204);

    let store = &app.state().store;
    app.clock.advance(TimeDelta::minutes(239));
    store.run_timers(app.clock.micros()).await.expect("the timers run");
    assert_eq!(sam.client.get(&path).await.status, 401, "the access token has expired");
    let sam = sam.another_device().await;
    assert_eq!(sam.get(&path).await.body["outcome"], "ongoing");
    app.clock.advance(TimeDelta::minutes(2));
    // The worker of the server may have closed it before.
    store.run_timers(app.clock.micros()).await.expect("the timers run");
    let closed = sam.get(&path).await.expect(200);
    assert_eq!((&closed.body["outcome"], &closed.body["version"]), (&json!("unsure"), &json!(2)));
    assert_eq!(sam.get(&ended.header("location")).await.body["outcome"], "rode_it_out");
    assert_eq!(store.run_timers(app.clock.micros()).await.expect("the timers run"), 0);
    // The app sends its first report again, much later: it is still a replay.
    let mut again = report(0);
    again["occurred_at"] = closed.body["occurred_at"].clone();
    again["id"] = closed.body["id"].clone();
    sam.post("/v1/craving-events", &again).await.expect(200);
}

async fn rules_of_a_craving_are_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong = sam
        .post(
            "/v1/craving-events",
            &json!({
                "occurred_at": "2026-03-01T12:00:00Z", "ended_at": "2026-03-01T11:00:00Z",
                "ratings": [{ "offset_s": 5, "value": 3 }, { "offset_s": 5, "value": 3 }],
                "strategy_uses": [{ "before": 3 }, { "practice": "no-such-practice" }],
            }),
        )
        .await
        .expect(422);
    assert_eq!(
        wrong.pointers(),
        [
            "/ended_at",
            "/ratings/0/offset_s",
            "/ratings/1/offset_s",
            "/strategy_uses/0",
            "/strategy_uses/1/practice"
        ]
    );
    let none = sam
        .post("/v1/craving-events", &json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [] }))
        .await
        .expect(422);
    assert_eq!(none.pointers(), ["/ratings"]);
    let unknown = sam.post("/v1/craving-events", &json!({
        "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 3 }], "strategy_uses": [{ "strategy_id": sample_id(9) }],
    })).await.expect(422);
    assert_eq!(unknown.pointers(), ["/strategy_uses/0/strategy_id"]);
}
