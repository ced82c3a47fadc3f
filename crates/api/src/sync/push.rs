//! The push: each change is judged alone, in an order that a shuffled batch cannot alter.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use mainstay_domain::{
    record::{Draft, Incoming, Kind, Record, draft},
    registry::{ForNoun, for_noun},
    scalar::Int,
};
use mainstay_store::{Created, Expected, RecordWriter, StoreError};
use serde::Deserialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use uuid::Uuid;

use super::{
    SyncOperation, SyncPush, SyncResult, SyncStatus,
    pull::{deleted_value, value},
};
use crate::{
    http::body::parse,
    id::new_id,
    problem::{Problem, ProblemKind},
    record::{Bases, remove_in},
};

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

/// Applies the changes in their order. One that refers to what is not there yet waits for the rest, and with it
/// whatever is done to the same record later.
pub(super) fn apply_all(
    writer: &mut RecordWriter<'_>,
    changes: &[SyncPush],
    bases: &Bases,
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
                apply(writer, change, bases, now)?
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
    bases: &Bases,
    now: DateTime<Utc>,
) -> Result<SyncResult, StoreError> {
    let Some(kind) = Kind::from_path(&change.kind) else {
        return Ok(rejected(change, &Problem::new(ProblemKind::UnknownKind)));
    };
    let apply = Apply {
        writer,
        change,
        bases,
        now,
    };
    for_noun(kind, apply)
}

struct Apply<'a, 'w> {
    writer: &'a mut RecordWriter<'w>,
    change: &'a SyncPush,
    bases: &'a Bases,
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
        let record = change.record.as_ref().map_or("null", |record| record.get());
        let mut incoming: Incoming<T> = match parse(record.as_bytes(), now) {
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
        let judged_by = incoming.body.judged_by();
        incoming.basis = judged_by.and_then(|id| self.bases.get(&id)).cloned();
        let Some(base) = change.base_version.map(Int::get) else {
            let made_from = match draft(incoming, change.id, None, now, &mut new_id) {
                Ok(draft) => draft,
                Err(findings) => return Ok(rejected(change, &Problem::validation(findings))),
            };
            return match self.writer.try_create(&made_from) {
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
