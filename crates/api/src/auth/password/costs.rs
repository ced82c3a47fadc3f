//! What the hashes of the accounts cost, and with it what an unknown address costs.
//!
//! While some accounts still have hashes of an earlier cost, wrong passwords for them take another time than for the others. If
//! an unknown address always took the time of the present cost, then any other time would tell that there is an account. So
//! each unknown address is given one of the costs, by a keyed hash of the address, and each cost falls to as large a share of
//! addresses as of accounts. When a hash is renewed, the shares move along.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::auth::password::cost::HashCost;

/// Whether a cost is the present one, and the cost. The present one comes last, so that an address changes from an earlier cost
/// to the present one, as accounts do, and never back.
type Key = (bool, HashCost);

/// The number of accounts with each cost.
pub struct Costs {
    current: HashCost,
    counts: Mutex<BTreeMap<Key, u64>>,
    is_counted: AtomicBool,
}

impl Costs {
    /// Creates them for a server that has not counted yet: all have the present cost.
    pub const fn new(current: HashCost) -> Self {
        Self {
            current,
            counts: Mutex::new(BTreeMap::new()),
            is_counted: AtomicBool::new(false),
        }
    }

    /// Takes up a count of all accounts. A cost may come more than once.
    pub fn set(&self, counts: impl IntoIterator<Item = (HashCost, u64)>) {
        let mut found = BTreeMap::new();
        for (cost, count) in counts {
            *found.entry(self.key(cost)).or_default() += count;
        }
        *self.lock() = found;
        self.is_counted.store(true, Ordering::Relaxed);
    }

    /// Notes that an account got a hash of the present cost, in the place of another one if it had one.
    pub fn renewed(&self, from: Option<HashCost>) {
        let mut counts = self.lock();
        if let Some(count) = from.and_then(|from| counts.get_mut(&self.key(from))) {
            *count = count.saturating_sub(1);
        }
        *counts.entry(self.key(self.current)).or_default() += 1;
    }

    /// Whether all accounts were counted, and have hashes of the present cost.
    pub fn are_settled(&self) -> bool {
        let counts = self.lock();
        let is_other = |((is_current, _), count): (&Key, &u64)| !is_current && *count > 0;
        self.is_counted.load(Ordering::Relaxed) && !counts.iter().any(is_other)
    }

    /// The cost that falls to a place from 0 to the largest number.
    pub fn at(&self, place: u64) -> HashCost {
        let counts = self.lock();
        let total: u64 = counts.values().sum();
        // The place as a number below the total.
        let mut left = u64::try_from((u128::from(place) * u128::from(total)) >> 64).unwrap_or_default();
        for ((_, cost), count) in counts.iter() {
            match left.checked_sub(*count) {
                Some(rest) => left = rest,
                None => return *cost,
            }
        }
        self.current
    }

    fn key(&self, cost: HashCost) -> Key {
        (cost == self.current, cost)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: HashCost = HashCost {
        memory_kib: 47104,
        passes: 1,
        lanes: 1,
    };

    /// How many of a thousand places have the earlier cost.
    fn earlier(costs: &Costs) -> usize {
        let places = (0..1000_u64).map(|n| n * (u64::MAX / 1000));
        places.filter(|place| costs.at(*place) == EARLIER).count()
    }

    #[test]
    fn unknown_addresses_have_each_cost_as_often_as_accounts() {
        let costs = Costs::new(HashCost::DEFAULT);
        assert_eq!(earlier(&costs), 0);
        costs.set([(HashCost::DEFAULT, 2), (EARLIER, 1), (HashCost::DEFAULT, 1)]);
        assert!((249..=251).contains(&earlier(&costs)), "{}", earlier(&costs));
        assert!(!costs.are_settled());
        costs.renewed(Some(EARLIER));
        assert_eq!(earlier(&costs), 0);
        assert!(costs.are_settled());
    }

    #[test]
    fn an_address_changes_to_the_present_cost_and_never_back() {
        let costs = Costs::new(HashCost::DEFAULT);
        costs.set([(EARLIER, 20), (HashCost::DEFAULT, 5)]);
        let mut before: Vec<u64> = (0..1000_u64).map(|n| n * (u64::MAX / 1000)).collect();
        for _ in 0..20 {
            costs.renewed(Some(EARLIER));
            let after: Vec<u64> = before
                .iter()
                .copied()
                .filter(|place| costs.at(*place) == EARLIER)
                .collect();
            assert!(after.len() < before.len());
            before = after;
        }
        assert!(before.is_empty());
    }
}
