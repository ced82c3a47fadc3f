//! Tests that questionnaires of R5 are read.

use super::{named::refused, *};

#[test]
fn r5_is_read_as_r4() {
    let options = json!([{ "valueCoding": { "code": "1" } }]);
    let item = |link: &str, kind: &str, constraint: &str| {
        json!({ "linkId": link, "type": kind, "text": link, "answerConstraint": constraint,
            "answerOption": if kind == "string" { json!([{ "valueString": "x" }]) } else { options.clone() } })
    };
    let resource = json!({ "resourceType": "Questionnaire", "status": "active", "url": "u", "title": "Q",
        "versionAlgorithmString": "semver", "copyright": "Terms", "copyrightLabel": "The authors", "item": [
            item("a", "coding", "optionsOnly"), item("b", "coding", "optionsOrString"), item("c", "coding", "optionsOrType"),
            item("d", "string", "optionsOrString"), item("e", "string", "optionsOnly"),
            { "linkId": "f", "type": "coding", "text": "f", "answerOption": options, "disabledDisplay": "hidden",
              "enableWhen": [{ "question": "a", "operator": "=", "answerCoding": { "code": "1" } }] },
        ],
    });
    let imported = read(&resource, &Terms::default()).unwrap();
    let kinds: Vec<ItemType> = imported
        .questionnaire
        .items
        .iter()
        .map(|item| item.kind)
        .collect();
    let (choice, open, text) = (ItemType::Choice, ItemType::OpenChoice, ItemType::String);
    assert_eq!(kinds, [choice, open, open, open, text, choice]);
    assert_eq!(imported.questionnaire.attribution, "The authors");
    assert_eq!(
        shown(&imported.remarks),
        ["/item/2/answerConstraint not-supported"]
    );
}

#[test]
fn members_of_r5_beside_types_of_r4_are_named() {
    let options = json!([{ "valueCoding": { "code": "1" } }]);
    let resource = with_items(&json!([
        { "linkId": "a", "type": "choice", "text": "A", "answerOption": options },
        { "linkId": "b", "type": "coding", "text": "B", "answerOption": options, "answerConstraint": "optionsOnly", "disabledDisplay": "hidden" },
    ]));
    assert_eq!(
        remarks(&resource),
        [
            "/item/1/answerConstraint mismatch",
            "/item/1/disabledDisplay mismatch"
        ]
    );
    let contradicting = with_items(&json!([
        { "linkId": "a", "type": "choice", "text": "A", "answerOption": options, "answerConstraint": "optionsOrString" },
        { "linkId": "b", "type": "integer", "text": "B", "answerOption": [{ "valueInteger": 1 }], "answerConstraint": "optionsOrType" },
        { "linkId": "c", "type": "coding", "text": "C", "answerOption": options, "answerConstraint": "any" },
    ]));
    assert_eq!(
        refused(&contradicting).0,
        [
            "/item/0/answerConstraint mismatch",
            "/item/1/answerConstraint not-supported",
            "/item/2/answerConstraint enum",
        ]
    );
}
