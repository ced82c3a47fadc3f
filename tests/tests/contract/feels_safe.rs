//! Saying that one is not safe: help in the response, with the safety plan.

use chrono::TimeDelta;
use mainstay_tests::{
    Person, TestApp, both_engines,
    samples::{sample_id, statuses},
};
use serde_json::{Value, json};

both_engines!(
    a_check_in_that_says_no_or_not_sure_answers_with_help,
    other_check_ins_answer_with_the_record_alone,
    a_response_with_help_may_be_sent_back,
    the_safety_plan_comes_with_every_help_and_first_in_danger,
    what_was_said_through_sync_is_known_afterwards,
    the_answers_are_validated_and_kept,
);

fn check_in(app: &TestApp, answers: Value) -> Value {
    let at = (app.clock.now() - TimeDelta::minutes(1)).to_rfc3339();
    json!({ "kind": "momentary", "occurred_at": at, "answers": answers })
}

/// A person with two contacts and two active plans. The second contact may be called in a crisis.
async fn person_with_plans(app: &TestApp) -> Person {
    let sam = app.person().await;
    for (name, position, in_crisis) in [("Robin", 1, false), ("Kim", 2, true)] {
        let contact = json!({ "name": name, "relationship": "friend", "phone": "+12025550143", "position": position, "in_crisis": in_crisis });
        sam.post("/v1/support-contacts", &contact).await.expect(201);
    }
    let content = json!({ "triggers": [{ "label": "Payday", "kind": "external" }], "strategies": [{ "label": "Walk", "category": "exercise" }] });
    for kind in ["relapse_prevention", "safety"] {
        let mut plan = json!({ "kind": kind, "title": "Mine", "content": content });
        if kind == "safety" {
            plan["content"]["safety_steps"] =
                json!([{ "step": 4, "text": "Ask Kim." }, { "step": 1, "text": "I stop eating." }]);
        }
        let path = sam.post("/v1/plans", &plan).await.expect(201).header("location");
        sam.post_empty(&format!("{path}/activate")).await.expect(200);
    }
    sam
}

fn steps(support: &Value) -> Vec<&str> {
    let steps = support["safety_steps"].as_array().expect("steps");
    steps.iter().map(|step| step["text"].as_str().expect("a text")).collect()
}

/// Asserts that the help puts safety first.
fn assert_safety_first(support: &Value) {
    assert!(
        support["message"].as_str().is_some_and(|message| message.contains("safety comes first")),
        "{support}"
    );
    assert_eq!(support["safety_notes"][0]["topic"], "feeling_unsafe");
    let lines: Vec<&Value> =
        support["helplines"].as_array().unwrap().iter().map(|line| &line["id"]).collect();
    assert_eq!(lines[..2], ["us-emergency", "us-988"]);
    assert!(lines.contains(&&json!("us-samhsa")));
    let lines = &support["safety_notes"][0]["helplines"];
    assert_eq!((&lines[0]["id"], &lines[1]["id"]), (&json!("us-emergency"), &json!("us-988")));
}

async fn a_check_in_that_says_no_or_not_sure_answers_with_help(app: &TestApp) {
    let sam = person_with_plans(app).await;
    for answer in ["no", "not_sure"] {
        let body = check_in(app, json!({ "feels_safe": answer }));
        let stored = sam.post("/v1/check-ins", &body).await.expect(201);
        assert_safety_first(&stored.body["support"]);
        assert_eq!(stored.body["support"]["contacts"][0]["name"], "Kim");
        assert_eq!(stored.body["support"]["strategies"][0]["label"], "Walk");
        // Beside the help the response is the record.
        let mut record = stored.body.clone();
        record.as_object_mut().unwrap().remove("support");
        let read = sam.get(&stored.header("location")).await.expect(200);
        assert_eq!((&read.body, stored.header("etag").as_str()), (&record, "\"1\""));
        let mut again = body.clone();
        again["id"] = record["id"].clone();
        let replay = sam.post("/v1/check-ins", &again).await.expect(200);
        assert_eq!(
            (replay.header("idempotent-replayed").as_str(), &replay.body["version"]),
            ("true", &json!(1))
        );
        assert_safety_first(&replay.body["support"]);
    }
    let body = check_in(app, json!({ "feels_safe": "no" }));
    let first = sam.post_with_key("/v1/check-ins", "tonight", &body).await.expect(201);
    assert_safety_first(&first.body["support"]);
    assert_eq!(sam.post_with_key("/v1/check-ins", "tonight", &body).await.expect(201).text, first.text);
}

async fn other_check_ins_answer_with_the_record_alone(app: &TestApp) {
    let sam = person_with_plans(app).await;
    for answers in
        [json!({ "feels_safe": "yes" }), json!({ "mood": 1 }), json!({ "feels_safe": null, "mood": 1 })]
    {
        let stored = sam.post("/v1/check-ins", &check_in(app, answers)).await.expect(201);
        assert_eq!(stored.body.get("support"), None);
        assert_eq!(sam.get(&stored.header("location")).await.expect(200).body, stored.body);
    }
}

async fn a_response_with_help_may_be_sent_back(app: &TestApp) {
    let sam = person_with_plans(app).await;
    let stored = sam.post("/v1/check-ins", &check_in(app, json!({ "feels_safe": "no" }))).await.expect(201);
    let path = stored.header("location");
    sam.post("/v1/check-ins", &stored.body).await.expect(200);
    let mut changed = stored.body.clone();
    changed["answers"]["mood"] = json!(11);
    assert_eq!(sam.put(&path, 1, &changed).await.expect(422).pointers(), ["/answers/mood"]);
    changed["answers"]["mood"] = json!(4);
    let changed = sam.put(&path, 1, &changed).await.expect(200);
    assert_eq!(changed.body["answers"], json!({ "mood": 4, "feels_safe": "no" }));
    assert_safety_first(&changed.body["support"]);
}

async fn the_safety_plan_comes_with_every_help_and_first_in_danger(app: &TestApp) {
    let sam = person_with_plans(app).await;
    let craving = |answer: Value| {
        let at = (app.clock.now() - TimeDelta::minutes(1)).to_rfc3339();
        json!({ "occurred_at": at, "ratings": [{ "offset_s": 0, "value": 7 }], "feels_safe": answer })
    };
    let calm = sam.post("/v1/craving-events", &craving(json!(null))).await.expect(201);
    let support = &calm.body["support"];
    assert_eq!((&support["safety_notes"], &support["contacts"][0]["name"]), (&json!([]), &json!("Robin")));
    assert_eq!(
        (steps(support), &support["helplines"][0]["id"]),
        (vec!["I stop eating.", "Ask Kim."], &json!("us-988"))
    );
    let not_safe = sam.post("/v1/craving-events", &craving(json!("not_sure"))).await.expect(201);
    assert_eq!(not_safe.body["craving_event"]["feels_safe"], "not_sure");
    let path = not_safe.header("location");
    for support in [
        not_safe.body["support"].clone(),
        sam.get(&format!("{path}/support")).await.expect(200).body,
        sam.get("/v1/support").await.expect(200).body,
    ] {
        assert_safety_first(&support);
        assert_eq!(steps(&support), ["I stop eating.", "Ask Kim."]);
    }
    // A later yes ends it.
    app.clock.advance(TimeDelta::minutes(1));
    sam.post("/v1/check-ins", &check_in(app, json!({ "feels_safe": "yes" }))).await.expect(201);
    let support = sam.get("/v1/support").await.expect(200).body;
    assert_eq!((&support["safety_notes"], steps(&support).len()), (&json!([]), 2));
}

async fn what_was_said_through_sync_is_known_afterwards(app: &TestApp) {
    let sam = person_with_plans(app).await;
    let record = check_in(app, json!({ "feels_safe": "no" }));
    let change = json!({ "kind": "check-ins", "op": "upsert", "id": sample_id(77), "record": record });
    let answer = sam.post("/v1/sync", &json!({ "cursor": null, "changes": [change] })).await.expect(200);
    assert_eq!(statuses(answer.body["results"].as_array().unwrap()), ["applied"]);
    assert_safety_first(&sam.get("/v1/support").await.expect(200).body);
}

async fn the_answers_are_validated_and_kept(app: &TestApp) {
    let sam = app.person().await;
    let answers = json!({ "used_yesterday": "prefer_not_to_say", "feels_safe": "yes" });
    let stored = sam.post("/v1/check-ins", &check_in(app, answers.clone())).await.expect(201);
    assert_eq!(stored.body["answers"], answers);
    let wrong = check_in(app, json!({ "used_yesterday": "maybe", "feels_safe": true }));
    let refused = sam.post("/v1/check-ins", &wrong).await.expect(422);
    assert_eq!(refused.pointers(), ["/answers/feels_safe", "/answers/used_yesterday"]);
    let craving = json!({ "occurred_at": wrong["occurred_at"], "ratings": [{ "offset_s": 0, "value": 7 }], "feels_safe": "unsure" });
    assert_eq!(sam.post("/v1/craving-events", &craving).await.expect(422).pointers(), ["/feels_safe"]);
}
