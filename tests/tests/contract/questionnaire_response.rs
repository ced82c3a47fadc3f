//! Questionnaire responses: validated against the questionnaire in every kind of request, and scored by the server.

use mainstay_api::cli::import::QuestionnairesImport;
use mainstay_tests::{Person, TestApp, both_engines};
use serde_json::{Value, json};

use crate::questionnaire::{FIXTURE, import, import_fixture};

fn code(link: &str, code: &str) -> Value {
    json!({ "link_id": link, "value_coding": { "code": code } })
}

fn response(id: &str, status: &str, answers: Value) -> Value {
    json!({ "questionnaire_id": id, "status": status, "occurred_at": "2026-03-01T20:00:00+01:00", "answers": answers })
}

async fn push(person: &Person, change: Value) -> Value {
    let answer = person.post("/v1/sync", &json!({ "cursor": null, "changes": [change] })).await.expect(200);
    answer.body["results"][0].clone()
}

both_engines!(
    a_response_is_scored_when_it_is_completed,
    every_wrong_answer_is_named_in_every_request,
    an_unknown_questionnaire_is_named_in_every_request,
    sync_stores_and_scores_like_a_post,
    a_dark_answer_brings_helplines_of_the_persons_country,
    scores_keep_their_scoring_version_and_have_a_trend,
    answers_are_sealed,
    only_the_first_hundred_findings_are_named,
);

async fn a_response_is_scored_when_it_is_completed(app: &TestApp) {
    let id = import_fixture(app).await;
    let sam = app.person().await;
    let begun = sam
        .post("/v1/questionnaire-responses", &response(&id, "in_progress", json!([code("calm", "some")])))
        .await
        .expect(201);
    assert_eq!((&begun.body["scores"], begun.body.get("scoring_version")), (&json!([]), None));
    let path = begun.header("location");
    let early =
        sam.put(&path, 1, &response(&id, "completed", json!([code("calm", "some")]))).await.expect(422);
    assert_eq!(
        early.faults(),
        [("/answers/1".to_owned(), "required".to_owned()), ("/answers/2".to_owned(), "required".to_owned())]
    );
    assert!(early.text.contains("joy") && early.text.contains("dark"));
    let answers = json!([code("calm", "some"), code("joy", "much"), code("dark", "some"), { "link_id": "dark-when", "value_time": "21:30" },
        code("people", "family"), { "link_id": "people", "value_string": "My neighbour" }, { "link_id": "weight", "value_decimal": 71 }]);
    let mut completed = response(&id, "completed", answers.clone());
    // Read-only members may be sent back and are ignored.
    completed["scores"] = json!([{ "id": "brightness", "value": 99 }]);
    let done = sam.put(&path, 1, &completed).await.expect(200).body;
    let scores: Vec<(&Value, &Value, &Value)> = done["scores"]
        .as_array()
        .expect("scores")
        .iter()
        .map(|s| (&s["id"], &s["value"], &s["band"]))
        .collect();
    assert_eq!(
        scores,
        [
            (&json!("brightness"), &json!(4.0), &json!("A mixed day")),
            (&json!("calm_and_joy"), &json!(1.5), &Value::Null)
        ]
    );
    assert_eq!((&done["scoring_version"], &done["safety_notes"]), (&json!("2026-03"), &json!([])));
    let read = sam.get(&path).await.expect(200).body;
    assert_eq!(
        (&read["scores"], &read["answers"][5]),
        (&done["scores"], &json!({ "link_id": "people", "value_string": "My neighbour" }))
    );
    // A correction is scored again. The status cannot go back, and the questionnaire cannot change.
    let mut other = answers.clone();
    other[0] = code("calm", "much");
    assert_eq!(
        sam.put(&path, 2, &response(&id, "completed", other)).await.expect(200).body["scores"][0]["value"],
        5.0
    );
    assert_eq!(
        sam.put(&path, 3, &response(&id, "in_progress", answers.clone())).await.expect(422).pointers(),
        ["/status"]
    );
    let shipped = sam.get("/v1/questionnaires?status=active").await.expect(200).items()[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let moved = sam.put(&path, 3, &response(&shipped, "completed", json!([]))).await.expect(422);
    assert!(moved.pointers().contains(&"/questionnaire_id".to_owned()));
}

async fn every_wrong_answer_is_named_in_every_request(app: &TestApp) {
    let id = import_fixture(app).await;
    let sam = app.person().await;
    let answers = json!([
        code("calm", "none at all"), code("dark", "none"), { "link_id": "dark-when", "value_time": "21:30" },
        { "link_id": "steps", "value_integer": -1 }, { "link_id": "steps", "value_integer": 5 }, { "link_id": "weight", "value_integer": 7 },
        { "link_id": "since", "value_date": "2026-02-30" }, { "link_id": "note", "value_string": "This is longer than it may be" },
        { "link_id": "thanks", "value_boolean": true }, { "link_id": "sum", "value_decimal": 3 }, { "link_id": "nothing", "value_boolean": true },
        { "link_id": "joy" },
    ]);
    let wrong = response(&id, "completed", answers);
    let expected = [
        ("/answers/0/value_coding", "option"),
        ("/answers/2/link_id", "not-enabled"),
        ("/answers/3/value_integer", "range"),
        ("/answers/4/link_id", "repeated"),
        ("/answers/5/value_decimal", "required"),
        ("/answers/5/value_integer", "type"),
        ("/answers/6/value_date", "format"),
        ("/answers/7/value_string", "length"),
        ("/answers/8/link_id", "not-a-question"),
        ("/answers/9/link_id", "read-only"),
        ("/answers/10/link_id", "unknown-item"),
        ("/answers/11/value_coding", "required"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()));
    assert_eq!(sam.post("/v1/questionnaire-responses", &wrong).await.expect(422).faults(), expected);
    let headers = [("idempotency-key", "an-evening")];
    let keyed =
        sam.send("POST", "/v1/questionnaire-responses", &headers, Some(wrong.to_string().into_bytes())).await;
    assert_eq!(keyed.expect(422).faults(), expected);
    let stored =
        sam.post("/v1/questionnaire-responses", &response(&id, "in_progress", json!([]))).await.expect(201);
    assert_eq!(sam.put(&stored.header("location"), 1, &wrong).await.expect(422).faults(), expected);
    let new = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a70";
    for change in [
        json!({ "kind": "questionnaire-responses", "op": "upsert", "id": new, "record": wrong }),
        json!({ "kind": "questionnaire-responses", "op": "upsert", "id": stored.id(), "base_version": 1, "record": wrong }),
    ] {
        let result = push(&sam, change).await;
        let pointers: Vec<&Value> =
            result["problem"]["errors"].as_array().expect("errors").iter().map(|e| &e["pointer"]).collect();
        assert_eq!(result["status"], "rejected");
        assert_eq!(
            pointers,
            expected.iter().map(|(pointer, _)| json!(pointer)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
    }
    sam.get(&format!("/v1/questionnaire-responses/{new}")).await.expect(404);
}

async fn an_unknown_questionnaire_is_named_in_every_request(app: &TestApp) {
    let sam = app.person().await;
    let unknown = response("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47", "in_progress", json!([]));
    let refused = sam.post("/v1/questionnaire-responses", &unknown).await.expect(422);
    assert_eq!(refused.faults(), [("/questionnaire_id".to_owned(), "unknown-reference".to_owned())]);
    let result = push(&sam, json!({ "kind": "questionnaire-responses", "op": "upsert", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a71", "record": unknown })).await;
    assert_eq!(
        (&result["status"], &result["problem"]["errors"][0]["pointer"]),
        (&json!("rejected"), &json!("/questionnaire_id"))
    );
}

async fn sync_stores_and_scores_like_a_post(app: &TestApp) {
    let id = import_fixture(app).await;
    let sam = app.person().await;
    let completed =
        response(&id, "completed", json!([code("calm", "much"), code("joy", "much"), code("dark", "none")]));
    let change = json!({ "kind": "questionnaire-responses", "op": "upsert", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a72", "record": completed });
    let answer = sam.post("/v1/sync", &json!({ "cursor": null, "changes": [change] })).await.expect(200).body;
    assert_eq!(answer["results"][0]["status"], "applied");
    let pulled = &answer["changes"][0]["record"];
    assert_eq!(
        (&pulled["scores"][0]["value"], &pulled["scores"][0]["band"]),
        (&json!(6.0), &json!("A bright day"))
    );
    assert_eq!(push(&sam, change).await["status"], "replayed");
    let mut again = completed.clone();
    again["id"] = json!("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a72");
    sam.post("/v1/questionnaire-responses", &again).await.expect(200);
}

async fn a_dark_answer_brings_helplines_of_the_persons_country(app: &TestApp) {
    let id = import_fixture(app).await;
    let kim =
        app.person_with(json!({ "email": "kim@example.org", "country": "DE", "locale": "de-DE" })).await;
    let dark = response(&id, "in_progress", json!([code("dark", "much")]));
    let stored = kim.post("/v1/questionnaire-responses", &dark).await.expect(201);
    assert_eq!(
        (&stored.body["safety_notes"][0]["id"], &stored.body["helplines"][0]["country"]),
        (&json!("very-dark"), &json!("DE"))
    );
    let topics: Vec<&Value> =
        stored.body["helplines"].as_array().expect("lines").iter().map(|line| &line["topic"]).collect();
    assert_eq!(topics, ["emergency", "crisis", "substance_use", "gambling", "smoking"]);
    assert_eq!(stored.body["scores"], json!([]));
    let record = json!({ "kind": "questionnaire-responses", "op": "upsert", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a73", "record": dark });
    push(&kim, record).await;
    let pushed =
        kim.get("/v1/questionnaire-responses/0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a73").await.expect(200).body;
    assert_eq!(pushed["helplines"][0]["country"], "DE");
    // With another answer, the note disappears.
    let lighter = kim
        .put(&stored.header("location"), 1, &response(&id, "in_progress", json!([code("dark", "some")])))
        .await
        .expect(200)
        .body;
    assert_eq!((&lighter["safety_notes"], &lighter["helplines"]), (&json!([]), &json!([])));
}

async fn scores_keep_their_scoring_version_and_have_a_trend(app: &TestApp) {
    let id = import_fixture(app).await;
    let (sam, kim) = (app.person().await, app.person().await);
    let trend = format!("/v1/questionnaires/{id}/trend");
    assert_eq!(
        sam.get(&trend).await.expect(200).body,
        json!({ "questionnaire_id": id, "n": 0, "scores": [] })
    );
    let day = |n: u32, calm: &str| {
        json!({ "questionnaire_id": id, "status": "completed", "occurred_at": format!("2026-03-0{n}T20:00:00+01:00"),
        "answers": [code("calm", calm), code("joy", "some"), code("dark", "none")] })
    };
    for (n, calm) in [(3, "much"), (1, "none"), (2, "some")] {
        sam.post("/v1/questionnaire-responses", &day(n, calm)).await.expect(201);
    }
    let shown = sam.get(&trend).await.expect(200);
    let points = |body: &Value| -> Vec<(Value, Value)> {
        body["scores"][0]["points"]
            .as_array()
            .expect("points")
            .iter()
            .map(|p| (p["value"].clone(), p["change"].clone()))
            .collect()
    };
    assert_eq!(
        points(&shown.body),
        [(json!(3.0), Value::Null), (json!(4.0), json!(1.0)), (json!(5.0), json!(1.0))]
    );
    sam.send("GET", &trend, &[("if-none-match", &shown.header("etag"))], None).await.expect(304);

    // New scoring rules for the same questions do not change earlier scores.
    let rules = app.database.path().join("rules.json");
    std::fs::write(&rules, r#"{ "version": "2026-04", "scores": [{ "id": "brightness", "label": "Brightness", "items": ["calm", "joy"], "multiply": 10 }] }"#).expect("the file is written");
    let more = QuestionnairesImport { scoring: Some(rules), ..QuestionnairesImport::default() };
    assert!(import(app, FIXTURE, more).await.expect("the import succeeds").text.starts_with("renewed "));
    sam.post("/v1/questionnaire-responses", &day(4, "some")).await.expect(201);
    let after = sam.get(&trend).await.expect(200);
    assert_eq!(points(&after.body)[3], (json!(20.0), Value::Null));
    assert_eq!(after.body["scores"][0]["points"][2]["scoring_version"], "2026-03");
    assert_eq!(kim.get(&trend).await.expect(200).body["n"], 0);
    sam.get("/v1/questionnaires/0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47/trend").await.expect(404);
}

async fn answers_are_sealed(app: &TestApp) {
    let id = import_fixture(app).await;
    let sam = app.person().await;
    let answers = json!([{ "link_id": "note", "value_string": "Canary in a mine" }]);
    sam.post("/v1/questionnaire-responses", &response(&id, "in_progress", answers)).await.expect(201);
    let stolen = String::from_utf8_lossy(&app.database.stolen_bytes()).into_owned();
    assert!(!stolen.contains("Canary in a mine") && stolen.contains("Evening review"));
}

async fn only_the_first_hundred_findings_are_named(app: &TestApp) {
    let id = import_fixture(app).await;
    let sam = app.person().await;
    let answers: Vec<_> = (0..2_000).map(|_| json!({ "link_id": "nowhere", "value_integer": 1 })).collect();
    let refused = sam
        .post("/v1/questionnaire-responses", &response(&id, "completed", json!(answers)))
        .await
        .expect(422);
    assert_eq!(refused.body["errors"].as_array().map(Vec::len), Some(100));
}
