//! Adherence: the proportion of a period that a medication covered, and continuity of treatment.
//!
//! The proportion of days covered is the usual measure for chronic medication (Pharmacy Quality Alliance;
//! 0.80 is the usual threshold). Each dose covers as many days as it lasts, from its own day on. Days that
//! are already covered carry it forward to the next free day. Continuity of treatment bridges gaps of up to
//! seven days, as measures for opioid use disorder do.

use chrono::{Days, NaiveDate};

use crate::dose::Dose;

/// The longest gap that does not end a stretch of treatment, in days.
pub const MAX_GAP_DAYS: i64 = 7;

/// The days that one dose covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cover {
    /// The day on which the dose was taken or given.
    pub on: NaiveDate,
    /// The number of days that it lasts from that day on, 1–190.
    pub days: u16,
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

/// Computes the days that the taken or given doses of a medication cover. Several one-day doses on one day
/// count once, because a second tablet is part of that day's dose and not a supply for the next day.
pub fn covers<'a>(covers_days: u16, doses: impl IntoIterator<Item = &'a Dose>) -> Vec<Cover> {
    let mut all: Vec<Cover> = doses
        .into_iter()
        .filter(|dose| dose.status.is_given())
        .map(|dose| Cover {
            on: dose.occurred_at.local_date(),
            days: covers_days,
        })
        .collect();
    all.sort_unstable();
    if covers_days == 1 {
        all.dedup();
    }
    all
}

/// Computes the days of each cover in ascending order. Overlapping covers are carried forward.
pub fn placed(covers: &[Cover]) -> Vec<Stretch> {
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

/// Computes the covered days as stretches without gaps, in ascending order. Overlapping covers are carried
/// forward.
pub fn covered(covers: &[Cover]) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    for next in placed(covers) {
        match all.last_mut() {
            Some(last) if last.to.succ_opt() == Some(next.from) => last.to = next.to,
            _ => all.push(next),
        }
    }
    all
}

/// Computes the proportion of days covered from `window.from` to `window.to`; `None` if the window is empty.
/// Doses from before the window count as far as they reach into it.
pub fn proportion_of_days_covered(covers: &[Cover], window: Stretch) -> Option<Coverage> {
    let days = window.days();
    let inside = covered(covers).into_iter().filter_map(|s| within(s, window));
    (days > 0).then(|| Coverage {
        covered: inside.map(|s| s.days()).sum(),
        days,
    })
}

/// Finds the longest stretch in the window without a gap of more than seven days, from its first covered day
/// to its last. Of several of the same length it is the earliest.
pub fn longest_stretch(covers: &[Cover], window: Stretch) -> Option<Stretch> {
    let mut longest: Option<Stretch> = None;
    let mut current: Option<Stretch> = None;
    for next in covered(covers).into_iter().filter_map(|s| within(s, window)) {
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
