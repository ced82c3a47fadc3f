//! Budgets: what is counted is what is stored, whatever happens.

use std::collections::BTreeSet;

use mainstay_domain::{
    appointment::Appointment, check_in::CheckIn, craving_event::CravingEvent, journal_entry::JournalEntry,
    medication::Medication, plan::Plan, record::Draft,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, alone, sign_up},
};
use crate::{
    Created, Expected, History, PersonScope, SealedDraft, Store, StoreError,
    engine::single,
    quota::{OwnQuota, recount},
};

pub(super) const DAY: i64 = 86_400_000_000;

/// Something that happens to a record. Ids are few, so that replays, conflicts and changes of deleted records are tried.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Create(u8),
    CreateWithKey(u8),
    CreateBatch(Vec<u8>),
    CreateAtOnce(u8, u8),
    Replace(u8),
    Remove(u8),
    MarkDeleted(u8),
    Undone(u8),
    RunTimers,
    SweepResponses,
    SweepTombstones,
    NextDay,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 0..24_u8;
    let step = prop_oneof![
        4 => id().prop_map(Step::Create),
        2 => id().prop_map(Step::CreateWithKey),
        2 => prop::collection::vec(id(), 1..5).prop_map(Step::CreateBatch),
        2 => (id(), id()).prop_map(|(a, b)| Step::CreateAtOnce(a, b)),
        4 => id().prop_map(Step::Replace),
        2 => id().prop_map(Step::Remove),
        1 => id().prop_map(Step::MarkDeleted),
        1 => id().prop_map(Step::Undone),
        1 => Just(Step::RunTimers),
        1 => Just(Step::SweepResponses),
        1 => Just(Step::SweepTombstones),
        1 => Just(Step::NextDay),
    ];
    prop::collection::vec(step, 60..90)
}

/// A draft whose collection follows from its number.
fn draft_of(n: u8) -> Draft {
    let id = u128::from(n) + 100;
    match n % 6 {
        0 => alone::<CheckIn>(id),
        1 => alone::<CravingEvent>(id),
        2 => alone::<JournalEntry>(id),
        3 => alone::<Appointment>(id),
        4 => alone::<Medication>(id),
        _ => alone::<Plan>(id),
    }
}

/// Makes the content another one, of another length.
fn grown(mut draft: Draft) -> Draft {
    draft.body.extend_from_slice(b"      ");
    draft.canonical.push(b' ');
    draft
}

pub(super) struct World {
    pub(super) database: TestDatabase,
    pub(super) store: Store,
    pub(super) scope: PersonScope,
    pub(super) session: Uuid,
    now: i64,
    /// The writes of the day of the latest write.
    writes: (i64, i64),
    /// What has happened so far.
    story: Vec<Step>,
}

impl World {
    pub(super) async fn new(database: TestDatabase, own: OwnQuota) -> Self {
        let store = database.store();
        let (scope, session) = sign_up(&store).await;
        store.set_own_quota(scope.account(), own).await.unwrap();
        // The limits of a scope are those of the time when it was made.
        let principal = store
            .principal(scope.account(), session, 0)
            .await
            .unwrap()
            .unwrap();
        Self {
            database,
            store,
            scope: principal.scope,
            session,
            now: NOW,
            writes: (0, 0),
            story: Vec::new(),
        }
    }

    fn wrote(&mut self, count: usize) {
        let day = self.now.div_euclid(DAY);
        if count > 0 {
            let before = if self.writes.0 == day { self.writes.1 } else { 0 };
            self.writes = (day, before + i64::try_from(count).unwrap());
        }
    }

    pub(super) async fn run(&mut self, step: &Step) {
        let (scope, session, now) = (&self.scope, self.session, self.now);
        let done = match step.clone() {
            Step::Create(n) => is_new(&self.store.create(scope, session, now, draft_of(n)).await),
            Step::CreateWithKey(n) => self.create_with_key(n).await,
            Step::CreateBatch(ids) => self.create_batch(ids).await,
            Step::CreateAtOnce(a, b) => {
                let create = |n| self.store.create(scope, session, now, draft_of(n));
                let (one, two, three) = tokio::join!(create(a), create(b), create(a));
                is_new(&one) + is_new(&two) + is_new(&three)
            }
            Step::RunTimers => self.store.run_timers(now).await.map(|_| 0).unwrap(),
            Step::SweepResponses => self.store.sweep_stored_responses(now).await.map(|_| 0).unwrap(),
            Step::SweepTombstones => self.store.sweep_tombstones(now).await.map(|_| 0).unwrap(),
            Step::NextDay => {
                self.now += DAY;
                0
            }
            change => usize::from(self.change(change).await.is_ok()),
        };
        self.wrote(done);
        self.story.push(step.clone());
    }

    async fn create_with_key(&self, n: u8) -> usize {
        let name = format!("{}", self.story.len());
        let key = self.store.idempotency_key(b"sam", &name, &[b"request"]);
        let write = self
            .store
            .write(&self.scope, self.session, self.now, move |writer| {
                let created = writer.create(&draft_of(n))?;
                writer.lock()?.store_response(&key, b"a response that is kept")?;
                Ok(created)
            });
        is_new(&write.await)
    }

    async fn create_batch(&self, ids: Vec<u8>) -> usize {
        let now = self.now;
        let write = self.store.write(&self.scope, self.session, now, move |writer| {
            let scope = writer.parts().1.clone();
            let ids: BTreeSet<u8> = ids.into_iter().collect();
            let new = ids
                .into_iter()
                .map(|n| SealedDraft::new(&scope, draft_of(n), now));
            let mut new: Vec<SealedDraft> = new.collect::<Result<_, _>>()?;
            new.retain(SealedDraft::has_no_side_effects);
            let mut locked = writer.lock()?;
            let stored = locked.create_batch(&new.iter().collect::<Vec<_>>())?;
            let left = new.iter_mut().zip(&stored).filter(|(_, stored)| !**stored);
            let later = left
                .map(|(new, _)| is_new(&locked.create_after_batch(new)))
                .sum::<usize>();
            Ok(later + stored.iter().filter(|stored| **stored).count())
        });
        write.await.unwrap()
    }

    /// Changes a record, or tries to.
    async fn change(&self, step: Step) -> Result<(), StoreError> {
        let write = self
            .store
            .write(&self.scope, self.session, self.now, move |writer| match step {
                Step::Replace(n) => writer.replace(&grown(draft_of(n)), &Expected::Any).map(drop),
                Step::Remove(n) => {
                    writer.remove(draft_of(n).kind, draft_of(n).id, &Expected::Any, History::Kept)
                }
                Step::MarkDeleted(n) => writer.mark_deleted(&draft_of(n), &Expected::Any, History::Kept),
                Step::Undone(n) => {
                    writer.create(&draft_of(n))?;
                    writer.replace(&grown(draft_of(n)), &Expected::Any)?;
                    Err(StoreError::Final)
                }
                other => unreachable!("{other:?} changes no record"),
            });
        write.await
    }

    /// Compares what was counted with what is stored.
    pub(super) async fn check(&self) {
        let found = self
            .store
            .account_quota(self.scope.account(), self.now)
            .await
            .unwrap();
        let mut conn = single(&self.database.locations.data).unwrap();
        let stored = recount(&mut conn, self.scope.no).unwrap();
        assert_eq!(
            (found.usage.records, found.usage.bytes),
            stored,
            "after {:?}",
            self.story
        );
        let today = self.now.div_euclid(DAY);
        let writes = if self.writes.0 == today { self.writes.1 } else { 0 };
        assert_eq!(found.usage.writes_today, writes, "after {:?}", self.story);
    }
}

pub(super) fn is_new(created: &Result<Created, StoreError>) -> usize {
    usize::from(matches!(created, Ok(Created::New(_))))
}

async fn what_is_counted_is_what_is_stored(database: TestDatabase) {
    let mut world = World::new(database, OwnQuota::default()).await;
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..3 {
        for step in steps().new_tree(&mut runner).unwrap().current() {
            world.run(&step).await;
            world.check().await;
        }
    }
}

#[tokio::test]
async fn on_sqlite_what_is_counted_is_what_is_stored() {
    Box::pin(what_is_counted_is_what_is_stored(TestDatabase::sqlite())).await;
}

#[tokio::test]
async fn on_postgresql_what_is_counted_is_what_is_stored() {
    Box::pin(what_is_counted_is_what_is_stored(TestDatabase::postgres(
        "quota_model",
    )))
    .await;
}
