//! An oracle of the safety notes, which counts days one by one and compares each record with each other.

mod opioids;
mod withdrawal;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts},
        tests::abstinence::each_day,
    },
    medication::{MedicationClass, MedicationStatus},
    safety::SafetyTopic,
    use_event::{Harm, UseEvent},
    value::{
        amount::{AmountUnit, UnitLabel},
        timestamp::Timestamp,
        vocabulary::{FeelsSafe, Substance},
    },
};

/// Finds the dangers of a record whose antagonists are all over.
pub struct Oracle<'a> {
    pub facts: &'a Facts,
    pub as_of: &'a AsOf,
    pub event: Option<Uuid>,
    pub asks_for_help: bool,
}

/// A use of a depressant, or a craving for one.
struct Episode {
    family: u8,
    is_use: bool,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    days: Vec<NaiveDate>,
    is_acute: bool,
}

impl Oracle<'_> {
    fn uses(&self) -> Vec<(Uuid, &UseEvent)> {
        let uses = self.facts.uses.iter().map(|one| (one.id, &one.record));
        uses.filter(|(_, event)| !event.entered_in_error).collect()
    }

    fn is_acute(&self, id: Uuid, at: Timestamp) -> bool {
        self.event == Some(id) || at.to_utc() >= self.as_of.last_full_hour() - TimeDelta::hours(24)
    }

    fn is_in_last_days(&self, days: i64, day: NaiveDate) -> bool {
        day > add_days(self.as_of.today(), -days)
    }

    fn is_of_last_week(&self, id: Uuid, day: NaiveDate) -> bool {
        self.event == Some(id) || self.is_in_last_days(7, day)
    }

    /// Returns what the record is about: goals, and use within four weeks. Each with whether it is counted in pills.
    fn about(&self) -> Vec<(Substance, bool)> {
        let goals = self.facts.goals.iter().map(|one| &one.record);
        let goals = goals.map(|goal| (goal.substance, is_pill(goal.unit, goal.unit_label.as_ref())));
        let uses = self.uses().into_iter().filter(|(_, event)| {
            let last = *days_of(event).last().unwrap();
            !event.as_prescribed && self.is_in_last_days(29, last)
        });
        let uses = uses.map(|(_, event)| (event.substance, is_pill(event.unit, event.unit_label.as_ref())));
        goals.chain(uses).collect()
    }

    fn has_harm(&self, harm: Harm) -> bool {
        self.uses().iter().any(|(id, event)| {
            event.harm == Some(harm) && self.is_acute(*id, event.ended_at.unwrap_or(event.occurred_at))
        })
    }

    fn is_unsafe(&self) -> bool {
        type Answer = (Uuid, i64, Option<i64>, FeelsSafe);
        let check_ins = self.facts.check_ins.iter().filter_map(|one| {
            let answer = one.record.answers.feels_safe?;
            Some((one.id, one.record.occurred_at, one.written.map(|w| w.rev), answer))
        });
        let cravings = self.facts.cravings.iter().filter_map(|one| {
            let answer = one.record.feels_safe?;
            Some((one.id, one.record.occurred_at, one.written.map(|w| w.rev), answer))
        });
        let answers: Vec<Answer> = (check_ins.chain(cravings))
            .filter(|(id, at, ..)| self.is_acute(*id, *at))
            .map(|(id, at, rev, answer)| (id, at.millis(), rev, answer))
            .collect();
        let is_written_later = |one: Option<i64>, other: Option<i64>| match (one, other) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(one), Some(other)) => one > other,
        };
        let says_so = answers.iter().any(|(id, at, rev, answer)| {
            let is_taken_back = answers.iter().any(|(_, later, written, answer)| {
                *answer == FeelsSafe::Yes && later > at && is_written_later(*written, *rev)
            });
            *answer != FeelsSafe::Yes && (self.event == Some(*id) || !is_taken_back)
        });
        let mut responses = self.facts.responses.iter();
        says_so
            || responses.any(|one| {
                !one.record.safety_notes.is_empty() && self.is_acute(one.id, one.record.occurred_at)
            })
    }

    fn episodes(&self) -> Vec<Episode> {
        let family = |substance: Substance| match substance {
            Substance::Alcohol => Some(0),
            Substance::Sedative => Some(1),
            Substance::Kratom => Some(2),
            other => other.is_opioid().then_some(2),
        };
        let craving = |family: u8, at: Timestamp, is_acute: bool| Episode {
            family,
            is_use: false,
            from: at.to_utc(),
            to: at.to_utc(),
            days: vec![at.local_date()],
            is_acute,
        };
        let about: Vec<u8> = self
            .about()
            .into_iter()
            .filter_map(|(one, _)| family(one))
            .collect();
        let mut episodes: Vec<Episode> = Vec::new();
        for (id, event) in self.uses() {
            if let Some(family) = family(event.substance) {
                let to = event.ended_at.unwrap_or(event.occurred_at);
                episodes.push(Episode {
                    family,
                    is_use: true,
                    from: event.occurred_at.to_utc(),
                    to: to.to_utc(),
                    days: days_of(event),
                    is_acute: self.is_acute(id, to),
                });
            }
        }
        for event in &self.facts.cravings {
            let (id, record) = (event.id, &event.record);
            let families = record
                .substance
                .map_or(about.clone(), |one| family(one).into_iter().collect());
            for family in families {
                episodes.push(craving(
                    family,
                    record.occurred_at,
                    self.is_acute(id, record.occurred_at),
                ));
            }
        }
        if self.asks_for_help {
            episodes.extend(
                about
                    .iter()
                    .map(|family| craving(*family, self.as_of.local(), true)),
            );
        }
        episodes
    }

    /// Returns whether two different depressants were used together.
    fn is_mixed(&self) -> bool {
        let episodes = self.episodes();
        let is_together = episodes.iter().any(|a| {
            episodes.iter().any(|b| {
                let is_near = a.from.max(b.from) - a.to.min(b.to) <= TimeDelta::hours(12);
                let shares_date = a.days.iter().any(|day| b.days.contains(day));
                let is_one_acute = a.is_acute || b.is_acute;
                let is_one_used = a.is_use || b.is_use;
                a.family != b.family && is_one_used && is_one_acute && (is_near || shares_date)
            })
        });
        let mut others = episodes.iter().filter(|one| one.is_acute && one.family != 2);
        is_together || others.any(|one| one.days.iter().any(|day| self.takes_agonist_on(*day)))
    }

    fn takes_agonist_on(&self, day: NaiveDate) -> bool {
        self.facts.medications.iter().any(|medication| {
            let record = &medication.record;
            let is_agonist = matches!(
                record.class,
                MedicationClass::OpioidAgonist | MedicationClass::PartialAgonist
            );
            let is_before_end = record
                .ended_on
                .map_or(record.status == MedicationStatus::Active, |last| day <= last);
            let of_day: Vec<bool> = (self.facts.doses.iter().map(|one| &one.record))
                .filter(|dose| dose.medication_id == medication.id && dose.occurred_at.local_date() == day)
                .map(|dose| dose.status.is_given())
                .collect();
            let is_left_out = record.covers_days.get() < 7 && !of_day.is_empty() && !of_day.contains(&true);
            is_agonist && record.started_on <= day && is_before_end && !is_left_out
        })
    }

    fn may_hold_fentanyl(&self) -> bool {
        use Substance::{Cocaine, OpioidPrescription, Sedative};
        let is_risky = |substance| matches!(substance, Cocaine | OpioidPrescription | Sedative);
        let is_risky_or_pill = |(substance, is_pill): (Substance, bool)| {
            is_risky(substance) || (is_pill && substance != Substance::Alcohol)
        };
        let used = self.uses().iter().any(|(id, event)| {
            let kind = (event.substance, is_pill(event.unit, event.unit_label.as_ref()));
            let last = *days_of(event).last().unwrap();
            !event.as_prescribed && is_risky_or_pill(kind) && self.is_of_last_week(*id, last)
        });
        let is_about = self.about().into_iter().any(is_risky_or_pill);
        let mut cravings = self.facts.cravings.iter();
        let craved = cravings.any(|event| {
            event.record.substance.map_or(is_about, is_risky)
                && self.is_of_last_week(event.id, event.record.occurred_at.local_date())
        });
        used || craved || (self.asks_for_help && is_about)
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

/// The labels of random records that mean pills are few.
fn is_pill(unit: Option<AmountUnit>, label: Option<&UnitLabel>) -> bool {
    unit == Some(AmountUnit::Pill) || label.is_some_and(|label| matches!(&**label, "Blue pills" | "tabs"))
}

/// The dates of a use. An end at midnight does not touch the next date.
fn days_of(event: &UseEvent) -> Vec<NaiveDate> {
    let from = event.occurred_at.local_date();
    let last = |end: Timestamp| (end.wall() - TimeDelta::milliseconds(1)).date().max(from);
    each_day(from, event.ended_at.map_or(from, last)).collect()
}
