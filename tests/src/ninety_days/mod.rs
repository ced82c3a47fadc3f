//! Ninety days of three people, the same in every run: what their phones send, with everything that happens on the
//! way (sent twice, answer lost, corrected, taken back), someone who sends it, and a model of what must come out.
//!
//! ```ignore
//! let mut player = Player::register(&app.url, ninety_days::alcohol()).await;
//! assert_eq!(player.play(None).await, Played::Finished);
//! player.verify().await;
//! ```
//!
//! Every id is chosen by the client, so that a step whose answer was lost can simply be sent again.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

pub mod calendar;
pub mod random;

mod alcohol;
mod care;
mod compare;
mod diary;
mod model;
mod nicotine;
mod opioids;
mod phrases;
mod plans;
mod player;
mod verify;

pub use alcohol::program as alcohol;
pub use nicotine::program as nicotine;
pub use opioids::program as opioids;
pub use player::{Played, Player, Pulse, Tally};
pub use verify::Counts;

/// All three people.
pub fn people() -> [Program; 3] {
    [alcohol(), opioids(), nicotine()]
}

/// One thing that a phone sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `POST` of a new record.
    Create {
        /// The collection.
        collection: &'static str,
        /// The id that the phone chose.
        id: Uuid,
        /// The record without its id.
        body: Value,
    },
    /// An earlier `POST` once more, whatever became of the record since.
    Replay {
        /// Which step.
        index: usize,
    },
    /// `POST` of a check-in whose place another one holds.
    Collide {
        /// The id that the phone chose.
        id: Uuid,
        /// The check-in without its id.
        body: Value,
        /// The one that holds the place.
        holder: Uuid,
    },
    /// `PUT` of a record with other members.
    Replace {
        /// The collection.
        collection: &'static str,
        /// The record.
        id: Uuid,
        /// The members that change; null unsets one.
        change: Value,
    },
    /// `DELETE` of a record.
    Delete {
        /// The collection.
        collection: &'static str,
        /// The record.
        id: Uuid,
    },
    /// A plan comes in use.
    Activate {
        /// The plan.
        id: Uuid,
    },
    /// The review of a use event is written, or written anew.
    PutReview {
        /// The use event.
        id: Uuid,
        /// The review.
        body: Value,
    },
}

/// What one person's phone sends in ninety days.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Who it is.
    pub name: &'static str,
    /// Members of the registration.
    pub registration: Value,
    /// What is sent, in this order.
    pub steps: Vec<Step>,
    /// Steps whose first answer does not reach the phone.
    pub unheard: BTreeSet<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_are_the_same_every_time_and_large_enough() {
        for (first, second) in people().into_iter().zip(people()) {
            assert_eq!(first, second);
            let of = |wanted: fn(&Step) -> bool| first.steps.iter().filter(|step| wanted(step)).count();
            let records = of(|s| matches!(s, Step::Create { .. }));
            assert!((1650..=2050).contains(&records), "{}: {records}", first.name);
            assert!(of(|s| matches!(s, Step::Replay { .. })) >= 30, "{}", first.name);
            assert!(of(|s| matches!(s, Step::Collide { .. })) >= 3, "{}", first.name);
            assert!(of(|s| matches!(s, Step::Replace { .. })) >= 100, "{}", first.name);
            assert!(of(|s| matches!(s, Step::Delete { .. })) >= 10, "{}", first.name);
            assert!(of(|s| matches!(s, Step::Activate { .. })) >= 1, "{}", first.name);
            assert!(first.unheard.len() >= 30, "{}", first.name);
        }
    }

    #[test]
    fn the_hours_that_the_clocks_repeat_are_lived_twice_and_the_traveller_crosses_zones() {
        let sent = |program: &Program, time: &str| {
            program.steps.iter().any(|step| {
            matches!(step, Step::Create { body, .. } if body["occurred_at"].as_str().is_some_and(|t| t.contains(time)))
        })
        };
        assert!(
            sent(&alcohol(), "2026-11-01T01:30:00-04:00") && sent(&alcohol(), "2026-11-01T01:30:00-05:00")
        );
        assert!(
            sent(&nicotine(), "2026-10-25T02:30:00+02:00") && sent(&nicotine(), "2026-10-25T02:30:00+01:00")
        );
        for offset in ["-05:00", "+01:00", "Z", "+09:00", "-06:00"] {
            assert!(
                opioids().steps.iter().any(|step| {
                    matches!(step, Step::Create { body, .. } if body["occurred_at"].as_str().is_some_and(|t| t.ends_with(offset)))
                }),
                "{offset}"
            );
        }
    }
}
