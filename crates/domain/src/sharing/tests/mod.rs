//! Tests of sharing on random records: what is shared equals what a reading word by word of [`reading`] allows, and what is
//! withheld changes no byte.

mod insight;
mod person;
mod reading;
mod record;
mod report;

use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};

use super::{Covered, DataClass};

/// Number of random records in the usual run of the tests.
const FEW: u32 = 200;
/// Number of random records in the long run.
const MANY: u32 = 10_000;

/// Tries a property on random values.
fn try_on<S: Strategy>(cases: u32, values: S, property: impl Fn(S::Value) -> TestCaseResult) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..ProptestConfig::default()
    };
    let tried = TestRunner::new(config).run(&values, property);
    if let Err(error) = tried {
        panic!("{error}");
    }
}

/// Generates sets of classes: small ones, any ones, and ones with nearly all.
fn any_covered() -> impl Strategy<Value = Covered> {
    (any::<u32>(), any::<u32>(), any::<u32>(), 0_u8..4).prop_map(|(a, b, c, size)| {
        let bits = match size {
            0 => a & b,
            1 => a,
            2 => a | b,
            _ => a | b | c,
        };
        let classes = DataClass::ALL.iter().copied().enumerate();
        classes
            .filter(|(n, _)| bits >> n & 1 == 1)
            .map(|(_, class)| class)
            .collect()
    })
}
