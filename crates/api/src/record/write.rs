//! Functions that creating, replacing and deleting records share.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use mainstay_domain::{
    insight::facts::Written,
    record::{Deletion, Draft, Incoming, Kind, Record, draft, stored::from_stored, to_draft},
};
use mainstay_store::{
    Created, Expected, History, LockedWriter, RecordWriter, StoreError, Stored, VersionTag,
};
use uuid::Uuid;

use super::validation_context::zone_for;
use crate::{
    http::{
        caller::Caller,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    server::{clock::micros, id::new_id},
};

/// Validates and completes a new record. A record without an id gets one. `zone` is that of [`zone_for`].
///
/// # Errors
/// 422 that names every wrong field.
pub fn new_draft<T: Record>(incoming: Incoming<T>, now: DateTime<Utc>, zone: Tz) -> HandlerResult<Draft> {
    let id = incoming.id.unwrap_or_else(new_id);
    draft(incoming, id, None, now, zone, &mut new_id).map_err(Problem::validation)
}

/// Validates a new record and stores it for the caller.
///
/// # Errors
/// 422 that names every wrong field; the store's refusals.
pub async fn store_new<T: Record>(caller: &Caller, mut incoming: Incoming<T>) -> HandlerResult<Created> {
    let zone = zone_for(caller, &mut incoming).await?;
    let now = caller.state.clock.now();
    let draft = new_draft(incoming, now, zone)?;
    store_draft::<T>(caller, draft, now).await
}

/// Stores a validated record for the caller.
pub(super) async fn store_draft<T: Record>(
    caller: &Caller,
    draft: Draft,
    now: DateTime<Utc>,
) -> HandlerResult<Created> {
    let (store, session) = (&caller.state.store, caller.principal.session);
    let created = store.create(caller.scope(), session, micros(now), draft).await;
    created.map_err(problem::<T>)
}

/// Writes to the caller's record in one transaction. `explain` says what a refusal of the store means.
///
/// # Errors
/// The store's refusals, as `explain` has them.
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

/// Converts a refusal of the store to a problem of a noun.
pub fn problem<T: Record>(error: StoreError) -> Problem {
    problem_of(T::KIND, error)
}

/// Converts a refusal of the store to a problem of a collection's noun.
pub fn problem_of(kind: Kind, error: StoreError) -> Problem {
    match error {
        StoreError::SlotTaken { id } if kind == Kind::Goal => Problem {
            existing_id: Some(id),
            ..Problem::new(ProblemKind::GoalExists)
        },
        other => other.into(),
    }
}

/// Validates a record as the successor of the current one, and replaces that, inside a transaction. `zone` is that of
/// [`zone_for`].
///
/// # Errors
/// The store's refusals; [`StoreError::Findings`] that name every wrong field.
pub fn replace_in<T: Record>(
    writer: &mut RecordWriter<'_>,
    incoming: Incoming<T>,
    id: Uuid,
    expected: &Expected,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<Stored, StoreError> {
    let mut writer = writer.lock()?;
    let (tag, before) = current::<T>(&mut writer, id)?;
    expected.check(tag)?;
    let draft = draft(incoming, id, Some(&before), now, zone, &mut new_id).map_err(StoreError::Findings)?;
    writer.replace(&draft, expected)
}

/// Deletes a record inside a transaction, as [`Record::DELETION`] says. A record that was deleted before can still be purged.
///
/// # Errors
/// The store's refusals.
pub fn remove_in<T: Record>(
    writer: &mut RecordWriter<'_>,
    id: Uuid,
    expected: &Expected,
    history: History,
) -> Result<(), StoreError> {
    let mut writer = writer.lock()?;
    if history == History::Purged {
        let latest = writer.records().latest_change(T::KIND, id)?;
        if latest.is_some_and(|latest| latest.deleted) {
            return writer.writer().purge_deleted(T::KIND, id, expected);
        }
    }
    match T::DELETION {
        Deletion::Tombstone => writer.remove(T::KIND, id, expected, history),
        Deletion::Marked => {
            let (_, mut record) = current::<T>(&mut writer, id)?;
            record.mark_deleted();
            writer.mark_deleted(&changed(&record, id), expected, history)
        }
    }
}

/// Reads the current version of a record, with its tag.
///
/// # Errors
/// [`StoreError::NotFound`]; a stored record that cannot be read.
pub fn current<T: Record>(
    writer: &mut LockedWriter<'_, '_>,
    id: Uuid,
) -> Result<(VersionTag, T), StoreError> {
    let found = writer.records().get(T::KIND, id)?.ok_or(StoreError::NotFound)?;
    Ok((found.tag(), decode(&found.body)?))
}

/// Returns the write of a stored version. `None` if the request itself has just written it.
pub fn written(stored: &Stored) -> Option<Written> {
    Some(Written {
        rev: stored.rev?,
        at: DateTime::from_timestamp_micros(stored.updated_at)?,
    })
}

/// Decodes the body of a stored record.
///
/// # Errors
/// A body that is no record of this noun.
pub fn decode<T: Record>(body: &[u8]) -> Result<T, StoreError> {
    from_stored(body).map_err(|e| StoreError::unreadable(T::KIND, &e))
}

/// Makes a draft of a record that the server itself changed. Such a version has no content of a client.
pub fn changed<T: Record>(record: &T, id: Uuid) -> Draft {
    to_draft(record, id, Vec::new())
}
