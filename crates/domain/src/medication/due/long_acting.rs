//! Due doses of long-acting medications, whose doses last for a week or longer.
//!
//! The schedule sets the due time of the first dose. Each later dose is due `covers_days` after the previous
//! one was given. Only one dose is due at a time, and it stays open until it is given, however late. After a
//! skipped dose, the next is due `covers_days` after the day on which the skipped one was due.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Case, DoseStanding, DueDose, recorded_standing, tolerance, whole_days};
use crate::{
    dose::{Dose, DoseStatus},
    medication::schedule::{DueTime, Schedule},
};

/// The doses of a long-acting medication.
pub(super) struct LongActing {
    /// Given and skipped doses in ascending order.
    pub settled: Vec<DueDose>,
    /// The dose that is due now or next.
    pub pending: DueDose,
    /// The time since which a dose has been due without one being given.
    pub due_since: DateTime<Utc>,
}

/// A skipped due time after which no dose was given yet.
struct Skipped {
    time: DueTime,
    id: Uuid,
}

impl Case<'_> {
    /// Computes the doses up to the pending one; `None` if the schedule never comes due.
    pub(super) fn long_acting(&self, schedule: &Schedule) -> Option<LongActing> {
        let first = self.first_time(schedule)?;
        let mut doses: Vec<&(Uuid, Dose)> = self.doses.iter().collect();
        doses.sort_by_key(|(id, dose)| (dose.occurred_at.millis(), *id));
        let (mut settled, mut missed) = (Vec::new(), Vec::new());
        let (mut time, mut since, mut skipped) = (first, first, None::<Skipped>);
        for (id, dose) in doses {
            let at = dose.occurred_at.to_utc();
            let next = match dose.status {
                DoseStatus::Taken | DoseStatus::Late => {
                    let mut ids = vec![*id];
                    // A dose that is given nearer to the skipped time than to the next one replaces the
                    // skipped dose.
                    if let Some(before) =
                        skipped.take_if(|s| at < s.time.until + (time.at - s.time.until) / 2)
                    {
                        settled.pop();
                        time = before.time;
                        ids.push(before.id);
                    }
                    skipped = None;
                    settled.push(self.due(&time, self.given(&time, dose), ids));
                    self.after(&first, dose.occurred_at.local_date(), 1)
                }
                DoseStatus::Skipped if self.is_about(&time, dose) => {
                    settled.push(self.due(&time, DoseStanding::Skipped, vec![*id]));
                    let due_on = time.at.with_timezone(&self.zone).date_naive();
                    // A dose that is recorded as skipped long after its due time also skips those that would
                    // have been due until then.
                    let late = whole_days(self.zone, time.at, at) / self.medication.covers_days.get();
                    skipped = Some(Skipped { time, id: *id });
                    self.after(&first, due_on, late + 1)
                }
                DoseStatus::Missed if self.is_about(&time, dose) => {
                    missed.push((*id, dose.status));
                    continue;
                }
                DoseStatus::Skipped | DoseStatus::Missed => continue,
            };
            missed.clear();
            time = next?;
            if dose.status.is_given() {
                since = time;
            }
        }
        let standing = recorded_standing(&missed).unwrap_or_else(|| self.waiting(&time));
        Some(LongActing {
            settled,
            pending: self.due(&time, standing, missed.iter().map(|(id, _)| *id).collect()),
            due_since: since.at,
        })
    }

    /// Whether the medication ended before the moment.
    pub(super) fn has_ended(&self) -> bool {
        let today = self.now.with_timezone(&self.zone).date_naive();
        self.medication.ended_on.is_some_and(|last| last < today)
    }

    /// The first due time of the schedule.
    fn first_time(&self, schedule: &Schedule) -> Option<DueTime> {
        let begin = self.medication.started_on.and_time(NaiveTime::MIN).and_utc() - TimeDelta::days(2);
        let within = begin + TimeDelta::days(6 * 366);
        let first = schedule.due_times(self.medication.started_on, self.zone, begin, within, 1);
        first.first().copied()
    }

    /// The due time that is a number of doses after a day, at the time of day of the first dose.
    fn after(&self, first: &DueTime, day: NaiveDate, doses: i64) -> Option<DueTime> {
        let clock = if first.is_whole_day() {
            NaiveTime::MIN
        } else {
            first.at.with_timezone(&self.zone).time()
        };
        let days = u64::try_from(self.medication.covers_days.get().checked_mul(doses)?).ok()?;
        let day = day.checked_add_days(Days::new(days))?;
        Some(DueTime::on(self.zone, day.and_time(clock), first.is_whole_day()))
    }

    /// The standing of a given dose for its due time.
    fn given(&self, time: &DueTime, dose: &Dose) -> DoseStanding {
        let is_late = dose.occurred_at.to_utc() >= time.until + tolerance(self.medication);
        if is_late || dose.status == DoseStatus::Late {
            DoseStanding::Late
        } else {
            DoseStanding::Taken
        }
    }

    /// Whether a skipped or missed dose counts for a due time.
    fn is_about(&self, time: &DueTime, dose: &Dose) -> bool {
        let names_it = dose.due_at.is_some_and(|due| due.to_utc() == time.at);
        names_it || dose.occurred_at.to_utc() >= time.at - tolerance(self.medication)
    }

    /// The standing of the pending dose while it has no record.
    fn waiting(&self, time: &DueTime) -> DoseStanding {
        if self.now < time.at {
            DoseStanding::Upcoming
        } else if self.has_ended() && self.now >= time.until + tolerance(self.medication) {
            DoseStanding::Missed
        } else {
            DoseStanding::Open
        }
    }
}
