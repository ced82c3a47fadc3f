//! The oracle of a lower tolerance to opioids.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use super::{Oracle, days_of};
use crate::{
    insight::{calendar::add_days, facts::WithId},
    medication::{Medication, MedicationClass, MedicationStatus},
    use_event::UseEvent,
    value::{timestamp::Timestamp, vocabulary::Substance},
};

impl Oracle<'_> {
    pub(super) fn is_tolerance_lower(&self) -> bool {
        self.is_after_days_without() || self.is_after_stay() || self.is_after_medication()
    }

    fn is_after_days_without(&self) -> bool {
        let uses = self.uses();
        // Use as prescribed keeps the tolerance up, and brings no note by itself.
        let opioids: Vec<&(Uuid, &UseEvent)> =
            (uses.iter()).filter(|(_, u)| u.substance.is_opioid()).collect();
        let dates: BTreeSet<NaiveDate> = opioids.iter().flat_map(|(_, u)| days_of(u)).collect();
        let is_free = |at: Timestamp| {
            let has_free_dates = (1..=3).all(|back| !dates.contains(&add_days(at.local_date(), -back)));
            let first = at.to_utc() - TimeDelta::hours(72);
            let has_free_hours = opioids.iter().all(|(_, u)| {
                let end = u.ended_at.unwrap_or(u.occurred_at);
                u.occurred_at.to_utc() >= at.to_utc() || end.to_utc() <= first
            });
            has_free_dates || has_free_hours
        };
        let is_about = self.about().iter().any(|(one, _)| one.is_opioid());
        let craved = self.facts.cravings.iter().any(|event| {
            let at = event.record.occurred_at;
            event.record.substance.map_or(is_about, Substance::is_opioid)
                && self.is_of_last_week(event.id, at.local_date())
                && is_free(at)
        });
        let is_used = opioids
            .iter()
            .filter(|(_, event)| !event.as_prescribed)
            .any(|(id, event)| self.is_of_last_week(*id, days_of(event)[0]) && is_free(event.occurred_at));
        is_used || craved || (self.asks_for_help && is_about && is_free(self.as_of.local()))
    }

    fn is_after_stay(&self) -> bool {
        let today = self.as_of.today();
        let left = (self.facts.transitions.iter().map(|one| &one.record)).any(|one| {
            let is_stay = matches!(
                &*one.from_level,
                "jail" | "Residential" | "community hospital" | "home detention" | "Haus am See"
            );
            is_stay && (0..=28).any(|back| add_days(today, -back) == one.discharged_on)
        });
        let is_alcohol = |one: Substance| one == Substance::Alcohol;
        // The random use is never older than four weeks, and alcohol is the only one of its substances that is no drug.
        let names_drug = self.about().iter().any(|(one, _)| !is_alcohol(*one))
            || (self.facts.cravings.iter().filter_map(|one| one.record.substance))
                .any(|one| !is_alcohol(one))
            || self.uses().iter().any(|(_, event)| event.substance.is_opioid())
            || self.facts.medications.iter().any(is_agonist);
        left && (self.facts.goals.is_empty() || names_drug)
    }

    fn is_after_medication(&self) -> bool {
        let today = self.as_of.today();
        let is_over = |record: &Medication| {
            record.status != MedicationStatus::Active || record.ended_on.is_some_and(|last| last < today)
        };
        let started: Vec<&WithId<Medication>> = (self.facts.medications.iter())
            .filter(|one| one.record.started_on <= today)
            .collect();
        let takes_agonist = started.iter().any(|one| is_agonist(one) && !is_over(&one.record));
        started.iter().any(|one| {
            let is_opioid = is_agonist(one);
            let is_antagonist = one.record.class == MedicationClass::Antagonist;
            let has_waned = is_over(&one.record) && self.may_have_worked_within_weeks(one);
            has_waned && (is_antagonist || (is_opioid && !takes_agonist))
        })
    }

    /// Returns whether one of the last 28 days, or today or a later one, may be the last day of a medication's effect.
    fn may_have_worked_within_weeks(&self, medication: &WithId<Medication>) -> bool {
        let (record, today) = (&medication.record, self.as_of.today());
        let first = add_days(today, -28);
        let lasts = record.covers_days.get();
        let given: Vec<NaiveDate> = (self.facts.doses.iter().map(|one| &one.record))
            .filter(|dose| dose.medication_id == medication.id && dose.status.is_given())
            .map(|dose| dose.occurred_at.local_date())
            .collect();
        let written = medication.written.map_or(today, |written| {
            Timestamp::in_zone(written.at, self.as_of.zone).local_date()
        });
        let mut ends = match record.ended_on {
            Some(last) if last < today => vec![last],
            _ => vec![written, record.started_on],
        };
        if given.is_empty() {
            ends.extend(ends.clone().into_iter().map(|end| add_days(end, lasts - 1)));
        }
        ends.extend(given.into_iter().map(|day| add_days(day, lasts - 1)));
        ends.into_iter().any(|end| end >= first)
    }
}

fn is_agonist(medication: &WithId<Medication>) -> bool {
    matches!(
        medication.record.class,
        MedicationClass::OpioidAgonist | MedicationClass::PartialAgonist
    )
}
