//! Lower tolerance to opioids: after days without, and after a stay without opioids.

use super::{
    level_of_care::is_in_freedom,
    opioid_medication::{antagonists, ended_agonists},
    situation::{FIRST_WEEKS_DAYS, RECENT_USE_DAYS, SafetyInput, Situation},
};
use crate::{
    insight::{
        calendar::{DaySet, add_days, days_between},
        facts::{WithId, use_span},
    },
    record::Kind,
    use_event::UseEvent,
    value::{timestamp::Timestamp, vocabulary::Substance},
};

/// Number of days without opioids after which tolerance may be lower.
const ABSTINENT_DAYS: i64 = 3;
/// The same in milliseconds.
const ABSTINENT_MILLIS: i64 = ABSTINENT_DAYS * 24 * 60 * 60 * 1000;
/// Number of days in which use says that a record is about drugs.
const KNOWN_USE_DAYS: i64 = 365;

/// Returns what tells of a lower tolerance to opioids.
///
/// Kratom is no opioid here. Its use keeps up little of the tolerance to stronger opioids, and kratom alone seldom stops
/// the breathing.
pub(super) fn opioid_tolerance(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let mut inputs = after_days_without(situation);
    inputs.extend(antagonists(situation));
    inputs.extend(ended_agonists(situation));
    inputs.extend(stays(situation));
    inputs
}

fn opioid_uses<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a WithId<UseEvent>> + use<'a> {
    let uses = situation.facts.counted_uses();
    uses.filter(|event| event.record.substance.is_opioid())
}

/// The opioid use of a record. Use as prescribed keeps the tolerance up too.
struct OpioidUse {
    days: DaySet,
    /// Starts in milliseconds, in order, each with the latest end of the uses up to it.
    starts: Vec<(i64, i64)>,
}

impl OpioidUse {
    fn of(situation: &Situation<'_>) -> Self {
        let events = || {
            let uses = situation.all_uses();
            uses.filter(|event| event.record.substance.is_opioid())
        };
        let mut starts: Vec<(i64, i64)> = events()
            .map(|event| {
                let (start, end) = (event.record.occurred_at, event.record.ended_at);
                (start.millis(), end.unwrap_or(start).millis())
            })
            .collect();
        starts.sort_unstable();
        let mut latest = i64::MIN;
        for (_, end) in &mut starts {
            latest = latest.max(*end);
            *end = latest;
        }
        Self {
            days: DaySet::from_spans(events().map(|event| use_span(&event.record))),
            starts,
        }
    }

    /// Whether a moment is three days after the last use before it: 72 hours, or three whole dates without.
    fn is_after_days_without(&self, at: Timestamp) -> bool {
        let day = at.local_date();
        let dates = (add_days(day, -ABSTINENT_DAYS), add_days(day, -1));
        let before = self.starts.partition_point(|(start, _)| *start < at.millis());
        let last = before.checked_sub(1).and_then(|index| self.starts.get(index));
        self.days.count(dates) == 0 || last.is_none_or(|(_, end)| at.millis() - end >= ABSTINENT_MILLIS)
    }
}

/// Returns the opioid uses and cravings of the last week that came after three or more days without recorded use.
fn after_days_without(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let opioid_use = OpioidUse::of(situation);
    let uses = opioid_uses(situation)
        .filter(|event| situation.is_recent(event.id, use_span(&event.record).0))
        .filter(|event| opioid_use.is_after_days_without(event.record.occurred_at))
        .map(|event| SafetyInput::of_use(event, "occurred_at"));
    let about_opioids: Vec<SafetyInput> = (situation.subjects(RECENT_USE_DAYS))
        .filter(|subject| subject.substance.is_opioid())
        .map(|subject| subject.input)
        .collect();
    let cravings = (situation.facts.cravings.iter())
        .filter(|event| match event.record.substance {
            Some(substance) => substance.is_opioid(),
            None => !about_opioids.is_empty(),
        })
        .filter(|event| {
            let at = event.record.occurred_at;
            situation.is_recent(event.id, at.local_date()) && opioid_use.is_after_days_without(at)
        })
        .map(|event| SafetyInput::of_craving(event, "occurred_at"));
    let mut inputs: Vec<SafetyInput> = uses.chain(cravings).collect();
    if situation.asks_for_help && opioid_use.is_after_days_without(situation.as_of.local()) {
        inputs.extend(about_opioids);
    }
    inputs
}

/// Returns the discharges of the last weeks from treatment, hospital or jail, of a person who may use opioids.
fn stays<'a>(situation: &Situation<'a>) -> impl Iterator<Item = SafetyInput> + use<'a> {
    let situation = *situation;
    let may_use_opioids = may_use_opioids(&situation);
    let transitions = situation.facts.transitions.iter();
    transitions
        .filter(move |_| may_use_opioids)
        .filter(move |transition| {
            let since = days_between(transition.record.discharged_on, situation.today());
            (0..=FIRST_WEEKS_DAYS).contains(&since) && !is_in_freedom(&transition.record.from_level)
        })
        .map(|transition| {
            let at = Timestamp::midnight(transition.record.discharged_on);
            SafetyInput::fact(Kind::Transition, transition.id, "discharged_on", at)
        })
}

/// Whether the record names a drug, or no goal says what it is about.
///
/// The deaths in the first weeks after a stay are from opioids, also of people who named other drugs: fentanyl is in
/// stimulants, sedatives and pills too, and they have no tolerance to it. Goals about alcohol, nicotine and behaviours
/// alone say that the record is about something else. A drink or a craving alone does not.
fn may_use_opioids(situation: &Situation<'_>) -> bool {
    let facts = situation.facts;
    let mut craved = (facts.cravings.iter())
        .filter(|event| situation.is_within(RECENT_USE_DAYS, event.record.occurred_at.local_date()))
        .filter_map(|event| event.record.substance);
    // An antagonist says nothing: naltrexone is taken against alcohol too.
    let has_medication = (facts.medications.iter()).any(|one| one.record.class.is_opioid());
    // Tolerance to prescribed opioids is lost too.
    let mut prescribed = (situation.all_uses())
        .filter(|event| situation.is_within(KNOWN_USE_DAYS, use_span(&event.record).1))
        .filter(|event| event.record.substance.is_opioid());
    facts.goals.is_empty()
        || has_medication
        || craved.any(Substance::is_drug)
        || prescribed.next().is_some()
        || (situation.subjects(KNOWN_USE_DAYS)).any(|subject| subject.substance.is_drug())
}
