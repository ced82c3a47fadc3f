//! Property tests: whatever is added to an importable resource, or replaced in it, is named at its pointer.

use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use super::{import_resource, terms};
use crate::value::validation::pointer_segment;

/// Resources that can be imported, and that have every feature that an import knows.
fn importable() -> Vec<Value> {
    [include_str!("r4.json"), include_str!("r5.json")]
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

/// The pointers to all values inside a value, itself included, for which a test holds.
fn pointers(value: &Value, at: &str, is_wanted: &dyn Fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    if is_wanted(value) {
        found.push(at.to_owned());
    }
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                found.extend(pointers(
                    inner,
                    &format!("{at}/{}", pointer_segment(name)),
                    is_wanted,
                ));
            }
        }
        Value::Array(items) => {
            for (n, inner) in items.iter().enumerate() {
                found.extend(pointers(inner, &format!("{at}/{n}"), is_wanted));
            }
        }
        _ => {}
    }
    found
}

/// The pointers of everything that an import names.
fn named(resource: &Value) -> Vec<String> {
    let (faults, remarks) = match import_resource(resource, &terms()) {
        Ok(imported) => (Vec::new(), imported.remarks),
        Err(refused) => (refused.faults, refused.remarks),
    };
    faults
        .into_iter()
        .chain(remarks)
        .map(|finding| finding.pointer)
        .collect()
}

/// A value whose type is none of the types that the place of another value allows.
fn of_another_type(value: &Value, choice: usize) -> Value {
    let others: Vec<Value> = [
        json!({ "a": 1 }),
        json!([[]]),
        json!("strange \u{e4}"),
        json!(true),
        json!(7.25),
    ]
    .into_iter()
    .filter(|other| std::mem::discriminant(other) != std::mem::discriminant(value))
    .collect();
    others[choice % others.len()].clone()
}

/// A name that no member of FHIR has.
fn strange_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,12}X[a-zA-Z/~ ]{0,12}",
        "_[a-z]{1,8}Q[a-z]{0,8}",
        Just("\u{0}\u{1b}".to_owned()),
        "\\PC{1,9}#"
    ]
}

#[test]
fn the_resources_can_be_imported() {
    for resource in importable() {
        import_resource(&resource, &terms()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_added_member_is_named_at_its_pointer(
        which in 0_usize..2,
        added in prop::collection::vec((any::<Index>(), strange_name(), 0_usize..5), 1..4),
    ) {
        let mut resource = importable().remove(which);
        let objects = pointers(&resource, "", &Value::is_object);
        let mut expected = Vec::new();
        for (place, name, value) in added {
            let at = place.get(&objects);
            let members: &mut Map<String, Value> = resource.pointer_mut(at).unwrap().as_object_mut().unwrap();
            members.insert(name.clone(), of_another_type(&Value::Null, value));
            expected.push(format!("{at}/{}", pointer_segment(&name)));
        }
        let named = named(&resource);
        for pointer in expected {
            prop_assert!(named.contains(&pointer), "{} is not among {:?}", pointer, named);
        }
    }

    #[test]
    fn a_value_of_a_wrong_type_is_named_at_its_pointer(
        which in 0_usize..2,
        replaced in prop::collection::vec((any::<Index>(), any::<usize>()), 1..4),
    ) {
        let mut resource = importable().remove(which);
        let mut expected: Vec<String> = Vec::new();
        for (place, value) in replaced {
            let all = pointers(&resource, "", &|_| true);
            let at = place.get(&all);
            // What is inside a replaced value, or around it, is no more what it was.
            if at.is_empty() || expected.iter().any(|other| at.starts_with(other.as_str()) || other.starts_with(at.as_str())) {
                continue;
            }
            let target = resource.pointer_mut(at).unwrap();
            *target = of_another_type(target, value);
            expected.push(at.clone());
        }
        let named = named(&resource);
        for pointer in expected {
            prop_assert!(named.contains(&pointer), "{} is not among {:?}", pointer, named);
        }
    }

    #[test]
    fn a_null_is_named_at_its_pointer(which in 0_usize..2, place in any::<Index>()) {
        let mut resource = importable().remove(which);
        let all = pointers(&resource, "", &|_| true);
        let at = place.get(&all);
        prop_assume!(!at.is_empty());
        *resource.pointer_mut(at).unwrap() = Value::Null;
        let named = named(&resource);
        prop_assert!(named.contains(at), "{} is not among {:?}", at, named);
    }

    #[test]
    fn a_modifier_is_refused_wherever_it_stands(which in 0_usize..2, place in any::<Index>()) {
        let mut resource = importable().remove(which);
        let objects = pointers(&resource, "", &Value::is_object);
        let at = place.get(&objects);
        let members = resource.pointer_mut(at).unwrap().as_object_mut().unwrap();
        members.insert("modifierExtension".to_owned(), json!([{ "url": "https://example.org/not", "valueBoolean": true }]));
        let refused = import_resource(&resource, &terms()).unwrap_err();
        let pointer = format!("{at}/modifierExtension");
        prop_assert!(refused.faults.iter().any(|fault| fault.pointer == pointer), "{}: {:?}", pointer, refused);
    }

    #[test]
    fn what_is_imported_can_be_stored_and_read_again(which in 0_usize..2, removed in prop::collection::vec(any::<Index>(), 0..6)) {
        let mut resource = importable().remove(which);
        for place in removed {
            let members = pointers(&resource, "", &|_| true);
            let at = place.get(&members);
            let Some((around, name)) = at.rsplit_once('/') else { continue };
            match resource.pointer_mut(around).unwrap() {
                Value::Object(members) => { members.remove(name); }
                Value::Array(items) => { items.remove(name.parse().unwrap()); }
                _ => {}
            }
        }
        if let Ok(imported) = import_resource(&resource, &terms()) {
            let stored = serde_json::to_value(&imported.questionnaire).unwrap();
            let read: crate::reference::questionnaire::Questionnaire = serde_json::from_value(stored).unwrap();
            prop_assert_eq!(read, imported.questionnaire);
        }
    }
}
