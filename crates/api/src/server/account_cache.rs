//! Caches of data that is derived from one account's record and held in memory.
//!
//! The shared state knows that such caches exist, so that an erasure and the periodic sweep reach all of them. It does
//! not know what they hold: each belongs to the module that fills it.

use std::sync::Arc;

use uuid::Uuid;

/// A cache with entries that belong to accounts.
pub trait AccountCache: Send + Sync {
    /// Drops the entries of an account, and those that are being computed from its record meanwhile.
    fn drop_account(&self, account: Uuid);

    /// Drops the entries that were not used for long. `now` is in microseconds since 1970.
    fn sweep(&self, now: i64);
}

/// All such caches of an application.
#[derive(Clone, Default)]
pub struct AccountCaches(Vec<Arc<dyn AccountCache>>);

impl AccountCaches {
    /// Registers a cache.
    #[must_use]
    pub fn with(mut self, cache: Arc<dyn AccountCache>) -> Self {
        self.0.push(cache);
        self
    }

    /// Drops the entries of an account from every cache.
    pub fn drop_account(&self, account: Uuid) {
        self.0.iter().for_each(|cache| cache.drop_account(account));
    }

    /// Drops the entries that were not used for long from every cache.
    pub fn sweep(&self, now: i64) {
        self.0.iter().for_each(|cache| cache.sweep(now));
    }
}
