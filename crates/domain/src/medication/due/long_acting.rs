//! What is due of a medication whose doses last for a week or longer.
//!
//! The first dose is due by the schedule, each later one so many days after the one that was given before it. Only one
//! is due at a time, and it stays open until it is given: being late takes nothing away from it. A dose that is
//! skipped was not given, and the rhythm goes on from the day on which it was due.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Case, DoseStanding, DueDose, recorded, tolerance, whole_days};
use crate::{
    dose::{Dose, DoseStatus},
    medication::schedule::{DueTime, Schedule},
};

/// The doses of a long-acting medication.
pub(super) struct LongActing {
    /// What was given or skipped, in rising order.
    pub settled: Vec<DueDose>,
    /// The one that is due now, or next.
    pub pending: DueDose,
    /// Since when it has been due that a dose is given.
    pub due_since: DateTime<Utc>,
}

/// A due time that was skipped, while nothing has been given since.
struct Skipped {
    time: DueTime,
    id: Uuid,
}

impl Case<'_> {
    /// The doses up to the one that is pending; `None` if the schedule never comes due.
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
                    // Whoever is given it after all, nearer to the time that was skipped, has not skipped it.
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
                    // Who settles it long after has skipped what would have been due until then.
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
        let standing = recorded(&missed).unwrap_or_else(|| self.waiting(&time));
        Some(LongActing {
            settled,
            pending: self.due(&time, standing, missed.iter().map(|(id, _)| *id).collect()),
            due_since: since.at,
        })
    }

    /// Whether the medication has come to its end before the moment.
    pub(super) fn has_ended(&self) -> bool {
        let today = self.now.with_timezone(&self.zone).date_naive();
        self.medication.ended_on.is_some_and(|last| last < today)
    }

    /// The first time that the schedule has.
    fn first_time(&self, schedule: &Schedule) -> Option<DueTime> {
        let begin = self.medication.started_on.and_time(NaiveTime::MIN).and_utc() - TimeDelta::days(2);
        let within = begin + TimeDelta::days(6 * 366);
        let first = schedule.due_times(self.medication.started_on, self.zone, begin, within, 1);
        first.first().copied()
    }

    /// The due time so many doses after a day, at the time of day of the first one.
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

    /// How a dose that was given stands for its due time.
    fn given(&self, time: &DueTime, dose: &Dose) -> DoseStanding {
        let is_late = dose.occurred_at.to_utc() >= time.until + tolerance(self.medication);
        if is_late || dose.status == DoseStatus::Late {
            DoseStanding::Late
        } else {
            DoseStanding::Taken
        }
    }

    /// Whether what was settled about a dose that was not given concerns that due time.
    fn is_about(&self, time: &DueTime, dose: &Dose) -> bool {
        let names_it = dose.due_at.is_some_and(|due| due.to_utc() == time.at);
        names_it || dose.occurred_at.to_utc() >= time.at - tolerance(self.medication)
    }

    /// How the pending dose stands while nothing is recorded for it.
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
