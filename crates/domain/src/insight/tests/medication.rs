//! Tests of medication coverage and due doses against the oracle of `dosing`.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    day_oracle::{date, each_day, in_window, today},
    dosing::{Due, Regimen, local_days_between, regimens, with_regimens},
    history::{proptest_config, window},
};
use crate::{
    dose::DoseStatus,
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, Window},
        medication::{MedicationInsight, medication},
    },
    medication::{DoseStanding, DueDose, MedicationStatus, due_doses, next_due, overdue_days, tolerance},
};

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn share(count: usize, all: usize) -> f64 {
    count as f64 / all as f64
}

/// Checks days, proportion and longest stretch of one medication by going through every day.
fn assert_days(actual: &MedicationInsight, regimen: &Regimen, as_of: &AsOf, window: Window) {
    let (record, today, covered) = (&regimen.medication.record, today(as_of), regimen.covered());
    let last = record.ended_on.map_or(today, |end| end.min(today));
    let is_in_window = |day: &NaiveDate| window.days().is_none_or(|days| *day > add_days(today, -days));
    let all: Vec<NaiveDate> = each_day(record.started_on, last).filter(is_in_window).collect();
    // Today counts only once it is covered, because its dose may still be taken.
    let counting: Vec<NaiveDate> = (all.iter().copied())
        .filter(|day| *day < today || covered.contains(day))
        .collect();
    let n = counting.iter().filter(|day| covered.contains(day)).count();
    assert_eq!(
        (actual.days, actual.covered_days),
        (i64::try_from(counting.len()).unwrap(), i64::try_from(n).unwrap())
    );
    let is_known = all.iter().any(|day| *day < today) && !regimen.doses.is_empty();
    assert_eq!(actual.proportion, is_known.then(|| share(n, counting.len())));
    assert!(
        actual
            .proportion
            .is_none_or(|proportion| (0.0..=1.0).contains(&proportion))
    );
    assert_eq!(
        actual.covered_enough,
        (is_known && counting.len() >= 28).then(|| n * 10 >= counting.len() * 8)
    );
    // A stretch goes on until more than seven consecutive days are not covered.
    let inside: Vec<NaiveDate> = all.into_iter().filter(|day| covered.contains(day)).collect();
    let reach = |from: NaiveDate| {
        let mut end = from;
        while let Some(next) = (1..=8).map(|n| add_days(end, n)).find(|day| inside.contains(day)) {
            end = next;
        }
        end
    };
    let starts = inside
        .iter()
        .filter(|day| (1..=8).all(|n| !inside.contains(&add_days(**day, -n))));
    let stretches: Vec<(NaiveDate, NaiveDate)> = starts.map(|from| (*from, reach(*from))).collect();
    let longest = stretches
        .iter()
        .map(|(from, to)| each_day(*from, *to).count())
        .max();
    let first = stretches
        .iter()
        .find(|(from, to)| Some(each_day(*from, *to).count()) == longest);
    assert_eq!(actual.longest_stretch.map(|s| (s.from, s.to)).as_ref(), first);
    assert_eq!(
        actual.longest_stretch.map(|s| s.days),
        longest.map(|days| i64::try_from(days).unwrap())
    );
}

/// Returns the number of doses that reach into the window, and the days that they touch. A dose that was not given
/// touches its own date.
fn doses_in_window(regimen: &Regimen, as_of: &AsOf, window: Window) -> (usize, BTreeSet<NaiveDate>) {
    let cover = regimen.cover();
    let (mut n, mut touched) = (0, BTreeSet::new());
    for dose in &regimen.doses {
        let covered = cover
            .iter()
            .find(|(id, _)| *id == dose.id)
            .map(|(_, days)| days.clone());
        let days = match covered {
            Some(days) => days,
            // A second record of one long-acting dose covers nothing.
            None if dose.record.status.is_given() => Vec::new(),
            None => vec![date(dose.record.occurred_at)],
        };
        if days.iter().any(|day| in_window(*day, today(as_of), window)) {
            n += 1;
            touched.extend(days);
        }
    }
    (n, touched)
}

/// Returns the due time and standing of each dose.
fn due_with_standing(due: &[DueDose]) -> Vec<(Due, DoseStanding)> {
    due.iter()
        .map(|dose| {
            let at = dose.due_at.to_utc();
            let until = if dose.whole_day {
                at + TimeDelta::days(1)
            } else {
                at
            };
            (Due { at, until }, dose.standing)
        })
        .collect()
}

/// Gives every whole day 24 hours, so that it can be compared with `due_with_standing`.
fn as_24_hours(due: Vec<(Due, DoseStanding)>) -> Vec<(Due, DoseStanding)> {
    let one = |(due, standing): (Due, DoseStanding)| {
        let until = if due.until > due.at {
            due.at + TimeDelta::days(1)
        } else {
            due.at
        };
        (Due { until, ..due }, standing)
    };
    due.into_iter().map(one).collect()
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn coverage_equals_counting_each_day(((as_of, regimens), window) in (regimens(), window())) {
        let today = as_of.today();
        let insight = medication(&with_regimens(Facts::default(), &regimens), &as_of, window);
        prop_assert_eq!(insight.result.medications.len(), regimens.len());
        let regimens: Vec<Regimen> = regimens.iter().map(|regimen| regimen.until_today(&as_of)).collect();
        for actual in &insight.result.medications {
            let regimen = regimens.iter().find(|r| r.medication.id == actual.medication_id).unwrap();
            assert_days(actual, regimen, &as_of, window);
            let count = |status| regimen.doses.iter().filter(|dose| {
                let day = dose.record.occurred_at.local_date();
                dose.record.status == status && window.days().is_none_or(|days| day > add_days(today, -days))
            }).count();
            let counts = [DoseStatus::Taken, DoseStatus::Late, DoseStatus::Skipped, DoseStatus::Missed].map(count);
            let doses = actual.doses;
            prop_assert_eq!([doses.taken, doses.late, doses.skipped, doses.missed], counts);
        }
        // Active medications come first, then newer before older.
        let order: Vec<_> = insight.result.medications.iter().map(|actual| {
            let record = &regimens.iter().find(|r| r.medication.id == actual.medication_id).unwrap().medication.record;
            (actual.status != MedicationStatus::Active, std::cmp::Reverse(record.started_on), actual.medication_id)
        }).collect();
        prop_assert!(order.is_sorted());
        let parts: Vec<_> = regimens.iter().map(|r| doses_in_window(r, &as_of, window)).collect();
        prop_assert_eq!(insight.basis.n, parts.iter().map(|(n, _)| n).sum::<usize>());
        let touched: BTreeSet<NaiveDate> = parts.into_iter().flat_map(|(_, days)| days).collect();
        let starts = regimens.iter().map(|r| r.medication.record.started_on);
        let first = match window.days() {
            Some(days) => add_days(today, 1 - days),
            None => touched.iter().copied().chain(starts).min().map_or(today, |first| first.min(today)),
        };
        let period: Vec<NaiveDate> = each_day(first, today).collect();
        let n = period.iter().filter(|day| touched.contains(day)).count();
        prop_assert_eq!((insight.basis.from, insight.basis.coverage), (first, share(n, period.len())));
    }

    /// Due doses of tablets: over midnight and clock changes, for doses that name their due time or are
    /// matched to the nearest, and before and after the course.
    #[test]
    fn due_doses_equal_walking_along_the_clock(
        (as_of, regimens) in regimens(), from in 0_i64..40_000, length in 0_i64..30_000,
    ) {
        let span = as_of.at - TimeDelta::minutes(from)..as_of.at + TimeDelta::minutes((length - from).min(9_000));
        for regimen in regimens.iter().filter(|regimen| !regimen.is_long_acting()) {
            let (record, doses) = (&regimen.medication.record, regimen.own_doses());
            let found = due_doses(record, &doses, as_of.zone, &span, as_of.at);
            prop_assert_eq!(due_with_standing(&found), as_24_hours(regimen.due(&as_of, &span)));
            for due in &found {
                let waits = matches!(due.standing, DoseStanding::Open | DoseStanding::Missed);
                let days = local_days_between(as_of.zone, due.due_at.to_utc(), as_of.at);
                prop_assert_eq!(due.overdue_days, waits.then_some(days));
                let given = matches!(due.standing, DoseStanding::Taken | DoseStanding::Late | DoseStanding::Skipped);
                prop_assert!(!given || !due.dose_ids.is_empty());
            }
            let ids: Vec<Uuid> = found.iter().flat_map(|due| due.dose_ids.clone()).collect();
            prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
            // The next dose is the first one that can still be taken.
            let ahead = as_of.at - TimeDelta::days(12)..as_of.at + TimeDelta::days(45);
            let next = regimen.due(&as_of, &ahead).into_iter()
                .find(|(_, standing)| matches!(standing, DoseStanding::Open | DoseStanding::Upcoming));
            let actual = next_due(record, &doses, as_of.zone, as_of.at);
            prop_assert_eq!(due_with_standing(actual.as_slice()), as_24_hours(next.into_iter().collect()));
        }
    }

    /// A long-acting dose is due a fixed number of days after the last one that was given. Skipped doses
    /// change nothing.
    #[test]
    fn a_long_acting_dose_is_due_a_fixed_time_after_the_last_one((as_of, regimens) in regimens()) {
        for regimen in &regimens {
            let (record, doses) = (&regimen.medication.record, regimen.own_doses());
            let overdue = overdue_days(record, &doses, as_of.zone, as_of.at);
            let has_ended = record.ended_on.is_some_and(|last| last < as_of.today());
            if !regimen.is_long_acting() || !regimen.is_running() || has_ended {
                prop_assert_eq!(overdue, 0);
                continue;
            }
            let since = regimen.due_since(as_of.zone);
            prop_assert_eq!(overdue, local_days_between(as_of.zone, since.at, as_of.at));
            // If no dose was left out, this is also the next dose.
            if doses.iter().all(|(_, dose)| dose.status.is_given()) {
                let next = next_due(record, &doses, as_of.zone, as_of.at);
                let on = since.at.with_timezone(&as_of.zone).date_naive();
                let waits = record.ended_on.is_none_or(|last| on <= last);
                let standing = if as_of.at < since.at { DoseStanding::Upcoming } else { DoseStanding::Open };
                prop_assert_eq!(due_with_standing(next.as_slice()), as_24_hours(waits.then_some((since, standing)).into_iter().collect()));
                let week = as_of.at - TimeDelta::days(7)..as_of.at + TimeDelta::days(1);
                let due = due_doses(record, &doses, as_of.zone, &week, as_of.at);
                let is_listed = waits && since.at < week.end;
                prop_assert_eq!(due.iter().any(|due| due.due_at.to_utc() == since.at), is_listed);
            }
            prop_assert_eq!(tolerance(record), TimeDelta::hours((regimen.rhythm.covers * 12).min(168)));
        }
    }
}
