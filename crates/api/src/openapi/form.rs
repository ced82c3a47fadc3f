//! The forms in which a type appears in the document: as it is answered, as it is sent, and as a merge patch.
//!
//! They follow from the type alone. A member of a derived schema
//!
//! - is required if serde has no default for it: it must be sent;
//! - may be null if it is an `Option`: an answer leaves it out while it has no value;
//! - is read-only if the server computes it: it may be sent back, and is ignored.
//!
//! So an answer always has a member that cannot be null. An `Option` that the server always fills is marked
//! `#[schema(nullable = false)]`. Answers may grow, so only inputs refuse members that they do not name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::openapi::{
    reference::{Form, MAY_BE_NULL},
    schema::{Components, named},
};

/// Types in their forms.
type Formed = BTreeMap<(Form, String), Value>;

/// Makes the schemas that a document refers to, and gives every reference the name that the schema has in the document.
///
/// A type that is only sent keeps its name. One that is also answered is sent as `…Input`.
pub fn finish(components: &Components, document: &mut Value) -> Components {
    let mut formed = reachable(&named(components), document);
    let final_names = names(&formed);
    let rename = |value: &mut Value| {
        each_reference(value, &mut |reference| {
            if let Some((form, name)) = Form::of(reference)
                && let Some(name) = final_names.get(&(form, name.to_owned()))
            {
                *reference = format!("{}{name}", Form::Answer.prefix());
            }
        });
    };
    rename(document);
    formed.values_mut().for_each(rename);
    formed
        .into_iter()
        .filter_map(|(key, schema)| Some((final_names.get(&key)?.clone(), schema)))
        .collect()
}

/// Builds the schema that an input is validated against. It stands for itself: `null` counts as absent and is not in it,
/// and a read-only member may be anything.
pub fn for_validation(components: &Components, mut root: Value) -> Value {
    let mut groups: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for ((form, name), schema) in reachable(&named(components), &mut root) {
        let group = form
            .prefix()
            .trim_start_matches("#/components/")
            .trim_end_matches('/');
        groups
            .entry(group)
            .or_default()
            .insert(name, without_null(&schema));
    }
    let mut document = Map::from_iter([("components".to_owned(), json!(groups))]);
    if let Value::Object(root) = root {
        document.extend(root);
    }
    Value::Object(document)
}

/// Returns every type that a document refers to, in the forms in which it does, and the types inside them.
fn reachable(named: &Components, document: &mut Value) -> Formed {
    let mut formed = Formed::new();
    let mut waiting = BTreeSet::new();
    let collect = |value: &mut Value, waiting: &mut BTreeSet<(Form, String)>| {
        each_reference(value, &mut |reference| {
            waiting.extend(Form::of(reference).map(|(form, name)| (form, name.to_owned())));
        });
    };
    collect(document, &mut waiting);
    while let Some((form, name)) = waiting.pop_first() {
        let Some(schema) = named.get(&name) else { continue };
        let mut schema = value(schema, form, named);
        let mut inside = BTreeSet::new();
        collect(&mut schema, &mut inside);
        formed.insert((form, name), schema);
        waiting.extend(inside.into_iter().filter(|key| !formed.contains_key(key)));
    }
    formed
}

/// Returns the name of each schema in the document.
fn names(formed: &Formed) -> BTreeMap<(Form, String), String> {
    let same = patches_that_are_inputs(formed);
    let name_of = |form: Form, name: &str| {
        let is_answered = formed.contains_key(&(Form::Answer, name.to_owned()));
        match form {
            Form::Input if is_answered => format!("{name}Input"),
            Form::Answer | Form::Input => name.to_owned(),
            Form::Patch => format!("{name}Patch"),
        }
    };
    formed
        .keys()
        .map(|(form, name)| {
            let of = if *form == Form::Patch && same.contains(name) {
                Form::Input
            } else {
                *form
            };
            ((*form, name.clone()), name_of(of, name))
        })
        .collect()
}

/// Returns the types whose patch is the same as their input, which then needs no name of its own.
fn patches_that_are_inputs(formed: &Formed) -> BTreeSet<String> {
    let input_of = |name: &String| formed.get(&(Form::Input, name.clone()));
    let is_patch = |key: &&(Form, String)| key.0 == Form::Patch && input_of(&key.1).is_some();
    let mut same: BTreeSet<String> = formed.keys().filter(is_patch).map(|key| key.1.clone()).collect();
    loop {
        let differing: Vec<String> = same
            .iter()
            .filter(|name| {
                let mut patch = formed
                    .get(&(Form::Patch, (*name).clone()))
                    .cloned()
                    .unwrap_or_default();
                each_reference(&mut patch, &mut |reference| {
                    if let Some((Form::Patch, inner)) = Form::of(reference)
                        && same.contains(inner)
                    {
                        *reference = format!("{}{inner}", Form::Input.prefix());
                    }
                });
                input_of(name) != Some(&patch)
            })
            .cloned()
            .collect();
        if differing.is_empty() {
            return same;
        }
        same.retain(|name| !differing.contains(name));
    }
}

/// Calls a function for each reference.
fn each_reference(value: &mut Value, act: &mut impl FnMut(&mut String)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_reference(item, act)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(reference) if name == "$ref" => act(reference),
                    other => each_reference(other, act),
                }
            }
        }
        _ => {}
    }
}

/// Returns a schema in a form.
fn value(schema: &Value, form: Form, named: &Components) -> Value {
    let Value::Object(members) = schema else {
        return schema.clone();
    };
    if members.contains_key("properties") {
        return Value::Object(object(members, form, named));
    }
    let mut members = members.clone();
    if let Some(Value::String(reference)) = members.get("$ref")
        && let Some((Form::Answer, name)) = Form::of(reference)
    {
        // An enum is the same in every form.
        let is_object = named
            .get(name)
            .is_some_and(|target| target.get("properties").is_some());
        let form = if is_object { form } else { Form::Answer };
        members.insert("$ref".to_owned(), json!(format!("{}{name}", form.prefix())));
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(schema) = members.get_mut(inner) {
            *schema = value(schema, form.of_items(), named);
        }
    }
    if is_of_type(&members, "object") {
        members.entry("additionalProperties").or_insert(json!(true));
    }
    Value::Object(members)
}

/// Returns the schema of an object with members in a form.
fn object(schema: &Map<String, Value>, form: Form, named: &Components) -> Map<String, Value> {
    let mut own = schema.clone();
    let mut required: Vec<&String> = Vec::new();
    let mut properties = Map::new();
    let members = schema.get("properties").and_then(Value::as_object);
    for (name, member) in members.into_iter().flatten() {
        let must_be_sent = is_required(schema, name);
        let is_read_only = member.get("readOnly") == Some(&json!(true));
        let may_be_null = may_be_null(member);
        let (is_required, takes_null) = match form {
            // A member that is always there and may be null says so by being both.
            Form::Answer => (!may_be_null || must_be_sent, may_be_null && must_be_sent),
            Form::Input => (must_be_sent && !is_read_only, !must_be_sent && !is_read_only),
            Form::Patch => (false, !must_be_sent && !is_read_only),
        };
        let inner = if is_read_only { Form::Answer } else { form };
        let mut member = value(member, inner, named);
        set_null(&mut member, takes_null);
        if let (Form::Answer, Value::Object(member)) = (form, &mut member) {
            member.remove("readOnly");
        }
        properties.insert(name.clone(), member);
        required.extend(is_required.then_some(name));
    }
    if required.is_empty() {
        own.remove("required");
    } else {
        own.insert("required".to_owned(), json!(required));
    }
    own.insert("properties".to_owned(), Value::Object(properties));
    match form {
        Form::Answer => own.remove("additionalProperties"),
        Form::Input => None,
        Form::Patch => own.remove("minProperties"),
    };
    own
}

fn is_required(schema: &Map<String, Value>, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|all| all.iter().any(|one| one == name))
}

fn is_of_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

fn may_be_null(schema: &Value) -> bool {
    schema
        .as_object()
        .is_some_and(|own| own.contains_key(MAY_BE_NULL) || is_of_type(own, "null"))
}

/// Adds null to the types of a value, or removes it. A reference cannot say that it may be null.
fn set_null(schema: &mut Value, takes_null: bool) {
    let Value::Object(own) = schema else { return };
    own.remove(MAY_BE_NULL);
    let kinds = match own.get("type") {
        Some(Value::Array(kinds)) => kinds.clone(),
        Some(one) => vec![one.clone()],
        None => return,
    };
    let mut kinds: Vec<Value> = kinds.into_iter().filter(|kind| kind != "null").collect();
    if takes_null {
        kinds.push(json!("null"));
    }
    let kinds = match kinds.as_slice() {
        [one] => one.clone(),
        all => json!(all),
    };
    own.insert("type".to_owned(), kinds);
}

/// Returns a schema without null as a type. A read-only member may be anything.
fn without_null(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(without_null).collect(),
        Value::Object(members) => {
            if members.get("readOnly") == Some(&json!(true)) {
                return json!(true);
            }
            let mut own: Value = members
                .iter()
                .map(|(name, value)| (name.clone(), without_null(value)))
                .collect();
            set_null(&mut own, false);
            own
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
