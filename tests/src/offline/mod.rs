//! The reference client of sync: a small offline store with an outbox, in memory. `docs/sync.md` explains it to app
//! developers; the two must agree.
//!
//! A device changes its [`OfflineStore`] at any time. When it is online, it sends a [`PushRequest`] and applies the
//! response. [`sync`] does so until nothing is pending and nothing is new.
//!
//! ```
//! use mainstay_tests::offline::{OfflineStore, OnConflict};
//! use serde_json::json;
//! use uuid::Uuid;
//!
//! let id: Uuid = "01950000-0000-7000-8000-000000000001".parse().unwrap();
//! let key = ("journal".to_owned(), id);
//! let entry = json!({ "occurred_at": "2026-03-01T21:00:00Z", "text": "A quiet day." });
//!
//! // Offline: the entry is visible at once and waits in the outbox.
//! let mut store = OfflineStore::default();
//! store.upsert(key.clone(), entry.clone());
//! assert_eq!(store.view(&key), Some(&entry));
//!
//! // Online for the first time: the device pulls before it pushes.
//! let pull = store.push(500, 500);
//! assert_eq!(pull.body, json!({ "cursor": null, "changes": [], "limit": 500 }));
//! let response = json!({
//!     "results": [], "changes": [],
//!     "cursor": "c0", "has_more": false, "server_time": "2026-03-01T21:05:00.000Z",
//! });
//! store.apply_response(&pull, &response, &mut |_| OnConflict::KeepServerVersion);
//!
//! // From then on a request has the changes and the cursor of the last response.
//! let push = store.push(500, 500);
//! assert_eq!(push.body["changes"][0]["base_version"], json!(null));
//!
//! // The response acknowledges the change, and brings it back with everything else that is new.
//! let response = json!({
//!     "results": [{ "kind": "journal", "id": id, "status": "applied", "version": 1 }],
//!     "changes": [{ "kind": "journal", "id": id, "version": 1, "deleted": false, "record": entry }],
//!     "cursor": "c1", "has_more": false, "server_time": "2026-03-01T21:05:01.000Z",
//! });
//! let outcome = store.apply_response(&push, &response, &mut |_| OnConflict::KeepServerVersion);
//! assert_eq!(outcome.acknowledged.len(), 1);
//! assert!(store.outbox().is_empty());
//! assert_eq!(store.known()[&key].version, 1);
//! ```

mod content;
mod merge;
mod people;
mod restored;
mod store;
#[cfg(test)]
mod tests;
mod waiting;

pub use merge::merge_into;
pub use people::quick_person;
pub use store::{
    Expiry, KnownRecord, OfflineStore, OnConflict, PendingChange, PushRequest, RecordKey, SyncOutcome,
};

use std::fmt::Write;

use serde_json::Value;

use crate::client::Client;

/// The reply to a sync request, as the client sees it.
#[derive(Debug)]
pub enum SyncReply {
    /// A response with the results and changes.
    Response(Value),
    /// No response, or a 503. The request may have taken effect, so the client sends it again.
    NoResponse,
    /// The cursor is too old, or the server was restored from a backup since: 410.
    CursorExpired(Expiry),
}

/// Sends a sync request.
pub async fn send_sync(client: &Client, body: &Value) -> SyncReply {
    let bytes = body.to_string().into_bytes();
    match client.try_send("POST", "/v1/sync", &[], Some(bytes)).await {
        None => SyncReply::NoResponse,
        Some(response) => match response.status {
            200 => SyncReply::Response(response.body),
            503 => SyncReply::NoResponse,
            410 => SyncReply::CursorExpired(match response.body["reason"].as_str() {
                Some("restored") => Expiry::Restored,
                _ => Expiry::TooOld,
            }),
            other => panic!("{other}: {}\nto {body}", response.text),
        },
    }
}

/// Pushes and pulls until nothing is pending and nothing is new. Returns false if a request gets no response.
pub async fn sync(
    client: &Client,
    store: &mut OfflineStore,
    limit: i64,
    conflict_rule: &mut impl FnMut(&PendingChange) -> OnConflict,
) -> bool {
    loop {
        let push = store.push(usize::MAX, limit);
        match send_sync(client, &push.body).await {
            SyncReply::NoResponse => return false,
            SyncReply::CursorExpired(reason) => store.restart_from_scratch(reason),
            SyncReply::Response(response) => {
                let outcome = store.apply_response(&push, &response, conflict_rule);
                if !outcome.has_more && store.outbox().is_empty() {
                    return true;
                }
            }
        }
    }
}

/// Writes a value as JSON with the members of each object sorted by name.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            out.push('{');
            for (n, name) in names.into_iter().enumerate() {
                let comma = if n == 0 { "" } else { "," };
                write!(out, "{comma}{}:", Value::from(name.as_str())).expect("a string takes it");
                write_canonical(&members[name], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => write!(out, "{scalar}").expect("a string takes it"),
    }
}
