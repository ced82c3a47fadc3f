//! The push: each change is judged alone, in an order that a shuffled batch cannot alter.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use mainstay_domain::{
    record::{
        Kind, Record, draft,
        registry::{ForNoun, for_noun},
    },
    value::{list::List, number::Int, validation::FindingCode},
};
use mainstay_store::{Created, Expected, PersonScope, RecordWriter, SealedDraft, StoreError};
use serde::Deserialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use uuid::Uuid;

use super::{
    MAX_CHANGES, SyncOperation, SyncPush, SyncResult, SyncStatus,
    prepare::{Prepared, incoming, prepare_change},
    pull::{deleted_value, value},
};
use crate::{
    http::problem::{Problem, ProblemKind},
    record::{ValidationContexts, problem_of, remove_in},
    server::id::new_id,
};

/// The changes in the order in which they are applied: as they were sent, but those to one record by the version
/// that they were made to, so that a shuffled batch gives the same state.
fn in_order(changes: &[SyncPush], judged: Vec<Prepared>) -> Vec<Item<'_>> {
    let mut chains: HashMap<(&str, Uuid), Vec<Item<'_>>> = HashMap::new();
    for (no, (change, judged)) in changes.iter().zip(judged).enumerate() {
        let item = Item {
            no,
            change,
            judged,
            is_stored: None,
            result: None,
        };
        chains.entry(item.place()).or_default().push(item);
    }
    for chain in chains.values_mut() {
        chain.sort_by_key(|item| item.change.base_version.map_or(0, Int::get));
        chain.reverse();
    }
    changes
        .iter()
        .filter_map(|change| chains.get_mut(&(&*change.kind, change.id))?.pop())
        .collect()
}

/// The questionnaires that the changes name, which are looked up before the transaction.
pub(super) fn named_questionnaires(changes: &[SyncPush]) -> Vec<Uuid> {
    #[derive(Deserialize)]
    struct Naming {
        questionnaire_id: Uuid,
    }
    let responses = changes
        .iter()
        .filter(|change| *change.kind == *Kind::QuestionnaireResponse.path());
    responses
        .filter_map(|change| serde_json::from_str::<Naming>(change.record.as_ref()?.get()).ok())
        .map(|naming| naming.questionnaire_id)
        .collect()
}

/// A change of a push, with what became of it so far.
struct Item<'a> {
    /// Where it stands in the push.
    no: usize,
    change: &'a SyncPush,
    judged: Prepared,
    /// Whether it was stored, for a new record that was tried together with others.
    is_stored: Option<bool>,
    result: Option<SyncResult>,
}

impl<'a> Item<'a> {
    fn place(&self) -> (&'a str, Uuid) {
        (&self.change.kind, self.change.id)
    }

    /// A new record that can be stored together with others, if that was not tried yet.
    fn untried(&self) -> Option<&SealedDraft> {
        match &self.judged {
            Prepared::New(new)
                if new.has_no_side_effects() && self.is_stored.is_none() && self.result.is_none() =>
            {
                Some(new)
            }
            _ => None,
        }
    }
}

/// The changes of a push, judged as far as that can be done before the database has its turn.
pub(super) struct Push {
    changes: List<SyncPush, MAX_CHANGES>,
    judged: Vec<Prepared>,
    validation_contexts: ValidationContexts,
    now: DateTime<Utc>,
}

impl Push {
    /// Judges each change by itself, and seals the new records.
    pub fn prepare_change(
        changes: List<SyncPush, MAX_CHANGES>,
        scope: &PersonScope,
        validation_contexts: ValidationContexts,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let prepare_change = |change| prepare_change(change, scope, &validation_contexts, now);
        let judged = changes.iter().map(prepare_change).collect::<Result<_, _>>()?;
        Ok(Self {
            changes,
            judged,
            validation_contexts,
            now,
        })
    }

    /// Applies the changes in their order. One that refers to what is not there yet waits for the rest, and with it
    /// whatever is done to the same record later.
    pub fn apply(self, writer: &mut RecordWriter<'_>) -> Result<Vec<SyncResult>, StoreError> {
        let Self {
            changes,
            judged,
            validation_contexts,
            now,
        } = self;
        let mut items = in_order(&changes, judged);
        let mut failed: HashSet<(&str, Uuid)> = HashSet::new();
        loop {
            let mut waiting: HashSet<(&str, Uuid)> = HashSet::new();
            let (mut progress, mut unresolved) = (false, Vec::new());
            for at in 0..items.len() {
                let Some((item, later)) = items.get_mut(at..).and_then(<[_]>::split_first_mut) else {
                    continue;
                };
                let place = item.place();
                if item.result.is_some() || waiting.contains(&place) {
                    continue;
                }
                let made = if failed.contains(&place) {
                    outcome(item.change, SyncStatus::Skipped)
                } else {
                    create_run(writer, item, later, |place| {
                        waiting.contains(place) || failed.contains(place)
                    })?;
                    apply(writer, item, &validation_contexts, now)?
                };
                if is_unresolved(&made) {
                    waiting.insert(place);
                    unresolved.push((at, made));
                    continue;
                }
                if matches!(made.status, SyncStatus::Conflict | SyncStatus::Rejected) {
                    failed.insert(place);
                }
                progress = true;
                item.result = Some(made);
            }
            if waiting.is_empty() {
                break;
            }
            if !progress {
                // Nothing that is still to come can help: what waited is rejected, and what follows it is skipped.
                for (at, made) in unresolved {
                    if let Some(item) = items.get_mut(at) {
                        item.result = Some(made);
                    }
                }
                failed.extend(waiting);
            }
        }
        items.sort_by_key(|item| item.no);
        Ok(items.into_iter().filter_map(|item| item.result).collect())
    }
}

/// Stores a new record that stands alone, and those like it that follow at once, together: as if each came in its turn,
/// since nothing comes between them and none looks at another.
fn create_run<'a>(
    writer: &mut RecordWriter<'_>,
    first: &mut Item<'a>,
    later: &mut [Item<'a>],
    is_held_up: impl Fn(&(&'a str, Uuid)) -> bool,
) -> Result<(), StoreError> {
    if first.untried().is_none() {
        return Ok(());
    }
    let mut places = HashSet::from([first.place()]);
    let following = later.iter().take_while(|item| {
        let place = item.place();
        item.untried().is_some() && !is_held_up(&place) && places.insert(place)
    });
    let following = following.count();
    let mut run: Vec<&mut Item<'a>> = std::iter::once(first)
        .chain(later.iter_mut().take(following))
        .collect();
    let new: Vec<&SealedDraft> = run.iter().filter_map(|item| item.untried()).collect();
    let stored = writer.create_batch(&new)?;
    for (item, is_stored) in run.iter_mut().zip(stored) {
        item.is_stored = Some(is_stored);
    }
    Ok(())
}

/// Whether a change was rejected for nothing but references to what is not there.
fn is_unresolved(result: &SyncResult) -> bool {
    let errors = result.problem.as_ref().map_or(&[][..], |problem| &problem.errors);
    !errors.is_empty()
        && errors
            .iter()
            .all(|error| error.code == FindingCode::UnknownReference)
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
    item: &mut Item<'_>,
    validation_contexts: &ValidationContexts,
    now: DateTime<Utc>,
) -> Result<SyncResult, StoreError> {
    let change = item.change;
    match (&mut item.judged, Kind::from_path(&change.kind)) {
        (Prepared::Rejected(problem), _) => Ok(rejected(change, problem)),
        (Prepared::New(new), _) => create(writer, change, new, item.is_stored),
        (Prepared::NeedsCurrent, Some(kind)) => for_noun(
            kind,
            Apply {
                writer,
                change,
                validation_contexts,
                now,
            },
        ),
        (Prepared::NeedsCurrent, None) => Ok(rejected(change, &Problem::new(ProblemKind::UnknownKind))),
    }
}

/// Makes a new record, if that was not tried before.
fn create(
    writer: &mut RecordWriter<'_>,
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
        Err(StoreError::IdDeleted) if writer.was_created_as(new.draft())? => {
            let known = writer
                .latest_change(kind, change.id)?
                .ok_or(StoreError::NotFound)?;
            Ok(done(change, SyncStatus::Replayed, known.version))
        }
        Err(StoreError::IdConflict | StoreError::IdDeleted) => conflict(writer, kind, change),
        Err(error) => refused(writer, kind, change, error),
    }
}

struct Apply<'a, 'w> {
    writer: &'a mut RecordWriter<'w>,
    change: &'a SyncPush,
    validation_contexts: &'a ValidationContexts,
    now: DateTime<Utc>,
}

impl ForNoun for Apply<'_, '_> {
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

impl Apply<'_, '_> {
    fn replace<T: Record>(self, base: i64) -> Result<SyncResult, StoreError> {
        let Self {
            writer,
            change,
            validation_contexts,
            now,
        } = self;
        let incoming = match incoming::<T>(change, validation_contexts, now) {
            Ok(incoming) => incoming,
            Err(problem) => return Ok(rejected(change, &problem)),
        };
        let Some(known) = writer.latest_change(T::KIND, change.id)? else {
            return Ok(rejected(change, &Problem::new(ProblemKind::NotFound)));
        };
        let before = match &known.record {
            Some(stored) if !known.deleted => Some(crate::record::decode::<T>(&stored.body)?),
            _ => None,
        };
        let draft = match draft(incoming, change.id, before.as_ref(), now, &mut new_id) {
            Ok(draft) => draft,
            Err(findings) => return Ok(rejected(change, &Problem::validation(findings))),
        };
        if known.version != base || known.deleted {
            return if writer.has_version_of(&draft, base + 1)? {
                Ok(done(change, SyncStatus::Replayed, known.version))
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
        let Some(known) = writer.latest_change(T::KIND, change.id)? else {
            return Ok(rejected(change, &Problem::new(ProblemKind::NotFound)));
        };
        if known.deleted {
            return Ok(done(change, SyncStatus::Replayed, known.version));
        }
        let removed = writer.attempt(|writer| remove_in::<T>(writer, change.id, Expected::Version(base)));
        match removed {
            Ok(()) => Ok(done(change, SyncStatus::Applied, base + 1)),
            Err(error) => refused(writer, T::KIND, change, error),
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
    let known = writer
        .latest_change(kind, change.id)?
        .ok_or(StoreError::NotFound)?;
    let current = match &known.record {
        Some(stored) if known.deleted => deleted_value(stored)?,
        Some(stored) => value(stored)?,
        None => gone(known.id, known.version)?,
    };
    Ok(SyncResult {
        version: Some(known.version),
        current: Some(current),
        ..outcome(change, SyncStatus::Conflict)
    })
}

/// What is left of a record that is gone.
fn gone(id: Uuid, version: i64) -> Result<Box<RawValue>, StoreError> {
    to_raw_value(&json!({ "id": id, "version": version, "deleted": true }))
        .map_err(|e| StoreError::Internal(e.to_string()))
}

/// What the store's refusal means for the change; a fault of ours stays one.
fn refused(
    writer: &mut RecordWriter<'_>,
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
