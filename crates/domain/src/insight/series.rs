//! One measure over time, grouped by day, week or month of the person's calendar.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Insight,
    calendar::{DaySet, Span, add_days, days_in},
    craving::peak,
    facts::{AsOf, BasisBuilder, Facts, Window, check_in_day, use_span},
    limit::first_day_of_week,
    statistics::{mean, median},
};
use crate::{check_in::CheckInAnswers, record::Kind, value::number::Rating};

/// Maximum number of points in one response. The newest points are returned.
pub const MAX_POINTS: usize = 10_000;

/// The measure of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InsightMetric)]
pub enum Metric {
    /// Craving in check-ins.
    Craving,
    /// Strongest craving since the previous check-in.
    CravingMax,
    /// Strongest rating of each craving event.
    CravingPeak,
    /// Craving events. `sum` is their number.
    CravingEvents,
    /// Days of use of any substance, except use as prescribed. `sum` is their number.
    UseDays,
    /// Mood.
    Mood,
    /// Stress.
    Stress,
    /// Confidence to stay with the goal.
    SelfEfficacy,
    /// How risky the expected situations were.
    RiskySituationExpected,
    /// Hungry.
    Hungry,
    /// Angry.
    Angry,
    /// Lonely.
    Lonely,
    /// Tired.
    Tired,
    /// Sleep, in minutes.
    SleepMinutes,
    /// Quality of sleep.
    SleepQuality,
    /// Pain.
    Pain,
    /// Withdrawal.
    Withdrawal,
    /// Mental wellbeing.
    Mental,
    /// Emotional wellbeing.
    Emotional,
    /// Physical wellbeing.
    Physical,
    /// Social wellbeing.
    Social,
    /// How hard the time was, 1–5.
    Difficulty,
    /// Importance of the change.
    Importance,
    /// Readiness for the change.
    Readiness,
}

/// The period that values are grouped by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InsightBucket)]
pub enum Bucket {
    /// A date.
    #[default]
    Day,
    /// A week, starting on the first day of the person's week.
    Week,
    /// A calendar month.
    Month,
}

/// The values of one day, week or month, as far as it is in the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct SeriesPoint {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Number of values.
    #[schema(minimum = 1)]
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their median.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
}

/// One measure over time. A day, week or month without a value is left out, because it is missing and not
/// zero.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = InsightSeries)]
pub struct Series {
    /// The measure.
    pub metric: Metric,
    /// The period that values are grouped by.
    pub bucket: Bucket,
    /// The points in chronological order.
    #[schema(max_items = 10_000)]
    pub points: Vec<SeriesPoint>,
}

impl Bucket {
    /// Returns the first and last day of the bucket that contains a day. `week_start` is 1 for Monday to 7
    /// for Sunday.
    pub fn span_of(self, day: NaiveDate, week_start: u8) -> (NaiveDate, NaiveDate) {
        match self {
            Self::Day => (day, day),
            Self::Week => {
                let first = first_day_of_week(day, week_start);
                (first, add_days(first, 6))
            }
            Self::Month => {
                let first = day.with_day(1).unwrap_or(day);
                let next = first.checked_add_months(Months::new(1)).unwrap_or(day);
                (first, add_days(next, -1).max(first))
            }
        }
    }
}

/// Returns the answer of a check-in that a metric measures. `None` if it was not answered, or if the metric
/// does not come from check-ins.
fn answer_value(metric: Metric, answers: &CheckInAnswers) -> Option<f64> {
    let rating = match metric {
        Metric::Craving => answers.craving,
        Metric::CravingMax => answers.craving_max,
        Metric::Mood => answers.mood,
        Metric::Stress => answers.stress,
        Metric::SelfEfficacy => answers.self_efficacy,
        Metric::RiskySituationExpected => answers.risky_situation_expected,
        Metric::Hungry => answers.hungry,
        Metric::Angry => answers.angry,
        Metric::Lonely => answers.lonely,
        Metric::Tired => answers.tired,
        Metric::SleepMinutes => return answers.sleep_minutes.map(crate::value::number::Int::as_f64),
        Metric::SleepQuality => answers.sleep_quality,
        Metric::Pain => answers.pain,
        Metric::Withdrawal => answers.withdrawal,
        Metric::Mental => answers.mental,
        Metric::Emotional => answers.emotional,
        Metric::Physical => answers.physical,
        Metric::Social => answers.social,
        Metric::Difficulty => return answers.difficulty.map(crate::value::number::Int::as_f64),
        Metric::Importance => answers.importance,
        Metric::Readiness => answers.readiness,
        Metric::CravingPeak | Metric::CravingEvents | Metric::UseDays => None,
    };
    rating.map(Rating::as_f64)
}

/// Returns the collection that a metric is read from.
pub const fn source_collection(metric: Metric) -> Kind {
    match metric {
        Metric::CravingPeak | Metric::CravingEvents => Kind::CravingEvent,
        Metric::UseDays => Kind::UseEvent,
        _ => Kind::CheckIn,
    }
}

/// Returns the values of a metric within the window, each with its date.
fn values(facts: &Facts, metric: Metric, as_of: &AsOf, window: Window) -> Vec<(NaiveDate, f64)> {
    let today = as_of.today();
    let all: Vec<(NaiveDate, f64)> = match metric {
        Metric::CravingPeak => {
            let peaks = facts
                .cravings
                .iter()
                .map(|e| (e.record.occurred_at.local_date(), peak(&e.record).as_f64()));
            peaks.collect()
        }
        Metric::CravingEvents => facts
            .cravings
            .iter()
            .map(|e| (e.record.occurred_at.local_date(), 1.0))
            .collect(),
        Metric::UseDays => {
            let days = DaySet::from_spans(facts.counted_uses().map(|event| use_span(&event.record)));
            let first = window.first_day(today).unwrap_or(NaiveDate::MIN);
            // Newest first and limited, so that a use event that lasts a century costs no more than can be
            // shown.
            let spans: Vec<_> = days.within((first, today)).collect();
            let dates = spans
                .into_iter()
                .rev()
                .flat_map(|(from, to)| (0..days_in((from, to))).map(move |back| (add_days(to, -back), 1.0)));
            dates.take(MAX_POINTS * 31).collect()
        }
        _ => facts
            .check_ins
            .iter()
            .filter_map(|c| Some((check_in_day(&c.record), answer_value(metric, &c.record.answers)?)))
            .collect(),
    };
    all.into_iter()
        .filter(|(day, _)| window.contains(*day, today))
        .collect()
}

/// Computes one measure over time.
pub fn series(
    facts: &Facts,
    metric: Metric,
    bucket: Bucket,
    as_of: &AsOf,
    window: Window,
) -> Insight<Series> {
    let facts = &*facts.until_today(as_of);
    let values = values(facts, metric, as_of, window);
    let mut buckets: BTreeMap<(NaiveDate, NaiveDate), Vec<f64>> = BTreeMap::new();
    for (day, value) in &values {
        buckets
            .entry(bucket.span_of(*day, as_of.week_start))
            .or_default()
            .push(*value);
    }
    // The first and the last week or month are often cut: only their days in the window count.
    let today = as_of.today();
    let first = window.first_day(today).unwrap_or(NaiveDate::MIN);
    let mut points: Vec<SeriesPoint> = buckets
        .into_iter()
        .rev()
        .take(MAX_POINTS)
        .filter_map(|((from, to), values)| point(from.max(first), to.min(today), &values))
        .collect();
    points.reverse();
    let days: Vec<Span> = if metric == Metric::UseDays {
        // One record may have several days.
        let spans = facts.counted_uses().map(|event| use_span(&event.record));
        spans.filter(|(_, to)| first <= *to).collect()
    } else {
        values.iter().map(|(day, _)| (*day, *day)).collect()
    };
    let basis = BasisBuilder::default()
        .records(source_collection(metric), days)
        .build(as_of, window);
    Insight {
        basis,
        result: Series {
            metric,
            bucket,
            points,
        },
    }
}

fn point(from: NaiveDate, to: NaiveDate, values: &[f64]) -> Option<SeriesPoint> {
    Some(SeriesPoint {
        from,
        to,
        n: values.len(),
        mean: mean(values)?,
        median: median(values)?,
        min: values.iter().copied().min_by(f64::total_cmp)?,
        max: values.iter().copied().max_by(f64::total_cmp)?,
        sum: values.iter().sum(),
    })
}
