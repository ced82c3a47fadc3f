//! Validates a pushed change before the transaction begins, and seals the content of a new record.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use mainstay_domain::{
    record::{
        self, Incoming, Kind, Record, draft,
        registry::{ForNoun, for_noun},
    },
    value::{number::Int, validation::FindingCode},
};
use mainstay_store::{PersonScope, SealedDraft, StoreError};

use super::{
    message::{SyncOperation, SyncPush},
    work::Work,
};
use crate::{
    http::{
        body::parse_patch,
        problem::{Problem, ProblemKind},
    },
    record::{ValidationContexts, merged, read_incoming},
    server::{clock::micros, id::new_id},
};

/// What the changes of a push are validated against. It is loaded before the transaction.
pub(super) struct PushContext {
    /// The contexts of the questionnaires that changes name.
    pub questionnaires: ValidationContexts,
    /// The person's time zone; any, if [`may_need_zone`] is false for the changes.
    pub zone: Tz,
    /// The time of the request.
    pub now: DateTime<Utc>,
    /// The work that the push has caused so far.
    pub work: Work,
}

/// Whether a change may need the person's time zone.
pub(super) fn may_need_zone(change: &SyncPush) -> bool {
    struct MayNeedZone<'a>(&'a str);

    impl ForNoun for MayNeedZone<'_> {
        type Output = bool;

        fn run<T: Record>(self) -> bool {
            record::may_need_zone::<T>(self.0)
        }
    }

    match (&change.record, Kind::from_path(&change.kind)) {
        (Some(record), Some(kind)) => for_noun(kind, MayNeedZone(record.get())),
        _ => false,
    }
}

/// A change after the checks that need no database.
pub(super) enum Prepared {
    /// The change is rejected, whatever the database holds.
    Rejected(Problem),
    /// A valid new record, sealed.
    New(SealedDraft),
    /// A change that is validated against the current version of its record.
    NeedsCurrent {
        /// The version that the change was made to.
        base: i64,
    },
}

/// Checks a change as far as that can be done without the database. A new record is sealed.
///
/// # Errors
/// Errors of sealing.
pub(super) fn prepare_change(
    change: &SyncPush,
    scope: &PersonScope,
    context: &PushContext,
) -> Result<Prepared, StoreError> {
    let Some(kind) = Kind::from_path(&change.kind) else {
        return Ok(Prepared::Rejected(Problem::new(ProblemKind::UnknownKind)));
    };
    let prepare = Prepare {
        change,
        scope,
        context,
    };
    for_noun(kind, prepare)
}

struct Prepare<'a> {
    change: &'a SyncPush,
    scope: &'a PersonScope,
    context: &'a PushContext,
}

impl ForNoun for Prepare<'_> {
    type Output = Result<Prepared, StoreError>;

    fn run<T: Record>(self) -> Self::Output {
        let Self {
            change,
            scope,
            context,
        } = self;
        let PushContext { now, zone, .. } = *context;
        if let Some(base) = change.base_version.map(Int::get) {
            return Ok(Prepared::NeedsCurrent { base });
        }
        if change.op != SyncOperation::Upsert {
            let missing = Problem::invalid(
                "/base_version",
                FindingCode::Required,
                "the change needs the version that it is made to",
            );
            return Ok(Prepared::Rejected(missing));
        }
        let draft = incoming::<T>(change, context).and_then(|incoming| {
            draft(incoming, change.id, None, now, zone, &mut new_id).map_err(Problem::validation)
        });
        match draft {
            Ok(draft) => SealedDraft::new(scope, draft, micros(now)).map(Prepared::New),
            Err(problem) => Ok(Prepared::Rejected(problem)),
        }
    }
}

/// Reads the record of a change, with its validation context.
pub(super) fn incoming<T: Record>(change: &SyncPush, context: &PushContext) -> Result<Incoming<T>, Problem> {
    let incoming = read_incoming::<T>(content(change), change.id, context.now)?;
    Ok(in_context(incoming, context))
}

/// Reads the record that a change makes of the stored body of its record, with its validation context.
pub(super) fn incoming_merge<T: Record>(
    change: &SyncPush,
    body: &[u8],
    context: &PushContext,
) -> Result<Incoming<T>, Problem> {
    let patch = parse_patch(content(change))?;
    Ok(in_context(
        merged::<T>(body, &patch, change.id, context.now)?,
        context,
    ))
}

/// The JSON of a change; null if it has none.
fn content(change: &SyncPush) -> &[u8] {
    change
        .record
        .as_ref()
        .map_or("null", |record| record.get())
        .as_bytes()
}

fn in_context<T: Record>(incoming: Incoming<T>, context: &PushContext) -> Incoming<T> {
    let depends_on_questionnaire = incoming.body.depends_on_questionnaire();
    let context = depends_on_questionnaire
        .and_then(|id| context.questionnaires.get(&id))
        .cloned();
    Incoming { context, ..incoming }
}
