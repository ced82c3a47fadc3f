//! The states of a consent, and the steps between them.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// The status of a consent.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
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
pub enum ConsentStatus {
    /// Being written. Nobody sees anything by it.
    #[default]
    Draft,
    /// Signed and in force.
    Active,
    /// Its end date has come, or its event has happened.
    Expired,
    /// Taken back by the person.
    Revoked,
    /// Replaced by a later consent.
    Superseded,
    /// Put aside before it was signed.
    Rejected,
    /// Not meant to be there. It stays readable.
    EnteredInError,
}

impl ConsentStatus {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The status after a step. `None` if the status does not allow the step. A step that was taken already changes
    /// nothing.
    pub fn after(self, step: ConsentStep) -> Option<Self> {
        let target = step.target();
        let is_allowed = match step {
            ConsentStep::Sign | ConsentStep::Reject => self == Self::Draft,
            ConsentStep::Revoke | ConsentStep::Expire | ConsentStep::Supersede => self == Self::Active,
            ConsentStep::EnterInError => true,
        };
        (is_allowed || self == target).then_some(target)
    }
}

/// A step from one status to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum ConsentStep {
    /// The person signs it.
    Sign,
    /// The person puts the draft aside.
    Reject,
    /// The person takes it back.
    Revoke,
    /// Its end date comes, or its event happens.
    Expire,
    /// A later consent takes its place.
    Supersede,
    /// The person marks it as entered in error.
    EnterInError,
}

impl ConsentStep {
    /// The status that the step leads to.
    pub const fn target(self) -> ConsentStatus {
        match self {
            Self::Sign => ConsentStatus::Active,
            Self::Reject => ConsentStatus::Rejected,
            Self::Revoke => ConsentStatus::Revoked,
            Self::Expire => ConsentStatus::Expired,
            Self::Supersede => ConsentStatus::Superseded,
            Self::EnterInError => ConsentStatus::EnteredInError,
        }
    }
}
