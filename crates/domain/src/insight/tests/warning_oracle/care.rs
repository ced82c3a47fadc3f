//! The oracle of the rules on medication, strain, contact and protective activities.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use super::{Oracle, count, median};
use crate::{
    check_in::{CheckInAnswers, MedicationTaken},
    insight::{calendar::add_days, tests::dosing::local_days_between},
    medication::{DoseStanding, MedicationStatus, due_doses},
    value::number::Rating,
};

impl Oracle<'_> {
    /// Returns the inputs of each active medication: id, member and value.
    pub fn gaps(&self) -> Vec<(Uuid, &'static str, f64)> {
        let (today, zone, now) = (self.as_of.today(), self.as_of.zone, self.as_of.at);
        let mut gaps = Vec::new();
        for regimen in &self.regimens {
            let record = &regimen.medication.record;
            let is_active =
                record.status == MedicationStatus::Active && record.ended_on.is_none_or(|last| today <= last);
            if !is_active || regimen.doses.is_empty() {
                continue;
            }
            if regimen.is_long_acting() {
                let days = local_days_between(zone, regimen.due_since(zone).at, now);
                gaps.push((
                    regimen.medication.id,
                    "overdue_days",
                    f64::from(i32::try_from(days).unwrap()),
                ));
            } else {
                let span = now - TimeDelta::days(14)..now;
                let due = regimen.due(self.as_of, &span);
                let past_due = due
                    .iter()
                    .rev()
                    .filter(|(_, standing)| *standing != DoseStanding::Open);
                let missed = past_due
                    .take_while(|(_, standing)| *standing == DoseStanding::Missed)
                    .count();
                gaps.push((regimen.medication.id, "missed_in_a_row", count(missed)));
            }
            let month: Vec<NaiveDate> = (1..=28).map(|back| add_days(today, -back)).collect();
            if month.iter().all(|day| record.started_on <= *day) {
                let covered = regimen.covered();
                let n = month.iter().filter(|day| covered.contains(day)).count();
                gaps.push((regimen.medication.id, "coverage_28_days", count(n) / 28.0));
            }
        }
        gaps
    }

    pub(super) fn medication_gap(&self) -> bool {
        self.gaps().iter().any(|(_, member, v)| match *member {
            "missed_in_a_row" => *v >= 2.0,
            "overdue_days" => *v > 7.0,
            _ => *v < 0.8,
        })
    }

    pub(super) fn stress(&self) -> bool {
        let last: Vec<Rating> = self
            .check_ins(7)
            .iter()
            .filter_map(|c| c.answers.stress)
            .take(3)
            .collect();
        last.iter().filter(|v| v.get() >= 7).count() >= 2
    }

    pub(super) fn low_mood(&self) -> bool {
        let mut by_day: BTreeMap<NaiveDate, i64> = BTreeMap::new();
        for c in self.check_ins(7) {
            if let Some(mood) = c.answers.mood {
                let lowest = by_day.entry(Self::day(c.occurred_at)).or_insert(10);
                *lowest = mood.get().min(*lowest);
            }
        }
        let last: Vec<i64> = by_day.into_values().rev().take(3).collect();
        last.len() == 3 && last.iter().all(|mood| *mood <= 3)
    }

    pub(super) fn halt(&self) -> bool {
        let items = |a: &CheckInAnswers| [a.hungry, a.angry, a.lonely, a.tired];
        let ratings: Vec<(NaiveDate, [Option<Rating>; 4])> = (self.facts.check_ins.iter())
            .map(|c| (Self::day(c.record.occurred_at), items(&c.record.answers)))
            .collect();
        let strong = |n: usize, day: NaiveDate| {
            let of_day = ratings.iter().filter(|(on, _)| *on == day);
            of_day
                .into_iter()
                .any(|(_, items)| items[n].is_some_and(|v| v.get() >= 7))
        };
        let today = self.as_of.today();
        let two_on_one_day =
            (-2..=0).any(|n| (0..4).filter(|item| strong(*item, add_days(today, n))).count() >= 2);
        let three_days_in_a_row =
            |item| (-3..=-2).any(|n| (n..n + 3).all(|n| strong(item, add_days(today, n))));
        two_on_one_day || (0..4).any(three_days_in_a_row)
    }

    pub(super) fn sleep(&self) -> bool {
        let hard = |a: &CheckInAnswers| {
            a.sleep_minutes.is_some_and(|v| v.get() < 300) || a.sleep_quality.is_some_and(|v| v.get() <= 3)
        };
        let nights = self
            .check_ins(5)
            .into_iter()
            .filter(|c| hard(&c.answers))
            .map(|c| Self::day(c.occurred_at));
        nights.collect::<BTreeSet<_>>().len() >= 3
    }

    pub(super) fn isolation(&self) -> bool {
        let mut weeks = vec![0.0; 4];
        let mut answered = 0;
        for c in self.usual_check_ins() {
            if let Some(contacted) = c.answers.support_contacted {
                answered += 1;
                let day = Self::day(c.occurred_at);
                let back = (7_i64..35)
                    .find(|n| day == add_days(self.as_of.today(), -n))
                    .unwrap();
                weeks[usize::try_from((back - 7) / 7).unwrap()] += if contacted { 1.0 } else { 0.0 };
            }
        }
        let recent: Vec<bool> = self
            .check_ins(7)
            .iter()
            .filter_map(|c| c.answers.support_contacted)
            .collect();
        answered >= 7 && median(weeks) >= 2.0 && !recent.is_empty() && !recent.contains(&true)
    }

    pub(super) fn gone_quiet(&self) -> bool {
        let usual = self.usual_check_ins().len();
        usual >= 7 && count(self.check_ins(7).len()) <= count(usual) / 4.0 / 2.0
    }

    /// Returns, for the due doses of the last 48 hours, whether one was missed or skipped, whether one of a medication
    /// with recorded doses was, and whether one was taken in that time.
    fn due_doses(&self) -> (bool, bool, bool) {
        let span = self.hours_ago(48)..self.as_of.at;
        let (mut is_missing, mut is_recorded_missing, mut taken) = (false, false, Vec::new());
        for regimen in
            (self.regimens.iter()).filter(|r| r.medication.record.status == MedicationStatus::Active)
        {
            let standings: Vec<DoseStanding> = if regimen.is_long_acting() {
                // Long-acting doses have an oracle of their own. Here the standing that the code computes is used.
                let (record, doses) = (&regimen.medication.record, regimen.own_doses());
                let due = due_doses(record, &doses, self.as_of.zone, &span, self.as_of.at);
                let counts = |id: &Uuid| due.iter().any(|due| due.dose_ids.contains(id));
                let given = doses
                    .iter()
                    .filter(|(id, dose)| counts(id) && dose.status.is_given());
                taken.extend(given.map(|(_, dose)| dose.occurred_at.to_utc()));
                due.iter().map(|due| due.standing).collect()
            } else {
                taken.extend(regimen.last_taken(self.as_of, &span));
                regimen
                    .due(self.as_of, &span)
                    .into_iter()
                    .map(|(_, standing)| standing)
                    .collect()
            };
            let is_one_missing = standings
                .iter()
                .any(|s| matches!(s, DoseStanding::Missed | DoseStanding::Skipped));
            is_missing |= is_one_missing;
            is_recorded_missing |= is_one_missing && !regimen.doses.is_empty();
        }
        let is_taken = taken.into_iter().any(|at| at >= self.hours_ago(48));
        (is_missing, is_recorded_missing, is_taken)
    }

    /// Returns whether all doses of the last 48 hours were taken. One check-in that says otherwise is enough for no.
    fn all_doses(&self, recent: &[&CheckInAnswers]) -> bool {
        let says = |answer| recent.iter().any(|a| a.medication == Some(answer));
        let (is_missing, is_recorded_missing, is_taken) = self.due_doses();
        let is_all = (says(MedicationTaken::All) && !is_recorded_missing) || (is_taken && !is_missing);
        is_all && !says(MedicationTaken::Some) && !says(MedicationTaken::None)
    }

    pub(super) fn protective(&self) -> bool {
        let facts = &self.facts;
        let recent: Vec<&CheckInAnswers> = (facts.check_ins.iter())
            .filter(|c| self.is_within(c.record.occurred_at, 48))
            .map(|c| &c.record.answers)
            .collect();
        let meeting = recent.iter().any(|a| a.meeting_attended == Some(true))
            || facts
                .attendances
                .iter()
                .any(|a| self.is_within(a.record.occurred_at, 48));
        let practice = facts
            .practice_sessions
            .iter()
            .any(|s| s.record.occurred_at.is_some_and(|at| self.is_within(at, 48)))
            || facts.cravings.iter().any(|e| {
                self.is_within(e.record.occurred_at, 48)
                    && e.record
                        .strategy_uses
                        .iter()
                        .any(|strategy_use| strategy_use.practice.is_some())
            });
        let contact = recent.iter().any(|a| a.support_contacted == Some(true));
        let doses = self.all_doses(&recent);
        [meeting, practice, contact, doses]
            .into_iter()
            .filter(|is_done| *is_done)
            .count()
            >= 2
    }
}
