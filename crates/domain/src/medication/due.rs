//! Which doses are due, and how each stands against the doses that are recorded.
//!
//! A recorded dose counts for the due time that it names in `due_at`; else for the one that is nearest to it, if that
//! is not further away than [`tolerance`]. A due dose for which nothing is recorded until then is missed; a long-acting
//! one stays open until it is given.

mod long_acting;

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Medication, MedicationStatus,
    schedule::{DueTime, Schedule},
};
use crate::{
    dose::{Dose, DoseStatus},
    value::timestamp::Timestamp,
};

/// From how many days of cover on a medication is long-acting.
pub const LONG_ACTING_DAYS: i64 = 7;
/// The longest tolerance, in days.
pub const MAX_TOLERANCE_DAYS: i64 = 7;
/// The tolerance for each day that a dose covers, in hours.
const TOLERANCE_H_A_DAY: i64 = 12;
/// Most due times that are worked out at once: five months of 24 a day.
const MAX_TIMES: usize = 4000;
/// How far ahead the next due dose is looked for, in days.
const NEXT_WITHIN_DAYS: i64 = 400;
/// Due times among which the next open one is looked for.
const NEXT_AMONG: usize = 100;

/// How a due dose stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoseStanding {
    /// Its time has not come.
    Upcoming,
    /// Its time has come, and it can still be taken; a long-acting one, until it is given.
    Open,
    /// Taken when it was due.
    Taken,
    /// Taken later.
    Late,
    /// Left out on purpose.
    Skipped,
    /// Not taken.
    Missed,
}

/// A dose that is due, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DueDose {
    /// When, in the person's time; for a whole day its beginning.
    pub due_at: Timestamp,
    /// True if any time of that day will do.
    pub whole_day: bool,
    /// How it stands.
    pub standing: DoseStanding,
    /// The doses that are recorded for it.
    #[schema(max_items = 100)]
    pub dose_ids: Vec<Uuid>,
    /// While it is open or missed: whole days since it was due. A long-acting dose that was recorded as missed is still
    /// to be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub overdue_days: Option<i64>,
}

/// How far from its due time a dose still counts for it: half of the time that a dose covers, at most seven days.
pub fn tolerance(medication: &Medication) -> TimeDelta {
    TimeDelta::hours(medication.covers_days.get() * TOLERANCE_H_A_DAY)
        .min(TimeDelta::days(MAX_TOLERANCE_DAYS))
}

/// The doses that are due from the beginning of `span` up to its end (not included), rising, at most 4 000.
///
/// A long-acting dose that has been due and was not given is among them also if that was before the span.
///
/// `doses` are those of this medication, in any order; for a long-acting one all of them, else from two tolerances
/// before the span on. Nothing is due after `ended_on`; of a medication that is no longer active and has no `ended_on`,
/// nothing is.
pub fn due_doses(
    medication: &Medication,
    doses: &[(Uuid, Dose)],
    zone: Tz,
    span: &Range<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Vec<DueDose> {
    let Some(schedule) = running(medication) else {
        return Vec::new();
    };
    let case = Case {
        medication,
        doses,
        zone,
        now,
    };
    let is_inside = |dose: &DueDose| span.contains(&dose.due_at.to_utc()) && case.is_before_end(dose);
    if medication.is_long_acting() {
        let Some(found) = case.long_acting(&schedule) else {
            return Vec::new();
        };
        let at = found.pending.due_at.to_utc();
        let is_due = at <= now && at < span.end && case.waits(&found.pending);
        let mut due = found.settled;
        due.retain(is_inside);
        due.extend(Some(found.pending).filter(|dose| is_due || is_inside(dose)));
        return due;
    }
    // The neighbours of the span decide which doses are nearest to its own times.
    let around = tolerance(medication) * 2 + TimeDelta::days(1);
    let (from, to) = (span.start - around, span.end + around);
    let times = schedule.due_times(medication.started_on, zone, from, to, MAX_TIMES);
    let mut due = case.ordinary(&times, &(from..to));
    due.retain(is_inside);
    due
}

/// The next dose that is open or upcoming, if there is one within 400 days; a long-acting one that was recorded as missed
/// is still to be given.
pub fn next_due(
    medication: &Medication,
    doses: &[(Uuid, Dose)],
    zone: Tz,
    now: DateTime<Utc>,
) -> Option<DueDose> {
    let schedule = running(medication)?;
    let case = Case {
        medication,
        doses,
        zone,
        now,
    };
    let to = now + TimeDelta::days(NEXT_WITHIN_DAYS);
    if medication.is_long_acting() {
        let pending = case.long_acting(&schedule)?.pending;
        return Some(pending).filter(|dose| case.waits(dose) && dose.due_at.to_utc() < to);
    }
    let from = now - tolerance(medication) * 2 - TimeDelta::days(1);
    let times = schedule.due_times(medication.started_on, zone, from, to, NEXT_AMONG);
    let due = case.ordinary(&times, &(from..to));
    due.into_iter().find(|dose| case.waits(dose))
}

/// Whole days since a dose of a long-acting medication has been due without any being given, skipped ones included; 0 if
/// none has, and of any other medication.
pub fn overdue_days(medication: &Medication, doses: &[(Uuid, Dose)], zone: Tz, now: DateTime<Utc>) -> i64 {
    let case = Case {
        medication,
        doses,
        zone,
        now,
    };
    let found = running(medication)
        .filter(|_| medication.is_long_acting() && !case.has_ended())
        .and_then(|schedule| case.long_acting(&schedule));
    found.map_or(0, |found| whole_days(zone, found.due_since, now))
}

/// Whole days from one moment to a later one by the clock on the wall, so that one of 23 or 25 hours is a day too.
fn whole_days(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    let wall = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    (wall(to) - wall(from)).num_days().max(0)
}

/// The schedule of a medication that something can be due of.
fn running(medication: &Medication) -> Option<Schedule> {
    let is_over = medication.status != MedicationStatus::Active && medication.ended_on.is_none();
    if is_over || medication.status == MedicationStatus::Paused {
        return None;
    }
    Schedule::parse(&medication.schedule).ok()
}

struct Case<'a> {
    medication: &'a Medication,
    doses: &'a [(Uuid, Dose)],
    zone: Tz,
    now: DateTime<Utc>,
}

impl Case<'_> {
    fn is_before_end(&self, dose: &DueDose) -> bool {
        (self.medication.ended_on).is_none_or(|last| dose.due_at.local_date() <= last)
    }

    /// Whether the dose can still be taken, now or later.
    fn waits(&self, dose: &DueDose) -> bool {
        let can_be = match dose.standing {
            DoseStanding::Open | DoseStanding::Upcoming => true,
            DoseStanding::Missed => self.medication.is_long_acting() && !self.has_ended(),
            DoseStanding::Taken | DoseStanding::Late | DoseStanding::Skipped => false,
        };
        can_be && self.is_before_end(dose)
    }

    /// Every time of the schedule is due, whatever was taken before. `times` are all that it has within `around`.
    fn ordinary(&self, times: &[DueTime], around: &Range<DateTime<Utc>>) -> Vec<DueDose> {
        let windows = self.windows(times);
        let mut found: Vec<Vec<(Uuid, DoseStatus)>> = vec![Vec::new(); times.len()];
        // A dose that names a time further away counts for that one, and for none of these.
        let is_about = |dose: &Dose| dose.due_at.is_none_or(|due| around.contains(&due.to_utc()));
        for (id, dose) in self.doses.iter().filter(|(_, dose)| is_about(dose)) {
            if let Some(n) = place(dose, times, &windows)
                && let Some(found) = found.get_mut(n)
            {
                found.push((*id, dose.status));
            }
        }
        (times.iter().zip(&windows).zip(&found))
            .map(|((time, window), found)| {
                let standing = recorded(found).unwrap_or_else(|| self.unrecorded(time, window.end));
                self.due(time, standing, found.iter().map(|(id, _)| *id).collect())
            })
            .collect()
    }

    /// When a dose counts for each due time: within the tolerance, and no nearer to another.
    fn windows(&self, times: &[DueTime]) -> Vec<Range<DateTime<Utc>>> {
        let far = tolerance(self.medication);
        let middle = |a: &DueTime, b: &DueTime| a.until + (b.at - a.until) / 2;
        (times.iter().enumerate())
            .map(|(n, time)| {
                // A whole day has half a day of tolerance on either side of noon already.
                let far = if time.is_whole_day() {
                    far - TimeDelta::hours(TOLERANCE_H_A_DAY)
                } else {
                    far
                };
                let before = n.checked_sub(1).and_then(|n| times.get(n));
                let after = times.get(n + 1);
                let start = (time.at - far).max(before.map_or(DateTime::<Utc>::MIN_UTC, |b| middle(b, time)));
                let end = (time.until + far).min(after.map_or(DateTime::<Utc>::MAX_UTC, |a| middle(time, a)));
                start..end
            })
            .collect()
    }

    /// How a due dose stands for which nothing is recorded.
    fn unrecorded(&self, time: &DueTime, end: DateTime<Utc>) -> DoseStanding {
        if self.now < time.at {
            DoseStanding::Upcoming
        } else if self.now < end {
            DoseStanding::Open
        } else {
            DoseStanding::Missed
        }
    }

    fn due(&self, time: &DueTime, standing: DoseStanding, mut dose_ids: Vec<Uuid>) -> DueDose {
        dose_ids.sort_unstable();
        dose_ids.truncate(100);
        let waits = matches!(standing, DoseStanding::Open | DoseStanding::Missed);
        DueDose {
            due_at: Timestamp::in_zone(time.at, self.zone),
            whole_day: time.is_whole_day(),
            standing,
            dose_ids,
            overdue_days: waits.then(|| whole_days(self.zone, time.at, self.now)),
        }
    }
}

/// Which due time a dose counts for.
fn place(dose: &Dose, times: &[DueTime], windows: &[Range<DateTime<Utc>>]) -> Option<usize> {
    let named = dose.due_at.and_then(|due| {
        times
            .binary_search_by_key(&due.millis(), |t| t.at.timestamp_millis())
            .ok()
    });
    named.or_else(|| {
        let at = dose.occurred_at.to_utc();
        let n = windows
            .partition_point(|window| window.start <= at)
            .checked_sub(1)?;
        windows.get(n).filter(|window| at < window.end).map(|_| n)
    })
}

/// How a due dose stands by what is recorded: whoever took it once has taken it.
fn recorded(found: &[(Uuid, DoseStatus)]) -> Option<DoseStanding> {
    [
        (DoseStatus::Taken, DoseStanding::Taken),
        (DoseStatus::Late, DoseStanding::Late),
        (DoseStatus::Skipped, DoseStanding::Skipped),
        (DoseStatus::Missed, DoseStanding::Missed),
    ]
    .into_iter()
    .find(|(status, _)| found.iter().any(|(_, found)| found == status))
    .map(|(_, standing)| standing)
}

#[cfg(test)]
mod tests;
