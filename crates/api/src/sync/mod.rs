//! Sync: push and pull in one round trip. No noun has code of its own here.

mod cursor;
mod prepare;
mod pull;
mod push;

use std::{sync::Arc, time::Duration};

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use mainstay_domain::{
    record::json as to_json,
    value::{
        list::List,
        number::Int,
        text::Text,
        timestamp::Timestamp,
        validation::{FindingCode, Findings},
    },
};
use mainstay_store::{PersonScope, Records, StoreError, engine::log_label::keep_label};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use tokio::{task::spawn_blocking, time::timeout};
use utoipa::ToSchema;
use uuid::Uuid;

use self::{
    cursor::{Cursors, Position},
    pull::{pull, sync_state},
    push::{Push, named_questionnaires},
};
use crate::{
    http::{
        body::{Body, Input},
        idempotency::{Reply, perform},
        problem::{HandlerResult, Problem, ProblemDocument, ProblemKind},
    },
    openapi::endpoint::{self, Endpoint, Tag},
    record::{ValidationContexts, cache_private, validation_contexts},
};

/// Most changes in one push.
const MAX_CHANGES: usize = 500;
/// Pushes that are judged and written at a time: enough to keep a database busy. Of the others only what they sent is
/// held, not also what is made of it.
pub const PUSHES: usize = 32;
/// How long a push may wait for its turn.
const WAIT: Duration = Duration::from_secs(2);
/// Changes that take so little time to judge that nobody notices.
const FEW: usize = 32;
/// Changes on a page if the client does not say.
const DEFAULT_LIMIT: i64 = 200;

/// The endpoint of sync.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::post("/v1/sync", sync)
            .operation(Tag::Sync, "sync", "Push changes and pull what is new")
            .about(
                "Each change is judged alone and all accepted ones are durable before the answer. Sent again, in any order, a batch \
                 gives the same state once. A version mismatch is a `conflict` with the server's `current`; after a change that did \
                 not go through, later ones to the same record are `skipped`. A change may refer to a record that stands later in \
                 the batch. Pull with the cursor of the answer until `has_more` is false; begin with null.",
            )
            .takes::<SyncRequest>(request_example)
            .gives::<SyncAnswer>(200, "What became of each change, and what is new.", answer_example)
            .problems(&[ProblemKind::CursorExpired]),
    ]
}

/// A push and a pull.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    /// The cursor of the last answer; null to pull everything.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub cursor: Option<Text<1, 200>>,
    /// Changes made on the device, oldest first.
    #[serde(default)]
    #[schema(value_type = Vec<SyncPush>, max_items = 500)]
    pub changes: List<SyncPush, MAX_CHANGES>,
    /// Most changes to give back; 200 if left out.
    #[serde(default)]
    pub limit: Option<Int<1, 500>>,
}

/// What is done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncOperation {
    /// Make or replace it.
    Upsert,
    /// Delete it.
    Delete,
}

/// A change made on the device.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncPush {
    /// The collection's name, as in its path.
    #[schema(example = "check-ins")]
    pub kind: Text<1, 60>,
    /// What is done.
    pub op: SyncOperation,
    /// The record's id.
    pub id: Uuid,
    /// The version that the change was made to; left out for a new record.
    #[serde(default)]
    pub base_version: Option<Int<1, 1_000_000_000>>,
    /// The whole record, as for `POST` or `PUT`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub record: Option<Box<RawValue>>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncStatus {
    /// It is done.
    Applied,
    /// It was done before.
    Replayed,
    /// The record has changed meanwhile; `current` says how it stands.
    Conflict,
    /// It is not valid; `problem` says why.
    Rejected,
    /// An earlier change to the same record did not go through.
    Skipped,
}

/// What became of one change.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncResult {
    /// The collection's name, as sent.
    #[schema(max_length = 60)]
    pub kind: String,
    /// The record's id.
    pub id: Uuid,
    /// What became of it.
    pub status: SyncStatus,
    /// The version that the record has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub version: Option<i64>,
    /// How the record stands, for a conflict; one that was deleted has `deleted: true`, and of the rest only `id` and
    /// `version` if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<Box<RawValue>>,
    /// Why it was rejected; pointers are from the root of `record`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemDocument>,
}

/// A record that is new, changed or deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncChange {
    /// The collection's name.
    #[schema(max_length = 60)]
    pub kind: String,
    /// The record's id.
    pub id: Uuid,
    /// Its version.
    #[schema(minimum = 1)]
    pub version: i64,
    /// Whether it is deleted.
    pub deleted: bool,
    /// The record as it stands; left out if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub record: Option<Box<RawValue>>,
}

/// What became of each change, and what is new.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncAnswer {
    /// One for each change, in their order.
    #[schema(max_items = 500)]
    pub results: Vec<SyncResult>,
    /// What is new since the cursor, each record once.
    #[schema(max_items = 500)]
    pub changes: Vec<SyncChange>,
    /// For the next pull.
    #[schema(max_length = 200)]
    pub cursor: String,
    /// Whether there is more to pull.
    pub has_more: bool,
    /// The server's time.
    pub server_time: Timestamp,
}

async fn sync(body: Body<SyncRequest>) -> HandlerResult {
    let caller = &body.caller;
    let request = body.value;
    let cursors = Cursors::new(caller)?;
    let after = match &request.cursor {
        None => None,
        Some(text) => Some(cursors.read(text).ok_or_else(|| {
            Problem::invalid(
                "/cursor",
                FindingCode::Cursor,
                "must be a cursor that this server gave to this account",
            )
        })?),
    };
    let sync_state = caller.state.store.read(caller.scope(), sync_state).await?;
    if let Some(after) = after
        && (after.epoch != sync_state.epoch || after.rev < sync_state.floor_rev)
    {
        return Err(Problem::new(ProblemKind::CursorExpired));
    }
    let limit = request.limit.map_or(DEFAULT_LIMIT, Int::get);
    let work = move |now| Work {
        after,
        epoch: sync_state.epoch,
        limit,
        now,
    };
    if request.changes.is_empty() && body.key.is_none() {
        let work = work(caller.state.clock.now());
        let answer = caller.state.store.read(caller.scope(), move |records| {
            work.answer(records, Vec::new(), &cursors)
        });
        return Ok(answer.await.map_err(expired)?.into_response());
    }
    let validation_contexts = validation_contexts(caller, named_questionnaires(&request.changes)).await?;
    let turn = timeout(WAIT, Arc::clone(&caller.state.pushes).acquire_owned()).await;
    let turn = turn.ok().and_then(Result::ok).ok_or(StoreError::Busy)?;
    let now = caller.state.clock.now();
    let push = judged(request.changes, caller.scope().clone(), validation_contexts, now).await?;
    let work = work(now);
    perform(caller, body.key, now, expired, move |writer| {
        // Kept until this is done, also if nobody waits for it any more.
        let _turn = turn;
        writer.lock()?;
        let results = push.apply(writer)?;
        work.answer(writer, results, &cursors)
    })
    .await
}

/// Judges changes: many of them on a thread that may block, so that those whom this one serves need not wait.
async fn judged(
    changes: List<SyncPush, MAX_CHANGES>,
    scope: PersonScope,
    validation_contexts: ValidationContexts,
    now: DateTime<Utc>,
) -> Result<Push, StoreError> {
    if changes.len() <= FEW {
        return Push::prepare_change(changes, &scope, validation_contexts, now);
    }
    let prepare = keep_label(move || Push::prepare_change(changes, &scope, validation_contexts, now));
    spawn_blocking(prepare)
        .await
        .map_err(|_panic| StoreError::Internal("changes could not be judged".to_owned()))?
}

/// A cursor whose ground was taken away while the request was on its way looks like a record that is gone.
fn expired(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(ProblemKind::CursorExpired),
        other => other.into(),
    }
}

/// What is to be done for one request.
struct Work {
    after: Option<Position>,
    epoch: i64,
    limit: i64,
    now: DateTime<Utc>,
}

impl Work {
    /// The answer: what became of the changes, and what is new.
    fn answer(
        &self,
        records: &mut Records<'_>,
        results: Vec<SyncResult>,
        cursors: &Cursors,
    ) -> Result<Reply, StoreError> {
        let from = self.after.map_or(0, |after| after.rev);
        let pulled = pull(records, from, self.limit)?;
        if pulled.sync_state.epoch != self.epoch
            || (self.after.is_some() && from < pulled.sync_state.floor_rev)
        {
            return Err(StoreError::NotFound);
        }
        let answer = SyncAnswer {
            results,
            changes: pulled.on_the_wire()?,
            cursor: cursors.write(&Position {
                epoch: self.epoch,
                rev: pulled.upto,
            }),
            has_more: pulled.has_more,
            server_time: Timestamp::utc(self.now),
        };
        Ok(Reply::new(cache_private(HttpResponse::Ok()), to_json(&answer)))
    }
}

impl Input for SyncRequest {
    type Shape = Self;

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        for (n, change) in self.changes.iter().enumerate() {
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

fn request_example() -> Value {
    json!({
        "cursor": null,
        "changes": [{
            "kind": "check-ins", "op": "upsert", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47",
            "record": { "kind": "momentary", "occurred_at": "2026-03-01T21:30:00-05:00", "answers": { "craving": 3 } },
        }],
        "limit": 200,
    })
}

fn answer_example() -> Value {
    json!({
        "results": [{ "kind": "check-ins", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47", "status": "applied", "version": 1 }],
        "changes": [{
            "kind": "check-ins", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47", "version": 1, "deleted": false,
            "record": crate::record::example::<mainstay_domain::check_in::CheckIn>(),
        }],
        "cursor": "AAZNXc8p2AAAAAAAAAAAAQ…",
        "has_more": false,
        "server_time": "2026-03-02T02:31:00.120Z",
    })
}
