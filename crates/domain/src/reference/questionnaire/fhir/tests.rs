//! Tests of the import from FHIR.

use serde_json::json;

use super::*;
use crate::reference::questionnaire::{ItemType, scoring::DERIVED};

mod choice;
mod generated;
mod named;
mod r5;

/// Imports a resource. Faults and remarks are shown as pointer and code.
fn read(resource: &Value, terms: &Terms) -> Result<Imported, Vec<String>> {
    import_resource(resource, terms).map_err(|refused| shown(&refused.faults))
}

fn import_resource(resource: &Value, terms: &Terms) -> Result<Imported, Refused> {
    import(resource, terms, |url, version| {
        Uuid::from_u128(u128::from(url.len() as u64 * 1000 + version.len() as u64))
    })
}

fn shown(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|f| format!("{} {}", f.pointer, f.code))
        .collect()
}

/// The remarks of an import that succeeds.
fn remarks(resource: &Value) -> Vec<String> {
    shown(&read(resource, &terms()).unwrap().remarks)
}

/// A questionnaire with these items, and everything else that an import needs.
fn with_items(items: &Value) -> Value {
    json!({ "resourceType": "Questionnaire", "status": "active", "url": "https://example.org/q", "title": "Q", "item": items })
}

fn terms() -> Terms {
    Terms {
        licence: Some("Free".to_owned()),
        attribution: Some("Us".to_owned()),
        ..Terms::default()
    }
}

#[expect(clippy::too_many_lines, reason = "long because of the resource that it reads")]
#[test]
fn options_come_from_the_item_or_from_a_value_set_with_either_kind_of_weight() {
    let imported = read(
        &json!({
            "resourceType": "Questionnaire", "url": "https://example.org/q", "version": "2.1", "title": "Q", "status": "active",
            "copyright": "Ours, for anyone",
            "contained": [
                { "resourceType": "Patient", "id": "nobody" },
                { "resourceType": "ValueSet", "id": "often", "compose": { "include": [{ "system": "s", "concept": [
                    { "code": "never", "display": "Never", "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 0 }] },
                    { "code": "always", "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/itemWeight", "valueDecimal": 4.5 }] },
                ]}]}},
            ],
            "item": [{ "linkId": "g", "type": "group", "required": "true", "repeats": true, "item": [
                { "linkId": "a", "type": "choice", "answerValueSet": "#often", "repeats": "true" },
                { "linkId": "b", "type": "choice", "answerOption": [{ "valueCoding": { "code": "x", "extension": [
                    { "url": "http://hl7.org/fhir/StructureDefinition/itemWeight", "valueInteger": 3 }] } }, { "valueString": "other" }] },
                { "linkId": "c", "type": "choice", "answerValueSet": "https://example.org/set" },
                { "linkId": "d", "type": "decimal", "extension": [
                    { "url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueDecimal": 0.5 },
                    { "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit", "valueCoding": { "code": "kg" } },
                    { "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression", "valueExpression": {} }] },
            ]}],
        }),
        &Terms::default(),
    )
    .unwrap();
    let questionnaire = imported.questionnaire;
    assert_eq!(
        (questionnaire.licence.as_str(), questionnaire.attribution.as_str()),
        ("Ours, for anyone", "Ours, for anyone")
    );
    let weights = |n: usize| {
        questionnaire.items[n]
            .options
            .iter()
            .map(|o| o.weight)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (weights(1), weights(2)),
        (vec![Some(0.0), Some(4.5)], vec![Some(3.0), None])
    );
    assert!(
        questionnaire.items[0].required && !questionnaire.items[0].repeats && questionnaire.items[1].repeats
    );
    assert_eq!(
        questionnaire.items[1].options[1]
            .value_coding
            .as_ref()
            .unwrap()
            .system
            .as_deref(),
        Some("s")
    );
    assert!(
        questionnaire.items[4].read_only
            && questionnaire.items[4].unit.as_deref() == Some("kg")
            && questionnaire.items[4].min_value == Some(0.5)
    );
    let rules = questionnaire.scoring.unwrap();
    assert_eq!(
        (rules.version.as_str(), rules.scores[0].items.as_slice()),
        (DERIVED, &["a".to_owned(), "b".to_owned()][..])
    );
    let remarks: Vec<&str> = imported.remarks.iter().map(|r| r.pointer.as_str()).collect();
    assert_eq!(
        remarks,
        [
            "/contained/0",
            "/item/0/item/0/repeats",
            "/item/0/item/0/text",
            "/item/0/item/1/text",
            "/item/0/item/2/answerValueSet",
            "/item/0/item/2/text",
            "/item/0/item/3/extension/2",
            "/item/0/item/3/text",
            "/item/0/repeats",
            "/item/0/required",
        ]
    );
}

#[test]
fn without_licence_and_attribution_nothing_is_taken() {
    let bare = json!({ "resourceType": "Questionnaire", "title": "Bare", "item": [] });
    assert_eq!(
        read(&bare, &Terms::default()).unwrap_err(),
        ["/attribution required", "/licence required"]
    );
    let imported = read(&bare, &terms()).unwrap();
    assert_eq!(imported.questionnaire.url, "urn:mainstay:questionnaire:bare");
    assert_eq!(imported.questionnaire.version, "1");
    assert_eq!(shown(&imported.remarks), ["/status missing", "/url missing"]);
}

#[test]
fn everything_that_cannot_be_taken_is_named() {
    let wrong = json!({ "resourceType": "Bundle", "title": "Q", "item": [
        { "linkId": "a", "type": "attachment" },
        { "linkId": "b", "type": "choice", "answerOption": [{ "valueCoding": { "display": "no code" } }], "answerValueSet": "#gone" },
        { "linkId": "c", "type": "string", "enableWhen": [{ "question": "a", "operator": "~", "answerString": "x" }, { "question": "zz", "operator": "=" }] },
        { "linkId": "c", "type": "string" },
        { "type": "string" },
    ]});
    assert_eq!(
        read(&wrong, &terms()).unwrap_err(),
        [
            "/item/0/type enum",
            "/item/1/answerOption/0/valueCoding/code required",
            "/item/1/answerValueSet unknown-reference",
            "/item/2/enableWhen/0/operator enum",
            "/item/2/enableWhen/1 required",
            "/item/2/enableWhen/1/question unknown-item",
            "/item/3/linkId duplicate",
            "/item/4/linkId required",
            "/resourceType enum",
        ]
    );
}

#[test]
fn each_condition_of_a_circle_is_named() {
    let asks =
        |question: &str| json!([{ "question": question, "operator": "exists", "answerBoolean": true }]);
    let circles = json!({ "resourceType": "Questionnaire", "title": "Q", "item": [
        { "linkId": "a", "type": "boolean", "enableWhen": asks("b") },
        { "linkId": "b", "type": "boolean", "enableWhen": asks("a") },
        // Waits for a circle, and is in none.
        { "linkId": "c", "type": "boolean", "enableWhen": asks("a") },
        { "linkId": "d", "type": "boolean" },
        { "linkId": "e", "type": "group", "enableBehavior": "any",
            "enableWhen": [asks("d")[0], asks("f")[0]], "item": [{ "linkId": "f", "type": "boolean" }] },
        { "linkId": "g", "type": "boolean", "enableWhen": asks("g") },
    ]});
    assert_eq!(
        read(&circles, &terms()).unwrap_err(),
        [
            "/item/0/enableWhen/0/question circle",
            "/item/1/enableWhen/0/question circle",
            "/item/4/enableWhen/1/question circle",
            "/item/5/enableWhen/0/question circle",
        ]
    );
}

/// Regression: a coding without a code or with an empty system was stored and could not be read again.
#[test]
fn an_imported_questionnaire_can_be_read_again() {
    let resource = |code: &str| {
        json!({ "resourceType": "Questionnaire", "title": "Q", "contained": [
            { "resourceType": "ValueSet", "id": "set", "expansion": { "contains": [
                { "system": "", "code": code, "display": "One" },
            ]}},
        ], "item": [
            { "linkId": "a", "type": "choice", "answerValueSet": "#set" },
            { "linkId": "b", "type": "string", "enableWhen": [
                { "question": "a", "operator": "=", "answerCoding": { "system": "", "code": code } },
            ]},
        ]})
    };
    assert_eq!(
        read(&resource(""), &terms()).unwrap_err(),
        [
            "/contained/0/expansion/contains/0/code required",
            "/item/1/enableWhen/0/answerCoding/code required"
        ]
    );
    // A code that is cut would be another code.
    assert_eq!(
        read(&resource(&"ä".repeat(256)), &terms()).unwrap_err(),
        [
            "/contained/0/expansion/contains/0/code length",
            "/item/1/enableWhen/0/answerCoding/code length"
        ]
    );
    for code in ["1", "ä"] {
        let questionnaire = read(&resource(code), &terms()).unwrap().questionnaire;
        let stored = serde_json::to_value(&questionnaire).unwrap();
        assert_eq!(
            serde_json::from_value::<Questionnaire>(stored).unwrap(),
            questionnaire
        );
    }
}

#[test]
fn wrong_rules_are_named() {
    let resource = json!({ "resourceType": "Questionnaire", "title": "Q", "item": [
        { "linkId": "a", "type": "boolean" }, { "linkId": "b", "type": "integer" }, { "linkId": "c", "type": "text" },
    ]});
    let scoring = serde_json::from_value(json!({ "version": "", "scores": [
        { "id": "s", "label": "You failed", "items": ["a", "a", "c", "zz"], "reverse": ["b"], "max_missing": 4, "decimals": 9,
          "bands": [{ "from": 2, "label": "Up" }, { "from": 1, "label": "" }] },
        { "id": "s", "label": "Again", "items": [] },
    ], "gates": [
        { "id": "g", "item": "c", "at_least": 1 }, { "id": "h", "score": "t", "at_least": 1, "text": "Come clean" }, { "id": "i", "at_least": 1 },
    ]}));
    let terms = Terms {
        scoring: Some(scoring.unwrap()),
        ..terms()
    };
    let mut faults = read(&resource, &terms).unwrap_err();
    faults.sort();
    assert_eq!(
        faults,
        [
            "/scoring/gates/0/item unknown-item",
            "/scoring/gates/1/score unknown-score",
            "/scoring/gates/1/text unkind",
            "/scoring/gates/2/item required",
            "/scoring/scores/0/bands/1/from order",
            "/scoring/scores/0/bands/1/label length",
            "/scoring/scores/0/decimals range",
            "/scoring/scores/0/items/1 duplicate",
            "/scoring/scores/0/items/2 unknown-item",
            "/scoring/scores/0/items/3 unknown-item",
            "/scoring/scores/0/label unkind",
            "/scoring/scores/0/max_missing range",
            "/scoring/scores/0/reverse/0 unknown-item",
            "/scoring/scores/1/id duplicate",
            "/scoring/scores/1/items required",
            "/scoring/version length",
        ]
    );
}

#[test]
fn a_date_in_the_place_of_a_number_is_taken_as_a_date() {
    let imported = read(
        &json!({ "resourceType": "Questionnaire", "title": "Q", "url": "u", "status": "draft", "item": [
            { "linkId": "d", "type": "date" },
            { "linkId": "e", "type": "string", "enableWhen": [{ "question": "d", "operator": "=", "answerInteger": "2022-09" }] },
            { "linkId": "f", "type": "string", "enableWhen": [{ "question": "d", "operator": ">", "answerDate": "2022-09" },
                { "question": "d", "operator": "=", "answerInteger": 7 }, { "question": "d", "operator": "=", "answerDecimal": 7.5 }] },
        ]}),
        &terms(),
    )
    .unwrap();
    let items = &imported.questionnaire.items;
    assert_eq!(items[1].enable_when[0].answer_date.as_deref(), Some("2022-09"));
    let [_, whole, decimal] = items[2].enable_when.as_slice() else {
        panic!("three conditions")
    };
    assert_eq!((whole.answer_integer, whole.answer_decimal), (Some(7), None));
    assert_eq!(
        (decimal.answer_integer, decimal.answer_decimal),
        (None, Some(7.5))
    );
    let remarks = shown(&imported.remarks);
    assert!(
        remarks.contains(&"/item/1/enableWhen/0/answerInteger format".to_owned()),
        "{remarks:?}"
    );
    assert!(
        remarks.contains(&"/item/2/enableWhen/1 mismatch".to_owned()),
        "{remarks:?}"
    );
}
