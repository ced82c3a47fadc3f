//! The members of the figures on cravings, triggers and strategies, and of series, that others see.

use super::{INTERVAL, SHARE, shown, with};
use crate::sharing::{
    DataClass::{CheckIns, Use},
    member::Member,
};

/// Members of a series.
pub(super) const SERIES: &[Member] = &[shown("metric"), shown("bucket"), shown("points").of(POINT)];

/// Members of a point.
const POINT: &[Member] = &[
    shown("from"),
    shown("to"),
    shown("n"),
    shown("mean"),
    shown("median"),
    shown("min"),
    shown("max"),
    shown("sum"),
];

/// Members of the figures on cravings.
pub(super) const CRAVINGS: &[Member] = &[
    shown("events"),
    shown("trend").of(TREND),
    shown("heat_map").of(HEAT_MAP_DAY),
    shown("durations").of(DURATIONS),
    with("outcomes", &[Use]).of(OUTCOMES),
    shown("peaks").of(PEAKS),
];

/// Members of the trend.
pub(super) const TREND: &[Member] = &[
    shown("direction"),
    shown("slope_per_day"),
    shown("p_value"),
    shown("observed_days"),
    shown("from"),
    shown("to"),
];

/// Members of a day of the week.
const HEAT_MAP_DAY: &[Member] = &[shown("weekday"), shown("hours")];

/// Members of the durations.
const DURATIONS: &[Member] = &[
    shown("n"),
    shown("median_minutes"),
    shown("mean_minutes"),
    shown("shortest_minutes"),
    shown("longest_minutes"),
];

/// Members of the outcomes.
const OUTCOMES: &[Member] = &[
    shown("rode_it_out"),
    shown("used"),
    shown("unsure"),
    shown("ongoing"),
    shown("ridden_out_share").of(SHARE),
];

/// Members of the peaks.
const PEAKS: &[Member] = &[shown("mean"), shown("median"), shown("highest")];

/// Members of the figures on triggers.
pub(super) const TRIGGERS: &[Member] = &[
    shown("events"),
    with("use_share", &[Use]).of(SHARE),
    shown("triggers").of(TRIGGER),
    shown("situations").of(SITUATION),
];

/// Members of a trigger.
const TRIGGER: &[Member] = &[
    shown("trigger_id"),
    shown("label"),
    with("noticed_in_check_ins", &[CheckIns]),
    shown("figures").of(FIGURES),
];

/// Members of a kind of situation.
const SITUATION: &[Member] = &[shown("category"), shown("figures").of(FIGURES)];

/// Members of the figures of a trigger. Whether use followed needs that class.
const FIGURES: &[Member] = &[
    shown("events"),
    shown("share").of(SHARE),
    with("known_outcomes", &[Use]),
    with("used", &[Use]),
    with("use_share", &[Use]).of(SHARE),
    with("use_share_without", &[Use]).of(SHARE),
    with("use_ratio", &[Use]).of(USE_RATIO),
];

/// Members of a ratio of use.
const USE_RATIO: &[Member] = &[
    shown("value"),
    shown("interval").of(INTERVAL),
    shown("p_value"),
    shown("may_be_chance"),
];

/// Members of the figures on strategies.
pub(super) const STRATEGIES: &[Member] = &[
    shown("strategies").of(STRATEGY),
    shown("unrated").of(UNRATED_STRATEGY),
];

/// Members of a strategy with ratings.
const STRATEGY: &[Member] = &[
    shown("strategy").of(STRATEGY_NAME),
    shown("uses"),
    shown("rated"),
    shown("helped"),
    shown("raw_mean_drop"),
    shown("raw_median_drop"),
    shown("comparison"),
    shown("compared"),
    shown("adjusted_drop"),
    shown("interval").of(INTERVAL),
    shown("score"),
];

/// Members of a strategy without ratings.
const UNRATED_STRATEGY: &[Member] = &[
    shown("strategy").of(STRATEGY_NAME),
    shown("uses"),
    shown("helped"),
];

/// Members of the name of a strategy.
pub(super) const STRATEGY_NAME: &[Member] = &[shown("strategy_id"), shown("practice"), shown("label")];
