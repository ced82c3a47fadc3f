//! Counts the days and weeks within the limits of a goal that allows some use.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    amount::{has_reached, in_unit_of_goal, is_above},
    calendar::{DaySet, Span, add_days, days_between, days_in},
    course::Course,
    facts::{AsOf, Facts, use_span},
};
use crate::{goal::Goal, use_event::UseEvent};

/// Number of days or weeks within a limit, above it, and unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitCount {
    /// Completed days or weeks to which a limit applies.
    #[schema(minimum = 0)]
    pub n: i64,
    /// Number of those within the limit. Without a report, no use is assumed.
    #[schema(minimum = 0)]
    pub within: i64,
    /// Number of those above the limit. The known amounts alone are above it; others may be missing.
    #[schema(minimum = 0)]
    pub over: i64,
    /// Number of those with use whose amount in the goal's unit is not known: it is missing, or its unit cannot
    /// be compared with that of the goal. Such a day or week is neither within the limit nor above it, unless its known
    /// amounts are above it already.
    #[schema(minimum = 0)]
    pub unknown: i64,
}

/// Days and weeks within the limits of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct WithinLimits {
    /// Days, if there is a limit per day or a taper. Where both apply, the smaller one counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<LimitCount>,
    /// Whole weeks of the person's calendar, if there is a limit per week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weeks: Option<LimitCount>,
    /// Heavy days, if the goal says how many units make a day heavy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub heavy_days: Option<i64>,
    /// Days with use whose amount in the goal's unit is not known, so that they may be heavy; beside
    /// `heavy_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub heavy_days_unknown: Option<i64>,
}

/// The amounts of a goal's substance by day, in the goal's unit.
struct DailyAmounts {
    /// Known units by day. An event that spans midnight counts on its first day.
    by_day: BTreeMap<NaiveDate, f64>,
    /// Days on which an amount is not known, so that there was more than the known units.
    unknown: DaySet,
}

impl DailyAmounts {
    /// The known units of a day.
    fn of(&self, day: NaiveDate) -> f64 {
        self.by_day.get(&day).copied().unwrap_or(0.0)
    }

    /// Counts the days of an interval with an unknown amount, but for those of which the known units are enough to
    /// decide.
    fn count_unknown(&self, span: Span, is_decided: impl Fn(NaiveDate, f64) -> bool) -> i64 {
        let decided = self.by_day.range(span.0..=span.1);
        let decided =
            decided.filter(|(day, units)| self.unknown.contains(**day) && is_decided(**day, **units));
        self.unknown.count(span) - i64::try_from(decided.count()).unwrap_or(i64::MAX)
    }
}

fn daily_amounts<'a>(
    events: impl Iterator<Item = &'a UseEvent>,
    goal: &Goal,
    standard_drink_g: Option<f64>,
) -> DailyAmounts {
    let (mut by_day, mut unknown) = (BTreeMap::new(), Vec::new());
    for event in events {
        let (day, last) = use_span(event);
        match in_unit_of_goal(event, goal, standard_drink_g) {
            Some(units) => *by_day.entry(day).or_insert(0.0) += units,
            None => unknown.push((day, last)),
        }
    }
    DailyAmounts {
        by_day,
        unknown: DaySet::from_spans(unknown),
    }
}

/// Returns the maximum units on a day: the smaller of the limit per day and the taper step of that day.
/// `None` if neither applies.
pub fn day_limit(goal: &Goal, day: NaiveDate) -> Option<f64> {
    let daily = goal.limits.as_ref().and_then(|limits| limits.units_per_day);
    let step = goal.taper.iter().rev().find(|step| step.from <= day);
    let step = step.map(|step| step.max_units_per_day.get());
    match (daily.map(crate::value::amount::Amount::get), step) {
        (Some(daily), Some(step)) => Some(daily.min(step)),
        (daily, step) => daily.or(step),
    }
}

/// Returns whether the use of a day is known to be within the limit that the goal sets for that day. A goal says
/// nothing of a day before its first or after its last.
pub fn is_use_within_limit(goal: &Goal, day: NaiveDate, facts: &Facts, as_of: &AsOf) -> bool {
    let events_of_day = facts
        .counted_uses()
        .map(|event| &event.record)
        .filter(|event| event.substance == goal.substance)
        .filter(|event| (use_span(event).0..=use_span(event).1).contains(&day));
    let amounts = daily_amounts(events_of_day, goal, as_of.standard_drink_g);
    let limit = day_limit(goal, day).filter(|_| goal.holds_on(day));
    !amounts.unknown.contains(day) && limit.is_some_and(|limit| !is_above(amounts.of(day), limit))
}

/// Returns the first day of the week that contains a day. `week_start` is 1 for Monday to 7 for Sunday.
pub fn first_day_of_week(day: NaiveDate, week_start: u8) -> NaiveDate {
    let days_past_start = i64::from(day.weekday().number_from_monday()) - i64::from(week_start);
    add_days(day, -days_past_start.rem_euclid(7))
}

/// Counts the days and weeks within the limits of a goal. `None` if it has no limits.
pub fn within_limits(goal: &Goal, course: &Course, facts: &Facts, as_of: &AsOf) -> Option<WithinLimits> {
    let limits = goal.limits.clone().unwrap_or_default();
    let has_day_limit = limits.units_per_day.is_some() || !goal.taper.is_empty();
    if !has_day_limit && limits.units_per_week.is_none() && limits.heavy_day_units.is_none() {
        return None;
    }
    let events = facts
        .counted_uses()
        .map(|event| &event.record)
        .filter(|event| event.substance == goal.substance);
    let amounts = daily_amounts(events, goal, as_of.standard_drink_g);
    let completed = course.completed();
    let in_course = |day: NaiveDate| completed.is_some_and(|(from, to)| from <= day && day <= to);
    Some(WithinLimits {
        days: has_day_limit.then(|| days_within(goal, &amounts, completed)),
        weeks: limits
            .units_per_week
            .map(|limit| weeks_within(limit.get(), &amounts, completed, as_of.week_start)),
        heavy_days: limits.heavy_day_units.map(|heavy| {
            let is_heavy =
                |(day, units): &(&NaiveDate, &f64)| in_course(**day) && has_reached(**units, heavy.get());
            i64::try_from(amounts.by_day.iter().filter(is_heavy).count()).unwrap_or(i64::MAX)
        }),
        heavy_days_unknown: limits.heavy_day_units.map(|heavy| {
            let is_heavy = |_, units| has_reached(units, heavy.get());
            completed.map_or(0, |span| amounts.count_unknown(span, is_heavy))
        }),
    })
}

fn days_within(goal: &Goal, amounts: &DailyAmounts, completed: Option<Span>) -> LimitCount {
    let has_daily_limit = goal
        .limits
        .as_ref()
        .is_some_and(|limits| limits.units_per_day.is_some());
    let first_step = goal.taper.first().map(|step| step.from);
    let days_with_limit = completed.and_then(|(from, to)| {
        let from = if has_daily_limit {
            from
        } else {
            from.max(first_step?)
        };
        (from <= to).then_some((from, to))
    });
    let Some((from, to)) = days_with_limit else {
        return LimitCount::default();
    };
    let is_over = |day, units| day_limit(goal, day).is_some_and(|limit| is_above(units, limit));
    let days = amounts.by_day.range(from..=to);
    let over = days.filter(|(day, units)| is_over(**day, **units)).count();
    limit_count(
        days_in((from, to)),
        over,
        amounts.count_unknown((from, to), is_over),
    )
}

fn weeks_within(limit: f64, amounts: &DailyAmounts, completed: Option<Span>, week_start: u8) -> LimitCount {
    let Some((from, to)) = completed else {
        return LimitCount::default();
    };
    // Only weeks whose seven days are all completed.
    let first = first_day_of_week(add_days(from, 6), week_start);
    let last = add_days(first_day_of_week(add_days(to, 1), week_start), -1);
    if last < first {
        return LimitCount::default();
    }
    let unknown = DaySet::from_spans(amounts.unknown.within((first, last)).map(|(a, b)| {
        (
            first_day_of_week(a, week_start),
            add_days(first_day_of_week(b, week_start), 6),
        )
    }));
    let mut by_week: BTreeMap<NaiveDate, f64> = BTreeMap::new();
    for (day, units) in amounts.by_day.range(first..=last) {
        *by_week.entry(first_day_of_week(*day, week_start)).or_insert(0.0) += units;
    }
    let over: Vec<NaiveDate> = (by_week.into_iter())
        .filter(|(_, units)| is_above(*units, limit))
        .map(|(week, _)| week)
        .collect();
    // A week that is above the limit without the unknown amount is above it with it.
    let over_anyway = over.iter().filter(|week| unknown.contains(**week)).count();
    let weeks = (days_between(first, last) + 1) / 7;
    let unknown_weeks = unknown.count((first, last)) / 7 - i64::try_from(over_anyway).unwrap_or(i64::MAX);
    limit_count(weeks, over.len(), unknown_weeks)
}

fn limit_count(n: i64, over: usize, unknown: i64) -> LimitCount {
    let over = i64::try_from(over).unwrap_or(i64::MAX);
    LimitCount {
        n,
        within: n - over - unknown,
        over,
        unknown,
    }
}
