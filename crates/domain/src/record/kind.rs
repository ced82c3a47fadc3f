//! The table of the collections of a person's record, and the kinds of plan items.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

/// Defines [`Kind`] from one table: variant, stored number, name in paths, and the name of one record in sentences.
macro_rules! collections {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $path:literal, $singular:literal;)+) => {
        /// A collection of a person's record.
        ///
        /// The database stores the numbers: never reuse one.
        ///
        /// ```
        /// use mainstay_domain::record::Kind;
        ///
        /// assert_eq!(Kind::CheckIn.path(), "check-ins");
        /// assert_eq!(Kind::from_path("check-ins"), Some(Kind::CheckIn));
        /// assert_eq!(Kind::from_code(Kind::CheckIn.code()), Some(Kind::CheckIn));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum Kind {
            $($(#[$doc])* $variant = $code,)+
        }

        impl Kind {
            /// Every collection.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The collection's name in paths and in sync.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$variant => $path,)+
                }
            }

            /// The name of one record of the collection in sentences.
            pub const fn singular(self) -> &'static str {
                match self {
                    $(Self::$variant => $singular,)+
                }
            }
        }
    };
}

collections! {
    /// Goals.
    Goal = 1, "goals", "goal";
    /// Relapse-prevention and safety plans.
    Plan = 2, "plans", "plan";
    /// Check-ins.
    CheckIn = 3, "check-ins", "check-in";
    /// Craving events.
    CravingEvent = 4, "craving-events", "craving event";
    /// Use events.
    UseEvent = 5, "use-events", "use event";
    /// Support contacts.
    SupportContact = 6, "support-contacts", "support contact";
    /// Reviews of use events; a review has the id of its event.
    UseEventReview = 7, "use-event-reviews", "use event review";
    /// Medications.
    Medication = 8, "medications", "medication";
    /// Doses of medications.
    Dose = 9, "doses", "dose";
    /// Practice sessions.
    PracticeSession = 10, "practice-sessions", "practice session";
    /// Thought records.
    ThoughtRecord = 11, "thought-records", "thought record";
    /// Attendances of meetings.
    Attendance = 12, "attendances", "attendance";
    /// Appointments.
    Appointment = 13, "appointments", "appointment";
    /// Referrals.
    Referral = 14, "referrals", "referral";
    /// Transitions from one level of care to the next.
    Transition = 15, "transitions", "transition";
    /// Self-efficacy profiles.
    SelfEfficacyProfile = 16, "self-efficacy-profiles", "self-efficacy profile";
    /// Commitments.
    Commitment = 17, "commitments", "commitment";
    /// Entries of the private journal.
    JournalEntry = 18, "journal", "journal entry";
    /// Answers to questionnaires.
    QuestionnaireResponse = 19, "questionnaire-responses", "questionnaire response";
    /// Feedback on early warnings.
    WarningFeedback = 20, "warning-feedback", "warning feedback";
}

impl Kind {
    /// The number under which the collection is stored.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Whether deleting a record of the collection deletes its earlier versions too. The journal is the most private place.
    pub const fn is_purged_when_deleted(self) -> bool {
        matches!(self, Self::JournalEntry)
    }

    /// The collection that is stored under a number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The collection that has a name in paths.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.path() == path)
    }

    /// A list of this collection only.
    pub fn alone(self) -> &'static [Self] {
        let position = Self::ALL.iter().find(|kind| **kind == self);
        position.map_or(&[], std::slice::from_ref)
    }
}

impl PartialSchema for Kind {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .description(Some("A collection, by its name in paths."))
            .enum_values(Some(Self::ALL.iter().map(|kind| kind.path())))
            .into()
    }
}

impl ToSchema for Kind {
    fn name() -> Cow<'static, str> {
        "RecordKind".into()
    }
}

/// The kind of an item of a plan. The database stores the numbers: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum ItemKind {
    /// A trigger of a plan.
    Trigger = 1,
    /// A warning sign of a plan.
    WarningSign = 2,
    /// A coping strategy of a plan.
    Strategy = 3,
    /// Any other item of a plan.
    Other = 4,
}

impl ItemKind {
    /// The number under which the kind is stored.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The name of an item in sentences.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::WarningSign => "warning sign",
            Self::Strategy => "strategy",
            Self::Other => "plan item",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_lead_back_to_their_collection() {
        for kind in Kind::ALL.iter().copied() {
            assert_eq!(Kind::from_code(kind.code()), Some(kind));
            assert_eq!(Kind::from_path(kind.path()), Some(kind));
            assert_eq!(kind.alone(), [kind]);
        }
        let singulars: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.singular()).collect();
        assert_eq!(singulars.len(), Kind::ALL.len());
        assert_eq!(Kind::from_code(0), None);
    }
}
