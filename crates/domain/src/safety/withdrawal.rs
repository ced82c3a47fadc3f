//! Alcohol or sedatives stopped at once after heavy daily use.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};

use super::situation::{SafetyInput, Situation};
use crate::{
    goal::{Goal, GoalKind, GoalStatus},
    insight::{
        calendar::{Span, add_days, days_between, days_in},
        facts::{WithId, use_span},
        statistics::days_as_f64,
    },
    record::Kind,
    reference::standard_drink::ethanol_grams,
    use_event::UseEvent,
    value::{amount::UnitMembers, timestamp::Timestamp, vocabulary::Substance},
};

/// Duration in days of alcohol withdrawal.
const ALCOHOL_DAYS: i64 = 7;
/// Duration in days of sedative withdrawal.
const SEDATIVE_DAYS: i64 = 14;
/// Number of hours after the end of a use in which it may go on. Signs of withdrawal begin 6 to 24 hours after the last
/// drink (American Society of Addiction Medicine, 2020).
const JUST_USED_HOURS: i64 = 12;
/// Minimum number of days of use, in the seven days up to the last one, that count as daily use.
const MIN_DAYS_OF_DAILY_USE: usize = 5;
/// Minimum number of heavy days among them. Most of the days of daily use: one or two lighter days do not make stopping
/// safer, and three heavy days of five are a long weekend rather than daily heavy use.
const MIN_HEAVY_DAYS: usize = 4;
/// Grams of ethanol a day that count as heavy drinking: four standard drinks of the United States, the lower of the
/// figures of the NIAAA.
const HEAVY_G: f64 = 56.0;
/// Grams of ethanol on [`MIN_DAYS_OF_DAILY_USE`] heavy days.
const HEAVY_DAYS_G: f64 = 5.0 * HEAVY_G;
/// Grams below these that are still as much: an amount that is spread over days is not exact.
const TOLERANCE_G: f64 = 1e-6;
/// Grams of ethanol in the largest standard drink of any country. It is assumed where the country is not known.
const LARGEST_STANDARD_DRINK_G: f64 = 20.0;

/// Returns the inputs of heavy daily use of alcohol or sedatives that stopped a few days ago. They are use events, or
/// otherwise a new goal with a heavy daily baseline. Empty if there was no such use.
pub(super) fn stopped_at_once(situation: &Situation<'_>, substance: Substance) -> Vec<SafetyInput> {
    let days = if substance == Substance::Alcohol {
        ALCOHOL_DAYS
    } else {
        SEDATIVE_DAYS
    };
    // Prescribed sedatives must not be stopped at once either, so they count too.
    let events: Vec<_> = situation
        .all_uses()
        .filter(|event| event.record.substance == substance)
        .filter(|event| !event.record.as_prescribed || substance == Substance::Sedative)
        .collect();
    let daily = DailyAmounts::of(situation, &events, add_days(situation.today(), -days - 6));
    if let Some(week) = daily.last_week_of_heavy_use(situation.today(), days) {
        return (events.iter())
            .filter(|event| use_span(&event.record).1 >= week.0)
            .map(|event| SafetyInput::of_use(event, "occurred_at"))
            .collect();
    }
    (situation.facts.goals.iter())
        .filter(|goal| goal.record.substance == substance)
        .filter(|goal| !daily.goes_on_after(goal.record.started_on, situation.today(), substance))
        .filter_map(|goal| new_goal_with_heavy_baseline(situation, goal, days))
        .collect()
}

/// The amounts that were used on each day of use from a first day on: grams of ethanol, or infinite if an amount is not
/// known. Any amount of sedatives is.
struct DailyAmounts {
    by_day: BTreeMap<NaiveDate, f64>,
    /// The amount of today that ended so short ago that the use may go on.
    just_used: f64,
}

impl DailyAmounts {
    /// Adds up the amounts. That of an event of several days is spread over its days evenly.
    fn of(situation: &Situation<'_>, events: &[&WithId<UseEvent>], first: NaiveDate) -> Self {
        let (mut daily, mut just_used) = (BTreeMap::new(), 0.0);
        // A use of today was on a later date if it was recorded further east.
        let last = add_days(situation.today(), 2);
        for event in events {
            let span = use_span(&event.record);
            let a_day =
                event_grams(situation, &event.record).unwrap_or(f64::INFINITY) / days_as_f64(days_in(span));
            let end = event.record.ended_at.unwrap_or(event.record.occurred_at);
            // A date says little of a night: what ended at two in the morning is of today, and may have been the last.
            let is_short_ago = situation.as_of.at - end.to_utc() < TimeDelta::hours(JUST_USED_HOURS);
            if is_short_ago && span.1 >= situation.today() {
                just_used += a_day;
            }
            let (from, to) = (span.0.max(first), span.1.min(last));
            for n in 0..days_in((from, to)) {
                *daily.entry(add_days(from, n)).or_insert(0.0) += a_day;
            }
        }
        Self {
            by_day: daily,
            just_used,
        }
    }

    /// Returns the week up to the last day of heavy daily use, if that day was 1 to `days` days ago and there was no heavy
    /// use of today in the last 12 hours. Neither lighter days after it nor a single heavy one make it safe: much less from one day to the next
    /// is as dangerous as nothing.
    fn last_week_of_heavy_use(&self, today: NaiveDate, days: i64) -> Option<Span> {
        let before_today = add_days(today, -days)..today;
        let goes_on = is_heavy(self.just_used);
        (self.by_day.range(before_today).rev())
            .map(|(last, _)| (add_days(*last, -6), *last))
            .find(|week| !goes_on && self.is_heavy_daily(*week))
    }

    /// Whether a week has heavy daily use: use on five days or more, of which four are heavy, or the five heaviest are in
    /// the mean. An amount that is not known may be any, so it makes the mean heavy.
    fn is_heavy_daily(&self, (from, to): Span) -> bool {
        let mut amounts: Vec<f64> = self.by_day.range(from..=to).map(|(_, amount)| *amount).collect();
        amounts.sort_by(|one, other| other.total_cmp(one));
        amounts.truncate(MIN_DAYS_OF_DAILY_USE);
        let heavy_days = amounts.iter().filter(|amount| is_heavy(**amount)).count();
        let sum: f64 = amounts.iter().sum();
        amounts.len() == MIN_DAYS_OF_DAILY_USE
            && (heavy_days >= MIN_HEAVY_DAYS || sum >= HEAVY_DAYS_G - TOLERANCE_G)
    }

    /// Whether use goes on in spite of a goal that started on a day: a heavy amount of today in the last 12 hours, after
    /// that day.
    ///
    /// Use on the first day comes before the stop. A little on a later day is still much less than before, and an amount
    /// of alcohol that is not known may be little.
    fn goes_on_after(&self, started_on: NaiveDate, today: NaiveDate, substance: Substance) -> bool {
        let is_known = self.just_used.is_finite() || substance == Substance::Sedative;
        started_on < today && is_known && is_heavy(self.just_used)
    }
}

fn is_heavy(amount: f64) -> bool {
    amount >= HEAVY_G - TOLERANCE_G
}

/// Returns the grams of ethanol of an event. `None` if they are not known, and for sedatives.
fn event_grams(situation: &Situation<'_>, event: &UseEvent) -> Option<f64> {
    if event.substance == Substance::Alcohol {
        grams(situation, event.amount?.get(), event.unit_members())
    } else {
        None
    }
}

/// Grams of ethanol in an amount, if they are known. A standard drink of an unknown country is the largest.
fn grams(situation: &Situation<'_>, amount: f64, unit: UnitMembers<'_>) -> Option<f64> {
    let standard_drink_g = situation
        .as_of
        .standard_drink_g
        .unwrap_or(LARGEST_STANDARD_DRINK_G);
    ethanol_grams(amount, unit, Some(standard_drink_g))
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
