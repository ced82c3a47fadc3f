//! The request and the response of sync.

use chrono::{DateTime, Utc};
use mainstay_domain::{
    check_in::CheckIn,
    record::Kind,
    value::{
        list::List,
        number::Int,
        text::Text,
        timestamp::Timestamp,
        validation::{FindingCode, Findings},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{body::Input, problem::ProblemDocument},
    record::example,
};

/// The largest number of changes in one push.
pub const MAX_CHANGES: usize = 500;

/// A push and a pull.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    /// The cursor of the last response; null to pull everything.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub cursor: Option<Text<1, 200>>,
    /// Changes made on the device, oldest first.
    #[serde(default)]
    #[schema(value_type = Vec<SyncPush>, max_items = 500)]
    pub changes: List<SyncPush, MAX_CHANGES>,
    /// The largest number of changes to pull; 200 if left out.
    #[serde(default)]
    pub limit: Option<Int<1, 500>>,
}

/// What a change does to its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncOperation {
    /// Create or replace it.
    Upsert,
    /// Change the members that `record` names, and keep all others.
    Merge,
    /// Delete it.
    Delete,
}

/// A change made on the device.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncPush {
    /// The collection. A change of a collection that the server does not know is `rejected` by itself.
    #[schema(value_type = Kind)]
    pub kind: Text<1, 60>,
    /// What the change does.
    pub op: SyncOperation,
    /// The record's id.
    pub id: Uuid,
    /// The version that the change was made to; left out for a new record.
    #[serde(default)]
    pub base_version: Option<Int<1, 1_000_000_000>>,
    /// The whole record, as for `POST` or `PUT`; for `merge` the changed members, as for `PATCH`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub record: Option<Box<RawValue>>,
    /// For `delete`: whether the earlier versions of the record go too, as with `purge=true` of `DELETE`. Those of a journal
    /// entry always go.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub purge: Option<bool>,
}

/// The result of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncStatus {
    /// It was done now.
    Applied,
    /// It had been done before.
    Replayed,
    /// The record has changed since; `current` has the server's version.
    Conflict,
    /// It cannot be stored; `problem` says why. For `quota-exceeded` and `postponed` keep the change, and send it again later.
    Rejected,
    /// An earlier change to the same record failed.
    Skipped,
}

/// The result of one change.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncResult {
    /// The collection, as sent.
    #[schema(value_type = Kind)]
    pub kind: String,
    /// The record's id.
    pub id: Uuid,
    /// The result.
    pub status: SyncStatus,
    /// The version that the record has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub version: Option<i64>,
    /// The server's version of the record, for a conflict. A deleted record has `deleted: true`; if nothing of it is left,
    /// its only other members are `id` and `version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<Box<RawValue>>,
    /// Why the change was rejected; pointers are from the root of `record`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemDocument>,
}

/// A record that is new, changed or deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncChange {
    /// The collection.
    #[schema(value_type = Kind)]
    pub kind: String,
    /// The record's id.
    pub id: Uuid,
    /// Its version.
    #[schema(minimum = 1)]
    pub version: i64,
    /// Whether it is deleted.
    pub deleted: bool,
    /// The current version of the record; left out if nothing of it is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub record: Option<Box<RawValue>>,
}

/// The result of each change, and what is new.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SyncAnswer)]
pub struct SyncResponse {
    /// One result for each change, in the order of the changes.
    #[schema(max_items = 500)]
    pub results: Vec<SyncResult>,
    /// The records that are new, changed or deleted since the cursor, each once.
    #[schema(max_items = 500)]
    pub changes: Vec<SyncChange>,
    /// The cursor for the next pull.
    #[schema(max_length = 200)]
    pub cursor: String,
    /// Whether there is more to pull.
    pub has_more: bool,
    /// The server's time.
    pub server_time: Timestamp,
}

/// The largest number of wrong fields in a response to a push. Each change that was rejected has at least its first one.
const MAX_FAULTS: usize = 500;

/// Bounds the number of wrong fields in all results together, so that the response to a push is not as large as the push.
pub fn bound_faults(results: &mut [SyncResult]) {
    let mut left = MAX_FAULTS;
    for problem in results.iter_mut().filter_map(|result| result.problem.as_mut()) {
        if problem.errors.len() > left.max(1) {
            problem.errors.truncate(left.max(1));
            problem.detail = Some("Not every field that is not valid is named.".to_owned());
        }
        left = left.saturating_sub(problem.errors.len());
    }
}

impl Input for SyncRequest {
    type Shape = Self;

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        for (n, change) in self.changes.iter().enumerate() {
            if change.purge == Some(true) && change.op != SyncOperation::Delete {
                findings.add(
                    format!("/changes/{n}/purge"),
                    FindingCode::NotApplicable,
                    "is for the op delete only",
                );
            }
            if change
                .record
                .as_ref()
                .is_some_and(|record| !record.get().starts_with('{'))
            {
                findings.add(
                    format!("/changes/{n}/record"),
                    FindingCode::Type,
                    "must be an object",
                );
            }
        }
    }
}

/// Returns an example of a request.
pub fn request_example() -> Value {
    json!({
        "cursor": null,
        "changes": [{
            "kind": "check-ins", "op": "upsert", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47",
            "record": { "kind": "momentary", "occurred_at": "2026-03-01T21:30:00-05:00", "answers": { "craving": 3 } },
        }],
        "limit": 200,
    })
}

/// Returns an example of a response.
pub fn response_example() -> Value {
    json!({
        "results": [{ "kind": "check-ins", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47", "status": "applied", "version": 1 }],
        "changes": [{
            "kind": "check-ins", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47", "version": 1, "deleted": false,
            "record": example::<CheckIn>(),
        }],
        "cursor": "AAZNXc8p2AAAAAAAAAAAAQ…",
        "has_more": false,
        "server_time": "2026-03-02T02:31:00.120Z",
    })
}
