//! Times of `Retry-After`, spread so that those who were refused together do not come back together.

use std::{collections::hash_map::RandomState, hash::BuildHasher};

/// A random number of seconds from `least` to `most`, both included. It is `least` if `most` is not larger.
pub fn jittered(least: i64, most: i64) -> i64 {
    let random = RandomState::new().hash_one(0_u8);
    let numbers = u64::try_from(most.saturating_sub(least))
        .unwrap_or(0)
        .saturating_add(1);
    let more = i64::try_from(random % numbers).unwrap_or(0);
    least.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_in_the_range_comes_and_no_other() {
        let numbers: BTreeSet<i64> = (0..500).map(|_| jittered(1, 3)).collect();
        assert_eq!(numbers, BTreeSet::from([1, 2, 3]));
        assert_eq!((jittered(2, 2), jittered(2, 0)), (2, 2));
    }
}
