//! Caches the long collections of long records, opened, for insights.
//!
//! Opening thousands of records takes far longer than computing with them. An app asks for the same insights at each
//! start, and between two starts all but the newest records are the same. A cached entry is brought up to the person's
//! current revision before it is used, so it is never older than the last write. Notes and tags are not cached: nothing is
//! computed from them.

use std::sync::{PoisonError, RwLock};

use mainstay_domain::{
    check_in::CheckIn,
    craving_event::CravingEvent,
    dose::Dose,
    insight::facts::{Facts, WithId},
    medication::Medication,
    record::{Kind, Record},
    self_efficacy_profile::SelfEfficacyProfile,
    use_event::UseEvent,
    value::list::List,
};
use mainstay_store::{Change, Records, Since, StoreError, Stored, SyncState};
use quick_cache::{Weighter, sync::Cache};
use uuid::Uuid;

use super::facts::{MAX_RECORDS, Need, Needs, for_each_record, read};
use crate::record::decode;

/// Records with fewer entries are not cached: opening them takes a few milliseconds at most.
const MIN_RECORDS: usize = 1_000;
/// The size of the cache in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// An entry that was not used for this long, in microseconds, is dropped.
const MAX_IDLE_US: i64 = 10 * 60 * 1_000_000;
/// The cached collections, in the order in which they are read.
const KINDS: [Kind; 6] = [
    Kind::CheckIn,
    Kind::CravingEvent,
    Kind::UseEvent,
    Kind::Medication,
    Kind::Dose,
    Kind::SelfEfficacyProfile,
];

/// The position of a record in its collection: its time in microseconds, and its id.
type Key = (i64, Uuid);

/// An opened collection, newest first.
#[derive(Clone)]
struct Collection<T> {
    keys: Vec<Key>,
    records: Vec<WithId<T>>,
}

/// The long collections of one person at a revision.
#[derive(Clone)]
struct CachedFacts {
    sync_state: SyncState,
    used_at: i64,
    check_ins: Collection<CheckIn>,
    cravings: Collection<CravingEvent>,
    uses: Collection<UseEvent>,
    medications: Collection<Medication>,
    doses: Collection<Dose>,
    profiles: Collection<SelfEfficacyProfile>,
}

/// A record of which some members take no part in any computation.
trait Computable: Record {
    /// Removes the members that nothing is computed from.
    fn without_texts(self) -> Self {
        self
    }
}

impl Computable for CheckIn {
    fn without_texts(self) -> Self {
        Self {
            note: None,
            tags: List::default(),
            ..self
        }
    }
}

impl Computable for CravingEvent {
    fn without_texts(self) -> Self {
        Self { note: None, ..self }
    }
}

impl Computable for UseEvent {
    fn without_texts(self) -> Self {
        Self { note: None, ..self }
    }
}

impl Computable for Dose {
    fn without_texts(self) -> Self {
        Self { reason: None, ..self }
    }
}

impl Computable for Medication {}
impl Computable for SelfEfficacyProfile {}

impl<T: Computable> Collection<T> {
    fn read(records: &mut Records<'_>) -> Result<Self, StoreError> {
        let mut collection = Self {
            keys: Vec::new(),
            records: Vec::new(),
        };
        for_each_record(records, T::KIND, Need::All, None, |stored| {
            collection.keys.push((stored.occurred_at, stored.id));
            collection.records.push(Self::open(&stored)?);
            Ok(())
        })?;
        Ok(collection)
    }

    fn open(stored: &Stored) -> Result<WithId<T>, StoreError> {
        Ok(WithId {
            id: stored.id,
            record: decode::<T>(&stored.body)?.without_texts(),
        })
    }

    /// Applies a change: inserts, moves or removes the record.
    fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        if let Some(at) = self.keys.iter().position(|(_, id)| *id == change.id) {
            self.keys.remove(at);
            self.records.remove(at);
        }
        let Some(stored) = change.record.as_ref().filter(|_| !change.deleted) else {
            return Ok(());
        };
        let key = (stored.occurred_at, stored.id);
        let at = self.keys.partition_point(|other| *other > key);
        self.records.insert(at, Self::open(stored)?);
        self.keys.insert(at, key);
        self.keys.truncate(MAX_RECORDS);
        self.records.truncate(MAX_RECORDS);
        Ok(())
    }

    fn bytes(&self) -> usize {
        // Most records also own a list or a text, for which 64 bytes are an estimate.
        self.keys.len() * (size_of::<Key>() + size_of::<WithId<T>>() + 64)
    }
}

impl CachedFacts {
    fn read(records: &mut Records<'_>, sync_state: SyncState) -> Result<Self, StoreError> {
        Ok(Self {
            sync_state,
            used_at: 0,
            check_ins: Collection::read(records)?,
            cravings: Collection::read(records)?,
            uses: Collection::read(records)?,
            medications: Collection::read(records)?,
            doses: Collection::read(records)?,
            profiles: Collection::read(records)?,
        })
    }

    /// Brings the collections up to a later revision; `None` if too much changed since.
    fn updated_to(
        mut self,
        records: &mut Records<'_>,
        sync_state: SyncState,
    ) -> Result<Option<Self>, StoreError> {
        if self.sync_state.epoch != sync_state.epoch {
            return Ok(None);
        }
        if self.sync_state.rev != sync_state.rev {
            let Since::Changed(changes) = records.since(self.sync_state.rev, &KINDS)? else {
                return Ok(None);
            };
            for change in &changes {
                match change.kind {
                    Kind::CheckIn => self.check_ins.apply(change)?,
                    Kind::CravingEvent => self.cravings.apply(change)?,
                    Kind::UseEvent => self.uses.apply(change)?,
                    Kind::Medication => self.medications.apply(change)?,
                    Kind::Dose => self.doses.apply(change)?,
                    Kind::SelfEfficacyProfile => self.profiles.apply(change)?,
                    _ => {}
                }
            }
            self.sync_state = sync_state;
        }
        Ok(Some(self))
    }

    fn count(&self) -> usize {
        self.check_ins.keys.len()
            + self.cravings.keys.len()
            + self.uses.keys.len()
            + self.medications.keys.len()
            + self.doses.keys.len()
            + self.profiles.keys.len()
    }

    /// Calls `compute` with the cached collections and the others, without copying the cached ones.
    fn with_others<R>(&mut self, others: Facts, compute: impl FnOnce(&Facts) -> R) -> R {
        let facts = Facts {
            check_ins: std::mem::take(&mut self.check_ins.records),
            cravings: std::mem::take(&mut self.cravings.records),
            uses: std::mem::take(&mut self.uses.records),
            medications: std::mem::take(&mut self.medications.records),
            doses: std::mem::take(&mut self.doses.records),
            profiles: std::mem::take(&mut self.profiles.records),
            ..others
        };
        let result = compute(&facts);
        self.check_ins.records = facts.check_ins;
        self.cravings.records = facts.cravings;
        self.uses.records = facts.uses;
        self.medications.records = facts.medications;
        self.doses.records = facts.doses;
        self.profiles.records = facts.profiles;
        result
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Uuid, CachedFacts> for ByBytes {
    fn weight(&self, _account: &Uuid, cached: &CachedFacts) -> u64 {
        let bytes = cached.check_ins.bytes()
            + cached.cravings.bytes()
            + cached.uses.bytes()
            + cached.medications.bytes()
            + cached.doses.bytes()
            + cached.profiles.bytes();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A cache of the long collections of several people, by account.
pub struct FactsCache {
    entries: Cache<Uuid, CachedFacts, ByBytes>,
    /// The number of accounts that were dropped. It guards against caching an account that is dropped while it is read.
    drops: RwLock<u64>,
}

impl Default for FactsCache {
    fn default() -> Self {
        Self {
            entries: Cache::with_weighter(16, MAX_BYTES, ByBytes),
            drops: RwLock::default(),
        }
    }
}

impl FactsCache {
    /// Calls `compute` with an account's record at its current revision: the cached collections, and of the others those
    /// that are needed. `now` is in microseconds.
    ///
    /// # Errors
    /// Errors of the database; a record that cannot be opened.
    pub fn with_facts<R>(
        &self,
        records: &mut Records<'_>,
        account: Uuid,
        needs: Needs,
        now: i64,
        compute: impl FnOnce(&Facts) -> R,
    ) -> Result<R, StoreError> {
        let drops = *self.drops.read().unwrap_or_else(PoisonError::into_inner);
        // Read before the collections: a change that comes in between is applied once more the next time, which does no
        // harm.
        let sync_state = records.sync_state()?;
        let cached = match self.entries.remove(&account) {
            Some((_, cached)) => cached.updated_to(records, sync_state)?,
            None => None,
        };
        let mut cached = match cached {
            Some(cached) => cached,
            None => CachedFacts::read(records, sync_state)?,
        };
        let others = Needs {
            check_ins: Need::None,
            cravings: Need::None,
            uses: false,
            medications: Need::None,
            profiles: Need::None,
            ..needs
        };
        let result = cached.with_others(read(records, others, None)?, compute);
        if cached.count() >= MIN_RECORDS {
            cached.used_at = now;
            self.insert(account, cached, drops);
        }
        Ok(result)
    }

    /// Caches an entry that was read when `drops` accounts had been dropped, unless another was dropped since: it may be
    /// this one.
    fn insert(&self, account: Uuid, cached: CachedFacts, drops: u64) {
        // Held until the entry is inserted. A drop comes either before, and is seen here, or after, and removes the entry.
        let current = self.drops.read().unwrap_or_else(PoisonError::into_inner);
        if *current == drops {
            self.entries.insert(account, cached);
        }
    }

    /// Drops the entry of an account, and makes sure that a computation under way does not cache it again. Afterwards the
    /// account's record must not be opened any more.
    pub fn drop_account(&self, account: Uuid) {
        let mut drops = self.drops.write().unwrap_or_else(PoisonError::into_inner);
        *drops = drops.wrapping_add(1);
        self.entries.remove(&account);
    }

    /// Whether there is an entry of an account.
    pub fn contains(&self, account: Uuid) -> bool {
        self.entries.peek(&account).is_some()
    }

    /// Drops entries that were not used for long. `now` is in microseconds.
    pub fn sweep(&self, now: i64) {
        self.entries
            .retain(|_, cached| now - cached.used_at < MAX_IDLE_US);
    }
}
