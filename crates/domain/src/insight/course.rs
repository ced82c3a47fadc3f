//! The course of a goal: its days of use, its runs of days without use, and its completed days.
//!
//! With S the first day of the goal, T today, E the goal's last day if it has ended, and U the days of use of
//! its substance:
//! - the current run begins at A = S if no day of use lies on or after S, else on the day after the last one;
//! - runs are the longest intervals of `[S, min(T, E)]` without a day of U. A closed run has as many days as
//!   its interval. The open run has `days_completed`, so that a day of use today makes no run shorter than it
//!   was shown;
//! - `days_completed` = max(0, min(T, E + 1) − A).

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    calendar::{DaySet, Span, add_days, days_between, days_in},
    facts::Facts,
};
use crate::goal::Goal;

/// A stretch of days without use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = InsightRun)]
pub struct Run {
    /// First day.
    pub from: NaiveDate,
    /// Last day. For the open run this is today, or the last day of the goal if it has ended.
    pub to: NaiveDate,
    /// Number of days. For the open run, only completed days.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Whether no use has ended the run.
    pub open: bool,
}

/// The course of one goal up to today. Days without use are counted over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// S: the first day of the goal.
    pub start: NaiveDate,
    /// Today, or the last day of the goal if it has ended: min(T, E).
    pub last: NaiveDate,
    /// Every day before this one is completed: min(T, E + 1).
    pub boundary: NaiveDate,
    /// U: the days of use of the goal's substance, up to the end of the goal.
    pub used: DaySet,
}

impl Course {
    /// Returns the course of a goal up to today.
    pub fn of(goal: &Goal, facts: &Facts, today: NaiveDate) -> Self {
        let end = goal.ended_on;
        let used = facts.use_days(goal.substance);
        Self {
            start: goal.started_on,
            last: end.map_or(today, |end| end.min(today)),
            boundary: end.map_or(today, |end| add_days(end, 1).min(today)),
            // Use after the end of a goal is not part of its course, and nothing after today is.
            used: DaySet::from_spans(used.within((NaiveDate::MIN, end.map_or(today, |end| end.min(today))))),
        }
    }

    /// Returns A, the first day of the current run.
    pub fn run_from(&self) -> NaiveDate {
        match self.used.last() {
            Some(last) if last >= self.start => add_days(last, 1),
            _ => self.start,
        }
    }

    /// Returns the runs, oldest first.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = (self.used.gaps((self.start, self.last)).into_iter())
            .map(|(from, to)| Run {
                from,
                to,
                days: days_in((from, to)),
                open: false,
            })
            .collect();
        if let Some(run) = runs.last_mut()
            && run.from == self.run_from()
        {
            run.open = true;
            run.days = self.days_completed();
        }
        runs
    }

    /// Returns the number of completed days of the current run.
    pub fn days_completed(&self) -> i64 {
        days_between(self.run_from(), self.boundary).max(0)
    }

    /// Returns the first and last completed day of the goal. `None` if no day is completed yet.
    pub fn completed(&self) -> Option<Span> {
        let last = add_days(self.boundary, -1);
        (self.start <= last).then_some((self.start, last))
    }

    /// Returns the number of completed days without use.
    pub fn abstinent_days(&self) -> i64 {
        self.completed()
            .map_or(0, |span| days_in(span) - self.used.count(span))
    }
}
