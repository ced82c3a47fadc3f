//! Opioids, alcohol and sedatives together. Each slows the breathing, and together they do so much more.

use chrono::NaiveDate;

use super::situation::{MAX_MEDICATIONS, RECENT_USE_DAYS, SafetyInput, Situation};
use crate::{
    insight::{
        calendar::{DaySet, Span},
        facts::{WithId, use_span},
    },
    medication::{Medication, MedicationStatus},
    record::Kind,
    value::{timestamp::Timestamp, vocabulary::Substance},
};

/// Milliseconds between two uses on different dates that still count as together: 12 hours.
const MILLIS_APART: i64 = 12 * 60 * 60 * 1000;

/// A family of substances that slow the breathing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depressant {
    Alcohol,
    Opioid,
    Sedative,
}

impl Depressant {
    const ALL: [Self; 3] = [Self::Alcohol, Self::Opioid, Self::Sedative];

    const fn of(substance: Substance) -> Option<Self> {
        match substance {
            Substance::Alcohol => Some(Self::Alcohol),
            Substance::Sedative => Some(Self::Sedative),
            // It acts on the same receptor as opioids.
            Substance::Kratom => Some(Self::Opioid),
            other if other.is_opioid() => Some(Self::Opioid),
            _ => None,
        }
    }
}

/// A use of a depressant, or a craving for one.
struct Episode {
    depressant: Depressant,
    is_use: bool,
    is_acute: bool,
    days: Span,
    /// Start and end, in milliseconds.
    times: (i64, i64),
    input: SafetyInput,
}

/// The times at which some episodes of one family were, so that another can be compared with all of them at once.
struct Presence {
    depressant: Depressant,
    days: DaySet,
    /// Starts and ends in milliseconds, in order and apart from each other.
    times: Vec<(i64, i64)>,
}

impl Presence {
    fn of<'a>(depressant: Depressant, episodes: impl Iterator<Item = &'a Episode>) -> Self {
        let episodes: Vec<&Episode> = episodes.filter(|one| one.depressant == depressant).collect();
        let mut times: Vec<(i64, i64)> = episodes.iter().map(|one| one.times).collect();
        times.sort_unstable();
        times.dedup_by(|next, merged| {
            let touches = next.0 <= merged.1;
            if touches {
                merged.1 = merged.1.max(next.1);
            }
            touches
        });
        Self {
            depressant,
            days: DaySet::from_spans(episodes.iter().map(|one| one.days)),
            times,
        }
    }

    /// Whether an episode of another family is on a date of these, or within 12 hours of one.
    fn meets(&self, episode: &Episode) -> bool {
        let (from, to) = (episode.times.0 - MILLIS_APART, episode.times.1 + MILLIS_APART);
        let first = self.times.partition_point(|times| times.1 < from);
        let is_near = self.times.get(first).is_some_and(|times| times.0 <= to);
        self.depressant != episode.depressant && (is_near || self.days.within(episode.days).next().is_some())
    }
}

/// Returns the uses of different depressants on one date or within 12 hours, if one of them is of the last 24 hours.
/// Prescribed ones count. A craving for one counts beside a use of another; one without a substance is for what the
/// record is about. An opioid medication counts beside a use of alcohol or sedatives on its date, and beside a craving.
pub(super) fn mixed_depressants(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let episodes: Vec<Episode> = (uses(situation))
        .chain(cravings(situation))
        .chain(request_for_help(situation))
        .collect();
    if episodes.iter().all(|episode| !episode.is_acute) {
        return Vec::new();
    }
    let presences = |filter: fn(&Episode) -> bool| {
        Depressant::ALL.map(|one| Presence::of(one, episodes.iter().filter(|episode| filter(episode))))
    };
    let (all, used) = (presences(|_| true), presences(|one| one.is_use));
    let acute = presences(|one| one.is_acute);
    let acutely_used = presences(|one| one.is_acute && one.is_use);
    let is_together = |episode: &&Episode| {
        let others = match (episode.is_acute, episode.is_use) {
            (true, true) => &all,
            (true, false) => &used,
            (false, true) => &acute,
            (false, false) => &acutely_used,
        };
        others.iter().any(|presence| presence.meets(episode))
    };
    let mut inputs: Vec<SafetyInput> = (episodes.iter().filter(is_together))
        .map(|episode| episode.input.clone())
        .collect();
    inputs.extend(beside_medication(situation, &episodes));
    inputs
}

fn uses<'a>(situation: &Situation<'a>) -> impl Iterator<Item = Episode> + use<'a> {
    let situation = *situation;
    situation.all_uses().filter_map(move |event| {
        let (from, to) = (
            event.record.occurred_at,
            event.record.ended_at.unwrap_or(event.record.occurred_at),
        );
        Some(Episode {
            depressant: Depressant::of(event.record.substance)?,
            is_use: true,
            is_acute: situation.is_acute(event.id, to),
            days: use_span(&event.record),
            times: (from.millis(), to.millis()),
            input: SafetyInput::of_use(event, "substance"),
        })
    })
}

/// Returns the cravings for each family. A craving without a substance is one for every family that the record is about.
fn cravings<'a>(situation: &Situation<'a>) -> impl Iterator<Item = Episode> + use<'a> {
    let situation = *situation;
    let about: Vec<Depressant> = families(&situation).into_iter().map(|(one, _)| one).collect();
    situation.facts.cravings.iter().flat_map(move |event| {
        let at = event.record.occurred_at;
        let families = match event.record.substance {
            Some(substance) => Depressant::of(substance).into_iter().collect(),
            None => about.clone(),
        };
        families.into_iter().map(move |depressant| {
            let input = SafetyInput::of_craving(event, "substance");
            Episode {
                is_acute: situation.is_acute(event.id, at),
                ..acute_craving(depressant, at, input)
            }
        })
    })
}

/// Returns the request for help without an event, as if with a craving for each family that the record is about.
fn request_for_help(situation: &Situation<'_>) -> Vec<Episode> {
    if !situation.asks_for_help {
        return Vec::new();
    }
    let now = situation.as_of.local();
    (families(situation).into_iter())
        .map(|(depressant, input)| acute_craving(depressant, now, input))
        .collect()
}

fn acute_craving(depressant: Depressant, at: Timestamp, input: SafetyInput) -> Episode {
    let day = at.local_date();
    Episode {
        depressant,
        is_use: false,
        is_acute: true,
        days: (day, day),
        times: (at.millis(), at.millis()),
        input,
    }
}

/// Returns the families that the record is about, each with the first member that names it.
fn families(situation: &Situation<'_>) -> Vec<(Depressant, SafetyInput)> {
    let mut found: Vec<(Depressant, SafetyInput)> = Vec::new();
    for subject in situation.subjects(RECENT_USE_DAYS) {
        if let Some(depressant) = Depressant::of(subject.substance)
            && found.iter().all(|(one, _)| *one != depressant)
        {
            found.push((depressant, subject.input));
        }
    }
    found
}

/// Returns the opioid medications that were taken on a date of an acute use of alcohol or sedatives, or of a craving for
/// them, with those uses and cravings.
fn beside_medication(situation: &Situation<'_>, episodes: &[Episode]) -> Vec<SafetyInput> {
    let others: Vec<&Episode> = (episodes.iter())
        .filter(|one| one.is_acute && one.depressant != Depressant::Opioid)
        .collect();
    if others.is_empty() {
        return Vec::new();
    }
    let agonists = (situation.facts.medications.iter()).filter(|one| one.record.class.is_opioid());
    let mut inputs = Vec::new();
    for medication in agonists.take(MAX_MEDICATIONS) {
        let Some(span) = days_in_use(&medication.record) else {
            continue;
        };
        let taken = DaySet::from_spans([span]).difference(&days_left_out(situation, medication));
        let is_beside = |one: &&&Episode| taken.within(one.days).next().is_some();
        let mut beside = others.iter().filter(is_beside).peekable();
        if beside.peek().is_some() {
            let at = Timestamp::midnight(medication.record.started_on);
            inputs.push(SafetyInput::fact(Kind::Medication, medication.id, "class", at));
            inputs.extend(beside.map(|one| one.input.clone()));
        }
    }
    inputs
}

/// Returns the first and last day on which a medication is in use. `None` if it is not and nobody knows since when.
fn days_in_use(medication: &Medication) -> Option<Span> {
    let last = match medication.ended_on {
        Some(last) => last,
        None if medication.status == MedicationStatus::Active => NaiveDate::MAX,
        None => return None,
    };
    Some((medication.started_on, last))
}

/// Returns the days of which the record says that the medication was not taken. On a day without a record it counts as
/// taken. One that lasts for a week or longer is never left out for a day.
fn days_left_out(situation: &Situation<'_>, medication: &WithId<Medication>) -> DaySet {
    if medication.record.is_long_acting() {
        return DaySet::default();
    }
    let doses = situation.facts.doses.iter().map(|dose| &dose.record);
    let (given, not_given): (Vec<_>, Vec<_>) = doses
        .filter(|dose| dose.medication_id == medication.id)
        .map(|dose| (dose.occurred_at.local_date(), dose.status.is_given()))
        .partition(|(_, is_given)| *is_given);
    let days =
        |doses: Vec<(NaiveDate, bool)>| DaySet::from_spans(doses.into_iter().map(|(day, _)| (day, day)));
    days(not_given).difference(&days(given))
}
