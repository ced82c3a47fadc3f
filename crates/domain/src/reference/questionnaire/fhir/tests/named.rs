//! Tests that nothing of a resource is passed over in silence.

use super::*;

/// The faults and the remarks of a resource that is refused.
pub(super) fn refused(resource: &Value) -> (Vec<String>, Vec<String>) {
    let refused = import_resource(resource, &terms()).unwrap_err();
    (shown(&refused.faults), shown(&refused.remarks))
}

#[test]
fn all_members_of_wrong_types_are_named_at_once() {
    let (faults, remarks) = refused(&json!({
        "resourceType": "Questionnaire", "status": 7, "title": ["Q"], "url": {}, "copyright": false, "item": [
            { "linkId": 1, "text": "A", "type": "integer", "maxLength": "5", "required": "true" },
            { "linkId": "/b", "text": "B", "type": "strange" },
            { "linkId": "c", "text": "C", "type": "choice", "answerOption": { "valueString": "x" }, "enableWhen": [[], 3,
                { "question": 1, "operator": 2, "answerCoding": "x" }], "item": "none", "repeats": 1 },
            "nothing",
        ],
    }));
    assert_eq!(
        faults,
        [
            "/copyright type",
            "/item/0/linkId type",
            "/item/0/maxLength type",
            "/item/1/type enum",
            "/item/2/answerOption type",
            "/item/2/enableWhen/0 type",
            "/item/2/enableWhen/1 type",
            "/item/2/enableWhen/2/answerCoding type",
            "/item/2/enableWhen/2/operator type",
            "/item/2/enableWhen/2/question type",
            "/item/2/item type",
            "/item/2/repeats type",
            "/item/3 type",
            "/status type",
            "/title type",
            "/url type",
        ]
    );
    assert!(
        remarks.contains(&"/item/0/required type".to_owned()),
        "{remarks:?}"
    );
}

#[test]
fn a_member_without_effect_may_have_a_wrong_type_but_is_named() {
    let resource = json!({ "resourceType": "Questionnaire", "status": "active", "url": "u", "title": "Q", "date": 2026, "contact": {},
        "meta": { "tag": [{ "code": 1 }] }, "publisher": null,
        "item": [{ "linkId": "a", "type": "display", "text": "A", "code": "x", "definition": [] }] });
    assert_eq!(
        remarks(&resource),
        [
            "/contact type",
            "/date type",
            "/item/0/code type",
            "/item/0/definition type",
            "/meta/tag/0/code type",
            "/publisher type",
        ]
    );
    let without_effect = read(&resource, &terms()).unwrap().without_effect;
    assert_eq!(without_effect.get("meta"), Some(&1));
    assert_eq!(without_effect.get("code"), Some(&1));
}

#[test]
fn unknown_members_are_named_and_misspelt_ones_refused() {
    let (faults, remarks) = refused(&json!({
        "resourceType": "Questionnaire", "status": "active", "url": "u", "title": "Q", "tittle": "Q", "colour": "red", "item": [
            { "linkId": "a", "type": "choice", "text": "A", "enable_when": [], "requird": true, "wrapping": 1,
              "answerOption": [{ "valueCoding": { "code": "1", "systm": "s", "shape": "round" } }], "option": [{}] },
        ],
    }));
    assert_eq!(
        faults,
        [
            "/item/0/answerOption/0/valueCoding/systm unknown-field",
            "/item/0/enable_when unknown-field",
            "/item/0/option not-supported",
            "/item/0/requird unknown-field",
            "/tittle unknown-field",
        ]
    );
    assert_eq!(
        remarks,
        [
            "/colour unknown-field",
            "/item/0/answerOption/0/valueCoding/shape unknown-field",
            "/item/0/wrapping unknown-field",
        ]
    );
}

#[test]
fn a_suggestion_names_the_member_that_may_be_meant() {
    let resource = with_items(&json!([{ "linkId": "a", "type": "string", "text": "A", "enableWen": [] }]));
    let refused = import_resource(&resource, &terms()).unwrap_err();
    assert!(
        refused.faults[0].message.contains("enableWhen"),
        "{}",
        refused.faults[0].message
    );
}

#[test]
fn what_changes_the_meaning_is_refused_wherever_it_stands() {
    let modifier = json!([{ "url": "https://example.org/not", "valueBoolean": true }]);
    let (faults, _) = refused(&json!({
        "resourceType": "Questionnaire", "status": "active", "url": "u", "title": "Q", "modifierExtension": modifier,
        "implicitRules": "https://example.org/rules", "item": [
            { "linkId": "a", "type": "choice", "text": "A", "modifierExtension": modifier,
              "answerOption": [{ "valueString": "1", "modifierExtension": modifier }, { "valueReference": { "reference": "Patient/1" } }],
              "enableWhen": [{ "question": "a", "operator": "=", "answerReference": { "reference": "Patient/1" }, "modifierExtension": modifier }] },
            { "linkId": "b", "type": "display", "text": "B", "extension": [
                { "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-subQuestionnaire", "valueCanonical": "https://example.org/sub" }] },
        ],
    }));
    for fault in [
        "/implicitRules not-supported",
        "/item/0/answerOption/0/modifierExtension not-supported",
        "/item/0/answerOption/1/valueReference not-supported",
        "/item/0/enableWhen/0/answerReference not-supported",
        "/item/0/enableWhen/0/modifierExtension not-supported",
        "/item/0/modifierExtension not-supported",
        "/item/1/extension/0 not-supported",
        "/modifierExtension not-supported",
    ] {
        assert!(faults.contains(&fault.to_owned()), "{fault}: {faults:?}");
    }
}

#[test]
fn extensions_are_known_or_named() {
    let sd = |name: &str| format!("http://hl7.org/fhir/StructureDefinition/{name}");
    let resource = with_items(&json!([
        { "linkId": "a", "type": "decimal", "text": "A", "extension": [
            { "url": sd("minValue"), "valueDate": "2026-01-01" },
            { "url": sd("questionnaire-itemControl"), "valueCodeableConcept": { "text": "spinner" } },
            { "url": "https://example.org/minValue", "valueInteger": 3 },
            { "url": sd("regex"), "valueString": "." },
            { "url": sd("ordinalValue"), "valueDecimal": 1 },
            { "url": sd("maxValue"), "valueInteger": 9 },
        ]},
    ]));
    let imported = read(&resource, &terms()).unwrap();
    assert_eq!(
        shown(&imported.remarks),
        [
            "/item/0/extension/0 not-supported",
            "/item/0/extension/2 not-supported",
            "/item/0/extension/3 not-supported",
            "/item/0/extension/4 not-supported",
        ]
    );
    assert_eq!(imported.without_effect.get("questionnaire-itemControl"), Some(&1));
    let item = &imported.questionnaire.items[0];
    assert_eq!((item.min_value, item.max_value), (None, Some(9.0)));
    let wrong = with_items(
        &json!([{ "linkId": "a", "type": "decimal", "text": "A", "extension": [
            { "url": sd("maxValue"), "valueString": "9" }, { "url": sd("questionnaire-hidden"), "valueBoolean": "yes" }, { "valueInteger": 1 },
            { "url": sd("questionnaire-unit"), "valueCoding": { "code": "kg" }, "valueString": "kg" },
        ]}]),
    );
    assert_eq!(
        refused(&wrong).0,
        [
            "/item/0/extension/0 type",
            "/item/0/extension/1/valueBoolean type",
            "/item/0/extension/2/url required",
            "/item/0/extension/3 type",
        ]
    );
}

#[test]
fn hidden_items_are_marked_with_all_that_is_inside() {
    let hidden = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden", "valueBoolean": true }]);
    let resource = with_items(&json!([
        { "linkId": "shown", "type": "string", "text": "Shown", "enableWhen": [{ "question": "inside", "operator": "exists", "answerBoolean": false }] },
        { "linkId": "group", "type": "group", "extension": hidden, "item": [
            { "linkId": "inside", "type": "choice", "required": true, "answerOption": [{ "valueInteger": 1, "extension": [
                { "url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 1 }] }] },
        ]},
    ]));
    let imported = read(&resource, &terms()).unwrap();
    let marks: Vec<(bool, bool, bool)> = imported
        .questionnaire
        .items
        .iter()
        .map(|i| (i.hidden, i.read_only, i.required))
        .collect();
    assert_eq!(
        marks,
        [(false, false, false), (true, true, false), (true, true, false)]
    );
    assert_eq!(
        shown(&imported.remarks),
        [
            "/item/0/enableWhen/0/question read-only",
            "/item/1/extension/0 not-supported",
            "/item/1/item/0/required not-supported",
        ]
    );
    assert_eq!(imported.questionnaire.scoring, None);
}

#[test]
fn words_that_stand_only_in_markup_are_taken_as_plain_text() {
    let markup = |name: &str, text: &str| json!({ "extension": [{ "url": format!("http://hl7.org/fhir/StructureDefinition/{name}"), "valueString": text }] });
    let resource = json!({ "resourceType": "Questionnaire", "status": "active", "url": "u", "_title": markup("rendering-xhtml", "<b>Q</b> &amp; A"),
        "item": [
            { "linkId": "a", "type": "display", "_text": markup("rendering-xhtml", "<div>Some things are hard:<ul><li>one</li><li>two</li></ul></div>") },
            { "linkId": "b", "type": "choice", "text": "Plain", "_text": markup("rendering-markdown", "**Plain**"), "answerOption": [
                { "valueCoding": { "code": "1", "_display": markup("rendering-xhtml", "<i>Yes</i>") } }] },
            { "linkId": "c", "type": "display", "text": "\u{200b} ", "_text": { "id": "x" } },
        ],
    });
    let imported = read(&resource, &terms()).unwrap();
    let questionnaire = imported.questionnaire;
    assert_eq!(questionnaire.title, "Q & A");
    assert_eq!(
        questionnaire.items[0].text.as_deref(),
        Some("Some things are hard:\n\none\n\ntwo")
    );
    assert_eq!(questionnaire.items[1].text.as_deref(), Some("Plain"));
    let coding = questionnaire.items[1].options[0].value_coding.as_ref().unwrap();
    assert_eq!(coding.display.as_deref(), Some("Yes"));
    assert_eq!(
        shown(&imported.remarks),
        [
            "/_title format",
            "/item/0/_text format",
            "/item/1/answerOption/0/valueCoding/_display format",
            "/item/2/text missing",
        ]
    );
}

#[test]
fn control_characters_are_refused() {
    let resource = json!({ "resourceType": "Questionnaire", "status": "active", "url": "u", "title": "Q\u{0}", "version": "1\u{7}", "item": [
        { "linkId": "a\n", "type": "string", "text": "A\u{1b}[31m" },
        { "linkId": "b", "type": "choice", "text": "B\r\nb", "answerOption": [{ "valueCoding": { "code": "1\u{0}", "display": "x\u{1}" } }] },
    ]});
    assert_eq!(
        refused(&resource).0,
        [
            "/item/0/linkId format",
            "/item/0/text format",
            "/item/1/answerOption/0/valueCoding/code format",
            "/item/1/answerOption/0/valueCoding/display format",
            "/title format",
            "/version format",
        ]
    );
}

#[test]
fn a_title_comes_from_the_name_the_address_the_id_or_the_operator() {
    let untitled = |name: &str, value: &str| json!({ "resourceType": "Questionnaire", "status": "active", "item": [], name: value });
    for (resource, title) in [
        (untitled("name", "EveningReview"), "Evening Review"),
        (
            untitled("url", "https://example.org/q/morning-review"),
            "morning review",
        ),
        (untitled("id", "noon-review"), "noon review"),
    ] {
        let imported = read(&resource, &terms()).unwrap();
        assert_eq!(imported.questionnaire.title, title);
        assert!(shown(&imported.remarks).contains(&"/title missing".to_owned()));
    }
    let bare = json!({ "resourceType": "Questionnaire", "status": "active", "item": [] });
    assert_eq!(read(&bare, &terms()).unwrap_err(), ["/title required"]);
    let named = Terms {
        title: Some("Given".to_owned()),
        ..terms()
    };
    assert_eq!(read(&bare, &named).unwrap().questionnaire.title, "Given");
    assert_eq!(
        read(&untitled("title", "Own"), &named)
            .unwrap()
            .questionnaire
            .title,
        "Given"
    );
}
