//! What can be said of a pushed change before the database has its turn: whether it is sound, and for a new record what is
//! stored of it.

use chrono::{DateTime, Utc};
use mainstay_domain::{
    record::{
        Incoming, Kind, Record, draft,
        registry::{ForNoun, for_noun},
    },
    value::validation::FindingCode,
};
use mainstay_store::{PersonScope, SealedDraft, StoreError};

use super::{SyncOperation, SyncPush};
use crate::{
    http::{
        body::parse,
        problem::{Problem, ProblemKind},
    },
    record::ValidationContexts,
    server::{clock::micros, id::new_id},
};

/// What is known of a change before the database has its turn.
pub(super) enum Prepared {
    /// Whatever the database holds, it is rejected.
    Rejected(Problem),
    /// A new record.
    New(SealedDraft),
    /// The rest, which depends on how the record stands.
    NeedsCurrent,
}

/// Judges a change by itself. A new record is sealed.
///
/// # Errors
/// Of sealing.
pub(super) fn prepare_change(
    change: &SyncPush,
    scope: &PersonScope,
    validation_contexts: &ValidationContexts,
    now: DateTime<Utc>,
) -> Result<Prepared, StoreError> {
    let Some(kind) = Kind::from_path(&change.kind) else {
        return Ok(Prepared::Rejected(Problem::new(ProblemKind::UnknownKind)));
    };
    let prepare_change = Judge {
        change,
        scope,
        validation_contexts,
        now,
    };
    for_noun(kind, prepare_change)
}

struct Judge<'a> {
    change: &'a SyncPush,
    scope: &'a PersonScope,
    validation_contexts: &'a ValidationContexts,
    now: DateTime<Utc>,
}

impl ForNoun for Judge<'_> {
    type Output = Result<Prepared, StoreError>;

    fn run<T: Record>(self) -> Self::Output {
        let Self {
            change,
            scope,
            validation_contexts,
            now,
        } = self;
        if !matches!(change.op, SyncOperation::Upsert) || change.base_version.is_some() {
            return Ok(Prepared::NeedsCurrent);
        }
        let made = incoming::<T>(change, validation_contexts, now).and_then(|incoming| {
            draft(incoming, change.id, None, now, &mut new_id).map_err(Problem::validation)
        });
        match made {
            Ok(draft) => SealedDraft::new(scope, draft, micros(now)).map(Prepared::New),
            Err(problem) => Ok(Prepared::Rejected(problem)),
        }
    }
}

/// What the change says, read into its noun.
pub(super) fn incoming<T: Record>(
    change: &SyncPush,
    validation_contexts: &ValidationContexts,
    now: DateTime<Utc>,
) -> Result<Incoming<T>, Problem> {
    let record = change.record.as_ref().map_or("null", |record| record.get());
    let mut incoming: Incoming<T> = parse(record.as_bytes(), now)?;
    if incoming.id.is_some_and(|id| id != change.id) {
        return Err(Problem::invalid(
            "/id",
            FindingCode::Mismatch,
            "must equal the id of the change",
        ));
    }
    incoming.id = Some(change.id);
    let depends_on_questionnaire = incoming.body.depends_on_questionnaire();
    incoming.context = depends_on_questionnaire
        .and_then(|id| validation_contexts.get(&id))
        .cloned();
    Ok(incoming)
}
