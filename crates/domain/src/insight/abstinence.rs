//! Days without use, for each goal: the current run, earlier runs, shares of days, and savings.
//!
//! With S the first day of the goal, T today, E the goal's last day if it has ended, and U the days of use of
//! its substance:
//! - the current run begins on a day A, and its runs and `days_completed` are those of [`super::course`];
//! - `day_number` = min(T, E) − A + 1 if A ≤ min(T, E), else 0;
//! - shares count completed days only: the last 7, 30 and 90 before today, and all since S.

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
    use_report::{UseReports, UseTimes},
};
use crate::{
    check_in::Used,
    goal::{Goal, GoalKind, GoalStatus},
    record::Kind,
    value::vocabulary::Substance,
};

/// Maximum number of goals in one response.
pub const MAX_GOALS: usize = 100;
/// Maximum number of runs of one goal in one response.
pub const MAX_RUNS: usize = 100;

/// Days without use, for each goal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Abstinence {
    /// The goals. Active ones come first, then newer before older.
    #[schema(max_items = 100)]
    pub goals: Vec<GoalAbstinence>,
}

/// The share of days without use in one window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct DaysAbstinent {
    /// The window, counted back from today.
    pub window: Window,
    /// Completed days of the goal in the window.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Days without a use event. A day without any report counts as a day without use.
    #[schema(minimum = 0)]
    pub assumed_days: i64,
    /// Days without a use event that check-ins report free of use from midnight to midnight, or as the day before.
    #[schema(minimum = 0)]
    pub confirmed_days: i64,
    /// Days of use.
    #[schema(minimum = 0)]
    pub use_days: i64,
    /// `assumed_days` as a percentage of `days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub assumed_percent: Option<f64>,
    /// `confirmed_days` as a percentage of `days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub confirmed_percent: Option<f64>,
    /// The share of `days` on which use or no use was recorded, 0–1.
    #[schema(minimum = 0, maximum = 1)]
    pub coverage: f64,
}

/// Money and time saved compared with the goal's baseline: baseline per day × days without use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = InsightSavings)]
pub struct Saved {
    /// Days without use that were multiplied.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Money, in the currency's minor unit (cents).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub cost_minor: Option<i64>,
    /// Currency of `cost_minor` (ISO 4217).
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
    /// The substance that the goal is about.
    pub substance: Substance,
    /// The person's own name for the substance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// What the goal aims at.
    pub kind: GoalKind,
    /// Status of the goal.
    pub status: GoalStatus,
    /// First day of the goal.
    pub started_on: NaiveDate,
    /// Last day of the goal, if it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<NaiveDate>,
    /// The first day of the current run.
    pub run_from: NaiveDate,
    /// Completed days of the current run.
    #[schema(minimum = 0)]
    pub days_completed: i64,
    /// Number of today within the current run, counted from 1. 0 if the run has not begun.
    #[schema(minimum = 0)]
    pub day_number: i64,
    /// Days of the longest run, including the open one.
    #[schema(minimum = 0)]
    pub longest_days: i64,
    /// The latest closed run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Run>,
    /// Number of closed runs.
    #[schema(minimum = 0)]
    pub closed_runs: usize,
    /// Mean length of the closed runs, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub mean_closed_days: Option<f64>,
    /// Runs, newest first, at most 100.
    #[schema(max_items = 100)]
    pub runs: Vec<Run>,
    /// All completed days without use since the goal began, consecutive or not.
    #[schema(minimum = 0)]
    pub cumulative_abstinent_days: i64,
    /// Shares of days over the last 7, 30 and 90 days, and since the goal began.
    #[schema(max_items = 4)]
    pub shares: Vec<DaysAbstinent>,
    /// Days for which a check-in reports use, without a use event of this substance in the time that the answer
    /// covers. They count as days without use of it.
    #[schema(minimum = 0)]
    pub days_to_clarify: i64,
    /// Money and time saved, if the goal has a baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
    /// Days and weeks within the goal's limits, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_limits: Option<WithinLimits>,
}

/// Returns at most [`MAX_GOALS`] goals. Active ones come first, then newer before older.
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

/// Computes the days without use, for each goal.
pub fn abstinence(facts: &Facts, as_of: &AsOf) -> Insight<Abstinence> {
    let facts = &*facts.until_today(as_of);
    let reports = UseReports::of(facts);
    let goals = ordered_goals(facts)
        .into_iter()
        .map(|goal| goal_abstinence(goal.id, &goal.record, facts, &reports, as_of))
        .collect();
    let is_answer = |answer| matches!(answer, Some(Used::Yes | Used::No));
    let with_answer = facts.check_ins.iter().filter_map(|check_in| {
        let (day, answers) = (check_in_day(&check_in.record), &check_in.record.answers);
        let (today, yesterday) = (is_answer(answers.used), is_answer(answers.used_yesterday));
        let date_before = add_days(day, -1);
        let from = if yesterday { date_before } else { day };
        (today || yesterday).then_some((from, if today { day } else { date_before }))
    });
    let basis = BasisBuilder::default()
        .records(Kind::CheckIn, with_answer)
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
    reports: &UseReports<'_>,
    as_of: &AsOf,
) -> GoalAbstinence {
    let course = Course::of(goal, facts, as_of.today());
    let mut runs = course.runs();
    let closed_lengths: Vec<f64> = runs
        .iter()
        .filter(|r| !r.open)
        .map(|r| days_as_f64(r.days))
        .collect();
    let run_from = course.run_from();
    let abstinent_days = course.abstinent_days();
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
        closed_runs: closed_lengths.len(),
        mean_closed_days: mean(&closed_lengths),
        runs,
        cumulative_abstinent_days: abstinent_days,
        shares: windows
            .map(|window| days_abstinent(&course, window, &reports.free))
            .to_vec(),
        days_to_clarify: days_to_clarify(&course, goal, facts, reports),
        saved: saved(goal, abstinent_days),
        within_limits: within_limits(goal, &course, facts, as_of),
    }
}

/// Counts the dates of the goal for which an answer reports use, without a use event of the goal's substance in the time
/// that the answer covers.
fn days_to_clarify(course: &Course, goal: &Goal, facts: &Facts, reports: &UseReports<'_>) -> i64 {
    let of_substance = facts.counted_uses().map(|event| &event.record);
    let times = UseTimes::of(of_substance.filter(|event| event.substance == goal.substance));
    let unexplained = (reports.uses.iter()).filter(|report| !report.is_explained_by(&times));
    let days = DaySet::from_spans(unexplained.map(|report| (report.day, report.day)));
    days.count((course.start, course.last))
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

/// Multiplies the goal's baseline per day by a number of days, in whole minor units and minutes. `None`
/// without a baseline of money or time.
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
