//! Merges a patch into a record.

use serde_json::{Value, json};

/// Merges a patch into a value (RFC 7396): objects member by member, null removes a member, everything else replaces.
pub fn merge_into(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, change) in changes {
        if change.is_null() {
            target.as_object_mut().expect("an object").remove(name);
        } else {
            merge_into(&mut target[name], change);
        }
    }
}
