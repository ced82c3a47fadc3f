//! Which doses are due, and how each stands against the doses that are recorded.
//!
//! A recorded dose counts for the due time that it names in `due_at`; else for the one that is nearest to it, if that
//! is not further away than [`tolerance`]. A due dose for which nothing is recorded until then is missed.

use std::ops::Range;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
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
    timestamp::Timestamp,
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
    /// Its time has come, and it can still be taken.
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
    /// While it is open or missed: whole days since it was due.
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
/// `doses` are those of this medication, in any order; for a long-acting one from 200 days before the span on, else
/// from two tolerances before it. Nothing is due after `ended_on`; of a medication that is no longer active and has no
/// `ended_on`, nothing is.
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
    let mut due = if medication.is_long_acting() {
        case.long_acting(&schedule)
    } else {
        // The neighbours of the span decide which doses are nearest to its own times.
        let around = tolerance(medication) * 2 + TimeDelta::days(1);
        let (from, to) = (span.start - around, span.end + around);
        let times = schedule.due_times(medication.started_on, zone, from, to, MAX_TIMES);
        case.ordinary(&times)
    };
    due.retain(|dose| span.contains(&dose.due_at.to_utc()) && case.is_before_end(dose));
    due
}

/// The next dose that is open or upcoming, if there is one within 400 days.
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
    let due = if medication.is_long_acting() {
        case.long_acting(&schedule)
    } else {
        let from = now - tolerance(medication) * 2 - TimeDelta::days(1);
        let to = now + TimeDelta::days(NEXT_WITHIN_DAYS);
        case.ordinary(&schedule.due_times(medication.started_on, zone, from, to, NEXT_AMONG))
    };
    let waits = |dose: &DueDose| matches!(dose.standing, DoseStanding::Open | DoseStanding::Upcoming);
    due.into_iter()
        .find(|dose| waits(dose) && case.is_before_end(dose))
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

    /// Every time of the schedule is due, whatever was taken before.
    fn ordinary(&self, times: &[DueTime]) -> Vec<DueDose> {
        let windows = self.windows(times);
        let mut found: Vec<Vec<(Uuid, DoseStatus)>> = vec![Vec::new(); times.len()];
        for (id, dose) in self.doses {
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

    /// The first dose is due by the schedule, each later one so many days after the one that was given before it.
    fn long_acting(&self, schedule: &Schedule) -> Vec<DueDose> {
        let days = self.medication.covers_days.get();
        let begin = Timestamp::midnight(self.medication.started_on).to_utc() - TimeDelta::days(2);
        let within = begin + TimeDelta::days(6 * 366);
        let first = schedule.due_times(self.medication.started_on, self.zone, begin, within, 1);
        let Some(first) = first.first() else {
            return Vec::new();
        };
        let clock = first.at.with_timezone(&self.zone).time();
        let clock = if first.is_whole_day() {
            NaiveTime::MIN
        } else {
            clock
        };
        let mut given: Vec<&(Uuid, Dose)> = self
            .doses
            .iter()
            .filter(|(_, dose)| dose.status.is_given())
            .collect();
        given.sort_by_key(|(id, dose)| (dose.occurred_at.millis(), *id));
        let mut all = Vec::new();
        let mut time = *first;
        for (id, dose) in given {
            let is_late = dose.occurred_at.to_utc() >= time.until + tolerance(self.medication);
            let standing = if is_late || dose.status == DoseStatus::Late {
                DoseStanding::Late
            } else {
                DoseStanding::Taken
            };
            all.push(self.due(&time, standing, vec![*id]));
            let next = u64::try_from(days)
                .ok()
                .and_then(|days| dose.occurred_at.local_date().checked_add_days(Days::new(days)));
            let Some(next) = next else { return all };
            time = DueTime::on(self.zone, next.and_time(clock), first.is_whole_day());
        }
        let end = time.until + tolerance(self.medication);
        // What was settled about the one that is due now.
        let settled = (self.doses.iter())
            .filter(|(_, dose)| !dose.status.is_given())
            .filter(|(_, dose)| dose.occurred_at.to_utc() >= time.at - tolerance(self.medication));
        let settled: Vec<(Uuid, DoseStatus)> = settled.map(|(id, dose)| (*id, dose.status)).collect();
        let standing = recorded(&settled).unwrap_or_else(|| self.unrecorded(&time, end));
        all.push(self.due(&time, standing, settled.iter().map(|(id, _)| *id).collect()));
        all
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
            overdue_days: waits.then(|| (self.now - time.at).num_days().max(0)),
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
