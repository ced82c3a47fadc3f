//! The opened data keys that a server holds in memory: a bounded number, and each for some minutes only.
//!
//! An erasure drops the key at once in the server that erases. Another server does not learn of it, so there the time ends it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use quick_cache::sync::Cache;
use uuid::Uuid;

use super::seal::DataKeys;

/// Opened data keys in memory.
const CACHED: usize = 20_000;
/// How long a key stays at the most, in microseconds: ten minutes, less the time between two sweeps and some more.
const MAX_AGE_US: i64 = (600 - 30) * 1_000_000;
/// The time of a key that no sweep has seen yet.
const NOT_SEEN: i64 = i64::MIN;

#[derive(Clone)]
struct Opened {
    keys: Arc<DataKeys>,
    /// When a sweep first saw it, in microseconds.
    seen_at: Arc<AtomicI64>,
}

/// Opened data keys by account.
pub(super) struct OpenedKeys {
    cache: Cache<Uuid, Opened>,
    /// How often a key was dropped because its account is erased.
    drops: AtomicU64,
}

/// The drops before a key was read from the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct DropsBefore(u64);

impl OpenedKeys {
    pub fn new() -> Self {
        Self {
            cache: Cache::new(CACHED),
            drops: AtomicU64::new(0),
        }
    }

    pub fn get(&self, account: Uuid) -> Option<Arc<DataKeys>> {
        self.cache.get(&account).map(|opened| opened.keys)
    }

    /// To be asked before a key is read, and given back with the key.
    pub fn before_read(&self) -> DropsBefore {
        DropsBefore(self.drops.load(Ordering::SeqCst))
    }

    /// Holds a key that was read, unless a key was dropped since: it may be this one.
    pub fn insert(&self, account: Uuid, keys: &Arc<DataKeys>, before: DropsBefore) {
        let opened = Opened {
            keys: Arc::clone(keys),
            seen_at: Arc::new(AtomicI64::new(NOT_SEEN)),
        };
        self.cache.insert(account, opened);
        // After the insertion: a drop from now on finds it.
        if self.before_read() != before {
            self.cache.remove(&account);
        }
    }

    /// Drops the key of an account that is erased, also one that is being read.
    pub fn drop_key(&self, account: Uuid) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        self.cache.remove(&account);
    }

    /// Drops the keys that have been held for long. `now` is in microseconds.
    pub fn sweep(&self, now: i64) {
        self.cache.retain(|_, opened| {
            let first = opened
                .seen_at
                .compare_exchange(NOT_SEEN, now, Ordering::Relaxed, Ordering::Relaxed);
            let seen_at = first.map_or_else(|seen_at| seen_at, |_| now);
            // A clock that was set back makes no key older than it may be.
            (0..MAX_AGE_US).contains(&(now - seen_at))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::seal::Secret;

    fn keys(account: Uuid) -> Arc<DataKeys> {
        Arc::new(DataKeys::new(account, &Secret::from_bytes([1; 32])).unwrap())
    }

    #[test]
    fn a_key_is_held_for_ten_minutes_at_the_most() {
        let (opened, account) = (OpenedKeys::new(), Uuid::from_u128(1));
        let minutes = |n: i64| n * 60 * 1_000_000;
        opened.insert(account, &keys(account), opened.before_read());
        opened.sweep(minutes(100));
        opened.sweep(minutes(109));
        assert!(opened.get(account).is_some());
        opened.sweep(minutes(110));
        assert!(opened.get(account).is_none());
        // Set back by an hour, the clock does not keep a key for an hour longer.
        opened.insert(account, &keys(account), opened.before_read());
        opened.sweep(minutes(100));
        opened.sweep(minutes(40));
        assert!(opened.get(account).is_none());
    }

    #[test]
    fn a_key_that_was_read_before_its_account_was_erased_is_not_held() {
        let (opened, account) = (OpenedKeys::new(), Uuid::from_u128(1));
        let before = opened.before_read();
        opened.drop_key(account);
        opened.insert(account, &keys(account), before);
        assert!(opened.get(account).is_none());
    }
}
