//! How much time accounts have taken lately of something that all share. What was taken long ago counts less and less.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use uuid::Uuid;

/// After this time half of what an account has taken counts.
const HALF_LIFE: Duration = Duration::from_mins(1);
/// Less than this is forgotten.
const LEAST: Duration = Duration::from_millis(1);
/// The number of accounts from which on those that have taken little are looked for.
const MIN_SWEPT: usize = 1024;

/// The time that accounts have taken lately.
#[derive(Debug, Default)]
pub(super) struct RecentUse {
    accounts: HashMap<Uuid, Use>,
    /// The number of accounts that were left when those that have taken little were last removed.
    left: usize,
}

/// The time that an account has taken.
#[derive(Debug, Clone, Copy)]
struct Use {
    total: Duration,
    /// The longest time that was taken without giving it back, whether or not it had ended.
    longest: Duration,
    /// When both were as they are here.
    at: Instant,
}

impl Use {
    fn at(self, now: Instant) -> Self {
        let halvings = now.duration_since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        let part = 0.5_f64.powf(halvings);
        Self {
            total: self.total.mul_f64(part),
            longest: self.longest.mul_f64(part),
            at: now,
        }
    }
}

impl RecentUse {
    /// The time that an account has taken lately, all together.
    pub fn total(&self, account: Uuid, now: Instant) -> Duration {
        self.of(account, now).map_or(Duration::ZERO, |used| used.total)
    }

    /// The longest time that an account has taken at once lately.
    pub fn longest(&self, account: Uuid, now: Instant) -> Duration {
        self.of(account, now).map_or(Duration::ZERO, |used| used.longest)
    }

    /// Adds to the time of an account. `at_once` is what it has taken at once so far, with what is added.
    pub fn add(&mut self, account: Uuid, added: Duration, at_once: Duration, now: Instant) {
        if self.accounts.len() >= MIN_SWEPT.max(2 * self.left) {
            self.accounts.retain(|_, used| used.at(now).total >= LEAST);
            self.left = self.accounts.len();
        }
        let before = self.of(account, now);
        let sum = Use {
            total: before.map_or(added, |used| used.total.saturating_add(added)),
            longest: before.map_or(at_once, |used| used.longest.max(at_once)),
            at: now,
        };
        self.accounts.insert(account, sum);
    }

    fn of(&self, account: Uuid, now: Instant) -> Option<Use> {
        self.accounts.get(&account).map(|used| used.at(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAM: Uuid = Uuid::from_u128(1);

    #[test]
    fn what_was_taken_counts_half_after_a_minute() {
        let (mut recent, start) = (RecentUse::default(), Instant::now());
        assert_eq!(recent.total(SAM, start), Duration::ZERO);
        recent.add(SAM, Duration::from_secs(2), Duration::from_secs(3), start);
        assert_eq!(recent.total(SAM, start), Duration::from_secs(2));
        let later = start + HALF_LIFE;
        assert_eq!(recent.total(SAM, later), Duration::from_secs(1));
        assert_eq!(recent.longest(SAM, later), Duration::from_millis(1500));
        recent.add(SAM, Duration::from_secs(1), Duration::from_secs(1), later);
        assert_eq!(recent.total(SAM, later), Duration::from_secs(2));
        assert_eq!(recent.longest(SAM, later), Duration::from_millis(1500));
        assert!(recent.total(SAM, later + Duration::from_hours(24)) < LEAST);
    }

    #[test]
    fn accounts_that_have_taken_little_are_forgotten() {
        let (mut recent, start) = (RecentUse::default(), Instant::now());
        let used = Duration::from_secs(1);
        for n in 0..100_000 {
            let now = start + Duration::from_secs(n);
            recent.add(Uuid::from_u128(n.into()), used, used, now);
            assert!(recent.accounts.len() <= 2 * MIN_SWEPT, "{n}");
        }
    }
}
