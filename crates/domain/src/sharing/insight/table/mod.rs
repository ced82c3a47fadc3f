//! The tables of the members of insights: what is shown, and with which classes beside those of the insight itself.

mod care;
mod cravings;
mod days;
mod summary;
mod warnings;

use super::SharedInsight;
use crate::sharing::{DataClass, member::Member};

impl SharedInsight {
    /// The members of the insight beside its basis.
    pub(super) const fn table(self) -> &'static [Member] {
        match self {
            Self::Abstinence => days::ABSTINENCE,
            Self::Milestones => days::MILESTONES,
            Self::Series(..) => cravings::SERIES,
            Self::Cravings => cravings::CRAVINGS,
            Self::Triggers => cravings::TRIGGERS,
            Self::Strategies => cravings::STRATEGIES,
            Self::SelfEfficacy => care::SELF_EFFICACY,
            Self::Medication => care::MEDICATION,
            Self::Warnings => warnings::WARNINGS,
            Self::Summary => summary::SUMMARY,
        }
    }
}

const fn shown(name: &'static str) -> Member {
    Member::shown(name)
}

const fn with(name: &'static str, classes: &'static [DataClass]) -> Member {
    Member::with(name, classes)
}

const fn never(name: &'static str) -> Member {
    Member::never(name)
}

/// Members of the basis of an insight.
pub(super) const BASIS: &[Member] = &[
    shown("as_of"),
    shown("today"),
    shown("window"),
    shown("from"),
    shown("to"),
    shown("n"),
    shown("coverage"),
    shown("computed_from").of(COUNT),
];

/// Members of a basis of which no collection is covered.
pub(super) const BASIS_WITHOUT_COUNTS: &[Member] = &[
    shown("as_of"),
    shown("today"),
    shown("window"),
    shown("from"),
    shown("to"),
];

/// Members of a basis that counts more than is covered. Its first day may be that of a record.
pub(super) const BASIS_WITHOUT_FIRST_DAY: &[Member] =
    &[shown("as_of"), shown("today"), shown("window"), shown("to")];

/// Members of the number of records of a collection.
const COUNT: &[Member] = &[shown("collection"), shown("n")];

/// Members of a share.
const SHARE: &[Member] = &[
    shown("value"),
    shown("count"),
    shown("n"),
    shown("interval").of(INTERVAL),
];

/// Members of an interval.
const INTERVAL: &[Member] = &[shown("low"), shown("high")];
