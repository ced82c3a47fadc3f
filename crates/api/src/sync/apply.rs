//! Applies one change of a push inside the transaction, and says what its result is.

use mainstay_domain::record::{
    Draft, Incoming, Kind, Record, draft,
    registry::{ForNoun, for_noun},
};
use mainstay_store::{Change, Created, Expected, History, LockedWriter, SealedDraft, StoreError};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use uuid::Uuid;

use super::{
    message::{SyncOperation, SyncPush, SyncResult, SyncStatus},
    prepare::{Prepared, PushContext, incoming, incoming_merge},
    pull::{encode_deleted, encode_raw},
};
use crate::{
    http::problem::{Problem, ProblemKind},
    record::{decode, problem_of, remove_in},
    server::{id::new_id, metrics::count_quota_refusal},
};

/// Applies one change. `is_stored` is the outcome of a batch that had the change's new record already.
///
/// # Errors
/// Faults of the server; everything else is a result.
pub(super) fn apply(
    writer: &mut LockedWriter<'_, '_>,
    change: &SyncPush,
    prepared: &mut Prepared,
    is_stored: Option<bool>,
    context: &PushContext,
) -> Result<SyncResult, StoreError> {
    match (prepared, Kind::from_path(&change.kind)) {
        (Prepared::Rejected(problem), _) => Ok(rejected(change, problem)),
        (Prepared::New(new), _) => create(writer, change, new, is_stored, context),
        (Prepared::NeedsCurrent { base }, Some(kind)) => for_noun(
            kind,
            Apply {
                writer,
                change,
                base: *base,
                context,
            },
        ),
        (Prepared::NeedsCurrent { .. }, None) => {
            Ok(rejected(change, &Problem::new(ProblemKind::UnknownKind)))
        }
    }
}

/// Stores a new record, unless a batch did.
fn create(
    writer: &mut LockedWriter<'_, '_>,
    change: &SyncPush,
    new: &mut SealedDraft,
    is_stored: Option<bool>,
    context: &PushContext,
) -> Result<SyncResult, StoreError> {
    context.work.add(new.draft().body.len());
    let created = match is_stored {
        Some(true) => return Ok(done(change, SyncStatus::Applied, 1)),
        Some(false) => writer.create_after_batch(new),
        None => writer.try_create(new),
    };
    let kind = new.draft().kind;
    match created {
        Ok(Created::New(stored)) => Ok(done(change, SyncStatus::Applied, stored.version)),
        Ok(Created::Replayed(stored)) => Ok(done(change, SyncStatus::Replayed, stored.version)),
        Err(StoreError::IdDeleted) if writer.records().was_created_as(new.draft())? => {
            let latest = writer
                .records()
                .latest_change(kind, change.id)?
                .ok_or(StoreError::NotFound)?;
            Ok(done(change, SyncStatus::Replayed, latest.version))
        }
        Err(StoreError::IdConflict | StoreError::IdDeleted) => conflict(writer, kind, change, context),
        Err(error) => refused(writer, kind, change, error, context),
    }
}

/// A change that is validated against the current version of its record.
struct Apply<'a, 'w, 'r> {
    writer: &'a mut LockedWriter<'w, 'r>,
    change: &'a SyncPush,
    /// The version that the change was made to.
    base: i64,
    context: &'a PushContext,
}

impl ForNoun for Apply<'_, '_, '_> {
    type Output = Result<SyncResult, StoreError>;

    fn run<T: Record>(self) -> Self::Output {
        match self.change.op {
            SyncOperation::Upsert => self.replace::<T>(),
            SyncOperation::Merge => self.merge::<T>(),
            SyncOperation::Delete => self.delete::<T>(),
        }
    }
}

impl Apply<'_, '_, '_> {
    fn replace<T: Record>(mut self) -> Result<SyncResult, StoreError> {
        let incoming = match incoming::<T>(self.change, self.context) {
            Ok(incoming) => incoming,
            Err(problem) => return Ok(rejected(self.change, &problem)),
        };
        let Some(latest) = self.latest(T::KIND)? else {
            return Ok(rejected(self.change, &Problem::new(ProblemKind::NotFound)));
        };
        let before = match &latest.record {
            Some(stored) if !latest.deleted => Some(decode::<T>(&stored.body)?),
            _ => None,
        };
        let draft = match self.draft(incoming, before.as_ref()) {
            Ok(draft) => draft,
            Err(problem) => return Ok(rejected(self.change, &problem)),
        };
        if latest.version != self.base || latest.deleted {
            return self.replay_or_conflict(Some(&draft), latest.version);
        }
        self.store(&draft)
    }

    fn merge<T: Record>(mut self) -> Result<SyncResult, StoreError> {
        let Some(latest) = self.latest(T::KIND)? else {
            return Ok(rejected(self.change, &Problem::new(ProblemKind::NotFound)));
        };
        match &latest.record {
            Some(stored) if !latest.deleted && latest.version == self.base => {
                match self.merged_draft::<T>(&stored.body)? {
                    Ok(draft) => self.store(&draft),
                    Err(problem) => Ok(rejected(self.change, &problem)),
                }
            }
            // The record has changed since. If this change did that, its outcome is the version after its base.
            _ => {
                let before = self
                    .writer
                    .records()
                    .replaced(T::KIND, self.change.id, self.base)?;
                self.context.work.add(before.as_ref().map_or(0, Vec::len));
                let draft = before.map(|body| self.merged_draft::<T>(&body)).transpose()?;
                self.replay_or_conflict(draft.and_then(Result::ok).as_ref(), latest.version)
            }
        }
    }

    /// The latest change of the record.
    fn latest(&mut self, kind: Kind) -> Result<Option<Change>, StoreError> {
        let latest = self.writer.records().latest_change(kind, self.change.id)?;
        let stored = latest.as_ref().and_then(|latest| latest.record.as_ref());
        self.context
            .work
            .add(stored.map_or(0, |stored| stored.body.len()));
        Ok(latest)
    }

    /// Drafts what the change makes of a stored body.
    fn merged_draft<T: Record>(&self, body: &[u8]) -> Result<Result<Draft, Problem>, StoreError> {
        let before = decode::<T>(body)?;
        let incoming = incoming_merge::<T>(self.change, body, self.context);
        Ok(incoming.and_then(|incoming| self.draft(incoming, Some(&before))))
    }

    fn draft<T: Record>(&self, incoming: Incoming<T>, before: Option<&T>) -> Result<Draft, Problem> {
        let PushContext { now, zone, .. } = *self.context;
        draft(incoming, self.change.id, before, now, zone, &mut new_id).map_err(Problem::validation)
    }

    /// The result of a change to a version that is not the current one: it was made before if the version after its base
    /// has its content.
    fn replay_or_conflict(self, draft: Option<&Draft>, latest: i64) -> Result<SyncResult, StoreError> {
        let (change, writer) = (self.change, self.writer);
        let is_replay = match draft {
            Some(draft) => writer.records().has_version_of(draft, self.base + 1)?,
            None => false,
        };
        if is_replay {
            return Ok(done(change, SyncStatus::Replayed, latest));
        }
        let kind = Kind::from_path(&change.kind).ok_or(StoreError::NotFound)?;
        conflict(writer, kind, change, self.context)
    }

    /// Stores the next version.
    fn store(self, draft: &Draft) -> Result<SyncResult, StoreError> {
        let (change, writer) = (self.change, self.writer);
        self.context.work.add(draft.body.len());
        match writer.attempt(|writer| writer.replace(draft, &Expected::Version(self.base))) {
            Ok(stored) => Ok(done(change, SyncStatus::Applied, stored.version)),
            Err(error) => refused(writer, draft.kind, change, error, self.context),
        }
    }

    fn delete<T: Record>(mut self) -> Result<SyncResult, StoreError> {
        let latest = self.latest(T::KIND)?;
        let (change, writer, base) = (self.change, self.writer, self.base);
        let Some(latest) = latest else {
            return match writer.records().swept_version(T::KIND, change.id)? {
                Some(version) => Ok(done(change, SyncStatus::Replayed, version)),
                None => Ok(rejected(change, &Problem::new(ProblemKind::NotFound))),
            };
        };
        let history = if change.purge == Some(true) {
            History::Purged
        } else {
            History::Kept
        };
        if latest.deleted {
            if history == History::Purged {
                writer
                    .writer()
                    .purge_deleted(T::KIND, change.id, &Expected::Any)?;
            }
            return Ok(done(change, SyncStatus::Replayed, latest.version));
        }
        let expected = Expected::Version(base);
        let removed = writer.attempt(|writer| remove_in::<T>(writer.writer(), change.id, &expected, history));
        match removed {
            Ok(()) => Ok(done(change, SyncStatus::Applied, base + 1)),
            Err(error) => refused(writer, T::KIND, change, error, self.context),
        }
    }
}

/// Converts a refusal of the store to a result. A fault of the server stays an error.
fn refused(
    writer: &mut LockedWriter<'_, '_>,
    kind: Kind,
    change: &SyncPush,
    error: StoreError,
    context: &PushContext,
) -> Result<SyncResult, StoreError> {
    match error {
        StoreError::VersionMismatch { .. } => conflict(writer, kind, change, context),
        StoreError::SlotTaken { .. } | StoreError::Findings(_) | StoreError::Final | StoreError::NotFound => {
            Ok(rejected(change, &problem_of(kind, error)))
        }
        StoreError::QuotaExceeded { exceeded, .. } => {
            count_quota_refusal(exceeded.budget);
            Ok(rejected(change, &problem_of(kind, error)))
        }
        other => Err(other),
    }
}

fn result(change: &SyncPush, status: SyncStatus) -> SyncResult {
    SyncResult {
        kind: change.kind.to_string(),
        id: change.id,
        status,
        version: None,
        current: None,
        problem: None,
    }
}

fn done(change: &SyncPush, status: SyncStatus, version: i64) -> SyncResult {
    SyncResult {
        version: Some(version),
        ..result(change, status)
    }
}

fn rejected(change: &SyncPush, problem: &Problem) -> SyncResult {
    SyncResult {
        problem: Some(problem.document(None, None)),
        ..result(change, SyncStatus::Rejected)
    }
}

/// The result of a change that the push did not come to, because the ones before it were much work.
pub(super) fn postponed(change: &SyncPush) -> SyncResult {
    rejected(change, &Problem::new(ProblemKind::Postponed))
}

/// The result of a change after one to the same record that failed.
pub(super) fn skipped(change: &SyncPush) -> SyncResult {
    result(change, SyncStatus::Skipped)
}

fn conflict(
    writer: &mut LockedWriter<'_, '_>,
    kind: Kind,
    change: &SyncPush,
    context: &PushContext,
) -> Result<SyncResult, StoreError> {
    let Some(latest) = writer.records().latest_change(kind, change.id)? else {
        let swept = writer.records().swept_version(kind, change.id)?;
        let version = swept.ok_or(StoreError::NotFound)?;
        return Ok(SyncResult {
            version: Some(version),
            current: Some(encode_tombstone(change.id, version)?),
            ..result(change, SyncStatus::Conflict)
        });
    };
    let current = match &latest.record {
        Some(stored) if latest.deleted => encode_deleted(stored)?,
        Some(stored) => encode_raw(stored)?,
        None => encode_tombstone(latest.id, latest.version)?,
    };
    context.work.add(current.get().len());
    Ok(SyncResult {
        version: Some(latest.version),
        current: Some(current),
        ..result(change, SyncStatus::Conflict)
    })
}

/// Encodes a deleted record of which nothing else is left.
fn encode_tombstone(id: Uuid, version: i64) -> Result<Box<RawValue>, StoreError> {
    to_raw_value(&json!({ "id": id, "version": version, "deleted": true }))
        .map_err(|e| StoreError::Internal(e.to_string()))
}
