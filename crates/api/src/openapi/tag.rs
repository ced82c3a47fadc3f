//! Tags: the groups of operations in the OpenAPI document.

/// A group of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Accounts and sessions.
    Accounts,
    /// Goals.
    Goals,
    /// Plans.
    Plans,
    /// Check-ins.
    CheckIns,
    /// Craving events.
    CravingEvents,
    /// Use events.
    UseEvents,
    /// Support contacts.
    SupportContacts,
    /// Medications and doses.
    Medications,
    /// Practice sessions, thought records, attendances, commitments, self-efficacy.
    Practice,
    /// Appointments, referrals and transitions.
    Care,
    /// The private journal.
    Journal,
    /// Help at this moment.
    Support,
    /// People who help, and what they may see.
    Sharing,
    /// Insights from the record.
    Insights,
    /// Synchronisation for apps that work offline.
    Sync,
    /// Questionnaires.
    Questionnaires,
    /// Meetings.
    Meetings,
    /// The strategy library and helplines.
    Reference,
    /// Health, keys and documentation.
    Operations,
}

impl Tag {
    /// Every tag with its name and description, in the order of the document.
    pub const ALL: [(Self, &'static str, &'static str); 19] = [
        (Self::Accounts, "accounts", "Accounts, sessions and tokens."),
        (
            Self::Goals,
            "goals",
            "Goals for change. Each substance has at most one active goal.",
        ),
        (
            Self::Plans,
            "plans",
            "Relapse-prevention and safety plans, in immutable numbered versions.",
        ),
        (
            Self::CheckIns,
            "check-ins",
            "Short self-reports in the morning, in the evening, at any moment, or once a week.",
        ),
        (
            Self::CravingEvents,
            "craving-events",
            "Cravings from onset to end, with the strategies that were tried. The response to a new event already carries help.",
        ),
        (
            Self::UseEvents,
            "use-events",
            "Days of use: data, never a failing. They erase nothing.",
        ),
        (
            Self::SupportContacts,
            "support-contacts",
            "The people to reach when it gets hard.",
        ),
        (
            Self::Medications,
            "medications",
            "Medication for recovery: schedules, doses, and doses that are due.",
        ),
        (
            Self::Practice,
            "practice",
            "Practice for recovery: practice sessions, thought records, attended meetings, commitments, self-efficacy.",
        ),
        (
            Self::Care,
            "care",
            "Care navigation: appointments, referrals, and transitions with their follow-ups.",
        ),
        (
            Self::Journal,
            "journal",
            "The private journal: no consent covers it, and nobody else ever reads it.",
        ),
        (
            Self::Support,
            "support",
            "Help at this moment: strategies, people, helplines.",
        ),
        (
            Self::Sharing,
            "sharing",
            "People who help: invitations, consents, what they may see, and who saw what.",
        ),
        (
            Self::Insights,
            "insights",
            "Insights from the person's own record, computed for each request, with explanations.",
        ),
        (
            Self::Sync,
            "sync",
            "Push and pull in one round trip, for apps that work offline.",
        ),
        (
            Self::Questionnaires,
            "questionnaires",
            "Questionnaires that the operator has a licence for, a person's answers, and scores over time.",
        ),
        (
            Self::Meetings,
            "meetings",
            "Mutual-help meetings of any programme, from the feeds that the operator imports.",
        ),
        (
            Self::Reference,
            "reference",
            "The strategy library and helplines.",
        ),
        (
            Self::Operations,
            "operations",
            "Health, public keys, and the documentation itself.",
        ),
    ];

    /// The name of the tag in the document.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(tag, ..)| *tag == self)
            .map_or("operations", |(_, name, _)| name)
    }
}
