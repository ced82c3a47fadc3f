//! What can be said of a pushed change before the database has its turn: whether it is sound, and for a new record what is
//! stored of it.

use chrono::{DateTime, Utc};
use mainstay_domain::record::{
    Incoming, Kind, Record, draft,
    registry::{ForNoun, for_noun},
};
use mainstay_store::{PersonScope, Sealed, StoreError};

use super::{SyncOperation, SyncPush};
use crate::{
    http::{
        body::parse,
        problem::{Problem, ProblemKind},
    },
    record::Bases,
    server::{clock::micros, id::new_id},
};

/// What is known of a change before the database has its turn.
pub(super) enum Judged {
    /// Whatever the database holds, it is rejected.
    Rejected(Problem),
    /// A new record.
    New(Sealed),
    /// The rest, which depends on how the record stands.
    Depends,
}

/// Judges a change by itself. A new record is sealed.
///
/// # Errors
/// Of sealing.
pub(super) fn judge(
    change: &SyncPush,
    scope: &PersonScope,
    bases: &Bases,
    now: DateTime<Utc>,
) -> Result<Judged, StoreError> {
    let Some(kind) = Kind::from_path(&change.kind) else {
        return Ok(Judged::Rejected(Problem::new(ProblemKind::UnknownKind)));
    };
    let judge = Judge {
        change,
        scope,
        bases,
        now,
    };
    for_noun(kind, judge)
}

struct Judge<'a> {
    change: &'a SyncPush,
    scope: &'a PersonScope,
    bases: &'a Bases,
    now: DateTime<Utc>,
}

impl ForNoun for Judge<'_> {
    type Output = Result<Judged, StoreError>;

    fn run<T: Record>(self) -> Self::Output {
        let Self {
            change,
            scope,
            bases,
            now,
        } = self;
        if !matches!(change.op, SyncOperation::Upsert) || change.base_version.is_some() {
            return Ok(Judged::Depends);
        }
        let made = incoming::<T>(change, bases, now).and_then(|incoming| {
            draft(incoming, change.id, None, now, &mut new_id).map_err(Problem::validation)
        });
        match made {
            Ok(draft) => Sealed::new(scope, draft, micros(now)).map(Judged::New),
            Err(problem) => Ok(Judged::Rejected(problem)),
        }
    }
}

/// What the change says, read into its noun.
pub(super) fn incoming<T: Record>(
    change: &SyncPush,
    bases: &Bases,
    now: DateTime<Utc>,
) -> Result<Incoming<T>, Problem> {
    let record = change.record.as_ref().map_or("null", |record| record.get());
    let mut incoming: Incoming<T> = parse(record.as_bytes(), now)?;
    if incoming.id.is_some_and(|id| id != change.id) {
        return Err(Problem::invalid(
            "/id",
            "mismatch",
            "must equal the id of the change",
        ));
    }
    incoming.id = Some(change.id);
    let judged_by = incoming.body.judged_by();
    incoming.basis = judged_by.and_then(|id| bases.get(&id)).cloned();
    Ok(incoming)
}
