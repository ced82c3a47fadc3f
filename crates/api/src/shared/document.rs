//! The schemas and examples of what is shared: those of the person's own record, in which any member may be hidden.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are built here"
)]

use mainstay_domain::record::Record;
use mainstay_store::sharing::Grants;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::DisclosureNote;
use crate::{
    openapi::{
        endpoint::Parameter,
        reference::{Form, MAY_BE_NULL},
        schema::{Components, add, add_record},
    },
    record::{EXAMPLE_ID, example},
};

/// The members that a shared record always has.
const ALWAYS: [&str; 4] = ["id", "version", "created_at", "updated_at"];

/// The id of the person in the examples.
const EXAMPLE_PERSON: &str = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a40";

/// The account of the person in the path.
pub fn person_parameter() -> Parameter {
    Parameter {
        name: "person_id",
        place: "path",
        required: true,
        description: "The account of the person, as `GET /v1/shared` names it.",
        schema: json!({ "type": "string", "format": "uuid", "maxLength": 36 }),
        example: json!(EXAMPLE_PERSON),
    }
}

/// Adds the schema of what is shared of a noun, and returns a reference to it.
pub fn shared_schema<T: Record>(components: &mut Components) -> Value {
    add_record::<T>(components);
    shared_form(components, &T::name(), &ALWAYS)
}

/// Adds the schema of a page of a noun that is shared, and returns a reference to it.
pub fn shared_list_schema<T: Record>(components: &mut Components) -> Value {
    let items = shared_schema::<T>(components);
    shared_list(components, &T::name(), &items)
}

/// Adds the schema of a page under the name of its items, and returns a reference to it.
pub fn shared_list(components: &mut Components, name: &str, items: &Value) -> Value {
    list_with_note(components, &format!("Shared{name}List"), items)
}

/// Adds the schema of a page under its own name, and returns a reference to it.
pub fn list_with_note(components: &mut Components, name: &str, items: &Value) -> Value {
    let disclosure = add::<DisclosureNote>(components);
    components.insert(name.to_owned(), json!({
        "type": "object",
        "description": "A page of a list of what is shared.",
        "required": ["items", "next_cursor", "disclosure"],
        "properties": {
            "items": { "type": "array", "maxItems": 200, "items": items },
            "next_cursor": { "type": ["string", "null"], "maxLength": 200, "description": "The cursor of the next page; null on the last page." },
            "disclosure": disclosure,
        },
    }));
    Form::Answer.reference(name)
}

/// Adds the schema of an answer that is shared, and returns a reference to it. Members beside `always` may be hidden.
pub fn shared_form(components: &mut Components, name: &str, always: &[&str]) -> Value {
    let disclosure = add::<DisclosureNote>(components);
    let shared = with_hidden_members(components, name, always);
    if let Some(Value::Object(members)) = components
        .get_mut(&shared)
        .and_then(|schema| schema.get_mut("properties"))
    {
        members.remove("support");
        let mut note = disclosure;
        note[MAY_BE_NULL] = json!(true);
        note["description"] =
            json!("What the answer rests on. Items of a list do not have it, the list does.");
        members.insert("disclosure".to_owned(), note);
    }
    Form::Answer.reference(&shared)
}

/// Adds the schema of an object of which any member beside `always` may be hidden, and of the objects in it. Returns its name.
fn with_hidden_members(components: &mut Components, name: &str, always: &[&str]) -> String {
    let shared = format!("Shared{name}");
    if components.contains_key(&shared) {
        return shared;
    }
    let mut schema = components.get(name).cloned().unwrap_or_default();
    // It is there from now on, for an object that has one of its own kind inside.
    components.insert(shared.clone(), schema.clone());
    let description = schema["description"].as_str().unwrap_or_default().to_owned();
    schema["description"] = json!(format!("{description} What a consent covers of it."));
    if let Some(Value::Object(members)) = schema.get_mut("properties") {
        for (name, member) in members.iter_mut() {
            hide_inside(components, member);
            if !always.contains(&name.as_str()) {
                member[MAY_BE_NULL] = json!(true);
            }
        }
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name.as_str().is_some_and(|name| always.contains(&name)));
    }
    components.insert(shared.clone(), schema);
    shared
}

/// Lets each reference to an object refer to what is shared of it.
fn hide_inside(components: &mut Components, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| hide_inside(components, item)),
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            let object = target
                .and_then(|target| target.strip_prefix(Form::Answer.prefix()))
                .filter(|name| {
                    components
                        .get(*name)
                        .is_some_and(|schema| schema.get("properties").is_some())
                })
                .map(str::to_owned);
            if let Some(name) = object {
                let shared = with_hidden_members(components, &name, &[]);
                let reference = format!("{}{shared}", Form::Answer.prefix());
                members.insert("$ref".to_owned(), json!(reference));
            }
            members
                .values_mut()
                .for_each(|member| hide_inside(components, member));
        }
        _ => {}
    }
}

/// Adds the schema of what the caller gave to a person under a name, with what the answer rests on. Returns a reference to it.
pub fn given_schema<T: ToSchema>(components: &mut Components, name: &str) -> Value {
    add::<T>(components);
    let mut schema = components.get(&*T::name()).cloned().unwrap_or_default();
    let mut note = add::<DisclosureNote>(components);
    note[MAY_BE_NULL] = json!(true);
    note["description"] = json!("What the answer rests on. Items of a list do not have it, the list does.");
    schema["properties"]["disclosure"] = note;
    components.insert(name.to_owned(), schema);
    Form::Answer.reference(name)
}

/// The example of a noun that is shared.
pub fn shared_example<T: Record>() -> Value {
    let mut example = example::<T>();
    if let Value::Object(members) = &mut example {
        for hidden in ["note", "support", "tags"] {
            members.remove(hidden);
        }
        members.insert("id".to_owned(), json!(EXAMPLE_ID));
    }
    example
}

/// Adds the note to the example of an answer.
pub fn with_note_example(mut example: Value) -> Value {
    if let Value::Object(members) = &mut example {
        members.insert("disclosure".to_owned(), note_example());
    }
    example
}

/// The example of what an answer rests on.
pub fn note_example() -> Value {
    let person = EXAMPLE_PERSON.parse::<Uuid>().unwrap_or_default();
    let mut note = json!(DisclosureNote::of(person, &Grants::default(), []));
    note["consent_id"] = json!("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a50");
    note["purposes"] = json!(["recovery_support"]);
    note
}

/// Adds the schema of an insight that is shared. `name` is that of the type of the insight.
pub fn shared_insight_schema<T: ToSchema + 'static>(components: &mut Components) -> Value {
    crate::insight::document::insight_schema::<T>(components);
    shared_form(components, &T::name(), &["as_of"])
}
