//! Commitments: one small thing for one day.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    goal::check_year,
    record::{Kind, Record},
    value::{
        text::{Prose, text},
        timestamp::{Timestamp, date},
        validation::Findings,
    },
};

/// The outcome of a commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommitmentOutcome {
    /// Done.
    Kept,
    /// Not done.
    NotKept,
    /// Hard to say.
    Unsure,
}

/// A commitment for a day. Without a word from the person it stays without an outcome; the server never sets
/// `not_kept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// The thing that the person wants to do.
    pub text: Prose,
    /// The day.
    #[serde(deserialize_with = "date")]
    pub on: NaiveDate,
    /// The outcome in the person's own view; left out until they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CommitmentOutcome>,
}

impl Record for Commitment {
    const KIND: Kind = Kind::Commitment;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(Timestamp::midnight(self.on))
    }

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        check_year(self.on, "/on", findings);
    }

    fn example() -> Self {
        Self {
            text: text!("Call my sister before dinner."),
            on: NaiveDate::from_ymd_opt(2026, 3, 2).unwrap_or_default(),
            outcome: Some(CommitmentOutcome::Kept),
        }
    }
}
