//! Filters meetings by a search and computes their order.

use chrono::{DateTime, Utc};

use super::{Weekly, next_start};
use crate::value::{geo::Point, timestamp::Timestamp};

/// The order of meetings in a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeetingOrder {
    /// By distance, the nearest first.
    Distance,
    /// By next start. Meetings without a known next start come last, ordered by day of the week from Monday
    /// on and time of day.
    Next,
}

/// The search criteria that the database does not check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeetingFilter {
    /// The centre of the search and the maximum distance from it in kilometres.
    pub near: Option<(Point, f64)>,
    /// The day of the week; Monday is 1.
    pub day: Option<u8>,
    /// The earliest start in minutes since midnight, in the meeting's own time zone.
    pub from: Option<u32>,
    /// The end of the period for the start in minutes since midnight (exclusive).
    pub to: Option<u32>,
    /// The order.
    pub order: MeetingOrder,
}

/// The sort data of a meeting that matches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeetingMatch {
    /// The distance from the centre of the search in kilometres.
    pub distance_km: Option<f64>,
    /// The next start.
    pub next_at: Option<Timestamp>,
    /// The sort key: metres, or microseconds since 1970.
    pub key: i64,
}

impl MeetingFilter {
    /// Matches a meeting against the criteria; `None` if it does not match.
    pub fn fit(&self, point: Option<Point>, weekly: Weekly, now: DateTime<Utc>) -> Option<MeetingMatch> {
        if self.day.is_some_and(|day| !weekly.is_on(day)) || !weekly.begins_within(self.from, self.to) {
            return None;
        }
        let distance_km = match self.near {
            None => None,
            Some((centre, radius_km)) => {
                let distance = centre.distance_km(point?);
                if distance > radius_km {
                    return None;
                }
                Some(distance)
            }
        };
        let next_at = next_start(weekly, now);
        let key = match self.order {
            MeetingOrder::Distance => distance_km.map_or(i64::MAX, metres),
            MeetingOrder::Next => next_at.map_or_else(|| self.key_in_week(weekly), |at| at.micros()),
        };
        Some(MeetingMatch {
            distance_km,
            next_at,
            key,
        })
    }
}

/// The number of minutes in a week.
const WEEK_MINUTES: i64 = 7 * 24 * 60;

impl MeetingFilter {
    /// The sort key of a meeting without a known next start. It is after all meetings with a known start, and
    /// follows the day (the requested one, otherwise the first) and time of day. Meetings without a time are
    /// last on their day, meetings without a day last of all.
    fn key_in_week(&self, weekly: Weekly) -> i64 {
        let day = self.day.or_else(|| (1..=7).find(|day| weekly.is_on(*day)));
        let offset = day.map_or(WEEK_MINUTES, |day| {
            (i64::from(day) - 1) * 1440 + weekly.minutes.map_or(1439, i64::from)
        });
        i64::MAX - WEEK_MINUTES + offset
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "no distance on the globe is more than 20 038 000 m"
)]
fn metres(km: f64) -> i64 {
    (km * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: (f64, f64) = (52.5, 13.4);
    const THERE: (f64, f64) = (52.6, 13.4);
    const EVENING: Weekly = Weekly {
        days: 0b000_0011,
        minutes: Some(19 * 60),
        time_zone: Some(chrono_tz::Europe::Berlin),
    };

    fn now() -> DateTime<Utc> {
        "2026-03-02T12:00:00Z".parse().unwrap()
    }

    fn point((latitude, longitude): (f64, f64)) -> Point {
        Point::new(latitude, longitude).unwrap()
    }

    /// Mondays from 18:00 on within 12 km.
    fn by_distance() -> MeetingFilter {
        MeetingFilter {
            near: Some((point(HERE), 12.0)),
            day: Some(1),
            from: Some(18 * 60),
            to: None,
            order: MeetingOrder::Distance,
        }
    }

    fn by_next_start() -> MeetingFilter {
        MeetingFilter {
            near: None,
            day: None,
            from: None,
            to: None,
            order: MeetingOrder::Next,
        }
    }

    #[test]
    fn a_match_has_its_distance_next_start_and_key() {
        let found = by_distance().fit(Some(point(THERE)), EVENING, now()).unwrap();
        assert_eq!(
            (found.key, found.next_at.map(|at| at.to_string()).as_deref()),
            (11_120, Some("2026-03-02T19:00:00.000+01:00"))
        );
        let next = by_next_start().fit(Some(point(THERE)), EVENING, now()).unwrap();
        assert_eq!(next.key, 1_772_474_400_000_000);
    }

    #[test]
    fn meetings_without_a_place_too_far_away_or_at_another_time_do_not_match() {
        assert_eq!(by_distance().fit(None, EVENING, now()), None);
        for filter in [
            MeetingFilter {
                near: Some((point(HERE), 11.0)),
                ..by_distance()
            },
            MeetingFilter {
                day: Some(3),
                ..by_distance()
            },
            MeetingFilter {
                from: Some(19 * 60 + 1),
                ..by_distance()
            },
        ] {
            assert_eq!(filter.fit(Some(point(THERE)), EVENING, now()), None);
        }
    }

    /// Without a time zone the next start is not known, but the order within the week is.
    #[test]
    fn meetings_without_a_known_next_start_are_ordered_within_the_week() {
        let key = |filter: MeetingFilter, days, minutes| {
            let weekly = Weekly {
                days,
                minutes,
                time_zone: None,
            };
            filter.fit(None, weekly, now()).unwrap().key
        };
        let any_day = |days, minutes| key(by_next_start(), days, minutes);
        let order = [
            any_day(0b000_0101, Some(60)),
            any_day(0b000_0001, Some(1140)),
            any_day(0b000_0001, None),
            any_day(0b000_0010, Some(0)),
            any_day(0b100_0000, None),
            any_day(0, None),
        ];
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(order[5], i64::MAX);
        let on_tuesday = MeetingFilter {
            day: Some(2),
            ..by_next_start()
        };
        let both_days = (0b000_0011, Some(60));
        assert_eq!(
            key(on_tuesday, both_days.0, both_days.1) - any_day(both_days.0, both_days.1),
            1440
        );
    }
}
