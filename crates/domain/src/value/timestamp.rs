//! Timestamps (RFC 3339) that preserve the UTC offset at which they were sent, or that none was sent.

use std::{borrow::Cow, fmt, ops::RangeInclusive, str::FromStr};

use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, SecondsFormat, TimeZone,
    Timelike, Utc,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};

/// Tolerance for client clocks that run ahead, in seconds. Only an event later than that counts as in the
/// future.
pub const CLOCK_TOLERANCE_S: i64 = 300;

/// An RFC 3339 time with millisecond precision and the local offset, if that is known.
///
/// `Z` and `-00:00` say that the local offset is not known (RFC 9557, section 2; RFC 3339, section 4.3), while `+00:00`
/// is an offset. The text form always has three digits of milliseconds.
///
/// Two timestamps are equal only if instant **and** offset are equal; use [`Timestamp::millis`] to compare
/// instants.
///
/// ```
/// use mainstay_domain::value::timestamp::Timestamp;
///
/// let sent: Timestamp = "2026-10-16T01:30:00Z".parse()?;
/// assert!(!sent.has_offset());
/// let evening = sent.resolve(None, chrono_tz::America::New_York);
/// assert_eq!(evening.to_string(), "2026-10-15T21:30:00.000-04:00");
/// assert_eq!(evening.millis(), sent.millis());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// The instant; in UTC if the offset is not known.
    at: DateTime<FixedOffset>,
    /// The local offset. `DateTime` leaves it out of comparisons.
    offset: Option<FixedOffset>,
}

impl Timestamp {
    /// Creates a timestamp without a local offset. A time outside the years 1 to 9999 is moved to the nearest one
    /// inside.
    pub fn utc(at: DateTime<Utc>) -> Self {
        Self {
            at: truncated(within_years(at).fixed_offset()),
            offset: None,
        }
    }

    /// Creates a timestamp at the offset that `zone` has then, in whole minutes. A time outside the years 1 to 9999 is
    /// moved to the nearest one inside.
    pub fn in_zone(at: DateTime<Utc>, zone: chrono_tz::Tz) -> Self {
        let at = within_years(at);
        // Before standard time, offsets had seconds, which RFC 3339 cannot write.
        let seconds = zone
            .offset_from_utc_datetime(&at.naive_utc())
            .fix()
            .local_minus_utc();
        let zero = Utc.fix();
        let offset = FixedOffset::east_opt(seconds - seconds % 60).unwrap_or(zero);
        let local = truncated(at.with_timezone(&offset));
        if has_valid_year(local) {
            Self::local(local)
        } else {
            // At either end of the calendar only the offset zero stays within the years.
            Self::local(truncated(at.with_timezone(&zero)))
        }
    }

    /// Creates a timestamp whose local offset is known.
    fn local(at: DateTime<FixedOffset>) -> Self {
        Self {
            at,
            offset: Some(*at.offset()),
        }
    }

    /// Whether the local offset is known.
    pub const fn has_offset(self) -> bool {
        self.offset.is_some()
    }

    /// Returns the same instant with a local offset: its own, else that of `stored` if it is the same instant, else the
    /// one that `zone` has then.
    #[must_use]
    pub fn resolve(self, stored: Option<Self>, zone: chrono_tz::Tz) -> Self {
        if self.has_offset() {
            return self;
        }
        stored
            .filter(|stored| stored.has_offset() && stored.millis() == self.millis())
            .unwrap_or_else(|| Self::in_zone(self.to_utc(), zone))
    }

    /// Returns the same instant without a local offset.
    #[must_use]
    pub fn without_offset(self) -> Self {
        Self::utc(self.to_utc())
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

    /// The local date and wall-clock time at the timestamp's own offset.
    pub fn wall(&self) -> NaiveDateTime {
        self.at.naive_local()
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
        let at = truncated(at);
        Ok(if text.ends_with(['Z', 'z']) || text.ends_with("-00:00") {
            Self { at, offset: None }
        } else {
            Self::local(at)
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.at.to_rfc3339_opts(SecondsFormat::Millis, !self.has_offset()))
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

/// Converts a wall-clock time in `zone` to an instant. Of a time that occurs twice, the first counts. A time that the
/// clock skips is read with the offset before the gap (RFC 5545, section 3.3.5): 02:15 means 03:15 where the clock goes
/// from 02:00 to 03:00.
pub fn resolve_local(zone: chrono_tz::Tz, local: chrono::NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        chrono::LocalResult::Single(t) | chrono::LocalResult::Ambiguous(t, _) => t.to_utc(),
        chrono::LocalResult::None => {
            // The longest gap is a date that the calendar skips. A day before it, the clock still runs as before.
            let day = chrono::TimeDelta::days(1);
            let before = zone.from_local_datetime(&(local - day)).latest();
            before.map_or_else(|| local.and_utc(), |before| before.to_utc() + day)
        }
    }
}

#[cfg(test)]
mod tests;
