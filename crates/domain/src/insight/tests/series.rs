//! Tests of series against grouping by hand.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use proptest::{prelude::*, sample::select};

use super::{
    craving::local_time,
    day_oracle::{counted, dates, each_day, in_window},
    history::{history, proptest_config, window},
};
use crate::insight::{
    calendar::add_days,
    facts::{AsOf, Facts, Window},
    series::{Bucket, Metric, series},
};

const METRICS: [Metric; 24] = [
    Metric::Craving,
    Metric::CravingMax,
    Metric::CravingPeak,
    Metric::CravingEvents,
    Metric::UseDays,
    Metric::Mood,
    Metric::Stress,
    Metric::SelfEfficacy,
    Metric::RiskySituationExpected,
    Metric::Hungry,
    Metric::Angry,
    Metric::Lonely,
    Metric::Tired,
    Metric::SleepMinutes,
    Metric::SleepQuality,
    Metric::Pain,
    Metric::Withdrawal,
    Metric::Mental,
    Metric::Emotional,
    Metric::Physical,
    Metric::Social,
    Metric::Difficulty,
    Metric::Importance,
    Metric::Readiness,
];

/// Returns every value with its date, as a client would read it from the records.
fn values(facts: &Facts, metric: Metric, as_of: &AsOf) -> Vec<(NaiveDate, f64)> {
    let cravings = facts.cravings.iter().map(|event| &event.record);
    match metric {
        Metric::CravingEvents => cravings
            .map(|e| (local_time(e.occurred_at).date(), 1.0))
            .collect(),
        Metric::CravingPeak => cravings
            .map(|e| {
                let mut strongest = 0.0;
                for rating in e
                    .ratings
                    .iter()
                    .map(|rating| serde_json::json!(rating.value).as_f64().unwrap())
                {
                    strongest = if rating > strongest { rating } else { strongest };
                }
                (local_time(e.occurred_at).date(), strongest)
            })
            .collect(),
        Metric::UseDays => {
            let days: BTreeSet<NaiveDate> = (counted(facts, as_of).into_iter())
                .flat_map(|event| dates(event, as_of))
                .collect();
            days.into_iter().map(|day| (day, 1.0)).collect()
        }
        _ => {
            let name = serde_json::to_value(metric).unwrap();
            let answer = |c: &crate::check_in::CheckIn| {
                serde_json::to_value(&c.answers).unwrap()[name.as_str().unwrap()].as_f64()
            };
            let check_ins = facts.check_ins.iter().map(|c| &c.record);
            check_ins
                .filter_map(|c| Some((local_time(c.occurred_at).date(), answer(c)?)))
                .collect()
        }
    }
}

/// Finds the first and last day of a bucket by going from day to day.
fn bucket_of(day: NaiveDate, bucket: Bucket, week_start: u8) -> (NaiveDate, NaiveDate) {
    let begins = |day: NaiveDate| match bucket {
        Bucket::Day => true,
        Bucket::Week => day.weekday().number_from_monday() == u32::from(week_start),
        Bucket::Month => day.day() == 1,
    };
    let (mut first, mut last) = (day, day);
    while !begins(first) {
        first = first.pred_opt().unwrap();
    }
    while !begins(last.succ_opt().unwrap()) {
        last = last.succ_opt().unwrap();
    }
    (first, last)
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

proptest! {
    #![proptest_config(proptest_config())]

    /// Every measure equals grouping by hand. A period without values has no point.
    #[test]
    fn a_series_equals_grouping_by_hand(
        ((as_of, facts), window) in (history(), window()),
        metric in select(&METRICS[..]),
        bucket in select(&[Bucket::Day, Bucket::Week, Bucket::Month][..]),
    ) {
        let insight = series(&facts, metric, bucket, &as_of, window);
        let today = as_of.today();
        let inside: Vec<(NaiveDate, f64)> =
            values(&facts, metric, &as_of).into_iter().filter(|(day, _)| in_window(*day, today, window)).collect();
        let mut expected: BTreeMap<(NaiveDate, NaiveDate), Vec<f64>> = BTreeMap::new();
        for (day, value) in &inside {
            // The first and the last period end where the window does.
            let (from, to) = bucket_of(*day, bucket, as_of.week_start);
            let from = window.days().map_or(from, |days| from.max(add_days(today, 1 - days)));
            expected.entry((from, to.min(today))).or_default().push(*value);
        }
        prop_assert_eq!(insight.result.points.len(), expected.len());
        for (point, ((from, to), mut values)) in insight.result.points.iter().zip(expected) {
            values.sort_by(f64::total_cmp);
            let n = values.len();
            let sum: f64 = values.iter().sum();
            prop_assert_eq!((point.from, point.to, point.n), (from, to, n));
            prop_assert!(is_close(point.sum, sum) && is_close(point.mean * f64::from(u32::try_from(n).unwrap()), sum));
            prop_assert!(is_close(point.min, values[0]) && is_close(point.max, values[n - 1]));
            prop_assert!(is_close(point.median * 2.0, values[(n - 1) / 2] + values[n / 2]));
        }
        // The basis has the number of records and the share of days with a value. Use may last for days.
        let records = if metric == Metric::UseDays {
            let is_inside = |event: &&crate::use_event::UseEvent| dates(event, &as_of).iter().any(|day| in_window(*day, today, window));
            counted(&facts, &as_of).iter().filter(|event| is_inside(event)).count()
        } else {
            inside.len()
        };
        let days: BTreeSet<NaiveDate> = inside.iter().map(|(day, _)| *day).collect();
        let first = window.days().map_or_else(|| days.first().map_or(today, |d| today.min(*d)), |n| add_days(today, 1 - n));
        let period: Vec<NaiveDate> = each_day(first, today).collect();
        let with_value = period.iter().filter(|day| days.contains(day)).count();
        prop_assert_eq!((insight.basis.n, insight.basis.from, insight.basis.window == Window::All), (records, first, window == Window::All));
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let coverage = with_value as f64 / period.len() as f64;
        prop_assert!(is_close(insight.basis.coverage, coverage));
    }
}
