//! Tests of adherence, with a day-by-day count as an oracle.

use proptest::prelude::*;

use super::*;
use crate::{
    dose::DoseStatus,
    insight::calendar::add_days,
    medication::ScheduleText,
    record::Record,
    value::{number::Int, timestamp::example_time},
};

fn day(n: i64) -> NaiveDate {
    let epoch = NaiveDate::from_ymd_opt(2024, 2, 20).unwrap();
    epoch.checked_add_signed(chrono::TimeDelta::days(n)).unwrap()
}

fn cover(on: i64, days: u16) -> Cover {
    Cover { on: day(on), days }
}

fn window(from: i64, to: i64) -> Stretch {
    Stretch {
        from: day(from),
        to: day(to),
    }
}

/// Computes the covered days day by day: a taken dose goes into stock, and each day consumes one day's worth.
fn oracle(taken: &[(i64, u16)]) -> Vec<i64> {
    let mut stock = 0;
    let mut covered = Vec::new();
    for n in 0..500 {
        stock += taken
            .iter()
            .filter(|(on, _)| *on == n)
            .map(|(_, days)| i64::from(*days))
            .sum::<i64>();
        if stock > 0 {
            stock -= 1;
            covered.push(n);
        }
    }
    covered
}

/// Tries every covered day of the window as a start and extends it until a long gap.
fn longest_oracle(covered: &[i64], from: i64, to: i64) -> Option<i64> {
    let inside: Vec<i64> = covered
        .iter()
        .copied()
        .filter(|n| (from..=to).contains(n))
        .collect();
    let reach = |first: usize| {
        let mut last = inside[first];
        for next in &inside[first..] {
            if next - last - 1 > MAX_GAP_DAYS {
                break;
            }
            last = *next;
        }
        last - inside[first] + 1
    };
    (0..inside.len()).map(reach).max()
}

#[test]
fn overlapping_doses_are_carried_forward() {
    // After a refill three days early, the second month begins when the first is used up.
    let covers = [cover(0, 30), cover(27, 30)];
    let covered = placed(&covers);
    assert_eq!(joined(&covered), [window(0, 59)]);
    let coverage = proportion_of_days_covered(&covered, window(0, 89)).unwrap();
    assert_eq!((coverage.covered, coverage.days), (60, 90));
    assert!((coverage.proportion() - 2.0 / 3.0).abs() < 1e-12);
}

#[test]
fn the_proportion_is_never_more_than_one() {
    let coverage =
        proportion_of_days_covered(&placed(&[cover(0, 190), cover(0, 190)]), window(10, 39)).unwrap();
    assert_eq!((coverage.covered, coverage.days), (30, 30));
    assert_eq!(proportion_of_days_covered(&[], window(5, 4)), None);
    assert_eq!(
        proportion_of_days_covered(&[], window(5, 5)).map(|c| c.covered),
        Some(0)
    );
}

#[test]
fn a_gap_of_seven_days_is_bridged_and_one_of_eight_is_not() {
    let bridged = longest_stretch(&placed(&[cover(0, 10), cover(17, 10)]), window(0, 40));
    assert_eq!(bridged, Some(window(0, 26)));
    let parted = longest_stretch(&placed(&[cover(0, 10), cover(18, 12)]), window(0, 40));
    assert_eq!(parted, Some(window(18, 29)));
    assert_eq!(longest_stretch(&placed(&[cover(0, 10)]), window(20, 40)), None);
}

fn dose(time: &str, status: DoseStatus) -> Dose {
    Dose {
        due_at: None,
        occurred_at: example_time(time),
        status,
        ..Dose::example()
    }
}

fn medication(schedule: &str, covers_days: i64) -> Medication {
    Medication {
        schedule: ScheduleText::new(schedule).unwrap(),
        covers_days: Int::clamped(covers_days),
        started_on: "2026-03-02".parse().unwrap(),
        ..Medication::example()
    }
}

fn days(from: &str, to: &str) -> Stretch {
    Stretch {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
    }
}

#[test]
fn several_doses_of_one_day_are_one() {
    let doses = [
        dose("2026-03-02T20:00:00-05:00", DoseStatus::Late),
        dose("2026-03-02T08:00:00-05:00", DoseStatus::Taken),
        dose("2026-03-03T08:00:00-05:00", DoseStatus::Missed),
        dose("2026-03-04T08:00:00-05:00", DoseStatus::Skipped),
    ];
    let daily = medication("FREQ=DAILY;BYHOUR=8,20", 1);
    assert_eq!(
        joined(&stretches(&daily, &doses)),
        [days("2026-03-02", "2026-03-02")]
    );
    // An injection that was written down twice was given once.
    let monthly = medication("FREQ=DAILY;INTERVAL=28", 28);
    assert_eq!(stretches(&monthly, &doses), [days("2026-03-02", "2026-03-29")]);
    let around_midnight = [
        dose("2026-03-02T23:30:00-05:00", DoseStatus::Taken),
        dose("2026-03-03T00:10:00-05:00", DoseStatus::Taken),
    ];
    assert_eq!(
        stretches(&monthly, &around_midnight),
        [days("2026-03-02", "2026-03-29")]
    );
}

#[test]
fn a_dose_lasts_until_the_next_one_is_due_and_no_longer() {
    // 2 March 2026 is a Monday.
    let three_a_week = medication("FREQ=WEEKLY;BYDAY=MO,WE,FR", 2);
    let week =
        |n: i64| ["02", "04", "06"].map(|day| add_days(format!("2026-03-{day}").parse().unwrap(), 7 * n));
    let all: Vec<Dose> = (0..4)
        .flat_map(week)
        .map(|day| dose(&format!("{day}T08:00:00Z"), DoseStatus::Taken))
        .collect();
    let covered = |doses: &[Dose]| {
        let window = days("2026-03-02", "2026-03-29");
        proportion_of_days_covered(&stretches(&three_a_week, doses), window)
            .unwrap()
            .covered
    };
    assert_eq!(covered(&all), 28);
    // Without a Wednesday and without a Friday.
    assert_eq!(
        (
            covered(&[&all[..4], &all[5..]].concat()),
            covered(&[&all[..5], &all[6..]].concat())
        ),
        (26, 25)
    );
    // Three days' worth taken on one day are one dose.
    let daily = medication("FREQ=DAILY", 3);
    let one = [dose("2026-03-02T08:00:00Z", DoseStatus::Taken)];
    assert_eq!(stretches(&daily, &one), [days("2026-03-02", "2026-03-02")]);
    // Late by a day, and a day early for the due time that it names.
    let late = [dose("2026-03-03T08:00:00Z", DoseStatus::Late)];
    assert_eq!(
        stretches(&three_a_week, &late),
        [days("2026-03-03", "2026-03-03")]
    );
    let early = [Dose {
        due_at: Some(example_time("2026-03-06T08:00:00Z")),
        ..dose("2026-03-05T22:00:00Z", DoseStatus::Taken)
    }];
    assert_eq!(
        stretches(&three_a_week, &early),
        [days("2026-03-05", "2026-03-08")]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_computation_agrees_with_counting_day_by_day(
        some in prop::collection::vec((0..300_i64, prop_oneof![Just(1_u16), 0..60_u16, Just(190_u16)]), 0..12),
        from in -20..320_i64,
        length in 1..120_i64,
    ) {
        let covers: Vec<Cover> = some.iter().map(|(on, days)| cover(*on, *days)).collect();
        let all = oracle(&some);
        let to = from + length - 1;
        let coverage = proportion_of_days_covered(&placed(&covers), window(from, to)).unwrap();
        let expected = all.iter().filter(|n| (from..=to).contains(*n)).count();
        prop_assert_eq!(usize::try_from(coverage.covered).ok(), Some(expected));
        prop_assert_eq!(coverage.days, length);
        prop_assert!((0.0..=1.0).contains(&coverage.proportion()));
        let longest = longest_stretch(&placed(&covers), window(from, to));
        prop_assert_eq!(longest.map(|s| s.days()), longest_oracle(&all, from, to));
    }

    #[test]
    fn a_dose_more_never_covers_less(
        some in prop::collection::vec((0..100_i64, 0..40_u16), 0..8), more in (0..100_i64, 0..40_u16), from in 0..120_i64,
    ) {
        let mut covers: Vec<Cover> = some.iter().map(|(on, days)| cover(*on, *days)).collect();
        let before = proportion_of_days_covered(&placed(&covers), window(from, from + 27)).unwrap();
        covers.push(cover(more.0, more.1));
        let after = proportion_of_days_covered(&placed(&covers), window(from, from + 27)).unwrap();
        prop_assert!(after.covered >= before.covered);
    }
}
