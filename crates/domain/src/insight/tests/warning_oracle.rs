//! An oracle for early warnings: every rule of version 2 written again as plainly as the table in
//! `docs/insights.md`.

mod care;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use uuid::Uuid;

use super::{
    abstinence::{amounts_by_day, daily_limit},
    day_oracle::{answers, counted, date, dates, holds, is_explained, until_today},
    dosing::Regimen,
};
use crate::{
    check_in::{CheckIn, Used},
    goal::{Goal, GoalKind, GoalStatus},
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, WithId},
        warning::{Level, Rule},
    },
    use_event::UseEvent,
    value::{number::Rating, timestamp::Timestamp},
};

/// The record up to today that the oracle evaluates.
pub struct Oracle<'a> {
    as_of: &'a AsOf,
    facts: Facts,
    regimens: Vec<Regimen>,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    f64::midpoint(values[(n - 1) / 2], values[n / 2])
}

fn value(rating: Rating) -> f64 {
    f64::from(i32::try_from(rating.get()).unwrap())
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

impl<'a> Oracle<'a> {
    pub fn new(as_of: &'a AsOf, facts: &Facts, regimens: &[Regimen]) -> Self {
        Self {
            as_of,
            facts: until_today(facts, as_of),
            regimens: regimens
                .iter()
                .map(|regimen| regimen.until_today(as_of))
                .collect(),
        }
    }
}

impl Oracle<'_> {
    fn day(at: Timestamp) -> NaiveDate {
        date(at)
    }

    /// Returns whether a time is within the last `days` days. Today is one of them.
    fn is_recent(&self, at: Timestamp, days: i64) -> bool {
        Self::day(at) > add_days(self.as_of.today(), -days)
    }

    /// Returns whether a time is within the 28 days before the last seven.
    fn is_usual(&self, at: Timestamp) -> bool {
        let (today, day) = (self.as_of.today(), Self::day(at));
        (7..35).any(|back| day == add_days(today, -back))
    }

    /// Returns the moment `hours` hours before the last full hour.
    fn hours_ago(&self, hours: i64) -> DateTime<Utc> {
        let hour = self
            .as_of
            .at
            .with_minute(0)
            .unwrap()
            .with_second(0)
            .unwrap()
            .with_nanosecond(0)
            .unwrap();
        hour - TimeDelta::hours(hours)
    }

    fn is_within(&self, at: Timestamp, hours: i64) -> bool {
        at.to_utc() >= self.hours_ago(hours)
    }

    /// Returns the check-ins of the last `days` days, newest first.
    fn check_ins(&self, days: i64) -> Vec<&CheckIn> {
        let mut found: Vec<&WithId<CheckIn>> = self
            .facts
            .check_ins
            .iter()
            .filter(|c| self.is_recent(c.record.occurred_at, days))
            .collect();
        found.sort_by_key(|c| std::cmp::Reverse((c.record.occurred_at.to_utc(), c.id)));
        found.into_iter().map(|c| &c.record).collect()
    }

    fn usual_check_ins(&self) -> Vec<&CheckIn> {
        let all = self.facts.check_ins.iter().map(|c| &c.record);
        all.filter(|c| self.is_usual(c.occurred_at)).collect()
    }

    fn uses(&self) -> Vec<&UseEvent> {
        counted(&self.facts, self.as_of)
    }

    fn is_in_last_week(&self, day: NaiveDate) -> bool {
        (0..7).any(|back| day == add_days(self.as_of.today(), -back))
    }

    /// Returns whether use of a substance on a day is known to be within the limit of an active goal that holds on
    /// that day.
    fn is_allowed(&self, event: &UseEvent, day: NaiveDate) -> bool {
        let is_about = |goal: &&Goal| {
            goal.substance == event.substance
                && goal.kind != GoalKind::Abstain
                && goal.status == GoalStatus::Active
                && holds(goal, day)
        };
        self.facts
            .goals
            .iter()
            .map(|goal| &goal.record)
            .filter(is_about)
            .any(|goal| {
                let used = amounts_by_day(goal, &self.facts, self.as_of)
                    .remove(&day)
                    .unwrap_or_default();
                daily_limit(goal, day).is_some_and(|limit| !used.has_unknown && used.known <= limit)
            })
    }

    /// Returns the ids of the use events and check-ins that report use of the last seven days.
    pub fn recent_use(&self) -> BTreeSet<Uuid> {
        let events = self.facts.uses.iter().filter(|event| {
            let is_counted = !event.record.as_prescribed && !event.record.entered_in_error;
            let days = dates(&event.record, self.as_of);
            is_counted
                && days
                    .iter()
                    .any(|day| self.is_in_last_week(*day) && !self.is_allowed(&event.record, *day))
        });
        let said = answers(&self.facts, self.as_of).into_iter().filter(|answer| {
            answer.said == Used::Yes
                && self.is_in_last_week(answer.on)
                && !is_explained(answer, &self.facts, self.as_of)
        });
        events
            .map(|event| event.id)
            .chain(said.map(|answer| answer.check_in))
            .collect()
    }

    /// Counts how many of these signs were noticed in the last `days` days.
    fn signs(&self, signs: &[u128], days: i64) -> usize {
        let check_ins = self
            .facts
            .check_ins
            .iter()
            .map(|c| (c.record.occurred_at, c.record.warning_sign_ids.to_vec()));
        let uses = self
            .uses()
            .into_iter()
            .map(|e| (e.occurred_at, e.warning_sign_ids.to_vec()));
        let noticed: Vec<Uuid> = check_ins
            .chain(uses)
            .filter(|(at, _)| self.is_recent(*at, days))
            .flat_map(|(_, ids)| ids)
            .collect();
        signs
            .iter()
            .filter(|sign| noticed.contains(&Uuid::from_u128(**sign)))
            .count()
    }

    fn low_efficacy(&self) -> bool {
        let recent = self.check_ins(2);
        let Some(latest) = recent.iter().find_map(|c| c.answers.self_efficacy).map(value) else {
            return false;
        };
        let usual: Vec<f64> = self
            .usual_check_ins()
            .iter()
            .filter_map(|c| c.answers.self_efficacy)
            .map(value)
            .collect();
        latest <= 4.0 || usual.len() >= 7 && latest <= median(usual) - 3.0
    }

    /// Returns every rating of a craving: its time, whether it is a `craving_max`, and its value.
    fn cravings(&self) -> Vec<(Timestamp, bool, f64)> {
        let mut found = Vec::new();
        for event in &self.facts.cravings {
            let strongest = event
                .record
                .ratings
                .iter()
                .map(|rating| rating.value)
                .max()
                .unwrap();
            found.push((event.record.occurred_at, false, value(strongest)));
        }
        for c in &self.facts.check_ins {
            found.extend(
                c.record
                    .answers
                    .craving
                    .map(|v| (c.record.occurred_at, false, value(v))),
            );
            found.extend(
                c.record
                    .answers
                    .craving_max
                    .map(|v| (c.record.occurred_at, true, value(v))),
            );
        }
        found
    }

    fn craving_peak(&self) -> bool {
        let all = self.cravings();
        let strong = all.iter().any(|(at, _, v)| *v >= 8.0 && self.is_within(*at, 24));
        let twice = all
            .iter()
            .filter(|(at, again, v)| !again && *v >= 7.0 && self.is_within(*at, 48))
            .count();
        strong || twice >= 2
    }

    fn daily_maximum(&self, is_in: impl Fn(Timestamp) -> bool) -> Vec<f64> {
        let mut by_day: BTreeMap<NaiveDate, f64> = BTreeMap::new();
        for (at, _, v) in self.cravings().into_iter().filter(|(at, ..)| is_in(*at)) {
            let maximum = by_day.entry(Self::day(at)).or_insert(v);
            *maximum = maximum.max(v);
        }
        by_day.into_values().collect()
    }

    fn craving_rise(&self) -> bool {
        let usual = self.daily_maximum(|at| self.is_usual(at));
        let recent = self.daily_maximum(|at| self.is_recent(at, 3));
        usual.len() >= 7 && !recent.is_empty() && median(recent) >= median(usual) + 2.0
    }

    fn craving_frequency(&self) -> bool {
        let at: Vec<Timestamp> = self
            .facts
            .cravings
            .iter()
            .map(|event| event.record.occurred_at)
            .collect();
        let usual: Vec<Timestamp> = at.iter().copied().filter(|at| self.is_usual(*at)).collect();
        let check_in_times = self.usual_check_ins().into_iter().map(|c| c.occurred_at);
        let known_days: BTreeSet<NaiveDate> = usual
            .iter()
            .copied()
            .chain(check_in_times)
            .map(Self::day)
            .collect();
        let n = count(at.iter().filter(|at| self.is_recent(**at, 3)).count());
        known_days.len() >= 7 && n >= 3.0 && n >= 2.0 * (count(usual.len()) / 28.0 * 3.0)
    }

    fn risky_situation(&self) -> bool {
        let mut answers: Vec<(DateTime<Utc>, Uuid, f64)> = (self.facts.check_ins.iter())
            .filter(|c| self.is_within(c.record.occurred_at, 24))
            .filter_map(|c| {
                Some((
                    c.record.occurred_at.to_utc(),
                    c.id,
                    value(c.record.answers.risky_situation_expected?),
                ))
            })
            .collect();
        answers.sort_by_key(|(at, id, _)| (*at, *id));
        answers.last().is_some_and(|(_, _, v)| *v >= 7.0)
    }

    fn after_lapse(&self) -> bool {
        let recent = (self.uses().into_iter()).filter(|event| {
            dates(event, self.as_of)
                .into_iter()
                .any(|day| self.is_in_last_week(day))
        });
        recent.filter_map(|event| event.feelings.as_ref()).any(|f| {
            let heavy = f.guilt.is_some_and(|v| v.get() >= 7) || f.shame.is_some_and(|v| v.get() >= 7);
            heavy && f.felt_control.is_some_and(|v| v.get() <= 3)
        })
    }

    /// Returns the rules that fire, with the weights of the table.
    pub fn fired(&self) -> Vec<(Rule, i64)> {
        let all = [
            (Rule::RecentUse, 3, !self.recent_use().is_empty()),
            (Rule::PhysicalSign, 3, self.signs(&[51], 3) > 0),
            (Rule::LowEfficacy, 3, self.low_efficacy()),
            (Rule::CravingPeak, 2, self.craving_peak()),
            (Rule::CravingRise, 2, self.craving_rise()),
            (Rule::CravingFrequency, 1, self.craving_frequency()),
            (Rule::RiskySituation, 2, self.risky_situation()),
            (Rule::MentalSign, 2, self.signs(&[52], 3) > 0),
            (Rule::AfterLapse, 2, self.after_lapse()),
            (Rule::MedicationGap, 2, self.medication_gap()),
            (Rule::Stress, 1, self.stress()),
            (Rule::LowMood, 1, self.low_mood()),
            (Rule::Halt, 1, self.halt()),
            (Rule::Sleep, 1, self.sleep()),
            (Rule::Isolation, 1, self.isolation()),
            (Rule::EmotionalSigns, 1, self.signs(&[53, 54], 7) > 1),
            (Rule::GoneQuiet, 1, self.gone_quiet()),
            (Rule::Protective, -1, self.protective()),
        ];
        let fired: Vec<(Rule, i64)> = all
            .into_iter()
            .filter(|rule| rule.2)
            .map(|(rule, weight, _)| (rule, weight))
            .collect();
        let never_masked = [Rule::RecentUse, Rule::PhysicalSign, Rule::MedicationGap];
        let may_lower = !fired.iter().any(|(rule, _)| never_masked.contains(rule));
        fired
            .into_iter()
            .map(|(rule, weight)| (rule, if weight < 0 && !may_lower { 0 } else { weight }))
            .collect()
    }

    /// Returns the level of the sum of the weights.
    pub fn level(&self, fired: &[(Rule, i64)]) -> Level {
        let has = |wanted| fired.iter().any(|(rule, _)| *rule == wanted);
        if self.check_ins(7).len() < 3 && !has(Rule::RecentUse) && !has(Rule::PhysicalSign) {
            return Level::InsufficientData;
        }
        match fired.iter().map(|(_, weight)| weight).sum::<i64>() {
            n if n >= 7 => Level::High,
            n if n >= 4 => Level::Elevated,
            n if n >= 2 => Level::Notice,
            _ => Level::Steady,
        }
    }
}
