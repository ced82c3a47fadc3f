//! The collections of a person's record and the items of a plan, with the numbers under which they are stored.

/// The collections of a person's record. The numbers are stored: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub enum Kind {
    /// Goals.
    Goal = 1,
    /// Relapse-prevention and safety plans.
    Plan = 2,
    /// Check-ins.
    CheckIn = 3,
    /// Craving events.
    CravingEvent = 4,
    /// Use events.
    UseEvent = 5,
    /// Support contacts.
    SupportContact = 6,
    /// Reviews of use events, kept under the event's id.
    UseEventReview = 7,
    /// Medications.
    Medication = 8,
    /// Doses of medications.
    Dose = 9,
    /// Practice sessions.
    PracticeSession = 10,
    /// Thought records.
    ThoughtRecord = 11,
    /// Attendances of meetings.
    Attendance = 12,
    /// Appointments.
    Appointment = 13,
    /// Referrals.
    Referral = 14,
    /// Transitions from one level of care to the next.
    Transition = 15,
    /// Self-efficacy profiles.
    SelfEfficacyProfile = 16,
    /// Commitments.
    Commitment = 17,
    /// The private journal.
    JournalEntry = 18,
    /// Answers to questionnaires.
    QuestionnaireResponse = 19,
    /// Feedback on early warnings.
    WarningFeedback = 20,
}

impl Kind {
    /// Every collection.
    pub const ALL: &'static [Self] = &[
        Self::Goal,
        Self::Plan,
        Self::CheckIn,
        Self::CravingEvent,
        Self::UseEvent,
        Self::SupportContact,
        Self::UseEventReview,
        Self::Medication,
        Self::Dose,
        Self::PracticeSession,
        Self::ThoughtRecord,
        Self::Attendance,
        Self::Appointment,
        Self::Referral,
        Self::Transition,
        Self::SelfEfficacyProfile,
        Self::Commitment,
        Self::JournalEntry,
        Self::QuestionnaireResponse,
        Self::WarningFeedback,
    ];

    /// The collection alone, as a list.
    pub fn alone(self) -> &'static [Self] {
        let at = Self::ALL.iter().find(|kind| **kind == self);
        at.map_or(&[], std::slice::from_ref)
    }

    /// The number under which the collection is stored.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The collection's name in paths and in sync.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Goal => "goals",
            Self::Plan => "plans",
            Self::CheckIn => "check-ins",
            Self::CravingEvent => "craving-events",
            Self::UseEvent => "use-events",
            Self::SupportContact => "support-contacts",
            Self::UseEventReview => "use-event-reviews",
            Self::Medication => "medications",
            Self::Dose => "doses",
            Self::PracticeSession => "practice-sessions",
            Self::ThoughtRecord => "thought-records",
            Self::Attendance => "attendances",
            Self::Appointment => "appointments",
            Self::Referral => "referrals",
            Self::Transition => "transitions",
            Self::SelfEfficacyProfile => "self-efficacy-profiles",
            Self::Commitment => "commitments",
            Self::JournalEntry => "journal",
            Self::QuestionnaireResponse => "questionnaire-responses",
            Self::WarningFeedback => "warning-feedback",
        }
    }

    /// The collection of that number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The collection of that name.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.path() == path)
    }

    /// Whether the server changes records of the collection by itself when their time has come.
    pub const fn has_timers(self) -> bool {
        matches!(self, Self::CravingEvent)
    }

    /// What one record of the collection is called in sentences.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::Plan => "plan",
            Self::CheckIn => "check-in",
            Self::CravingEvent => "craving event",
            Self::UseEvent => "use event",
            Self::SupportContact => "support contact",
            Self::UseEventReview => "use event review",
            Self::Medication => "medication",
            Self::Dose => "dose",
            Self::PracticeSession => "practice session",
            Self::ThoughtRecord => "thought record",
            Self::Attendance => "attendance",
            Self::Appointment => "appointment",
            Self::Referral => "referral",
            Self::Transition => "transition",
            Self::SelfEfficacyProfile => "self-efficacy profile",
            Self::Commitment => "commitment",
            Self::JournalEntry => "journal entry",
            Self::QuestionnaireResponse => "questionnaire response",
            Self::WarningFeedback => "warning feedback",
        }
    }
}

/// What kind of plan item an id names. The numbers are stored: never reuse one.
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

    /// What the item is called in sentences.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::WarningSign => "warning sign",
            Self::Strategy => "strategy",
            Self::Other => "plan item",
        }
    }
}
