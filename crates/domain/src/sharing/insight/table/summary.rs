//! The members of the summary that others see.

use super::{
    SHARE,
    cravings::{STRATEGY_NAME, TREND},
    days::{DAYS_ABSTINENT, NEXT, SAVED},
    never, shown, with,
};
use crate::sharing::insight::warning::ALL_RULES;
use crate::sharing::{
    DataClass::{Abstinence, Cravings, Goals, Medications, Plans, Practice, Safety, Use, Warnings},
    member::Member,
};

/// Members of the summary: each part with the classes of its insight.
pub(super) const SUMMARY: &[Member] = &[
    with("goals", &[Abstinence]).of(SUMMARY_GOAL),
    with("urges_ridden_out", &[Abstinence, Cravings, Use]),
    with("craving_events", &[Cravings]),
    with("craving_trend", &[Cravings]).of(TREND),
    with("ridden_out_share", &[Cravings, Use]).of(SHARE),
    with("triggers", &[Cravings, Plans]).of(SUMMARY_TRIGGER),
    with("strategies", &[Cravings, Plans]).of(SUMMARY_STRATEGY),
    with("focus", &[Practice]),
    with("medications", &[Medications]).of(SUMMARY_MEDICATION),
    with("warnings", &[Warnings]).of(SUMMARY_WARNINGS),
];

/// Members of a goal in the summary.
const SUMMARY_GOAL: &[Member] = &[
    shown("goal_id"),
    shown("substance"),
    with("label", &[Goals]),
    shown("kind"),
    shown("days_completed"),
    shown("day_number"),
    shown("longest_days"),
    shown("cumulative_abstinent_days"),
    shown("last_30_days").of(DAYS_ABSTINENT),
    with("saved", &[Goals]).of(SAVED),
    shown("next_milestone").of(NEXT),
];

/// Members of a trigger in the summary.
const SUMMARY_TRIGGER: &[Member] = &[shown("trigger_id"), shown("label"), shown("events")];

/// Members of a strategy in the summary.
const SUMMARY_STRATEGY: &[Member] = &[
    shown("strategy").of(STRATEGY_NAME),
    shown("rated"),
    shown("raw_mean_drop"),
    shown("adjusted_drop"),
];

/// Members of a medication in the summary.
const SUMMARY_MEDICATION: &[Member] = &[shown("medication_id"), shown("name"), shown("proportion")];

/// Members of the early warnings in the summary. Numbers of rules need the classes of all rules.
const SUMMARY_WARNINGS: &[Member] = &[
    shown("rules_version"),
    shown("level"),
    never("score"),
    shown("fired").of(SUMMARY_FIRED),
    with("not_evaluable", ALL_RULES),
    with("muted", ALL_RULES),
    with("safety", &[Safety]).of(SUMMARY_SAFETY_NOTE),
];

/// Members of a rule that fired.
const SUMMARY_FIRED: &[Member] = &[shown("rule"), shown("stage"), shown("message")];

/// Members of a safety note.
const SUMMARY_SAFETY_NOTE: &[Member] = &[
    shown("topic"),
    shown("text"),
    shown("reviewed_by"),
    shown("reviewed_on"),
    shown("helplines").whole(),
];
