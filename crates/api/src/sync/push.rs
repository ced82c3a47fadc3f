//! The push: applies the changes of a request, each on its own, in an order that a shuffled batch cannot alter.

use std::collections::{HashMap, HashSet};

use mainstay_domain::{
    record::Kind,
    value::{list::List, number::Int, validation::FindingCode},
};
use mainstay_store::{LockedWriter, PersonScope, Records, SealedDraft, StoreError};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    apply::{apply, postponed, skipped},
    message::{MAX_CHANGES, SyncOperation, SyncPush, SyncResult, SyncStatus},
    prepare::{Prepared, PushContext, prepare_change},
};

/// The record of a change: its collection's name and its id.
type RecordKey<'a> = (&'a str, Uuid);

/// The part of a questionnaire response that names its questionnaire.
#[derive(Deserialize)]
struct Naming {
    questionnaire_id: Uuid,
}

/// Returns the questionnaire that the JSON of a response names.
fn questionnaire_of(response: &[u8]) -> Option<Uuid> {
    let naming = serde_json::from_slice::<Naming>(response).ok()?;
    Some(naming.questionnaire_id)
}

fn responses(changes: &[SyncPush]) -> impl Iterator<Item = &SyncPush> {
    let is_response = |change: &&SyncPush| *change.kind == *Kind::QuestionnaireResponse.path();
    changes.iter().filter(is_response)
}

/// Returns the questionnaires that the changes name. They are loaded before the transaction.
pub(super) fn named_questionnaires(changes: &[SyncPush]) -> Vec<Uuid> {
    responses(changes)
        .filter_map(|change| questionnaire_of(change.record.as_ref()?.get().as_bytes()))
        .collect()
}

/// The questionnaire responses that the changes merge into: their ids and base versions. A merge needs not name its
/// questionnaire.
pub(super) fn merged_responses(changes: &[SyncPush]) -> Vec<(Uuid, i64)> {
    responses(changes)
        .filter(|change| change.op == SyncOperation::Merge)
        .filter_map(|change| Some((change.id, change.base_version?.get())))
        .collect()
}

/// Returns the questionnaires of stored responses. A response never changes its questionnaire, so any version tells it.
pub(super) fn stored_questionnaires(
    records: &mut Records<'_>,
    merged: &[(Uuid, i64)],
) -> Result<Vec<Uuid>, StoreError> {
    let mut all = Vec::new();
    for (id, base) in merged {
        let body = match records.get(Kind::QuestionnaireResponse, *id)? {
            Some(stored) => Some(stored.body),
            None => records.replaced(Kind::QuestionnaireResponse, *id, *base)?,
        };
        all.extend(body.and_then(|body| questionnaire_of(&body)));
    }
    Ok(all)
}

/// A change of a push with its result so far.
struct Item<'a> {
    /// The index of the change in the push.
    index: usize,
    change: &'a SyncPush,
    prepared: Prepared,
    /// Whether the record was stored, for a new record that was tried in a batch.
    is_stored: Option<bool>,
    result: Option<SyncResult>,
}

impl<'a> Item<'a> {
    fn key(&self) -> RecordKey<'a> {
        (&self.change.kind, self.change.id)
    }

    /// The new record, if it can be stored in a batch and was not tried yet.
    fn batchable(&self) -> Option<&SealedDraft> {
        match &self.prepared {
            Prepared::New(new)
                if new.has_no_side_effects() && self.is_stored.is_none() && self.result.is_none() =>
            {
                Some(new)
            }
            _ => None,
        }
    }
}

/// Puts changes into the order in which they are applied: the order of the push, but changes to the same record by their
/// base version. So a shuffled batch gives the same state.
fn in_order(changes: &[SyncPush], prepared: Vec<Prepared>) -> Vec<Item<'_>> {
    let mut chains: HashMap<RecordKey<'_>, Vec<Item<'_>>> = HashMap::new();
    for (index, (change, prepared)) in changes.iter().zip(prepared).enumerate() {
        let item = Item {
            index,
            change,
            prepared,
            is_stored: None,
            result: None,
        };
        chains.entry(item.key()).or_default().push(item);
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

/// The changes of a push, checked as far as that is possible before the transaction.
pub(super) struct Push {
    changes: List<SyncPush, MAX_CHANGES>,
    prepared: Vec<Prepared>,
    context: PushContext,
}

impl Push {
    /// Checks each change on its own, and seals the new records.
    ///
    /// # Errors
    /// Errors of sealing.
    pub fn prepare(
        changes: List<SyncPush, MAX_CHANGES>,
        scope: &PersonScope,
        context: PushContext,
    ) -> Result<Self, StoreError> {
        let prepare = |change| prepare_change(change, scope, &context);
        let prepared = changes.iter().map(prepare).collect::<Result<_, _>>()?;
        Ok(Self {
            changes,
            prepared,
            context,
        })
    }

    /// Applies the changes in order, and returns their results in the order of the push.
    ///
    /// A change that refers to a record that does not exist yet waits until the others were applied, together with later
    /// changes to the same record.
    ///
    /// # Errors
    /// Faults of the server; everything else is a result.
    pub fn apply(self, writer: &mut LockedWriter<'_, '_>) -> Result<Vec<SyncResult>, StoreError> {
        let Self {
            changes,
            prepared,
            context,
        } = self;
        let mut items = in_order(&changes, prepared);
        let mut failed: HashSet<RecordKey<'_>> = HashSet::new();
        loop {
            let pass = run_pass(writer, &mut items, &mut failed, &context)?;
            if pass.waiting.is_empty() {
                break;
            }
            if !pass.has_progress {
                // No other change can help: those that wait are rejected, and those that follow them are skipped.
                for (at, result) in pass.unresolved {
                    if let Some(item) = items.get_mut(at) {
                        item.result = Some(result);
                    }
                }
                failed.extend(pass.waiting);
            }
        }
        items.sort_by_key(|item| item.index);
        Ok(items.into_iter().filter_map(|item| item.result).collect())
    }
}

/// The outcome of one pass over the changes.
#[derive(Default)]
struct Pass<'a> {
    /// Whether any change got its result.
    has_progress: bool,
    /// The records with a change that waits for another record.
    waiting: HashSet<RecordKey<'a>>,
    /// The changes that wait, by their position, with the result that they have if no other change helps.
    unresolved: Vec<(usize, SyncResult)>,
}

/// Applies every change that has no result yet and whose record does not wait for another.
fn run_pass<'a>(
    writer: &mut LockedWriter<'_, '_>,
    items: &mut [Item<'a>],
    failed: &mut HashSet<RecordKey<'a>>,
    context: &PushContext,
) -> Result<Pass<'a>, StoreError> {
    let mut pass = Pass::default();
    for at in 0..items.len() {
        let Some((item, later)) = items.get_mut(at..).and_then(<[_]>::split_first_mut) else {
            continue;
        };
        let key = item.key();
        if item.result.is_some() || pass.waiting.contains(&key) {
            continue;
        }
        let result = if failed.contains(&key) {
            skipped(item.change)
        } else if item.is_stored.is_none() && context.work.is_over() {
            postponed(item.change)
        } else {
            create_batch(writer, item, later, |key| {
                pass.waiting.contains(key) || failed.contains(key)
            })?;
            apply(writer, item.change, &mut item.prepared, item.is_stored, context)?
        };
        if is_unresolved(&result) {
            pass.waiting.insert(key);
            pass.unresolved.push((at, result));
            continue;
        }
        if matches!(result.status, SyncStatus::Conflict | SyncStatus::Rejected) {
            failed.insert(key);
        }
        pass.has_progress = true;
        item.result = Some(result);
    }
    Ok(pass)
}

/// Stores a new record that has no side effects in one batch with those that follow it directly. The result is as if each
/// was stored in its turn: nothing comes between them, and none of them refers to another.
fn create_batch<'a>(
    writer: &mut LockedWriter<'_, '_>,
    first: &mut Item<'a>,
    later: &mut [Item<'a>],
    is_held_up: impl Fn(&RecordKey<'a>) -> bool,
) -> Result<(), StoreError> {
    if first.batchable().is_none() {
        return Ok(());
    }
    let mut keys = HashSet::from([first.key()]);
    let following = later.iter().take_while(|item| {
        let key = item.key();
        item.batchable().is_some() && !is_held_up(&key) && keys.insert(key)
    });
    let following = following.count();
    let mut batch: Vec<&mut Item<'a>> = std::iter::once(first)
        .chain(later.iter_mut().take(following))
        .collect();
    let new: Vec<&SealedDraft> = batch.iter().filter_map(|item| item.batchable()).collect();
    let stored = writer.create_batch(&new)?;
    for (item, is_stored) in batch.iter_mut().zip(stored) {
        item.is_stored = Some(is_stored);
    }
    Ok(())
}

/// Whether a change was rejected only because it refers to records that do not exist.
fn is_unresolved(result: &SyncResult) -> bool {
    let errors = result.problem.as_ref().map_or(&[][..], |problem| &problem.errors);
    !errors.is_empty()
        && errors
            .iter()
            .all(|error| error.code == FindingCode::UnknownReference)
}
