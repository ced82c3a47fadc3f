//! Tests of cravings and triggers against counting.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Timelike};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    day_oracle::in_window,
    history::{history, proptest_config, window, with_ids},
};
use crate::{
    craving_event::{CravingEvent, CravingOutcome, CravingRating},
    insight::{
        calendar::add_days,
        craving::{CravingTrend, Direction, cravings},
        facts::{Facts, Window},
        trigger::triggers,
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

/// Checks the trend by its definition: the slope halves the slopes of all pairs of days.
fn assert_trend(trend: &CravingTrend, facts: &Facts, today: NaiveDate) {
    let mut strongest: BTreeMap<i64, i64> = BTreeMap::new();
    let mut record_rating = |at: Timestamp, value: i64| {
        let day = i64::from(today.num_days_from_ce()) - i64::from(local_time(at).date().num_days_from_ce());
        if (0..14).contains(&day) {
            let maximum = strongest.entry(-day).or_insert(value);
            *maximum = value.max(*maximum);
        }
    };
    facts.cravings.iter().for_each(|e| {
        e.record
            .ratings
            .iter()
            .for_each(|r| record_rating(e.record.occurred_at, r.value.get()));
    });
    for check_in in &facts.check_ins {
        let answers = &check_in.record.answers;
        [answers.craving, answers.craving_max]
            .into_iter()
            .flatten()
            .for_each(|v| record_rating(check_in.record.occurred_at, v.get()));
    }
    assert_eq!(trend.observed_days, strongest.len());
    assert_eq!(trend.slope_per_day.is_some(), strongest.len() >= 5);
    if let Some(slope) = trend.slope_per_day {
        let days: Vec<(&i64, &i64)> = strongest.iter().collect();
        let mut slopes: Vec<f64> = Vec::new();
        for (n, (x1, y1)) in days.iter().enumerate() {
            for (x2, y2) in &days[n + 1..] {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                slopes.push((*y2 - *y1) as f64 / (*x2 - *x1) as f64);
            }
        }
        let above = slopes.iter().filter(|s| **s > slope + 1e-9).count();
        let below = slopes.iter().filter(|s| **s < slope - 1e-9).count();
        assert!(above * 2 <= slopes.len() && below * 2 <= slopes.len());
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
    fn triggers_equal_counting(((as_of, facts), window) in (history(), window())) {
        let (today, actual) = (as_of.today(), triggers(&facts, &as_of, window).result);
        // A use event that names the craving counts as use, whatever outcome the craving has.
        let followed = |id: Uuid| facts.uses.iter().map(|u| &u.record)
            .any(|u| u.craving_event_id == Some(id) && !u.as_prescribed && !u.entered_in_error);
        let events: Vec<(&CravingEvent, bool)> = facts.cravings.iter()
            .filter(|e| in_window(local_time(e.record.occurred_at).date(), today, window))
            .map(|e| (&e.record, e.record.outcome == CravingOutcome::Used || followed(e.id))).collect();
        let known = |e: &&(&CravingEvent, bool)| e.1 || e.0.outcome == CravingOutcome::RodeItOut;
        let used = |e: &&(&CravingEvent, bool)| e.1;
        let all = (events.iter().filter(known).count(), events.iter().filter(used).count());
        let ids: BTreeSet<Uuid> = events.iter().flat_map(|e| e.0.trigger_ids.iter().copied()).collect();
        prop_assert_eq!(actual.triggers.iter().map(|t| t.trigger_id).collect::<BTreeSet<_>>(), ids);
        for trigger in &actual.triggers {
            let carrying: Vec<(&CravingEvent, bool)> = events.iter().copied().filter(|e| e.0.trigger_ids.contains(&trigger.trigger_id)).collect();
            let own = (carrying.iter().filter(known).count(), carrying.iter().filter(used).count());
            let figures = &trigger.figures;
            prop_assert_eq!((figures.events, figures.known_outcomes, figures.used), (carrying.len(), own.0, own.1));
            let others = (all.0 - own.0, all.1 - own.1);
            prop_assert_eq!((figures.use_share.is_some(), figures.use_share_without.is_some()), (own.0 >= 5, others.0 >= 5));
            prop_assert_eq!(figures.use_ratio.is_some(), own.0 >= 5 && others.0 >= 5 && all.1 > 0);
            if let Some(ratio) = figures.use_ratio {
                prop_assert_eq!((ratio.value.is_some(), ratio.interval.high.is_some()), (others.1 > 0, others.1 > 0));
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let expected = (own.1 as f64 / own.0 as f64) / (others.1 as f64 / others.0 as f64);
                prop_assert!((ratio.value.unwrap_or(expected) - expected).abs() < 1e-9 || others.1 == 0);
                let high = ratio.interval.high.unwrap_or(f64::INFINITY);
                prop_assert!(ratio.interval.low <= expected + 1e-9 && expected <= high + 1e-9);
            }
        }
        // Whatever is not marked is followed by everything with a smaller p-value (Benjamini–Hochberg).
        let ratios: Vec<_> = (actual.triggers.iter().map(|t| &t.figures)).chain(actual.situations.iter().map(|s| &s.figures))
            .filter_map(|figures| figures.use_ratio).collect();
        for one in &ratios {
            for other in &ratios {
                prop_assert!(one.may_be_chance || !other.may_be_chance || other.p_value >= one.p_value);
            }
            // A single p-value of 0.1 never fails among as many that are as small.
            prop_assert!(one.p_value > 0.1 || ratios.len() > 1 || !one.may_be_chance);
        }
    }
}

fn one_craving_a_day(values: &[(i64, i64)], today: NaiveDate) -> Facts {
    let event = |(ago, value): &(i64, i64)| CravingEvent {
        occurred_at: Timestamp::utc(add_days(today, -ago).and_hms_opt(12, 0, 0).unwrap().and_utc()),
        ratings: List::of([CravingRating {
            offset_s: Int::clamped(0),
            value: Rating::clamped(*value),
        }]),
        ..CravingEvent::example()
    };
    Facts {
        cravings: with_ids(values.iter().map(event).collect(), 1),
        ..Facts::default()
    }
}

fn trend_of(values: &[(i64, i64)]) -> CravingTrend {
    let today: NaiveDate = "2026-03-14".parse().unwrap();
    let as_of = crate::insight::facts::AsOf {
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

/// A trigger is compared with the cravings without it, and of many triggers few stand out.
#[test]
fn use_with_a_trigger_is_compared_with_use_without_it() {
    let (bar, rest) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let craving = |n: usize| {
        // The bar: 6 of 8 with use. Without it: 2 of 12. The other trigger: 4 of 10, and without it 4 of 10.
        let used = n < 6 || n == 8 || n == 14;
        let mut triggers = Vec::new();
        triggers.extend((n < 8).then_some(bar));
        triggers.extend((n < 2 || (6..12).contains(&n) || n == 14 || n == 15).then_some(rest));
        CravingEvent {
            trigger_ids: List::of(triggers),
            category: None,
            outcome: if used {
                CravingOutcome::Used
            } else {
                CravingOutcome::RodeItOut
            },
            ..CravingEvent::example()
        }
    };
    let facts = Facts {
        cravings: with_ids((0..20).map(craving).collect(), 1),
        ..Facts::default()
    };
    let as_of = crate::insight::facts::AsOf {
        at: "2026-03-14T20:00:00Z".parse().unwrap(),
        zone: chrono_tz::UTC,
        week_start: 1,
        standard_drink_g: Some(14.0),
    };
    let found = triggers(&facts, &as_of, Window::All).result;
    let figures = |id: Uuid| {
        &found
            .triggers
            .iter()
            .find(|t| t.trigger_id == id)
            .unwrap()
            .figures
    };
    let bar = figures(bar);
    assert_eq!(
        (
            bar.use_share.map(|s| (s.count, s.n)),
            bar.use_share_without.map(|s| (s.count, s.n))
        ),
        (Some((6, 8)), Some((2, 12)))
    );
    let ratio = bar.use_ratio.unwrap();
    assert!((ratio.value.unwrap() - 4.5).abs() < 1e-9);
    // The exact test by whole numbers: 2 440 of 125 970 tables.
    assert!(
        (ratio.p_value - 0.0194).abs() < 1e-9 && !ratio.may_be_chance,
        "{ratio:?}"
    );
    assert!(
        (ratio.interval.low - 1.402_433).abs() < 1e-5
            && (ratio.interval.high.unwrap() - 16.620_832).abs() < 1e-5,
        "{ratio:?}"
    );
    let rest = figures(rest).use_ratio.unwrap();
    assert!(
        rest.may_be_chance && (rest.value.unwrap() - 1.0).abs() < 1e-9,
        "{rest:?}"
    );
}
