//! The schedule of a medication: a recurrence rule (RFC 5545, section 3.3.10) in the person's local time.
//!
//! The crate `rrule` parses rules. [`Schedule::parse`] accepts only those by which medicines are prescribed. They are
//! expanded here, month by month: a rule that began decades ago, or names many times, costs no more than a new one.
//!
//! Rules are expanded in local wall-clock time and then converted to instants: 08:00 stays 08:00 when the
//! clock changes, and a time that the clock skips moves past the gap. A date that the calendar skips, such as
//! 30 December 2011 in Samoa, has no dose.

mod days;
mod expansion;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use rrule::{Frequency, NWeekday, RRule, Unvalidated};

pub use self::days::DueDays;
use crate::value::{text::Text, timestamp::resolve_local};

/// The text of a rule.
pub type ScheduleText = Text<1, 500>;
/// The maximum number of times a day.
pub const MAX_TIMES_A_DAY: usize = 24;
/// The maximum INTERVAL of a rule.
pub const MAX_INTERVAL: u16 = 1000;
/// The maximum COUNT of a rule.
pub const MAX_COUNT: u32 = 10_000;
/// The number of days after its start within which a rule must come due.
pub const FIRST_WITHIN_DAYS: u64 = 5 * 366;

/// The rule parts that are allowed. The others (BYYEARDAY, BYWEEKNO, …) do not occur in prescriptions.
const PARTS: [&str; 12] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "WKST",
    "BYMONTH",
    "BYMONTHDAY",
    "BYDAY",
    "BYHOUR",
    "BYMINUTE",
    "BYSECOND",
    "BYSETPOS",
];

const NO_RULE: &str = "must be a recurrence rule (RFC 5545), such as FREQ=DAILY;BYHOUR=8,20";

/// A parsed and checked rule.
#[derive(Debug, Clone)]
pub struct Schedule {
    rule: RRule<Unvalidated>,
    until: Option<Until>,
}

/// The end of a rule.
#[derive(Debug, Clone, Copy)]
enum Until {
    /// The end of that day.
    Day(NaiveDate),
    /// That local wall-clock time.
    Wall(NaiveDateTime),
    /// That instant.
    Moment(DateTime<Utc>),
}

/// A time at which a dose is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTime {
    /// The due time; for a whole day, the start of the day.
    pub at: DateTime<Utc>,
    /// The end of the day if the rule names a day without a time; otherwise the same as `at`.
    pub until: DateTime<Utc>,
}

impl DueTime {
    /// Whether the dose may be taken at any time of the day.
    pub fn is_whole_day(&self) -> bool {
        self.until != self.at
    }

    /// Converts a wall-clock time in `zone`.
    pub(super) fn on(zone: Tz, wall: NaiveDateTime, is_whole_day: bool) -> Self {
        let at = resolve_local(zone, wall);
        // The actual local date at that instant, because the calendar may skip the named date.
        let day = at.with_timezone(&zone).date_naive();
        let next = day.succ_opt().filter(|_| is_whole_day);
        let until = next.map_or(at, |next| resolve_local(zone, next.and_time(NaiveTime::MIN)));
        Self { at, until }
    }
}

impl Schedule {
    /// Parses a rule, with or without the prefix `RRULE:`.
    ///
    /// # Errors
    /// A description of the fault, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_uppercase();
        let mut other_parts = Vec::new();
        let mut names = Vec::new();
        let mut until = None;
        for part in text.strip_prefix("RRULE:").unwrap_or(&text).split(';') {
            let (name, value) = part.split_once('=').ok_or(NO_RULE)?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || b",+-".contains(&b);
            if value.is_empty() || !value.bytes().all(plain) {
                return Err(NO_RULE.to_owned());
            }
            if !PARTS.contains(&name) {
                return Err(format!("takes these parts: {}", PARTS.join(", ")));
            }
            if names.contains(&name) {
                return Err("each part may be given once only".to_owned());
            }
            names.push(name);
            match name {
                "UNTIL" => until = Some(read_until(value).ok_or("UNTIL must be a date or a time")?),
                "BYSECOND" if matches!(value, "0" | "00") => {}
                "BYSECOND" => return Err("BYSECOND may be 0 only".to_owned()),
                _ => other_parts.push(part),
            }
        }
        let no_rule = |_unread| NO_RULE.to_owned();
        let rule: RRule<Unvalidated> = other_parts.join(";").parse().map_err(no_rule)?;
        // The crate's checks do not depend on the start once UNTIL is removed.
        (rule
            .clone()
            .validate(rrule::Tz::UTC.from_utc_datetime(&NaiveDateTime::default())))
        .map_err(no_rule)?;
        let schedule = Self { rule, until };
        schedule.check()?;
        Ok(schedule)
    }

    /// Refuses a rule that would be expensive to expand or makes no sense, with the reason.
    fn check(&self) -> Result<(), &'static str> {
        let rule = &self.rule;
        if !(1..=MAX_INTERVAL).contains(&rule.get_interval()) {
            return Err("INTERVAL must be from 1 to 1000");
        }
        if rule.get_count().is_some_and(|n| !(1..=MAX_COUNT).contains(&n)) {
            return Err("COUNT must be from 1 to 10000");
        }
        if rule.get_count().is_some() && self.until.is_some() {
            return Err("takes COUNT or UNTIL, not both");
        }
        match rule.get_freq() {
            Frequency::Secondly | Frequency::Minutely => Err("FREQ must be HOURLY or longer"),
            Frequency::Hourly => self.check_hourly(),
            _ => self.check_daily_or_longer(),
        }
    }

    fn check_hourly(&self) -> Result<(), &'static str> {
        let rule = &self.rule;
        let is_plain = rule.get_by_month().is_empty()
            && rule.get_by_month_day().is_empty()
            && rule.get_by_weekday().is_empty()
            && rule.get_by_hour().is_empty()
            && rule.get_by_set_pos().is_empty()
            && rule.get_by_minute().len() <= 1;
        is_plain.then_some(()).ok_or(
            "with FREQ=HOURLY go INTERVAL, COUNT, UNTIL and one BYMINUTE; else use FREQ=DAILY with BYHOUR",
        )
    }

    fn check_daily_or_longer(&self) -> Result<(), &'static str> {
        let rule = &self.rule;
        let (hours, minutes) = (rule.get_by_hour().len(), rule.get_by_minute().len());
        if hours == 0 && minutes > 0 {
            return Err("BYMINUTE needs BYHOUR");
        }
        if hours * minutes.max(1) > MAX_TIMES_A_DAY {
            return Err("may name at most 24 times a day");
        }
        let is_monthly = rule.get_freq() == Frequency::Monthly;
        let numbers = rule.get_by_weekday().iter().filter_map(|day| match day {
            NWeekday::Nth(n, _) => Some(n.unsigned_abs()),
            NWeekday::Every(_) => None,
        });
        let numbers: Vec<u16> = numbers.collect();
        let highest = numbers.iter().copied().max();
        if let Some(highest) = highest {
            let is_of_month = is_monthly || !rule.get_by_month().is_empty();
            if !is_monthly && rule.get_freq() != Frequency::Yearly
                || !rule.get_by_month_day().is_empty()
                || is_of_month && highest > 5
                // The crate combines a mixture of plain and numbered weekdays with "and", the standard with
                // "or".
                || numbers.len() < rule.get_by_weekday().len()
            {
                return Err(
                    "a numbered BYDAY goes with FREQ=MONTHLY or YEARLY, without BYMONTHDAY, and all have numbers",
                );
            }
        }
        let positions = rule.get_by_set_pos();
        let is_every_month = is_monthly
            && highest.is_none()
            && !rule.get_by_weekday().is_empty()
            && rule.get_by_month_day().is_empty();
        // Each weekday occurs at least four times in a month.
        let fits =
            positions.is_empty() || is_every_month && positions.iter().all(|n| (1..=4).contains(&n.abs()));
        fits.then_some(())
            .ok_or("BYSETPOS goes with FREQ=MONTHLY and a BYDAY without numbers, from 1 to 4 or -1 to -4")
    }

    /// Finds the first day on which the rule comes due; `None` if there is none within five years of the
    /// start.
    pub fn first_day(&self, started_on: NaiveDate) -> Option<NaiveDate> {
        let day_before = started_on.pred_opt()?;
        let day = DueDays::new(self, started_on).next_after(day_before, FIRST_WITHIN_DAYS)?;
        let ends_before = match self.until {
            None => false,
            Some(Until::Day(last)) => last < day,
            Some(Until::Wall(last)) => last.date() < day,
            // A local day may begin up to 14 hours before the same date in UTC.
            Some(Until::Moment(last)) => (last + TimeDelta::hours(14)).date_naive() < day,
        };
        (!ends_before).then_some(day)
    }
}

fn read_until(value: &str) -> Option<Until> {
    let date = |text: &str| NaiveDate::parse_from_str(text, "%Y%m%d").ok();
    let time = |text: &str| NaiveTime::parse_from_str(text, "%H%M%S").ok();
    let of_length = |text: &str, length: usize| text.len() == length;
    match value.split_once('T') {
        None => date(value).filter(|_| of_length(value, 8)).map(Until::Day),
        Some((day, rest)) => {
            let clock = rest.strip_suffix('Z').unwrap_or(rest);
            if !of_length(day, 8) || !of_length(clock, 6) {
                return None;
            }
            let wall = date(day)?.and_time(time(clock)?);
            Some(if rest.ends_with('Z') {
                Until::Moment(wall.and_utc())
            } else {
                Until::Wall(wall)
            })
        }
    }
}

#[cfg(test)]
mod tests;
