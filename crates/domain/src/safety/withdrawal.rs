//! Alcohol or sedatives stopped at once after heavy daily use.

use chrono::NaiveDate;

use super::situation::{SafetyInput, Situation};
use crate::{
    goal::{Goal, GoalKind, GoalStatus},
    insight::{
        calendar::{DaySet, Span, add_days, days_between},
        facts::{WithId, use_span},
        statistics::days_as_f64,
    },
    record::Kind,
    reference::standard_drink::ethanol_grams,
    use_event::UseEvent,
    value::{timestamp::Timestamp, vocabulary::Substance},
};

/// Duration in days of alcohol withdrawal.
const ALCOHOL_DAYS: i64 = 7;
/// Duration in days of sedative withdrawal.
const SEDATIVE_DAYS: i64 = 14;
/// Minimum number of days of use, in the seven days up to the last one, that count as daily use.
const MIN_DAYS_OF_DAILY_USE: i64 = 5;
/// Grams of ethanol a day that count as heavy drinking: four standard drinks of the United States, the lower of the
/// figures of the NIAAA.
const HEAVY_G: f64 = 56.0;
/// Grams of ethanol in the largest standard drink of any country. It is assumed where the country is not known.
const LARGEST_STANDARD_DRINK_G: f64 = 20.0;

/// Returns the inputs of heavy daily use of alcohol or sedatives that stopped a few days ago. They are use events, or
/// otherwise a new goal with a heavy daily baseline. Empty if there was no such use.
pub(super) fn stopped_at_once(situation: &Situation<'_>, substance: Substance) -> Vec<SafetyInput> {
    let (today, days) = (
        situation.today(),
        if substance == Substance::Alcohol {
            ALCOHOL_DAYS
        } else {
            SEDATIVE_DAYS
        },
    );
    // Prescribed sedatives must not be stopped at once either, so they count too.
    let events: Vec<_> = situation
        .all_uses()
        .filter(|event| event.record.substance == substance)
        .filter(|event| !event.record.as_prescribed || substance == Substance::Sedative)
        .collect();
    let used = DaySet::from_spans(events.iter().map(|event| use_span(&event.record)));
    let last = used.last();
    if let Some(last) = last {
        let week = (add_days(last, -6), last);
        let has_stopped = (1..=days).contains(&days_between(last, today));
        let is_daily = used.count(week) >= MIN_DAYS_OF_DAILY_USE;
        if has_stopped && is_daily && may_be_heavy(situation, &events, week) {
            return (events.iter())
                .filter(|event| use_span(&event.record).1 >= week.0)
                .map(|event| SafetyInput::of_use(event, "occurred_at"))
                .collect();
        }
    }
    (situation.facts.goals.iter())
        .filter(|goal| goal.record.substance == substance)
        .filter(|goal| last.is_none_or(|last| last < goal.record.started_on))
        .filter_map(|goal| new_goal_with_heavy_baseline(situation, goal, days))
        .collect()
}

/// Grams of ethanol in an amount, if they are known. A standard drink of an unknown country is the largest.
fn grams(situation: &Situation<'_>, amount: f64, unit: crate::value::amount::UnitMembers<'_>) -> Option<f64> {
    let standard_drink_g = situation
        .as_of
        .standard_drink_g
        .unwrap_or(LARGEST_STANDARD_DRINK_G);
    ethanol_grams(amount, unit, Some(standard_drink_g))
}

/// Whether the use of a week was heavy, or may have been because an amount is not known. Any daily use of sedatives is.
fn may_be_heavy(situation: &Situation<'_>, events: &[&WithId<UseEvent>], (from, to): Span) -> bool {
    let in_week = |day: NaiveDate| (from..=to).contains(&day);
    let of_week = (events.iter()).filter(|event| in_week(use_span(&event.record).0));
    let known: Option<f64> = of_week
        .map(|event| grams(situation, event.record.amount?.get(), event.record.unit_members()))
        .sum();
    let days = DaySet::from_spans(events.iter().map(|event| use_span(&event.record))).count((from, to));
    let is_sedative = events
        .iter()
        .any(|event| event.record.substance == Substance::Sedative);
    is_sedative || known.is_none_or(|sum| sum >= HEAVY_G * days_as_f64(days))
}

/// Returns the baseline of a goal as input, if the goal stops daily use that may be heavy and began at most `days` days
/// ago.
fn new_goal_with_heavy_baseline(
    situation: &Situation<'_>,
    goal: &WithId<Goal>,
    days: i64,
) -> Option<SafetyInput> {
    let record = &goal.record;
    let units = record.baseline.as_ref()?.units_per_day?.get();
    let may_be_heavy = match record.substance {
        Substance::Alcohol => {
            let grams = grams(situation, units, record.unit_members());
            grams.is_none_or(|grams| grams >= HEAVY_G)
        }
        _ => true,
    };
    let is_active_abstinence = record.kind == GoalKind::Abstain && record.status == GoalStatus::Active;
    let is_new = (0..=days).contains(&days_between(record.started_on, situation.today()));
    (units > 0.0 && may_be_heavy && is_active_abstinence && is_new).then(|| SafetyInput {
        value: units,
        ..SafetyInput::fact(
            Kind::Goal,
            goal.id,
            "baseline.units_per_day",
            Timestamp::midnight(record.started_on),
        )
    })
}
