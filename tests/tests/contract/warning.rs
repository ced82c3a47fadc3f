//! Warnings: their inputs, the help that they offer, muting, and safety notes.

use chrono::{TimeDelta, Timelike};
use mainstay_tests::{Person, TestApp, both_engines, samples::sample_id};
use serde_json::{Value, json};

use crate::insight::{activate_plan, insight};

/// A time some minutes ago.
fn minutes_ago(app: &TestApp, minutes: i64) -> String {
    let now = app.clock.now().with_nanosecond(0).unwrap();
    (now - TimeDelta::minutes(minutes)).to_rfc3339()
}

/// A person with a plan and three stressful check-ins. Returns the ids of the check-ins too.
async fn stressed_person(app: &TestApp) -> (Person, Vec<String>) {
    let sam = app.person_with(json!({ "email": "sam@example.org", "time_zone": "UTC" })).await;
    activate_plan(&sam).await;
    let mut ids = Vec::new();
    for n in [3, 2, 1] {
        let answers = json!({ "kind": "momentary", "occurred_at": minutes_ago(app, n), "answers": { "stress": 8, "self_efficacy": 2 + n, "mood": 6 } });
        ids.push(sam.post("/v1/check-ins", &answers).await.expect(201).id());
    }
    (sam, ids)
}

async fn report(sam: &Person) -> String {
    sam.send("GET", "/v1/reports/progress", &[("accept", "text/html")], None).await.expect(200).text
}

both_engines!(
    warnings_name_their_inputs_and_offer_help,
    a_muted_warning_is_listed_but_does_not_count,
    recent_use_and_a_physical_sign_bring_safety_notes,
);

async fn warnings_name_their_inputs_and_offer_help(app: &TestApp) {
    let (sam, ids) = stressed_person(app).await;
    let found = insight(&sam, "warnings").await;
    // Low self-efficacy has weight 3, and stress weight 1.
    assert_eq!(
        (&found["level"], &found["score"], &found["rules_version"]),
        (&json!("elevated"), &json!(4), &json!(2))
    );
    let rules: Vec<&Value> = found["fired"].as_array().unwrap().iter().map(|f| &f["rule"]).collect();
    assert_eq!(rules, ["low_efficacy", "stress"]);
    let input = &found["fired"][0]["inputs"][0];
    assert_eq!(
        (&input["kind"], &input["id"], &input["member"], &input["value"]),
        (&json!("check-ins"), &json!(ids[2]), &json!("answers.self_efficacy"), &json!(3.0))
    );
    assert_eq!(
        found["fired"][1]["plan_items"][0],
        json!({ "section": "strategies", "id": sample_id(4), "text": "Breathe" })
    );
    assert_eq!(found["fired"][1]["practices"].as_array().unwrap().len(), 3);
    assert!(
        found["not_evaluable"]
            .as_array()
            .unwrap()
            .iter()
            .any(|n| n["rule"] == "craving_rise" && n["missing"].is_string())
    );
}

async fn a_muted_warning_is_listed_but_does_not_count(app: &TestApp) {
    let (sam, _) = stressed_person(app).await;
    let mute = json!({ "rule": "low_efficacy", "kind": "mute" });
    let path = sam.post("/v1/insights/warnings/feedback", &mute).await.expect(201).header("location");
    let muted = insight(&sam, "warnings").await;
    assert_eq!(
        (&muted["level"], &muted["score"], &muted["muted"][0]["rule"]),
        (&json!("steady"), &json!(1), &json!("low_efficacy"))
    );
    // The level covers the rules that the person wants to hear about. The muted one is still listed.
    assert_eq!(muted["muted"][0]["would_fire"], true);
    assert_eq!(insight(&sam, "summary").await["warnings"]["muted"], 1);
    let page = report(&sam).await;
    assert!(!page.contains("Steady:") && page.contains("Of the signs that you want to hear about"), "{page}");
    assert_eq!(sam.get("/v1/warning-feedback").await.expect(200).items().len(), 1);
    sam.delete(&path, 1).await.expect(204);
    assert_eq!(insight(&sam, "warnings").await["score"], 4);
    let wrong = json!({ "rule": "luck", "kind": "helpful", "muted_until": minutes_ago(app, 0) });
    assert_eq!(
        sam.post("/v1/insights/warnings/feedback", &wrong).await.expect(422).pointers(),
        ["/muted_until", "/rule"]
    );
}

async fn recent_use_and_a_physical_sign_bring_safety_notes(app: &TestApp) {
    let (sam, _) = stressed_person(app).await;
    // Use and a physical warning sign. Safety notes come with helplines.
    let use_event = json!({ "substance": "opioid_heroin", "occurred_at": minutes_ago(app, 5), "warning_sign_ids": [sample_id(2)] });
    let used = sam.post("/v1/use-events", &use_event).await.expect(201).body["use_event"]["id"].clone();
    let found = insight(&sam, "warnings").await;
    assert_eq!((&found["level"], &found["score"]), (&json!("high"), &json!(10)));
    assert_eq!(
        (&found["fired"][0]["rule"], &found["fired"][0]["inputs"][0]["id"]),
        (&json!("recent_use"), &used)
    );
    assert_eq!(found["fired"][0]["plan_items"][0]["text"], "Call Robin.");
    // The sign is an input and is not offered as help. Contacts are offered by name.
    assert_eq!(found["fired"][1]["inputs"][0]["label"], "Driving past the shop");
    let items = found["fired"][1]["plan_items"].as_array().unwrap();
    assert!(
        items.iter().all(|item| item["section"] != "warning_signs" && item["text"].is_string()),
        "{items:?}"
    );
    assert!(
        items.iter().any(|item| item["section"] == "contact_ids" && item["text"] == "Robin"),
        "{items:?}"
    );
    let page = report(&sam).await;
    for said in [
        "From your plan: Call Robin.",
        "Robin",
        "call <a href=\"tel:988\" rel=\"noreferrer\">988</a> (Press 2 for Spanish)",
        "your sign “Driving past the shop”",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(
        (&found["fired"][1]["inputs"][0]["item_id"], &found["safety"][0]["topic"]),
        (&json!(sample_id(2)), &json!("opioid_tolerance"))
    );
    assert!(!found["safety"][0]["helplines"].as_array().unwrap().is_empty());
    let summary = insight(&sam, "summary").await;
    assert_eq!((&summary["warnings"]["level"], &summary["warnings"]["score"]), (&json!("high"), &json!(10)));
}
