//! Caches the opened collections of a long record. Opening thousands of records takes far longer than computing with them.
//!
//! The collections are brought up to the person's present revision before each use, so that they are never older than the
//! last write. Notes and tags are left out: nothing is computed from them.

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
use mainstay_store::{
    Change, PersonScope, Records, Since, Store, StoreError, Stored, SyncState,
    cache::{opened::Opened, revision::Revision},
};
use uuid::Uuid;

use super::facts::{MAX_RECORDS, Need, Needs, for_each_record, read};
use crate::record::{decode, written};

/// The number of records from which on they are cached. Opening fewer takes a few milliseconds at most.
const LONG: usize = 1_000;
/// The name of the entry in the cache.
const NAME: &str = "facts";
/// The cached collections, in the order in which they are read.
const KINDS: [Kind; 6] = [
    Kind::CheckIn,
    Kind::CravingEvent,
    Kind::UseEvent,
    Kind::Medication,
    Kind::Dose,
    Kind::SelfEfficacyProfile,
];

/// The order of a record in its collection: its time in microseconds, and its id.
type SortKey = (i64, Uuid);

/// A collection, newest first.
struct Collection<T> {
    keys: Vec<SortKey>,
    items: Vec<WithId<T>>,
}

/// The collections that grow long.
struct OpenedCollections {
    check_ins: Collection<CheckIn>,
    cravings: Collection<CravingEvent>,
    uses: Collection<UseEvent>,
    medications: Collection<Medication>,
    doses: Collection<Dose>,
    profiles: Collection<SelfEfficacyProfile>,
}

/// A record that insights are computed from.
trait Computed: Record {
    /// Leaves out the texts, from which nothing is computed.
    fn without_texts(self) -> Self {
        self
    }
}

impl Computed for CheckIn {
    fn without_texts(self) -> Self {
        Self {
            note: None,
            tags: List::default(),
            ..self
        }
    }
}

impl Computed for CravingEvent {
    fn without_texts(self) -> Self {
        Self { note: None, ..self }
    }
}

impl Computed for UseEvent {
    fn without_texts(self) -> Self {
        Self { note: None, ..self }
    }
}

impl Computed for Dose {
    fn without_texts(self) -> Self {
        Self { reason: None, ..self }
    }
}

impl Computed for Medication {}
impl Computed for SelfEfficacyProfile {}

impl<T: Computed> Collection<T> {
    fn read(records: &mut Records<'_>) -> Result<Self, StoreError> {
        let (mut keys, mut items) = (Vec::new(), Vec::new());
        for_each_record(records, T::KIND, Need::All, None, |stored| {
            keys.push((stored.occurred_at, stored.id));
            items.push(Self::open(&stored)?);
            Ok(())
        })?;
        Ok(Self { keys, items })
    }

    fn open(stored: &Stored) -> Result<WithId<T>, StoreError> {
        Ok(WithId {
            id: stored.id,
            record: decode::<T>(&stored.body)?.without_texts(),
            written: written(stored),
        })
    }

    /// Puts the changed record in its place, or removes it.
    fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        if let Some(index) = self.keys.iter().position(|(_, id)| *id == change.id) {
            self.keys.remove(index);
            self.items.remove(index);
        }
        let Some(stored) = change.record.as_ref().filter(|_| !change.deleted) else {
            return Ok(());
        };
        let key = (stored.occurred_at, stored.id);
        let index = self.keys.partition_point(|other| *other > key);
        self.items.insert(index, Self::open(stored)?);
        self.keys.insert(index, key);
        self.keys.truncate(MAX_RECORDS);
        self.items.truncate(MAX_RECORDS);
        Ok(())
    }

    fn bytes(&self) -> usize {
        // Most hold a list or a text beside themselves.
        self.keys.len() * (size_of::<SortKey>() + size_of::<WithId<T>>() + 64)
    }
}

impl OpenedCollections {
    fn read(records: &mut Records<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            check_ins: Collection::read(records)?,
            cravings: Collection::read(records)?,
            uses: Collection::read(records)?,
            medications: Collection::read(records)?,
            doses: Collection::read(records)?,
            profiles: Collection::read(records)?,
        })
    }

    /// The same at a later revision, if little has changed since.
    fn updated(
        mut self,
        records: &mut Records<'_>,
        from: Revision,
        to: Revision,
    ) -> Result<Option<Self>, StoreError> {
        if from.epoch != to.epoch {
            return Ok(None);
        }
        if from.rev == to.rev {
            return Ok(Some(self));
        }
        let Since::Changed(changes) = records.since(from.rev, &KINDS)? else {
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

    /// Lends the collections to facts that have the others, and takes them back.
    fn lend<R>(&mut self, others: Facts, compute: impl FnOnce(&Facts) -> R) -> R {
        let facts = Facts {
            check_ins: std::mem::take(&mut self.check_ins.items),
            cravings: std::mem::take(&mut self.cravings.items),
            uses: std::mem::take(&mut self.uses.items),
            medications: std::mem::take(&mut self.medications.items),
            doses: std::mem::take(&mut self.doses.items),
            profiles: std::mem::take(&mut self.profiles.items),
            ..others
        };
        let computed = compute(&facts);
        self.check_ins.items = facts.check_ins;
        self.cravings.items = facts.cravings;
        self.uses.items = facts.uses;
        self.medications.items = facts.medications;
        self.doses.items = facts.doses;
        self.profiles.items = facts.profiles;
        computed
    }
}

impl OpenedCollections {
    fn bytes(&self) -> usize {
        self.check_ins.bytes()
            + self.cravings.bytes()
            + self.uses.bytes()
            + self.medications.bytes()
            + self.doses.bytes()
            + self.profiles.bytes()
    }
}

/// Computes with the whole of a person's record as it is now: the cached collections, and of the others what is needed.
/// `now` is in microseconds.
///
/// # Errors
/// Those of the database, and a record that does not open.
pub fn with_facts<R>(
    store: &Store,
    scope: &PersonScope,
    records: &mut Records<'_>,
    needs: Needs,
    now: i64,
    compute: impl FnOnce(&Facts) -> R,
) -> Result<R, StoreError> {
    let (cached, slot) = store.take_opened::<OpenedCollections>(scope, NAME);
    // Read first. A change that comes after it is applied twice, which changes nothing.
    let SyncState { rev, epoch, .. } = records.sync_state()?;
    let revision = Revision { rev, epoch };
    let current = match cached {
        Some(opened) => opened.records.updated(records, opened.revision, revision)?,
        None => None,
    };
    let mut collections = match current {
        Some(collections) => collections,
        None => OpenedCollections::read(records)?,
    };
    let others = Needs {
        check_ins: Need::None,
        cravings: Need::None,
        uses: false,
        medications: Need::None,
        profiles: Need::None,
        ..needs
    };
    let computed = collections.lend(read(records, others, None)?, compute);
    if collections.count() >= LONG {
        let bytes = collections.bytes();
        let opened = Opened {
            records: collections,
            revision,
        };
        store.put_opened(&slot, opened, bytes, now);
    }
    Ok(computed)
}

/// True if the collections of the person are cached.
pub fn is_cached(store: &Store, scope: &PersonScope) -> bool {
    store.has_opened(scope, NAME)
}
