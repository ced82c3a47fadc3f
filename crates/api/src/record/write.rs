//! Writing records: what every way of writing shares.

use chrono::{DateTime, Utc};
use mainstay_domain::record::{Deletion, Draft, Incoming, Kind, Record, draft, to_draft};
use mainstay_store::{Created, Expected, RecordWriter, StoreError, Stored};
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    server::{clock::micros, id::new_id},
};

/// A new record, ready to be stored.
///
/// # Errors
/// 422 that names every wrong field.
pub fn new_draft<T: Record>(incoming: Incoming<T>, now: DateTime<Utc>) -> HandlerResult<Draft> {
    let id = incoming.id.unwrap_or_else(new_id);
    draft(incoming, id, None, now, &mut new_id).map_err(Problem::validation)
}

/// Stores a new record for the caller.
pub async fn store_new<T: Record>(caller: &Caller, incoming: Incoming<T>) -> HandlerResult<Created> {
    let now = caller.state.clock.now();
    let draft = new_draft(incoming, now)?;
    store_draft::<T>(caller, draft, now).await
}

/// Stores a record that is ready for the caller.
pub async fn store_draft<T: Record>(
    caller: &Caller,
    draft: Draft,
    now: DateTime<Utc>,
) -> HandlerResult<Created> {
    let (store, session) = (&caller.state.store, caller.principal.session);
    let stored = store.create(caller.scope(), session, micros(now), draft).await;
    stored.map_err(problem::<T>)
}

/// Writes for the caller, in one transaction, with what a refusal means.
pub async fn write<R>(
    caller: &Caller,
    now: DateTime<Utc>,
    explain: fn(StoreError) -> Problem,
    work: impl FnOnce(&mut RecordWriter<'_>) -> Result<R, StoreError> + Send + 'static,
) -> HandlerResult<R>
where
    R: Send + 'static,
{
    let written = caller
        .state
        .store
        .write(caller.scope(), caller.principal.session, micros(now), work)
        .await;
    written.map_err(explain)
}

/// What a refusal of the store means for a noun.
pub fn problem<T: Record>(error: StoreError) -> Problem {
    problem_of(T::KIND, error)
}

/// What a refusal of the store means for the noun of a collection.
pub fn problem_of(kind: Kind, error: StoreError) -> Problem {
    match error {
        StoreError::SlotTaken { id } if kind == Kind::Goal => Problem {
            existing_id: Some(id),
            ..Problem::new(ProblemKind::GoalExists)
        },
        other => other.into(),
    }
}

/// Replaces a record inside a transaction.
pub fn replace_in<T: Record>(
    writer: &mut RecordWriter<'_>,
    incoming: Incoming<T>,
    id: Uuid,
    expected: Expected,
    now: DateTime<Utc>,
) -> Result<Stored, StoreError> {
    writer.lock()?;
    let (version, before) = current::<T>(writer, id)?;
    expected.check(version)?;
    let draft = draft(incoming, id, Some(&before), now, &mut new_id).map_err(StoreError::Findings)?;
    writer.replace(&draft, Expected::Version(version))
}

/// Deletes a record inside a transaction, in the way of its noun.
pub fn remove_in<T: Record>(
    writer: &mut RecordWriter<'_>,
    id: Uuid,
    expected: Expected,
) -> Result<(), StoreError> {
    match T::DELETION {
        Deletion::Tombstone => writer.remove(T::KIND, id, expected),
        Deletion::Marked => {
            writer.lock()?;
            let (_, mut record) = current::<T>(writer, id)?;
            record.mark_deleted();
            writer.mark_deleted(&changed(&record, id), expected)
        }
    }
}

/// A record as it stands, with its version.
pub fn current<T: Record>(writer: &mut RecordWriter<'_>, id: Uuid) -> Result<(i64, T), StoreError> {
    let found = writer.get(T::KIND, id)?.ok_or(StoreError::NotFound)?;
    Ok((found.version, decode(&found.body)?))
}

/// The record in a stored body.
pub fn decode<T: Record>(body: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(body).map_err(|e| StoreError::unreadable(T::KIND, &e))
}

/// A record that the server changed, ready to be stored.
pub fn changed<T: Record>(record: &T, id: Uuid) -> Draft {
    to_draft(record, id, Vec::new())
}
