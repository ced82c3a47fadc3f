//! Medication: how much of the window each one covered. The figures are those of
//! [`crate::medication::adherence`]; 0.80 is the usual threshold for the proportion of days covered.

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
        adherence::{Cover, Coverage, Stretch, covers, longest_stretch, placed, proportion_of_days_covered},
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
    /// Days of the window from the medication's first day to its last or yesterday; today is one of them once it is
    /// covered.
    #[schema(minimum = 0)]
    pub days: i64,
    /// Those that were covered; what overlaps is carried forward.
    #[schema(minimum = 0)]
    pub covered_days: i64,
    /// The proportion of days covered, 0–1. Left out while no dose of the medication is recorded, for what is missing is
    /// not zero, and until a day of it is completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub proportion: Option<f64>,
    /// Whether that reaches 0.80, the usual threshold; left out where `proportion` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered_enough: Option<bool>,
    /// The longest stretch in which no gap has more than seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_stretch: Option<CoveredStretch>,
    /// What became of the doses of the window.
    pub doses: DoseCounts,
    /// The next dose that is open or to come; a long-acting one until it is given, also where it was recorded as missed.
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
    proportion_of_days_covered(&covers_of(medication, doses), Stretch { from, to })
}

fn covers_of(medication: &Medication, doses: &[(Uuid, Dose)]) -> Vec<Cover> {
    let doses = doses.iter().map(|(_, dose)| dose);
    covers(u16::try_from(medication.covers_days.get()).unwrap_or(1), doses)
}

/// The days of the doses that reach into the window: those that each one covers, or for one that was not given its own.
fn taking_part(
    medication: &Medication,
    doses: &[(Uuid, Dose)],
    window: Window,
    today: NaiveDate,
) -> Vec<Span> {
    let (given, not_given): (Vec<&Dose>, Vec<&Dose>) =
        (doses.iter().map(|(_, dose)| dose)).partition(|dose| dose.status.is_given());
    let own = |dose: &Dose| {
        let day = dose.occurred_at.local_date();
        (day, day)
    };
    let mut days: Vec<Span> = not_given.into_iter().map(own).collect();
    if medication.covers_days.get() == 1 {
        // Doses of a day are all of that day.
        days.extend(given.into_iter().map(own));
    } else {
        let placed = placed(&covers_of(medication, doses));
        days.extend(placed.into_iter().map(|stretch| (stretch.from, stretch.to)));
    }
    // Further east it may be tomorrow.
    days.retain(|(from, to)| window.contains(*to, today) && *from <= add_days(today, 1));
    days
}

/// How much of the window each medication covered.
pub fn medication(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<MedicationCoverage> {
    let today = as_of.today();
    let mut medications: Vec<&WithId<Medication>> = facts.medications.iter().collect();
    medications.sort_by(|a, b| {
        let rank = |m: &WithId<Medication>| m.record.status != MedicationStatus::Active;
        (rank(a).cmp(&rank(b)))
            .then(b.record.started_on.cmp(&a.record.started_on))
            .then(a.id.cmp(&b.id))
    });
    medications.truncate(MAX_MEDICATIONS);
    // Doses of a medication that was deleted belong to nothing.
    let taken: Vec<_> = (medications.into_iter())
        .map(|m| (m, facts.doses_of(m.id)))
        .collect();
    let days = taken
        .iter()
        .flat_map(|(m, doses)| taking_part(&m.record, doses, window, today));
    let basis = BasisBuilder::default()
        .records(Kind::Dose, days)
        .starting_with(taken.iter().map(|(m, _)| m.record.started_on))
        .build(as_of, window);
    let medications = taken
        .iter()
        .map(|(m, doses)| of_one(m, doses, as_of, window))
        .collect();
    Insight {
        basis,
        result: MedicationCoverage { medications },
    }
}

fn of_one(
    medication: &WithId<Medication>,
    doses: &[(Uuid, Dose)],
    as_of: &AsOf,
    window: Window,
) -> MedicationInsight {
    let (record, today) = (&medication.record, as_of.today());
    let first = window
        .first_day(today)
        .map_or(record.started_on, |first| first.max(record.started_on));
    let last = record.ended_on.map_or(today, |end| end.min(today));
    let covered = covers_of(record, doses);
    // The dose of today may still come.
    let completed = last.min(add_days(today, -1));
    let is_covered = |day| proportion_of_days_covered(&covered, Stretch { from: day, to: day });
    let upto = if is_covered(last).is_some_and(|day| day.covered > 0) {
        last
    } else {
        completed
    };
    let found = proportion_of_days_covered(
        &covered,
        Stretch {
            from: first,
            to: upto,
        },
    );
    let proportion = found
        .filter(|_| first <= completed && !doses.is_empty())
        .map(|found| found.proportion());
    let mut counts = DoseCounts::default();
    for (_, dose) in doses
        .iter()
        .filter(|(_, dose)| window.contains(dose.occurred_at.local_date(), today))
    {
        match dose.status {
            DoseStatus::Taken => counts.taken += 1,
            DoseStatus::Late => counts.late += 1,
            DoseStatus::Skipped => counts.skipped += 1,
            DoseStatus::Missed => counts.missed += 1,
        }
    }
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
        proportion,
        covered_enough: proportion.map(|proportion| proportion >= COVERED_ENOUGH),
        longest_stretch: stretch.map(|stretch| CoveredStretch {
            from: stretch.from,
            to: stretch.to,
            days: stretch.days(),
        }),
        doses: counts,
        next_due: next_due(record, doses, as_of.zone, as_of.at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        insight::facts::WithId,
        record::Record,
        value::{number::Int, timestamp::Timestamp},
    };

    fn known(n: u128, covers_days: i64, started_on: &str) -> WithId<Medication> {
        WithId {
            id: Uuid::from_u128(n),
            record: Medication {
                covers_days: Int::clamped(covers_days),
                started_on: started_on.parse().unwrap(),
                ..Medication::example()
            },
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
        };
        (0..).zip(all).map(dose).collect()
    }

    fn found(
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
        };
        medication(&facts, &as_of, Window::Week)
    }

    #[test]
    fn today_counts_once_it_is_covered() {
        let daily = || vec![known(1, 1, "2026-03-06")];
        let taken = [
            ("2026-03-06T08:00:00Z", DoseStatus::Taken),
            ("2026-03-07T08:00:00Z", DoseStatus::Taken),
            ("2026-03-09T07:00:00Z", DoseStatus::Taken),
        ];
        let figures = |n: usize, at: &str| {
            let all = found(daily(), doses(1, &taken[..n]), at);
            let found = all.result.medications[0].clone();
            (found.days, found.covered_days, found.proportion)
        };
        assert_eq!(figures(2, "2026-03-08T06:00:00Z"), (2, 2, Some(1.0)));
        assert_eq!(figures(2, "2026-03-09T06:00:00Z"), (3, 2, Some(2.0 / 3.0)));
        assert_eq!(figures(3, "2026-03-09T08:00:00Z"), (4, 3, Some(0.75)));
        // Without a completed day there is no proportion yet, taken or not.
        assert_eq!(figures(0, "2026-03-06T06:00:00Z"), (0, 0, None));
        assert_eq!(figures(1, "2026-03-06T09:00:00Z"), (1, 1, None));
    }

    #[test]
    fn what_nobody_recorded_is_missing_and_not_zero() {
        let both = || vec![known(1, 1, "2026-03-01"), known(2, 1, "2026-03-01")];
        let all = found(
            both(),
            doses(2, &[("2026-03-02T08:00:00Z", DoseStatus::Missed)]),
            "2026-03-09T12:00:00Z",
        );
        let [one, two] = all.result.medications.as_slice() else {
            panic!("two medications");
        };
        assert_eq!((one.proportion, one.covered_enough), (None, None));
        assert_eq!((two.proportion, two.covered_enough), (Some(0.0), Some(false)));
    }

    #[test]
    fn the_doses_that_count_are_those_whose_cover_reaches_into_the_window() {
        // The last 7 days of 30 March are those from the 24th on.
        let depot = vec![known(1, 28, "2026-01-01")];
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
        // Of a medication that was deleted.
        all.extend(doses(9, &[("2026-03-29T09:00:00Z", DoseStatus::Taken)]));
        let told = found(depot, all, "2026-03-30T12:00:00Z");
        // From 27 February, one day carried forward, up to 26 March; and from the 28th on.
        assert_eq!((told.basis.n, told.basis.computed_from[0].n), (3, 3));
        assert!((told.basis.coverage - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(told.result.medications[0].covered_days, 6);
    }
}
