//! Sync: push and pull in one round trip. No noun has code of its own here.

use std::collections::{HashMap, HashSet};

use actix_web::HttpResponse;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use mainstay_domain::{
    finding::Findings,
    record::{Draft, Incoming, Kind, Record, draft, json as to_json},
    registry::{ForNoun, for_noun},
    scalar::{Int, List, Text},
    timestamp::Timestamp,
};
use mainstay_store::{
    Change, Created, Expected, RecordWriter, Records, Standing, StoreError, Stored, seal::Secret,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        body::{Body, from_value},
        caller::Caller,
        idempotency::{Reply, perform},
    },
    id::new_id,
    openapi::endpoint::{self, Endpoint, Tag},
    problem::{Outcome, Problem, ProblemDocument, ProblemKind},
    record::{private, remove_in, wire},
};

/// Most changes in one push.
const MAX_CHANGES: usize = 500;
/// Changes on a page if the client does not say.
const DEFAULT_LIMIT: i64 = 200;
/// A page ends before it becomes larger than this, in bytes, unless one record alone is larger.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

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
            .takes::<SyncRequest>(request_example())
            .gives::<SyncAnswer>(200, "What became of each change, and what is new.", answer_example())
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
    pub record: Option<Map<String, Value>>,
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
    pub current: Option<Value>,
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
    pub record: Option<Value>,
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

async fn sync(body: Body<SyncRequest>) -> Outcome {
    let caller = &body.caller;
    let request = body.value;
    let cursors = Cursors::new(caller)?;
    let after = match &request.cursor {
        None => None,
        Some(text) => Some(cursors.read(text).ok_or_else(|| {
            Problem::invalid(
                "/cursor",
                "cursor",
                "must be a cursor that this server gave to this account",
            )
        })?),
    };
    let standing = caller.state.store.read(caller.scope(), standing).await?;
    if let Some(after) = after
        && (after.epoch != standing.epoch || after.rev < standing.floor_rev)
    {
        return Err(Problem::new(ProblemKind::CursorExpired));
    }
    let now = caller.state.clock.now();
    let work = Work {
        changes: request.changes,
        after,
        epoch: standing.epoch,
        limit: request.limit.map_or(DEFAULT_LIMIT, Int::get),
        now,
    };
    if work.changes.is_empty() && body.key.is_none() {
        let answer = caller.state.store.read(caller.scope(), move |records| {
            work.answer(records, Vec::new(), &cursors)
        });
        return Ok(answer.await.map_err(expired)?.into_response());
    }
    perform(caller, body.key, now, expired, move |writer| {
        writer.lock()?;
        let results = apply_all(writer, &work.changes, now)?;
        work.answer(writer, results, &cursors)
    })
    .await
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
    changes: List<SyncPush, MAX_CHANGES>,
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
        if pulled.standing.epoch != self.epoch || (self.after.is_some() && from < pulled.standing.floor_rev) {
            return Err(StoreError::NotFound);
        }
        let answer = SyncAnswer {
            results,
            changes: pulled.changes.iter().map(on_the_wire).collect(),
            cursor: cursors.write(&Position {
                epoch: self.epoch,
                rev: pulled.upto,
            }),
            has_more: pulled.has_more,
            server_time: Timestamp::utc(self.now),
        };
        Ok(Reply::new(private(HttpResponse::Ok()), to_json(&answer)))
    }
}

/// The changes in the order in which they are judged: as they were sent, but those to one record by the version
/// that they were made to, so that a shuffled batch gives the same state.
fn in_order(changes: &[SyncPush]) -> Vec<usize> {
    let mut chains: HashMap<(&str, Uuid), Vec<usize>> = HashMap::new();
    for (n, change) in changes.iter().enumerate() {
        chains.entry((&*change.kind, change.id)).or_default().push(n);
    }
    for chain in chains.values_mut() {
        chain.sort_by_key(|n| changes.get(*n).and_then(|c| c.base_version).map_or(0, Int::get));
        chain.reverse();
    }
    changes
        .iter()
        .filter_map(|change| chains.get_mut(&(&*change.kind, change.id))?.pop())
        .collect()
}

/// Applies the changes in their order. One that refers to what is not there yet waits for the rest, and with it
/// whatever is done to the same record later.
fn apply_all(
    writer: &mut RecordWriter<'_>,
    changes: &[SyncPush],
    now: DateTime<Utc>,
) -> Result<Vec<SyncResult>, StoreError> {
    let order = in_order(changes);
    let mut results: Vec<Option<SyncResult>> = changes.iter().map(|_| None).collect();
    let mut failed: HashSet<(&str, Uuid)> = HashSet::new();
    loop {
        let mut waiting: HashSet<(&str, Uuid)> = HashSet::new();
        let (mut progress, mut unresolved) = (false, Vec::new());
        for n in &order {
            let (Some(change), Some(slot)) = (changes.get(*n), results.get_mut(*n)) else {
                continue;
            };
            let place = (&*change.kind, change.id);
            if slot.is_some() || waiting.contains(&place) {
                continue;
            }
            let made = if failed.contains(&place) {
                outcome(change, SyncStatus::Skipped)
            } else {
                apply(writer, change, now)?
            };
            if is_unresolved(&made) {
                waiting.insert(place);
                unresolved.push((*n, made));
                continue;
            }
            if matches!(made.status, SyncStatus::Conflict | SyncStatus::Rejected) {
                failed.insert(place);
            }
            progress = true;
            *slot = Some(made);
        }
        if waiting.is_empty() {
            break;
        }
        if !progress {
            // Nothing that is still to come can help: what waited is rejected, and what follows it is skipped.
            for (n, made) in unresolved {
                if let Some(slot) = results.get_mut(n) {
                    *slot = Some(made);
                }
            }
            failed.extend(waiting);
        }
    }
    Ok(results.into_iter().flatten().collect())
}

/// Whether a change was rejected for nothing but references to what is not there.
fn is_unresolved(result: &SyncResult) -> bool {
    let errors = result.problem.as_ref().map_or(&[][..], |problem| &problem.errors);
    !errors.is_empty() && errors.iter().all(|error| error.code == "unknown-reference")
}

fn outcome(change: &SyncPush, status: SyncStatus) -> SyncResult {
    SyncResult {
        kind: change.kind.to_string(),
        id: change.id,
        status,
        version: None,
        current: None,
        problem: None,
    }
}

fn rejected(change: &SyncPush, problem: &Problem) -> SyncResult {
    SyncResult {
        problem: Some(problem.document(None, None)),
        ..outcome(change, SyncStatus::Rejected)
    }
}

/// Applies one change. An error is a fault of ours; everything else is a result.
fn apply(
    writer: &mut RecordWriter<'_>,
    change: &SyncPush,
    now: DateTime<Utc>,
) -> Result<SyncResult, StoreError> {
    let Some(kind) = Kind::from_path(&change.kind) else {
        return Ok(rejected(change, &Problem::new(ProblemKind::UnknownKind)));
    };
    for_noun(kind, Apply { writer, change, now })
}

struct Apply<'a, 'w> {
    writer: &'a mut RecordWriter<'w>,
    change: &'a SyncPush,
    now: DateTime<Utc>,
}

impl ForNoun for Apply<'_, '_> {
    type Output = Result<SyncResult, StoreError>;

    fn run<T: Record>(self) -> Self::Output {
        match self.change.op {
            SyncOperation::Upsert => self.upsert::<T>(),
            SyncOperation::Delete => self.delete::<T>(),
        }
    }
}

impl Apply<'_, '_> {
    fn upsert<T: Record>(self) -> Result<SyncResult, StoreError> {
        let (change, now) = (self.change, self.now);
        let record = change.record.clone().map_or(Value::Null, Value::Object);
        let mut incoming: Incoming<T> = match from_value(&record, now) {
            Ok(incoming) => incoming,
            Err(problem) => return Ok(rejected(change, &problem)),
        };
        if incoming.id.is_some_and(|id| id != change.id) {
            return Ok(rejected(
                change,
                &Problem::invalid("/id", "mismatch", "must equal the id of the change"),
            ));
        }
        incoming.id = Some(change.id);
        let Some(base) = change.base_version.map(Int::get) else {
            let made_from = match draft(incoming, change.id, None, now, &mut new_id) {
                Ok(draft) => draft,
                Err(findings) => return Ok(rejected(change, &Problem::validation(findings))),
            };
            return match self.writer.attempt(|writer| writer.create(&made_from)) {
                Ok(Created::New(stored)) => Ok(done(change, SyncStatus::Applied, stored.version)),
                Ok(Created::Replayed(stored)) => Ok(done(change, SyncStatus::Replayed, stored.version)),
                Err(StoreError::IdDeleted) if self.writer.was_made_of(&made_from)? => {
                    let known = self
                        .writer
                        .known(T::KIND, change.id)?
                        .ok_or(StoreError::NotFound)?;
                    Ok(done(change, SyncStatus::Replayed, known.version))
                }
                Err(StoreError::IdConflict | StoreError::IdDeleted) => conflict(self.writer, T::KIND, change),
                Err(error) => refused::<T>(self.writer, change, error),
            };
        };
        let Some(known) = self.writer.known(T::KIND, change.id)? else {
            return Ok(rejected(change, &Problem::new(ProblemKind::NotFound)));
        };
        let before = match &known.record {
            Some(stored) if !known.deleted => Some(crate::record::opened::<T>(&stored.body)?),
            _ => None,
        };
        let draft = match draft(incoming, change.id, before.as_ref(), now, &mut new_id) {
            Ok(draft) => draft,
            Err(findings) => return Ok(rejected(change, &Problem::validation(findings))),
        };
        if known.version != base || known.deleted {
            return if self.writer.has_version_of(&draft, base + 1)? {
                Ok(done(change, SyncStatus::Replayed, known.version))
            } else {
                conflict(self.writer, T::KIND, change)
            };
        }
        self.replace::<T>(&draft, base)
    }

    fn replace<T: Record>(self, draft: &Draft, base: i64) -> Result<SyncResult, StoreError> {
        match self
            .writer
            .attempt(|writer| writer.replace(draft, Expected::Version(base)))
        {
            Ok(stored) => Ok(done(self.change, SyncStatus::Applied, stored.version)),
            Err(error) => refused::<T>(self.writer, self.change, error),
        }
    }

    fn delete<T: Record>(self) -> Result<SyncResult, StoreError> {
        let (change, writer) = (self.change, self.writer);
        let Some(base) = change.base_version.map(Int::get) else {
            let missing = Problem::invalid(
                "/base_version",
                "required",
                "a deletion needs the version that it is made to",
            );
            return Ok(rejected(change, &missing));
        };
        let Some(known) = writer.known(T::KIND, change.id)? else {
            return Ok(rejected(change, &Problem::new(ProblemKind::NotFound)));
        };
        if known.deleted {
            return Ok(done(change, SyncStatus::Replayed, known.version));
        }
        let removed = writer.attempt(|writer| remove_in::<T>(writer, change.id, Expected::Version(base)));
        match removed {
            Ok(()) => Ok(done(change, SyncStatus::Applied, base + 1)),
            Err(error) => refused::<T>(writer, change, error),
        }
    }
}

fn done(change: &SyncPush, status: SyncStatus, version: i64) -> SyncResult {
    SyncResult {
        version: Some(version),
        ..outcome(change, status)
    }
}

fn conflict(writer: &mut RecordWriter<'_>, kind: Kind, change: &SyncPush) -> Result<SyncResult, StoreError> {
    let known = writer.known(kind, change.id)?.ok_or(StoreError::NotFound)?;
    let current = match &known.record {
        Some(stored) => {
            let mut current = value(stored);
            if known.deleted
                && let Value::Object(members) = &mut current
            {
                members.insert("deleted".to_owned(), Value::Bool(true));
            }
            current
        }
        None => json!({ "id": known.id, "version": known.version, "deleted": true }),
    };
    Ok(SyncResult {
        version: Some(known.version),
        current: Some(current),
        ..outcome(change, SyncStatus::Conflict)
    })
}

/// What the store's refusal means for the change; a fault of ours stays one.
fn refused<T: Record>(
    writer: &mut RecordWriter<'_>,
    change: &SyncPush,
    error: StoreError,
) -> Result<SyncResult, StoreError> {
    match error {
        StoreError::VersionMismatch { .. } => conflict(writer, T::KIND, change),
        StoreError::SlotTaken { .. } | StoreError::Findings(_) | StoreError::Final | StoreError::NotFound => {
            Ok(rejected(change, &crate::record::problem::<T>(error)))
        }
        other => Err(other),
    }
}

/// A page of changes.
struct Pulled {
    standing: Standing,
    changes: Vec<Change>,
    upto: i64,
    has_more: bool,
}

fn standing(records: &mut Records<'_>) -> Result<Standing, StoreError> {
    records.standing()
}

fn pull(records: &mut Records<'_>, after: i64, limit: i64) -> Result<Pulled, StoreError> {
    let standing = records.standing()?;
    let mut changes = records.changes(after, limit + 1)?;
    let mut has_more = i64::try_from(changes.len()).unwrap_or(i64::MAX) > limit;
    changes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut bytes = 0;
    let fitting = changes.iter().position(|change| {
        bytes += change
            .record
            .as_ref()
            .map_or(100, |stored| stored.body.len() + 300);
        bytes > PAGE_BYTES
    });
    if let Some(fitting) = fitting {
        has_more |= fitting.max(1) < changes.len();
        changes.truncate(fitting.max(1));
    }
    let upto = changes.last().map_or(after, |change| change.rev);
    Ok(Pulled {
        standing,
        changes,
        upto,
        has_more,
    })
}

fn on_the_wire(change: &Change) -> SyncChange {
    SyncChange {
        kind: change.kind.path().to_owned(),
        id: change.id,
        version: change.version,
        deleted: change.deleted,
        record: change.record.as_ref().map(value),
    }
}

fn value(stored: &Stored) -> Value {
    serde_json::from_slice(&wire(stored)).unwrap_or_default()
}

/// A place in the changes of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    epoch: i64,
    rev: i64,
}

/// Makes and reads the cursors of one account: nobody else's are taken, and none that we did not make.
struct Cursors {
    key: Secret,
    account: Uuid,
}

impl Cursors {
    fn new(caller: &Caller) -> Outcome<Self> {
        Ok(Self {
            key: caller.state.store.derive_key("mainstay cursor 1")?,
            account: caller.scope().account(),
        })
    }

    fn mac(&self, position: &Position) -> [u8; 32] {
        self.key.mac(&[
            self.account.as_bytes(),
            &position.epoch.to_be_bytes(),
            &position.rev.to_be_bytes(),
        ])
    }

    fn write(&self, position: &Position) -> String {
        let parts: [&[u8]; 3] = [
            &position.epoch.to_be_bytes(),
            &position.rev.to_be_bytes(),
            &self.mac(position),
        ];
        BASE64_URL_SAFE_NO_PAD.encode(parts.concat())
    }

    fn read(&self, text: &str) -> Option<Position> {
        let bytes: [u8; 48] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (epoch, rest) = bytes.split_first_chunk::<8>()?;
        let (rev, mac) = rest.split_first_chunk::<8>()?;
        let position = Position {
            epoch: i64::from_be_bytes(*epoch),
            rev: i64::from_be_bytes(*rev),
        };
        bool::from(self.mac(&position).as_slice().ct_eq(mac)).then_some(position)
    }
}

impl crate::http::body::Input for SyncRequest {
    type Shape = Self;
    fn check(&self, _now: DateTime<Utc>, _findings: &mut Findings) {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_account_and_as_it_was_made_only() {
        let cursors = |account| Cursors {
            key: Secret::from_bytes([1; 32]),
            account: Uuid::from_u128(account),
        };
        let position = Position { epoch: 7, rev: 99 };
        let text = cursors(1).write(&position);
        assert_eq!(cursors(1).read(&text), Some(position));
        assert_eq!(cursors(2).read(&text), None);
        for n in 0..text.len() {
            let altered: String = text
                .char_indices()
                .map(|(m, c)| {
                    if m == n {
                        if c == 'A' { 'B' } else { 'A' }
                    } else {
                        c
                    }
                })
                .collect();
            assert_eq!(cursors(1).read(&altered), None);
        }
    }
}
