//! Days without use, for each goal: the current run, earlier runs, shares of days, what was saved.
//!
//! With S the first day of the goal, T today, E the goal's last day if it has ended, and U the days of use of its
//! substance:
//! - the current run begins at A = S if no day of use lies on or after S, else on the day after the last one;
//! - `days_completed` = max(0, min(T, E + 1) − A), `day_number` = min(T, E) − A + 1 if A ≤ min(T, E), else 0;
//! - runs are the longest intervals of `[S, min(T, E)]` without a day of U. A closed run has as many days as its
//!   interval; the open one has `days_completed`, so that a day of use today makes no run shorter than it was shown;
//! - shares look at completed days only: the last 7, 30, 90 before today, and all since S.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    calendar::{DaySet, add_days, days_in},
    course::{Course, Run},
    facts::{AsOf, BasisBuilder, Facts, Window, check_in_day, use_span},
    limit::{WithinLimits, within_limits},
    statistics::{days_as_f64, mean},
};
use crate::{
    check_in::Used,
    goal::{Goal, GoalKind, GoalStatus},
    record::Kind,
    value::vocabulary::Substance,
};

/// Most goals that one answer tells of.
pub const MAX_GOALS: usize = 100;
/// Most runs that one answer lists.
pub const MAX_RUNS: usize = 100;

/// Days without use, for each goal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Abstinence {
    /// The goals, active ones first, then the newest.
    #[schema(max_items = 100)]
    pub goals: Vec<GoalAbstinence>,
}

/// The share of days without use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct DaysAbstinent {
    /// How far back.
    pub window: Window,
    /// Completed days of the goal in it.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Days without a use event; nothing reported counts as no use.
    #[schema(minimum = 0)]
    pub assumed_days: i64,
    /// Days that a check-in reported as free of use, and none as with use.
    #[schema(minimum = 0)]
    pub confirmed_days: i64,
    /// Days of use.
    #[schema(minimum = 0)]
    pub use_days: i64,
    /// `assumed_days` in 100 `days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub assumed_percent: Option<f64>,
    /// `confirmed_days` in 100 `days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub confirmed_percent: Option<f64>,
    /// The share of `days` that is known either way, 0–1.
    #[schema(minimum = 0, maximum = 1)]
    pub coverage: f64,
}

/// What was saved against the goal's baseline: baseline a day × abstinent days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Saved {
    /// Days that count.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Money, in the currency's minor unit (cents).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub cost_minor: Option<i64>,
    /// Its currency (ISO 4217).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 3, example = "EUR")]
    pub currency: Option<String>,
    /// Time, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub minutes: Option<i64>,
}

/// Days without use, for one goal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct GoalAbstinence {
    /// The goal.
    pub goal_id: Uuid,
    /// What it is about.
    pub substance: Substance,
    /// The person's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// What it aims at.
    pub kind: GoalKind,
    /// Where it stands.
    pub status: GoalStatus,
    /// First day.
    pub started_on: NaiveDate,
    /// Last day, if it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<NaiveDate>,
    /// The first day of the current run.
    pub run_from: NaiveDate,
    /// Full days of the current run.
    #[schema(minimum = 0)]
    pub days_completed: i64,
    /// Which day of the run today is; 0 if the run has not begun.
    #[schema(minimum = 0)]
    pub day_number: i64,
    /// The longest run, the open one included.
    #[schema(minimum = 0)]
    pub longest_days: i64,
    /// The last closed run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Run>,
    /// How many runs are closed.
    #[schema(minimum = 0)]
    pub closed_runs: usize,
    /// Their mean length in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub mean_closed_days: Option<f64>,
    /// Runs, newest first; at most 100.
    #[schema(max_items = 100)]
    pub runs: Vec<Run>,
    /// All completed days without use since the goal began, whatever lies between them.
    #[schema(minimum = 0)]
    pub cumulative_abstinent_days: i64,
    /// Shares over the last 7, 30, 90 days, and since the goal began.
    #[schema(max_items = 4)]
    pub shares: Vec<DaysAbstinent>,
    /// Days on which a check-in said that there was use, without a use event of this substance: they count as no
    /// use of it, and are never confirmed.
    #[schema(minimum = 0)]
    pub days_to_clarify: i64,
    /// What was saved, if the goal has a baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
    /// Days and weeks within the goal's limits, if it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_limits: Option<WithinLimits>,
}

/// Days on which check-ins said that there was no use, and those on which one said that there was.
pub(super) fn reported_days(facts: &Facts) -> (DaySet, DaySet) {
    let said = |word: Used| {
        DaySet::from_spans(
            facts
                .check_ins
                .iter()
                .filter(|check_in| check_in.record.answers.used == Some(word))
                .map(|check_in| check_in_day(&check_in.record))
                .map(|day| (day, day)),
        )
    };
    let yes = said(Used::Yes);
    (said(Used::No).difference(&yes), yes)
}

/// The goals that an answer tells of, active ones first, then the newest.
pub fn ordered_goals(facts: &Facts) -> Vec<&super::facts::WithId<Goal>> {
    let mut goals: Vec<_> = facts.goals.iter().collect();
    goals.sort_by(|a, b| {
        (a.record.status != GoalStatus::Active)
            .cmp(&(b.record.status != GoalStatus::Active))
            .then(b.record.started_on.cmp(&a.record.started_on))
            .then(a.id.cmp(&b.id))
    });
    goals.truncate(MAX_GOALS);
    goals
}

/// Days without use, for each goal.
pub fn abstinence(facts: &Facts, as_of: &AsOf) -> Insight<Abstinence> {
    let (no_use, use_reported) = reported_days(facts);
    let goals = ordered_goals(facts)
        .into_iter()
        .map(|goal| goal_abstinence(goal.id, &goal.record, facts, (&no_use, &use_reported), as_of))
        .collect();
    let answered = facts
        .check_ins
        .iter()
        .filter(|c| matches!(c.record.answers.used, Some(Used::Yes | Used::No)));
    let basis = BasisBuilder::default()
        .records(
            Kind::CheckIn,
            answered.map(|c| check_in_day(&c.record)).map(|day| (day, day)),
        )
        .records(
            Kind::UseEvent,
            facts.counted_uses().map(|event| use_span(&event.record)),
        )
        .starting_with(facts.goals.iter().map(|goal| goal.record.started_on))
        .build(as_of, Window::All);
    Insight {
        basis,
        result: Abstinence { goals },
    }
}

fn goal_abstinence(
    goal_id: Uuid,
    goal: &Goal,
    facts: &Facts,
    (no_use, use_reported): (&DaySet, &DaySet),
    as_of: &AsOf,
) -> GoalAbstinence {
    let course = Course::of(goal, facts, as_of.today());
    let mut runs = course.runs();
    let closed: Vec<f64> = runs
        .iter()
        .filter(|r| !r.open)
        .map(|r| days_as_f64(r.days))
        .collect();
    let run_from = course.run_from();
    let abstinent = course.abstinent_days();
    let longest_days = runs.iter().map(|run| run.days).max().unwrap_or(0);
    let previous = runs.iter().rfind(|run| !run.open).copied();
    runs.reverse();
    runs.truncate(MAX_RUNS);
    let windows = [Window::Week, Window::Month, Window::Quarter, Window::All];
    GoalAbstinence {
        goal_id,
        substance: goal.substance,
        label: goal.label.as_ref().map(ToString::to_string),
        kind: goal.kind,
        status: goal.status,
        started_on: goal.started_on,
        ended_on: goal.ended_on,
        run_from,
        days_completed: course.days_completed(),
        day_number: days_in((run_from, course.last)),
        longest_days,
        previous,
        closed_runs: closed.len(),
        mean_closed_days: mean(&closed),
        runs,
        cumulative_abstinent_days: abstinent,
        shares: windows
            .map(|window| days_abstinent(&course, window, no_use))
            .to_vec(),
        days_to_clarify: use_reported
            .difference(&course.used)
            .count((course.start, course.last)),
        saved: saved(goal, abstinent),
        within_limits: within_limits(goal, &course, facts, as_of.week_start),
    }
}

fn days_abstinent(course: &Course, window: Window, no_use: &DaySet) -> DaysAbstinent {
    let span = course.completed().map(|(from, to)| {
        let first = window
            .days()
            .map_or(from, |days| add_days(course.boundary, -days));
        (from.max(first), to)
    });
    let (days, used, confirmed) = span.map_or((0, 0, 0), |span| {
        let confirmed = no_use.difference(&course.used).count(span);
        (days_in(span), course.used.count(span), confirmed)
    });
    let percent = |part: i64| (days > 0).then(|| 100.0 * days_as_f64(part) / days_as_f64(days));
    DaysAbstinent {
        window,
        days,
        assumed_days: days - used,
        confirmed_days: confirmed,
        use_days: used,
        assumed_percent: percent(days - used),
        confirmed_percent: percent(confirmed),
        coverage: if days > 0 {
            days_as_f64(confirmed + used) / days_as_f64(days)
        } else {
            0.0
        },
    }
}

/// Baseline a day × days, in whole minor units and minutes.
pub fn saved(goal: &Goal, days: i64) -> Option<Saved> {
    let baseline = goal.baseline.as_ref()?;
    let cost_minor = baseline
        .cost_minor_per_day
        .map(|cost| cost.get().saturating_mul(days));
    let minutes = baseline
        .minutes_per_day
        .map(|minutes| minutes.get().saturating_mul(days));
    (cost_minor.is_some() || minutes.is_some()).then(|| Saved {
        days,
        cost_minor,
        currency: cost_minor.and(baseline.currency.as_ref().map(ToString::to_string)),
        minutes,
    })
}
