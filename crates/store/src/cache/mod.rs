//! One bounded cache of what was derived from people's records: the bytes of responses ([`response_cache`]), and records
//! that were opened for computations ([`opened`]).
//!
//! Every use is validated against the person's present [`revision`], so nothing that comes out of it is older than the
//! last write, whichever server took that write. Erasing a person forgets all entries of theirs at once, on the server that erases.

pub mod opened;
pub mod response_cache;
pub mod revision;

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, sync::Cache};
use uuid::Uuid;

use self::{response_cache::CompressedBody, revision::Revision};
use crate::{Store, key::scope::PersonScope};

/// The size of all entries together, in bytes.
const MAX_BYTES: u64 = 12 * 1024 * 1024;
/// The overhead of an entry, in bytes.
const ENTRY_BYTES: usize = 200;
/// The number of entries that the cache is laid out for.
const ENTRIES: usize = 4_000;
/// Entries that were derived longer ago than this are forgotten, in microseconds: ten minutes.
const MAX_AGE_US: i64 = 10 * 60 * 1_000_000;

/// A person and the name of what was derived from their record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    person_no: i64,
    /// After a restore another account may have the number.
    account: Uuid,
    name: Box<str>,
}

impl CacheKey {
    pub fn new(scope: &PersonScope, name: &str) -> Self {
        Self {
            person_no: scope.no,
            account: scope.account,
            name: name.into(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Entry {
    /// The revision at which it was derived.
    pub revision: Revision,
    /// When it was derived, in microseconds.
    pub derived_at: i64,
    pub content: Content,
}

/// The content of an entry.
#[derive(Clone)]
pub(crate) enum Content {
    /// A response, or that there is nothing to respond with.
    Body(Option<CompressedBody>),
    /// Opened records of whatever type, with their size in bytes.
    Opened(Arc<dyn Any + Send + Sync>, usize),
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<CacheKey, Entry> for Bytewise {
    fn weight(&self, key: &CacheKey, entry: &Entry) -> u64 {
        let content = match &entry.content {
            Content::Body(body) => body.as_ref().map_or(0, CompressedBody::size),
            Content::Opened(_, bytes) => *bytes,
        };
        u64::try_from(ENTRY_BYTES + key.name.len() + content).unwrap_or(u64::MAX)
    }
}

/// A count of the people forgotten so far. It is taken before a record is read, and handed back with what was derived from
/// the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u64);

/// A cache in one shard. In several, which come with the cores, an entry would have to fit into its shard's part of the size,
/// and the opened collections of a long record do not.
fn new_cache() -> Cache<CacheKey, Entry, Bytewise> {
    let options = OptionsBuilder::new()
        .estimated_items_capacity(ENTRIES)
        .weight_capacity(MAX_BYTES)
        .shards(1)
        .build();
    match options {
        Ok(options) => Cache::with_options(
            options,
            Bytewise,
            DefaultHashBuilder::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        ),
        // Only if the options name no capacity.
        Err(_) => Cache::with_weighter(ENTRIES, MAX_BYTES, Bytewise),
    }
}

/// The entries of all people on this server.
pub(crate) struct RecordCache {
    entries: Cache<CacheKey, Entry, Bytewise>,
    forgotten: AtomicU64,
}

impl Default for RecordCache {
    fn default() -> Self {
        Self {
            entries: new_cache(),
            forgotten: AtomicU64::new(0),
        }
    }
}

impl RecordCache {
    /// The present generation, to be taken before the record is read.
    pub fn generation(&self) -> Generation {
        Generation(self.forgotten.load(Ordering::SeqCst))
    }

    /// An entry, of whatever revision.
    pub fn get(&self, key: &CacheKey) -> Option<Entry> {
        self.entries.get(key)
    }

    /// Takes an entry out of the cache.
    pub fn take(&self, key: &CacheKey) -> Option<Entry> {
        self.entries.remove(key).map(|(_, entry)| entry)
    }

    /// Puts an entry into the cache, unless somebody was forgotten since the generation: it may have been this person.
    pub fn put(&self, key: &CacheKey, entry: Entry, generation: Generation) {
        self.entries.insert(key.clone(), entry);
        if self.generation() != generation {
            self.entries.remove(key);
        }
    }

    /// Forgets all that was derived from one person's record, and what is being derived from it now.
    pub fn forget_person(&self, person_no: i64) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.entries.retain(|key, _| key.person_no != person_no);
    }
}

impl Store {
    /// Forgets entries that were derived long ago. `now` is in microseconds.
    pub fn sweep_cache(&self, now: i64) {
        self.keys.sweep_opened(now);
        self.cache
            .entries
            .retain(|_, entry| now - entry.derived_at < MAX_AGE_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_record_fits_whatever_the_number_of_cores() {
        let cache = RecordCache::default();
        let key = CacheKey {
            person_no: 1,
            account: Uuid::nil(),
            name: "facts".into(),
        };
        let entry = Entry {
            revision: Revision { rev: 1, epoch: 1 },
            derived_at: 0,
            content: Content::Opened(Arc::new(()), 8 * 1024 * 1024),
        };
        cache.put(&key, entry, cache.generation());
        assert!(cache.get(&key).is_some());
    }

    #[test]
    fn an_entry_of_a_person_who_is_forgotten_meanwhile_is_not_cached() {
        let key = |person_no| CacheKey {
            person_no,
            account: Uuid::nil(),
            name: "latest".into(),
        };
        let entry = || Entry {
            revision: Revision { rev: 1, epoch: 1 },
            derived_at: 0,
            content: Content::Body(None),
        };
        let cache = RecordCache::default();
        let before = cache.generation();
        cache.put(&key(1), entry(), before);
        cache.put(&key(2), entry(), before);
        cache.forget_person(1);
        assert!(cache.get(&key(1)).is_none());
        assert!(cache.get(&key(2)).is_some());
        // Somebody began to read before that, and comes back only now.
        cache.put(&key(1), entry(), before);
        assert!(cache.get(&key(1)).is_none());
    }
}
