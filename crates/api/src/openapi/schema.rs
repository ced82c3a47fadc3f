//! Schemas from types, in the form that generated clients digest: every object and enum named, every small value
//! in place, and no choice between shapes but null or the thing itself.

use std::collections::BTreeMap;

use mainstay_domain::record::Record;
use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

const REF: &str = "#/components/schemas/";

/// Named schemas.
pub type Components = BTreeMap<String, Value>;

/// Adds a type and all that it is made of, and gives the schema to refer to it by.
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

/// Adds a noun of the record together with the members that every record has.
pub fn add_record<T: Record>(components: &mut Components) -> Value {
    let reference = add::<T>(components);
    if let Some(own) = components.get_mut(&*T::name())
        && own["properties"].get("version").is_none()
    {
        let time = |description: &str| json!({ "type": "string", "format": "date-time", "maxLength": 64, "readOnly": true, "description": description });
        extend(
            own,
            json!({ "id": { "type": "string", "format": "uuid", "description": "Its id. The client may choose it (UUID v7 recommended); made by the server if left out. Always given in answers." } }),
            json!({
                "version": { "type": "integer", "minimum": 1, "readOnly": true, "description": "Its version, from 1; also the ETag." },
                "created_at": time("When it was stored."),
                "updated_at": time("When it was last changed."),
            }),
        );
    }
    reference
}

/// Adds a page of records.
pub fn add_page<T: Record>(components: &mut Components) -> Value {
    let items = add_record::<T>(components);
    add_list(components, &format!("{}List", T::name()), &items)
}

/// Adds a page of anything under a name.
pub fn add_list(components: &mut Components, name: &str, items: &Value) -> Value {
    components.insert(name.to_owned(), json!({
        "type": "object",
        "description": "A page of a list.",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": { "type": "array", "maxItems": 200, "items": items },
            "next_cursor": { "type": ["string", "null"], "maxLength": 200, "description": "For the next page; null on the last one." },
        },
    }));
    json!({ "$ref": format!("{REF}{name}") })
}

/// Whether a schema has a name of its own in the document: objects with members, and enums.
fn is_named(schema: &Value) -> bool {
    schema.get("properties").is_some() || schema.get("enum").is_some()
}

/// Puts small values in place of references to them and drops what is no longer referred to.
pub fn settle(components: &Components) -> Components {
    components
        .iter()
        .filter(|(_, schema)| is_named(schema))
        .map(|(name, schema)| (name.clone(), optional_is_nullable(inline(schema, components))))
        .collect()
}

/// What a request may leave out it may send as null, too; inputs are known by taking no unknown members.
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

/// The schema with every small value in place.
pub fn inline(schema: &Value, components: &Components) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| inline(item, components)).collect(),
        Value::Object(members) => {
            let members: Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), inline(value, components)))
                .collect();
            Value::Object(bounded(nullable(in_place(members, components))))
        }
        other => other.clone(),
    }
}

/// A reference to a small value becomes that value; what stands beside the reference wins.
fn in_place(mut members: Map<String, Value>, components: &Components) -> Map<String, Value> {
    let target = members
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix(REF));
    if let Some(Value::Object(small)) = target.and_then(|name| components.get(name))
        && !small.contains_key("properties")
        && !small.contains_key("enum")
    {
        let mut merged = small.clone();
        members.remove("$ref");
        merged.extend(members);
        return merged;
    }
    members
}

/// `oneOf [x, null]` with a small x becomes x with null among its types; a description moves outside.
fn nullable(mut members: Map<String, Value>) -> Map<String, Value> {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|t| t == "null");
    let Some(Value::Array(choices)) = members.get("oneOf") else {
        return members;
    };
    let [thing, null] = choices.as_slice() else {
        return members;
    };
    if !is_null(null) {
        return members;
    }
    let Value::Object(mut thing) = thing.clone() else {
        return members;
    };
    if thing.contains_key("$ref") {
        if let Some(description) = thing.remove("description") {
            members.insert("description".to_owned(), description);
        }
        members.insert("oneOf".to_owned(), json!([thing, { "type": "null" }]));
        return members;
    }
    if let Some(Value::String(kind)) = thing.get("type") {
        let kinds = json!([kind, "null"]);
        thing.insert("type".to_owned(), kinds);
    }
    members.remove("oneOf");
    thing.extend(members);
    thing
}

/// Strings of a known form get the length that the form implies.
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

/// The object with further members, `first` before and `last` behind its own.
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

/// The schema that a request must fit: what is read-only may be anything, null is the same as left out.
pub fn for_requests(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(for_requests).collect(),
        Value::Object(members) => {
            if members.get("readOnly") == Some(&Value::Bool(true)) {
                return Value::Bool(true);
            }
            if let Some(Value::Array(choices)) = members.get("oneOf")
                && let Some(thing) = choices.iter().find(|c| c.get("type").is_none_or(|t| t != "null"))
            {
                return for_requests(thing);
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
    fn small_values_stand_in_place_and_enums_keep_their_names() {
        let mut components = Components::new();
        assert_eq!(
            add::<CravingEvent>(&mut components),
            json!({ "$ref": "#/components/schemas/CravingEvent" })
        );
        let settled = settle(&components);
        let names: Vec<&String> = settled.keys().collect();
        assert_eq!(
            names,
            [
                "Company",
                "CravingEvent",
                "CravingOutcome",
                "CravingRating",
                "Place",
                "SituationCategory",
                "StrategyUse",
                "Substance"
            ]
        );
        let members = &settled["CravingEvent"]["properties"];
        assert_eq!(
            members["note"],
            json!({ "type": ["string", "null"], "maxLength": 4000, "description": "Anything in own words." })
        );
        assert_eq!(members["peak"]["readOnly"], json!(true));
        assert_eq!(
            members["place"],
            json!({ "description": "Where it was.", "oneOf": [{ "$ref": "#/components/schemas/Place" }, { "type": "null" }] })
        );
    }

    #[test]
    fn requests_may_hold_anything_where_it_is_read_only() {
        let mut components = Components::new();
        add::<CravingEvent>(&mut components);
        let request = for_requests(&settle(&components)["CravingEvent"]);
        assert_eq!(request["properties"]["peak"], json!(true));
        assert_eq!(
            request["properties"]["place"],
            json!({ "$ref": "#/components/schemas/Place" })
        );
        assert_eq!(request["properties"]["note"]["type"], json!("string"));
    }
}
