//! Insights: figures that the server computes from a person's record, such as days without use or early
//! warnings.
//!
//! Each insight is a pure function of the record and a moment. `docs/insights.md` explains each figure to app
//! developers and clinicians. The exact definitions are in these files, with their sources.
//!
//! Days are dates. An event belongs to the date at the offset that it was recorded with. Today is the date in
//! the person's time zone. Nothing is divided by 86 400.
//!
//! - [`facts`], [`basis`]: the records that insights read, and the basis that every insight states;
//! - [`abstinence`], [`course`], [`limit`], [`milestone`], [`use_report`]: days without use, runs, limits, milestones,
//!   what check-ins report of use;
//! - [`series`], [`craving`], [`trigger`], [`strategy`]: measures over time, cravings, triggers, coping
//!   strategies;
//! - [`self_efficacy`], [`medication`]: confidence by kind of situation, days covered by medication;
//! - [`warning`]: early warnings;
//! - [`summary`]: the most important figures, for the start screen of an app;
//! - [`progress`]: everything in the printed report, including [`over_time`] and [`day_calendar`];
//! - [`calendar`], [`statistics`]: calculation with days and numbers.

pub mod abstinence;
pub mod amount;
pub mod basis;
pub mod calendar;
pub mod course;
pub mod craving;
pub mod day_calendar;
pub mod facts;
pub mod limit;
mod lookup;
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
pub mod use_report;
pub mod warning;

use serde::Serialize;

use self::facts::InsightBasis;

/// The result of an insight, with its basis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Insight<T> {
    /// The records and days that the result was computed from.
    #[serde(flatten)]
    pub basis: InsightBasis,
    /// The figures.
    #[serde(flatten)]
    pub result: T,
}

#[cfg(test)]
pub(crate) mod tests;
