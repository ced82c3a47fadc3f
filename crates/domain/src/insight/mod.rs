//! What the record tells the person: pure functions of the record and a moment. `docs/insights.md` explains each for
//! readers; what it means exactly stands here, with its source.
//!
//! Days are dates: an event lies on the date at the offset that it was recorded with, today is the date in the
//! person's zone, and nothing is divided by 86 400.
//!
//! - [`facts`]: what is looked at, and what every insight says of it;
//! - [`abstinence`], [`limit`], [`milestone`]: days, runs, what was reached;
//! - [`series`], [`craving`], [`trigger`], [`strategy`]: cravings, what brings them on, what helps;
//! - [`self_efficacy`], [`medication`]: confidence by kind of situation, days covered;
//! - [`warning`]: early warnings;
//! - [`summary`]: all of it, small; [`progress`]: all of it with [`over_time`] and [`day_calendar`], for the report;
//! - [`calendar`], [`statistics`]: what they reckon with.

pub mod abstinence;
pub mod calendar;
pub mod course;
pub mod craving;
pub mod day_calendar;
pub mod facts;
pub mod limit;
pub mod medication;
pub mod milestone;
pub mod over_time;
pub mod progress;
pub mod self_efficacy;
pub mod series;
pub mod statistics;
pub mod strategy;
pub mod summary;
pub mod trigger;
pub mod warning;

use serde::Serialize;

use self::facts::InsightBasis;

/// An insight with what it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Insight<T> {
    /// What it was computed from.
    #[serde(flatten)]
    pub basis: InsightBasis,
    /// What was found.
    #[serde(flatten)]
    pub result: T,
}

#[cfg(test)]
mod tests;
