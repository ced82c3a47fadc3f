//! Medication: how much of the window each medication covered. The figures are those of
//! [`crate::medication::adherence`]. 0.80 is the usual threshold for the proportion of days covered.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    calendar::{Span, add_days},
    facts::{AsOf, BasisBuilder, Facts, Window, WithId},
};
use crate::{
    dose::{Dose, DoseStatus},
    medication::{
        DueDose, Medication, MedicationClass, MedicationStatus,
        adherence::{Coverage, Stretch, longest_stretch, proportion_of_days_covered, stretches},
        next_due,
    },
    record::Kind,
};

/// The usual threshold for the proportion of days covered.
pub const COVERED_ENOUGH: f64 = 0.80;
/// Minimum number of days for a comparison with the threshold.
pub const ENOUGH_DAYS: i64 = 28;
/// Maximum number of medications in one response.
pub const MAX_MEDICATIONS: usize = 100;

/// A stretch of covered days with gaps of at most seven days between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CoveredStretch {
    /// First covered day.
    pub from: NaiveDate,
    /// Last covered day.
    pub to: NaiveDate,
    /// Number of days from the first to the last covered day, both included.
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
    /// Id of the medication.
    pub medication_id: Uuid,
    /// Name of the medication.
    #[schema(max_length = 200)]
    pub name: String,
    /// Class of the medication.
    pub class: MedicationClass,
    /// Status of the medication.
    pub status: MedicationStatus,
    /// Days of the window from the medication's first day to its last day or yesterday. Today counts once it
    /// is covered.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Number of these days that were covered. An overlap of long-acting doses is carried forward.
    #[schema(minimum = 0)]
    pub covered_days: i64,
    /// The proportion of days covered, 0–1. Left out while no dose of the medication is recorded, because
    /// missing is not zero. Also left out until the first day of the medication is completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub proportion: Option<f64>,
    /// Whether `proportion` reaches 0.80, the usual threshold. Left out where `proportion` is left out, and for fewer
    /// than 28 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered_enough: Option<bool>,
    /// The longest stretch in which no gap is longer than seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_stretch: Option<CoveredStretch>,
    /// Number of doses in the window, by status.
    pub doses: DoseCounts,
    /// The next dose that is open or upcoming. A long-acting dose stays open until it is given, even if it
    /// was recorded as missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due: Option<DueDose>,
}

/// How much of the window each medication covered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MedicationCoverage {
    /// The medications. Active ones come first, then newer before older.
    #[schema(max_items = 100)]
    pub medications: Vec<MedicationInsight>,
}

/// Computes how much of a span a medication covered. `None` if the span has no days.
pub fn coverage(medication: &Medication, doses: &[(Uuid, Dose)], (from, to): Span) -> Option<Coverage> {
    proportion_of_days_covered(&stretches_of(medication, doses), Stretch { from, to })
}

fn stretches_of(medication: &Medication, doses: &[(Uuid, Dose)]) -> Vec<Stretch> {
    stretches(medication, doses.iter().map(|(_, dose)| dose))
}

/// Returns one span of days for each dose that reaches into the window. The span of a dose that was given is
/// the days that it covers. The span of a dose that was not given is its own day.
fn dose_spans_in_window(
    medication: &Medication,
    doses: &[(Uuid, Dose)],
    window: Window,
    today: NaiveDate,
) -> Vec<Span> {
    let not_given = doses.iter().filter(|(_, dose)| !dose.status.is_given());
    let own_days = not_given.map(|(_, dose)| {
        let day = dose.occurred_at.local_date();
        (day, day)
    });
    let covered = stretches_of(medication, doses).into_iter();
    let mut spans: Vec<Span> = covered
        .map(|stretch| (stretch.from, stretch.to))
        .chain(own_days)
        .collect();
    let first = window.first_day(today).unwrap_or(NaiveDate::MIN);
    spans.retain(|(from, to)| first <= *to && *from <= today);
    spans
}

/// Computes how much of the window each medication covered.
pub fn medication(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<MedicationCoverage> {
    let facts = &*facts.until_today(as_of);
    let today = as_of.today();
    let mut medications: Vec<&WithId<Medication>> = facts.medications.iter().collect();
    medications.sort_by(|a, b| {
        let is_inactive = |m: &WithId<Medication>| m.record.status != MedicationStatus::Active;
        (is_inactive(a).cmp(&is_inactive(b)))
            .then(b.record.started_on.cmp(&a.record.started_on))
            .then(a.id.cmp(&b.id))
    });
    medications.truncate(MAX_MEDICATIONS);
    // Doses of a deleted medication do not count.
    let mut doses = facts.doses_by_medication();
    let with_doses: Vec<_> = (medications.into_iter())
        .map(|m| (m, doses.remove(&m.id).unwrap_or_default()))
        .collect();
    let spans = with_doses
        .iter()
        .flat_map(|(m, doses)| dose_spans_in_window(&m.record, doses, window, today));
    let basis = BasisBuilder::default()
        .records(Kind::Dose, spans)
        .starting_with(with_doses.iter().map(|(m, _)| m.record.started_on))
        .build(as_of, window);
    let medications = with_doses
        .iter()
        .map(|(m, doses)| medication_insight(m, doses, as_of, window))
        .collect();
    Insight {
        basis,
        result: MedicationCoverage { medications },
    }
}

fn medication_insight(
    medication: &WithId<Medication>,
    doses: &[(Uuid, Dose)],
    as_of: &AsOf,
    window: Window,
) -> MedicationInsight {
    let (record, today) = (&medication.record, as_of.today());
    let from = window
        .first_day(today)
        .map_or(record.started_on, |first| first.max(record.started_on));
    let last = record.ended_on.map_or(today, |end| end.min(today));
    let cover = stretches_of(record, doses);
    // Today's dose may still be taken, so today counts only once it is covered.
    let last_completed = last.min(add_days(today, -1));
    let coverage_of_last = proportion_of_days_covered(&cover, Stretch { from: last, to: last });
    let to = if coverage_of_last.is_some_and(|day| day.covered > 0) {
        last
    } else {
        last_completed
    };
    let coverage = proportion_of_days_covered(&cover, Stretch { from, to });
    let proportion = coverage
        .filter(|_| from <= last_completed && !doses.is_empty())
        .map(|coverage| coverage.proportion());
    let stretch = longest_stretch(&cover, Stretch { from, to: last });
    MedicationInsight {
        medication_id: medication.id,
        name: record.name.to_string(),
        class: record.class,
        status: record.status,
        days: coverage.map_or(0, |coverage| coverage.days),
        covered_days: coverage.map_or(0, |coverage| coverage.covered),
        proportion,
        covered_enough: proportion
            .filter(|_| coverage.is_some_and(|coverage| coverage.days >= ENOUGH_DAYS))
            .map(|proportion| proportion >= COVERED_ENOUGH),
        longest_stretch: stretch.map(|stretch| CoveredStretch {
            from: stretch.from,
            to: stretch.to,
            days: stretch.days(),
        }),
        doses: dose_counts(doses, window, today),
        next_due: next_due(record, doses, as_of.zone, as_of.at),
    }
}

fn dose_counts(doses: &[(Uuid, Dose)], window: Window, today: NaiveDate) -> DoseCounts {
    let mut counts = DoseCounts::default();
    let in_window = doses
        .iter()
        .filter(|(_, dose)| window.contains(dose.occurred_at.local_date(), today));
    for (_, dose) in in_window {
        match dose.status {
            DoseStatus::Taken => counts.taken += 1,
            DoseStatus::Late => counts.late += 1,
            DoseStatus::Skipped => counts.skipped += 1,
            DoseStatus::Missed => counts.missed += 1,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        insight::facts::WithId,
        record::Record,
        value::{number::Int, timestamp::Timestamp},
    };

    fn medication_with_id(n: u128, covers_days: i64, started_on: &str) -> WithId<Medication> {
        WithId {
            id: Uuid::from_u128(n),
            record: Medication {
                covers_days: Int::clamped(covers_days),
                started_on: started_on.parse().unwrap(),
                ..Medication::example()
            },
            written: None,
        }
    }

    fn doses(medication: u128, all: &[(&str, DoseStatus)]) -> Vec<WithId<Dose>> {
        let dose = |(n, (at, status)): (u128, &(&str, DoseStatus))| WithId {
            id: Uuid::from_u128(medication * 1000 + n),
            record: Dose {
                medication_id: Uuid::from_u128(medication),
                due_at: None,
                occurred_at: at.parse::<Timestamp>().unwrap(),
                status: *status,
                ..Dose::example()
            },
            written: None,
        };
        (0..).zip(all).map(dose).collect()
    }

    fn coverage_of_week(
        medications: Vec<WithId<Medication>>,
        doses: Vec<WithId<Dose>>,
        at: &str,
    ) -> Insight<MedicationCoverage> {
        let facts = Facts {
            medications,
            doses,
            ..Facts::default()
        };
        let as_of = AsOf {
            at: at.parse().unwrap(),
            zone: chrono_tz::UTC,
            week_start: 1,
            standard_drink_g: Some(14.0),
        };
        medication(&facts, &as_of, Window::Week)
    }

    #[test]
    fn today_counts_once_it_is_covered() {
        let daily = || vec![medication_with_id(1, 1, "2026-03-06")];
        let all_taken = [
            ("2026-03-06T08:00:00Z", DoseStatus::Taken),
            ("2026-03-07T08:00:00Z", DoseStatus::Taken),
            ("2026-03-09T07:00:00Z", DoseStatus::Taken),
        ];
        let figures = |n: usize, at: &str| {
            let insight = coverage_of_week(daily(), doses(1, &all_taken[..n]), at);
            let coverage = insight.result.medications[0].clone();
            (coverage.days, coverage.covered_days, coverage.proportion)
        };
        assert_eq!(figures(2, "2026-03-08T06:00:00Z"), (2, 2, Some(1.0)));
        assert_eq!(figures(2, "2026-03-09T06:00:00Z"), (3, 2, Some(2.0 / 3.0)));
        assert_eq!(figures(3, "2026-03-09T08:00:00Z"), (4, 3, Some(0.75)));
        // Before the first day is completed there is no proportion, taken or not.
        assert_eq!(figures(0, "2026-03-06T06:00:00Z"), (0, 0, None));
        assert_eq!(figures(1, "2026-03-06T09:00:00Z"), (1, 1, None));
    }

    #[test]
    fn a_medication_without_recorded_doses_has_no_proportion_instead_of_zero() {
        let both = || {
            vec![
                medication_with_id(1, 1, "2026-03-01"),
                medication_with_id(2, 1, "2026-03-01"),
            ]
        };
        let insight = coverage_of_week(
            both(),
            doses(2, &[("2026-03-02T08:00:00Z", DoseStatus::Missed)]),
            "2026-03-09T12:00:00Z",
        );
        let [one, two] = insight.result.medications.as_slice() else {
            panic!("two medications");
        };
        assert_eq!((one.proportion, one.covered_enough), (None, None));
        // Seven days are too few to compare with the threshold.
        assert_eq!((two.proportion, two.covered_enough), (Some(0.0), None));
    }

    #[test]
    fn doses_count_if_their_cover_reaches_into_the_window() {
        // The last 7 days up to 30 March begin on the 24th.
        let depot = vec![medication_with_id(1, 28, "2026-01-01")];
        let mut all = doses(
            1,
            &[
                ("2026-01-30T09:00:00Z", DoseStatus::Taken),
                ("2026-02-26T09:00:00Z", DoseStatus::Taken),
                ("2026-03-28T09:00:00Z", DoseStatus::Taken),
                ("2026-03-29T09:00:00Z", DoseStatus::Skipped),
                ("2026-03-01T09:00:00Z", DoseStatus::Skipped),
            ],
        );
        // A dose of a deleted medication.
        all.extend(doses(9, &[("2026-03-29T09:00:00Z", DoseStatus::Taken)]));
        let insight = coverage_of_week(depot, all, "2026-03-30T12:00:00Z");
        // Covered from 27 February, one day carried forward, to 26 March, and from 28 March on.
        assert_eq!((insight.basis.n, insight.basis.computed_from[0].n), (3, 3));
        assert!((insight.basis.coverage - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(insight.result.medications[0].covered_days, 6);
    }
}
