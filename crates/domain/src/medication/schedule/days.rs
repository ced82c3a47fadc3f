//! The days on which a schedule comes due.
//!
//! The parts of a rule name the same days in every year that has the same length and begins on the same weekday, of
//! which there are 14. So the days of a month are worked out once for each of them. The rule's interval is judged by
//! arithmetic. The cost therefore depends on how many months are asked for, and not on the age of the rule.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, Months, NaiveDate};
use rrule::{Frequency, NWeekday};

use super::Schedule;

/// The days of a schedule from its first day on, ignoring COUNT and UNTIL.
pub struct DueDays<'a> {
    schedule: &'a Schedule,
    start: NaiveDate,
    /// The days that the parts of the rule name, by the length of the year, the month and the weekday of its first day.
    named: BTreeMap<(bool, u32, u32), u32>,
}

/// Days of one month. The lowest bit stands for the first of the month.
type MonthDays = u32;

impl<'a> DueDays<'a> {
    /// Returns the days of a schedule that begins on a day.
    pub fn new(schedule: &'a Schedule, start: NaiveDate) -> Self {
        Self {
            schedule,
            start,
            named: BTreeMap::new(),
        }
    }

    /// Whether the schedule has begun on a day.
    pub(super) fn is_from_start(&self, day: NaiveDate) -> bool {
        self.start <= day
    }

    /// The first day of the schedule.
    pub(super) const fn start(&self) -> NaiveDate {
        self.start
    }

    /// Finds the next due day after a day, at most `within` days later.
    pub fn next_after(&mut self, day: NaiveDate, within: u64) -> Option<NaiveDate> {
        let last = day.checked_add_days(Days::new(within))?;
        for month in months(day, last) {
            let mut days = self.taken(month);
            if month.month() == day.month() && month.year() == day.year() {
                days &= !up_to(day.day0());
            }
            if days != 0 {
                let found = month.checked_add_days(Days::new(days.trailing_zeros().into()))?;
                return (found <= last).then_some(found);
            }
        }
        None
    }

    /// Returns the due days of a month that begins on the date. Ignores BYSETPOS.
    pub(super) fn of_month(&mut self, month: NaiveDate) -> MonthDays {
        let rule = &self.schedule.rule;
        match rule.get_freq() {
            Frequency::Yearly | Frequency::Monthly if !self.schedule.is_in_period(self.start, month) => 0,
            Frequency::Yearly | Frequency::Monthly => self.named(month),
            Frequency::Weekly | Frequency::Daily if rule.get_interval() == 1 => self.named(month),
            Frequency::Weekly | Frequency::Daily => {
                let (schedule, start) = (self.schedule, self.start);
                self.named(month) & bits(month, |day| schedule.is_in_period(start, day))
            }
            _ => bits(month, |day| self.schedule.is_in_period(self.start, day)),
        }
    }

    /// Returns the due days of a month, with BYSETPOS.
    fn taken(&mut self, month: NaiveDate) -> MonthDays {
        let (days, times) = (self.of_month(month), self.schedule.times_of_day().len());
        let is_taken = |n: u32| (0..times).any(|time| self.schedule.is_at_position(days, n, (time, times)));
        (0..31)
            .filter(|n| days >> n & 1 == 1 && is_taken(*n))
            .fold(0, |taken, n| taken | 1 << n)
    }

    fn named(&mut self, month: NaiveDate) -> MonthDays {
        let weekday = month.weekday().num_days_from_monday();
        let (schedule, start) = (self.schedule, self.start);
        *(self.named)
            .entry((month.leap_year(), month.month(), weekday))
            .or_insert_with(|| bits(month, |day| schedule.is_named(start, day)))
    }
}

impl Schedule {
    /// Whether a day is in a year, month, week, or on a day that the interval of the rule reaches. For a rule of hours,
    /// whether it comes due on that day.
    fn is_in_period(&self, start: NaiveDate, day: NaiveDate) -> bool {
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
        periods % i64::from(rule.get_interval()) == 0
    }

    /// Whether the parts of the rule name a day, whatever its interval is. Ignores BYSETPOS.
    fn is_named(&self, start: NaiveDate, day: NaiveDate) -> bool {
        #[cfg(test)]
        super::tests::count_day();
        let rule = &self.rule;
        let by_month = rule.get_by_month();
        if !by_month.is_empty() && by_month.iter().all(|m| u32::from(*m) != day.month()) {
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

    /// Whether BYSETPOS takes a time of the `n`th due day of a month. `time` is the index of the time on its day, and how
    /// many times a day has. BYSETPOS counts the times of the month, or counts them back from its end.
    pub(super) fn is_at_position(&self, days: MonthDays, n: u32, time: (usize, usize)) -> bool {
        let positions = self.rule.get_by_set_pos();
        let (time, times) = time;
        let count = |days: MonthDays| days.count_ones() as usize * times;
        let from_start = count(days & up_to(n) & !(1 << n)) + time + 1;
        let from_end = count(days & !up_to(n)) + times - time;
        let is_taken = |n: usize, sign: i32| i32::try_from(n).is_ok_and(|n| positions.contains(&(sign * n)));
        positions.is_empty() || is_taken(from_start, 1) || is_taken(from_end, -1)
    }

    /// Whether a dose is due on a day, ignoring COUNT, UNTIL and BYSETPOS.
    #[cfg(test)]
    pub(super) fn falls_on(&self, start: NaiveDate, day: NaiveDate) -> bool {
        self.is_in_period(start, day)
            && (self.rule.get_freq() == Frequency::Hourly || self.is_named(start, day))
    }
}

/// Returns the first days of all months from the month of one day to that of another.
pub(super) fn months(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let first = from.with_day(1);
    std::iter::successors(first, |month| month.checked_add_months(Months::new(1)))
        .take_while(move |month| *month <= to)
}

/// Returns the days of a month for which `is_due` holds.
fn bits(month: NaiveDate, is_due: impl Fn(NaiveDate) -> bool) -> MonthDays {
    (0..days_in_month(month))
        .filter(|n| {
            month
                .checked_add_days(Days::new(u64::from(*n)))
                .is_some_and(&is_due)
        })
        .fold(0, |days, n| days | 1 << n)
}

/// Returns the days of a month up to the one of this index, from 0 to 30.
const fn up_to(n: u32) -> MonthDays {
    (2 << n) - 1
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
        NWeekday::Nth(_, weekday) if day.weekday() != weekday => false,
        NWeekday::Nth(n, _) => {
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
            u32::from(n.unsigned_abs()) == position
        }
    }
}
