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
    an_answer_is_as_old_as_itself_whatever_else_changes_in_its_record,
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

async fn an_answer_is_as_old_as_itself_whatever_else_changes_in_its_record(app: &TestApp) {
    let sam = app.person().await;
    let at = |minutes: i64| (app.clock.now() - TimeDelta::minutes(minutes)).to_rfc3339();
    let said = |minutes: i64, answer: &str| json!({ "kind": "momentary", "occurred_at": at(minutes), "answers": { "feels_safe": answer } });
    let craving = |minutes: i64, answer: &str| json!({ "occurred_at": at(minutes), "ratings": [{ "offset_s": 0, "value": 7 }], "feels_safe": answer });
    let is_unsafe = async || {
        let support = sam.get("/v1/support").await.expect(200).body;
        let warnings = sam.get("/v1/insights/warnings").await.expect(200).body;
        let is_noted =
            |notes: &Value| notes.as_array().unwrap().iter().any(|note| note["topic"] == "feeling_unsafe");
        assert_eq!(is_noted(&support["safety_notes"]), is_noted(&warnings["safety"]));
        is_noted(&support["safety_notes"])
    };
    // A `yes` about a later time, which was written before.
    let yes = sam.post("/v1/check-ins", &said(60, "yes")).await.expect(201);
    sam.post("/v1/craving-events", &craving(237, "yes")).await.expect(201);
    app.clock.advance(TimeDelta::minutes(1));
    let no = sam.post("/v1/check-ins", &said(300, "no")).await.expect(201);
    assert!(is_unsafe().await);
    // Neither tags nor the closing of the craving make a `yes` a new one.
    app.clock.advance(TimeDelta::minutes(5));
    let changed = sam.patch(&yes.header("location"), 1, &json!({ "tags": ["work"] })).await.expect(200).body;
    assert_eq!(changed["feels_safe_at"], yes.body["feels_safe_at"]);
    app.state().store.run_timers(app.clock.micros()).await.expect("the timers run");
    assert!(is_unsafe().await);
    // A new `yes` takes it back, and a change of something else does not bring it back.
    let later = sam.post("/v1/check-ins", &said(1, "yes")).await.expect(201);
    assert!(!is_unsafe().await);
    app.clock.advance(TimeDelta::minutes(1));
    let path = no.header("location");
    let tagged = sam.patch(&path, 1, &json!({ "tags": ["night"] })).await.expect(200).body;
    assert_eq!(tagged["feels_safe_at"], no.body["feels_safe_at"]);
    assert!(!is_unsafe().await);
    // An answer that changes is a new answer.
    sam.patch(&later.header("location"), 1, &json!({ "answers": { "feels_safe": "not_sure" } }))
        .await
        .expect(200);
    assert!(is_unsafe().await);
}
