//! The cost of a password hash: the parameters of argon2id.

use std::ops::RangeInclusive;

use argon2::{Params, password_hash::phc::PasswordHash};

/// The memory, passes and lanes of argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HashCost {
    /// The memory that one hash takes, in KiB.
    pub memory_kib: u32,
    /// How often it goes over the memory.
    pub passes: u32,
    /// How many lanes the memory is divided into. They do not run at the same time.
    pub lanes: u32,
}

/// The fewest passes for so much memory in KiB: the choices of the OWASP Password Storage Cheat Sheet, which take an attacker
/// equally long.
const MIN_PASSES: [(u32, u32); 5] = [
    (46 * 1024, 1),
    (19 * 1024, 2),
    (12 * 1024, 3),
    (9 * 1024, 4),
    (7 * 1024, 5),
];

impl HashCost {
    /// The cost without a setting: 19 MiB, 2 passes, 1 lane.
    pub const DEFAULT: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };
    /// The memory that a setting may name, in KiB.
    pub const MEMORY_KIB: RangeInclusive<u32> = 7 * 1024..=1024 * 1024;
    /// The passes that a setting may name.
    pub const PASSES: RangeInclusive<u32> = 1..=20;
    /// The lanes that a setting may name.
    pub const LANES: RangeInclusive<u32> = 1..=16;

    /// Checks that a hash of this cost takes an attacker long enough.
    ///
    /// # Errors
    /// A message with the fewest passes for this memory.
    pub fn check(self) -> Result<(), String> {
        let least = MIN_PASSES.iter().find(|(memory, _)| self.memory_kib >= *memory);
        match least {
            Some((_, passes)) if self.passes >= *passes => Ok(()),
            Some((_, passes)) => Err(format!(
                "with {} KiB of memory a password hash needs at least {passes} passes",
                self.memory_kib
            )),
            None => Err("a password hash needs more memory".to_owned()),
        }
    }

    /// The cost of a hash in the PHC format. `None` if it is not one of argon2id, or of a cost that no setting can have: a
    /// hash that somebody wrote into the database must not hold a thread for minutes.
    pub(super) fn of(hash: &PasswordHash) -> Option<Self> {
        let params = Params::try_from(&hash.params).ok()?;
        let cost = Self {
            memory_kib: params.m_cost(),
            passes: params.t_cost(),
            lanes: params.p_cost(),
        };
        let is_possible = hash.algorithm.as_str() == "argon2id"
            && Self::MEMORY_KIB.contains(&cost.memory_kib)
            && Self::PASSES.contains(&cost.passes)
            && Self::LANES.contains(&cost.lanes);
        is_possible.then_some(cost)
    }

    /// The parameters for argon2.
    ///
    /// # Errors
    /// If argon2 does not take them.
    pub(super) fn params(self) -> Result<Params, String> {
        Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(|e| e.to_string())
    }
}

impl Default for HashCost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_memory_needs_more_passes() {
        let cost = |memory_kib, passes| HashCost {
            memory_kib,
            passes,
            lanes: 1,
        };
        for (memory, passes) in [
            (7168, 5),
            (9216, 4),
            (12288, 3),
            (19456, 2),
            (47104, 1),
            (1 << 20, 1),
        ] {
            assert_eq!(cost(memory, passes).check(), Ok(()), "{memory} {passes}");
            if passes > 1 {
                assert!(cost(memory, passes - 1).check().is_err(), "{memory} {passes}");
                assert!(cost(memory - 1, passes).check().is_err(), "{memory} {passes}");
            }
        }
    }

    #[test]
    fn the_cost_of_a_hash_is_read_within_bounds() {
        let of = |text: &str| HashCost::of(&PasswordHash::new(text).unwrap());
        let salted = |head: &str| format!("{head}$MDEyMzQ1Njc4OWFiY2RlZg");
        assert_eq!(
            of(&salted("$argon2id$v=19$m=19456,t=2,p=1")),
            Some(HashCost::DEFAULT)
        );
        for odd in [
            "$argon2id$v=19$m=1048577,t=2,p=1",
            "$argon2id$v=19$m=19456,t=21,p=1",
            "$argon2id$v=19$m=19456,t=2,p=17",
            "$argon2id$v=19$m=19456,t=2,p=1,x=1",
            "$argon2d$v=19$m=19456,t=2,p=1",
        ] {
            assert_eq!(of(&salted(odd)), None, "{odd}");
        }
    }
}
