//! The long collections of a long record, kept opened for a while: opening thousands of records takes far longer than
//! computing with them, and of those an app asks about at each start all but the latest are the same as the last time.
//!
//! What is kept is brought up to the person's revision before it is used, so that it is never older than the last
//! write. Notes and tags are left out: nothing is computed from them.

use std::sync::{Arc, PoisonError, RwLock};

use actix_web::HttpRequest;
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

use super::facts::{MOST, Need, Needs, pages, read};
use crate::{
    http::problem::{HandlerResult, Problem},
    record::decode,
    server::account_cache::AccountCache,
};

/// Shorter records are opened anew: it takes a few milliseconds at most.
const LONG: usize = 1_000;
/// Most bytes that are kept.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
/// What nobody asked about in this time, in microseconds, is dropped.
const DROPPED_US: i64 = 10 * 60 * 1_000_000;
/// What is kept, in the order in which it is read.
const KINDS: [Kind; 6] = [
    Kind::CheckIn,
    Kind::CravingEvent,
    Kind::UseEvent,
    Kind::Medication,
    Kind::Dose,
    Kind::SelfEfficacyProfile,
];

/// Where a record stands in its collection: its time in microseconds, and its id.
type Key = (i64, Uuid);

/// A collection, newest first.
#[derive(Clone)]
struct Collection<T> {
    keys: Vec<Key>,
    known: Vec<WithId<T>>,
}

/// The long collections as they stood at a change.
#[derive(Clone)]
struct Kept {
    sync_state: SyncState,
    asked_at: i64,
    check_ins: Collection<CheckIn>,
    cravings: Collection<CravingEvent>,
    uses: Collection<UseEvent>,
    medications: Collection<Medication>,
    doses: Collection<Dose>,
    profiles: Collection<SelfEfficacyProfile>,
}

/// A record without what nothing is computed from.
trait Computed: Record {
    fn without_words(self) -> Self {
        self
    }
}

impl Computed for CheckIn {
    fn without_words(self) -> Self {
        Self {
            note: None,
            tags: List::default(),
            ..self
        }
    }
}

impl Computed for CravingEvent {
    fn without_words(self) -> Self {
        Self { note: None, ..self }
    }
}

impl Computed for UseEvent {
    fn without_words(self) -> Self {
        Self { note: None, ..self }
    }
}

impl Computed for Dose {
    fn without_words(self) -> Self {
        Self { reason: None, ..self }
    }
}

impl Computed for Medication {}
impl Computed for SelfEfficacyProfile {}

impl<T: Computed> Collection<T> {
    fn read(records: &mut Records<'_>) -> Result<Self, StoreError> {
        let (mut keys, mut known) = (Vec::new(), Vec::new());
        pages(records, T::KIND, Need::All, None, |stored| {
            keys.push((stored.occurred_at, stored.id));
            known.push(Self::known(&stored)?);
            Ok(())
        })?;
        Ok(Self { keys, known })
    }

    fn known(stored: &Stored) -> Result<WithId<T>, StoreError> {
        Ok(WithId {
            id: stored.id,
            record: decode::<T>(&stored.body)?.without_words(),
        })
    }

    /// Puts a record where it stands now, or takes it away.
    fn take_in(&mut self, change: &Change) -> Result<(), StoreError> {
        if let Some(place) = self.keys.iter().position(|(_, id)| *id == change.id) {
            self.keys.remove(place);
            self.known.remove(place);
        }
        let Some(stored) = change.record.as_ref().filter(|_| !change.deleted) else {
            return Ok(());
        };
        let key = (stored.occurred_at, stored.id);
        let place = self.keys.partition_point(|other| *other > key);
        self.known.insert(place, Self::known(stored)?);
        self.keys.insert(place, key);
        self.keys.truncate(MOST);
        self.known.truncate(MOST);
        Ok(())
    }

    fn bytes(&self) -> usize {
        // Most hold a list or a text beside themselves.
        self.keys.len() * (size_of::<Key>() + size_of::<WithId<T>>() + 64)
    }
}

impl Kept {
    fn read(records: &mut Records<'_>, sync_state: SyncState) -> Result<Self, StoreError> {
        Ok(Self {
            sync_state,
            asked_at: 0,
            check_ins: Collection::read(records)?,
            cravings: Collection::read(records)?,
            uses: Collection::read(records)?,
            medications: Collection::read(records)?,
            doses: Collection::read(records)?,
            profiles: Collection::read(records)?,
        })
    }

    /// The same at a later change, if little has happened since.
    fn brought_to(
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
                    Kind::CheckIn => self.check_ins.take_in(change)?,
                    Kind::CravingEvent => self.cravings.take_in(change)?,
                    Kind::UseEvent => self.uses.take_in(change)?,
                    Kind::Medication => self.medications.take_in(change)?,
                    Kind::Dose => self.doses.take_in(change)?,
                    Kind::SelfEfficacyProfile => self.profiles.take_in(change)?,
                    _ => {}
                }
            }
            self.sync_state = sync_state;
        }
        Ok(Some(self))
    }

    fn records(&self) -> usize {
        self.check_ins.keys.len()
            + self.cravings.keys.len()
            + self.uses.keys.len()
            + self.medications.keys.len()
            + self.doses.keys.len()
            + self.profiles.keys.len()
    }

    /// Lends the collections to facts that have the others, and takes them back.
    fn lend<R>(&mut self, others: Facts, look: impl FnOnce(&Facts) -> R) -> R {
        let facts = Facts {
            check_ins: std::mem::take(&mut self.check_ins.known),
            cravings: std::mem::take(&mut self.cravings.known),
            uses: std::mem::take(&mut self.uses.known),
            medications: std::mem::take(&mut self.medications.known),
            doses: std::mem::take(&mut self.doses.known),
            profiles: std::mem::take(&mut self.profiles.known),
            ..others
        };
        let found = look(&facts);
        self.check_ins.known = facts.check_ins;
        self.cravings.known = facts.cravings;
        self.uses.known = facts.uses;
        self.medications.known = facts.medications;
        self.doses.known = facts.doses;
        self.profiles.known = facts.profiles;
        found
    }
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<Uuid, Kept> for Bytewise {
    fn weight(&self, _account: &Uuid, kept: &Kept) -> u64 {
        let bytes = kept.check_ins.bytes()
            + kept.cravings.bytes()
            + kept.uses.bytes()
            + kept.medications.bytes()
            + kept.doses.bytes()
            + kept.profiles.bytes();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// The long collections of several people.
pub struct FactsCache {
    kept: Cache<Uuid, Kept, Bytewise>,
    /// How many accounts were dropped. What is being looked at meanwhile may be of one of them.
    drops: RwLock<u64>,
}

impl Default for FactsCache {
    fn default() -> Self {
        Self {
            kept: Cache::with_weighter(16, MOST_BYTES, Bytewise),
            drops: RwLock::default(),
        }
    }
}

impl FactsCache {
    /// Returns the cache of the application that serves a request.
    ///
    /// # Errors
    /// [`Problem::internal`] if the application was built without one.
    pub fn of(request: &HttpRequest) -> HandlerResult<Arc<Self>> {
        let cache = request.app_data::<Arc<Self>>();
        cache
            .cloned()
            .ok_or(Problem::internal("the application has no cache of facts"))
    }

    /// Looks at the whole of an account's record as it stands now: the kept collections, and of the others what is
    /// needed. `now` is in microseconds.
    ///
    /// # Errors
    /// What the database says, or a record that does not open.
    pub fn look<R>(
        &self,
        records: &mut Records<'_>,
        account: Uuid,
        needs: Needs,
        now: i64,
        look: impl FnOnce(&Facts) -> R,
    ) -> Result<R, StoreError> {
        let drops = *self.drops.read().unwrap_or_else(PoisonError::into_inner);
        // Read first: what is newer than it says is looked at once more the next time, which changes nothing.
        let sync_state = records.sync_state()?;
        let kept = match self.kept.remove(&account) {
            Some((_, kept)) => kept.brought_to(records, sync_state)?,
            None => None,
        };
        let mut kept = match kept {
            Some(kept) => kept,
            None => Kept::read(records, sync_state)?,
        };
        let others = Needs {
            check_ins: Need::None,
            cravings: Need::None,
            uses: false,
            medications: Need::None,
            profiles: Need::None,
            ..needs
        };
        let found = kept.lend(read(records, others, None)?, look);
        if kept.records() >= LONG {
            kept.asked_at = now;
            self.keep(account, kept, drops);
        }
        Ok(found)
    }

    /// Keeps what was opened when so many accounts had been dropped, unless one was since: it may be this one.
    fn keep(&self, account: Uuid, kept: Kept, drops: u64) {
        // Held until it is there, so that a drop comes before, and is seen, or after, and takes it away.
        let now = self.drops.read().unwrap_or_else(PoisonError::into_inner);
        if *now == drops {
            self.kept.insert(account, kept);
        }
    }

    /// Whether something is kept of an account.
    pub fn keeps(&self, account: Uuid) -> bool {
        self.kept.peek(&account).is_some()
    }
}

impl AccountCache for FactsCache {
    /// Sees to it too that facts which are being computed now are not kept. Nothing may open the account's record any
    /// more.
    fn drop_account(&self, account: Uuid) {
        let mut drops = self.drops.write().unwrap_or_else(PoisonError::into_inner);
        *drops = drops.wrapping_add(1);
        self.kept.remove(&account);
    }

    fn sweep(&self, now: i64) {
        self.kept.retain(|_, kept| now - kept.asked_at < DROPPED_US);
    }
}
