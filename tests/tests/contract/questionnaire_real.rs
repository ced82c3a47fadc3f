//! Real questionnaires, imported, answered and scored.

use std::path::Path;

use mainstay_api::cli::import::QuestionnairesImport;
use mainstay_tests::{TestApp, both_engines};
use serde_json::{Value, json};

use crate::questionnaire::{id_of, import, terms};

/// Real questionnaires. The tests skip them where the folder with real data is missing.
const REAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/fhir-questionnaires");

both_engines!(the_real_phq_9_is_imported_and_scored, the_conditions_of_a_real_questionnaire_are_evaluated);

async fn the_real_phq_9_is_imported_and_scored(app: &TestApp) {
    if !Path::new(REAL).exists() {
        return;
    }
    let sam = app.person().await;
    let phq9 = format!("{REAL}/phq9.json");
    assert!(
        import(app, &phq9, QuestionnairesImport::default())
            .await
            .expect_err("the copyright is missing")
            .contains("--licence")
    );
    let id = id_of(&import(app, &phq9, terms()).await.expect("the import succeeds"));
    let questionnaire = sam.get(&format!("/v1/questionnaires/{id}")).await.expect(200).body;
    let weighted: Vec<&Value> =
        questionnaire["scoring"]["scores"][0]["items"].as_array().expect("items").iter().collect();
    assert_eq!(weighted.len(), 9);
    let codes = ["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"];
    let answers: Vec<Value> = weighted.iter().enumerate()
        .map(|(n, link)| json!({ "link_id": link, "value_coding": { "system": "http://loinc.org", "code": codes[n % 4] } })).collect();
    let post = |answers: &[Value]| json!({ "questionnaire_id": id, "status": "completed", "occurred_at": "2026-03-01T20:00:00Z", "answers": answers });
    let stored = sam.post("/v1/questionnaire-responses", &post(&answers)).await.expect(201).body;
    assert_eq!(
        (&stored["scores"][0]["value"], &stored["scores"][0]["highest"]),
        (&json!(12.0), &json!(27.0))
    );
    // The ninth answer is optional, but without it there is no score.
    let eight = sam.post("/v1/questionnaire-responses", &post(&answers[..8])).await.expect(201).body;
    assert_eq!(eight["scores"][0].get("value"), None);
    assert_eq!(
        sam.post("/v1/questionnaire-responses", &post(&answers[1..])).await.expect(422).pointers(),
        ["/answers/8"]
    );
    let mut total = answers.clone();
    total.push(json!({ "link_id": "/44261-6", "value_decimal": 12 }));
    assert_eq!(
        sam.post("/v1/questionnaire-responses", &post(&total)).await.expect(422).faults(),
        [("/answers/9/link_id".to_owned(), "read-only".to_owned())]
    );
}

// Long because it has a line for each type of answer.
async fn the_conditions_of_a_real_questionnaire_are_evaluated(app: &TestApp) {
    if !Path::new(REAL).exists() {
        return;
    }
    let sam = app.person().await;
    let id = id_of(
        &import(app, &format!("{REAL}/enableWhen-test.R4.json"), terms()).await.expect("the import succeeds"),
    );
    let is_enabled = async |condition: Value, link: &str| {
        let mut answers = vec![condition];
        answers.push(json!({ "link_id": link, "value_string": "x" }));
        let body = json!({ "questionnaire_id": id, "status": "in_progress", "occurred_at": "2026-03-01T20:00:00Z", "answers": answers });
        let response = sam.post("/v1/questionnaire-responses", &body).await;
        assert!(
            response.status == 201
                || response.faults() == [("/answers/1/link_id".to_owned(), "not-enabled".to_owned())],
            "{}",
            response.text
        );
        response.status == 201
    };
    let coding = |code: &str| json!({ "system": "test-coding", "code": code });
    for (link, condition, enabled, disabled) in [
        (
            "Q1",
            json!({ "value_boolean": true }),
            vec!["Q1-exists", "Q1-true"],
            vec!["Q1-not-exists", "Q1-false", "Q1-not-true"],
        ),
        ("Q2", json!({ "value_decimal": 5.6 }), vec!["Q2-equal", "Q2-ge"], vec!["Q2-not-exists"]),
        ("Q3", json!({ "value_integer": 4 }), vec!["Q3-ge"], vec!["Q3-equal"]),
        ("Q4", json!({ "value_date": "2020-04-30" }), vec!["Q4-exists"], vec!["Q4-equal", "Q4-ge"]),
        (
            "Q5",
            json!({ "value_date_time": "2020-04-30T10:00:00Z" }),
            vec!["Q5-exists"],
            vec!["Q5-not-exists"],
        ),
        ("Q6", json!({ "value_time": "10:00" }), vec!["Q6-exists"], vec!["Q6-not-exists"]),
        (
            "Q7",
            json!({ "value_string": "test" }),
            vec!["Q7-equals", "Q7-gt", "Q7-ge", "Q7-ge2", "Q7-le2"],
            vec!["Q7-notequals", "Q7-lt", "Q7-le"],
        ),
        ("Q8", json!({ "value_coding": coding("B") }), vec!["Q8-eq-B"], vec!["Q8-not-exists"]),
        ("Q9", json!({ "value_coding": coding("A") }), vec!["Q9-noteq-B"], vec!["Q9-eq-B"]),
        ("Q9a", json!({ "value_string": "B" }), vec!["Q9a-eq-B"], vec!["Q9a-noteq-B"]),
        ("Q9b", json!({ "value_integer": 34 }), vec!["Q9b-eq-B"], vec!["Q9b-noteq-B"]),
        ("Q9c", json!({ "value_date": "2022-09" }), vec!["Q9c-eq-B"], vec!["Q9c-noteq-B"]),
        ("Q9d", json!({ "value_time": "13:30:00" }), vec!["Q9d-eq-B"], vec!["Q9d-noteq-B"]),
    ] {
        let mut condition = condition;
        condition["link_id"] = json!(link);
        for then in enabled {
            assert!(is_enabled(condition.clone(), then).await, "{then} with {condition}");
        }
        for then in disabled {
            assert!(!is_enabled(condition.clone(), then).await, "{then} with {condition}");
        }
    }
}
