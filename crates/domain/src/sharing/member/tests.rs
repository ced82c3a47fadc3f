use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::*;
use crate::{
    check_in::{CheckIn, CheckInAnswers},
    craving_event::CravingEvent,
    plan::Plan,
    record::{
        Record, json,
        registry::{ForNoun, for_noun},
    },
    value::vocabulary::FeelsSafe,
};

/// Lists where tables and the schema of a type differ: a member that no table names, one that two tables name, one that
/// there is not, and one whose content is not as its table says.
pub fn differences<T: ToSchema>(tables: &[&[Member]]) -> Vec<String> {
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut schemas);
    let named = schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap()))
        .collect();
    let mut found = Vec::new();
    let schema = object_in(&serde_json::to_value(T::schema()).unwrap(), &named).unwrap();
    compare(tables, &schema, &named, "", &mut found);
    found
}

type Named = BTreeMap<String, Value>;

fn compare(tables: &[&[Member]], schema: &Value, named: &Named, path: &str, found: &mut Vec<String>) {
    let mut properties: BTreeSet<&str> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for member in tables.iter().copied().flatten() {
        let path = format!("{path}/{}", member.name);
        if !properties.remove(member.name) {
            found.push(format!("{path} is not there, or named twice"));
            continue;
        }
        match (
            member.content,
            object_in(&schema["properties"][member.name], named),
        ) {
            (Content::Value, None) | (Content::Whole, Some(_)) => {}
            (Content::Object(members), Some(inner)) => compare(&[members], &inner, named, &path, found),
            (Content::Value, Some(_)) => found.push(format!("{path} is an object")),
            (Content::Object(_) | Content::Whole, None) => found.push(format!("{path} is no object")),
        }
    }
    found.extend(
        properties
            .iter()
            .map(|name| format!("{path}/{name} is in no table")),
    );
}

/// Returns the schema of the object that a value is, or of the objects that it is a list of.
fn object_in(schema: &Value, named: &Named) -> Option<Value> {
    if schema["properties"].is_object() {
        return Some(schema.clone());
    }
    if let Some(name) = schema["$ref"].as_str() {
        return object_in(&named[name.rsplit('/').next().unwrap()], named);
    }
    let combined = ["oneOf", "anyOf", "allOf"].map(|of| schema[of].as_array().into_iter().flatten());
    let items = schema.get("items").into_iter();
    (combined.into_iter().flatten().chain(items)).find_map(|inner| object_in(inner, named))
}

struct Differences;

impl ForNoun for Differences {
    type Output = Vec<String>;

    fn run<T: Record>(self) -> Vec<String> {
        differences::<T>(&[table(T::KIND).unwrap()])
    }
}

#[test]
fn the_tables_name_every_member_of_every_shared_collection() {
    for kind in Kind::ALL.iter().copied() {
        assert_eq!(table(kind).is_some(), class_of(kind).is_some(), "{}", kind.path());
        if class_of(kind).is_some() {
            assert_eq!(for_noun(kind, Differences), [""; 0], "{}", kind.path());
        }
    }
}

fn covered(classes: &[DataClass]) -> Covered {
    classes.iter().copied().collect()
}

fn read(kind: Kind, classes: &[DataClass], body: &[u8]) -> Option<Value> {
    let shown = shown(kind, covered(classes), body).unwrap()?;
    Some(serde_json::from_slice(&shown).unwrap())
}

struct Example;

impl ForNoun for Example {
    type Output = Vec<u8>;

    fn run<T: Record>(self) -> Vec<u8> {
        json(&T::example())
    }
}

#[test]
fn with_every_class_a_shared_record_is_shown_as_it_is_stored_and_a_private_one_never() {
    for kind in Kind::ALL.iter().copied() {
        let body = for_noun(kind, Example);
        let shown = shown(kind, covered(DataClass::ALL), &body).unwrap();
        assert_eq!(shown, class_of(kind).map(|_| body), "{}", kind.path());
    }
}

#[test]
fn no_other_class_shows_a_record() {
    for kind in Kind::ALL.iter().copied() {
        let others: Covered = (DataClass::ALL.iter().copied())
            .filter(|class| Some(*class) != class_of(kind))
            .collect();
        let body = for_noun(kind, Example);
        assert_eq!(shown(kind, others, &body).unwrap(), None, "{}", kind.path());
        assert!(!shows_versions(kind, others));
    }
}

#[test]
fn a_check_in_without_a_covered_answer_is_shown_with_its_time() {
    let check_in = CheckIn {
        answers: CheckInAnswers {
            feels_safe: Some(FeelsSafe::No),
            ..CheckInAnswers::default()
        },
        ..CheckIn::example()
    };
    assert_eq!(
        read(Kind::CheckIn, &[DataClass::CheckIns], &json(&check_in)),
        Some(json!({
            "kind": "momentary",
            "occurred_at": "2026-03-01T21:30:00.000-05:00",
            "local_date": "2026-03-01",
            "answers": {},
            "trigger_ids": [],
            "warning_sign_ids": [],
            "tags": [],
        }))
    );
}

/// How many steps, strategies or answers there are of which nothing is left is hidden as well.
#[test]
fn an_item_of_which_no_more_than_its_name_is_left_is_left_out() {
    use DataClass::{Cravings, Notes, Plans, Questionnaires, SupportContacts};
    let plan = json!({ "content": { "situations": [{
        "label": "Payday",
        "steps": [{ "contact_id": "a" }, { "text": "Breathe", "contact_id": "a" }, { "contact_id": "b" }],
    }] } });
    let craving = json!({ "strategy_uses": [
        { "id": "a", "label": "Walk to her house" },
        { "id": "b", "strategy_id": "s" },
        { "id": "c", "strategy_id": "s", "helped": true },
        { "id": "d", "practice": "urge_surfing" },
    ] });
    let response = json!({ "answers": [
        { "link_id": "1", "value_string": "At my sister's" },
        { "link_id": "2", "value_integer": 3 },
    ] });
    let list = |kind, classes: &[DataClass], body: &Value, pointer: &str| {
        read(kind, classes, &json(body))
            .unwrap()
            .pointer(pointer)
            .unwrap()
            .clone()
    };
    let steps = |classes: &[DataClass]| list(Kind::Plan, classes, &plan, "/content/situations/0/steps");
    let tried = |classes: &[DataClass]| list(Kind::CravingEvent, classes, &craving, "/strategy_uses");
    let answers = |classes: &[DataClass]| list(Kind::QuestionnaireResponse, classes, &response, "/answers");
    assert_eq!(steps(&[Plans]), json!([{ "text": "Breathe" }]));
    assert_eq!(steps(&[Plans, SupportContacts]).as_array().unwrap().len(), 3);
    assert_eq!(
        tried(&[Cravings]),
        json!([{ "id": "c", "helped": true }, { "id": "d", "practice": "urge_surfing" }])
    );
    assert_eq!(tried(&[Cravings, Plans]).as_array().unwrap().len(), 3);
    assert_eq!(tried(&[Cravings, Plans, Notes]), craving["strategy_uses"]);
    assert_eq!(
        answers(&[Questionnaires]),
        json!([{ "link_id": "2", "value_integer": 3 }])
    );
    assert_eq!(answers(&[Questionnaires, Notes]), response["answers"]);
}

#[test]
fn without_use_every_craving_has_the_same_outcome() {
    let body = json(&CravingEvent::example());
    let shown = read(Kind::CravingEvent, &[DataClass::Cravings], &body).unwrap();
    assert_eq!((&shown["outcome"], shown.get("acted")), (&json!("unsure"), None));
}

#[test]
fn members_that_are_missing_in_an_earlier_form_are_withheld_in_the_same_way() {
    let whole = json(&CheckIn::example());
    let mut earlier: Value = serde_json::from_slice(&whole).unwrap();
    for member in ["tags", "trigger_ids", "warning_sign_ids", "note"] {
        earlier.as_object_mut().unwrap().remove(member);
    }
    let check_ins = covered(&[DataClass::CheckIns]);
    assert_eq!(
        shown(Kind::CheckIn, check_ins, &json(&earlier)).unwrap(),
        shown(Kind::CheckIn, check_ins, &whole).unwrap()
    );
}

#[test]
fn versions_are_shown_exactly_where_nothing_is_withheld() {
    for kind in Kind::ALL.iter().copied() {
        let Some(class) = class_of(kind) else {
            assert!(!shows_versions(kind, covered(DataClass::ALL)));
            continue;
        };
        let needed: Vec<DataClass> = further_classes(kind).iter().chain([class]).collect();
        assert!(shows_versions(kind, covered(&needed)), "{}", kind.path());
        for missing in &needed {
            let without = covered(&needed).without(*missing);
            assert!(!shows_versions(kind, without), "{}: {missing:?}", kind.path());
        }
    }
    assert_eq!(
        further_classes(Kind::Plan),
        covered(&[DataClass::SupportContacts, DataClass::Safety])
    );
    assert_eq!(further_classes(Kind::Medication), Covered::default());
}

#[test]
fn the_number_of_a_plan_tells_nothing_of_withheld_changes() {
    let mut plan = Plan::example();
    plan.number = crate::value::number::Int::clamped(7);
    let body = json(&plan);
    let number = |classes: &[DataClass]| read(Kind::Plan, classes, &body).unwrap()["number"].clone();
    assert_eq!(number(&[DataClass::Plans]), 1);
    assert_eq!(
        number(&[DataClass::Plans, DataClass::SupportContacts, DataClass::Safety]),
        7
    );
}

#[test]
fn what_is_no_object_is_a_fault() {
    let goals = covered(&[DataClass::Goals]);
    assert!(shown(Kind::Goal, goals, b"[]").is_err() && shown(Kind::Goal, goals, b"no json").is_err());
}
