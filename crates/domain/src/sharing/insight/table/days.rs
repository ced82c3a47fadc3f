//! The members of days without use and of milestones that others see.

use super::{shown, with};
use crate::sharing::{
    DataClass::{CheckIns, Cravings, Goals, Use},
    member::Member,
};

/// Members of days without use.
pub(super) const ABSTINENCE: &[Member] = &[shown("goals").of(GOAL_ABSTINENCE)];

/// Members of the days of a goal.
const GOAL_ABSTINENCE: &[Member] = &[
    shown("goal_id"),
    shown("substance"),
    with("label", &[Goals]),
    shown("kind"),
    shown("status"),
    shown("started_on"),
    shown("ended_on"),
    shown("run_from"),
    shown("days_completed"),
    shown("day_number"),
    shown("longest_days"),
    shown("previous").of(RUN),
    shown("closed_runs"),
    shown("mean_closed_days"),
    shown("runs").of(RUN),
    shown("cumulative_abstinent_days"),
    shown("shares").of(DAYS_ABSTINENT),
    with("days_to_clarify", &[CheckIns, Use]),
    with("saved", &[Goals]).of(SAVED),
    with("within_limits", &[Goals, Use]).of(WITHIN_LIMITS),
];

/// Members of a run.
const RUN: &[Member] = &[shown("from"), shown("to"), shown("days"), shown("open")];

/// Members of a share of days.
pub(super) const DAYS_ABSTINENT: &[Member] = &[
    shown("window"),
    shown("days"),
    shown("assumed_days"),
    shown("confirmed_days"),
    shown("use_days"),
    shown("assumed_percent"),
    shown("confirmed_percent"),
    shown("coverage"),
];

/// Members of money and time saved.
pub(super) const SAVED: &[Member] = &[
    shown("days"),
    shown("cost_minor"),
    shown("currency"),
    shown("minutes"),
];

/// Members of days and weeks within limits.
const WITHIN_LIMITS: &[Member] = &[
    shown("days").of(LIMIT_COUNT),
    shown("weeks").of(LIMIT_COUNT),
    shown("heavy_days"),
    shown("heavy_days_unknown"),
];

/// Members of a number of days or weeks.
const LIMIT_COUNT: &[Member] = &[shown("n"), shown("within"), shown("over"), shown("unknown")];

/// Members of milestones. An urge is ridden out by the outcome of a craving.
pub(super) const MILESTONES: &[Member] = &[
    shown("goals").of(GOAL_MILESTONES),
    with("urges_ridden_out", &[Cravings, Use]),
    with("urges", &[Cravings, Use]).of(TRACK),
];

/// Members of the milestones of a goal.
const GOAL_MILESTONES: &[Member] = &[
    shown("goal_id"),
    shown("substance"),
    with("label", &[Goals]),
    shown("run").of(TRACK),
    shown("cumulative").of(TRACK),
];

/// Members of milestones of one kind.
const TRACK: &[Member] = &[shown("earned").of(EARNED), shown("next").of(NEXT)];

/// Members of a milestone that was reached.
const EARNED: &[Member] = &[
    shown("unit"),
    shown("count"),
    shown("earned_on"),
    shown("last_earned_on"),
    shown("times"),
];

/// Members of the next milestone.
pub(super) const NEXT: &[Member] = &[shown("unit"), shown("count"), shown("on"), shown("remaining")];
