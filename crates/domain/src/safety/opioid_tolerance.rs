//! Lower tolerance to opioids: after days without, while naltrexone wears off, and after a stay without opioids.

use chrono::{NaiveDate, TimeDelta};

use super::situation::{MAX_MEDICATIONS, SafetyInput, Situation};
use crate::{
    insight::{
        calendar::{DaySet, add_days, days_between},
        facts::{WithId, use_span},
    },
    medication::{DoseStanding, Medication, MedicationClass, MedicationStatus, due_doses, overdue_days},
    record::Kind,
    transition::Transition,
    use_event::UseEvent,
    value::{timestamp::Timestamp, vocabulary::Substance},
};

/// Number of days without opioids after which tolerance may be lower.
const ABSTINENT_DAYS: i64 = 3;
/// Number of days after a stay, or after the end of an antagonist, in which the danger is highest.
const FIRST_WEEKS_DAYS: i64 = 28;
/// Number of days in which use says what a craving without a substance is for.
const RECENT_USE_DAYS: i64 = 28;
/// Number of days in which use says that a record is about opioids.
const KNOWN_USE_DAYS: i64 = 365;
/// Number of days in which the latest due dose of a tablet is looked for.
const DUE_WITHIN_DAYS: i64 = 35;
/// Words in the previous level of care that say that the person lived in freedom there.
const IN_FREEDOM: [&str; 6] = [
    "outpatient",
    "out-patient",
    "home",
    "community",
    "aftercare",
    "ambulant",
];

/// Returns what tells of a lower tolerance to opioids.
pub(super) fn opioid_tolerance(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let mut inputs = after_days_without(situation);
    inputs.extend(antagonists(situation));
    inputs.extend(stays(situation));
    inputs
}

fn opioid_uses<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a WithId<UseEvent>> + use<'a> {
    let uses = situation.facts.counted_uses();
    uses.filter(|event| event.record.substance.is_opioid())
}

/// Returns the opioid uses and cravings of the last week that came after three or more dates without recorded use.
fn after_days_without(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let days_of_use = DaySet::from_spans(opioid_uses(situation).map(|event| use_span(&event.record)));
    let is_after_days_without =
        |day: NaiveDate| days_of_use.count((add_days(day, -ABSTINENT_DAYS), add_days(day, -1))) == 0;
    let uses = opioid_uses(situation)
        .filter(|event| situation.is_recent(event.id, use_span(&event.record).0))
        .filter(|event| is_after_days_without(use_span(&event.record).0))
        .map(|event| SafetyInput::of_use(event, "occurred_at"));
    let about_opioids = about_opioids(situation, RECENT_USE_DAYS);
    let cravings = (situation.facts.cravings.iter())
        .filter(|event| match event.record.substance {
            Some(substance) => substance.is_opioid(),
            None => !about_opioids.is_empty(),
        })
        .filter(|event| {
            let day = event.record.occurred_at.local_date();
            situation.is_recent(event.id, day) && is_after_days_without(day)
        })
        .map(|event| SafetyInput::of_craving(event, "occurred_at"));
    let mut inputs: Vec<SafetyInput> = uses.chain(cravings).collect();
    if situation.asks_for_help
        && is_after_days_without(situation.today())
        && !days_of_use.contains(situation.today())
    {
        inputs.extend(about_opioids);
    }
    inputs
}

/// Returns the goals that name an opioid, and the opioid use of the last `days` days.
fn about_opioids(situation: &Situation<'_>, days: i64) -> Vec<SafetyInput> {
    let goals = situation.facts.goals.iter();
    let goals = goals
        .filter(|goal| goal.record.substance.is_opioid())
        .map(|goal| {
            let at = Timestamp::midnight(goal.record.started_on);
            SafetyInput::fact(Kind::Goal, goal.id, "substance", at)
        });
    let uses = opioid_uses(situation)
        .filter(|event| situation.is_within(days, use_span(&event.record).1))
        .map(|event| SafetyInput::of_use(event, "substance"));
    goals.chain(uses).collect()
}

/// Returns the antagonists whose latest due dose was not given, or that ended in the last weeks.
fn antagonists<'a>(situation: &Situation<'a>) -> impl Iterator<Item = SafetyInput> + use<'a> {
    let situation = *situation;
    let medications = situation.facts.medications.iter();
    medications
        .filter(|medication| medication.record.class == MedicationClass::Antagonist)
        .filter(move |medication| medication.record.started_on <= situation.today())
        .take(MAX_MEDICATIONS)
        .filter_map(move |medication| {
            let (member, at) = wearing_off(&situation, medication)?;
            Some(SafetyInput::fact(Kind::Medication, medication.id, member, at))
        })
}

/// Returns the member of an antagonist that says that it wears off, and since when. `None` if it does not.
fn wearing_off(
    situation: &Situation<'_>,
    medication: &WithId<Medication>,
) -> Option<(&'static str, Timestamp)> {
    let (record, today) = (&medication.record, situation.today());
    if let Some(last) = record.ended_on.filter(|last| *last < today) {
        let is_recent = days_between(last, today) <= FIRST_WEEKS_DAYS;
        return is_recent.then(|| ("ended_on", Timestamp::midnight(last)));
    }
    if record.status != MedicationStatus::Active {
        // It is not known since when it has not been taken.
        return Some(("status", Timestamp::midnight(record.started_on)));
    }
    let doses = situation.facts.doses_of(medication.id);
    let (zone, now) = (situation.as_of.zone, situation.as_of.at);
    let span = now - TimeDelta::days(DUE_WITHIN_DAYS)..now + TimeDelta::milliseconds(1);
    let due = due_doses(record, &doses, zone, &span, now);
    let latest = due.iter().rfind(|dose| dose.due_at.to_utc() <= now);
    let waits = latest.is_some_and(|dose| !matches!(dose.standing, DoseStanding::Taken | DoseStanding::Late));
    // A skipped injection leaves the next one to be due later.
    let is_overdue = overdue_days(record, &doses, zone, now) > 0;
    let since = latest.map_or(situation.as_of.local(), |dose| dose.due_at);
    (waits || is_overdue).then_some(("schedule", since))
}

/// Returns the discharges of the last weeks from treatment, hospital or jail, unless the record is about other
/// substances only.
fn stays<'a>(situation: &Situation<'a>) -> impl Iterator<Item = SafetyInput> + use<'a> {
    let situation = *situation;
    let may_use_opioids = may_use_opioids(&situation);
    let transitions = situation.facts.transitions.iter();
    transitions
        .filter(move |_| may_use_opioids)
        .filter(move |transition| {
            let since = days_between(transition.record.discharged_on, situation.today());
            (0..=FIRST_WEEKS_DAYS).contains(&since) && !is_from_freedom(&transition.record)
        })
        .map(|transition| {
            let at = Timestamp::midnight(transition.record.discharged_on);
            SafetyInput::fact(Kind::Transition, transition.id, "discharged_on", at)
        })
}

fn is_from_freedom(transition: &Transition) -> bool {
    let level = transition.from_level.to_lowercase();
    IN_FREEDOM.iter().any(|word| level.contains(word))
}

/// Whether the record is about opioids, or names no substance at all, so that nobody knows.
fn may_use_opioids(situation: &Situation<'_>) -> bool {
    use MedicationClass::{OpioidAgonist, PartialAgonist};
    let facts = situation.facts;
    let craved: Vec<Substance> = (facts.cravings.iter())
        .filter(|event| situation.is_within(RECENT_USE_DAYS, event.record.occurred_at.local_date()))
        .filter_map(|event| event.record.substance)
        .collect();
    // An antagonist says nothing: naltrexone is taken against alcohol too.
    let has_medication =
        (facts.medications.iter()).any(|m| matches!(m.record.class, OpioidAgonist | PartialAgonist));
    let mut uses = facts.counted_uses();
    let is_unknown = facts.goals.is_empty()
        && craved.is_empty()
        && !uses.any(|event| situation.is_within(KNOWN_USE_DAYS, use_span(&event.record).1));
    is_unknown
        || has_medication
        || craved.iter().any(|substance| substance.is_opioid())
        || !about_opioids(situation, KNOWN_USE_DAYS).is_empty()
}
