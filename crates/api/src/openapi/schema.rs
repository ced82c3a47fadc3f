//! Builds schemas from types, in a form that client generators support: every object and enum has a name, every other
//! value is inlined, and the only choice between shapes is that between null and a value.

use std::collections::BTreeMap;

use mainstay_domain::record::Record;
use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

const REF: &str = "#/components/schemas/";

/// The named schemas of the document.
pub type Components = BTreeMap<String, Value>;

/// Adds a type and every type inside it, and returns a reference to it.
pub fn add<T: ToSchema>(components: &mut Components) -> Value {
    let mut found: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    for (name, schema) in found {
        components
            .entry(name)
            .or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
    }
    json!({ "$ref": format!("{REF}{}", T::name()) })
}

/// Adds a noun together with the members that every record has, and returns a reference to it.
pub fn add_record<T: Record>(components: &mut Components) -> Value {
    let reference = add::<T>(components);
    if let Some(own) = components.get_mut(&*T::name())
        && own["properties"].get("version").is_none()
    {
        let time = |description: &str| json!({ "type": "string", "format": "date-time", "maxLength": 64, "readOnly": true, "description": description });
        extend(
            own,
            json!({ "id": { "type": "string", "format": "uuid", "description": "The id of the record. The client may choose it (UUID v7 recommended); the server creates one if it is left out. Responses always have it." } }),
            json!({
                "version": { "type": "integer", "minimum": 1, "readOnly": true, "description": "The version of the record, from 1. It is also the ETag." },
                "created_at": time("When the record was stored."),
                "updated_at": time("When the record was last changed."),
            }),
        );
    }
    reference
}

/// Adds the schema of a patch for a noun, and returns a reference to it.
pub fn patch_schema<T: Record>(components: &mut Components) -> Value {
    add_record::<T>(components)
}

/// Adds the schema of a page of records, and returns a reference to it.
pub fn add_page<T: Record>(components: &mut Components) -> Value {
    let items = add_record::<T>(components);
    add_list(components, &format!("{}List", T::name()), &items)
}

/// Adds the schema of a page under a name, and returns a reference to it.
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
    json!({ "$ref": format!("{REF}{name}") })
}

/// Whether a schema keeps its name in the document, as objects with members and enums do.
fn is_named(schema: &Value) -> bool {
    schema.get("properties").is_some() || schema.get("enum").is_some()
}

/// Inlines every schema that keeps no name, and drops those that nothing refers to any more.
pub fn resolve(components: &Components) -> Components {
    components
        .iter()
        .filter(|(_, schema)| is_named(schema))
        .map(|(name, schema)| (name.clone(), optional_is_nullable(inline(schema, components))))
        .collect()
}

/// Lets the optional members of an input be null. An input is recognised by refusing unknown members.
fn optional_is_nullable(mut schema: Value) -> Value {
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return schema;
    }
    let required = schema.get("required").cloned().unwrap_or_default();
    let Some(Value::Object(members)) = schema.get_mut("properties") else {
        return schema;
    };
    for (name, member) in members {
        let is_required = required
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name));
        let Value::Object(own) = member else { continue };
        if is_required || own.contains_key("readOnly") {
            continue;
        }
        if let Some(Value::String(kind)) = own.get("type") {
            let kinds = json!([kind, "null"]);
            own.insert("type".to_owned(), kinds);
        } else if let Some(reference) = own.remove("$ref") {
            own.insert(
                "oneOf".to_owned(),
                json!([{ "$ref": reference }, { "type": "null" }]),
            );
        }
    }
    schema
}

/// Returns the schema with every unnamed schema inlined.
pub fn inline(schema: &Value, components: &Components) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| inline(item, components)).collect(),
        Value::Object(members) => {
            let members: Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), inline(value, components)))
                .collect();
            Value::Object(bounded(nullable(inlined(members, components))))
        }
        other => other.clone(),
    }
}

/// Replaces a reference to an unnamed schema with that schema. Members beside the reference take precedence.
fn inlined(mut members: Map<String, Value>, components: &Components) -> Map<String, Value> {
    let target = members
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix(REF));
    if let Some(Value::Object(unnamed)) = target.and_then(|name| components.get(name))
        && !unnamed.contains_key("properties")
        && !unnamed.contains_key("enum")
    {
        let mut merged = unnamed.clone();
        members.remove("$ref");
        merged.extend(members);
        return merged;
    }
    members
}

/// Turns `oneOf [x, null]` with an unnamed x into x with null among its types. For a named x only the description moves
/// outside.
fn nullable(mut members: Map<String, Value>) -> Map<String, Value> {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|t| t == "null");
    let Some(Value::Array(choices)) = members.get("oneOf") else {
        return members;
    };
    let [value, null] = choices.as_slice() else {
        return members;
    };
    if !is_null(null) {
        return members;
    }
    let Value::Object(mut value) = value.clone() else {
        return members;
    };
    if value.contains_key("$ref") {
        if let Some(description) = value.remove("description") {
            members.insert("description".to_owned(), description);
        }
        members.insert("oneOf".to_owned(), json!([value, { "type": "null" }]));
        return members;
    }
    if let Some(Value::String(kind)) = value.get("type") {
        let kinds = json!([kind, "null"]);
        value.insert("type".to_owned(), kinds);
    }
    members.remove("oneOf");
    value.extend(members);
    value
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

/// Returns the schema that requests are validated against: a read-only member may be anything, and null means absent.
pub fn for_requests(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(for_requests).collect(),
        Value::Object(members) => {
            if members.get("readOnly") == Some(&Value::Bool(true)) {
                return Value::Bool(true);
            }
            if let Some(Value::Array(choices)) = members.get("oneOf")
                && let Some(value) = choices.iter().find(|c| c.get("type").is_none_or(|t| t != "null"))
            {
                return for_requests(value);
            }
            let mut members: Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), for_requests(value)))
                .collect();
            if let Some(Value::Array(kinds)) = members.get("type") {
                let kind = kinds.iter().find(|k| *k != "null").cloned().unwrap_or_default();
                members.insert("type".to_owned(), kind);
            }
            Value::Object(members)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use mainstay_domain::craving_event::CravingEvent;

    use super::*;

    #[test]
    fn unnamed_schemas_are_inlined_and_enums_keep_their_names() {
        let mut components = Components::new();
        assert_eq!(
            add::<CravingEvent>(&mut components),
            json!({ "$ref": "#/components/schemas/CravingEvent" })
        );
        let resolved = resolve(&components);
        let names: Vec<&String> = resolved.keys().collect();
        assert_eq!(
            names,
            [
                "Company",
                "CravingEvent",
                "CravingOutcome",
                "CravingRating",
                "FeelsSafe",
                "Place",
                "SituationCategory",
                "StrategyUse",
                "Substance"
            ]
        );
        let members = &resolved["CravingEvent"]["properties"];
        assert_eq!(
            members["note"],
            json!({ "type": ["string", "null"], "maxLength": 4000, "description": "A free note in the person's own words." })
        );
        assert_eq!(members["peak"]["readOnly"], json!(true));
        assert_eq!(
            members["place"],
            json!({ "description": "The place.", "oneOf": [{ "$ref": "#/components/schemas/Place" }, { "type": "null" }] })
        );
    }

    #[test]
    fn a_read_only_member_of_a_request_may_be_anything() {
        let mut components = Components::new();
        add::<CravingEvent>(&mut components);
        let request = for_requests(&resolve(&components)["CravingEvent"]);
        assert_eq!(request["properties"]["peak"], json!(true));
        assert_eq!(
            request["properties"]["place"],
            json!({ "$ref": "#/components/schemas/Place" })
        );
        assert_eq!(request["properties"]["note"]["type"], json!("string"));
    }
}
