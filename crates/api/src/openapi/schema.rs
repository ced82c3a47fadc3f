//! Collects the schemas of types, in the form that their derives give them.
//!
//! Every object and enum keeps its name in the document, and every other value is inlined. [`crate::openapi::form`] makes
//! the schemas of the document from these.

use std::collections::BTreeMap;

use mainstay_domain::{
    record::{Kind, Record},
    support::toolkit::Toolkit,
};
use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use crate::openapi::reference::{Form, MAY_BE_NULL};

/// The schemas of types by their names.
pub type Components = BTreeMap<String, Value>;

/// Adds a type that is answered, and returns a reference to it.
pub fn add<T: ToSchema>(components: &mut Components) -> Value {
    add_in(Form::Answer, components, T::name(), found_in::<T>())
}

/// Adds a type that is sent, and returns a reference to it.
pub fn add_body<T: ToSchema>(components: &mut Components) -> Value {
    add_in(Form::Input, components, T::name(), found_in::<T>())
}

/// Adds a merge patch of a type that is sent, and returns a reference to it.
pub fn add_body_patch<T: ToSchema>(components: &mut Components) -> Value {
    add_in(Form::Patch, components, T::name(), found_in::<T>())
}

/// Adds a noun as it is answered, and returns a reference to it.
pub fn add_record<T: Record>(components: &mut Components) -> Value {
    add_noun::<T>(Form::Answer, components)
}

/// Adds a noun as it is sent, and returns a reference to it.
pub fn add_input<T: Record>(components: &mut Components) -> Value {
    add_noun::<T>(Form::Input, components)
}

/// Adds a merge patch of a noun, and returns a reference to it.
pub fn add_patch<T: Record>(components: &mut Components) -> Value {
    add_noun::<T>(Form::Patch, components)
}

/// Adds a resource beside the record as it is answered, and returns a reference to it.
pub fn add_resource<T: ToSchema>(components: &mut Components) -> Value {
    add_with_version::<T>(Form::Answer, components)
}

/// Adds a resource beside the record as it is sent, and returns a reference to it.
pub fn add_resource_input<T: ToSchema>(components: &mut Components) -> Value {
    add_with_version::<T>(Form::Input, components)
}

/// Adds a merge patch of a resource beside the record, and returns a reference to it.
pub fn add_resource_patch<T: ToSchema>(components: &mut Components) -> Value {
    add_with_version::<T>(Form::Patch, components)
}

/// Adds a type together with the id, version and times that it has.
fn add_with_version<T: ToSchema>(form: Form, components: &mut Components) -> Value {
    let reference = add_in(form, components, T::name(), found_in::<T>());
    if let Some(own) = components.get_mut(&*T::name())
        && own["properties"].get("version").is_none()
    {
        extend_with_version(own);
    }
    reference
}

/// Adds the members that every versioned object has.
fn extend_with_version(own: &mut Value) {
    let time = |description: &str| json!({ "type": "string", "format": "date-time", "maxLength": 64, "readOnly": true, "description": description });
    extend(
        own,
        json!({ "id": { "type": "string", "format": "uuid", "description": "The id of the record. The client may choose it (UUID v7 recommended); the server creates one if it is left out." } }),
        json!({
            "version": { "type": "integer", "minimum": 1, "readOnly": true, "description": "The version of the record, from 1." },
            "created_at": time("When the record was stored."),
            "updated_at": time("When the record was last changed."),
        }),
    );
}

/// Adds a noun together with the members that every record has.
fn add_noun<T: Record>(form: Form, components: &mut Components) -> Value {
    let reference = add_in(form, components, T::name(), found_in::<T>());
    let help_if = match T::KIND {
        Kind::CheckIn => Some(
            "Help, in a response to a request that stores or changes a check-in whose answer `feels_safe` is `no` or `not_sure`.",
        ),
        Kind::CravingEvent => Some(
            "Help, in a response to a request that changes a craving event whose `feels_safe` is `no` or `not_sure`.",
        ),
        Kind::UseEvent => Some(
            "Help, in a response to a request that changes a use event whose `harm` is `overdose` or `injury`.",
        ),
        _ => None,
    };
    let only_in_some_responses = help_if.map_or_else(
        || json!({}),
        |description| {
            let support = add::<Toolkit>(components);
            json!({ "support": {
                "$ref": support.get("$ref"), "readOnly": true, MAY_BE_NULL: true, "description": description,
            } })
        },
    );
    if let Some(own) = components.get_mut(&*T::name())
        && own["properties"].get("version").is_none()
    {
        extend_with_version(own);
        extend(own, json!({}), only_in_some_responses);
    }
    reference
}

/// Returns the schemas of a type and of every type inside it.
fn found_in<T: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
    let mut found = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    found
}

fn add_in(
    form: Form,
    components: &mut Components,
    name: impl AsRef<str>,
    found: Vec<(String, RefOr<Schema>)>,
) -> Value {
    for (name, schema) in found {
        components
            .entry(name)
            .or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
    }
    form.reference(name.as_ref())
}

/// Adds the schema of a page of records, and returns a reference to it.
pub fn add_page<T: Record>(components: &mut Components) -> Value {
    let items = add_record::<T>(components);
    add_list(components, &format!("{}List", T::name()), &items)
}

/// Adds the schema of a page under a name, and returns a reference to it.
///
/// `next_cursor` is the one member of an answer that can be null: it is always there, and null says that the list ends.
pub fn add_list(components: &mut Components, name: &str, items: &Value) -> Value {
    components.insert(name.to_owned(), json!({
        "type": "object",
        "description": "A page of a list.",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": { "type": "array", "maxItems": 200, "items": items },
            "next_cursor": { "type": ["string", "null"], "maxLength": 200, "description": "The cursor of the next page; null on the last page." },
        },
    }));
    Form::Answer.reference(name)
}

/// Adds an enum that has no type of its own, and returns a reference to it.
pub fn add_enum(components: &mut Components, name: &str, description: &str, values: &[&str]) -> Value {
    components.insert(
        name.to_owned(),
        json!({ "type": "string", "description": description, "enum": values }),
    );
    Form::Answer.reference(name)
}

/// Adds properties to an object schema: `first` before its own, and `last` behind them.
pub fn extend(object: &mut Value, first: Value, last: Value) {
    let Some(Value::Object(own)) = object.get_mut("properties") else {
        return;
    };
    let (Value::Object(mut all), Value::Object(last)) = (first, last) else {
        return;
    };
    all.append(own);
    all.extend(last);
    *own = all;
}

/// Whether a schema keeps its name in the document, as objects with members and enums do.
fn is_named(schema: &Value) -> bool {
    schema.get("properties").is_some() || schema.get("enum").is_some()
}

/// Returns the schemas that keep their names, with every other schema inlined.
pub fn named(components: &Components) -> Components {
    components
        .iter()
        .filter(|(_, schema)| is_named(schema))
        .map(|(name, schema)| (name.clone(), inline(schema, components)))
        .collect()
}

/// Returns the schema with every unnamed schema inlined.
fn inline(schema: &Value, components: &Components) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| inline(item, components)).collect(),
        Value::Object(members) => {
            let members: Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), inline(value, components)))
                .collect();
            Value::Object(bounded(read_only_as_a_whole(nullable(inlined(
                members, components,
            )))))
        }
        other => other.clone(),
    }
}

/// Replaces a reference to an unnamed schema with that schema. Members beside the reference take precedence.
fn inlined(mut members: Map<String, Value>, components: &Components) -> Map<String, Value> {
    let target = members
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix(Form::Answer.prefix()))
        .and_then(|name| components.get(name));
    if let Some(unnamed) = target.filter(|target| !is_named(target))
        && let Value::Object(mut merged) = inline(unnamed, components)
    {
        members.remove("$ref");
        merged.extend(members);
        return merged;
    }
    members
}

/// Turns `oneOf [x, null]` into x with null among its types or, if x has a name, with the mark [`MAY_BE_NULL`].
fn nullable(mut members: Map<String, Value>) -> Map<String, Value> {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|t| t == "null");
    let Some(Value::Array(choices)) = members.get("oneOf") else {
        return members;
    };
    let values: Vec<&Value> = choices.iter().filter(|choice| !is_null(choice)).collect();
    let ([Value::Object(value)], 2) = (values.as_slice(), choices.len()) else {
        return members;
    };
    let mut value = value.clone();
    if value.contains_key("$ref") {
        value.insert(MAY_BE_NULL.to_owned(), json!(true));
    } else if let Some(Value::String(kind)) = value.get("type") {
        let kinds = json!([kind, "null"]);
        value.insert("type".to_owned(), kinds);
    }
    members.remove("oneOf");
    value.extend(members);
    value
}

/// Marks a list as read-only that the derive marks at its items.
fn read_only_as_a_whole(mut members: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(items)) = members.get_mut("items")
        && let Some(is_read_only) = items.remove("readOnly")
    {
        members.insert("readOnly".to_owned(), is_read_only);
    }
    members
}

/// Gives strings of a known format the length that the format implies.
fn bounded(mut members: Map<String, Value>) -> Map<String, Value> {
    let is_text = match members.get("type") {
        Some(Value::String(kind)) => kind == "string",
        Some(Value::Array(kinds)) => kinds.iter().any(|k| k == "string"),
        _ => false,
    };
    let length = match members.get("format").and_then(Value::as_str) {
        Some("uuid") => 36,
        Some("date") => 10,
        _ => return members,
    };
    if is_text {
        members.entry("maxLength").or_insert(json!(length));
    }
    members
}
