//! Which meetings fit what is looked for, and in which order.

use chrono::{DateTime, Utc};

use super::{Weekly, next_start};
use crate::value::{geo::Point, timestamp::Timestamp};

/// What meetings are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeetingOrder {
    /// The nearest first.
    Distance,
    /// Those first that take place next; those of which that is not known last, from Monday on by day and time of day.
    Next,
}

/// What is looked for, beyond what the database looks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// Around which place, and how far from it at most, in kilometres.
    pub near: Option<(Point, f64)>,
    /// On which day of the week; Monday is 1.
    pub day: Option<u8>,
    /// Beginning at this minute of the day or later, in the meeting's own time zone.
    pub from: Option<u32>,
    /// Beginning before this minute of the day.
    pub to: Option<u32>,
    /// In which order.
    pub order: MeetingOrder,
}

/// A meeting that fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// How far it is from the place, in kilometres.
    pub distance_km: Option<f64>,
    /// When it takes place next.
    pub next_at: Option<Timestamp>,
    /// Its place in the order: metres, or microseconds since 1970.
    pub key: i64,
}

impl Wanted {
    /// How a meeting fits; `None` if it does not.
    pub fn fit(&self, point: Option<Point>, weekly: Weekly, now: DateTime<Utc>) -> Option<Fit> {
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
            MeetingOrder::Next => next_at.map_or_else(|| self.in_the_week(weekly), |at| at.micros()),
        };
        Some(Fit {
            distance_km,
            next_at,
            key,
        })
    }
}

/// Minutes of a week.
const WEEK_MINUTES: i64 = 7 * 24 * 60;

impl Wanted {
    /// The place of a meeting whose next start is not known: behind all that are, by its day (the one that is looked
    /// for, else its first) and time of day, those without a time last of the day, those without a day last of all.
    fn in_the_week(&self, weekly: Weekly) -> i64 {
        let day = self.day.or_else(|| (1..=7).find(|day| weekly.is_on(*day)));
        let place = day.map_or(WEEK_MINUTES, |day| {
            (i64::from(day) - 1) * 1440 + weekly.minutes.map_or(1439, i64::from)
        });
        i64::MAX - WEEK_MINUTES + place
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

    #[test]
    fn what_is_too_far_or_at_another_time_does_not_fit() {
        let now = "2026-03-02T12:00:00Z".parse().unwrap();
        let here = Point::new(52.5, 13.4).unwrap();
        let there = Point::new(52.6, 13.4).unwrap();
        let evening = Weekly {
            days: 0b000_0011,
            minutes: Some(19 * 60),
            time_zone: Some(chrono_tz::Europe::Berlin),
        };
        let wanted = Wanted {
            near: Some((here, 12.0)),
            day: Some(1),
            from: Some(18 * 60),
            to: None,
            order: MeetingOrder::Distance,
        };
        let fit = wanted.fit(Some(there), evening, now).unwrap();
        assert_eq!(
            (fit.key, fit.next_at.map(|at| at.to_string()).as_deref()),
            (11_120, Some("2026-03-02T19:00:00+01:00"))
        );
        let next = Wanted {
            order: MeetingOrder::Next,
            ..wanted
        };
        assert_eq!(
            next.fit(Some(there), evening, now).unwrap().key,
            1_772_474_400_000_000
        );
        assert_eq!(wanted.fit(None, evening, now), None);
        // Without a zone nobody knows what comes next, but which is first in the week.
        let some_day = Wanted {
            near: None,
            day: None,
            from: None,
            ..next
        };
        let key = |days, minutes| {
            let somewhere = Weekly {
                days,
                minutes,
                time_zone: None,
            };
            some_day.fit(None, somewhere, now).unwrap().key
        };
        let order = [
            key(0b000_0101, Some(60)),
            key(0b000_0001, Some(1140)),
            key(0b000_0001, None),
            key(0b000_0010, Some(0)),
            key(0b100_0000, None),
            key(0, None),
        ];
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(order[5], i64::MAX);
        let tuesday = Wanted {
            day: Some(2),
            ..some_day
        };
        let both = Weekly {
            days: 0b000_0011,
            minutes: Some(60),
            time_zone: None,
        };
        assert_eq!(
            tuesday.fit(None, both, now).unwrap().key - some_day.fit(None, both, now).unwrap().key,
            1440
        );
        for other in [
            Wanted {
                near: Some((here, 11.0)),
                ..wanted
            },
            Wanted {
                day: Some(3),
                ..wanted
            },
            Wanted {
                from: Some(19 * 60 + 1),
                ..wanted
            },
        ] {
            assert_eq!(other.fit(Some(there), evening, now), None);
        }
    }
}
