//! How much of a time a medication covered.
//!
//! Proportion of days covered, as it is usual for chronic medication (Pharmacy Quality Alliance; 0.80 is the usual
//! threshold): each dose covers as many days as it lasts, from its own day on; where it meets days that are covered
//! already it is carried forward to the next free day. Continuity of treatment bridges gaps of up to seven days, as the
//! measures for opioid use disorder do.

use chrono::{Days, NaiveDate};

use crate::dose::Dose;

/// The longest gap that does not end a stretch, in days.
pub const MAX_GAP_DAYS: i64 = 7;

/// What one dose covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cover {
    /// The day on which it was taken or given.
    pub on: NaiveDate,
    /// How many days it lasts, from that day on; 1–190.
    pub days: u16,
}

/// Days in a row, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Stretch {
    /// How many days it has.
    pub fn days(&self) -> i64 {
        (self.to - self.from).num_days() + 1
    }
}

/// How many days of a time were covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Days that were covered.
    pub covered: i64,
    /// Days of the time.
    pub days: i64,
}

impl Coverage {
    /// The proportion of days covered, 0–1.
    #[expect(clippy::cast_precision_loss, reason = "counts of days are far below 2^53")]
    pub fn proportion(&self) -> f64 {
        self.covered as f64 / self.days as f64
    }
}

/// What the doses of a medication cover: those that were taken or given. Doses of a day that last for that day only
/// are one, for the second tablet of a day is part of the day's dose and no supply for tomorrow.
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

/// The days of each cover, rising: what overlaps is carried forward.
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

/// The covered days as stretches without a gap, rising; what overlaps is carried forward.
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

/// The proportion of days covered from `window.from` to `window.to`; `None` if that is no time at all. Doses from
/// before the window count as far as they reach into it.
pub fn proportion_of_days_covered(covers: &[Cover], window: Stretch) -> Option<Coverage> {
    let days = window.days();
    let inside = covered(covers).into_iter().filter_map(|s| within(s, window));
    (days > 0).then(|| Coverage {
        covered: inside.map(|s| s.days()).sum(),
        days,
    })
}

/// The longest stretch of the window in which no gap has more than seven days, from its first covered day to its last;
/// the earliest of several that are as long.
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
