//! Computes the next start of a weekly meeting.

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::value::timestamp::{Timestamp, resolve_local};

/// The weekly times of a meeting, as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weekly {
    /// The days of the week as bits; bit 0 is Monday, bit 6 is Sunday.
    pub days: u8,
    /// Minutes since midnight, 0–1439.
    pub minutes: Option<u16>,
    /// The time zone of the meeting.
    pub time_zone: Option<Tz>,
}

impl Weekly {
    /// Whether the meeting takes place on a day of the week; Monday is 1.
    pub fn is_on(self, day: u8) -> bool {
        (1..=7).contains(&day) && self.days & (1 << (day - 1)) != 0
    }

    /// Whether the meeting begins at or after `from` and before `to`, in minutes since midnight in its own
    /// time zone. If `from` is after `to`, the period spans midnight.
    pub fn begins_within(self, from: Option<u32>, to: Option<u32>) -> bool {
        let (Some(from), Some(to)) = (from.or(to.map(|_| 0)), to.or(from.map(|_| 1440))) else {
            return true;
        };
        let Some(at) = self.minutes.map(u32::from) else {
            return false;
        };
        if from <= to {
            (from..to).contains(&at)
        } else {
            at >= from || at < to
        }
    }
}

/// Finds the first start at or after `now`, at the offset of the meeting's zone. A time that the clock skips
/// is read with the offset before the gap. Of a time that occurs twice, the first counts. On a date that the calendar skips there
/// is no meeting.
pub fn next_start(weekly: Weekly, now: DateTime<Utc>) -> Option<Timestamp> {
    let (zone, minutes) = (weekly.time_zone?, u32::from(weekly.minutes?));
    let time = NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0)?;
    let today = now.with_timezone(&zone).date_naive();
    // Two weeks are searched because the calendar may skip the date in the first.
    (0..=15)
        .filter_map(|ahead| today.checked_add_days(Days::new(ahead)))
        .filter(|date| u8::try_from(date.weekday().number_from_monday()).is_ok_and(|day| weekly.is_on(day)))
        .map(|date| (date, resolve_local(zone, date.and_time(time))))
        .find(|(date, start)| {
            *start >= now && zone.from_utc_datetime(&start.naive_utc()).date_naive() == *date
        })
        .map(|(_, start)| Timestamp::in_zone(start, zone))
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDateTime, TimeDelta};
    use proptest::prelude::*;

    use super::*;

    fn weekly(days: &[u8], time: (u16, u16), zone: Tz) -> Weekly {
        Weekly {
            days: days.iter().fold(0, |mask, day| mask | 1 << (day - 1)),
            minutes: Some(time.0 * 60 + time.1),
            time_zone: Some(zone),
        }
    }

    fn next(weekly: Weekly, now: &str) -> String {
        next_start(weekly, now.parse().unwrap()).map_or_else(String::new, |at| at.to_string())
    }

    #[test]
    fn the_clock_on_the_wall_stays_the_same_when_it_is_changed() {
        let sunday = weekly(&[7], (18, 0), chrono_tz::America::Chicago);
        assert_eq!(
            next(sunday, "2026-03-01T23:59:00Z"),
            "2026-03-01T18:00:00.000-06:00"
        );
        assert_eq!(
            next(sunday, "2026-03-02T00:00:00Z"),
            "2026-03-01T18:00:00.000-06:00"
        );
        // Clocks go forward on 8 March.
        assert_eq!(
            next(sunday, "2026-03-02T00:00:01Z"),
            "2026-03-08T18:00:00.000-05:00"
        );
        assert_eq!(
            next(sunday, "2026-10-26T00:00:00Z"),
            "2026-11-01T18:00:00.000-06:00"
        );
    }

    #[test]
    fn a_skipped_time_moves_and_a_repeated_one_is_the_first() {
        let night = weekly(&[7], (2, 30), chrono_tz::Europe::Berlin);
        assert_eq!(
            next(night, "2026-03-28T12:00:00Z"),
            "2026-03-29T03:30:00.000+02:00"
        );
        assert_eq!(
            next(night, "2026-10-24T12:00:00Z"),
            "2026-10-25T02:30:00.000+02:00"
        );
    }

    #[test]
    fn a_skipped_date_has_no_meeting() {
        // Samoa went from Thursday, 29 December 2011, to Saturday.
        let friday = weekly(&[5], (19, 0), chrono_tz::Pacific::Apia);
        assert_eq!(
            next(friday, "2011-12-29T12:00:00Z"),
            "2012-01-06T19:00:00.000+14:00"
        );
        assert_eq!(
            next(
                weekly(&[6], (0, 30), chrono_tz::Pacific::Apia),
                "2011-12-30T09:00:00Z"
            ),
            "2011-12-31T00:30:00.000+14:00"
        );
    }

    #[test]
    fn a_meeting_without_known_times_has_no_next_start() {
        let all = weekly(&[1, 3], (7, 30), chrono_tz::Asia::Kathmandu);
        assert_eq!(next(all, "2026-03-03T00:00:00Z"), "2026-03-04T07:30:00.000+05:45");
        for unknown in [
            Weekly { days: 0, ..all },
            Weekly { minutes: None, ..all },
            Weekly {
                time_zone: None,
                ..all
            },
        ] {
            assert_eq!(next(unknown, "2026-03-03T00:00:00Z"), "");
        }
    }

    #[test]
    fn a_time_of_day_may_pass_midnight() {
        let late = weekly(&[1], (23, 30), chrono_tz::UTC);
        assert!(late.begins_within(Some(22 * 60), Some(60)));
        assert!(!late.begins_within(Some(60), Some(22 * 60)));
        assert!(
            late.begins_within(Some(23 * 60 + 30), None) && !late.begins_within(None, Some(23 * 60 + 30))
        );
        assert!(
            Weekly::default().begins_within(None, None) && !Weekly::default().begins_within(Some(0), None)
        );
    }

    /// Finds the start by checking every minute until the local time matches.
    fn by_walking(weekly: Weekly, now: DateTime<Utc>) -> NaiveDateTime {
        let zone = weekly.time_zone.unwrap();
        let mut at = now;
        loop {
            let local = at.with_timezone(&zone).naive_local();
            let minutes = u16::try_from(chrono::Timelike::num_seconds_from_midnight(&local) / 60).unwrap();
            let day = u8::try_from(local.weekday().number_from_monday()).unwrap();
            if weekly.is_on(day) && weekly.minutes == Some(minutes) {
                return at.naive_utc();
            }
            at += TimeDelta::minutes(1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn the_next_start_is_the_first_that_the_clock_on_the_wall_shows(
            zone in prop::sample::select(vec![
                chrono_tz::Australia::Lord_Howe, chrono_tz::Asia::Kathmandu, chrono_tz::America::New_York,
                chrono_tz::Pacific::Kiritimati, chrono_tz::Etc::GMTPlus12, chrono_tz::Europe::Dublin,
            ]),
            days in 1_u8..128, minutes in (4 * 60_u16)..1440, start in 0_i64..(400 * 1440),
        ) {
            // From 04:00 on, when no clock in these zones changes.
            let weekly = Weekly { days, minutes: Some(minutes), time_zone: Some(zone) };
            let now = DateTime::from_timestamp(1_767_225_600 + start * 60, 0).unwrap();
            let start = next_start(weekly, now).unwrap();
            prop_assert_eq!(start.to_utc().naive_utc(), by_walking(weekly, now));
        }
    }
}
