//! Medication: how much of the window each one covered. The figures are those of
//! [`crate::medication::adherence`]; 0.80 is the usual threshold for the proportion of days covered.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    calendar::Span,
    facts::{AsOf, Facts, Known, Tally, Window},
};
use crate::{
    dose::{Dose, DoseStatus},
    medication::{
        DueDose, Medication, MedicationClass, MedicationStatus,
        adherence::{Coverage, Stretch, covers, longest_stretch, proportion_of_days_covered},
        next_due,
    },
    record::Kind,
};

/// The usual threshold for the proportion of days covered.
pub const COVERED_ENOUGH: f64 = 0.80;
/// Most medications in one answer.
pub const MAX_MEDICATIONS: usize = 100;

/// Covered days in a row, with gaps of at most seven days between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CoveredStretch {
    /// First covered day.
    pub from: NaiveDate,
    /// Last covered day.
    pub to: NaiveDate,
    /// Days from one to the other, both included.
    #[schema(minimum = 1)]
    pub days: i64,
}

/// What became of the doses of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DoseCounts {
    /// Taken when they were due.
    #[schema(minimum = 0)]
    pub taken: usize,
    /// Taken later.
    #[schema(minimum = 0)]
    pub late: usize,
    /// Left out on purpose.
    #[schema(minimum = 0)]
    pub skipped: usize,
    /// Not taken.
    #[schema(minimum = 0)]
    pub missed: usize,
}

/// How much of the window one medication covered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MedicationInsight {
    /// The medication.
    pub medication_id: Uuid,
    /// What it is called.
    #[schema(max_length = 200)]
    pub name: String,
    /// What it does.
    pub class: MedicationClass,
    /// Where it stands.
    pub status: MedicationStatus,
    /// Days of the window from the medication's first day to its last or today.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Those that were covered; what overlaps is carried forward.
    #[schema(minimum = 0)]
    pub covered_days: i64,
    /// The proportion of days covered, 0–1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub proportion: Option<f64>,
    /// Whether that reaches 0.80, the usual threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered_enough: Option<bool>,
    /// The longest stretch in which no gap has more than seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_stretch: Option<CoveredStretch>,
    /// What became of the doses of the window.
    pub doses: DoseCounts,
    /// The next dose that is open or to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due: Option<DueDose>,
}

/// How much of the window each medication covered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MedicationCoverage {
    /// The medications, active ones first, then the newest.
    #[schema(max_items = 100)]
    pub medications: Vec<MedicationInsight>,
}

/// How much of a span a medication covered; `None` if it has no days.
pub fn coverage(medication: &Medication, doses: &[(Uuid, Dose)], (from, to): Span) -> Option<Coverage> {
    let covered = covers(
        u16::try_from(medication.covers_days.get()).unwrap_or(1),
        doses.iter().map(|(_, dose)| dose),
    );
    proportion_of_days_covered(&covered, Stretch { from, to })
}

/// How much of the window each medication covered.
pub fn medication(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<MedicationCoverage> {
    let today = as_of.today();
    let mut medications: Vec<&Known<Medication>> = facts.medications.iter().collect();
    medications.sort_by(|a, b| {
        let rank = |m: &Known<Medication>| m.record.status != MedicationStatus::Active;
        (rank(a).cmp(&rank(b)))
            .then(b.record.started_on.cmp(&a.record.started_on))
            .then(a.id.cmp(&b.id))
    });
    medications.truncate(MAX_MEDICATIONS);
    let in_window = facts
        .doses
        .iter()
        .map(|dose| dose.record.occurred_at.local_date());
    let basis = Tally::default()
        .and(
            Kind::Dose,
            in_window
                .filter(|day| window.has(*day, today))
                .map(|day| (day, day)),
        )
        .basis(as_of, window);
    let medications = medications
        .into_iter()
        .map(|m| of_one(m, facts, as_of, window))
        .collect();
    Insight {
        basis,
        found: MedicationCoverage { medications },
    }
}

fn of_one(medication: &Known<Medication>, facts: &Facts, as_of: &AsOf, window: Window) -> MedicationInsight {
    let (record, today) = (&medication.record, as_of.today());
    let doses = facts.doses_of(medication.id);
    let first = window
        .first(today)
        .map_or(record.started_on, |first| first.max(record.started_on));
    let last = record.ended_on.map_or(today, |end| end.min(today));
    let found = coverage(record, &doses, (first, last));
    let mut counts = DoseCounts::default();
    for (_, dose) in doses
        .iter()
        .filter(|(_, dose)| window.has(dose.occurred_at.local_date(), today))
    {
        match dose.status {
            DoseStatus::Taken => counts.taken += 1,
            DoseStatus::Late => counts.late += 1,
            DoseStatus::Skipped => counts.skipped += 1,
            DoseStatus::Missed => counts.missed += 1,
        }
    }
    let covered = covers(
        u16::try_from(record.covers_days.get()).unwrap_or(1),
        doses.iter().map(|(_, dose)| dose),
    );
    let stretch = longest_stretch(
        &covered,
        Stretch {
            from: first,
            to: last,
        },
    );
    MedicationInsight {
        medication_id: medication.id,
        name: record.name.to_string(),
        class: record.class,
        status: record.status,
        days: found.map_or(0, |found| found.days),
        covered_days: found.map_or(0, |found| found.covered),
        proportion: found.map(|found| found.proportion()),
        covered_enough: found.map(|found| found.proportion() >= COVERED_ENOUGH),
        longest_stretch: stretch.map(|stretch| CoveredStretch {
            from: stretch.from,
            to: stretch.to,
            days: stretch.days(),
        }),
        doses: counts,
        next_due: next_due(record, &doses, as_of.zone, as_of.at),
    }
}
