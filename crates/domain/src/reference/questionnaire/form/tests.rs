//! Tests of conditions and of the validation of answers, case by case.

mod generated;
mod shared_codes;

use serde_json::json;

use super::*;

fn questionnaire(items: &serde_json::Value) -> Questionnaire {
    let mut whole = json!({ "id": "00000000-0000-0000-0000-000000000000", "url": "u", "version": "1", "title": "t", "status": "active",
        "licence": "l", "attribution": "a" });
    let plain = json!({ "required": false, "repeats": false, "read_only": false });
    let items: Vec<serde_json::Value> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let mut all = plain.as_object().unwrap().clone();
            all.extend(item.as_object().unwrap().clone());
            json!(all)
        })
        .collect();
    whole["items"] = json!(items);
    serde_json::from_value(whole).unwrap()
}

fn answers(values: serde_json::Value) -> Vec<Answer> {
    serde_json::from_value(values).unwrap()
}

fn faults(
    questionnaire: &Questionnaire,
    values: serde_json::Value,
    is_completed: bool,
) -> Vec<(String, String)> {
    let mut findings = Findings::default();
    let answers = answers(values);
    Form::new(questionnaire, &answers).check(is_completed, &mut findings);
    findings
        .into_vec()
        .into_iter()
        .map(|f| (f.pointer, f.code.to_string()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(p, c)| ((*p).to_owned(), (*c).to_owned()))
        .collect()
}

/// Whether an item is asked that has one condition on these answers.
fn ask(operator: &str, value: &serde_json::Value, given: &serde_json::Value) -> bool {
    let mut condition = json!({ "link_id": "q", "operator": operator });
    condition
        .as_object_mut()
        .unwrap()
        .extend(value.as_object().unwrap().clone());
    let whole = questionnaire(&json!([
        { "link_id": "q", "type": "string", "repeats": true }, { "link_id": "then", "type": "string", "enable_when": [condition] },
    ]));
    let answers = answers(given.clone());
    Form::new(&whole, &answers).is_asked("then")
}

#[test]
fn every_operator_does_as_fhir_says() {
    let (none, five, both) = (
        json!([]),
        json!([{ "link_id": "q", "value_integer": 5 }]),
        json!([{ "link_id": "q", "value_decimal": 4.5 }, { "link_id": "q", "value_decimal": 5.5 }]),
    );
    for (operator, value, for_none, for_five, for_both) in [
        ("exists", json!({ "answer_boolean": true }), false, true, true),
        ("exists", json!({ "answer_boolean": false }), true, false, false),
        ("equal", json!({ "answer_decimal": 5.0 }), false, true, false),
        ("equal", json!({ "answer_decimal": 4.5 }), false, false, true),
        // "No answer equals the value" also holds if there is no answer.
        ("not_equal", json!({ "answer_integer": 5 }), true, false, true),
        ("not_equal", json!({ "answer_decimal": 4.5 }), true, true, false),
        ("greater", json!({ "answer_integer": 5 }), false, false, true),
        ("less", json!({ "answer_integer": 5 }), false, false, true),
        (
            "greater_or_equal",
            json!({ "answer_integer": 5 }),
            false,
            true,
            true,
        ),
        (
            "less_or_equal",
            json!({ "answer_decimal": 4.5 }),
            false,
            false,
            true,
        ),
        ("equal", json!({ "answer_string": "5" }), false, false, false),
    ] {
        let found = [&none, &five, &both].map(|given| ask(operator, &value, given));
        assert_eq!(found, [for_none, for_five, for_both], "{operator} {value}");
    }
}

#[expect(clippy::too_many_lines, reason = "long because of its table of cases")]
#[test]
fn values_of_every_type_are_compared() {
    for (operator, value, given, expected) in [
        (
            "equal",
            json!({ "answer_date": "2022-09" }),
            json!({ "value_date": "2022-09" }),
            true,
        ),
        (
            "equal",
            json!({ "answer_date": "2022-09" }),
            json!({ "value_date": "2022-09-20" }),
            false,
        ),
        (
            "greater",
            json!({ "answer_date": "2022-09" }),
            json!({ "value_date": "2022-10-01" }),
            true,
        ),
        (
            "equal",
            json!({ "answer_date": "13:30:00" }),
            json!({ "value_time": "13:30" }),
            true,
        ),
        (
            "less",
            json!({ "answer_date": "2026-03-01T12:00:00Z" }),
            json!({ "value_date_time": "2026-03-01T12:30:00+01:00" }),
            true,
        ),
        (
            "equal",
            json!({ "answer_boolean": false }),
            json!({ "value_boolean": false }),
            true,
        ),
        (
            "greater",
            json!({ "answer_string": "tes" }),
            json!({ "value_string": "test" }),
            true,
        ),
        (
            "equal",
            json!({ "answer_coding": { "system": "s", "code": "B" } }),
            json!({ "value_coding": { "code": "B" } }),
            true,
        ),
        (
            "equal",
            json!({ "answer_coding": { "system": "s", "code": "B" } }),
            json!({ "value_coding": { "system": "t", "code": "B" } }),
            false,
        ),
        (
            "greater",
            json!({ "answer_coding": { "code": "A" } }),
            json!({ "value_coding": { "code": "B" } }),
            false,
        ),
    ] {
        let mut answer = given.clone();
        answer["link_id"] = json!("q");
        assert_eq!(
            ask(operator, &value, &json!([answer])),
            expected,
            "{operator} {value} {given}"
        );
    }
}

#[test]
fn items_inside_an_item_that_is_not_asked_are_not_asked() {
    let whole = questionnaire(&json!([
        { "link_id": "go", "type": "boolean" },
        { "link_id": "g", "type": "group", "required": true, "enable_when": [{ "link_id": "go", "operator": "equal", "answer_boolean": true }] },
        { "link_id": "a", "type": "integer", "parent_link_id": "g", "required": true },
        { "link_id": "b", "type": "string", "parent_link_id": "a", "required": true },
        { "link_id": "c", "type": "string", "enable_when": [
            { "link_id": "a", "operator": "greater", "answer_integer": 3 }, { "link_id": "go", "operator": "exists", "answer_boolean": false }],
          "enable_behavior": "any", "required": true },
    ]));
    let go = |yes: bool| json!({ "link_id": "go", "value_boolean": yes });
    let a = |n: i64| json!({ "link_id": "a", "value_integer": n });
    let text = |link: &str| json!({ "link_id": link, "value_string": "x" });
    assert_eq!(
        faults(&whole, json!([]), true),
        pairs(&[("/answers/0", "required")])
    );
    assert_eq!(faults(&whole, json!([go(false)]), true), []);
    assert_eq!(
        faults(&whole, json!([go(false), a(4)]), false),
        pairs(&[("/answers/1/link_id", "not-enabled")])
    );
    // The answer to an item that is not asked does not count in conditions of other items either.
    assert_eq!(
        faults(&whole, json!([go(false), a(4), text("c")]), false),
        pairs(&[
            ("/answers/1/link_id", "not-enabled"),
            ("/answers/2/link_id", "not-enabled")
        ])
    );
    assert_eq!(
        faults(&whole, json!([go(true), text("b")]), false),
        pairs(&[("/answers/1/link_id", "not-enabled")])
    );
    assert_eq!(
        faults(&whole, json!([go(true)]), true),
        pairs(&[("/answers/1", "required"), ("/answers/2", "required")])
    );
    assert_eq!(
        faults(&whole, json!([go(true), a(4)]), true),
        pairs(&[("/answers/2", "required"), ("/answers/3", "required")])
    );
    assert_eq!(
        faults(&whole, json!([go(true), a(4), text("b"), text("c")]), true),
        []
    );
    assert_eq!(faults(&whole, json!([go(true), a(4)]), false), []);
}

#[test]
fn every_wrong_answer_is_named() {
    let options = json!([{ "value_coding": { "system": "s", "code": "x" } }, { "value_coding": { "system": "s", "code": "y" } }]);
    let whole = questionnaire(&json!([
        { "link_id": "g", "type": "group" },
        { "link_id": "i", "type": "integer", "min_value": 1, "max_value": 5 },
        { "link_id": "s", "type": "string", "max_length": 3 },
        { "link_id": "c", "type": "choice", "options": options, "repeats": true },
        { "link_id": "o", "type": "open_choice", "options": options },
        { "link_id": "d", "type": "date" }, { "link_id": "t", "type": "time" }, { "link_id": "dt", "type": "date_time" },
        { "link_id": "n", "type": "decimal", "read_only": true },
        { "link_id": "io", "type": "integer", "options": [{ "value_integer": 12 }, { "value_integer": 34 }] },
        { "link_id": "co", "type": "choice", "options": [{ "value_string": "A" }, { "value_string": "B" }] },
    ]));
    let found = faults(
        &whole,
        json!([
            { "link_id": "g", "value_boolean": true },
            { "link_id": "i", "value_integer": 6 },
            { "link_id": "i", "value_integer": 3 },
            { "link_id": "s", "value_string": "long", "value_integer": 1 },
            { "link_id": "c", "value_coding": { "code": "x" } },
            { "link_id": "c", "value_coding": { "system": "s", "code": "x" } },
            { "link_id": "c", "value_coding": { "code": "z" } },
            { "link_id": "o", "value_string": "own", "value_coding": { "code": "x" } },
            { "link_id": "d", "value_date": "2026-13-01" },
            { "link_id": "t", "value_time": "25:30", "value_date": "2026" },
            { "link_id": "dt" },
            { "link_id": "n", "value_decimal": 1.5 },
            { "link_id": "zz", "value_boolean": true },
            { "link_id": "io", "value_integer": 13 },
            { "link_id": "co", "value_string": "C" },
        ]),
        true,
    );
    assert_eq!(
        found,
        pairs(&[
            ("/answers/0/link_id", "not-a-question"),
            ("/answers/1/value_integer", "range"),
            ("/answers/2/link_id", "repeated"),
            ("/answers/3/value_integer", "type"),
            ("/answers/3/value_string", "length"),
            ("/answers/5/value_coding", "duplicate"),
            ("/answers/6/value_coding", "option"),
            ("/answers/7/value_coding", "type"),
            ("/answers/8/value_date", "format"),
            ("/answers/9/value_date", "type"),
            ("/answers/9/value_time", "format"),
            ("/answers/10/value_date_time", "required"),
            ("/answers/11/link_id", "read-only"),
            ("/answers/12/link_id", "unknown-item"),
            ("/answers/13/value_integer", "option"),
            ("/answers/14/value_string", "option"),
        ])
    );
    let fine = json!([
        { "link_id": "o", "value_string": "my own" }, { "link_id": "d", "value_date": "2026-03" }, { "link_id": "t", "value_time": "07:30:15" },
        { "link_id": "dt", "value_date_time": "2026-03-01T08:00:00+01:00" }, { "link_id": "io", "value_integer": 34 }, { "link_id": "co", "value_string": "B" },
        { "link_id": "c", "value_coding": { "code": "x" } }, { "link_id": "c", "value_coding": { "code": "y" } },
    ]);
    assert_eq!(faults(&whole, fine, true), []);
}
