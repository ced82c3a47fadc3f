//! The oracle of stopping at once.

use chrono::{NaiveDate, TimeDelta};

use super::{Oracle, days_of};
use crate::{
    goal::{GoalKind, GoalStatus},
    insight::calendar::add_days,
    use_event::UseEvent,
    value::{
        amount::{Amount, AmountUnit, UnitMembers},
        vocabulary::Substance,
    },
};

/// The use of one day.
struct Day {
    is_used: bool,
    is_known: bool,
    grams: f64,
}

impl Day {
    fn is_heavy(&self) -> bool {
        self.is_used && (!self.is_known || self.grams > 55.999_999)
    }
}

impl Oracle<'_> {
    fn grams(&self, amount: Amount, unit: UnitMembers<'_>) -> Option<f64> {
        let of_one = match unit.unit? {
            AmountUnit::StandardDrink => self.as_of.standard_drink_g.unwrap_or(20.0),
            AmountUnit::G => 1.0,
            AmountUnit::Ml => unit.abv?.get() / 100.0 * 0.789,
            _ => return None,
        };
        Some(amount.get() * of_one)
    }

    fn day(&self, substance: Substance, day: NaiveDate) -> Day {
        let uses = self.uses().into_iter().map(|(_, event)| event);
        let of_day: Vec<&UseEvent> = uses
            .filter(|u| u.substance == substance && (substance == Substance::Sedative || !u.as_prescribed))
            .filter(|u| days_of(u).contains(&day))
            .collect();
        self.of_events(substance, &of_day)
    }

    /// Adds up the parts that events have in one of their days.
    fn of_events(&self, substance: Substance, of_day: &[&UseEvent]) -> Day {
        let grams: Vec<Option<f64>> = (of_day.iter())
            .map(|u| {
                let days = f64::from(u32::try_from(days_of(u).len()).unwrap());
                Some(self.grams(u.amount?, u.unit_members())? / days)
            })
            .collect();
        Day {
            is_used: !of_day.is_empty(),
            is_known: substance != Substance::Sedative && !grams.contains(&None),
            grams: grams.into_iter().flatten().sum(),
        }
    }

    /// Returns whether daily use (for alcohol: heavy use) stopped at once within the last days.
    pub(super) fn has_stopped(&self, substance: Substance, within: i64) -> bool {
        let today = self.as_of.today();
        let goes_on = self.just_used(substance).is_heavy();
        let by_events = (1..=within).any(|back| {
            let week: Vec<Day> = (back..back + 7)
                .map(|back| self.day(substance, add_days(today, -back)))
                .collect();
            week[0].is_used && is_heavy_daily(&week)
        });
        (by_events && !goes_on) || self.has_new_goal(substance, within)
    }

    /// Returns what of today's use ended in the last twelve hours, as a day of its own.
    fn just_used(&self, substance: Substance) -> Day {
        let first = self.as_of.at - TimeDelta::hours(12);
        let uses = self.uses().into_iter().map(|(_, event)| event);
        let last: Vec<&UseEvent> = uses
            .filter(|u| u.substance == substance && (substance == Substance::Sedative || !u.as_prescribed))
            .filter(|u| u.ended_at.unwrap_or(u.occurred_at).to_utc() > first)
            .filter(|u| days_of(u).iter().any(|day| *day >= self.as_of.today()))
            .collect();
        self.of_events(substance, &last)
    }

    fn has_new_goal(&self, substance: Substance, within: i64) -> bool {
        let today = self.as_of.today();
        let is_sedative = substance == Substance::Sedative;
        let last = self.just_used(substance);
        let goes_on = last.is_heavy() && (is_sedative || last.is_known);
        self.facts.goals.iter().map(|goal| &goal.record).any(|goal| {
            let units = goal.baseline.as_ref().and_then(|b| b.units_per_day);
            let is_new = (0..=within).any(|back| add_days(today, -back) == goal.started_on);
            let is_active_abstinence = goal.substance == substance
                && goal.kind == GoalKind::Abstain
                && goal.status == GoalStatus::Active;
            let may_be_heavy = units.is_some_and(|units| {
                let grams = self.grams(units, goal.unit_members());
                units.get() > 0.0 && (is_sedative || grams.is_none_or(|grams| grams >= 56.0))
            });
            is_active_abstinence && is_new && may_be_heavy && (goal.started_on == today || !goes_on)
        })
    }
}

/// Returns whether five days of a week are used, and four of them are heavy or any five are in the mean.
fn is_heavy_daily(week: &[Day]) -> bool {
    let used: Vec<&Day> = week.iter().filter(|day| day.is_used).collect();
    let heavy = used.iter().filter(|day| day.is_heavy()).count();
    let is_unknown = used.iter().any(|day| !day.is_known);
    let has_heavy_five = (0..1_u32 << used.len()).any(|chosen| {
        let of_chosen = (used.iter().enumerate()).filter(|(n, _)| chosen >> n & 1 == 1);
        let sum: f64 = of_chosen.map(|(_, day)| day.grams).sum();
        chosen.count_ones() == 5 && sum > 279.999_999
    });
    used.len() >= 5 && (heavy >= 4 || is_unknown || has_heavy_five)
}
