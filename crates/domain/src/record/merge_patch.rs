//! JSON Merge Patch (RFC 7396): a client changes the members that it names, and every other member stays.

use serde_json::{Map, Value};

use super::json;

/// The changes of a client to a JSON object. It is an object itself.
///
/// ```
/// use mainstay_domain::record::merge_patch::MergePatch;
/// use serde_json::json;
///
/// let patch = MergePatch::new(json!({ "answers": { "mood": 3 } })).unwrap();
/// let merged = patch.apply(br#"{ "answers": { "mood": 7, "stress": 2 }, "note": "Rain." }"#)?;
/// assert_eq!(merged, br#"{"answers":{"mood":3,"stress":2},"note":"Rain."}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MergePatch(Value);

impl MergePatch {
    /// Creates a patch from a JSON value; `None` unless the value is an object.
    pub fn new(patch: Value) -> Option<Self> {
        patch.is_object().then_some(Self(patch))
    }

    /// The approximate length of the patch as a text, in bytes.
    pub fn length(&self) -> usize {
        length(&self.0)
    }

    /// Applies the patch to the text of a JSON object, and returns the text of the result.
    ///
    /// A member that the patch removes is null in the result, which means the same to a type that reads it. So a
    /// type that refuses unknown members also refuses a patch that removes one that does not exist.
    ///
    /// # Errors
    /// If the text is not JSON.
    pub fn apply(&self, object: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
        let mut merged = serde_json::from_slice(object)?;
        merge(&mut merged, &self.0);
        name_removed(&mut merged, &self.0);
        Ok(json(&merged))
    }
}

/// The approximate length of a value as a text.
fn length(value: &Value) -> usize {
    match value {
        Value::Object(members) => (members.iter())
            .map(|(name, value)| name.len() + length(value) + 4)
            .sum(),
        Value::Array(items) => items.iter().map(|item| length(item) + 1).sum(),
        Value::String(text) => text.len() + 2,
        _ => 4,
    }
}

/// Applies a patch to a value.
///
/// An object in the patch is merged member by member, at any depth. Null removes a member. Every other value, a list
/// too, replaces what was there. The recursion goes as deep as the patch, whose depth the JSON parser limits.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// Writes null in the place of each member that a patch has removed.
fn name_removed(merged: &mut Value, patch: &Value) {
    let (Value::Object(members), Value::Object(changes)) = (merged, patch) else {
        return;
    };
    for (name, change) in changes {
        match members.get_mut(name) {
            Some(member) => name_removed(member, change),
            None => {
                members.insert(name.clone(), Value::Null);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn merged(target: &Value, patch: &Value) -> Value {
        let mut target = target.clone();
        merge(&mut target, patch);
        target
    }

    /// The table of RFC 7396, appendix A: original, patch, result.
    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (original, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ] {
            assert_eq!(merged(&original, &patch), result, "{original} with {patch}");
        }
    }

    #[test]
    fn a_patch_is_an_object_and_a_removed_member_is_null() {
        for other in [json!(null), json!([]), json!(3), json!("{}")] {
            assert_eq!(MergePatch::new(other), None);
        }
        let apply = |patch: Value| {
            let merged = MergePatch::new(patch).unwrap().apply(br#"{"a":{"b":1},"c":[2]}"#);
            String::from_utf8(merged.unwrap()).unwrap()
        };
        assert_eq!(apply(json!({})), r#"{"a":{"b":1},"c":[2]}"#);
        assert_eq!(
            apply(json!({"a":{"b":null,"d":null},"c":null,"e":null})),
            r#"{"a":{"b":null,"d":null},"c":null,"e":null}"#
        );
        assert_eq!(apply(json!({"c":{"f":null}})), r#"{"a":{"b":1},"c":{"f":null}}"#);
        assert!(MergePatch::new(json!({})).unwrap().apply(b"{").is_err());
    }

    /// Any JSON value with few names, so that a patch often names what there is.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..5).prop_map(Value::from),
            "[a-c]".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// A path of names to a value.
    type Path = Vec<String>;

    /// Lists every value that is no object, and every object, by its path.
    fn leaves(value: &Value, at: &Path, all: &mut Vec<(Path, Value)>) {
        if let Value::Object(members) = value {
            all.push((at.clone(), json!({})));
            for (name, member) in members {
                let mut path = at.clone();
                path.push(name.clone());
                leaves(member, &path, all);
            }
        } else {
            all.push((at.clone(), value.clone()));
        }
    }

    /// Merges by paths: takes away what the patch replaces or removes, then adds what it sets.
    fn naive(target: &Value, patch: &Value) -> Vec<(Path, Value)> {
        let (mut before, mut changes) = (Vec::new(), Vec::new());
        leaves(target, &Path::new(), &mut before);
        leaves(patch, &Path::new(), &mut changes);
        let mut after: Vec<(Path, Value)> = before
            .iter()
            .filter(|(path, value)| {
                // Whatever of the path the patch names must be an object in both.
                changes.iter().all(|(at, change)| {
                    !path.starts_with(at)
                        || change.is_object() && (at.len() < path.len() || value.is_object())
                })
            })
            .cloned()
            .collect();
        for (path, value) in changes {
            let is_set = !value.is_null() || path.is_empty();
            if is_set && !after.contains(&(path.clone(), value.clone())) {
                after.push((path, value));
            }
        }
        after.sort_by(|one, other| one.0.cmp(&other.0));
        after
    }

    proptest! {
        #[test]
        fn a_merge_equals_one_by_paths(target in any_json(), patch in any_json()) {
            let mut found = Vec::new();
            leaves(&merged(&target, &patch), &Path::new(), &mut found);
            found.sort_by(|one, other| one.0.cmp(&other.0));
            prop_assert_eq!(found, naive(&target, &patch));
        }

        #[test]
        fn a_merge_made_twice_is_a_merge_made_once(target in any_json(), patch in any_json()) {
            let once = merged(&target, &patch);
            prop_assert_eq!(merged(&once, &patch), once);
        }

        #[test]
        fn what_a_patch_does_not_name_stays(target in any_json(), patch in any_json()) {
            if let (Value::Object(before), Value::Object(changes), Value::Object(after)) =
                (&target, &patch, &merged(&target, &patch))
            {
                for (name, value) in before {
                    prop_assert!(changes.contains_key(name) || after.get(name) == Some(value));
                }
            }
        }
    }
}
