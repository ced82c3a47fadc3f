//! Cravings: their trend, the hours of the week in which they begin, how long they last, and how they end.
//!
//! The trend is the Theil–Sen slope of the daily maximum over the last 14 days. It needs 5 observed days.
//! −0.10 points a day or less is falling, +0.10 or more is rising, each only if 7 days are observed and the
//! two-sided p-value of the Mann–Kendall test is below 0.2. A slope that is as steep without that is not clear.
//! Anything between is steady. Days that differ by chance alone have a slope, too: from 5 of them, half would be
//! called rising or falling. A day without a rating is missing, not zero. The maximum of a day is the strongest
//! of its craving events' ratings and of `craving` and `craving_max` of its check-ins.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Insight,
    calendar::{add_days, days_between},
    facts::{AsOf, BasisBuilder, Facts, Window, check_in_day},
    statistics::{Share, days_as_f64, mann_kendall, mean, median, share, shown_p_value, theil_sen},
};
use crate::{
    craving_event::{CravingEvent, CravingOutcome},
    record::Kind,
    value::number::Rating,
};

/// Number of days that the trend covers.
pub const TREND_DAYS: i64 = 14;
/// Minimum number of observed days for a trend.
pub const MIN_TREND_DAYS: usize = 5;
/// Slope, in points a day, from which the trend is rising or falling.
pub const TREND_SLOPE: f64 = 0.10;
/// Minimum number of observed days for a trend that is falling or rising.
pub const MIN_CLEAR_DAYS: usize = 7;
/// The p-value of the Mann–Kendall test below which a trend is falling or rising.
pub const TREND_P_VALUE: f64 = 0.2;
/// Tolerance of the comparison with [`TREND_SLOPE`], because tenths have no exact floating-point value.
const SLOPE_TOLERANCE: f64 = 1e-9;

/// Direction in which cravings change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TrendDirection)]
pub enum Direction {
    /// Cravings get weaker.
    Falling,
    /// Cravings stay about the same.
    Steady,
    /// Cravings get stronger.
    Rising,
    /// The ratings have a slope, but it may be chance: fewer than 7 days have a rating, or the ratings go up and
    /// down too much.
    NotClear,
    /// Fewer than 5 days have a rating.
    InsufficientData,
}

/// The trend of the daily maximum over the last 14 days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CravingTrend {
    /// Direction in which cravings change.
    pub direction: Direction,
    /// Theil–Sen slope, in points a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -10, maximum = 10)]
    pub slope_per_day: Option<f64>,
    /// Two-sided p-value of the Mann–Kendall test with its correction for ties, rounded to four decimals and never
    /// below 0.0001: how often days in a random order would show such a trend. Given from 5 days with a rating on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0001, maximum = 1)]
    pub p_value: Option<f64>,
    /// Number of days with a rating.
    #[schema(minimum = 0, maximum = 14)]
    pub observed_days: usize,
    /// First day of the trend.
    pub from: NaiveDate,
    /// Last day of the trend.
    pub to: NaiveDate,
}

/// Craving events of one day of the week, by the hour in which they began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeatMapDay {
    /// Day of the week; Monday is 1.
    #[schema(minimum = 1, maximum = 7)]
    pub weekday: u32,
    /// 24 counts, starting at midnight, by the local clock where the craving was recorded.
    #[schema(min_items = 24, max_items = 24)]
    pub hours: Vec<u32>,
}

/// How long cravings lasted. Only cravings with a known end are counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CravingDurations {
    /// Number of cravings with a known end.
    #[schema(minimum = 0)]
    pub n: usize,
    /// Median, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub median_minutes: Option<f64>,
    /// Mean, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub mean_minutes: Option<f64>,
    /// Shortest, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub shortest_minutes: Option<f64>,
    /// Longest, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub longest_minutes: Option<f64>,
}

/// How cravings ended.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CravingOutcomes {
    /// Cravings that passed without use.
    #[schema(minimum = 0)]
    pub rode_it_out: usize,
    /// Cravings that ended in use.
    #[schema(minimum = 0)]
    pub used: usize,
    /// Cravings whose outcome is unsure.
    #[schema(minimum = 0)]
    pub unsure: usize,
    /// Cravings that were still going on.
    #[schema(minimum = 0)]
    pub ongoing: usize,
    /// The share that passed without use, among cravings with a known outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ridden_out_share: Option<Share>,
}

/// How strong cravings were at their strongest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CravingPeaks {
    /// Mean peak.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10)]
    pub mean: Option<f64>,
    /// Median peak.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10)]
    pub median: Option<f64>,
    /// Highest peak.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10)]
    pub highest: Option<i64>,
}

/// Figures on cravings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Cravings {
    /// Craving events in the window.
    #[schema(minimum = 0)]
    pub events: usize,
    /// Trend of cravings, always over the last 14 days.
    pub trend: CravingTrend,
    /// Seven days of 24 hours, starting on Monday.
    #[schema(min_items = 7, max_items = 7)]
    pub heat_map: Vec<HeatMapDay>,
    /// How long cravings lasted.
    pub durations: CravingDurations,
    /// How cravings ended.
    pub outcomes: CravingOutcomes,
    /// How strong cravings were at their strongest.
    pub peaks: CravingPeaks,
}

/// Returns the strongest rating of an event, or 0 if it has none.
pub fn peak(event: &CravingEvent) -> Rating {
    let highest = event.ratings.iter().map(|rating| rating.value).max();
    highest.unwrap_or(Rating::clamped(0))
}

/// Returns the strongest craving of each day that has a rating.
pub fn daily_maximum(facts: &Facts) -> BTreeMap<NaiveDate, Rating> {
    let events = facts
        .cravings
        .iter()
        .map(|event| (event.record.occurred_at.local_date(), peak(&event.record)));
    let check_ins = facts.check_ins.iter().filter_map(|check_in| {
        let answers = &check_in.record.answers;
        Some((
            check_in_day(&check_in.record),
            answers.craving.max(answers.craving_max)?,
        ))
    });
    let mut strongest: BTreeMap<NaiveDate, Rating> = BTreeMap::new();
    for (day, rating) in events.chain(check_ins) {
        let maximum = strongest.entry(day).or_insert(rating);
        *maximum = rating.max(*maximum);
    }
    strongest
}

/// Computes the trend of the daily maximum over the last 14 days.
pub fn trend(facts: &Facts, today: NaiveDate) -> CravingTrend {
    let from = add_days(today, 1 - TREND_DAYS);
    let points: Vec<(f64, f64)> = daily_maximum(facts)
        .range(from..=today)
        .map(|(day, rating)| (days_as_f64(days_between(from, *day)), rating.as_f64()))
        .collect();
    let slope = theil_sen(&points).filter(|_| points.len() >= MIN_TREND_DAYS);
    let ratings: Vec<f64> = points.iter().map(|(_, rating)| *rating).collect();
    let p_value = mann_kendall(&ratings);
    CravingTrend {
        direction: direction(slope, p_value, points.len()),
        slope_per_day: slope,
        p_value: slope.map(|_| shown_p_value(p_value)),
        observed_days: points.len(),
        from,
        to: today,
    }
}

/// Returns the direction of a slope. `p_value` is that of the Mann–Kendall test.
fn direction(slope: Option<f64>, p_value: f64, observed_days: usize) -> Direction {
    let is_clear = observed_days >= MIN_CLEAR_DAYS && p_value < TREND_P_VALUE;
    match slope {
        None => Direction::InsufficientData,
        Some(slope) if slope.abs() < TREND_SLOPE - SLOPE_TOLERANCE => Direction::Steady,
        Some(_) if !is_clear => Direction::NotClear,
        Some(slope) if slope < 0.0 => Direction::Falling,
        Some(_) => Direction::Rising,
    }
}

/// Computes the figures on cravings in a window.
pub fn cravings(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<Cravings> {
    let facts = &*facts.until_today(as_of);
    let today = as_of.today();
    let events = facts.cravings_in(window, today);
    let rated = facts.check_ins.iter().filter(|check_in| {
        let answers = &check_in.record.answers;
        answers.craving.max(answers.craving_max).is_some()
            && window.contains(check_in_day(&check_in.record), today)
    });
    let basis = BasisBuilder::default()
        .records(
            Kind::CravingEvent,
            events
                .iter()
                .map(|e| e.occurred_at.local_date())
                .map(|day| (day, day)),
        )
        .records(
            Kind::CheckIn,
            rated.map(|c| check_in_day(&c.record)).map(|day| (day, day)),
        )
        .build(as_of, window);
    let peaks: Vec<f64> = events.iter().map(|event| peak(event).as_f64()).collect();
    let result = Cravings {
        events: events.len(),
        trend: trend(facts, today),
        heat_map: heat_map(&events),
        durations: durations(&events),
        outcomes: outcomes(&events),
        peaks: CravingPeaks {
            mean: mean(&peaks),
            median: median(&peaks),
            highest: events.iter().map(|event| peak(event).get()).max(),
        },
    };
    Insight { basis, result }
}

fn heat_map(events: &[&CravingEvent]) -> Vec<HeatMapDay> {
    let mut days: Vec<HeatMapDay> = (1..=7)
        .map(|weekday| HeatMapDay {
            weekday,
            hours: vec![0; 24],
        })
        .collect();
    for event in events {
        let (weekday, hour) = event.occurred_at.local_hour();
        let day = days.iter_mut().find(|day| day.weekday == weekday);
        let cell = day.and_then(|day| day.hours.get_mut(usize::try_from(hour).ok()?));
        if let Some(cell) = cell {
            *cell += 1;
        }
    }
    days
}

fn durations(events: &[&CravingEvent]) -> CravingDurations {
    let mut minutes: Vec<f64> = events
        .iter()
        .filter_map(|event| Some(event.ended_at?.millis() - event.occurred_at.millis()))
        .map(|millis| days_as_f64(millis) / 60_000.0)
        .collect();
    minutes.sort_unstable_by(f64::total_cmp);
    CravingDurations {
        n: minutes.len(),
        median_minutes: median(&minutes),
        mean_minutes: mean(&minutes),
        shortest_minutes: minutes.first().copied(),
        longest_minutes: minutes.last().copied(),
    }
}

fn outcomes(events: &[&CravingEvent]) -> CravingOutcomes {
    let count = |outcome| events.iter().filter(|event| event.outcome == outcome).count();
    let (rode_it_out, used) = (count(CravingOutcome::RodeItOut), count(CravingOutcome::Used));
    CravingOutcomes {
        rode_it_out,
        used,
        unsure: count(CravingOutcome::Unsure),
        ongoing: count(CravingOutcome::Ongoing),
        ridden_out_share: share(rode_it_out, rode_it_out + used),
    }
}
