//! Shared commitments: what a supporter promises themselves, and lets the person see. Two who try hard are not alone.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    account::Role,
    commitment::CommitmentOutcome,
    goal::check_year,
    value::{
        text::{Text, text},
        timestamp::{Timestamp, date, example_time},
        validation::Findings,
    },
};

/// The maximum number of commitments that one supporter shares with one person. Beyond it the oldest go.
pub const MAX_SHARED_COMMITMENTS: i64 = 100;

/// The words of a shared commitment.
pub type SharedCommitmentText = Text<1, 500>;

/// A commitment of a supporter for a day, which they share with the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SharedCommitment {
    /// The id.
    pub id: Uuid,
    /// The account whose commitment it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Uuid>,
    /// The role of that account.
    pub by_role: Role,
    /// What the supporter wants to do.
    pub text: SharedCommitmentText,
    /// The day.
    pub on: NaiveDate,
    /// The outcome in the supporter's own view; left out until they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CommitmentOutcome>,
    /// When it was shared.
    pub shared_at: Timestamp,
}

impl SharedCommitment {
    /// A valid commitment for documentation.
    pub fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0054),
            by: Some(Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0061)),
            by_role: Role::Supporter,
            text: text!("I go to bed before eleven."),
            on: NaiveDate::from_ymd_opt(2026, 3, 2).unwrap_or_default(),
            outcome: Some(CommitmentOutcome::Kept),
            shared_at: example_time("2026-03-01T20:00:00Z"),
        }
    }
}

/// A commitment to share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSharedCommitment {
    /// The id; the server creates one if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// What the supporter wants to do.
    pub text: SharedCommitmentText,
    /// The day.
    #[serde(deserialize_with = "date")]
    pub on: NaiveDate,
}

impl NewSharedCommitment {
    /// Adds a finding for each fault.
    pub fn check(&self, findings: &mut Findings) {
        check_year(self.on, "/on", findings);
    }
}

/// The outcome of a shared commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedCommitmentOutcome {
    /// The outcome in the supporter's own view; null unsets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CommitmentOutcome>,
}
