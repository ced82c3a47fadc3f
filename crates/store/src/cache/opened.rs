//! Opened records in the cache. Opening thousands of records takes far longer than computing with them, and most of them
//! are the same as the last time.

use std::{any::Any, sync::Arc};

use super::{CacheKey, Content, Entry, Generation, revision::Revision};
use crate::{Store, key::scope::PersonScope};

/// The place of opened records in the cache while they are in use.
pub struct OpenedSlot {
    key: CacheKey,
    generation: Generation,
}

/// Opened records with the revision at which they were opened.
pub struct Opened<T> {
    /// The records.
    pub records: T,
    /// Their revision.
    pub revision: Revision,
}

impl Store {
    /// Takes opened records out of the cache, if they are there, with their place. To be called before the record is read.
    pub fn take_opened<T: Any + Send + Sync>(
        &self,
        scope: &PersonScope,
        name: &str,
    ) -> (Option<Opened<T>>, OpenedSlot) {
        let slot = OpenedSlot {
            key: CacheKey::new(scope, name),
            generation: self.cache.generation(),
        };
        let taken = self.cache.take(&slot.key).and_then(|entry| {
            let Content::Opened(records, _) = entry.content else {
                return None;
            };
            let records = Arc::downcast::<T>(records).ok()?;
            Some(Opened {
                // Nobody else has it: it was taken out.
                records: Arc::try_unwrap(records).ok()?,
                revision: entry.revision,
            })
        });
        (taken, slot)
    }

    /// Puts opened records of `bytes` bytes into the cache, unless their person was erased meanwhile. `now` is in
    /// microseconds.
    pub fn put_opened<T: Any + Send + Sync>(
        &self,
        slot: &OpenedSlot,
        opened: Opened<T>,
        bytes: usize,
        now: i64,
    ) {
        let entry = Entry {
            revision: opened.revision,
            derived_at: now,
            content: Content::Opened(Arc::new(opened.records), bytes),
        };
        self.cache.put(&slot.key, entry, slot.generation);
    }

    /// True if opened records of the person are in the cache.
    pub fn has_opened(&self, scope: &PersonScope, name: &str) -> bool {
        self.cache.get(&CacheKey::new(scope, name)).is_some()
    }
}
