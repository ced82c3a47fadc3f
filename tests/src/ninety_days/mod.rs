//! The records of three people over ninety days, as requests that are the same in every run. Requests are repeated,
//! responses get lost, records are corrected and deleted. A [`Player`] sends the requests of a [`Program`], and compares
//! the server with a model of the expected records.
//!
//! ```
//! use mainstay_tests::{TestApp, ninety_days::{self, Played, Player}};
//!
//! # async fn example(app: &TestApp) {
//! let mut player = Player::register(&app.url, ninety_days::alcohol()).await;
//! assert_eq!(player.play(None).await, Played::Finished);
//! player.verify().await;
//! # }
//! ```
//!
//! The client chooses every id, so it can send a request again whose response was lost.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

pub mod calendar;
pub mod random;

mod alcohol;
mod care;
mod compare;
mod diary;
mod edit;
mod model;
mod nicotine;
mod opioids;
mod phrases;
mod plan_items;
mod plans;
mod player;
mod verify;

pub use alcohol::program as alcohol;
pub use nicotine::program as nicotine;
pub use opioids::program as opioids;
pub use player::{Played, Player, Pulse, Tally};
pub use verify::Counts;

/// The programs of all three people.
pub fn people() -> [Program; 3] {
    [alcohol(), opioids(), nicotine()]
}

/// One request of a phone.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Creates a record with `POST`.
    Create {
        /// The collection.
        collection: &'static str,
        /// The id that the phone chose.
        id: Uuid,
        /// The record without its id.
        body: Value,
    },
    /// Repeats an earlier `POST`, even if the record was changed or deleted since.
    Replay {
        /// The index of the step.
        index: usize,
    },
    /// Tries to create a check-in whose slot is taken.
    Conflict {
        /// The id that the phone chose.
        id: Uuid,
        /// The check-in without its id.
        body: Value,
        /// The check-in in the slot.
        existing: Uuid,
    },
    /// Changes members of a record, with `PUT`, `PATCH` or sync.
    Replace {
        /// The collection.
        collection: &'static str,
        /// The id of the record.
        id: Uuid,
        /// The changed members; null removes one.
        change: Value,
    },
    /// Deletes a record.
    Delete {
        /// The collection.
        collection: &'static str,
        /// The id of the record.
        id: Uuid,
    },
    /// Activates a plan.
    Activate {
        /// The id of the plan.
        id: Uuid,
    },
    /// Creates or replaces the review of a use event.
    PutReview {
        /// The id of the use event.
        id: Uuid,
        /// The review.
        body: Value,
    },
}

/// The requests of one person's phone in ninety days.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The name of the program.
    pub name: &'static str,
    /// The members of the registration.
    pub registration: Value,
    /// The requests, in their order.
    pub steps: Vec<Step>,
    /// The indexes of steps whose first response does not reach the phone.
    pub lost_responses: BTreeSet<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_are_the_same_every_time_and_large_enough() {
        for (first, second) in people().into_iter().zip(people()) {
            assert_eq!(first, second);
            let count = |matches: fn(&Step) -> bool| first.steps.iter().filter(|step| matches(step)).count();
            let records = count(|s| matches!(s, Step::Create { .. }));
            assert!((1650..=2050).contains(&records), "{}: {records}", first.name);
            assert!(count(|s| matches!(s, Step::Replay { .. })) >= 30, "{}", first.name);
            assert!(count(|s| matches!(s, Step::Conflict { .. })) >= 3, "{}", first.name);
            assert!(count(|s| matches!(s, Step::Replace { .. })) >= 100, "{}", first.name);
            assert!(count(|s| matches!(s, Step::Delete { .. })) >= 10, "{}", first.name);
            assert!(count(|s| matches!(s, Step::Activate { .. })) >= 1, "{}", first.name);
            assert!(first.lost_responses.len() >= 30, "{}", first.name);
        }
    }

    #[test]
    fn both_times_of_a_repeated_hour_occur_and_the_traveller_crosses_zones() {
        let sent = |program: &Program, time: &str| {
            program.steps.iter().any(|step| {
            matches!(step, Step::Create { body, .. } if body["occurred_at"].as_str().is_some_and(|t| t.contains(time)))
        })
        };
        assert!(
            sent(&alcohol(), "2026-11-01T01:30:00.000-04:00")
                && sent(&alcohol(), "2026-11-01T01:30:00.000-05:00")
        );
        assert!(
            sent(&nicotine(), "2026-10-25T02:30:00.000+02:00")
                && sent(&nicotine(), "2026-10-25T02:30:00.000+01:00")
        );
        for offset in ["-05:00", "+01:00", "+00:00", "+09:00", "-06:00"] {
            assert!(
                opioids().steps.iter().any(|step| {
                    matches!(step, Step::Create { body, .. } if body["occurred_at"].as_str().is_some_and(|t| t.ends_with(offset)))
                }),
                "{offset}"
            );
        }
    }
}
