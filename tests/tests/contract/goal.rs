//! Goals.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(
    at_most_one_goal_a_substance_is_active,
    a_goal_keeps_all_of_its_members,
    rules_across_the_members_of_a_goal_are_named,
);

async fn at_most_one_goal_a_substance_is_active(app: &TestApp) {
    let sam = app.person().await;
    let goal = |substance: &str, status: &str| json!({ "substance": substance, "kind": "abstain", "started_on": "2026-01-15", "status": status });
    let first = sam.post("/v1/goals", &goal("alcohol", "active")).await.expect(201);
    let second = sam.post("/v1/goals", &goal("alcohol", "active")).await.expect(409);
    assert_eq!((second.problem().as_str(), &second.body["existing_id"]), ("goal-exists", &first.body["id"]));
    sam.post("/v1/goals", &goal("nicotine", "active")).await.expect(201);
    let paused = sam.post("/v1/goals", &goal("alcohol", "paused")).await.expect(201);
    assert_eq!(
        sam.put(&paused.header("location"), 1, &goal("alcohol", "active")).await.expect(409).problem(),
        "goal-exists"
    );
    sam.put(&first.header("location"), 1, &goal("alcohol", "achieved")).await.expect(200);
    sam.put(&paused.header("location"), 1, &goal("alcohol", "active")).await.expect(200);
}

async fn a_goal_keeps_all_of_its_members(app: &TestApp) {
    let sam = app.person().await;
    let goal = json!({
        "substance": "nicotine", "label": "Cigarettes", "kind": "taper", "started_on": "2026-01-15", "ended_on": "2026-06-01",
        "status": "active", "unit": "cigarette", "baseline": { "units_per_day": 18.5, "cost_minor_per_day": 950, "currency": "EUR", "minutes_per_day": 90 },
        "limits": { "units_per_day": 10, "units_per_week": 60, "heavy_day_units": 15 },
        "taper": [{ "from": "2026-01-15", "max_units_per_day": 10 }, { "from": "2026-02-15", "max_units_per_day": 2.5 }], "note": "For my lungs.",
    });
    let stored = sam.post("/v1/goals", &goal).await.expect(201);
    for (name, value) in goal.as_object().expect("an object") {
        let same = stored.body[name].to_string().replace(".0", "") == value.to_string().replace(".0", "");
        assert!(same, "{name}: {}", stored.body[name]);
    }
}

async fn rules_across_the_members_of_a_goal_are_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong = sam.post("/v1/goals", &json!({
        "substance": "alcohol", "kind": "taper", "started_on": "2026-01-15", "ended_on": "2026-01-14",
        "taper": [{ "from": "2026-02-15", "max_units_per_day": 3 }, { "from": "2026-02-15", "max_units_per_day": 2 }],
        "baseline": { "cost_minor_per_day": 100 },
    })).await.expect(422);
    assert_eq!(wrong.pointers(), ["/baseline/currency", "/ended_on", "/taper/1/from"]);
}
