//! The classes that are covered, and the class of each collection.

use super::class::DataClass;
use crate::record::Kind;

/// A set of classes of data that a recipient may see.
///
/// ```
/// use mainstay_domain::sharing::{Covered, DataClass};
///
/// let covered: Covered = [DataClass::Goals, DataClass::Abstinence].into_iter().collect();
/// assert!(covered.contains(DataClass::Goals) && !covered.contains(DataClass::Notes));
/// assert_eq!(covered.iter().collect::<Vec<_>>(), [DataClass::Abstinence, DataClass::Goals]);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Covered(u32);

impl Covered {
    /// Whether a class is covered.
    pub const fn contains(self, class: DataClass) -> bool {
        self.0 & bit(class) != 0
    }

    /// Whether all of some classes are covered.
    pub fn contains_all(self, classes: &[DataClass]) -> bool {
        classes.iter().all(|class| self.contains(*class))
    }

    /// The same set without a class.
    #[must_use]
    pub const fn without(self, class: DataClass) -> Self {
        Self(self.0 & !bit(class))
    }

    /// Whether nothing is covered.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes, in the order of [`DataClass`].
    pub fn iter(self) -> impl Iterator<Item = DataClass> {
        DataClass::ALL
            .iter()
            .copied()
            .filter(move |class| self.contains(*class))
    }
}

const fn bit(class: DataClass) -> u32 {
    1 << class as u32
}

impl FromIterator<DataClass> for Covered {
    fn from_iter<I: IntoIterator<Item = DataClass>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |all, class| all | bit(class)))
    }
}

/// Returns the class that a collection belongs to. `None` if it is never shared.
pub const fn class_of(kind: Kind) -> Option<DataClass> {
    match kind {
        Kind::Goal => Some(DataClass::Goals),
        Kind::Plan => Some(DataClass::Plans),
        Kind::CheckIn => Some(DataClass::CheckIns),
        Kind::CravingEvent => Some(DataClass::Cravings),
        Kind::UseEvent => Some(DataClass::Use),
        Kind::Medication | Kind::Dose => Some(DataClass::Medications),
        Kind::PracticeSession | Kind::SelfEfficacyProfile => Some(DataClass::Practice),
        Kind::Appointment | Kind::Referral | Kind::Transition => Some(DataClass::Care),
        Kind::SupportContact => Some(DataClass::SupportContacts),
        Kind::QuestionnaireResponse => Some(DataClass::Questionnaires),
        Kind::UseEventReview
        | Kind::ThoughtRecord
        | Kind::Attendance
        | Kind::Commitment
        | Kind::JournalEntry
        | Kind::WarningFeedback => None,
    }
}

/// Returns the collections of a class, in the order of [`Kind`].
pub fn collections_of(class: DataClass) -> impl Iterator<Item = Kind> {
    Kind::ALL
        .iter()
        .copied()
        .filter(move |kind| class_of(*kind) == Some(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_collections_have_no_class() {
        let private = Kind::ALL.iter().copied().filter(|kind| class_of(*kind).is_none());
        assert_eq!(
            private.collect::<Vec<_>>(),
            [
                Kind::UseEventReview,
                Kind::ThoughtRecord,
                Kind::Attendance,
                Kind::Commitment,
                Kind::JournalEntry,
                Kind::WarningFeedback,
            ]
        );
    }

    #[test]
    fn a_set_has_the_classes_that_it_was_made_of_and_no_other() {
        for class in DataClass::ALL {
            let alone = Covered::from_iter([*class, *class]);
            assert_eq!(alone.iter().collect::<Vec<_>>(), [*class]);
        }
        let all: Covered = DataClass::ALL.iter().copied().collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), DataClass::ALL);
        assert!(Covered::default().is_empty() && !all.is_empty());
    }

    #[test]
    fn each_collection_is_listed_under_its_class() {
        let care: Vec<Kind> = collections_of(DataClass::Care).collect();
        assert_eq!(care, [Kind::Appointment, Kind::Referral, Kind::Transition]);
        assert_eq!(collections_of(DataClass::Safety).count(), 0);
    }
}
