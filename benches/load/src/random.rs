//! Random numbers that are the same in every run, so that every seed has the same contents.

use uuid::Uuid;

/// `SplitMix64`: short, fast, and good enough to scatter load.
pub struct Random(u64);

impl Random {
    /// Starts a sequence. Each start value has its own.
    pub const fn new(start: u64) -> Self {
        Self(start)
    }

    /// The next 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// A random item of a list.
    ///
    /// # Panics
    /// Panics if the list is empty.
    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        let n = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        list[n]
    }

    /// A time-ordered id (UUID v7) for a time.
    pub fn id(&mut self, micros: i64) -> Uuid {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.bits().to_be_bytes());
        bytes[8..].copy_from_slice(&self.bits().to_be_bytes()[..2]);
        let millis = u64::try_from(micros / 1000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_their_time() {
        let mut random = Random::new(1);
        let (early, late) = (random.id(1_000_000), random.id(1_001_000));
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
    }

    #[test]
    fn the_same_start_gives_the_same_numbers() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        assert!((0..100).all(|_| one.below(10) == other.below(10)));
    }
}
