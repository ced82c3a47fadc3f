use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Timelike};
use proptest::prelude::*;
use uuid::Uuid;

use super::history::{history, known, property, window};
use crate::{
    craving_event::{CravingEvent, CravingOutcome, CravingRating},
    insight::{
        calendar::plus,
        craving::{Direction, cravings},
        facts::{Facts, Window},
        series::{Bucket, Metric, series},
        trigger::triggers,
    },
    record::Record,
    scalar::{Int, List, Rating},
    timestamp::Timestamp,
    use_event::UseEvent,
};

/// The text of a time begins with its local date and hour.
fn wall(at: Timestamp) -> chrono::NaiveDateTime {
    at.to_string()[..19].parse().unwrap()
}

fn in_window(day: NaiveDate, today: NaiveDate, window: Window) -> bool {
    let back = today.num_days_from_ce() - day.num_days_from_ce();
    match window {
        Window::All => true,
        Window::Week => back < 7,
        Window::Month => back < 30,
        Window::Quarter => back < 90,
        Window::Year => back < 365,
    }
}

proptest! {
    #![proptest_config(property())]

    #[test]
    fn cravings_are_what_counting_gives(((as_of, facts), window) in (history(), window())) {
        let (today, found) = (as_of.today(), cravings(&facts, &as_of, window).found);
        let events: Vec<&CravingEvent> = facts.cravings.iter().map(|e| &e.record)
            .filter(|e| in_window(wall(e.occurred_at).date(), today, window)).collect();
        prop_assert_eq!(found.events, events.len());
        for weekday in 1..=7_u32 {
            for hour in 0..24_u32 {
                let n = events.iter().filter(|e| {
                    let at = wall(e.occurred_at);
                    at.weekday().number_from_monday() == weekday && at.hour() == hour
                }).count();
                let row = &found.heat_map[usize::try_from(weekday).unwrap() - 1];
                prop_assert_eq!((row.weekday, row.hours[usize::try_from(hour).unwrap()]), (weekday, u32::try_from(n).unwrap()));
            }
        }
        let ended: Vec<i64> = events.iter().filter_map(|e| Some((e.ended_at?.to_utc() - e.occurred_at.to_utc()).num_milliseconds())).collect();
        prop_assert_eq!(found.durations.n, ended.len());
        if let Some(longest) = found.durations.longest_minutes {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let expected = *ended.iter().max().unwrap() as f64 / 60_000.0;
            prop_assert!((longest - expected).abs() < 1e-9);
        }
        let outcomes = &found.outcomes;
        prop_assert_eq!(outcomes.rode_it_out + outcomes.used + outcomes.unsure + outcomes.ongoing, events.len());
        let known = outcomes.rode_it_out + outcomes.used;
        prop_assert_eq!(outcomes.ridden_out_share.map(|s| s.n), (known > 0).then_some(known));
        // The trend by definition: no more pairs of days lie above the slope than below it.
        let mut strongest: BTreeMap<i64, i64> = BTreeMap::new();
        let mut note = |at: Timestamp, value: i64| {
            let day = i64::from(today.num_days_from_ce()) - i64::from(wall(at).date().num_days_from_ce());
            if (0..14).contains(&day) {
                let known = strongest.entry(-day).or_insert(value);
                *known = value.max(*known);
            }
        };
        facts.cravings.iter().for_each(|e| e.record.ratings.iter().for_each(|r| note(e.record.occurred_at, r.value.get())));
        for check_in in &facts.check_ins {
            let answers = &check_in.record.answers;
            [answers.craving, answers.craving_max].into_iter().flatten().for_each(|v| note(check_in.record.occurred_at, v.get()));
        }
        prop_assert_eq!(found.trend.observed_days, strongest.len());
        prop_assert_eq!(found.trend.slope_per_day.is_some(), strongest.len() >= 5);
        if let Some(slope) = found.trend.slope_per_day {
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
            prop_assert!(above * 2 <= slopes.len() && below * 2 <= slopes.len());
        }
    }

    #[test]
    fn triggers_are_what_counting_gives(((as_of, facts), window) in (history(), window())) {
        let (today, found) = (as_of.today(), triggers(&facts, &as_of, window).found);
        let events: Vec<&CravingEvent> = facts.cravings.iter().map(|e| &e.record)
            .filter(|e| in_window(wall(e.occurred_at).date(), today, window)).collect();
        let known = |e: &&&CravingEvent| matches!(e.outcome, CravingOutcome::Used | CravingOutcome::RodeItOut);
        let used = |e: &&&CravingEvent| e.outcome == CravingOutcome::Used;
        let all = (events.iter().filter(known).count(), events.iter().filter(used).count());
        let ids: BTreeSet<Uuid> = events.iter().flat_map(|e| e.trigger_ids.iter().copied()).collect();
        prop_assert_eq!(found.triggers.iter().map(|t| t.trigger_id).collect::<BTreeSet<_>>(), ids);
        for trigger in &found.triggers {
            let carrying: Vec<&CravingEvent> = events.iter().copied().filter(|e| e.trigger_ids.contains(&trigger.trigger_id)).collect();
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

    #[test]
    fn a_series_is_what_grouping_by_hand_gives(((as_of, facts), window) in (history(), window()), bucket in prop_oneof![
        Just(Bucket::Day), Just(Bucket::Week), Just(Bucket::Month)
    ]) {
        let found = series(&facts, Metric::Mood, bucket, &as_of, window).found;
        let mut expected: BTreeMap<NaiveDate, Vec<i64>> = BTreeMap::new();
        for check_in in &facts.check_ins {
            let day = wall(check_in.record.occurred_at).date();
            if let (Some(mood), true) = (check_in.record.answers.mood, in_window(day, as_of.today(), window)) {
                let mut first = day;
                while match bucket {
                    Bucket::Day => false,
                    Bucket::Week => first.weekday().number_from_monday() != u32::from(as_of.week_start),
                    Bucket::Month => first.day() != 1,
                } {
                    first = first.pred_opt().unwrap();
                }
                expected.entry(first).or_default().push(mood.get());
            }
        }
        let points: BTreeMap<NaiveDate, (usize, f64, f64)> = found.points.iter().map(|p| (p.from, (p.n, p.sum, p.max))).collect();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let expected = expected.into_iter().map(|(day, v)| (day, (v.len(), v.iter().sum::<i64>() as f64, *v.iter().max().unwrap() as f64))).collect();
        prop_assert_eq!(points, expected);
        prop_assert!(found.points.windows(2).all(|pair| pair[0].to < pair[1].from));
        let days = series(&facts, Metric::UseDays, bucket, &as_of, Window::Month).found;
        let used: BTreeSet<NaiveDate> = facts.uses.iter().map(|u| &u.record).filter(|u| !u.as_prescribed)
            .flat_map(|u: &UseEvent| super::abstinence::each_day(wall(u.occurred_at).date(), u.ended_at.map_or(wall(u.occurred_at).date(), |e| wall(e).date().max(wall(u.occurred_at).date()))))
            .filter(|day| *day <= as_of.today() && in_window(*day, as_of.today(), Window::Month)).collect();
        prop_assert_eq!(days.points.iter().map(|p| p.n).sum::<usize>(), used.len());
    }
}

fn daily(values: &[(i64, i64)], today: NaiveDate) -> Facts {
    let event = |(ago, value): &(i64, i64)| CravingEvent {
        occurred_at: Timestamp::utc(plus(today, -ago).and_hms_opt(12, 0, 0).unwrap().and_utc()),
        ratings: List::of([CravingRating {
            offset_s: Int::clamped(0),
            value: Rating::clamped(*value),
        }]),
        ..CravingEvent::example()
    };
    Facts {
        cravings: known(values.iter().map(event).collect(), 1),
        ..Facts::default()
    }
}

#[test]
fn a_trend_needs_five_days_and_a_tenth_of_a_point() {
    let today: NaiveDate = "2026-03-14".parse().unwrap();
    let as_of = crate::insight::facts::AsOf {
        at: "2026-03-14T20:00:00Z".parse().unwrap(),
        zone: chrono_tz::UTC,
        week_start: 1,
    };
    let direction = |values: &[(i64, i64)]| {
        cravings(&daily(values, today), &as_of, Window::Week)
            .found
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
    // One wild day does not turn it.
    assert_eq!(
        direction(&[(0, 3), (2, 3), (4, 10), (6, 3), (8, 3), (10, 3)]),
        Direction::Steady
    );
    // What is older than 14 days does not count.
    assert_eq!(
        direction(&[(0, 1), (1, 2), (2, 3), (13, 4), (14, 5)]),
        Direction::InsufficientData
    );
}
