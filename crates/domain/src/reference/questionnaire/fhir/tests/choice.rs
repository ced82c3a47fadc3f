//! Tests that what is ambiguous in options, conditions and value sets is refused.

use super::{named::refused, *};

#[test]
fn options_that_an_answer_cannot_tell_apart_are_refused() {
    let option = |system: Option<&str>, code: &str, display: &str| match system {
        Some(system) => json!({ "valueCoding": { "system": system, "code": code, "display": display } }),
        None => json!({ "valueCoding": { "code": code, "display": display } }),
    };
    let choice = |options: Value| {
        with_items(&json!([{ "linkId": "a", "type": "choice", "text": "A", "answerOption": options }]))
    };
    let two_systems = choice(json!([
        option(Some("s"), "1", "One"),
        option(Some("t"), "1", "Un")
    ]));
    assert_eq!(remarks(&two_systems), Vec::<String>::new());
    let unsystematic = choice(json!([option(Some("s"), "1", "One"), option(None, "1", "Un")]));
    assert_eq!(
        read(&unsystematic, &terms()).unwrap_err(),
        ["/item/0/answerOption/1 ambiguous"]
    );
    let other_words = choice(
        json!([option(None, "1", "One"), option(None, "1", "Un"), { "valueString": "x" }, { "valueString": "x" }]),
    );
    assert_eq!(
        read(&other_words, &terms()).unwrap_err(),
        ["/item/0/answerOption/1 ambiguous"]
    );
    let twice = choice(json!([option(None, "1", "One"), option(None, "1", "One")]));
    let imported = read(&twice, &terms()).unwrap();
    assert_eq!(imported.questionnaire.items[0].options.len(), 1);
    assert_eq!(shown(&imported.remarks), ["/item/0/answerOption/1 duplicate"]);
}

#[test]
fn a_condition_on_a_code_that_two_systems_share_must_name_the_system() {
    let resource = |coding: Value| {
        with_items(&json!([
            { "linkId": "a", "type": "choice", "text": "A", "answerOption": [
                { "valueCoding": { "system": "https://one.example", "code": "1" } }, { "valueCoding": { "system": "https://two.example", "code": "1" } }] },
            { "linkId": "b", "type": "string", "text": "B", "enableWhen": [{ "question": "a", "operator": "=", "answerCoding": coding }] },
        ]))
    };
    let refused = import_resource(&resource(json!({ "code": "1" })), &terms()).unwrap_err();
    assert_eq!(
        shown(&refused.faults),
        ["/item/1/enableWhen/0/answerCoding ambiguous"]
    );
    assert!(
        refused.faults[0]
            .message
            .contains("https://one.example, https://two.example")
    );
    read(
        &resource(json!({ "code": "1", "system": "https://two.example" })),
        &terms(),
    )
    .unwrap();
    assert_eq!(
        remarks(&resource(json!({ "code": "2", "system": "https://two.example" }))),
        ["/item/1/enableWhen/0 mismatch"]
    );
}

#[test]
fn a_value_set_that_draws_on_codes_from_elsewhere_is_not_taken_in_part() {
    let resource = |compose: Value| {
        json!({ "resourceType": "Questionnaire", "status": "active", "url": "u", "title": "Q",
            "contained": [{ "resourceType": "ValueSet", "id": "set", "status": "active", "compose": compose }],
            "item": [{ "linkId": "a", "type": "choice", "text": "A", "answerValueSet": "#set" }] })
    };
    let listed = json!({ "system": "s", "concept": [{ "code": "1" }] });
    assert_eq!(
        remarks(&resource(json!({ "include": [listed] }))),
        Vec::<String>::new()
    );
    assert_eq!(
        remarks(&resource(json!({ "include": [{ "system": "s" }] }))),
        ["/item/0/answerValueSet not-supported"]
    );
    for (compose, fault) in [
        (
            json!({ "include": [listed, { "system": "t" }] }),
            "/contained/0/compose/include/1 not-supported",
        ),
        (
            json!({ "include": [listed], "exclude": [listed] }),
            "/contained/0/compose/exclude not-supported",
        ),
        (json!({ "include": "all" }), "/contained/0/compose/include type"),
    ] {
        assert_eq!(refused(&resource(compose)).0, [fault]);
    }
}

#[test]
fn an_expression_that_decides_what_is_asked_does_not_force_an_answer() {
    let resource = with_items(
        &json!([{ "linkId": "a", "type": "string", "text": "A", "required": true, "extension": [
        { "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression",
          "valueExpression": { "language": "text/fhirpath", "expression": "false" } }] }]),
    );
    let imported = read(&resource, &terms()).unwrap();
    assert!(!imported.questionnaire.items[0].required);
    assert_eq!(shown(&imported.remarks), ["/item/0/extension/0 not-supported"]);
}
