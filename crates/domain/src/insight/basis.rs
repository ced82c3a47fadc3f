//! The moment and the window that an insight is computed for, and the basis that every insight states.

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calendar::{DaySet, Span, add_days, days_in};
use crate::{record::Kind, value::timestamp::Timestamp};

/// The moment that an insight is computed for, and how the person counts days, weeks and drinks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AsOf {
    /// The moment.
    pub at: DateTime<Utc>,
    /// The person's time zone. It decides which date is today.
    pub zone: Tz,
    /// First day of the person's week. Monday is 1, Sunday is 7.
    pub week_start: u8,
    /// Grams of ethanol in a standard drink of the person's country. `None` if the country is not known.
    pub standard_drink_g: Option<f64>,
}

impl AsOf {
    /// Returns today's date in the person's time zone.
    pub fn today(&self) -> NaiveDate {
        self.at.with_timezone(&self.zone).date_naive()
    }

    /// Returns the last full hour. Spans of hours are counted back from it, so that a result holds for an
    /// hour.
    pub fn last_full_hour(&self) -> DateTime<Utc> {
        let since_hour = TimeDelta::minutes(i64::from(self.at.minute()))
            + TimeDelta::seconds(i64::from(self.at.second()))
            + TimeDelta::nanoseconds(i64::from(self.at.nanosecond()));
        self.at - since_hour
    }

    /// Returns the moment with the offset of the person's time zone.
    pub fn local(&self) -> Timestamp {
        Timestamp::in_zone(self.at, self.zone)
    }
}

/// How far back an insight reads, in days of the person's calendar. Today is one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InsightWindow)]
pub enum Window {
    /// The last 7 days.
    #[serde(rename = "7d")]
    Week,
    /// The last 30 days.
    #[serde(rename = "30d")]
    Month,
    /// The last 90 days.
    #[default]
    #[serde(rename = "90d")]
    Quarter,
    /// The last 365 days.
    #[serde(rename = "365d")]
    Year,
    /// Since the first record.
    #[serde(rename = "all")]
    All,
}

impl Window {
    /// Every window.
    pub const ALL: [Self; 5] = [Self::Week, Self::Month, Self::Quarter, Self::Year, Self::All];

    /// Returns the name of the window in requests and responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
            Self::Year => "365d",
            Self::All => "all",
        }
    }

    /// Returns the number of days of the window. `None` if it has no bound.
    pub const fn days(self) -> Option<i64> {
        match self {
            Self::Week => Some(7),
            Self::Month => Some(30),
            Self::Quarter => Some(90),
            Self::Year => Some(365),
            Self::All => None,
        }
    }

    /// Returns the first day of the window. `None` if it has no bound.
    pub fn first_day(self, today: NaiveDate) -> Option<NaiveDate> {
        self.days().map(|days| add_days(today, 1 - days))
    }

    /// Returns whether a day of the record is in the window.
    pub fn contains(self, day: NaiveDate, today: NaiveDate) -> bool {
        day <= today && self.first_day(today).is_none_or(|first| first <= day)
    }
}

/// Number of records of one collection that were used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = InsightCount)]
pub struct CollectionCount {
    /// The collection.
    #[schema(value_type = Kind)]
    pub collection: String,
    /// Number of records.
    #[schema(minimum = 0)]
    pub n: usize,
}

/// The basis of an insight: the records and days that it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InsightBasis {
    /// The moment that the insight was computed for, with the offset of the person's time zone.
    pub as_of: Timestamp,
    /// The date at that moment in the person's time zone.
    pub today: NaiveDate,
    /// The window of the insight.
    pub window: Window,
    /// First day of the period.
    pub from: NaiveDate,
    /// Last day of the period.
    pub to: NaiveDate,
    /// Number of records that were used.
    #[schema(minimum = 0)]
    pub n: usize,
    /// The share of the days from `from` to `to` that have at least one of these records, 0–1.
    #[schema(minimum = 0, maximum = 1)]
    pub coverage: f64,
    /// Number of records that were used, by collection.
    #[schema(max_items = 20)]
    pub computed_from: Vec<CollectionCount>,
}

/// Collects the records that an insight uses, and computes its basis.
#[derive(Debug, Default)]
pub struct BasisBuilder {
    counted: Vec<CollectionCount>,
    days: Vec<Span>,
    from: Option<NaiveDate>,
}

impl BasisBuilder {
    /// Counts the records of a collection. `days` has one interval for each record: the days that it belongs
    /// to.
    #[must_use]
    pub fn records(mut self, kind: Kind, days: impl IntoIterator<Item = Span>) -> Self {
        let earlier_records = self.days.len();
        self.days.extend(days);
        self.counted.push(CollectionCount {
            collection: kind.path().to_owned(),
            n: self.days.len() - earlier_records,
        });
        self
    }

    /// Extends an unbounded window back to the earliest of these days, even if that day has no record.
    #[must_use]
    pub fn starting_with(mut self, days: impl IntoIterator<Item = NaiveDate>) -> Self {
        self.from = self.from.into_iter().chain(days).min();
        self
    }

    /// Returns the basis of an insight over a window. A window without a bound begins with the earliest
    /// record, or with the earliest day passed to [`Self::starting_with`].
    pub fn build(self, as_of: &AsOf, window: Window) -> InsightBasis {
        let today = as_of.today();
        let days = DaySet::from_spans(self.days);
        let earliest = self.from.into_iter().chain(days.first()).min();
        let from = window
            .first_day(today)
            .or(earliest)
            .map_or(today, |first| first.min(today));
        let span = (from, today);
        #[expect(clippy::cast_precision_loss, reason = "days are far below 2^53")]
        let coverage = days.count(span) as f64 / days_in(span).max(1) as f64;
        InsightBasis {
            as_of: as_of.local(),
            today,
            window,
            from,
            to: today,
            n: self.counted.iter().map(|counted| counted.n).sum(),
            coverage,
            computed_from: self.counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_is_the_date_in_the_persons_zone_on_both_sides_of_the_date_line() {
        let as_of = |zone: Tz, at: &str| AsOf {
            at: at.parse().unwrap(),
            zone,
            week_start: 1,
            standard_drink_g: Some(14.0),
        };
        let today = |zone, at| as_of(zone, at).today().to_string();
        // Samoa skipped 30 December 2011.
        assert_eq!(
            today(chrono_tz::Pacific::Apia, "2011-12-30T09:59:59Z"),
            "2011-12-29"
        );
        assert_eq!(
            today(chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
            "2011-12-31"
        );
        assert_eq!(
            today(chrono_tz::Pacific::Kiritimati, "2026-03-01T10:00:00Z"),
            "2026-03-02"
        );
        assert_eq!(
            today(chrono_tz::Etc::GMTPlus12, "2026-03-01T11:59:00Z"),
            "2026-02-28"
        );
        assert_eq!(
            today(chrono_tz::Asia::Kathmandu, "2026-03-01T18:15:00Z"),
            "2026-03-02"
        );
        let hour = as_of(chrono_tz::Asia::Kathmandu, "2026-03-01T18:15:59.999Z").last_full_hour();
        assert_eq!(hour.to_rfc3339(), "2026-03-01T18:00:00+00:00");
    }

    #[test]
    fn a_window_has_as_many_days_as_it_says() {
        let today = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        for window in Window::ALL {
            let days = window.first_day(today).map(|first| days_in((first, today)));
            assert_eq!(days, window.days());
            assert_eq!(serde_json::to_value(window).unwrap(), window.as_str());
        }
    }

    #[test]
    fn coverage_is_the_share_of_days_with_a_record() {
        let as_of = AsOf {
            at: "2026-03-10T12:00:00Z".parse().unwrap(),
            zone: chrono_tz::UTC,
            week_start: 1,
            standard_drink_g: Some(14.0),
        };
        let day = |n| NaiveDate::from_ymd_opt(2026, 3, n).unwrap();
        let days = [
            (day(9), day(9)),
            (day(9), day(9)),
            (day(10), day(10)),
            (day(1), day(2)),
        ];
        let basis = BasisBuilder::default()
            .records(Kind::CheckIn, days)
            .build(&as_of, Window::Week);
        assert_eq!((basis.n, basis.from), (4, day(4)));
        assert!((basis.coverage - 2.0 / 7.0).abs() < 1e-12);
        let all = BasisBuilder::default()
            .records(Kind::CheckIn, days)
            .build(&as_of, Window::All);
        assert!((all.coverage - 0.4).abs() < 1e-12);
        // An earlier goal extends the period back to its first day.
        let earlier = BasisBuilder::default()
            .records(Kind::CheckIn, days)
            .starting_with([add_days(day(1), -10), day(5)])
            .build(&as_of, Window::All);
        assert_eq!((earlier.from, earlier.coverage), (add_days(day(1), -10), 0.2));
        let empty = BasisBuilder::default().build(&as_of, Window::All);
        assert_eq!((empty.n, empty.from, empty.coverage), (0, day(10), 0.0));
    }
}
