//! Questionnaires, imported from FHIR resources.

use mainstay_api::cli::import::{QuestionnairesImport, Report, questionnaires};
use mainstay_domain::reference::questionnaire::QuestionnaireStatus;
use mainstay_tests::{TestApp, both_engines};
use serde_json::{Value, json};

/// An invented questionnaire with the features of real ones.
pub const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/questionnaire.json");
/// The scoring rules of the invented questionnaire.
pub const SCORING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scoring.json");

/// Imports a file.
pub async fn import(app: &TestApp, file: &str, more: QuestionnairesImport) -> Result<Report, String> {
    let import = QuestionnairesImport { file: file.into(), ..more };
    questionnaires(&app.state().store, &import).await
}

/// Imports the invented questionnaire with its scoring rules. Returns its id.
pub async fn import_fixture(app: &TestApp) -> String {
    let more = QuestionnairesImport { scoring: Some(SCORING.into()), ..QuestionnairesImport::default() };
    id_of(&import(app, FIXTURE, more).await.expect("the import succeeds"))
}

/// Finds the id in the report of an import.
pub fn id_of(report: &Report) -> String {
    let line = report.text.lines().find_map(|line| line.strip_prefix("  id: "));
    line.expect("the report names the id").to_owned()
}

/// The terms that a file without its own needs.
pub fn terms() -> QuestionnairesImport {
    QuestionnairesImport {
        licence: Some("Used with permission".to_owned()),
        attribution: Some("Its authors".to_owned()),
        ..QuestionnairesImport::default()
    }
}

/// Writes a changed copy of the invented questionnaire to a file. Returns its path.
fn changed_fixture(app: &TestApp, change: impl FnOnce(&mut Value)) -> String {
    let mut resource: Value =
        serde_json::from_str(&std::fs::read_to_string(FIXTURE).expect("the fixture")).expect("JSON");
    change(&mut resource);
    let file = app.database.path().join("changed.json");
    std::fs::write(&file, resource.to_string()).expect("the file is written");
    file.display().to_string()
}

both_engines!(
    the_shipped_questionnaire_has_licence_and_attribution,
    an_import_flattens_the_items_and_keeps_their_properties,
    an_import_without_licence_or_attribution_is_refused,
    versions_exist_side_by_side_and_their_questions_never_change,
    invalid_files_are_refused_with_the_location_of_the_fault,
    the_cases_are_imported_or_refused_by_name,
    hidden_items_are_marked_and_take_no_answer,
    a_questionnaire_of_r5_is_imported_and_answered,
    strict_imports_nothing_that_is_not_understood,
);

async fn the_shipped_questionnaire_has_licence_and_attribution(app: &TestApp) {
    let sam = app.person().await;
    let listed = sam.get("/v1/questionnaires").await.expect(200);
    let [own] = listed.items().try_into().expect("the shipped one alone");
    assert!(own["licence"].as_str().expect("a licence").starts_with("CC0") && own["attribution"].is_string());
    assert_eq!(
        (&own["questions"], &own["is_scored"], &own["status"]),
        (&json!(7), &json!(true), &json!("active"))
    );
    let questionnaire =
        sam.get(&format!("/v1/questionnaires/{}", own["id"].as_str().expect("an id"))).await.expect(200);
    assert_eq!(questionnaire.body["items"].as_array().map(Vec::len), Some(8));
    sam.send(
        "GET",
        &format!("/v1/questionnaires/{}", own["id"].as_str().expect("an id")),
        &[("if-none-match", &questionnaire.header("etag"))],
        None,
    )
    .await
    .expect(304);
    app.client().get("/v1/questionnaires").await.expect(401);
    sam.get("/v1/questionnaires/0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47").await.expect(404);
    assert_eq!(
        sam.get("/v1/questionnaires?status=old&url=&limit=0&cursor=x&n=1").await.expect(422).pointers(),
        ["/cursor", "/limit", "/n", "/status", "/url"]
    );
}

async fn an_import_flattens_the_items_and_keeps_their_properties(app: &TestApp) {
    let id = import_fixture(app).await;
    let sam = app.person().await;
    let questionnaire = sam.get(&format!("/v1/questionnaires/{id}")).await.expect(200).body;
    let items = questionnaire["items"].as_array().expect("items");
    let names: Vec<&str> = items.iter().map(|item| item["link_id"].as_str().expect("a name")).collect();
    assert_eq!(
        names,
        [
            "day",
            "calm",
            "joy",
            "dark",
            "dark-when",
            "people",
            "steps",
            "weight",
            "since",
            "note",
            "thanks",
            "sum"
        ]
    );
    assert_eq!(
        (&items[1]["parent_link_id"], &items[1]["options"][2]["weight"]),
        (&json!("day"), &json!(2.0))
    );
    assert_eq!(
        items[4]["enable_when"][0],
        json!({ "link_id": "dark", "operator": "not_equal", "answer_coding": { "code": "none" } })
    );
    assert_eq!(
        (&items[5]["repeats"], &items[11]["read_only"], &items[6]["min_value"]),
        (&json!(true), &json!(true), &json!(0.0))
    );
    assert_eq!(
        (&questionnaire["licence"], &questionnaire["scoring"]["version"]),
        (&json!("The authors of Mainstay; free for any use"), &json!("2026-03"))
    );
}

async fn an_import_without_licence_or_attribution_is_refused(app: &TestApp) {
    let file = changed_fixture(app, |resource| {
        resource.as_object_mut().expect("an object").remove("copyright");
    });
    let refused = import(app, &file, QuestionnairesImport::default()).await.expect_err("the import fails");
    assert!(refused.contains("--licence") && refused.contains("--attribution"), "{refused}");
    let half = QuestionnairesImport { licence: Some("Free".to_owned()), ..QuestionnairesImport::default() };
    let refused = import(app, &file, half).await.expect_err("the import fails");
    assert!(!refused.contains("--licence") && refused.contains("--attribution"), "{refused}");
    import(app, &file, terms()).await.expect("the import succeeds");
}

async fn versions_exist_side_by_side_and_their_questions_never_change(app: &TestApp) {
    let sam = app.person().await;
    let first = import_fixture(app).await;
    let other_text = changed_fixture(app, |resource| {
        resource["item"][0]["item"][0]["text"] = json!("How peaceful was it?");
        resource["item"][0]["item"][0]["colour"] = json!("blue");
    });
    let refused =
        import(app, &other_text, QuestionnairesImport::default()).await.expect_err("the import fails");
    // What was not understood is named too, because it may be the difference.
    for said in ["asks something else", "--questionnaire-version", "/item/0/item/0/colour: "] {
        assert!(refused.contains(said), "{refused}");
    }
    let second = QuestionnairesImport { version: Some("2".to_owned()), ..QuestionnairesImport::default() };
    let second = id_of(&import(app, &other_text, second).await.expect("the import succeeds"));
    assert_ne!(first, second);
    let listed =
        sam.get("/v1/questionnaires?url=https://example.org/evening-review").await.expect(200).items();
    assert_eq!(listed.iter().map(|q| q["version"].clone()).collect::<Vec<_>>(), ["1", "2"]);

    let again = |status| QuestionnairesImport {
        scoring: Some(SCORING.into()),
        status,
        ..QuestionnairesImport::default()
    };
    assert!(
        import(app, FIXTURE, again(None)).await.expect("the import succeeds").text.starts_with("unchanged ")
    );
    assert!(
        import(app, FIXTURE, again(Some(QuestionnaireStatus::Retired)))
            .await
            .expect("the import succeeds")
            .text
            .starts_with("renewed ")
    );
    assert_eq!(sam.get(&format!("/v1/questionnaires/{first}")).await.expect(200).body["status"], "retired");
    let active = sam.get("/v1/questionnaires?status=active").await.expect(200).items();
    assert!(active.len() == 2 && active.iter().all(|q| q["id"] != json!(first)));
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = sam.get(&format!("/v1/questionnaires?limit=1{cursor}")).await.expect(200);
        seen.extend(page.items().iter().map(|q| q["title"].clone()));
        let Some(next) = page.body["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["A look at the week", "Evening review", "Evening review"]);
}

async fn invalid_files_are_refused_with_the_location_of_the_fault(app: &TestApp) {
    let file = changed_fixture(app, |resource| {
        resource["item"][1]["answerOption"] = json!("none");
    });
    assert!(
        import(app, &file, terms()).await.expect_err("the import fails").contains("/item/1/answerOption: ")
    );
    let file = changed_fixture(app, |resource| resource["item"][2]["type"] = json!("reference"));
    assert!(import(app, &file, terms()).await.expect_err("the import fails").contains("/item/2/type"));
    let scoring = app.database.path().join("scoring.json");
    std::fs::write(
        &scoring,
        r#"{ "version": "1", "scores": [{ "id": "s", "label": "S", "items": ["note"] }] }"#,
    )
    .expect("the file is written");
    let more = QuestionnairesImport { scoring: Some(scoring), ..QuestionnairesImport::default() };
    assert!(
        import(app, FIXTURE, more).await.expect_err("the import fails").contains("/scoring/scores/0/items/0")
    );
    let malformed = app.database.path().join("malformed.json");
    std::fs::write(
        &malformed,
        r#"{ "version": 1, "scores": [{ "id": "s", "lable": "S", "items": "calm" }], "gate": [] }"#,
    )
    .expect("the file is written");
    let more = QuestionnairesImport { scoring: Some(malformed), ..QuestionnairesImport::default() };
    let refused = import(app, FIXTURE, more).await.expect_err("the import fails");
    for pointer in ["/version: ", "/scores/0/lable: ", "/scores/0/label: ", "/scores/0/items: ", "/gate: "] {
        assert!(refused.contains(pointer), "{pointer} {refused}");
    }
    assert!(import(app, "/nowhere.json", terms()).await.is_err());
}

/// The path of a committed case.
fn case(name: &str) -> String {
    format!("{}/fixtures/questionnaires/{name}", env!("CARGO_MANIFEST_DIR"))
}

async fn the_cases_are_imported_or_refused_by_name(app: &TestApp) {
    let sam = app.person().await;
    let intro = import(app, &case("intro_in_markup.json"), terms()).await.expect("the import succeeds");
    let read = sam.get(&format!("/v1/questionnaires/{}", id_of(&intro))).await.expect(200).body;
    assert_eq!(read["items"][0]["text"], "Some things are hard to hear. For example:\n\none\n\ntwo");
    assert!(intro.text.contains("/item/0/_text: "), "{}", intro.text);

    let modifier = import(app, &case("modifier.json"), terms()).await.expect_err("the import fails");
    assert!(modifier.contains("/modifierExtension: "), "{modifier}");

    let wrong = import(app, &case("wrong_types.json"), terms()).await.expect_err("the import fails");
    for pointer in ["/item/0/linkId: ", "/item/0/maxLength: ", "/item/0/required: ", "/item/1/type: "] {
        assert!(wrong.contains(pointer), "{pointer} {wrong}");
    }
    let listed = sam.get("/v1/questionnaires").await.expect(200).items();
    assert_eq!(listed.len(), 2, "what is refused leaves nothing");
}

async fn hidden_items_are_marked_and_take_no_answer(app: &TestApp) {
    let sam = app.person().await;
    let id = id_of(&import(app, &case("hidden.json"), terms()).await.expect("the import succeeds"));
    let read = sam.get(&format!("/v1/questionnaires/{id}")).await.expect(200).body;
    let hidden: Vec<(&Value, &Value)> = read["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (&item["link_id"], &item["hidden"]))
        .collect();
    assert_eq!(
        hidden,
        [
            (&json!("q1"), &json!(false)),
            (&json!("q2"), &json!(true)),
            (&json!("g"), &json!(true)),
            (&json!("g/q1"), &json!(true))
        ]
    );
    let response = |link: &str| {
        json!({ "questionnaire_id": id, "status": "completed", "occurred_at": "2026-03-01T20:00:00+01:00",
            "answers": [{ "link_id": link, "value_string": "x" }] })
    };
    sam.post("/v1/questionnaire-responses", &response("q1")).await.expect(201);
    for link in ["q2", "g/q1"] {
        assert_eq!(
            sam.post("/v1/questionnaire-responses", &response(link)).await.expect(422).faults(),
            [("/answers/0/link_id".to_owned(), "read-only".to_owned())]
        );
    }
}

async fn a_questionnaire_of_r5_is_imported_and_answered(app: &TestApp) {
    let sam = app.person().await;
    let file = app.database.path().join("r5.json");
    let options = json!([{ "valueCoding": { "system": "https://one.example", "code": "yes" } }, { "valueCoding": { "system": "https://two.example", "code": "yes" } },
        { "valueCoding": { "system": "https://one.example", "code": "no" } }]);
    let resource = json!({ "resourceType": "Questionnaire", "status": "active", "name": "EveningOfR5", "copyright": "Ours", "copyrightLabel": "Us", "item": [
        { "linkId": "closed", "type": "coding", "text": "Closed", "answerOption": options },
        { "linkId": "open", "type": "coding", "text": "Open", "answerOption": options, "answerConstraint": "optionsOrString" },
    ]});
    std::fs::write(&file, resource.to_string()).expect("the file is written");
    let report = import(app, &file.display().to_string(), QuestionnairesImport::default())
        .await
        .expect("the import succeeds");
    assert!(
        report.text.contains("title: Evening Of R5") && report.text.contains("--title"),
        "{}",
        report.text
    );
    let id = id_of(&report);
    let read = sam.get(&format!("/v1/questionnaires/{id}")).await.expect(200).body;
    assert_eq!(
        (&read["items"][0]["type"], &read["items"][1]["type"], &read["attribution"]),
        (&json!("choice"), &json!("open_choice"), &json!("Us"))
    );
    let response = |answers: Value| json!({ "questionnaire_id": id, "status": "completed", "occurred_at": "2026-03-01T20:00:00+01:00", "answers": answers });
    let answers = json!([{ "link_id": "closed", "value_coding": { "code": "no" } }, { "link_id": "open", "value_string": "Perhaps" }]);
    sam.post("/v1/questionnaire-responses", &response(answers)).await.expect(201);
    let shared = json!([{ "link_id": "closed", "value_coding": { "code": "yes" } }, { "link_id": "open", "value_coding": { "code": "yes" } }]);
    let refused = sam.post("/v1/questionnaire-responses", &response(shared)).await.expect(422);
    assert_eq!(
        refused.faults(),
        [
            ("/answers/0/value_coding".to_owned(), "ambiguous".to_owned()),
            ("/answers/1/value_coding".to_owned(), "ambiguous".to_owned())
        ]
    );
    assert!(refused.text.contains("https://one.example, https://two.example"), "{}", refused.text);
    let named =
        json!([{ "link_id": "closed", "value_coding": { "system": "https://two.example", "code": "yes" } }]);
    sam.post("/v1/questionnaire-responses", &response(named)).await.expect(201);
}

async fn strict_imports_nothing_that_is_not_understood(app: &TestApp) {
    let strange = changed_fixture(app, |resource| resource["item"][2]["colour"] = json!("red"));
    let strict = || QuestionnairesImport { strict: true, ..QuestionnairesImport::default() };
    let refused = import(app, &strange, strict()).await.expect_err("the import fails");
    assert!(refused.contains("--strict") && refused.contains("/item/2/colour: "), "{refused}");
    assert_eq!(app.person().await.get("/v1/questionnaires").await.expect(200).items().len(), 1);
    let report = import(app, &strange, QuestionnairesImport::default()).await.expect("the import succeeds");
    assert!(
        report.text.contains("/item/2/colour: ") && report.text.contains("initial (1)"),
        "{}",
        report.text
    );
    let twice = app.database.path().join("twice.json");
    std::fs::write(&twice, r#"{ "resourceType": "Questionnaire", "item": [{ "text": "A", "text": "B" }] }"#)
        .expect("the file is written");
    let refused = import(app, &twice.display().to_string(), terms()).await.expect_err("the import fails");
    assert!(refused.contains("/item/0/text: is given more than once"), "{refused}");
}
