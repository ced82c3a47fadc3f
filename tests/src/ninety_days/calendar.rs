//! The dates of the ninety days, and the local times of three people, two of whom change their clocks or zone.

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat, TimeDelta, TimeZone, Utc};
use uuid::Uuid;

use super::random::Random;

/// The number of days.
pub const DAYS: i64 = 90;

/// The date of a day; 0 is Monday, 2026-08-17, and 89 is Saturday, 2026-11-14.
pub fn date(day: i64) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2026, 8, 17).expect("a date");
    first + TimeDelta::days(day)
}

/// The day with a date.
pub fn day_of(text: &str) -> i64 {
    let date: NaiveDate = text.parse().expect("a date");
    (date - self::date(0)).num_days()
}

/// Whether a day is the last of its ISO week.
pub const fn is_sunday(day: i64) -> bool {
    day % 7 == 6
}

/// The UTC offsets of a phone: each in minutes, and the instant from which it applies.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub &'static [(&'static str, i32)]);

/// New York, where the clocks go back on 1 November.
pub const NEW_YORK: Clock = Clock(&[("2026-03-08T07:00:00Z", -240), ("2026-11-01T06:00:00Z", -300)]);

/// Berlin, where the clocks go back on 25 October.
pub const BERLIN: Clock = Clock(&[("2026-03-29T01:00:00Z", 120), ("2026-10-25T01:00:00Z", 60)]);

/// From Chicago to London, where the clocks go back on 25 October, on to Tokyo, and home.
pub const TRAVELS: Clock = Clock(&[
    ("2026-03-08T08:00:00Z", -300),
    ("2026-10-19T05:40:00Z", 60),
    ("2026-10-25T01:00:00Z", 0),
    ("2026-10-30T21:15:00Z", 540),
    ("2026-11-07T11:30:00Z", -360),
]);

impl Clock {
    fn changes(&self) -> impl Iterator<Item = (DateTime<Utc>, FixedOffset)> {
        self.0.iter().map(|(from, minutes)| {
            let from = from.parse().expect("an instant");
            (from, FixedOffset::east_opt(minutes * 60).expect("an offset"))
        })
    }

    /// The local time of an instant.
    pub fn show(&self, at: DateTime<Utc>) -> DateTime<FixedOffset> {
        let last = self.changes().filter(|(from, _)| *from <= at).last();
        at.with_timezone(&last.expect("the clock starts before the ninety days").1)
    }

    /// The instants with a local time: one, none in a skipped hour, or two in a repeated hour.
    pub fn moments(&self, day: i64, minute: i64) -> Vec<DateTime<FixedOffset>> {
        let wall = date(day).and_hms_opt(0, 0, 0).expect("midnight") + TimeDelta::minutes(minute);
        let tried = self.changes().filter_map(|(_, offset)| {
            let at = offset.from_local_datetime(&wall).single()?;
            (self.show(at.to_utc()).offset() == at.offset()).then_some(at)
        });
        let mut found: Vec<_> = tried.collect();
        found.sort();
        found.dedup();
        found
    }

    /// The first instant with a local time. A skipped time moves to the next hour that exists.
    pub fn at(&self, day: i64, minute: i64) -> DateTime<FixedOffset> {
        let hours = (0..24).find_map(|hour| self.moments(day, minute + 60 * hour).first().copied());
        hours.expect("no clock skips a day")
    }
}

/// A time as it is sent, and as the server repeats it.
pub fn wire(at: DateTime<FixedOffset>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, false)
}

/// The date of a day as it is sent; days before the first are negative.
pub fn wire_date(day: i64) -> String {
    date(day).to_string()
}

/// A random version 7 id for a time.
pub fn id(at: DateTime<FixedOffset>, random: &mut Random) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).expect("after 1970");
    uuid::Builder::from_unix_timestamp_millis(millis, &random.ten_bytes()).into_uuid()
}

/// The slot of a check-in, if its kind may occur only once a day or week.
pub fn slot(kind: &str, at: DateTime<FixedOffset>) -> Option<String> {
    match kind {
        "morning" | "evening" => Some(format!("{kind} {}", at.date_naive())),
        "weekly" => Some(at.format("%G-W%V").to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_hour_occurs_twice() {
        let day = day_of("2026-11-01");
        let both: Vec<String> = NEW_YORK.moments(day, 90).into_iter().map(wire).collect();
        assert_eq!(both, ["2026-11-01T01:30:00.000-04:00", "2026-11-01T01:30:00.000-05:00"]);
        assert_eq!(BERLIN.moments(day_of("2026-10-25"), 150).len(), 2);
    }

    #[test]
    fn a_traveller_skips_hours_to_the_east_and_repeats_them_to_the_west() {
        let out = day_of("2026-10-19");
        assert!(TRAVELS.moments(out, 120).is_empty());
        assert_eq!(wire(TRAVELS.at(out, 120)), "2026-10-19T07:00:00.000+01:00");
        assert_eq!(TRAVELS.moments(day_of("2026-11-07"), 8 * 60).len(), 2);
        assert_eq!(wire(TRAVELS.at(day_of("2026-10-28"), 600)), "2026-10-28T10:00:00.000+00:00");
    }

    #[test]
    fn the_ninety_days_begin_on_a_monday_and_end_before_the_tests_were_written() {
        assert_eq!(wire_date(0), "2026-08-17");
        assert_eq!(wire_date(DAYS - 1), "2026-11-14");
        assert!(is_sunday(day_of("2026-08-23")));
        assert_eq!(wire_date(-3), "2026-08-14");
    }
}
