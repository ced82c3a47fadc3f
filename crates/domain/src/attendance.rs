//! Attendances: mutual-help meetings of any programme that the person attended.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    record::{Kind, Record, check_past},
    value::{
        text::{Label, text},
        timestamp::{Timestamp, example_time},
        validation::Findings,
    },
};

/// How the person took part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttendanceMode {
    /// In the room.
    InPerson,
    /// By video or chat.
    Online,
    /// By phone.
    Phone,
}

/// The person's role in the meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttendanceRole {
    /// Attended.
    Attend,
    /// Spoke.
    Share,
    /// Helped to run the meeting.
    Serve,
}

/// A meeting that was attended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attendance {
    /// The meeting in the server's directory. It may have been removed from the directory since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meeting_id: Option<Uuid>,
    /// The programme, such as `aa`, `na` or `smart`.
    pub programme: Label,
    /// How the person took part.
    pub mode: AttendanceMode,
    /// The person's role in the meeting.
    pub role: AttendanceRole,
    /// The time at which it began.
    pub occurred_at: Timestamp,
}

impl Record for Attendance {
    const KIND: Kind = Kind::Attendance;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![Some(&mut self.occurred_at)]
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_past(self.occurred_at, "/occurred_at", now, findings);
    }

    fn example() -> Self {
        Self {
            meeting_id: None,
            programme: text!("smart"),
            mode: AttendanceMode::InPerson,
            role: AttendanceRole::Share,
            occurred_at: example_time("2026-03-03T19:00:00-05:00"),
        }
    }
}
