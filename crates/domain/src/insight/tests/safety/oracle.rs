//! An oracle of the safety notes, which counts days one by one and compares each record with each other.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::{
    craving_event::CravingEvent,
    goal::{GoalKind, GoalStatus},
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts},
        tests::abstinence::each_day,
    },
    safety::SafetyTopic,
    use_event::{Harm, UseEvent},
    value::{
        amount::{Amount, AmountUnit, UnitMembers},
        timestamp::Timestamp,
        vocabulary::{FeelsSafe, Substance},
    },
};

/// Finds the dangers of a record without medications.
pub struct Oracle<'a> {
    pub facts: &'a Facts,
    pub as_of: &'a AsOf,
}

impl Oracle<'_> {
    fn uses(&self) -> Vec<&UseEvent> {
        let uses = self.facts.uses.iter().map(|one| &one.record);
        uses.filter(|event| !event.entered_in_error).collect()
    }

    fn is_acute(&self, at: Timestamp) -> bool {
        at.to_utc() >= self.as_of.last_full_hour() - TimeDelta::hours(24)
    }

    fn is_in_last_days(&self, days: i64, day: NaiveDate) -> bool {
        day > add_days(self.as_of.today(), -days)
    }

    fn has_harm(&self, harm: Harm) -> bool {
        self.uses().iter().any(|event| {
            event.harm == Some(harm) && self.is_acute(event.ended_at.unwrap_or(event.occurred_at))
        })
    }

    fn is_unsafe(&self) -> bool {
        let check_ins = self.facts.check_ins.iter().map(|one| &one.record);
        let check_ins = check_ins.map(|one| (one.occurred_at, one.answers.feels_safe));
        let cravings = self.facts.cravings.iter().map(|one| &one.record);
        let mut answers: Vec<(Timestamp, FeelsSafe)> = (check_ins)
            .chain(cravings.map(|one| (one.occurred_at, one.feels_safe)))
            .filter_map(|(at, answer)| Some((at, answer?)))
            .filter(|(at, _)| self.is_acute(*at))
            .collect();
        answers.sort_by_key(|(at, _)| at.millis());
        let newest = answers.last().map(|(at, _)| at.millis());
        let says_so =
            (answers.iter()).any(|(at, answer)| Some(at.millis()) == newest && *answer != FeelsSafe::Yes);
        let mut responses = self.facts.responses.iter().map(|one| &one.record);
        says_so || responses.any(|one| !one.safety_notes.is_empty() && self.is_acute(one.occurred_at))
    }

    /// Returns whether two different depressants were used together.
    fn is_mixed(&self) -> bool {
        type Episode = (u8, bool, DateTime<Utc>, DateTime<Utc>, Vec<NaiveDate>, bool);
        let family = |substance: Substance| match substance {
            Substance::Alcohol => Some(0),
            Substance::Sedative => Some(1),
            other => other.is_opioid().then_some(2),
        };
        let mut episodes: Vec<Episode> = Vec::new();
        for event in self.uses() {
            if let Some(family) = family(event.substance) {
                let (from, to) = (event.occurred_at, event.ended_at.unwrap_or(event.occurred_at));
                let days = days_of(event);
                episodes.push((family, true, from.to_utc(), to.to_utc(), days, self.is_acute(to)));
            }
        }
        for event in self.facts.cravings.iter().map(|one| &one.record) {
            if let Some(family) = event.substance.and_then(family) {
                let at = event.occurred_at;
                let days = vec![at.local_date()];
                episodes.push((family, false, at.to_utc(), at.to_utc(), days, self.is_acute(at)));
            }
        }
        episodes.iter().any(|a| {
            episodes.iter().any(|b| {
                let is_near = a.2.max(b.2) - a.3.min(b.3) <= TimeDelta::hours(12);
                let shares_date = a.4.iter().any(|day| b.4.contains(day));
                a.0 != b.0 && (a.1 || b.1) && (a.5 || b.5) && (is_near || shares_date)
            })
        })
    }

    fn is_tolerance_lower(&self) -> bool {
        let today = self.as_of.today();
        let uses = self.uses();
        let opioids: Vec<&&UseEvent> = (uses.iter())
            .filter(|u| u.substance.is_opioid() && !u.as_prescribed)
            .collect();
        let dates: BTreeSet<NaiveDate> = opioids.iter().flat_map(|u| days_of(u)).collect();
        let is_after_days_without = |day: NaiveDate| {
            self.is_in_last_days(7, day) && (1..=3).all(|back| !dates.contains(&add_days(day, -back)))
        };
        let has_goal = (self.facts.goals.iter()).any(|goal| goal.record.substance.is_opioid());
        // The random use is never older than four weeks.
        let is_about_opioids = has_goal || !dates.is_empty();
        let cravings: Vec<&CravingEvent> = self.facts.cravings.iter().map(|one| &one.record).collect();
        let craved = cravings.iter().any(|event| {
            event.substance.map_or(is_about_opioids, Substance::is_opioid)
                && is_after_days_without(event.occurred_at.local_date())
        });
        let named: Vec<Substance> = cravings.iter().filter_map(|event| event.substance).collect();
        let is_unknown =
            self.facts.goals.is_empty() && named.is_empty() && uses.iter().all(|event| event.as_prescribed);
        let may_use = is_unknown || is_about_opioids || named.iter().any(|one| one.is_opioid());
        let left = (self.facts.transitions.iter().map(|one| &one.record)).any(|one| {
            let is_stay = matches!(&*one.from_level, "jail" | "Residential");
            is_stay && (0..=28).any(|back| add_days(today, -back) == one.discharged_on)
        });
        opioids
            .iter()
            .any(|event| is_after_days_without(days_of(event)[0]))
            || craved
            || (left && may_use)
    }

    fn may_hold_fentanyl(&self) -> bool {
        use Substance::{Cocaine, OpioidPrescription, Sedative};
        let is_risky = |substance| matches!(substance, Cocaine | OpioidPrescription | Sedative);
        let used = self.uses().iter().any(|event| {
            let is_pill = event.unit == Some(AmountUnit::Pill) && event.substance != Substance::Alcohol;
            let last = *days_of(event).last().unwrap();
            !event.as_prescribed && (is_risky(event.substance) || is_pill) && self.is_in_last_days(7, last)
        });
        let mut cravings = self.facts.cravings.iter().map(|one| &one.record);
        used || cravings.any(|event| {
            event.substance.is_some_and(is_risky) && self.is_in_last_days(7, event.occurred_at.local_date())
        })
    }

    fn grams(&self, amount: Amount, unit: UnitMembers<'_>) -> Option<f64> {
        let of_one = match unit.unit? {
            AmountUnit::StandardDrink => self.as_of.standard_drink_g.unwrap_or(20.0),
            AmountUnit::G => 1.0,
            AmountUnit::Ml => unit.abv?.get() / 100.0 * 0.789,
            _ => return None,
        };
        Some(amount.get() * of_one)
    }

    /// Returns whether daily use (for alcohol: heavy use) stopped at once within the last days.
    fn has_stopped(&self, substance: Substance, within: i64) -> bool {
        let today = self.as_of.today();
        let is_sedative = substance == Substance::Sedative;
        let uses: Vec<&UseEvent> = (self.uses().into_iter())
            .filter(|u| u.substance == substance && (is_sedative || !u.as_prescribed))
            .collect();
        let dates: BTreeSet<NaiveDate> = uses.iter().flat_map(|u| days_of(u)).collect();
        let last = dates.last().copied();
        let by_events = last.is_some_and(|last| {
            let week: Vec<NaiveDate> = (0..7).map(|back| add_days(last, -back)).collect();
            let days = week.iter().filter(|day| dates.contains(day)).count();
            let grams: Vec<Option<f64>> = (uses.iter().filter(|u| week.contains(&days_of(u)[0])))
                .map(|u| self.grams(u.amount?, u.unit_members()))
                .collect();
            let sum: f64 = grams.iter().flatten().sum();
            let may_be_heavy =
                is_sedative || grams.contains(&None) || sum >= 56.0 * f64::from(u32::try_from(days).unwrap());
            (1..=within).any(|back| add_days(today, -back) == last) && days >= 5 && may_be_heavy
        });
        let by_goal = self.facts.goals.iter().map(|goal| &goal.record).any(|goal| {
            let units = goal.baseline.as_ref().and_then(|b| b.units_per_day);
            let is_new = (0..=within).any(|back| add_days(today, -back) == goal.started_on);
            let is_active_abstinence = goal.substance == substance
                && goal.kind == GoalKind::Abstain
                && goal.status == GoalStatus::Active;
            let may_be_heavy = units.is_some_and(|units| {
                let grams = self.grams(units, goal.unit_members());
                units.get() > 0.0 && (is_sedative || grams.is_none_or(|grams| grams >= 56.0))
            });
            is_active_abstinence && is_new && may_be_heavy && last.is_none_or(|last| last < goal.started_on)
        });
        by_events || by_goal
    }

    /// Returns the topics of the notes, in their order.
    pub fn topics(&self) -> Vec<SafetyTopic> {
        let expected = [
            (SafetyTopic::Overdose, self.has_harm(Harm::Overdose)),
            (SafetyTopic::Injury, self.has_harm(Harm::Injury)),
            (SafetyTopic::FeelingUnsafe, self.is_unsafe()),
            (SafetyTopic::MixedDepressants, self.is_mixed()),
            (SafetyTopic::OpioidTolerance, self.is_tolerance_lower()),
            (SafetyTopic::StreetSupply, self.may_hold_fentanyl()),
            (
                SafetyTopic::AlcoholWithdrawal,
                self.has_stopped(Substance::Alcohol, 7),
            ),
            (
                SafetyTopic::SedativeWithdrawal,
                self.has_stopped(Substance::Sedative, 14),
            ),
        ];
        expected
            .into_iter()
            .filter(|(_, holds)| *holds)
            .map(|(topic, _)| topic)
            .collect()
    }
}

fn days_of(event: &UseEvent) -> Vec<NaiveDate> {
    let from = event.occurred_at.local_date();
    each_day(
        from,
        event.ended_at.map_or(from, |end| end.local_date().max(from)),
    )
    .collect()
}
