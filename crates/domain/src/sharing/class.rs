//! The classes of data that a consent can cover, and the purposes that it can name.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::account::Role;

/// A class of data. A consent names the classes that its recipients may see; everything else stays hidden from them.
///
/// No class covers the journal, thought records, attended meetings, commitments, or the person's notes to themselves about
/// warnings.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DataClass {
    /// Days without use, for each goal, and the milestones that were reached; no single event.
    Abstinence,
    /// The level of early warning, and the rules behind it as far as their inputs are covered.
    Warnings,
    /// Goals.
    Goals,
    /// Plans, and what other records refer to in them.
    Plans,
    /// Check-ins, without the answers that belong to another class.
    CheckIns,
    /// Craving events, and the answers of check-ins about cravings.
    Cravings,
    /// Use events, and the answers of check-ins about use and withdrawal.
    Use,
    /// Medications, doses, and the answers of check-ins about medication.
    Medications,
    /// Practice sessions and self-efficacy profiles.
    Practice,
    /// Appointments, referrals, and transitions from one level of care to the next.
    Care,
    /// Support contacts.
    SupportContacts,
    /// Answers to questionnaires, and their scores.
    Questionnaires,
    /// What the person says about feeling safe, and harm of use.
    Safety,
    /// Notes and other free text beside records of a class that is covered.
    Notes,
    /// Notes of counseling sessions. A consent for them covers nothing else (42 CFR 2.31(b)).
    CounselingNotes,
}

impl DataClass {
    /// Every class.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What the class is called in a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Abstinence => "days without use and milestones",
            Self::Warnings => "early warnings",
            Self::Goals => "goals",
            Self::Plans => "plans",
            Self::CheckIns => "check-ins",
            Self::Cravings => "cravings",
            Self::Use => "use",
            Self::Medications => "medication",
            Self::Practice => "practice and confidence",
            Self::Care => "appointments and care",
            Self::SupportContacts => "support contacts",
            Self::Questionnaires => "questionnaires",
            Self::Safety => "safety",
            Self::Notes => "notes in your own words",
            Self::CounselingNotes => "counseling notes",
        }
    }
}

/// What a disclosure is for (42 CFR 2.31(a)(5)).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = ConsentPurpose)]
pub enum Purpose {
    /// Support in recovery by peers, family and friends, or by professionals.
    RecoverySupport,
    /// Treatment.
    Treatment,
    /// Payment for treatment.
    Payment,
    /// Health care operations.
    HealthCareOperations,
    /// Research.
    Research,
    /// Civil, criminal, administrative or legislative proceedings.
    LegalProceedings,
    /// At the person's own request.
    PatientRequest,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Treatment, payment and health care operations.
    pub const TPO: [Self; 3] = [Self::Treatment, Self::Payment, Self::HealthCareOperations];

    /// What an account of a role reads for in the app.
    pub const fn read_for_by(role: Role) -> &'static [Self] {
        match role {
            Role::Clinician => &[Self::Treatment, Self::RecoverySupport, Self::PatientRequest],
            Role::Person | Role::Supporter => &[Self::RecoverySupport, Self::PatientRequest],
            Role::Operator => &[],
        }
    }

    /// Whether it is treatment, payment or health care operations.
    pub fn is_tpo(self) -> bool {
        Self::TPO.contains(&self)
    }

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
