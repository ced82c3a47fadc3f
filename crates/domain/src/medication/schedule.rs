//! The schedule of a medication: a recurrence rule (RFC 5545, section 3.3.10) in the person's local time.
//!
//! The crate `rrule` parses and expands rules. It searches for the next time without a limit, so a rule that
//! never comes due, or comes due every second, must not reach it. [`Schedule::parse`] accepts only the rules
//! by which medicines are prescribed, and [`Schedule::first_day`] determines cheaply whether a rule comes due
//! at all.
//!
//! Rules are expanded in local wall-clock time and then converted to instants: 08:00 stays 08:00 when the
//! clock changes, and a time that the clock skips moves past the gap. A date that the calendar skips, such as
//! 30 December 2011 in Samoa, has no dose.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use rrule::{Frequency, NWeekday, RRule, RRuleSet, Unvalidated};

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
        let day = (0..FIRST_WITHIN_DAYS)
            .filter_map(|n| started_on.checked_add_days(Days::new(n)))
            .find(|day| self.falls_on(started_on, *day))?;
        let ends_before = match self.until {
            None => false,
            Some(Until::Day(last)) => last < day,
            Some(Until::Wall(last)) => last.date() < day,
            // A local day may begin up to 14 hours before the same date in UTC.
            Some(Until::Moment(last)) => (last + TimeDelta::hours(14)).date_naive() < day,
        };
        (!ends_before).then_some(day)
    }

    /// Whether a dose is due on a day, ignoring COUNT, UNTIL and BYSETPOS.
    fn falls_on(&self, start: NaiveDate, day: NaiveDate) -> bool {
        let rule = &self.rule;
        let week = |d: NaiveDate| d.week(rule.get_week_start()).first_day();
        let months = |d: NaiveDate| i64::from(d.year()) * 12 + i64::from(d.month0());
        let periods = match rule.get_freq() {
            Frequency::Yearly => i64::from(day.year() - start.year()),
            Frequency::Monthly => months(day) - months(start),
            Frequency::Weekly => (week(day) - week(start)).num_days() / 7,
            Frequency::Daily => (day - start).num_days(),
            _ => return self.is_hourly_on((day - start).num_days()),
        };
        let by_month = rule.get_by_month();
        let is_in_month = by_month.is_empty() || by_month.iter().any(|m| u32::from(*m) == day.month());
        if periods % i64::from(rule.get_interval()) != 0 || !is_in_month {
            return false;
        }
        let (weekdays, month_days) = (rule.get_by_weekday(), rule.get_by_month_day());
        if weekdays.is_empty() && month_days.is_empty() {
            // The start supplies the parts that the rule leaves out.
            return match rule.get_freq() {
                Frequency::Yearly => {
                    day.day() == start.day() && (!by_month.is_empty() || day.month() == start.month())
                }
                Frequency::Monthly => day.day() == start.day(),
                Frequency::Weekly => day.weekday() == start.weekday(),
                _ => true,
            };
        }
        let is_of_year = rule.get_freq() == Frequency::Yearly && by_month.is_empty();
        (month_days.is_empty() || month_days.iter().any(|n| is_nth_day(day, *n)))
            && (weekdays.is_empty() || weekdays.iter().any(|w| is_weekday(day, *w, is_of_year)))
    }

    /// Whether a rule of hours comes due on the day that many days after its first one.
    fn is_hourly_on(&self, days: i64) -> bool {
        let (hours, interval) = (days * 24, i64::from(self.rule.get_interval()));
        days >= 0 && (hours + interval - 1) / interval * interval < hours + 24
    }

    /// Whether the rule takes a day that its BYDAY names. BYSETPOS takes the nth of a month, or the nth from its end.
    fn is_at_position(&self, start: NaiveDate, day: NaiveDate) -> bool {
        let positions = self.rule.get_by_set_pos();
        if positions.is_empty() {
            return true;
        }
        let of_month = |n: u32| day.with_day(n).filter(|day| self.falls_on(start, *day));
        let before = (1..day.day()).filter_map(of_month).count();
        let after = (day.day() + 1..=31).filter_map(of_month).count();
        let is_nth = |n: usize, from_end: bool| {
            i32::try_from(n + 1).is_ok_and(|n| positions.contains(&if from_end { -n } else { n }))
        };
        is_nth(before, false) || is_nth(after, true)
    }

    /// Whether a dose is due on a day, ignoring COUNT and UNTIL.
    pub fn is_due_on(&self, start: NaiveDate, day: NaiveDate) -> bool {
        self.falls_on(start, day) && self.is_at_position(start, day)
    }

    /// Computes the due times in `zone` from `from` (inclusive) to `to` (exclusive), in ascending order, at
    /// most `limit`.
    pub fn due_times(
        &self,
        started_on: NaiveDate,
        zone: Tz,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: usize,
    ) -> Vec<DueTime> {
        if self.first_day(started_on).is_none() {
            return Vec::new();
        }
        let is_whole_day = self.rule.get_by_hour().is_empty() && self.rule.get_freq() != Frequency::Hourly;
        let wall = |t: DateTime<Utc>| t.with_timezone(&zone).naive_local();
        // A clock change moves a time by at most one day.
        let (first, last) = (wall(from) - TimeDelta::days(2), wall(to) + TimeDelta::days(2));
        let start = self.anchor(started_on, first);
        let start = rrule::Tz::UTC.from_utc_datetime(&start);
        let Ok(rule) = self.rule.clone().validate(start) else {
            return Vec::new();
        };
        let mut times: Vec<DueTime> = RRuleSet::new(start)
            .rrule(rule)
            .limit()
            .into_iter()
            .map(|time| time.naive_utc())
            .take_while(|time| *time < last)
            .skip_while(|time| *time < first)
            .filter(|time| !is_skipped(zone, time.date()))
            .map(|time| (time, DueTime::on(zone, time, is_whole_day)))
            .filter(|(time, due)| self.is_before_end(*time, due.at) && from <= due.at && due.at < to)
            .map(|(_, due)| due)
            .take(limit)
            .collect();
        // A time that the clock skips may come after later ones of its day, or at the same instant as one of them.
        times.sort_by_key(|due| due.at);
        times.dedup_by_key(|due| due.at);
        times
    }

    fn is_before_end(&self, wall: NaiveDateTime, at: DateTime<Utc>) -> bool {
        match self.until {
            None => true,
            Some(Until::Day(last)) => wall.date() <= last,
            Some(Until::Wall(last)) => wall <= last,
            Some(Until::Moment(last)) => at <= last,
        }
    }

    /// Finds a later start that gives the same times from `from` on, so that expanding a rule that is years
    /// old costs no more than a new one.
    fn anchor(&self, started_on: NaiveDate, from: NaiveDateTime) -> NaiveDateTime {
        let start = started_on.and_time(NaiveTime::MIN);
        let interval = i64::from(self.rule.get_interval());
        let step = match self.rule.get_freq() {
            Frequency::Weekly => TimeDelta::weeks(interval),
            Frequency::Daily => TimeDelta::days(interval),
            Frequency::Hourly => TimeDelta::hours(interval),
            // A later start would have to keep the day of the month. Such rules have few periods anyway.
            _ => return start,
        };
        if self.rule.get_count().is_some() || from <= start {
            return start;
        }
        let steps = (from - start).num_seconds() / step.num_seconds();
        let ahead = i32::try_from(steps).ok().and_then(|n| step.checked_mul(n));
        ahead
            .and_then(|ahead| start.checked_add_signed(ahead))
            .unwrap_or(start)
    }
}

/// Whether the calendar of a zone skips a date.
fn is_skipped(zone: Tz, date: NaiveDate) -> bool {
    let midnight = |day: NaiveDate| resolve_local(zone, day.and_time(NaiveTime::MIN));
    date.succ_opt()
        .is_some_and(|next| midnight(date) == midnight(next))
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

fn days_in_month(day: NaiveDate) -> u32 {
    day.with_day(1)
        .and_then(|first| first.checked_add_months(Months::new(1)))
        .and_then(|next| next.pred_opt())
        .map_or(31, |last| last.day())
}

/// Whether a day is the `n`th of its month, counted from the end if negative.
fn is_nth_day(day: NaiveDate, n: i8) -> bool {
    let position = if n > 0 {
        day.day()
    } else {
        days_in_month(day) - day.day() + 1
    };
    u32::from(n.unsigned_abs()) == position
}

/// Whether a day is the wanted weekday; with a number, the weekday of that number in its month or year.
fn is_weekday(day: NaiveDate, wanted: NWeekday, is_of_year: bool) -> bool {
    match wanted {
        NWeekday::Every(weekday) => day.weekday() == weekday,
        NWeekday::Nth(n, weekday) => {
            let (before, all) = if is_of_year {
                let days = if day.leap_year() { 366 } else { 365 };
                (day.ordinal0(), days)
            } else {
                (day.day0(), days_in_month(day))
            };
            let position = if n > 0 {
                before / 7 + 1
            } else {
                (all - before - 1) / 7 + 1
            };
            day.weekday() == weekday && u32::from(n.unsigned_abs()) == position
        }
    }
}

#[cfg(test)]
mod tests;
