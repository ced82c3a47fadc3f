//! Appointments with a doctor, a counselor, an office, or anyone else.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    goal::check_year,
    record::{Kind, Record},
    value::{
        nullable,
        text::{Label, text},
        timestamp::{Timestamp, example_time},
        validation::Findings,
    },
};

/// The status of an appointment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppointmentStatus {
    /// Planned.
    #[default]
    Planned,
    /// The person was there.
    Kept,
    /// The person was not there.
    Missed,
    /// Called off, by either side.
    Cancelled,
}

/// An appointment. Only the person changes its status: after its time has passed it stays `planned` until
/// they do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Appointment {
    /// The purpose, such as `counseling`, `medication` or `intake`.
    pub kind: Label,
    /// The time at which it begins; it may be in the future.
    pub starts_at: Timestamp,
    /// The person or office that it is with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Label>,
    /// The place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Label>,
    /// The status; `planned` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub status: AppointmentStatus,
}

impl Record for Appointment {
    const KIND: Kind = Kind::Appointment;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.starts_at)
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![Some(&mut self.starts_at)]
    }

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        check_year(self.starts_at.to_utc().date_naive(), "/starts_at", findings);
    }

    fn example() -> Self {
        Self {
            kind: text!("counseling"),
            starts_at: example_time("2026-03-10T15:00:00-04:00"),
            with: Some(text!("Dr. Okafor")),
            place: Some(text!("Elm Street clinic, second floor")),
            status: AppointmentStatus::Planned,
        }
    }
}
