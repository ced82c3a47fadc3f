//! Due doses of a medication, and their standing given the recorded doses.
//!
//! A recorded dose counts for the due time that it names in `due_at`. Without one it counts for the nearest
//! due time, if that is within the [`tolerance`]. A due dose without a record by the end of the tolerance is
//! missed; a long-acting dose stays open until it is given.

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

/// The number of days that a dose lasts from which a medication is long-acting.
pub const LONG_ACTING_DAYS: i64 = 7;
/// The longest tolerance, in days.
pub const MAX_TOLERANCE_DAYS: i64 = 7;
/// The tolerance in hours for each day that a dose lasts.
const TOLERANCE_H_A_DAY: i64 = 12;
/// The maximum number of due times that are computed at once: five months of 24 a day.
const MAX_TIMES: usize = 4000;
/// The number of days ahead in which the next due dose is searched for.
const NEXT_WITHIN_DAYS: i64 = 400;
/// The number of due times among which the next open one is searched for.
const NEXT_AMONG: usize = 100;

/// The standing of a due dose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoseStanding {
    /// Not due yet.
    Upcoming,
    /// Due, and can still be taken. A long-acting dose stays open until it is given.
    Open,
    /// Taken on time.
    Taken,
    /// Taken late.
    Late,
    /// Left out on purpose.
    Skipped,
    /// Not taken.
    Missed,
}

/// A dose that is, was or will be due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DueDose {
    /// The due time at the person's local offset; for a whole day, the start of the day.
    pub due_at: Timestamp,
    /// Whether the dose may be taken at any time of that day.
    pub whole_day: bool,
    /// The standing.
    pub standing: DoseStanding,
    /// The recorded doses that count for it.
    #[schema(max_items = 100)]
    pub dose_ids: Vec<Uuid>,
    /// Whole days since it was due, while it is open or missed. A long-acting dose that was recorded as
    /// missed must still be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub overdue_days: Option<i64>,
}

/// The maximum distance from its due time at which a dose counts for it: half of the time that a dose lasts,
/// at most seven days.
pub fn tolerance(medication: &Medication) -> TimeDelta {
    TimeDelta::hours(medication.covers_days.get() * TOLERANCE_H_A_DAY)
        .min(TimeDelta::days(MAX_TOLERANCE_DAYS))
}

/// Computes the doses that are due in `span` (end exclusive), in ascending order, at most 4 000.
///
/// The result includes a long-acting dose that became due before the span and was not given.
///
/// `doses` are those of this medication in any order: all of them for a long-acting one, otherwise those from
/// two tolerances before the span on. Nothing is due after `ended_on`. Nothing is due of a medication that is
/// not active and has no `ended_on`.
pub fn due_doses(
    medication: &Medication,
    doses: &[(Uuid, Dose)],
    zone: Tz,
    span: &Range<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Vec<DueDose> {
    let Some(schedule) = active_schedule(medication) else {
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
    // Due times next to the span are needed to decide which doses are nearest to those in it.
    let around = tolerance(medication) * 2 + TimeDelta::days(1);
    let (from, to) = (span.start - around, span.end + around);
    let times = schedule.due_times(medication.started_on, zone, from, to, MAX_TIMES);
    let mut due = case.ordinary(&times, &(from..to));
    due.retain(is_inside);
    due
}

/// Finds the next dose that is open or upcoming within 400 days. A long-acting dose that was recorded as
/// missed must still be given and counts too.
pub fn next_due(
    medication: &Medication,
    doses: &[(Uuid, Dose)],
    zone: Tz,
    now: DateTime<Utc>,
) -> Option<DueDose> {
    let schedule = active_schedule(medication)?;
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

/// Computes for how many whole days a dose of a long-acting medication has been due without one being given;
/// skipped doses count as not given. 0 if none is overdue, and for every other medication.
pub fn overdue_days(medication: &Medication, doses: &[(Uuid, Dose)], zone: Tz, now: DateTime<Utc>) -> i64 {
    let case = Case {
        medication,
        doses,
        zone,
        now,
    };
    let found = active_schedule(medication)
        .filter(|_| medication.is_long_acting() && !case.has_ended())
        .and_then(|schedule| case.long_acting(&schedule));
    found.map_or(0, |found| whole_days(zone, found.due_since, now))
}

/// Counts whole days between two instants in local wall-clock time, so that a day of 23 or 25 hours counts as
/// one.
fn whole_days(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    let wall = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    (wall(to) - wall(from)).num_days().max(0)
}

/// The schedule of a medication of which doses can be due; `None` for any other.
fn active_schedule(medication: &Medication) -> Option<Schedule> {
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

    /// Computes the due doses of a medication that is not long-acting. Every time of the schedule is due
    /// regardless of earlier doses. `times` are all due times within `around`.
    fn ordinary(&self, times: &[DueTime], around: &Range<DateTime<Utc>>) -> Vec<DueDose> {
        let windows = self.windows(times);
        let mut found: Vec<Vec<(Uuid, DoseStatus)>> = vec![Vec::new(); times.len()];
        // A dose that names a due time outside the range counts for none of these.
        let is_about = |dose: &Dose| dose.due_at.is_none_or(|due| around.contains(&due.to_utc()));
        for (id, dose) in self.doses.iter().filter(|(_, dose)| is_about(dose)) {
            if let Some(n) = index_of_due_time(dose, times, &windows)
                && let Some(found) = found.get_mut(n)
            {
                found.push((*id, dose.status));
            }
        }
        (times.iter().zip(&windows).zip(&found))
            .map(|((time, window), found)| {
                let standing =
                    recorded_standing(found).unwrap_or_else(|| self.unrecorded_standing(time, window.end));
                self.due(time, standing, found.iter().map(|(id, _)| *id).collect())
            })
            .collect()
    }

    /// Computes for each due time the range in which a dose counts for it: within the tolerance and not
    /// nearer to another due time.
    fn windows(&self, times: &[DueTime]) -> Vec<Range<DateTime<Utc>>> {
        let reach = tolerance(self.medication);
        let middle = |a: &DueTime, b: &DueTime| a.until + (b.at - a.until) / 2;
        (times.iter().enumerate())
            .map(|(n, time)| {
                // A whole day already includes half a day of tolerance on either side of noon.
                let reach = if time.is_whole_day() {
                    reach - TimeDelta::hours(TOLERANCE_H_A_DAY)
                } else {
                    reach
                };
                let before = n.checked_sub(1).and_then(|n| times.get(n));
                let after = times.get(n + 1);
                let start =
                    (time.at - reach).max(before.map_or(DateTime::<Utc>::MIN_UTC, |b| middle(b, time)));
                let end =
                    (time.until + reach).min(after.map_or(DateTime::<Utc>::MAX_UTC, |a| middle(time, a)));
                start..end
            })
            .collect()
    }

    /// The standing of a due dose without a record.
    fn unrecorded_standing(&self, time: &DueTime, end: DateTime<Utc>) -> DoseStanding {
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

/// Finds the index of the due time for which a dose counts.
fn index_of_due_time(dose: &Dose, times: &[DueTime], windows: &[Range<DateTime<Utc>>]) -> Option<usize> {
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

/// The standing of a due dose by its records: if one of them says that it was taken, it was taken.
fn recorded_standing(found: &[(Uuid, DoseStatus)]) -> Option<DoseStanding> {
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
