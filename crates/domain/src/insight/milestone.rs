//! Milestones: days and years without use, in one run and in total, and urges ridden out.
//!
//! A run that began on A reaches n days on A + n, if that many days of it are completed by then. Years are
//! calendar years, so a run from 29 February reaches its first year on 28 February. Cumulative milestones
//! count days that need not follow each other. There, a year has 365 days and half a year 183 (18 months:
//! 548).
//!
//! A milestone stays earned: nothing recorded for a later day changes a milestone that was reached before.
//! Only a correction of the days themselves changes it, because milestones are computed from the record each
//! time.

use chrono::{Months, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    abstinence::ordered_goals,
    calendar::{add_days, days_between},
    course::{Course, Run},
    facts::{AsOf, BasisBuilder, Facts, Window, use_span},
};
use crate::{craving_event::CravingOutcome, record::Kind, value::vocabulary::Substance};

/// Milestones in days.
pub const DAYS: [i64; 11] = [1, 3, 7, 14, 21, 30, 60, 90, 100, 180, 270];
/// Milestones in months. Every further year follows after them.
pub const MONTHS: [u32; 3] = [12, 18, 24];
/// Milestones in number of urges ridden out.
pub const URGES: [i64; 6] = [1, 5, 10, 25, 50, 100];
/// Number of years of the last milestone.
const LAST_YEAR: u32 = 300;

/// Unit that a milestone counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneUnit {
    /// Completed days.
    Days,
    /// Months: 12, 18, and whole years.
    Months,
    /// Urges ridden out.
    Urges,
}

/// A milestone: a count of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milestone {
    /// Unit that the milestone counts.
    pub unit: MilestoneUnit,
    /// Number of units.
    pub count: i64,
}

/// A milestone that was reached at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct EarnedMilestone {
    /// Unit that the milestone counts.
    pub unit: MilestoneUnit,
    /// Number of units.
    #[schema(minimum = 1)]
    pub count: i64,
    /// Date on which it was reached for the first time.
    pub earned_on: NaiveDate,
    /// Date on which it was reached most recently.
    pub last_earned_on: NaiveDate,
    /// How often it was reached: once in each run that was long enough.
    #[schema(minimum = 1)]
    pub times: i64,
}

/// The milestone that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextMilestone {
    /// Unit that the milestone counts.
    pub unit: MilestoneUnit,
    /// Number of units.
    #[schema(minimum = 1)]
    pub count: i64,
    /// Date on which it is reached if every day until then is without use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<NaiveDate>,
    /// Days or urges that remain until then.
    #[schema(minimum = 0)]
    pub remaining: i64,
}

/// Milestones of one kind: those that were reached, and the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MilestoneTrack {
    /// Milestones that were reached, smallest first.
    #[schema(max_items = 400)]
    pub earned: Vec<EarnedMilestone>,
    /// The next milestone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextMilestone>,
}

/// Milestones of a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GoalMilestones {
    /// Id of the goal.
    pub goal_id: Uuid,
    /// The substance that the goal is about.
    pub substance: Substance,
    /// The person's own name for the substance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// Milestones within one run.
    pub run: MilestoneTrack,
    /// Milestones of all days without use, consecutive or not.
    pub cumulative: MilestoneTrack,
}

/// Milestones of goals and of urges ridden out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Milestones {
    /// Milestones by goal. Active goals come first, then newer before older.
    #[schema(max_items = 100)]
    pub goals: Vec<GoalMilestones>,
    /// Number of urges that passed without use.
    #[schema(minimum = 0)]
    pub urges_ridden_out: usize,
    /// Milestones of urges ridden out.
    pub urges: MilestoneTrack,
}

/// Returns every milestone of a run that begins on a day, in order, with the date on which it is reached.
pub fn run_milestones(start: NaiveDate) -> impl Iterator<Item = (Milestone, NaiveDate)> {
    let days = DAYS.into_iter().map(move |count| {
        let unit = MilestoneUnit::Days;
        (Milestone { unit, count }, add_days(start, count))
    });
    let months = MONTHS.into_iter().chain((3..=LAST_YEAR).map(|years| years * 12));
    days.chain(months.filter_map(move |count| {
        let unit = MilestoneUnit::Months;
        let count_64 = i64::from(count);
        Some((
            Milestone {
                unit,
                count: count_64,
            },
            start.checked_add_months(Months::new(count))?,
        ))
    }))
}

/// Returns every milestone of cumulative days, in order, with the number of days that it needs.
pub fn cumulative_milestones() -> impl Iterator<Item = (Milestone, i64)> {
    let days = DAYS.into_iter().map(|count| {
        let unit = MilestoneUnit::Days;
        (Milestone { unit, count }, count)
    });
    let months = [(12, 365), (18, 548)]
        .into_iter()
        .chain((2..=i64::from(LAST_YEAR)).map(|years| (years * 12, years * 365)));
    days.chain(months.map(|(count, needed)| {
        let unit = MilestoneUnit::Months;
        (Milestone { unit, count }, needed)
    }))
}

/// Computes the milestones of all goals and of urges ridden out.
pub fn milestones(facts: &Facts, as_of: &AsOf) -> Insight<Milestones> {
    let facts = &*facts.until_today(as_of);
    let today = as_of.today();
    let goals = ordered_goals(facts)
        .into_iter()
        .map(|goal| {
            let course = Course::of(&goal.record, facts, today);
            GoalMilestones {
                goal_id: goal.id,
                substance: goal.record.substance,
                label: goal.record.label.as_ref().map(ToString::to_string),
                run: run_track(&course),
                cumulative: cumulative_track(&course),
            }
        })
        .collect();
    let ridden_out = ridden_out_dates(facts);
    let basis = BasisBuilder::default()
        .records(
            Kind::UseEvent,
            facts.counted_uses().map(|event| use_span(&event.record)),
        )
        .records(Kind::CravingEvent, ridden_out.iter().map(|day| (*day, *day)))
        .starting_with(facts.goals.iter().map(|goal| goal.record.started_on))
        .build(as_of, Window::All);
    Insight {
        basis,
        result: Milestones {
            goals,
            urges_ridden_out: ridden_out.len(),
            urges: urge_track(&ridden_out),
        },
    }
}

/// Returns the last date on which a run can reach a milestone: the day after its last completed day.
fn last_reach_date(run: &Run, course: &Course) -> NaiveDate {
    if run.open {
        course.boundary
    } else {
        add_days(run.to, 1).min(course.boundary)
    }
}

fn run_track(course: &Course) -> MilestoneTrack {
    let mut earned: Vec<EarnedMilestone> = Vec::new();
    for run in course.runs() {
        let reached = run_milestones(run.from).take_while(|(_, on)| *on <= last_reach_date(&run, course));
        for (n, (milestone, on)) in reached.enumerate() {
            match earned.get_mut(n) {
                Some(milestone) => {
                    milestone.times += 1;
                    milestone.last_earned_on = on;
                }
                None => earned.push(first_earned(milestone, on)),
            }
        }
    }
    let next = run_milestones(course.run_from()).find(|(_, on)| *on > course.boundary);
    MilestoneTrack {
        earned,
        next: next
            .filter(|_| is_ongoing(course))
            .map(|(milestone, on)| NextMilestone {
                unit: milestone.unit,
                count: milestone.count,
                on: Some(on),
                remaining: days_between(course.boundary, on),
            }),
    }
}

/// Returns whether the goal has not ended: its days count already, or will count once it begins.
fn is_ongoing(course: &Course) -> bool {
    course.boundary == course.last
}

const fn first_earned(milestone: Milestone, on: NaiveDate) -> EarnedMilestone {
    EarnedMilestone {
        unit: milestone.unit,
        count: milestone.count,
        earned_on: on,
        last_earned_on: on,
        times: 1,
    }
}

fn cumulative_track(course: &Course) -> MilestoneTrack {
    let mut earned = Vec::new();
    let mut remaining = cumulative_milestones().peekable();
    let mut days_before = 0;
    for run in course.runs() {
        let days = run.days.min(days_between(run.from, course.boundary));
        while let Some((milestone, needed)) = remaining.next_if(|(_, needed)| *needed <= days_before + days) {
            earned.push(first_earned(milestone, add_days(run.from, needed - days_before)));
        }
        days_before += days;
    }
    let from = course.run_from().max(course.boundary);
    MilestoneTrack {
        earned,
        next: remaining
            .next()
            .filter(|_| is_ongoing(course))
            .map(|(milestone, needed)| {
                let on = add_days(from, needed - days_before);
                NextMilestone {
                    unit: milestone.unit,
                    count: milestone.count,
                    on: Some(on),
                    remaining: days_between(course.boundary, on),
                }
            }),
    }
}

/// Returns the dates of the urges that passed without use, in chronological order.
fn ridden_out_dates(facts: &Facts) -> Vec<NaiveDate> {
    let mut passed: Vec<_> = facts
        .cravings
        .iter()
        .filter(|event| event.record.outcome == CravingOutcome::RodeItOut)
        .map(|event| {
            (
                event.record.occurred_at.millis(),
                event.record.occurred_at.local_date(),
            )
        })
        .collect();
    passed.sort_unstable();
    passed.into_iter().map(|(_, day)| day).collect()
}

fn urge_track(ridden_out: &[NaiveDate]) -> MilestoneTrack {
    let unit = MilestoneUnit::Urges;
    let reached = i64::try_from(ridden_out.len()).unwrap_or(i64::MAX);
    let date_of = |count: i64| usize::try_from(count - 1).ok().and_then(|n| ridden_out.get(n));
    MilestoneTrack {
        earned: URGES
            .into_iter()
            .filter_map(|count| Some(first_earned(Milestone { unit, count }, *date_of(count)?)))
            .collect(),
        next: URGES
            .into_iter()
            .find(|count| *count > reached)
            .map(|count| NextMilestone {
                unit,
                count,
                on: None,
                remaining: count - reached,
            }),
    }
}
