//! Calculation with calendar days. Sets of days are stored as intervals, so that an event that lasts a
//! century costs no more than one that lasts a day.

use chrono::{Datelike, NaiveDate};

/// Returns the day after a date. The last date that can be represented is returned unchanged.
pub fn next_day(date: NaiveDate) -> NaiveDate {
    date.succ_opt().unwrap_or(date)
}

/// Returns the date a number of days after another, or before it if the number is negative. A date that
/// cannot be represented leaves the given date unchanged.
pub fn add_days(date: NaiveDate, days: i64) -> NaiveDate {
    chrono::TimeDelta::try_days(days)
        .and_then(|delta| date.checked_add_signed(delta))
        .unwrap_or(date)
}

/// Returns the number of days from one date to another. It is negative if the second date is earlier.
pub fn days_between(from: NaiveDate, to: NaiveDate) -> i64 {
    i64::from(to.num_days_from_ce()) - i64::from(from.num_days_from_ce())
}

/// Returns the number of days in an interval, both ends included. An interval that ends before it begins has
/// 0.
pub fn days_in((from, to): Span) -> i64 {
    (days_between(from, to) + 1).max(0)
}

/// The first and last day of an interval.
pub type Span = (NaiveDate, NaiveDate);

/// A set of calendar days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DaySet(Vec<Span>);

impl DaySet {
    /// Builds a set from intervals. Of an interval that ends before it begins, only the first day is taken.
    pub fn from_spans(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().map(|(a, b)| (a, b.max(a))).collect();
        spans.sort_unstable();
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for (from, to) in spans {
            match merged.last_mut() {
                Some(last) if from <= next_day(last.1) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }

    /// Returns the days of the set within an interval, as intervals that do not touch.
    pub fn within(&self, (from, to): Span) -> impl Iterator<Item = Span> + '_ {
        let first = self.0.partition_point(|span| span.1 < from);
        self.0
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(move |span| span.0 <= to)
            .map(move |span| (span.0.max(from), span.1.min(to)))
    }

    /// Counts the days of the set within an interval.
    pub fn count(&self, span: Span) -> i64 {
        self.within(span).map(days_in).sum()
    }

    /// Returns whether a day is in the set.
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.within((day, day)).next().is_some()
    }

    /// Returns the last day of the set.
    pub fn last(&self) -> Option<NaiveDate> {
        self.0.last().map(|span| span.1)
    }

    /// Returns the first day of the set.
    pub fn first(&self) -> Option<NaiveDate> {
        self.0.first().map(|span| span.0)
    }

    /// Returns the longest stretches within an interval that contain no day of the set, in order.
    pub fn gaps(&self, (from, to): Span) -> Vec<Span> {
        let mut gaps = Vec::new();
        let mut gap_start = from;
        for (a, b) in self.within((from, to)) {
            if gap_start < a {
                gaps.push((gap_start, add_days(a, -1)));
            }
            gap_start = next_day(b);
        }
        if gap_start <= to {
            gaps.push((gap_start, to));
        }
        gaps
    }

    /// Returns the days that are in this set but not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self::from_spans(self.0.iter().flat_map(|span| other.gaps(*span)))
    }

    /// Returns the days that are in this set, in the other, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::from_spans(self.0.iter().chain(&other.0).copied())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::insight::tests::history::proptest_config;

    fn day(n: i64) -> NaiveDate {
        add_days(NaiveDate::from_ymd_opt(2024, 2, 20).unwrap(), n)
    }

    fn spans() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((0_i64..60, -2_i64..6).prop_map(|(a, n)| (a, a + n)), 0..12)
    }

    fn expected_days(spans: &[(i64, i64)]) -> BTreeSet<i64> {
        spans.iter().flat_map(|(a, b)| *a..=(*b).max(*a)).collect()
    }

    proptest! {
        #![proptest_config(proptest_config())]

        #[test]
        fn intervals_are_the_set_of_their_days(one in spans(), two in spans(), from in 0_i64..60, len in 0_i64..30) {
            let set = |s: &[(i64, i64)]| DaySet::from_spans(s.iter().map(|(a, b)| (day(*a), day(*b))));
            let (one_set, two_set) = (set(&one), set(&two));
            let (one, two) = (expected_days(&one), expected_days(&two));
            let to = from + len;
            let span = (day(from), day(to));
            let inside: Vec<i64> = one.range(from..=to).copied().collect();
            prop_assert_eq!(one_set.count(span), i64::try_from(inside.len()).unwrap());
            prop_assert_eq!(one_set.contains(day(from)), one.contains(&from));
            prop_assert_eq!(one_set.last(), one.last().map(|n| day(*n)));
            prop_assert_eq!(one_set.first(), one.first().map(|n| day(*n)));
            let free: BTreeSet<NaiveDate> = (from..=to).filter(|n| !one.contains(n)).map(day).collect();
            let gaps = one_set.gaps(span);
            let gap_days: BTreeSet<NaiveDate> =
                gaps.iter().flat_map(|(a, b)| (0..days_in((*a, *b))).map(|n| add_days(*a, n))).collect();
            prop_assert_eq!(gap_days, free);
            prop_assert!(gaps.windows(2).all(|pair| days_between(pair[0].1, pair[1].0) > 1));
            for n in 0..70 {
                prop_assert_eq!(one_set.difference(&two_set).contains(day(n)), one.contains(&n) && !two.contains(&n));
                prop_assert_eq!(one_set.union(&two_set).contains(day(n)), one.contains(&n) || two.contains(&n));
            }
        }
    }
}
