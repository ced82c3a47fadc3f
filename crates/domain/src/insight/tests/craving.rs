//! Tests of cravings against counting, and of their trend against its definition.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Timelike};
use chrono_tz::Tz;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    day_oracle::in_window,
    history::{as_of, history, proptest_config, timestamp_ago, window, with_ids},
    reach::{assert_reached, samples},
    statistics_oracle::{is_shown_p_value, mann_kendall},
};
use crate::{
    check_in::CheckIn,
    craving_event::{CravingEvent, CravingRating},
    insight::{
        calendar::add_days,
        craving::{CravingTrend, Direction, cravings},
        facts::{AsOf, Facts, Window},
    },
    record::Record,
    value::{
        list::List,
        number::{Int, Rating},
        timestamp::Timestamp,
    },
};

/// Reads the local date and time from the text of a timestamp.
pub fn local_time(at: Timestamp) -> chrono::NaiveDateTime {
    at.to_string()[..19].parse().unwrap()
}

/// Returns the strongest craving of each observed day, by the number of days before today, the earliest first.
fn observed(facts: &Facts, today: NaiveDate) -> Vec<(i64, i64)> {
    let mut strongest: BTreeMap<i64, i64> = BTreeMap::new();
    let mut record_rating = |at: Timestamp, value: i64| {
        let day = i64::from(today.num_days_from_ce()) - i64::from(local_time(at).date().num_days_from_ce());
        if (0..14).contains(&day) {
            let maximum = strongest.entry(-day).or_insert(value);
            *maximum = value.max(*maximum);
        }
    };
    for event in facts.cravings.iter().map(|e| &e.record) {
        (event.ratings.iter()).for_each(|r| record_rating(event.occurred_at, r.value.get()));
    }
    for check_in in facts.check_ins.iter().map(|c| &c.record) {
        let rated = [check_in.answers.craving, check_in.answers.craving_max];
        (rated.into_iter().flatten()).for_each(|v| record_rating(check_in.occurred_at, v.get()));
    }
    strongest.into_iter().collect()
}

/// Returns the Theil–Sen slope as a fraction: the median of the slopes of all pairs of days.
fn slope(days: &[(i64, i64)]) -> (i64, i64) {
    let mut slopes: Vec<(i64, i64)> = Vec::new();
    for (n, (x1, y1)) in days.iter().enumerate() {
        slopes.extend(days[n + 1..].iter().map(|(x2, y2)| (y2 - y1, x2 - x1)));
    }
    slopes.sort_by_key(|(rise, days)| rise * 360_360 / days);
    let ((a, b), (c, d)) = (slopes[(slopes.len() - 1) / 2], slopes[slopes.len() / 2]);
    (a * d + c * b, 2 * b * d)
}

/// Returns the direction by the definition. Whether the slope is a tenth or more is decided in whole numbers.
fn direction(days: &[(i64, i64)]) -> Direction {
    if days.len() < 5 {
        return Direction::InsufficientData;
    }
    let (rise, run) = slope(days);
    let is_clear = days.len() >= 7 && mann_kendall(&values_of(days)) < 0.2;
    match (rise * 10, is_clear) {
        (tenfold, _) if tenfold.abs() < run => Direction::Steady,
        (_, false) => Direction::NotClear,
        (tenfold, true) if tenfold > 0 => Direction::Rising,
        _ => Direction::Falling,
    }
}

fn values_of(days: &[(i64, i64)]) -> Vec<i64> {
    days.iter().map(|(_, value)| *value).collect()
}

/// Compares the trend with its definition.
fn assert_trend(trend: &CravingTrend, facts: &Facts, today: NaiveDate) {
    let days = observed(facts, today);
    assert_eq!((trend.to, (trend.to - trend.from).num_days()), (today, 13));
    assert_eq!(trend.observed_days, days.len());
    assert_eq!(trend.direction, direction(&days), "{trend:?} {days:?}");
    let is_given = days.len() >= 5;
    assert_eq!(
        (trend.slope_per_day.is_some(), trend.p_value.is_some()),
        (is_given, is_given)
    );
    if let (Some(actual), Some(p_value)) = (trend.slope_per_day, trend.p_value) {
        let (rise, run) = slope(&days);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let expected = rise as f64 / run as f64;
        assert!((actual - expected).abs() < 1e-9, "{trend:?} {days:?}");
        let exact = mann_kendall(&values_of(&days));
        assert!(is_shown_p_value(p_value, exact), "{trend:?} {exact} {days:?}");
    }
}

/// Generates cravings and check-ins of two weeks: with or without a slope, with many ties or few, on few days or all.
fn two_weeks() -> impl Strategy<Value = (AsOf, Facts)> {
    let day = (
        0_i64..=10,
        0_u8..100,
        -600_i64..600,
        any::<bool>(),
        recording_zone_of_two_weeks(),
    );
    let shape = (
        0_u8..=100,
        0_i64..=10,
        select(&[0_i64, 0, 1, 2, 4, 10][..]),
        -12_i64..=12,
    );
    (as_of(), shape, vec(day, 17)).prop_map(|(as_of, (rated, level, spread, tenths), days)| {
        let (mut cravings, mut check_ins) = (Vec::new(), Vec::new());
        for (ago, (noise, roll, minutes, is_craving, zone)) in (0_i64..).zip(days) {
            if roll >= rated {
                continue;
            }
            let value = Rating::clamped(level + (noise - 5) * spread / 10 + tenths * (7 - ago) / 10);
            let at = timestamp_ago(&as_of, ago * 1440 + minutes, zone.unwrap_or(as_of.zone));
            if is_craving {
                cravings.push(rated_craving(at, value));
            } else {
                let mut check_in = CheckIn {
                    occurred_at: at,
                    ..CheckIn::example()
                };
                check_in.answers.craving = Some(value);
                check_in.answers.craving_max = None;
                check_ins.push(check_in);
            }
        }
        let facts = Facts {
            cravings: with_ids(cravings, 4000),
            check_ins: with_ids(check_ins, 3000),
            ..Facts::default()
        };
        (as_of, facts)
    })
}

/// The zone in which a day was recorded: seldom one that is not the person's.
fn recording_zone_of_two_weeks() -> impl Strategy<Value = Option<Tz>> {
    option::weighted(
        0.05,
        select(&[chrono_tz::Pacific::Kiritimati, chrono_tz::UTC][..]),
    )
}

fn rated_craving(at: Timestamp, value: Rating) -> CravingEvent {
    CravingEvent {
        occurred_at: at,
        ended_at: None,
        ratings: List::of([CravingRating {
            offset_s: Int::clamped(0),
            value,
        }]),
        ..CravingEvent::example()
    }
}

#[test]
fn random_histories_reach_every_kind_of_trend() {
    let days = |(as_of, facts): &(AsOf, Facts)| observed(facts, as_of.today());
    let has = |sample: &_, wanted: Direction| direction(&days(sample)) == wanted;
    let distinct = |sample: &_| {
        values_of(&days(sample))
            .into_iter()
            .collect::<BTreeSet<_>>()
            .len()
    };
    let all = samples(two_weeks());
    assert_reached(
        &all,
        &[
            ("rising", &|s| has(s, Direction::Rising)),
            ("falling", &|s| has(s, Direction::Falling)),
            ("not clear", &|s| has(s, Direction::NotClear)),
            ("not clear with 7 days", &|s| {
                has(s, Direction::NotClear) && days(s).len() >= 7
            }),
            ("steady", &|s| has(s, Direction::Steady)),
            ("too few days", &|s| has(s, Direction::InsufficientData)),
            ("ties, and not all equal", &|s| {
                (2..days(s).len()).contains(&distinct(s))
            }),
            ("all days are equal", &|s| days(s).len() >= 5 && distinct(s) == 1),
            ("no ties", &|s| days(s).len() >= 5 && distinct(s) == days(s).len()),
            ("a slope of a tenth", &|s| {
                days(s).len() >= 5 && matches!(slope(&days(s)), (rise, run) if rise.abs() * 10 == run)
            }),
        ],
    );
    for n in 5..=14 {
        assert!(all.iter().any(|sample| days(sample).len() == n), "{n} days");
    }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn cravings_equal_counting(((as_of, facts), window) in (history(), window())) {
        let (today, actual) = (as_of.today(), cravings(&facts, &as_of, window).result);
        let events: Vec<&CravingEvent> = facts.cravings.iter().map(|e| &e.record)
            .filter(|e| in_window(local_time(e.occurred_at).date(), today, window)).collect();
        prop_assert_eq!(actual.events, events.len());
        let began: Vec<(u32, u32)> = events.iter().map(|e| local_time(e.occurred_at))
            .map(|at| (at.weekday().number_from_monday(), at.hour())).collect();
        for weekday in 1..=7_u32 {
            for hour in 0..24_u32 {
                let n = began.iter().filter(|at| **at == (weekday, hour)).count();
                let row = &actual.heat_map[usize::try_from(weekday).unwrap() - 1];
                prop_assert_eq!((row.weekday, row.hours[usize::try_from(hour).unwrap()]), (weekday, u32::try_from(n).unwrap()));
            }
        }
        let ended: Vec<i64> = events.iter().filter_map(|e| Some((e.ended_at?.to_utc() - e.occurred_at.to_utc()).num_milliseconds())).collect();
        prop_assert_eq!(actual.durations.n, ended.len());
        if let Some(longest) = actual.durations.longest_minutes {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let expected = *ended.iter().max().unwrap() as f64 / 60_000.0;
            prop_assert!((longest - expected).abs() < 1e-9);
        }
        // Mean and median by their definitions.
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let minutes: Vec<f64> = ended.iter().map(|millis| *millis as f64 / 60_000.0).collect();
        let strongest: Vec<f64> = events.iter().map(|e| e.ratings.iter().map(|r| r.value.as_f64()).fold(0.0, f64::max)).collect();
        for (values, mean, median) in [
            (&minutes, actual.durations.mean_minutes, actual.durations.median_minutes),
            (&strongest, actual.peaks.mean, actual.peaks.median),
        ] {
            prop_assert_eq!((mean.is_some(), median.is_some()), (!values.is_empty(), !values.is_empty()));
            let sum: f64 = values.iter().sum();
            prop_assert!((mean.unwrap_or(0.0) * values.iter().map(|_| 1.0).sum::<f64>() - sum).abs() < 1e-6);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let middle = median.map(|_| sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]);
            prop_assert!((middle.unwrap_or(0.0) - 2.0 * median.unwrap_or(0.0)).abs() < 1e-9);
        }
        prop_assert_eq!(actual.peaks.highest.map(|n| n * 10), strongest.iter().copied().reduce(f64::max).map(|v| format!("{:.0}", v * 10.0).parse().unwrap()));
        let outcomes = &actual.outcomes;
        prop_assert_eq!(outcomes.rode_it_out + outcomes.used + outcomes.unsure + outcomes.ongoing, events.len());
        let known = outcomes.rode_it_out + outcomes.used;
        prop_assert_eq!(outcomes.ridden_out_share.map(|s| s.n), (known > 0).then_some(known));
        assert_trend(&actual.trend, &facts, today);
    }

    #[test]
    fn trends_equal_their_definition((as_of, facts) in two_weeks()) {
        assert_trend(&cravings(&facts, &as_of, Window::Week).result.trend, &facts, as_of.today());
    }
}

fn one_craving_a_day(values: &[(i64, i64)], today: NaiveDate) -> Facts {
    let noon = |ago: i64| add_days(today, -ago).and_hms_opt(12, 0, 0).unwrap().and_utc();
    let event =
        |(ago, value): &(i64, i64)| rated_craving(Timestamp::utc(noon(*ago)), Rating::clamped(*value));
    Facts {
        cravings: with_ids(values.iter().map(event).collect(), 1),
        ..Facts::default()
    }
}

fn trend_of(values: &[(i64, i64)]) -> CravingTrend {
    let today: NaiveDate = "2026-03-14".parse().unwrap();
    let as_of = AsOf {
        at: "2026-03-14T20:00:00Z".parse().unwrap(),
        zone: chrono_tz::UTC,
        week_start: 1,
        standard_drink_g: Some(14.0),
    };
    cravings(&one_craving_a_day(values, today), &as_of, Window::Week)
        .result
        .trend
}

#[test]
fn a_trend_needs_five_days_and_a_slope_of_a_tenth() {
    let direction = |values: &[(i64, i64)]| trend_of(values).direction;
    assert_eq!(
        direction(&[(0, 1), (1, 2), (2, 3), (3, 4)]),
        Direction::InsufficientData
    );
    // A single outlier does not change the direction.
    assert_eq!(
        direction(&[(0, 3), (2, 3), (4, 10), (6, 3), (8, 3), (10, 3)]),
        Direction::Steady
    );
    // Ratings older than 14 days do not count.
    assert_eq!(
        direction(&[(0, 1), (1, 2), (2, 3), (13, 4), (14, 5)]),
        Direction::InsufficientData
    );
}

#[test]
fn a_trend_has_a_direction_from_seven_days_on_if_chance_alone_would_hardly_show_it() {
    let falling: Vec<(i64, i64)> = (0..7).map(|ago| (ago, ago + 1)).collect();
    for (days, direction, p_value) in [
        (5, Direction::NotClear, Some(0.0275)),
        (6, Direction::NotClear, Some(0.0085)),
        (7, Direction::Falling, Some(0.0027)),
    ] {
        let found = trend_of(&falling[..days]);
        assert_eq!(
            (found.direction, found.p_value),
            (direction, p_value),
            "{found:?}"
        );
    }
    let rising: Vec<(i64, i64)> = (0..7).map(|ago| (ago, 7 - ago)).collect();
    assert_eq!(trend_of(&rising).direction, Direction::Rising);
    assert_eq!(trend_of(&falling[..4]).p_value, None);
    // 6 8 6 7 5 6 5, today first: a slope of a third of a point a day, and p = 0.204.
    let unclear = [(0, 6), (1, 8), (2, 6), (3, 7), (4, 5), (5, 6), (6, 5)];
    let found = trend_of(&unclear);
    assert_eq!(
        (found.direction, found.p_value),
        (Direction::NotClear, Some(0.204)),
        "{found:?}"
    );
    // No slope needs no test.
    let steady: Vec<(i64, i64)> = (0..14).map(|ago| (ago, 5)).collect();
    let found = trend_of(&steady);
    assert_eq!((found.direction, found.p_value), (Direction::Steady, Some(1.0)));
}
