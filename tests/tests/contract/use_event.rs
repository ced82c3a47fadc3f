//! Use events, their reviews, and the plan drafts from reviews.

use mainstay_tests::{TestApp, both_engines};
use serde_json::{Value, json};

fn lapse() -> Value {
    json!({ "substance": "alcohol", "occurred_at": "2026-03-07T22:40:00-05:00", "amount": 4, "unit": "standard_drink", "as_prescribed": false, "self_label": "lapse" })
}

both_engines!(
    the_response_to_a_lapse_has_the_lapse_response_of_the_plan_and_nothing_else_changes,
    deleting_marks_it_as_entered_in_error_and_nothing_removes_it,
    a_use_event_may_name_the_craving_before_it,
    a_review_is_created_without_and_changed_with_a_precondition,
    a_review_turns_into_a_draft_of_the_plan,
    a_plan_draft_with_a_repeated_key_is_created_once,
    a_proposed_practice_must_be_one_of_the_library,
);

async fn the_response_to_a_lapse_has_the_lapse_response_of_the_plan_and_nothing_else_changes(app: &TestApp) {
    let sam = app.person().await;
    let goal = sam
        .post("/v1/goals", &json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-01-15" }))
        .await
        .expect(201);
    let plan = sam
        .post(
            "/v1/plans",
            &json!({
                "kind": "relapse_prevention", "title": "Mine",
                "content": {
                    "warning_signs": [{ "label": "Skipping meals", "stage": "emotional" }],
                    "strategies": [{ "label": "Walk", "category": "exercise" }],
                    "lapse_response": [{ "text": "Call Robin." }],
                },
            }),
        )
        .await
        .expect(201);
    let active = sam.post_empty(&format!("{}/activate", plan.header("location"))).await.expect(200);
    let response = sam.post("/v1/use-events", &lapse()).await.expect(201);
    assert_eq!(response.body["use_event"]["entered_in_error"], false);
    assert_eq!(response.body["support"]["lapse_response"][0]["text"], "Call Robin.");
    assert_eq!(sam.get(&goal.header("location")).await.body, goal.body);
    assert_eq!(sam.get(&plan.header("location")).await.body, active.body);
    let mut opioid = lapse();
    opioid["substance"] = json!("opioid_heroin");
    opioid["harm"] = json!("overdose");
    let response = sam.post("/v1/use-events", &opioid).await.expect(201);
    // The alcohol of the same evening counts too.
    let notes = response.body["support"]["safety_notes"].as_array().expect("notes");
    let topics: Vec<&Value> = notes.iter().map(|note| &note["topic"]).collect();
    assert_eq!(topics, ["overdose", "mixed_depressants", "opioid_tolerance"]);
}

async fn deleting_marks_it_as_entered_in_error_and_nothing_removes_it(app: &TestApp) {
    let sam = app.person().await;
    let mut body = lapse();
    body["id"] = json!("01950000-0000-7000-8000-000000000001");
    let path = sam.post("/v1/use-events", &body).await.expect(201).header("location");
    sam.delete(&path, 2).await.expect(412);
    sam.delete(&path, 1).await.expect(204);
    let marked = sam.get(&path).await.expect(200);
    assert_eq!((&marked.body["entered_in_error"], &marked.body["version"]), (&json!(true), &json!(2)));
    assert!(sam.get("/v1/use-events").await.items().is_empty());
    assert_eq!(sam.delete(&path, 2).await.expect(409).problem(), "entered-in-error");
    assert_eq!(sam.put(&path, 2, &marked.body).await.expect(409).problem(), "entered-in-error");
    assert_eq!(sam.post("/v1/use-events", &body).await.expect(409).problem(), "id-deleted");
    let mut sent = lapse();
    sent["entered_in_error"] = json!(true);
    assert_eq!(
        sam.post("/v1/use-events", &sent).await.expect(201).body["use_event"]["entered_in_error"],
        false
    );
}

async fn a_use_event_may_name_the_craving_before_it(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let craving = json!({ "occurred_at": "2026-03-07T20:00:00-05:00", "ratings": [{ "offset_s": 0, "value": 9 }], "outcome": "used" });
    let craving = sam.post("/v1/craving-events", &craving).await.expect(201);
    let mut body = lapse();
    body["craving_event_id"] = craving.body["craving_event"]["id"].clone();
    assert_eq!(kim.post("/v1/use-events", &body).await.expect(422).pointers(), ["/craving_event_id"]);
    sam.delete(&craving.header("location"), 1).await.expect(204);
    sam.post("/v1/use-events", &body).await.expect(201);
}

async fn a_review_is_created_without_and_changed_with_a_precondition(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let path =
        format!("{}/review", sam.post("/v1/use-events", &lapse()).await.expect(201).header("location"));
    sam.get(&path).await.expect(404);
    let review = |text: &str| json!({ "situation": text, "proposed_items": [{ "section": "triggers", "label": "Birthdays" }] });
    let put = |text: &str| {
        let (sam, path, body) = (sam.clone(), path.clone(), review(text));
        async move { sam.send("PUT", &path, &[], Some(body.to_string().into_bytes())).await }
    };
    let early = sam.put(&path, 1, &review("one")).await;
    early.expect(412);
    let first = put("one").await.expect(201);
    assert!(first.body["proposed_items"][0]["id"].is_string());
    let again = put("one").await.expect(200);
    assert_eq!((again.header("idempotent-replayed").as_str(), &again.body), ("true", &first.body));
    assert_eq!(put("two").await.expect(428).problem(), "precondition-required");
    let second = sam.put(&path, 1, &review("two")).await.expect(200);
    assert_eq!(sam.get(&path).await.expect(200).body, second.body);
    sam.put(&path, 1, &review("three")).await.expect(412);
    kim.get(&path).await.expect(404);
    kim.put(&path, 2, &review("kim")).await.expect(404);
    assert_eq!(sam.put(&path, 2, &json!({})).await.expect(422).pointers(), [""]);
}

async fn a_review_turns_into_a_draft_of_the_plan(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let robin = json!({ "name": "Robin", "relationship": "sponsor", "phone": "+12025550143" });
    let robin = sam.post("/v1/support-contacts", &robin).await.expect(201).id();
    let plan = json!({ "kind": "relapse_prevention", "title": "Staying well", "content": {
        "warning_signs": [{ "label": "Skipping meals", "stage": "physical" }],
        "strategies": [{ "label": "Walk", "category": "exercise" }],
    } });
    let plan = sam.post("/v1/plans", &plan).await.expect(201);
    let active = sam.post_empty(&format!("{}/activate", plan.header("location"))).await.expect(200);
    let mut event = lapse();
    event["category"] = json!("social_pressure");
    let event = sam.post("/v1/use-events", &event).await.expect(201);
    let review = format!("{}/review", event.header("location"));
    let draft = format!("{review}/plan-draft");
    // There is no draft without a review, and none for other people.
    sam.post_empty(&draft).await.expect(404);
    kim.post_empty(&draft).await.expect(404);
    let proposed = json!({ "proposed_items": [
        { "section": "warning_signs", "label": "skipping meals " },
        { "section": "triggers", "label": "Birthdays" },
        { "section": "strategies", "label": "Leave at ten", "note": "With a friend." },
        { "section": "contact_ids", "label": "robin" },
        { "section": "contact_ids", "label": "Nobody" },
        { "section": "lapse_response", "label": "Eat first" },
    ] });
    let stored = sam.send("PUT", &review, &[], Some(proposed.to_string().into_bytes())).await.expect(201);
    let draft_plan = sam.post_empty(&draft).await.expect(201);
    let content = &draft_plan.body["content"];
    assert_eq!(
        (&draft_plan.body["status"], &draft_plan.body["title"], &draft_plan.body["version"]),
        (&json!("draft"), &json!("Staying well"), &json!(1))
    );
    assert_eq!(content["warning_signs"], active.body["content"]["warning_signs"]);
    assert_eq!(content["strategies"][0], active.body["content"]["strategies"][0]);
    let (trigger, strategy) = (&content["triggers"][0], &content["strategies"][1]);
    assert_eq!(
        (&trigger["kind"], &trigger["category"], &trigger["id"]),
        (&json!("external"), &json!("social_pressure"), &stored.body["proposed_items"][1]["id"])
    );
    assert_eq!(
        (&strategy["category"], &strategy["instructions"]),
        (&json!("other"), &json!("With a friend."))
    );
    assert_eq!(
        (&content["contact_ids"], &content["lapse_response"][0]["text"]),
        (&json!([robin]), &json!("Eat first"))
    );
    assert_eq!(sam.get(&draft_plan.header("location")).await.expect(200).body, draft_plan.body);
    // The active plan stays unchanged until the person activates the draft.
    assert_eq!(sam.get(&plan.header("location")).await.body, active.body);
    sam.post_empty(&format!("{}/activate", draft_plan.header("location"))).await.expect(200);
    assert_eq!(sam.get(&plan.header("location")).await.body["status"], "archived");
    // Items that are in the plan are not added again.
    let again = sam.post_empty(&draft).await.expect(201);
    assert_eq!(again.body["content"], draft_plan.body["content"]);
    assert_ne!(again.body["id"], draft_plan.body["id"]);
}

async fn a_plan_draft_with_a_repeated_key_is_created_once(app: &TestApp) {
    let sam = app.person().await;
    let review =
        format!("{}/review", sam.post("/v1/use-events", &lapse()).await.expect(201).header("location"));
    let proposed = json!({ "proposed_items": [{ "section": "routines", "label": "Dinner at six" }] });
    sam.send("PUT", &review, &[], Some(proposed.to_string().into_bytes())).await.expect(201);
    let path = format!("{review}/plan-draft");
    let first = sam.send("POST", &path, &[("idempotency-key", "one")], None).await.expect(201);
    let second = sam.send("POST", &path, &[("idempotency-key", "one")], None).await.expect(201);
    assert_eq!(first.text, second.text);
    let plans = sam.get("/v1/plans").await.items();
    // There was no plan, so the draft has only the proposed items.
    assert_eq!(
        (plans.len(), &plans[0]["title"], &plans[0]["content"]["routines"][0]["text"]),
        (1, &json!("My plan"), &json!("Dinner at six"))
    );
}

async fn a_proposed_practice_must_be_one_of_the_library(app: &TestApp) {
    let sam = app.person().await;
    let review =
        format!("{}/review", sam.post("/v1/use-events", &lapse()).await.expect(201).header("location"));
    let proposed = json!({ "proposed_items": [{ "section": "strategies", "label": "Wave", "practice": "no-such-practice" }] });
    let refused = sam.send("PUT", &review, &[], Some(proposed.to_string().into_bytes())).await.expect(422);
    assert_eq!(refused.pointers(), ["/proposed_items/0/practice"]);
}
