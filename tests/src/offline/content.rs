//! The content of records: compares two versions without what only the server sets.

use chrono::DateTime;
use serde_json::Value;

use super::store::{KnownRecord, RecordKey};

/// The members that only the server sets: those that the contract marks as read-only.
const READ_ONLY: [&str; 15] = [
    "activated_at",
    "created_at",
    "entered_in_error",
    "feels_safe_at",
    "helplines",
    "local_date",
    "next_follow_up_on",
    "number",
    "peak",
    "safety_notes",
    "scores",
    "scoring_version",
    "support",
    "updated_at",
    "version",
];

/// Whether only the server sets a member of records of a kind. The status of a plan is one; that of a goal is not.
fn is_read_only(kind: &str, name: &str) -> bool {
    READ_ONLY.contains(&name) || (kind, name) == ("plans", "status")
}

/// A record without the members that only the server sets.
pub(super) fn own_members((kind, _): &RecordKey, record: &Value) -> Value {
    let mut record = record.clone();
    if let Some(members) = record.as_object_mut() {
        members.retain(|name, _| !is_read_only(kind, name));
    }
    record
}

/// Whether a device's version and the server's say the same. A version that was acknowledged and not pulled yet is
/// written as the device sent it: it is the server's of the same number if that was in the backup, or if the server's
/// has all that was sent.
pub(super) fn is_same(
    key: &RecordKey,
    mine: &KnownRecord,
    server: &KnownRecord,
    is_from_backup: bool,
) -> bool {
    if mine.deleted != server.deleted {
        return false;
    }
    match (&mine.record, &server.record) {
        (Some(own), Some(theirs)) if mine.is_pulled => own_members(key, own) == own_members(key, theirs),
        (Some(own), Some(theirs)) => {
            mine.version == server.version && is_from_backup
                || covers(&own_members(key, theirs), &own_members(key, own))
        }
        (own, theirs) => own == theirs || !mine.is_pulled,
    }
}

/// Whether a stored value has all that was sent. The server adds defaults and offsets, and leaves out null.
fn covers(stored: &Value, sent: &Value) -> bool {
    match (stored, sent) {
        (Value::Object(stored), Value::Object(sent)) => sent
            .iter()
            .all(|(name, sent)| stored.get(name).map_or(sent.is_null(), |stored| covers(stored, sent))),
        (Value::Array(stored), Value::Array(sent)) => {
            stored.len() == sent.len() && stored.iter().zip(sent).all(|(stored, sent)| covers(stored, sent))
        }
        (Value::String(one), Value::String(other)) => {
            let instant = |text: &str| DateTime::parse_from_rfc3339(text).ok();
            one == other || instant(one).is_some_and(|at| instant(other) == Some(at))
        }
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (stored, sent) => stored == sent,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Collects the names of read-only members of the records that devices write.
    fn read_only(contract: &Value) -> BTreeSet<&str> {
        let schemas = contract["components"]["schemas"].as_object().expect("schemas");
        let mut names = BTreeSet::new();
        // Consents and restrictions are not records: a device that is offline cannot write them.
        let records = schemas.iter().filter(|(name, _)| {
            name.ends_with("Input") && !name.starts_with("Consent") && !name.starts_with("Restriction")
        });
        for (_, schema) in records {
            let members = schema["properties"].as_object().into_iter().flatten();
            let members = members.filter(|(_, member)| member["readOnly"] == true);
            names.extend(members.map(|(name, _)| name.as_str()));
        }
        names
    }

    #[test]
    fn the_list_has_the_read_only_members_of_the_contract() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/openapi.json");
        let text = std::fs::read_to_string(path).expect("the contract");
        let contract: Value = serde_json::from_str(&text).expect("JSON");
        let mut expected = BTreeSet::from(READ_ONLY);
        expected.insert("status");
        assert_eq!(read_only(&contract), expected);
    }
}
