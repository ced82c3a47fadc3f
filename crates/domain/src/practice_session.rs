//! Practice sessions: time spent on mindfulness, breathing and the like, with ratings before and after.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    record::{Kind, NewId, Record, Reference, Target, check_past},
    reference::practice,
    value::{
        nullable,
        number::{Int, Rating},
        text::{Label, Note, text},
        timestamp::{Timestamp, example_time},
        validation::Findings,
    },
};

/// A session with a practice of the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PracticeSession {
    /// The time at which it began. If left out, it is the time at which it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub occurred_at: Option<Timestamp>,
    /// The practice, by its slug in the library.
    pub practice: Label,
    /// The duration in minutes.
    pub minutes: Int<1, 240>,
    /// Whether a voice, a video or a person guided the session; `false` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub guided: bool,
    /// Craving before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub craving_before: Option<Rating>,
    /// Craving after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub craving_after: Option<Rating>,
    /// Stress before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress_before: Option<Rating>,
    /// Stress after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress_after: Option<Rating>,
    /// The craving event to which the session was a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub craving_event_id: Option<Uuid>,
    /// A free note in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

impl Record for PracticeSession {
    const KIND: Kind = Kind::PracticeSession;
    const TIMED_BY_SERVER: bool = true;

    fn occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![self.occurred_at.as_mut()]
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        if let Some(at) = self.occurred_at {
            check_past(at, "/occurred_at", now, findings);
        }
        practice::check(&self.practice, "/practice", findings);
    }

    fn complete(&mut self, now: DateTime<Utc>, _new_id: NewId<'_>) {
        self.occurred_at.get_or_insert(Timestamp::utc(now));
    }

    /// Keeps the previous time if the new version has none.
    fn adopt(&mut self, before: &Self) {
        self.occurred_at = self.occurred_at.or(before.occurred_at);
    }

    fn references(&self) -> Vec<Reference> {
        let craving = self.craving_event_id.map(|id| Reference {
            pointer: "/craving_event_id".to_owned(),
            id,
            target: Target::Record(Kind::CravingEvent),
        });
        craving.into_iter().collect()
    }

    fn example() -> Self {
        Self {
            occurred_at: Some(example_time("2026-03-01T07:10:00-05:00")),
            practice: text!("urge-surfing-wave"),
            minutes: Int::clamped(10),
            guided: true,
            craving_before: Some(Rating::clamped(6)),
            craving_after: Some(Rating::clamped(3)),
            stress_before: Some(Rating::clamped(7)),
            stress_after: Some(Rating::clamped(4)),
            craving_event_id: None,
            note: Some(text!("The top came sooner than I thought.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_that_of_storing_unless_it_is_given() {
        let now = example_time("2026-03-02T10:00:00Z").to_utc();
        let untimed = || PracticeSession {
            occurred_at: None,
            ..PracticeSession::example()
        };
        let mut session = untimed();
        session.complete(now, &mut Uuid::nil);
        assert_eq!(session.occurred_at, Some(Timestamp::utc(now)));
        // A change without a time keeps the previous time.
        let mut changed = untimed();
        changed.adopt(&PracticeSession::example());
        changed.complete(now, &mut Uuid::nil);
        assert_eq!(changed.occurred_at, PracticeSession::example().occurred_at);
    }
}
