//! Tests of cravings and triggers against counting.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Timelike};
use proptest::prelude::*;
use uuid::Uuid;

use super::history::{history, proptest_config, window, with_ids};
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

pub fn in_window(day: NaiveDate, today: NaiveDate, window: Window) -> bool {
    let back = today.num_days_from_ce() - day.num_days_from_ce();
    match window {
        Window::All => true,
        Window::Week => back < 7,
        Window::Month => back < 30,
        Window::Quarter => back < 90,
        Window::Year => back < 365,
    }
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
            prop_assert_eq!(figures.lift.is_some(), own.0 >= 5 && all.1 > 0);
            if let Some(lift) = figures.lift {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let expected = (own.1 as f64 / own.0 as f64) / (all.1 as f64 / all.0 as f64);
                prop_assert!((lift.value - expected).abs() < 1e-9);
                prop_assert!(lift.interval.low <= lift.value + 1e-9 && lift.value <= lift.interval.high + 1e-9);
            }
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

#[test]
fn a_trend_needs_five_days_and_a_slope_of_a_tenth() {
    let today: NaiveDate = "2026-03-14".parse().unwrap();
    let as_of = crate::insight::facts::AsOf {
        at: "2026-03-14T20:00:00Z".parse().unwrap(),
        zone: chrono_tz::UTC,
        week_start: 1,
        standard_drink_g: Some(14.0),
    };
    let direction = |values: &[(i64, i64)]| {
        cravings(&one_craving_a_day(values, today), &as_of, Window::Week)
            .result
            .trend
            .direction
    };
    assert_eq!(
        direction(&[(0, 1), (1, 2), (2, 3), (3, 4)]),
        Direction::InsufficientData
    );
    assert_eq!(
        direction(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
        Direction::Falling
    );
    assert_eq!(
        direction(&[(0, 6), (3, 5), (6, 5), (9, 5), (12, 4)]),
        Direction::Rising
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
