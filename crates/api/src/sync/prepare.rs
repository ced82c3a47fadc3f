//! Validates a pushed change before the transaction begins, and seals the content of a new record.

use chrono::{DateTime, Utc};
use mainstay_domain::{
    record::{
        Incoming, Kind, Record, draft,
        registry::{ForNoun, for_noun},
    },
    value::validation::FindingCode,
};
use mainstay_store::{PersonScope, SealedDraft, StoreError};

use super::message::{SyncOperation, SyncPush};
use crate::{
    http::{
        body::parse,
        problem::{Problem, ProblemKind},
    },
    record::ValidationContexts,
    server::{clock::micros, id::new_id},
};

/// A change after the checks that need no database.
pub(super) enum Prepared {
    /// The change is rejected, whatever the database holds.
    Rejected(Problem),
    /// A valid new record, sealed.
    New(SealedDraft),
    /// A change that is validated against the current version of its record.
    NeedsCurrent,
}

/// Checks a change as far as that can be done without the database. A new record is sealed.
///
/// # Errors
/// Errors of sealing.
pub(super) fn prepare_change(
    change: &SyncPush,
    scope: &PersonScope,
    contexts: &ValidationContexts,
    now: DateTime<Utc>,
) -> Result<Prepared, StoreError> {
    let Some(kind) = Kind::from_path(&change.kind) else {
        return Ok(Prepared::Rejected(Problem::new(ProblemKind::UnknownKind)));
    };
    let prepare = Prepare {
        change,
        scope,
        contexts,
        now,
    };
    for_noun(kind, prepare)
}

struct Prepare<'a> {
    change: &'a SyncPush,
    scope: &'a PersonScope,
    contexts: &'a ValidationContexts,
    now: DateTime<Utc>,
}

impl ForNoun for Prepare<'_> {
    type Output = Result<Prepared, StoreError>;

    fn run<T: Record>(self) -> Self::Output {
        let Self {
            change,
            scope,
            contexts,
            now,
        } = self;
        if !matches!(change.op, SyncOperation::Upsert) || change.base_version.is_some() {
            return Ok(Prepared::NeedsCurrent);
        }
        let draft = incoming::<T>(change, contexts, now).and_then(|incoming| {
            draft(incoming, change.id, None, now, &mut new_id).map_err(Problem::validation)
        });
        match draft {
            Ok(draft) => SealedDraft::new(scope, draft, micros(now)).map(Prepared::New),
            Err(problem) => Ok(Prepared::Rejected(problem)),
        }
    }
}

/// Reads the record of a change, with its validation context.
pub(super) fn incoming<T: Record>(
    change: &SyncPush,
    contexts: &ValidationContexts,
    now: DateTime<Utc>,
) -> Result<Incoming<T>, Problem> {
    let record = change.record.as_ref().map_or("null", |record| record.get());
    let mut incoming = parse::<Incoming<T>>(record.as_bytes(), now)?.into_inner();
    if incoming.id.is_some_and(|id| id != change.id) {
        return Err(Problem::invalid(
            "/id",
            FindingCode::Mismatch,
            "must equal the id of the change",
        ));
    }
    incoming.id = Some(change.id);
    let depends_on_questionnaire = incoming.body.depends_on_questionnaire();
    incoming.context = depends_on_questionnaire.and_then(|id| contexts.get(&id)).cloned();
    Ok(incoming)
}
