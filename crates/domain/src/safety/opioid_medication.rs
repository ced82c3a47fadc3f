//! Medications against opioids that wear off, and medications in place of opioids that ended.

use chrono::{NaiveDate, TimeDelta};

use super::situation::{FIRST_WEEKS_DAYS, MAX_MEDICATIONS, SafetyInput, Situation};
use crate::{
    insight::{
        calendar::{add_days, days_between},
        facts::WithId,
    },
    medication::{
        DoseStanding, DueDose, Medication, MedicationClass, MedicationStatus, due_doses, overdue_days,
    },
    record::Kind,
    value::timestamp::Timestamp,
};

/// Number of days in which the latest due dose of a tablet is looked for.
const DUE_WITHIN_DAYS: i64 = 35;

/// Returns the antagonists whose latest due dose was not given, or that ended in the last weeks.
pub(super) fn antagonists<'a>(situation: &Situation<'a>) -> impl Iterator<Item = SafetyInput> + use<'a> {
    let situation = *situation;
    started(&situation)
        .filter(|medication| medication.record.class == MedicationClass::Antagonist)
        .take(MAX_MEDICATIONS)
        .filter_map(move |medication| {
            if is_over(&situation, &medication.record) {
                return recent_end(&situation, medication);
            }
            let at = waits_since(&situation, medication)?;
            // It has worn off long ago.
            let since = days_between(last_day_of_effect(&situation, medication), situation.today());
            (since <= FIRST_WEEKS_DAYS).then_some(())?;
            Some(SafetyInput::fact(Kind::Medication, medication.id, "schedule", at))
        })
}

/// Returns the opioid medications that ended in the last weeks, unless the person now takes another one.
///
/// The weeks after leaving methadone or buprenorphine have more deaths than any time on it. Such a medication keeps the
/// tolerance up, and tolerance falls within days after it.
pub(super) fn ended_agonists(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let (over, in_use): (Vec<_>, Vec<_>) = started(situation)
        .filter(|medication| medication.record.class.is_opioid())
        .partition(|medication| is_over(situation, &medication.record));
    if !in_use.is_empty() {
        return Vec::new();
    }
    (over.into_iter().take(MAX_MEDICATIONS))
        .filter_map(|medication| recent_end(situation, medication))
        .collect()
}

fn started<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a WithId<Medication>> + use<'a> {
    let today = situation.today();
    (situation.facts.medications.iter()).filter(move |medication| medication.record.started_on <= today)
}

/// Whether a medication ended before today, or is not taken although it has not ended.
fn is_over(situation: &Situation<'_>, medication: &Medication) -> bool {
    let has_ended = medication.ended_on.is_some_and(|last| last < situation.today());
    has_ended || medication.status != MedicationStatus::Active
}

/// Returns the member that says that a medication is over, if its last dose may have worked until the last weeks.
fn recent_end(situation: &Situation<'_>, medication: &WithId<Medication>) -> Option<SafetyInput> {
    let (record, today) = (&medication.record, situation.today());
    let since = days_between(last_day_of_effect(situation, medication), today);
    let (member, at) = match record.ended_on.filter(|last| *last < today) {
        Some(last) => ("ended_on", last),
        None => ("status", record.started_on),
    };
    let input = SafetyInput::fact(Kind::Medication, medication.id, member, Timestamp::midnight(at));
    (since <= FIRST_WEEKS_DAYS).then_some(input)
}

/// Returns the last day on which a medication that is over, or whose dose waits, may have worked.
///
/// Without `ended_on` it was stopped at the latest when the record was written last. Without a recorded dose, the last one
/// may have been given on the last day.
fn last_day_of_effect(situation: &Situation<'_>, medication: &WithId<Medication>) -> NaiveDate {
    let record = &medication.record;
    let today = situation.today();
    let written = medication.written.map_or(today, |written| {
        written.at.with_timezone(&situation.as_of.zone).date_naive()
    });
    let known = record.ended_on.filter(|last| *last < today);
    let last_taken = known.unwrap_or(written).max(record.started_on);
    let last_given = (situation.facts.doses.iter())
        .filter(|dose| dose.record.medication_id == medication.id && dose.record.status.is_given())
        .map(|dose| dose.record.occurred_at.local_date())
        .max();
    let covered = add_days(last_given.unwrap_or(last_taken), record.covers_days.get() - 1);
    last_taken.max(covered)
}

/// Returns the time since which a due dose of an active medication has not been given. `None` if none waits, or if it
/// can still be taken and the one before it was.
fn waits_since(situation: &Situation<'_>, medication: &WithId<Medication>) -> Option<Timestamp> {
    let record = &medication.record;
    let doses = situation.facts.doses_of(medication.id);
    let (zone, now) = (situation.as_of.zone, situation.as_of.at);
    let span = now - TimeDelta::days(DUE_WITHIN_DAYS)..now + TimeDelta::milliseconds(1);
    let due = due_doses(record, &doses, zone, &span, now);
    let mut past = due.iter().rev().filter(|dose| dose.due_at.to_utc() <= now);
    let latest = past.next();
    let is_given = |dose: &DueDose| matches!(dose.standing, DoseStanding::Taken | DoseStanding::Late);
    // The tablet of today may still come while that of yesterday works.
    let is_open = latest.is_some_and(|dose| dose.standing == DoseStanding::Open) && !record.is_long_acting();
    let still_works = is_open && past.next().is_some_and(is_given);
    let waits = latest.is_some_and(|dose| !is_given(dose)) && !still_works;
    // A skipped injection leaves the next one to be due later.
    let is_overdue = overdue_days(record, &doses, zone, now) > 0;
    let since = latest.map_or(situation.as_of.local(), |dose| dose.due_at);
    (waits || is_overdue).then_some(since)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        dose::{Dose, DoseStatus},
        insight::facts::{AsOf, Facts, Written},
        record::Record,
        value::{number::Int, text::text},
    };

    /// Whether an antagonist that lasts some days brings the note at 10:00, if doses were given some days ago at 9:00.
    fn is_noted(covers_days: i64, given_days_ago: &[i64]) -> bool {
        let as_of = AsOf {
            at: "2026-03-20T10:00:00Z".parse().unwrap(),
            zone: chrono_tz::UTC,
            week_start: 1,
            standard_drink_g: None,
        };
        let written = Written {
            rev: 1,
            at: "2025-06-01T00:00:00Z".parse().unwrap(),
        };
        let medication = Medication {
            class: MedicationClass::Antagonist,
            schedule: text!("FREQ=DAILY"),
            covers_days: Int::clamped(covers_days),
            started_on: "2025-06-01".parse().unwrap(),
            ..Medication::example()
        };
        let doses = given_days_ago.iter().zip(2..).map(|(ago, n)| WithId {
            id: Uuid::from_u128(n),
            record: Dose {
                medication_id: Uuid::from_u128(1),
                due_at: None,
                occurred_at: Timestamp::in_zone(
                    as_of.at - TimeDelta::days(*ago) - TimeDelta::hours(1),
                    as_of.zone,
                ),
                status: DoseStatus::Taken,
                ..Dose::example()
            },
            written: None,
        });
        let facts = Facts {
            doses: doses.collect(),
            medications: vec![WithId {
                id: Uuid::from_u128(1),
                record: medication,
                written: Some(written),
            }],
            ..Facts::default()
        };
        let situation = Situation {
            facts: &facts,
            as_of: &as_of,
            event: None,
            asks_for_help: false,
        };
        antagonists(&situation).next().is_some()
    }

    #[test]
    fn a_tablet_that_can_still_be_taken_brings_no_note_while_that_of_yesterday_was_taken() {
        assert!(!is_noted(1, &[1, 2, 3]));
        assert!(!is_noted(1, &[0, 1, 2]));
        assert!(is_noted(1, &[2, 3]));
    }

    #[test]
    fn an_antagonist_that_wore_off_long_ago_brings_no_note() {
        // A dose of 28 days works up to 27 days after its own, and the note comes for 28 days more.
        assert!(!is_noted(28, &[20]));
        assert!(is_noted(28, &[40]) && is_noted(28, &[55]));
        assert!(!is_noted(28, &[56]) && !is_noted(28, &[100]) && !is_noted(28, &[]));
    }
}
