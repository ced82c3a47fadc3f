//! Timestamps (RFC 3339) that preserve the UTC offset at which they were sent.

use std::{borrow::Cow, fmt, ops::RangeInclusive, str::FromStr};

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};

/// Tolerance for client clocks that run ahead, in seconds. Only an event later than that counts as in the
/// future.
pub const CLOCK_TOLERANCE_S: i64 = 300;

/// An RFC 3339 time with millisecond precision and the offset that was sent.
///
/// Two timestamps are equal only if instant **and** offset are equal; use [`Timestamp::millis`] to compare
/// instants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    at: DateTime<FixedOffset>,
    /// Whether the offset was written as `Z`, so that the response repeats it.
    zulu: bool,
}

impl Timestamp {
    /// Creates a timestamp in UTC. A time outside the years 1 to 9999 is moved to the nearest one inside.
    pub fn utc(at: DateTime<Utc>) -> Self {
        Self {
            at: truncated(within_years(at).fixed_offset()),
            zulu: true,
        }
    }

    /// Creates a timestamp at the offset that `zone` has then. A time outside the years 1 to 9999 is moved to
    /// the nearest one inside.
    pub fn in_zone(at: DateTime<Utc>, zone: chrono_tz::Tz) -> Self {
        let local = truncated(within_years(at).with_timezone(&zone).fixed_offset());
        // At either end of the calendar only the offset zero stays within the years.
        if has_valid_year(local) {
            Self {
                at: local,
                zulu: false,
            }
        } else {
            Self::utc(at)
        }
    }

    /// Creates midnight UTC of a date, which orders records that have a date but no time.
    pub fn midnight(date: NaiveDate) -> Self {
        Self::utc(date.and_time(NaiveTime::MIN).and_utc())
    }

    /// Creates a timestamp in UTC from microseconds since 1970.
    pub fn from_micros(micros: i64) -> Self {
        Self::utc(DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(&self) -> i64 {
        self.at.timestamp_millis()
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn micros(&self) -> i64 {
        self.millis().saturating_mul(1000)
    }

    /// The local date at the timestamp's own offset.
    pub fn local_date(&self) -> NaiveDate {
        self.at.date_naive()
    }

    /// The local day of the week (Monday is 1) and hour (0–23) at the timestamp's own offset.
    pub fn local_hour(&self) -> (u32, u32) {
        (self.at.weekday().number_from_monday(), self.at.hour())
    }

    /// The ISO 8601 week of the local date, such as `2026-W09`.
    pub fn local_week(&self) -> String {
        let week = self.local_date().iso_week();
        format!("{:04}-W{:02}", week.year(), week.week())
    }

    /// The instant in UTC.
    pub fn to_utc(&self) -> DateTime<Utc> {
        self.at.to_utc()
    }

    /// Whether the time is later than `now` by more than [`CLOCK_TOLERANCE_S`].
    pub fn is_future(&self, now: DateTime<Utc>) -> bool {
        self.at.to_utc() > now + chrono::TimeDelta::seconds(CLOCK_TOLERANCE_S)
    }
}

/// The first and last year of a timestamp. Outside this range, neither the instant in microseconds nor the
/// text form is guaranteed to exist.
const YEARS: RangeInclusive<i32> = 1..=9999;

/// Whether the year is allowed both on the local calendar and in UTC.
fn has_valid_year(at: DateTime<FixedOffset>) -> bool {
    YEARS.contains(&at.year()) && YEARS.contains(&at.to_utc().year())
}

/// Moves an instant to the nearest one in the allowed years.
fn within_years(at: DateTime<Utc>) -> DateTime<Utc> {
    let first = NaiveDate::from_ymd_opt(*YEARS.start(), 1, 1).unwrap_or_default();
    let after = NaiveDate::from_ymd_opt(*YEARS.end() + 1, 1, 1).unwrap_or_default();
    let last = after.and_time(NaiveTime::MIN) - chrono::TimeDelta::milliseconds(1);
    at.clamp(first.and_time(NaiveTime::MIN).and_utc(), last.and_utc())
}

fn truncated(at: DateTime<FixedOffset>) -> DateTime<FixedOffset> {
    let nanos = at.nanosecond();
    // A leap second has nanoseconds of 10^9 or more; this keeps it in its minute.
    let truncated_nanos = nanos.min(999_999_999) / 1_000_000 * 1_000_000;
    at.with_nanosecond(truncated_nanos).unwrap_or(at)
}

/// The reason why a text is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidTimestamp {
    /// The text does not have the form of RFC 3339.
    Format(chrono::ParseError),
    /// The year is not from 1 to 9999, on the local calendar or in UTC.
    Year,
}

impl fmt::Display for InvalidTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(error) => write!(f, "expected an RFC 3339 time: {error}"),
            Self::Year => f.write_str("the year must be from 0001 to 9999"),
        }
    }
}

impl std::error::Error for InvalidTimestamp {}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The parser also accepts a space, and characters that only look like a minus sign.
        let strict = if text.is_ascii() && !text.contains(' ') {
            text
        } else {
            ""
        };
        let at = DateTime::parse_from_rfc3339(strict).map_err(InvalidTimestamp::Format)?;
        if !has_valid_year(at) {
            return Err(InvalidTimestamp::Year);
        }
        Ok(Self {
            at: truncated(at),
            zulu: text.ends_with(['Z', 'z']),
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.at.to_rfc3339_opts(SecondsFormat::AutoSi, self.zulu))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .max_length(Some(64))
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

/// Deserialises a date in the form `YYYY-MM-DD` and no other.
///
/// # Errors
/// If the text has another form or is not a date.
pub fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    strict_date(&text).ok_or_else(|| de::Error::custom("must be a date, such as 2026-03-01"))
}

/// Deserialises a date in the form `YYYY-MM-DD`, or null.
///
/// # Errors
/// If the text has another form or is not a date.
pub fn optional_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    text.map(|text| strict_date(&text).ok_or_else(|| de::Error::custom("must be a date, such as 2026-03-01")))
        .transpose()
}

/// Parses a date in the form `YYYY-MM-DD`.
pub(crate) fn strict_date(text: &str) -> Option<NaiveDate> {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.split('-');
    let form = [4, 2, 2]
        .into_iter()
        .all(|n| parts.next().is_some_and(|part| part.len() == n && digits(part)));
    if form && parts.next().is_none() {
        text.parse().ok()
    } else {
        None
    }
}

/// Parses a time for an example.
pub(crate) fn example_time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| Timestamp::from_micros(0))
}

/// Converts a wall-clock time in `zone` to an instant. A time that the clock skips moves past the gap in steps of
/// 15 minutes. Of a time that occurs twice, the first counts.
pub fn resolve_local(zone: chrono_tz::Tz, local: chrono::NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        chrono::LocalResult::Single(t) | chrono::LocalResult::Ambiguous(t, _) => t.to_utc(),
        chrono::LocalResult::None => {
            // Clock changes skip whole quarter-hours; 25 hours cover a skipped date.
            let mut later = local;
            for _ in 0..100 {
                later += chrono::TimeDelta::minutes(15);
                if let Some(t) = zone.from_local_datetime(&later).earliest() {
                    return t.to_utc();
                }
            }
            local.and_utc()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(text: &str) -> String {
        serde_json::from_value::<Timestamp>(text.into()).map_or_else(|e| e.to_string(), |t| t.to_string())
    }

    #[test]
    fn the_offset_that_was_sent_is_repeated() {
        for text in [
            "2026-03-01T08:15:00Z",
            "2026-03-01T08:15:00.250Z",
            "2026-03-01T08:15:00+00:00",
            "2026-03-01T08:15:00.007+05:45",
            "2026-03-01T08:15:00-12:00",
        ] {
            assert_eq!(echo(text), text);
        }
    }

    #[test]
    fn fractions_are_cut_to_the_millisecond() {
        assert_eq!(echo("2026-03-01T08:15:00.123999Z"), "2026-03-01T08:15:00.123Z");
        assert_eq!(echo("2016-12-31T23:59:60Z"), "2016-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_date_without_time_is_refused() {
        assert!(echo("2026-03-01").contains("RFC 3339"));
        assert!(echo("0000-01-01T00:00:00Z").contains("year"));
    }

    #[test]
    fn no_constructor_makes_a_time_that_cannot_be_read_again() {
        let extremes = [
            DateTime::<Utc>::MIN_UTC,
            DateTime::<Utc>::MAX_UTC,
            "0001-01-01T00:00:00Z".parse().unwrap(),
            "9999-12-31T23:59:59.999Z".parse().unwrap(),
        ];
        for at in extremes {
            for zone in [chrono_tz::UTC, chrono_tz::Pacific::Apia, chrono_tz::America::Adak] {
                let timestamp = Timestamp::in_zone(at, zone);
                assert!(
                    serde_json::from_value::<Timestamp>(timestamp.to_string().into()).is_ok(),
                    "{timestamp}"
                );
            }
        }
        for timestamp in [i64::MIN, i64::MAX].map(Timestamp::from_micros) {
            assert!(
                serde_json::from_value::<Timestamp>(timestamp.to_string().into()).is_ok(),
                "{timestamp}"
            );
        }
        for text in [
            "0000-12-31T23:00:00-02:00",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:30:00-01:00",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp::Year), "{text}");
        }
    }

    #[test]
    fn the_local_date_is_that_of_the_offset() {
        let t: Timestamp = "2026-03-01T23:30:00-05:00"
            .parse()
            .unwrap_or_else(|_| Timestamp::from_micros(0));
        assert_eq!(t.local_date().to_string(), "2026-03-01");
        assert_eq!(t.to_utc().date_naive().to_string(), "2026-03-02");
        assert_eq!(t.local_week(), "2026-W09");
    }

    #[test]
    fn a_skipped_wall_time_moves_past_the_gap() {
        let local = NaiveDate::from_ymd_opt(2026, 3, 29)
            .and_then(|d| d.and_hms_opt(2, 30, 0))
            .unwrap_or_default();
        assert_eq!(
            resolve_local(chrono_tz::Europe::Berlin, local).to_rfc3339(),
            "2026-03-29T01:00:00+00:00"
        );
    }
}
