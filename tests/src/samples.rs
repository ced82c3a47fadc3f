//! Sample ids, records and sync changes that many tests use.

use serde_json::{Value, json};
use uuid::Uuid;

/// The id number `n`: a version 7 UUID, for records and plan items whose id the test chooses.
pub fn sample_id(n: u128) -> Uuid {
    Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0000 + n)
}

/// A momentary check-in with a note.
pub fn check_in(note: &str) -> Value {
    json!({ "kind": "momentary", "occurred_at": "2026-03-01T12:00:00Z", "answers": { "craving": 3 }, "note": note })
}

/// A momentary check-in with a note and the id number `n`.
pub fn check_in_with_id(n: u128, note: &str) -> Value {
    let mut body = check_in(note);
    body["id"] = json!(sample_id(n));
    body
}

/// A change for sync that creates the record number `n`, or replaces its version `base`.
pub fn upsert(kind: &str, n: u128, base: Option<i64>, record: Value) -> Value {
    json!({ "kind": kind, "op": "upsert", "id": sample_id(n), "base_version": base, "record": record })
}

/// A change for sync that merges a patch into the version `base` of the record number `n`.
pub fn merge(kind: &str, n: u128, base: Option<i64>, patch: Value) -> Value {
    json!({ "kind": kind, "op": "merge", "id": sample_id(n), "base_version": base, "record": patch })
}

/// A change for sync that deletes the version `base` of the record number `n`.
pub fn delete(kind: &str, n: u128, base: i64) -> Value {
    json!({ "kind": kind, "op": "delete", "id": sample_id(n), "base_version": base })
}

/// The statuses of the results of a sync request.
pub fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().unwrap_or_default()).collect()
}
