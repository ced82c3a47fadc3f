//! Applies one change of a push inside the transaction, and says what its result is.

use mainstay_domain::{
    record::{
        Kind, Record, draft,
        registry::{ForNoun, for_noun},
    },
    value::{number::Int, validation::FindingCode},
};
use mainstay_store::{Created, Expected, LockedWriter, SealedDraft, StoreError};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use uuid::Uuid;

use super::{
    message::{SyncOperation, SyncPush, SyncResult, SyncStatus},
    prepare::{Prepared, PushContext, incoming},
    pull::{encode_deleted, encode_raw},
};
use crate::{
    http::problem::{Problem, ProblemKind},
    record::{decode, problem_of, remove_in},
    server::id::new_id,
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
        (Prepared::New(new), _) => create(writer, change, new, is_stored),
        (Prepared::NeedsCurrent, Some(kind)) => for_noun(
            kind,
            Apply {
                writer,
                change,
                context,
            },
        ),
        (Prepared::NeedsCurrent, None) => Ok(rejected(change, &Problem::new(ProblemKind::UnknownKind))),
    }
}

/// Stores a new record, unless a batch did.
fn create(
    writer: &mut LockedWriter<'_, '_>,
    change: &SyncPush,
    new: &mut SealedDraft,
    is_stored: Option<bool>,
) -> Result<SyncResult, StoreError> {
    let created = match is_stored {
        Some(true) => return Ok(done(change, SyncStatus::Applied, 1)),
        Some(false) => writer.explain_conflict(new),
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
        Err(StoreError::IdConflict | StoreError::IdDeleted) => conflict(writer, kind, change),
        Err(error) => refused(writer, kind, change, error),
    }
}

/// A change that is validated against the current version of its record.
struct Apply<'a, 'w, 'r> {
    writer: &'a mut LockedWriter<'w, 'r>,
    change: &'a SyncPush,
    context: &'a PushContext,
}

impl ForNoun for Apply<'_, '_, '_> {
    type Output = Result<SyncResult, StoreError>;

    fn run<T: Record>(self) -> Self::Output {
        let Some(base) = self.change.base_version.map(Int::get) else {
            let missing = Problem::invalid(
                "/base_version",
                FindingCode::Required,
                "a deletion needs the version that it is made to",
            );
            return Ok(rejected(self.change, &missing));
        };
        match self.change.op {
            SyncOperation::Upsert => self.replace::<T>(base),
            SyncOperation::Delete => self.delete::<T>(base),
        }
    }
}

impl Apply<'_, '_, '_> {
    fn replace<T: Record>(self, base: i64) -> Result<SyncResult, StoreError> {
        let Self {
            writer,
            change,
            context,
        } = self;
        let incoming = match incoming::<T>(change, context) {
            Ok(incoming) => incoming,
            Err(problem) => return Ok(rejected(change, &problem)),
        };
        let Some(latest) = writer.records().latest_change(T::KIND, change.id)? else {
            return Ok(rejected(change, &Problem::new(ProblemKind::NotFound)));
        };
        let before = match &latest.record {
            Some(stored) if !latest.deleted => Some(decode::<T>(&stored.body)?),
            _ => None,
        };
        let PushContext { now, zone, .. } = *context;
        let draft = match draft(incoming, change.id, before.as_ref(), now, zone, &mut new_id) {
            Ok(draft) => draft,
            Err(findings) => return Ok(rejected(change, &Problem::validation(findings))),
        };
        if latest.version != base || latest.deleted {
            return if writer.records().has_version_of(&draft, base + 1)? {
                Ok(done(change, SyncStatus::Replayed, latest.version))
            } else {
                conflict(writer, T::KIND, change)
            };
        }
        match writer.attempt(|writer| writer.replace(&draft, Expected::Version(base))) {
            Ok(stored) => Ok(done(change, SyncStatus::Applied, stored.version)),
            Err(error) => refused(writer, T::KIND, change, error),
        }
    }

    fn delete<T: Record>(self, base: i64) -> Result<SyncResult, StoreError> {
        let (change, writer) = (self.change, self.writer);
        let Some(latest) = writer.records().latest_change(T::KIND, change.id)? else {
            return Ok(rejected(change, &Problem::new(ProblemKind::NotFound)));
        };
        if latest.deleted {
            return Ok(done(change, SyncStatus::Replayed, latest.version));
        }
        let removed =
            writer.attempt(|writer| remove_in::<T>(writer.writer(), change.id, Expected::Version(base)));
        match removed {
            Ok(()) => Ok(done(change, SyncStatus::Applied, base + 1)),
            Err(error) => refused(writer, T::KIND, change, error),
        }
    }
}

/// Converts a refusal of the store to a result. A fault of the server stays an error.
fn refused(
    writer: &mut LockedWriter<'_, '_>,
    kind: Kind,
    change: &SyncPush,
    error: StoreError,
) -> Result<SyncResult, StoreError> {
    match error {
        StoreError::VersionMismatch { .. } => conflict(writer, kind, change),
        StoreError::SlotTaken { .. } | StoreError::Findings(_) | StoreError::Final | StoreError::NotFound => {
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

/// The result of a change after one to the same record that failed.
pub(super) fn skipped(change: &SyncPush) -> SyncResult {
    result(change, SyncStatus::Skipped)
}

fn conflict(
    writer: &mut LockedWriter<'_, '_>,
    kind: Kind,
    change: &SyncPush,
) -> Result<SyncResult, StoreError> {
    let latest = writer
        .records()
        .latest_change(kind, change.id)?
        .ok_or(StoreError::NotFound)?;
    let current = match &latest.record {
        Some(stored) if latest.deleted => encode_deleted(stored)?,
        Some(stored) => encode_raw(stored)?,
        None => encode_tombstone(latest.id, latest.version)?,
    };
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
