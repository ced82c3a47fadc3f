//! The course of a goal: its days of use, its runs of days without use, and its completed days.
//!
//! With S the first day of the goal, T today, E the goal's last day if it has ended, and U the days of use of its
//! substance:
//! - the current run begins at A = S if no day of use lies on or after S, else on the day after the last one;
//! - runs are the longest intervals of `[S, min(T, E)]` without a day of U. A closed run has as many days as its
//!   interval. The open run has `days_completed`, so that a day of use today makes no run shorter than it was shown;
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
pub struct Run {
    /// First day.
    pub from: NaiveDate,
    /// Last day; the open run goes up to today.
    pub to: NaiveDate,
    /// Its days; of the open run those that are completed.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Whether no use has ended it.
    pub open: bool,
}

/// The days of a goal that abstinence is reckoned over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// S.
    pub start: NaiveDate,
    /// The day that the goal is in, or its last one: min(T, E).
    pub last: NaiveDate,
    /// The day before which days are completed: min(T, E + 1).
    pub boundary: NaiveDate,
    /// U.
    pub used: DaySet,
}

impl Course {
    /// The course of a goal up to today.
    pub fn of(goal: &Goal, facts: &Facts, today: NaiveDate) -> Self {
        let end = goal.ended_on;
        let used = facts.use_days(goal.substance);
        Self {
            start: goal.started_on,
            last: end.map_or(today, |end| end.min(today)),
            boundary: end.map_or(today, |end| add_days(end, 1).min(today)),
            // What comes after a goal has ended is no longer part of it.
            used: end.map_or(used.clone(), |end| {
                DaySet::from_spans(used.within((NaiveDate::MIN, end)))
            }),
        }
    }

    /// A: the first day of the current run.
    pub fn run_from(&self) -> NaiveDate {
        match self.used.last() {
            Some(last) if last >= self.start => add_days(last, 1),
            _ => self.start,
        }
    }

    /// Runs in their order.
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

    /// Full days of the current run.
    pub fn days_completed(&self) -> i64 {
        days_between(self.run_from(), self.boundary).max(0)
    }

    /// The completed days of the goal, if there are some.
    pub fn completed(&self) -> Option<Span> {
        let last = add_days(self.boundary, -1);
        (self.start <= last).then_some((self.start, last))
    }

    /// Completed days without use.
    pub fn abstinent_days(&self) -> i64 {
        self.completed()
            .map_or(0, |span| days_in(span) - self.used.count(span))
    }
}
