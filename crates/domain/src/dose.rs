//! Doses: what was taken, given, or left out of a medication.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    record::{Kind, Record, Reference, Target, check_past},
    value::{
        nullable,
        text::Note,
        timestamp::{Timestamp, example_time},
        validation::Findings,
    },
};

/// What became of a dose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoseStatus {
    /// Taken when it was due.
    Taken,
    /// Taken later than it was due.
    Late,
    /// Left out on purpose, for example before an operation.
    Skipped,
    /// Not taken.
    Missed,
}

impl DoseStatus {
    /// True if the medication is in the body.
    pub const fn is_given(self) -> bool {
        matches!(self, Self::Taken | Self::Late)
    }
}

/// A dose of a medication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dose {
    /// The medication.
    pub medication_id: Uuid,
    /// Which due dose it stands for, as `GET /v1/medications/{id}/due` names it; the nearest one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When it was taken or given; for a skipped or missed one, when that was settled.
    pub occurred_at: Timestamp,
    /// What became of it.
    pub status: DoseStatus,
    /// Whether someone else saw it being taken, or gave it; `false` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub observed: bool,
    /// Why, in own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Note>,
}

impl Record for Dose {
    const KIND: Kind = Kind::Dose;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_past(self.occurred_at, "/occurred_at", now, findings);
    }

    fn references(&self) -> Vec<Reference> {
        vec![Reference {
            pointer: "/medication_id".to_owned(),
            id: self.medication_id,
            target: Target::Record(Kind::Medication),
        }]
    }

    fn example() -> Self {
        Self {
            // The id of the medication that the documentation stores.
            medication_id: Uuid::from_u128(0x0195_e4c2_6d1f_7c33_8a55_0d9f_3c1b_2a47),
            due_at: Some(example_time("2026-03-01T08:00:00-05:00")),
            occurred_at: example_time("2026-03-01T08:20:00-05:00"),
            status: DoseStatus::Taken,
            observed: false,
            reason: None,
        }
    }
}
