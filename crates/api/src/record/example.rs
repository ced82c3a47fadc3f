//! Example records for the OpenAPI document.

use chrono::DateTime;
use mainstay_domain::record::{Record, json as to_json};
use mainstay_store::{Stored, VersionTag};
use serde_json::Value;
use uuid::Uuid;

use super::response::encode;

/// The id of every example record.
pub const EXAMPLE_ID: &str = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47";

/// The id of the first item without an id in an example record.
const EXAMPLE_ITEMS: u128 = 0x0195_e4c2_6d1f_7c33_8a55_0d9f_3c1b_2b00;

/// Returns the example of a noun as a client sends it, without an id: it can be sent again and again.
pub fn request_example<T: Record>() -> Value {
    let mut example = serde_json::to_value(T::example()).unwrap_or_default();
    if let Value::Object(members) = &mut example {
        members.retain(|name, _| !T::READ_ONLY.contains(&name.as_str()));
    }
    example
}

/// The members of which the example of a patch names the first that a noun has.
const PATCHED: [&str; 5] = ["note", "text", "status", "title", "minutes"];

/// Returns the example of a patch for a noun: one member, with the value that it has in the noun's example.
pub fn patch_example<T: Record>() -> Value {
    let Value::Object(mut members) = request_example::<T>() else {
        return Value::Null;
    };
    members.remove("id");
    let usual = PATCHED.into_iter().find(|name| members.contains_key(*name));
    let name = usual
        .map(str::to_owned)
        .or_else(|| members.keys().next().cloned());
    name.and_then(|name| members.remove_entry(&name))
        .into_iter()
        .collect()
}

/// Returns the example of a noun as the server responds with it.
pub fn example<T: Record>() -> Value {
    let mut items = EXAMPLE_ITEMS..;
    let mut completed = T::example();
    // Long before the example, so that no time has passed since it.
    completed.complete(DateTime::UNIX_EPOCH, &mut || {
        Uuid::from_u128(items.next().unwrap_or_default())
    });
    let record = Stored {
        id: EXAMPLE_ID.parse().unwrap_or_default(),
        version: 1,
        epoch: VersionTag::FIRST_EPOCH,
        rev: None,
        occurred_at: 0,
        created_at: 1_772_418_600_000_000,
        updated_at: 1_772_418_600_000_000,
        body: to_json(&completed),
    };
    serde_json::from_slice(&encode(&record)).unwrap_or_default()
}
