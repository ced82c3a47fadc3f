//! What was reached: days and years without use, in one run and in all, and urges ridden_out out.
//!
//! A run that began on A reaches n days on A + n, if that many days of it are completed by then; a year is the
//! calendar's, so that a run from 29 February reaches its first on 28 February. Days need not follow each other for
//! the cumulative milestones; there, a year has 365 days and half of one 183 (18 months: 548).
//!
//! Earned is for ever: what lies on a later day changes no milestone that was reached before. Only a correction of
//! the days themselves does, since the milestones are read off the record each time.

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
/// Milestones in months, before those of each further year.
pub const MONTHS: [u32; 3] = [12, 18, 24];
/// Milestones in urges ridden_out out.
pub const URGES: [i64; 6] = [1, 5, 10, 25, 50, 100];
/// The last year that has a milestone.
const LAST_YEAR: u32 = 300;

/// What a milestone counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneUnit {
    /// Completed days.
    Days,
    /// Months: 12, 18, and whole years.
    Months,
    /// Urges ridden_out out.
    Urges,
}

/// A milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milestone {
    /// What it counts.
    pub unit: MilestoneUnit,
    /// How many.
    pub count: i64,
}

/// A milestone that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct EarnedMilestone {
    /// What it counts.
    pub unit: MilestoneUnit,
    /// How many.
    #[schema(minimum = 1)]
    pub count: i64,
    /// When it was reached first.
    pub earned_on: NaiveDate,
    /// When it was reached last.
    pub last_earned_on: NaiveDate,
    /// How often: once in each run that was long enough.
    #[schema(minimum = 1)]
    pub times: i64,
}

/// The milestone that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextMilestone {
    /// What it counts.
    pub unit: MilestoneUnit,
    /// How many.
    #[schema(minimum = 1)]
    pub count: i64,
    /// The date on which it is reached if every day until then stays without use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<NaiveDate>,
    /// Days until then, or urges.
    #[schema(minimum = 0)]
    pub remaining: i64,
}

/// Milestones of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MilestoneTrack {
    /// What was reached, smallest first.
    #[schema(max_items = 400)]
    pub earned: Vec<EarnedMilestone>,
    /// What comes next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextMilestone>,
}

/// Milestones of a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GoalMilestones {
    /// The goal.
    pub goal_id: Uuid,
    /// What it is about.
    pub substance: Substance,
    /// The person's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// In one run.
    pub run: MilestoneTrack,
    /// In all days without use, whatever lies between them.
    pub cumulative: MilestoneTrack,
}

/// What was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Milestones {
    /// By goal, active ones first, then the newest.
    #[schema(max_items = 100)]
    pub goals: Vec<GoalMilestones>,
    /// How many urges passed without use.
    #[schema(minimum = 0)]
    pub urges_ridden_out: usize,
    /// Urges ridden_out out.
    pub urges: MilestoneTrack,
}

/// Every milestone of a run that begins on a day, in order, each with its date.
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

/// Every milestone of cumulative days, in order, with the days that it needs.
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

/// What was reached.
pub fn milestones(facts: &Facts, as_of: &AsOf) -> Insight<Milestones> {
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

/// The last date by which a run can have reached something: the day behind its last completed one.
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
                Some(known) => {
                    known.times += 1;
                    known.last_earned_on = on;
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

/// Whether the goal is still being lived: it has begun to count or will, and has not ended.
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
    let mut waiting = cumulative_milestones().peekable();
    let mut before = 0;
    for run in course.runs() {
        let days = run.days.min(days_between(run.from, course.boundary));
        while let Some((milestone, needed)) = waiting.next_if(|(_, needed)| *needed <= before + days) {
            earned.push(first_earned(milestone, add_days(run.from, needed - before)));
        }
        before += days;
    }
    let from = course.run_from().max(course.boundary);
    MilestoneTrack {
        earned,
        next: waiting
            .next()
            .filter(|_| is_ongoing(course))
            .map(|(milestone, needed)| NextMilestone {
                unit: milestone.unit,
                count: milestone.count,
                on: Some(add_days(from, needed - before)),
                remaining: needed - before,
            }),
    }
}

/// The dates of the urges that passed without use, in their order.
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
    let have = i64::try_from(ridden_out.len()).unwrap_or(i64::MAX);
    let on = |count: i64| usize::try_from(count - 1).ok().and_then(|n| ridden_out.get(n));
    MilestoneTrack {
        earned: URGES
            .into_iter()
            .filter_map(|count| Some(first_earned(Milestone { unit, count }, *on(count)?)))
            .collect(),
        next: URGES
            .into_iter()
            .find(|count| *count > have)
            .map(|count| NextMilestone {
                unit,
                count,
                on: None,
                remaining: count - have,
            }),
    }
}
