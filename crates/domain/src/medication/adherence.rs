//! Adherence: the proportion of a period that a medication covered, and continuity of treatment.
//!
//! The proportion of days covered is the usual measure for chronic medication (Pharmacy Quality Alliance;
//! 0.80 is the usual threshold). Continuity of treatment bridges gaps of up to seven days, as measures for
//! opioid use disorder do.
//!
//! - A long-acting dose covers as many days as it lasts, from its own day on. Days that are already covered
//!   carry it forward to the next free day. That is a choice: an injection that is given early loses nothing.
//! - Any other dose covers the days until the next one is due, and no longer: with a dose on Monday, Wednesday
//!   and Friday, that of Friday covers the weekend. It carries nothing forward.
//! - Several doses of one day are one: a second tablet is part of that day's dose, and an injection that was
//!   written down twice, also after midnight, was given once.

use chrono::{Days, NaiveDate};

use super::{
    Medication,
    schedule::{DueDays, Schedule},
};
use crate::dose::Dose;

/// The longest gap that does not end a stretch of treatment, in days.
pub const MAX_GAP_DAYS: i64 = 7;

/// The days that one dose covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Cover {
    /// The day on which the dose was taken or given.
    on: NaiveDate,
    /// The number of days that it lasts from that day on, 7–190.
    days: u16,
}

/// Consecutive days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl Stretch {
    /// The number of days.
    pub fn days(&self) -> i64 {
        (self.to - self.from).num_days() + 1
    }
}

/// The number of covered days in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Covered days.
    pub covered: i64,
    /// All days of the period.
    pub days: i64,
}

impl Coverage {
    /// The proportion of days covered, 0–1.
    #[expect(clippy::cast_precision_loss, reason = "counts of days are far below 2^53")]
    pub fn proportion(&self) -> f64 {
        self.covered as f64 / self.days as f64
    }
}

/// The most days after a dose among which the next due day is searched for.
const MAX_DAYS_TO_NEXT: u64 = 31;

/// Computes the days that each given dose of a medication covers, in ascending order.
pub fn stretches<'a>(medication: &Medication, doses: impl IntoIterator<Item = &'a Dose>) -> Vec<Stretch> {
    let given = doses.into_iter().filter(|dose| dose.status.is_given());
    let schedule = Schedule::parse(&medication.schedule).ok();
    match schedule.filter(|_| !medication.is_long_acting()) {
        Some(schedule) => {
            let mut due_days = DueDays::new(&schedule, medication.started_on);
            let mut all: Vec<Stretch> = given
                .map(|dose| until_next_due(medication, &mut due_days, dose))
                .collect();
            all.sort_unstable_by_key(|stretch| (stretch.from, stretch.to));
            all
        }
        None => placed(&covers(medication.covers_days.get(), given)),
    }
}

/// Returns the days from a dose to the day before the next one is due. A dose that was taken early for a due time
/// that it names lasts until the one after that.
fn until_next_due(medication: &Medication, due_days: &mut DueDays<'_>, dose: &Dose) -> Stretch {
    let from = dose.occurred_at.local_date();
    let due = dose.due_at.map_or(from, |due| due.local_date().max(from));
    let next = due_days.next_after(due, MAX_DAYS_TO_NEXT);
    let own = from.checked_add_days(Days::new(
        medication.covers_days.get().unsigned_abs().saturating_sub(1),
    ));
    let last = next.and_then(|next| next.pred_opt()).or(own);
    Stretch {
        from,
        to: last.map_or(from, |last| last.max(from)),
    }
}

/// Returns what the given doses of a long-acting medication cover. Several doses of one day, or of two days in a row, are
/// one.
fn covers<'a>(covers_days: i64, given: impl Iterator<Item = &'a Dose>) -> Vec<Cover> {
    let mut all: Vec<Cover> = given
        .map(|dose| Cover {
            on: dose.occurred_at.local_date(),
            days: u16::try_from(covers_days).unwrap_or(1),
        })
        .collect();
    all.sort_unstable();
    all.dedup_by(|next, kept| next.on <= kept.on.succ_opt().unwrap_or(kept.on));
    all
}

/// Computes the days of each cover in ascending order. Overlapping covers are carried forward.
fn placed(covers: &[Cover]) -> Vec<Stretch> {
    let mut covers = covers.to_vec();
    covers.sort_unstable();
    let mut all: Vec<Stretch> = Vec::new();
    for cover in covers {
        let Some(more) = u64::from(cover.days).checked_sub(1) else {
            continue;
        };
        let free = all.last().and_then(|last| last.to.succ_opt());
        let from = free.map_or(cover.on, |free| free.max(cover.on));
        let Some(to) = from.checked_add_days(Days::new(more)) else {
            continue;
        };
        all.push(Stretch { from, to });
    }
    all
}

/// Joins stretches that overlap or touch. They are in ascending order of their first days, and so is the result.
fn joined(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    for next in stretches {
        match all.last_mut() {
            Some(last) if last.to.succ_opt().is_some_and(|free| next.from <= free) => {
                last.to = last.to.max(next.to);
            }
            _ => all.push(*next),
        }
    }
    all
}

/// Computes the proportion of days covered from `window.from` to `window.to`; `None` if the window is empty.
/// Doses from before the window count as far as they reach into it.
pub fn proportion_of_days_covered(stretches: &[Stretch], window: Stretch) -> Option<Coverage> {
    let days = window.days();
    let inside = joined(stretches).into_iter().filter_map(|s| within(s, window));
    (days > 0).then(|| Coverage {
        covered: inside.map(|s| s.days()).sum(),
        days,
    })
}

/// Finds the longest stretch in the window without a gap of more than seven days, from its first covered day
/// to its last. Of several of the same length it is the earliest.
pub fn longest_stretch(stretches: &[Stretch], window: Stretch) -> Option<Stretch> {
    let mut longest: Option<Stretch> = None;
    let mut current: Option<Stretch> = None;
    for next in joined(stretches).into_iter().filter_map(|s| within(s, window)) {
        let joined = current
            .filter(|c| (next.from - c.to).num_days() - 1 <= MAX_GAP_DAYS)
            .map_or(next, |c| Stretch {
                from: c.from,
                to: next.to,
            });
        current = Some(joined);
        if longest.is_none_or(|l| joined.days() > l.days()) {
            longest = current;
        }
    }
    longest
}

fn within(stretch: Stretch, window: Stretch) -> Option<Stretch> {
    let inside = Stretch {
        from: stretch.from.max(window.from),
        to: stretch.to.min(window.to),
    };
    (inside.from <= inside.to).then_some(inside)
}

#[cfg(test)]
mod tests;
