//! Entries of the private journal. They are private for ever: no consent covers them, nobody else can see
//! them, and no computation reads them. Only the person sees them, and can export them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    record::{Kind, Record, check_past},
    value::{
        number::Rating,
        text::{Prose, text},
        timestamp::{Timestamp, example_time},
        validation::Findings,
    },
};

/// An entry of the private journal. It can never be shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// The moment that the entry is about.
    pub occurred_at: Timestamp,
    /// The text.
    pub text: Prose,
    /// Mood, 10 is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mood: Option<Rating>,
}

impl Record for JournalEntry {
    const KIND: Kind = Kind::JournalEntry;

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
            occurred_at: example_time("2026-03-01T22:15:00-05:00"),
            text: text!("Slow day. The river was high, and I stayed longer than I had planned."),
            mood: Some(Rating::clamped(6)),
        }
    }
}
