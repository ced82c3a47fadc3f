//! What check-ins report of use: on which dates there was none, and where there was some.
//!
//! `used` covers the time since the check-in before it, whatever that one asked. So intervals of two check-ins in a row
//! never overlap. Before the first check-in, it covers 24 hours. `used_yesterday` covers the date before that of the
//! check-in.
//!
//! A date is reported free of use only where answers cover it from midnight to midnight, on the clock by which they
//! were given, and no answer contradicts. So "no" at 06:00 says nothing about the evening.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::{
    calendar::{DaySet, add_days},
    facts::{Facts, WithId, check_in_day, use_span},
};
use crate::{
    check_in::{CheckIn, Used},
    use_event::UseEvent,
    value::timestamp::Timestamp,
};

/// Number of hours that the first check-in covers.
const FIRST_COVERS_HOURS: i64 = 24;

/// The time that an answer covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covered {
    /// After the first and up to the second instant, in milliseconds.
    Times(i64, i64),
    /// A date.
    Date(NaiveDate),
}

/// An answer that reports use.
#[derive(Debug, Clone, Copy)]
pub struct ReportedUse<'a> {
    /// The check-in.
    pub check_in: &'a WithId<CheckIn>,
    /// The member that reports use.
    pub member: &'static str,
    /// The date that the report counts for: that of the check-in, or the one before it for `used_yesterday`.
    pub day: NaiveDate,
    covered: Covered,
}

impl ReportedUse<'_> {
    /// The time of the check-in.
    pub fn at(&self) -> Timestamp {
        self.check_in.record.occurred_at
    }

    /// Whether one of some use events was in the time that the answer covers.
    pub fn is_explained_by(&self, times: &UseTimes) -> bool {
        match self.covered {
            Covered::Times(from, to) => times.has_any(from, to),
            Covered::Date(date) => times.days.contains(date),
        }
    }
}

/// The times of some use events.
#[derive(Debug, Clone, Default)]
pub struct UseTimes {
    days: DaySet,
    /// Starts and ends in milliseconds, in order and apart from each other.
    times: Vec<(i64, i64)>,
}

impl UseTimes {
    /// Collects the times of use events.
    pub fn of<'a>(events: impl Iterator<Item = &'a UseEvent>) -> Self {
        let mut spans = Vec::new();
        let mut times: Vec<(i64, i64)> = events
            .map(|event| {
                spans.push(use_span(event));
                let start = event.occurred_at.millis();
                (start, event.ended_at.map_or(start, |end| end.millis().max(start)))
            })
            .collect();
        times.sort_unstable();
        times.dedup_by(|next, merged| {
            let overlaps = next.0 <= merged.1;
            if overlaps {
                merged.1 = merged.1.max(next.1);
            }
            overlaps
        });
        Self {
            days: DaySet::from_spans(spans),
            times,
        }
    }

    /// Whether there was use after one instant and up to another.
    fn has_any(&self, from: i64, to: i64) -> bool {
        let first = self.times.partition_point(|(_, end)| *end <= from);
        self.times.get(first).is_some_and(|(start, _)| *start <= to)
    }
}

/// The reports of all check-ins.
#[derive(Debug, Clone, Default)]
pub struct UseReports<'a> {
    /// The dates that are reported free of use.
    pub free: DaySet,
    /// The answers that report use, oldest first.
    pub uses: Vec<ReportedUse<'a>>,
}

impl<'a> UseReports<'a> {
    /// Reads the answers of all check-ins.
    pub fn of(facts: &'a Facts) -> Self {
        let mut check_ins: Vec<&WithId<CheckIn>> = facts.check_ins.iter().collect();
        check_ins.sort_by_key(|check_in| (check_in.record.occurred_at.millis(), check_in.id));
        let (mut free_times, mut free_dates) = (Vec::new(), Vec::new());
        let (mut used_dates, mut uses) = (Vec::new(), Vec::new());
        let mut before: Option<Timestamp> = None;
        for check_in in check_ins {
            let (at, answers) = (check_in.record.occurred_at, &check_in.record.answers);
            let first = TimeDelta::hours(FIRST_COVERS_HOURS);
            let from = before.map_or(at.wall() - first, |before| before.wall());
            let from_millis = before.map_or(at.millis() - first.num_milliseconds(), |before| before.millis());
            let (day, date_before) = (
                check_in_day(&check_in.record),
                add_days(check_in_day(&check_in.record), -1),
            );
            let reported = |member, day, covered| ReportedUse {
                check_in,
                member,
                day,
                covered,
            };
            match answers.used {
                Some(Used::No) => free_times.push((from, at.wall())),
                Some(Used::Yes) => {
                    // Use between two check-ins of one date was on that date.
                    used_dates.extend((from.date() == day).then_some((day, day)));
                    uses.push(reported(
                        "answers.used",
                        day,
                        Covered::Times(from_millis, at.millis()),
                    ));
                }
                Some(Used::PreferNotToSay) | None => {}
            }
            match answers.used_yesterday {
                Some(Used::No) => free_dates.push((date_before, date_before)),
                Some(Used::Yes) => {
                    used_dates.push((date_before, date_before));
                    uses.push(reported(
                        "answers.used_yesterday",
                        date_before,
                        Covered::Date(date_before),
                    ));
                }
                Some(Used::PreferNotToSay) | None => {}
            }
            before = Some(at);
        }
        let free = DaySet::from_spans(whole_dates(free_times)).union(&DaySet::from_spans(free_dates));
        Self {
            free: free.difference(&DaySet::from_spans(used_dates)),
            uses,
        }
    }
}

/// Returns the dates that intervals of the wall clock cover from midnight to midnight.
fn whole_dates(mut intervals: Vec<(NaiveDateTime, NaiveDateTime)>) -> Vec<(NaiveDate, NaiveDate)> {
    intervals.retain(|(from, to)| from < to);
    intervals.sort_unstable();
    intervals.dedup_by(|next, merged| {
        let touches = next.0 <= merged.1;
        if touches {
            merged.1 = merged.1.max(next.1);
        }
        touches
    });
    let dates = intervals.into_iter().map(|(from, to)| {
        let is_midnight = from.time() == NaiveTime::MIN;
        let first = if is_midnight {
            from.date()
        } else {
            add_days(from.date(), 1)
        };
        (first, add_days(to.date(), -1))
    });
    dates.filter(|(first, last)| first <= last).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{check_in::CheckInAnswers, record::Record};

    /// Check-ins at some times, each with `used` and `used_yesterday`: `y`, `n`, or anything else for no answer.
    fn facts(check_ins: &[(&str, &str)]) -> Facts {
        let answer = |answers: &str, n| match answers.chars().nth(n) {
            Some('y') => Some(Used::Yes),
            Some('n') => Some(Used::No),
            _ => None,
        };
        let check_ins = check_ins.iter().enumerate().map(|(n, (at, answers))| WithId {
            id: Uuid::from_u128(u128::try_from(n).unwrap()),
            record: CheckIn {
                occurred_at: at.parse().unwrap(),
                answers: CheckInAnswers {
                    used: answer(answers, 0),
                    used_yesterday: answer(answers, 1),
                    ..CheckInAnswers::default()
                },
                ..CheckIn::example()
            },
            written: None,
        });
        Facts {
            check_ins: check_ins.collect(),
            ..Facts::default()
        }
    }

    fn free(check_ins: &[(&str, &str)]) -> Vec<String> {
        let facts = facts(check_ins);
        let all = UseReports::of(&facts).free;
        let days = (1..=31).map(|n| NaiveDate::from_ymd_opt(2026, 3, n).unwrap());
        days.filter(|day| all.contains(*day))
            .map(|day| day.format("%d").to_string())
            .collect()
    }

    #[test]
    fn a_date_is_free_only_where_answers_cover_it_from_midnight_to_midnight() {
        let evening = ("2026-03-01T21:00:00Z", "");
        assert_eq!(free(&[evening, ("2026-03-02T06:00:00Z", "n")]), [""; 0]);
        let both = [
            evening,
            ("2026-03-02T06:00:00Z", "n"),
            ("2026-03-03T00:00:00Z", "n"),
        ];
        assert_eq!(free(&both), ["02"]);
        // The middle check-in did not ask, so nothing is known of the time before it.
        assert_eq!(
            free(&[
                evening,
                ("2026-03-02T06:00:00Z", ""),
                ("2026-03-03T07:00:00Z", "n")
            ]),
            [""; 0]
        );
        assert_eq!(
            free(&[
                evening,
                ("2026-03-02T06:00:00Z", "y"),
                ("2026-03-03T07:00:00Z", "n")
            ]),
            [""; 0]
        );
        // A week of silence, and then an answer for all of it.
        assert_eq!(
            free(&[evening, ("2026-03-05T07:00:00Z", "n")]),
            ["02", "03", "04"]
        );
        // The first answer covers a day, and no more.
        assert_eq!(free(&[("2026-03-05T07:00:00Z", "n")]), [""; 0]);
        assert_eq!(free(&[("2026-03-05T00:00:00Z", "n")]), ["04"]);
        assert_eq!(free(&[("2026-03-05T07:00:00Z", "nn")]), ["04"]);
    }

    #[test]
    fn an_answer_about_yesterday_is_one_about_a_date_unless_another_contradicts() {
        assert_eq!(free(&[("2026-03-02T07:00:00Z", "-n")]), ["01"]);
        assert_eq!(
            free(&[("2026-03-02T07:00:00Z", "-n"), ("2026-03-02T09:00:00Z", "-y")]),
            [""; 0]
        );
        let within_the_date = [
            ("2026-03-01T08:00:00Z", "n"),
            ("2026-03-01T21:00:00Z", "y"),
            ("2026-03-02T07:00:00Z", "nn"),
        ];
        assert_eq!(free(&within_the_date), [""; 0]);
        // Use after midnight leaves the date before it free.
        assert_eq!(
            free(&[("2026-03-01T22:00:00Z", "n"), ("2026-03-02T07:00:00Z", "yn")]),
            ["01"]
        );
    }

    #[test]
    fn travel_leaves_no_hole_and_covers_nothing_twice() {
        // Westward over the date line: the wall clock goes back by a day.
        let west = [
            ("2026-03-02T20:00:00+13:00", "n"),
            ("2026-03-01T22:00:00-10:00", "n"),
            ("2026-03-03T08:00:00-10:00", "n"),
        ];
        assert_eq!(free(&west), ["02"]);
    }

    #[test]
    fn an_event_explains_the_answer_whose_time_it_was_in() {
        let facts = facts(&[
            ("2026-03-01T20:00:00Z", "n"),
            ("2026-03-02T07:00:00Z", "y"),
            ("2026-03-02T12:00:00Z", "yy"),
        ]);
        let reports = UseReports::of(&facts);
        let explained = |from: &str, to: Option<&str>| {
            let event = UseEvent {
                occurred_at: from.parse().unwrap(),
                ended_at: to.map(|to| to.parse().unwrap()),
                ..UseEvent::example()
            };
            let times = UseTimes::of(std::iter::once(&event));
            reports
                .uses
                .iter()
                .map(|report| report.is_explained_by(&times))
                .collect::<Vec<_>>()
        };
        assert_eq!(explained("2026-03-01T21:00:00Z", None), [true, false, true]);
        assert_eq!(explained("2026-03-01T20:00:00Z", None), [false, false, true]);
        assert_eq!(explained("2026-03-02T07:00:00Z", None), [true, false, false]);
        assert_eq!(explained("2026-03-02T07:00:00.001Z", None), [false, true, false]);
        assert_eq!(
            explained("2026-03-02T06:00:00Z", Some("2026-03-02T08:00:00Z")),
            [true, true, false]
        );
        assert_eq!(explained("2026-03-02T20:00:00Z", None), [false, false, false]);
    }
}
