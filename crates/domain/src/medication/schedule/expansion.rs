//! Expands a schedule into due times.
//!
//! Only the days that are asked for are looked at. How much of a COUNT is used up before them is worked out for whole
//! weeks and months.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rrule::Frequency;

use super::{
    DueTime, Schedule, Until,
    days::{DueDays, months},
};
use crate::value::timestamp::resolve_local;

impl Schedule {
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
        let is_hourly = self.rule.get_freq() == Frequency::Hourly;
        let is_whole_day = self.rule.get_by_hour().is_empty() && !is_hourly;
        let wall = |t: DateTime<Utc>| t.with_timezone(&zone).naive_local();
        // A clock change moves a time by at most one day.
        let (first, last) = (wall(from) - TimeDelta::days(2), wall(to) + TimeDelta::days(2));
        let wall_times: &mut dyn Iterator<Item = NaiveDateTime> = if is_hourly {
            &mut self.hourly_times(started_on, first)
        } else {
            &mut self.times_on_days(started_on, first.date(), last.date())
        };
        let mut times: Vec<DueTime> = wall_times
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

    /// Returns the wall-clock times of a rule of hours, from the first one on that is not before `first`.
    fn hourly_times(
        &self,
        started_on: NaiveDate,
        first: NaiveDateTime,
    ) -> impl Iterator<Item = NaiveDateTime> + use<> {
        let minute = self.rule.get_by_minute().first().copied().unwrap_or(0);
        let start = started_on.and_time(NaiveTime::MIN) + TimeDelta::minutes(minute.into());
        let interval = i64::from(self.rule.get_interval());
        let seconds = (first - start).num_seconds().max(0);
        let skipped = (seconds + interval * 3600 - 1) / (interval * 3600);
        let end = self.rule.get_count().map_or(i64::MAX, i64::from);
        (skipped..end).map_while(move |n| {
            let hours = n.checked_mul(interval).and_then(TimeDelta::try_hours)?;
            start.checked_add_signed(hours)
        })
    }

    /// Returns the wall-clock times of a rule of days or longer, from one day to another.
    fn times_on_days(
        &self,
        started_on: NaiveDate,
        from: NaiveDate,
        to: NaiveDate,
    ) -> impl Iterator<Item = NaiveDateTime> {
        let (from, times) = (from.max(started_on), self.times_of_day());
        let mut days = DueDays::new(self, started_on);
        let left = match self.rule.get_count().map(|count| count as usize) {
            None => usize::MAX,
            Some(count) => count.saturating_sub(self.times_before(&mut days, from, count)),
        };
        months(from, to)
            .flat_map(move |month| self.times_of_month(&mut days, month, &times))
            .skip_while(move |time| time.date() < from)
            .take(left)
    }

    /// Returns the wall-clock times of a month, from the first day of the schedule on.
    fn times_of_month(
        &self,
        days: &mut DueDays<'_>,
        month: NaiveDate,
        times: &[NaiveTime],
    ) -> Vec<NaiveDateTime> {
        let due = days.of_month(month);
        let mut found = Vec::new();
        for n in (0..31).filter(|n| due >> n & 1 == 1) {
            let Some(day) = month.checked_add_days(Days::new(n.into())) else {
                continue;
            };
            for (index, time) in times.iter().enumerate() {
                if days.is_from_start(day) && self.is_at_position(due, n, (index, times.len())) {
                    found.push(day.and_time(*time));
                }
            }
        }
        found
    }

    /// Counts the times before a day, up to `enough`.
    fn times_before(&self, days: &mut DueDays<'_>, day: NaiveDate, enough: usize) -> usize {
        let times = self.times_of_day();
        let mut count = 0;
        for month in months(days.start(), day) {
            let found = self.times_of_month(days, month, &times);
            count += found.iter().filter(|time| time.date() < day).count();
            if count >= enough {
                break;
            }
        }
        count
    }

    /// Returns the times of a due day in ascending order: midnight alone if the rule names none.
    pub(super) fn times_of_day(&self) -> Vec<NaiveTime> {
        let (hours, minutes) = (self.rule.get_by_hour(), self.rule.get_by_minute());
        let mut times: Vec<NaiveTime> = hours
            .iter()
            .flat_map(|hour| {
                let minutes = if minutes.is_empty() { &[0][..] } else { minutes };
                (minutes.iter())
                    .filter_map(|minute| NaiveTime::from_hms_opt((*hour).into(), (*minute).into(), 0))
            })
            .collect();
        if hours.is_empty() {
            times.push(NaiveTime::MIN);
        }
        times.sort_unstable();
        times.dedup();
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
}

/// Whether the calendar of a zone skips a date.
fn is_skipped(zone: Tz, date: NaiveDate) -> bool {
    let midnight = |day: NaiveDate| resolve_local(zone, day.and_time(NaiveTime::MIN));
    date.succ_opt()
        .is_some_and(|next| midnight(date) == midnight(next))
}
