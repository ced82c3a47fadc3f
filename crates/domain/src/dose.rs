//! Doses of a medication that were taken, given, skipped or missed.

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

/// The status of a dose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoseStatus {
    /// Taken on time.
    Taken,
    /// Taken late.
    Late,
    /// Left out on purpose, for example before an operation.
    Skipped,
    /// Not taken.
    Missed,
}

impl DoseStatus {
    /// Whether the dose was taken or given.
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
    /// The due time of the dose that this records, as in `GET /v1/medications/{id}/due`; the nearest one if
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The time at which it was taken or given. For a skipped or missed dose, the time at which that was
    /// recorded.
    pub occurred_at: Timestamp,
    /// The status.
    pub status: DoseStatus,
    /// Whether someone else saw it being taken or gave it; `false` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub observed: bool,
    /// The reason in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Note>,
}

impl Record for Dose {
    const KIND: Kind = Kind::Dose;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![self.due_at.as_mut(), Some(&mut self.occurred_at)]
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
            // The id of the medication in the examples of the documentation.
            medication_id: Uuid::from_u128(0x0195_e4c2_6d1f_7c33_8a55_0d9f_3c1b_2a47),
            due_at: Some(example_time("2026-03-01T08:00:00-05:00")),
            occurred_at: example_time("2026-03-01T08:20:00-05:00"),
            status: DoseStatus::Taken,
            observed: false,
            reason: None,
        }
    }
}
