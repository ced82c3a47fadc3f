//! Amounts of use events and goals: their units, and what is counted of them.

use mainstay_domain::use_event::UseEvent;
use mainstay_tests::{Person, TestApp, both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

both_engines!(
    every_unit_is_stored_with_what_belongs_to_it,
    every_member_that_does_not_fit_the_unit_is_named,
    an_amount_is_compared_with_a_limit_in_the_same_unit_or_in_grams,
    a_unit_that_was_stored_as_free_text_stays_readable,
);

const UNITS: [&str; 11] =
    ["standard_drink", "g", "ml", "cigarette", "pouch", "joint", "pill", "dose", "hour", "currency", "other"];

fn event(members: &Value) -> Value {
    merged(json!({ "substance": "alcohol", "occurred_at": "2026-03-07T22:40:00-05:00" }), members)
}

fn goal(members: &Value) -> Value {
    merged(json!({ "substance": "alcohol", "kind": "reduce", "started_on": "2026-01-15" }), members)
}

fn merged(mut body: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

async fn every_unit_is_stored_with_what_belongs_to_it(app: &TestApp) {
    let sam = app.person().await;
    for unit in UNITS {
        let mut members = json!({ "unit": unit });
        if unit == "ml" {
            members["abv"] = json!(4.75);
        }
        if unit == "other" {
            members["unit_label"] = json!("bottles");
        }
        let goal = goal(&merged(json!({ "status": "paused", "limits": { "units_per_day": 2.5 } }), &members));
        let goal = sam.post("/v1/goals", &goal).await.expect(201);
        members["amount"] = json!(1.5);
        let used = sam.post("/v1/use-events", &event(&members)).await.expect(201);
        for (name, value) in members.as_object().expect("an object") {
            assert_eq!(&used.body["use_event"][name], value, "{unit} {name}");
            assert!(name == "amount" || &goal.body[name] == value, "{unit} {name}");
        }
        // What was received can be sent back.
        sam.put(&goal.header("location"), 1, &goal.body).await.expect(200);
        sam.put(&used.header("location"), 1, &used.body["use_event"]).await.expect(200);
    }
    // Clients that know no units go on.
    sam.post("/v1/use-events", &event(&json!({ "amount": 2 }))).await.expect(201);
    sam.post("/v1/goals", &goal(&json!({ "limits": { "units_per_day": 2 } }))).await.expect(201);
}

async fn every_member_that_does_not_fit_the_unit_is_named(app: &TestApp) {
    let sam = app.person().await;
    for (members, of_event, of_goal) in [
        (json!({ "unit": "g" }), vec!["/amount"], vec![]),
        (json!({ "amount": 2, "abv": 5 }), vec!["/unit"], vec!["/unit"]),
        (json!({ "amount": 2, "unit_label": "bottles" }), vec!["/unit"], vec!["/unit"]),
        (json!({ "amount": 2, "unit": "g", "abv": 5 }), vec!["/abv"], vec!["/abv"]),
        (json!({ "amount": 2, "unit": "other", "abv": 5 }), vec!["/abv"], vec!["/abv"]),
        (
            json!({ "amount": 2, "unit": "ml", "unit_label": "cans" }),
            vec!["/unit_label"],
            vec!["/unit_label"],
        ),
        (
            json!({ "unit": "pill", "abv": 5, "unit_label": "cans" }),
            vec!["/abv", "/amount", "/unit_label"],
            vec!["/abv", "/unit_label"],
        ),
        (json!({ "amount": 2, "unit": "drinks" }), vec!["/unit"], vec!["/unit"]),
        (json!({ "amount": 2, "unit": "drinks", "abv": 5 }), vec!["/unit"], vec!["/unit"]),
        (json!({ "amount": 2, "unit": "" }), vec!["/unit"], vec!["/unit"]),
        (json!({ "amount": 2, "unit": "ml", "abv": 0 }), vec!["/abv"], vec!["/abv"]),
        (json!({ "amount": 2, "unit": "ml", "abv": 100.01 }), vec!["/abv"], vec!["/abv"]),
        (json!({ "amount": 2, "unit": "ml", "abv": 4.125 }), vec!["/abv"], vec!["/abv"]),
        (json!({ "amount": 2, "unit": "ml", "abv": "5" }), vec!["/abv"], vec!["/abv"]),
        (json!({ "amount": 2, "unit": "other", "unit_label": "" }), vec!["/unit_label"], vec!["/unit_label"]),
        (
            json!({ "amount": 2, "unit": "other", "unit_label": "x".repeat(61) }),
            vec!["/unit_label"],
            vec!["/unit_label"],
        ),
    ] {
        let refused = sam.post("/v1/use-events", &event(&members)).await.expect(422);
        assert_eq!(refused.pointers(), of_event, "{members}");
        let mut members = members;
        members.as_object_mut().expect("an object").remove("amount");
        let response = sam.post("/v1/goals", &goal(&members)).await;
        if of_goal.is_empty() {
            response.expect(201);
        } else {
            assert_eq!(response.expect(422).pointers(), of_goal, "{members}");
        }
    }
}

/// How many days of a goal were within its limit, over it, and unknown.
async fn counted(sam: &Person, goal: &Value) -> [i64; 3] {
    let abstinence = sam.get("/v1/insights/abstinence?as_of=2026-03-20T12:00:00Z").await.expect(200).body;
    let goals = abstinence["goals"].as_array().expect("goals");
    let found = goals.iter().find(|found| found["goal_id"] == goal["id"]).expect("the goal");
    let days = &found["within_limits"]["days"];
    ["within", "over", "unknown"].map(|name| days[name].as_i64().expect("a number"))
}

async fn an_amount_is_compared_with_a_limit_in_the_same_unit_or_in_grams(app: &TestApp) {
    let cases = [
        // 2 drinks in the United States are 28 g.
        (Some("US"), json!({ "unit": "standard_drink" }), json!({ "amount": 28, "unit": "g" }), "within"),
        (Some("US"), json!({ "unit": "standard_drink" }), json!({ "amount": 28.1, "unit": "g" }), "over"),
        (Some("GB"), json!({ "unit": "standard_drink" }), json!({ "amount": 28, "unit": "g" }), "over"),
        (None, json!({ "unit": "standard_drink" }), json!({ "amount": 28, "unit": "g" }), "unknown"),
        (
            None,
            json!({ "unit": "standard_drink" }),
            json!({ "amount": 2, "unit": "standard_drink" }),
            "within",
        ),
        (None, json!({ "unit": "standard_drink" }), json!({ "amount": 3, "unit": "standard_drink" }), "over"),
        (
            Some("US"),
            json!({ "unit": "standard_drink" }),
            json!({ "amount": 355, "unit": "ml", "abv": 5 }),
            "within",
        ),
        (Some("US"), json!({ "unit": "standard_drink" }), json!({ "amount": 1, "unit": "ml" }), "unknown"),
        (
            Some("US"),
            json!({ "unit": "standard_drink" }),
            json!({ "amount": 2, "unit": "other", "unit_label": "bottles" }),
            "unknown",
        ),
        (
            None,
            json!({ "unit": "other", "unit_label": "Bottles" }),
            json!({ "amount": 2, "unit": "other", "unit_label": "bottles" }),
            "within",
        ),
        (Some("US"), json!({ "unit": "standard_drink" }), json!({ "amount": 2 }), "unknown"),
        (Some("US"), json!({}), json!({ "amount": 2 }), "unknown"),
        (Some("US"), json!({}), json!({ "amount": 2, "unit": "standard_drink" }), "unknown"),
    ];
    for (n, (country, limit, used, expected)) in cases.into_iter().enumerate() {
        let sam = app
            .person_with(
                json!({ "email": format!("person{n}@example.org"), "country": country, "locale": null }),
            )
            .await;
        let limit =
            merged(goal(&json!({ "started_on": "2026-03-01", "limits": { "units_per_day": 2 } })), &limit);
        let goal = sam.post("/v1/goals", &limit).await.expect(201).body;
        sam.post("/v1/use-events", &event(&used)).await.expect(201);
        let [within, over, unknown] = counted(&sam, &goal).await;
        let found = [
            ("within", over + unknown == 0),
            ("over", over == 1 && unknown == 0),
            ("unknown", unknown == 1 && over == 0),
        ];
        assert_eq!(within + over + unknown, 19);
        assert!(
            found.contains(&(expected, true)),
            "{country:?} {used} in {limit}: {within} {over} {unknown}"
        );
    }
}

async fn a_unit_that_was_stored_as_free_text_stays_readable(app: &TestApp) {
    let sam = app.person().await;
    let (bottles, no_amount) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for (id, unit, amount) in [(bottles, "Flaschen", json!(2)), (no_amount, "mg", Value::Null)] {
        app.store_earlier::<UseEvent>(&sam, id, &json!({ "unit": unit, "amount": amount })).await;
    }
    let path = format!("/v1/use-events/{bottles}");
    let is_current =
        |found: &Value| (&found["unit"], &found["unit_label"]) == (&json!("other"), &json!("Flaschen"));

    let one = sam.get(&path).await.expect(200).body;
    assert!(is_current(&one), "{one}");
    let listed = sam.get("/v1/use-events").await.expect(200).items();
    assert_eq!(listed.iter().filter(|found| is_current(found)).count(), 1);
    let synced = sam.post("/v1/sync", &json!({ "cursor": null, "changes": [] })).await.expect(200).body;
    let synced = synced["changes"].as_array().expect("changes");
    assert!(synced.iter().any(|change| is_current(&change["record"])), "{synced:?}");
    assert!(sam.get(&format!("{path}/support")).await.status < 500);
    for path in ["/v1/insights/abstinence", "/v1/insights/warnings", "/v1/insights/summary", "/v1/support"] {
        sam.get(path).await.expect(200);
    }
    let without = sam.get(&format!("/v1/use-events/{no_amount}")).await.expect(200).body;
    assert_eq!((without.get("unit"), without.get("unit_label")), (None, None));

    // Sent back as it came, it is valid, and the version before stays readable.
    sam.put(&path, 1, &one).await.expect(200);
    sam.put(&format!("/v1/use-events/{no_amount}"), 1, &without).await.expect(200);
    let history = sam.get(&format!("{path}/history")).await.expect(200).items();
    assert!(
        history.iter().all(|version| is_current(&version["record"])) && history.len() == 1,
        "{history:?}"
    );
    sam.delete(&path, 2).await.expect(204);
    assert_eq!(sam.get(&path).await.expect(200).body["entered_in_error"], true);
}
