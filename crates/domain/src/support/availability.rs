//! Availability of contacts at a moment, in their own time zones.

use chrono::{DateTime, Datelike, Days, Utc};
use chrono_tz::Tz;

use crate::{support_contact::Availability, value::timestamp::resolve_local};

/// Whether someone can be reached now, later, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Reachable now.
    Now,
    /// Reachable from that time on.
    From(DateTime<Utc>),
    /// Not reachable within the next week.
    Unknown,
}

/// Determines from the weekly spans of a contact in `zone` whether they can be reached. Without spans they
/// always can.
pub fn reach(spans: &[Availability], zone: Tz, now: DateTime<Utc>) -> Reach {
    if spans.is_empty() {
        return Reach::Now;
    }
    let today = now.with_timezone(&zone).date_naive();
    let mut next: Option<DateTime<Utc>> = None;
    // A span that began yesterday may still run. The same weekday of next week is the last that matters.
    for offset in 0..=9_u64 {
        let Some(date) = today
            .checked_sub_days(Days::new(1))
            .and_then(|d| d.checked_add_days(Days::new(offset)))
        else {
            continue;
        };
        let weekday = i64::from(date.weekday().number_from_monday());
        for span in spans.iter().filter(|s| s.days.iter().any(|d| d.get() == weekday)) {
            let (from, to) = (span.from.minutes(), span.to.minutes());
            let end_date = if to <= from {
                date.succ_opt().unwrap_or(date)
            } else {
                date
            };
            let at = |day: chrono::NaiveDate, minutes: u32| {
                resolve_local(
                    zone,
                    day.and_hms_opt(minutes / 60, minutes % 60, 0).unwrap_or_default(),
                )
            };
            let (start, end) = (at(date, from), at(end_date, to));
            if start <= now && now < end {
                return Reach::Now;
            }
            if start > now {
                next = Some(next.map_or(start, |n| n.min(start)));
            }
        }
    }
    next.map_or(Reach::Unknown, Reach::From)
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveTime, Offset, TimeDelta, TimeZone};
    use proptest::prelude::*;

    use super::*;
    use crate::value::{list::List, number::Int, place::TimeOfDay};

    fn span(days: &[i64], from: (u8, u8), to: (u8, u8)) -> Availability {
        Availability {
            days: List::of(days.iter().map(|d| Int::clamped(*d))),
            from: TimeOfDay::at(from.0, from.1),
            to: TimeOfDay::at(to.0, to.1),
        }
    }

    /// Whether the contact's local time is in one of the spans.
    fn is_in_a_span(spans: &[Availability], zone: Tz, now: DateTime<Utc>) -> bool {
        let local = now.with_timezone(&zone).naive_local();
        let is_on = |span: &Availability, date: chrono::NaiveDate| {
            let weekday = i64::from(date.weekday().number_from_monday());
            span.days.iter().any(|day| day.get() == weekday)
        };
        let minute = u32::try_from((local.time() - NaiveTime::MIN).num_minutes()).unwrap();
        spans.iter().any(|span| {
            let (from, to) = (span.from.minutes(), span.to.minutes());
            let today = is_on(span, local.date()) && from <= minute && (to <= from || minute < to);
            let since_yesterday = to <= from && minute < to && is_on(span, local.date().pred_opt().unwrap());
            today || since_yesterday
        })
    }

    fn spans() -> impl Strategy<Value = Vec<Availability>> {
        let days = prop::collection::btree_set(1..=7_i64, 1..4);
        let one = (days, 0..96_u8, 0..96_u8).prop_map(|(days, from, to)| {
            let days: Vec<i64> = days.into_iter().collect();
            span(&days, (from / 4, from % 4 * 15), (to / 4, to % 4 * 15))
        });
        prop::collection::vec(one, 1..4)
    }

    const ZONES: [Tz; 7] = [
        Tz::UTC,
        Tz::Pacific__Kiritimati,
        Tz::Etc__GMTPlus12,
        Tz::Asia__Kathmandu,
        Tz::Australia__Lord_Howe,
        Tz::America__New_York,
        Tz::Pacific__Apia,
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Checks every quarter of an hour in a period without clock changes; clock changes have tests of
        /// their own.
        #[test]
        fn reach_agrees_with_checking_every_quarter_of_an_hour(
            zone in prop::sample::select(&ZONES[..]),
            spans in spans(),
            quarter in 1_060_000..2_100_000_i64,
        ) {
            let now = Utc.timestamp_opt(quarter * 900, 0).unwrap();
            let offset = |days: i64| zone.offset_from_utc_datetime(&(now + TimeDelta::days(days)).naive_utc()).fix();
            prop_assume!((-2..=9).all(|days| offset(days) == offset(0)));
            let expected = if is_in_a_span(&spans, zone, now) {
                Reach::Now
            } else {
                let quarters = (1..8 * 96).map(|n| now + TimeDelta::minutes(15 * n));
                quarters.into_iter().find(|at| is_in_a_span(&spans, zone, *at)).map_or(Reach::Unknown, Reach::From)
            };
            prop_assert_eq!(reach(&spans, zone, now), expected);
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn no_spans_means_always() {
        assert_eq!(reach(&[], Tz::UTC, at("2026-03-01T03:00:00Z")), Reach::Now);
    }

    #[test]
    fn a_span_is_read_in_the_contacts_zone() {
        // Monday 09:00–17:00 in Tokyo is Monday 00:00–08:00 UTC.
        let work = [span(&[1], (9, 0), (17, 0))];
        assert_eq!(
            reach(&work, Tz::Asia__Tokyo, at("2026-03-02T00:00:00Z")),
            Reach::Now
        );
        assert_eq!(
            reach(&work, Tz::Asia__Tokyo, at("2026-03-02T08:00:00Z")),
            Reach::From(at("2026-03-09T00:00:00Z"))
        );
    }

    #[test]
    fn a_span_may_pass_midnight() {
        // Saturday 22:00 to Sunday 02:00.
        let night = [span(&[6], (22, 0), (2, 0))];
        assert_eq!(reach(&night, Tz::UTC, at("2026-03-08T01:59:59Z")), Reach::Now);
        assert_eq!(
            reach(&night, Tz::UTC, at("2026-03-08T02:00:00Z")),
            Reach::From(at("2026-03-14T22:00:00Z"))
        );
        assert_eq!(
            reach(&night, Tz::UTC, at("2026-03-07T12:00:00Z")),
            Reach::From(at("2026-03-07T22:00:00Z"))
        );
    }

    #[test]
    fn the_change_of_the_clock_moves_the_span_with_the_wall_time() {
        // Daily 08:00–09:00 in Berlin: 07:00 UTC in winter, 06:00 UTC from 29 March 2026 on.
        let daily = [span(&[1, 2, 3, 4, 5, 6, 7], (8, 0), (9, 0))];
        assert_eq!(
            reach(&daily, Tz::Europe__Berlin, at("2026-03-28T07:30:00Z")),
            Reach::Now
        );
        assert_eq!(
            reach(&daily, Tz::Europe__Berlin, at("2026-03-29T06:30:00Z")),
            Reach::Now
        );
        assert_ne!(
            reach(&daily, Tz::Europe__Berlin, at("2026-03-29T07:30:00Z")),
            Reach::Now
        );
    }

    #[test]
    fn equal_times_mean_a_whole_day() {
        let all_day = [span(&[3], (6, 0), (6, 0))];
        assert_eq!(reach(&all_day, Tz::UTC, at("2026-03-05T05:59:00Z")), Reach::Now);
        assert_ne!(reach(&all_day, Tz::UTC, at("2026-03-05T06:00:00Z")), Reach::Now);
    }
}
