//! Referrals from one service to another.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    record::{Kind, Record, Reference, Target},
    value::{
        nullable,
        text::{Label, Note, text},
        timestamp::Timestamp,
        validation::Findings,
    },
};

/// The status of a referral. Any status may follow any other: waiting lists move, and people correct their
/// entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferralStatus {
    /// Not requested yet.
    #[default]
    Draft,
    /// Requested.
    Requested,
    /// Accepted by the other side.
    Accepted,
    /// On a waiting list.
    Waitlisted,
    /// Declined by either side.
    Declined,
    /// An appointment is scheduled.
    Scheduled,
    /// The person was there.
    Attended,
    /// The person was not there.
    NoShow,
    /// Nothing is left to do.
    Closed,
}

/// A referral.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Referral {
    /// The kind of service, such as `residential`, `housing` or `primary_care`.
    pub kind: Label,
    /// The service or person to whom the person is referred.
    pub to: Label,
    /// The reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Note>,
    /// The status; `draft` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub status: ReferralStatus,
    /// The next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<Note>,
    /// The appointment that resulted from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment_id: Option<Uuid>,
}

impl Record for Referral {
    const KIND: Kind = Kind::Referral;

    fn occurred_at(&self) -> Option<Timestamp> {
        None
    }

    fn check(&self, _now: DateTime<Utc>, _findings: &mut Findings) {}

    fn references(&self) -> Vec<Reference> {
        let appointment = self.appointment_id.map(|id| Reference {
            pointer: "/appointment_id".to_owned(),
            id,
            target: Target::Record(Kind::Appointment),
        });
        appointment.into_iter().collect()
    }

    fn example() -> Self {
        Self {
            kind: text!("intensive_outpatient"),
            to: text!("Riverside day programme"),
            reason: Some(text!("To go on after the ward, three days a week.")),
            status: ReferralStatus::Waitlisted,
            next_step: Some(text!("Call on Monday to ask about a place.")),
            appointment_id: None,
        }
    }
}
