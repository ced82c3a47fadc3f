//! The oracle of days: which records count, which dates an event has, and what check-ins say of dates.
//!
//! Everything is written again from the definitions in `docs/insights.md`, and searches all records each time.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use uuid::Uuid;

use crate::{
    check_in::{CheckIn, CheckInAnswers, Used},
    goal::{Goal, GoalKind, GoalStatus},
    insight::facts::{AsOf, Facts, Window, WithId},
    use_event::UseEvent,
    value::{timestamp::Timestamp, vocabulary::Substance},
};

/// Reads the date and time that the clock showed from the text of a timestamp.
pub fn wall(at: Timestamp) -> NaiveDateTime {
    let text = at.to_string();
    let end = text[19..].find(['+', '-', 'Z']).unwrap() + 19;
    text[..end].parse().unwrap()
}

pub fn date(at: Timestamp) -> NaiveDate {
    wall(at).date()
}

/// Computes what the person's clock shows by adding the zone's offset to the moment.
fn now(as_of: &AsOf) -> NaiveDateTime {
    let offset = as_of.zone.offset_from_utc_datetime(&as_of.at.naive_utc()).fix();
    as_of.at.naive_utc() + TimeDelta::seconds(offset.local_minus_utc().into())
}

pub fn today(as_of: &AsOf) -> NaiveDate {
    now(as_of).date()
}

/// Returns each date from one to another, both included.
pub fn each_day(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    from.iter_days().take_while(move |day| *day <= to)
}

/// Returns whether a date is in a window that ends today.
pub fn in_window(day: NaiveDate, today: NaiveDate, window: Window) -> bool {
    let back = today.num_days_from_ce() - day.num_days_from_ce();
    back >= 0
        && match window {
            Window::All => true,
            Window::Week => back < 7,
            Window::Month => back < 30,
            Window::Quarter => back < 90,
            Window::Year => back < 365,
        }
}

/// Leaves out every record that is dated after today at its own offset.
pub fn until_today(facts: &Facts, as_of: &AsOf) -> Facts {
    let today = today(as_of);
    let mut seen = facts.clone();
    seen.uses.retain(|event| date(event.record.occurred_at) <= today);
    seen.check_ins.retain(|c| date(c.record.occurred_at) <= today);
    seen.cravings
        .retain(|event| date(event.record.occurred_at) <= today);
    seen.doses.retain(|dose| date(dose.record.occurred_at) <= today);
    seen.attendances.retain(|a| date(a.record.occurred_at) <= today);
    seen.practice_sessions
        .retain(|s| s.record.occurred_at.is_none_or(|at| date(at) <= today));
    seen.profiles.retain(|p| date(p.record.occurred_at) <= today);
    seen
}

/// Returns the dates of an event up to today. One that goes on after the moment ends there, and an end that is dated
/// later is read on the person's clock. An end at midnight sharp does not touch the date that begins then.
pub fn dates(event: &UseEvent, as_of: &AsOf) -> Vec<NaiveDate> {
    let first = date(event.occurred_at);
    let last = event.ended_at.map_or(first, |end| {
        let end = if end.to_utc() > as_of.at {
            now(as_of)
        } else if date(end) > today(as_of) {
            end.to_utc().with_timezone(&as_of.zone).naive_local()
        } else {
            wall(end)
        };
        if end.time() == NaiveTime::MIN {
            end.date().pred_opt().unwrap()
        } else {
            end.date()
        }
    });
    each_day(first, last.max(first))
        .filter(|day| *day <= today(as_of))
        .collect()
}

/// Returns the events that count as use: those up to today, not as prescribed and not entered in error.
pub fn counted<'a>(facts: &'a Facts, as_of: &AsOf) -> Vec<&'a UseEvent> {
    let today = today(as_of);
    (facts.uses.iter().map(|event| &event.record))
        .filter(|event| !event.as_prescribed && !event.entered_in_error)
        .filter(|event| date(event.occurred_at) <= today)
        .collect()
}

/// Collects the dates of use of a substance.
pub fn use_dates_of(substance: Substance, facts: &Facts, as_of: &AsOf) -> BTreeSet<NaiveDate> {
    (counted(facts, as_of).into_iter())
        .filter(|event| event.substance == substance)
        .flat_map(|event| dates(event, as_of))
        .collect()
}

/// Collects the dates of use of a goal's substance, up to the end of the goal.
pub fn use_dates(goal: &Goal, facts: &Facts, as_of: &AsOf) -> BTreeSet<NaiveDate> {
    let mut dates = use_dates_of(goal.substance, facts, as_of);
    dates.retain(|day| goal.ended_on.is_none_or(|end| *day <= end));
    dates
}

/// Returns whether a goal holds on a date.
pub fn holds(goal: &Goal, day: NaiveDate) -> bool {
    goal.started_on <= day && goal.ended_on.is_none_or(|end| day <= end)
}

/// The time that an answer covers.
#[derive(Debug, Clone, Copy)]
pub enum Covered {
    /// The time after a check-in up to and including the next one, as moments and on the wall clocks.
    Since {
        after: DateTime<Utc>,
        until: DateTime<Utc>,
        wall_after: NaiveDateTime,
        wall_until: NaiveDateTime,
    },
    /// One whole date.
    Date(NaiveDate),
}

impl Covered {
    /// Returns whether an event was in this time.
    pub fn has(&self, event: &UseEvent, as_of: &AsOf) -> bool {
        match *self {
            Self::Since { after, until, .. } => {
                let start = event.occurred_at.to_utc();
                // An event that goes on at the moment ends at the moment.
                let end = event.ended_at.map_or(start, |end| end.to_utc().min(as_of.at));
                let end = end.max(start);
                start <= until && end > after
            }
            Self::Date(day) => dates(event, as_of).contains(&day),
        }
    }
}

/// An answer about use: its check-in, the date that it is counted on, the time that it covers, and what it says.
#[derive(Debug, Clone, Copy)]
pub struct UseAnswer {
    pub check_in: Uuid,
    pub on: NaiveDate,
    pub covered: Covered,
    pub said: Used,
}

/// Collects the answers about use of the check-ins up to today.
pub fn answers(facts: &Facts, as_of: &AsOf) -> Vec<UseAnswer> {
    let seen: Vec<&WithId<CheckIn>> = facts
        .check_ins
        .iter()
        .filter(|c| date(c.record.occurred_at) <= today(as_of))
        .collect();
    let order = |c: &WithId<CheckIn>| (c.record.occurred_at.to_utc(), c.id);
    let mut found = Vec::new();
    for check_in in &seen {
        let (at, day) = (check_in.record.occurred_at, date(check_in.record.occurred_at));
        let before = (seen.iter().copied())
            .filter(|other| order(other) < order(check_in))
            .max_by_key(|other| order(other));
        let covered = Covered::Since {
            after: before.map_or(at.to_utc() - TimeDelta::hours(24), |c| {
                c.record.occurred_at.to_utc()
            }),
            until: at.to_utc(),
            wall_after: before.map_or(wall(at) - TimeDelta::hours(24), |c| wall(c.record.occurred_at)),
            wall_until: wall(at),
        };
        let yesterday = day.pred_opt().unwrap();
        let CheckInAnswers {
            used, used_yesterday, ..
        } = &check_in.record.answers;
        for (said, on, covered) in [
            (used, day, covered),
            (used_yesterday, yesterday, Covered::Date(yesterday)),
        ] {
            found.extend(said.map(|said| UseAnswer {
                check_in: check_in.id,
                on,
                covered,
                said,
            }));
        }
    }
    found
}

/// Returns whether answers confirm that a date was free of use.
pub fn is_confirmed(day: NaiveDate, answers: &[UseAnswer]) -> bool {
    let (midnight, next_midnight) = (
        day.and_time(NaiveTime::MIN),
        day.succ_opt().unwrap().and_time(NaiveTime::MIN),
    );
    // Goes from midnight to the next, as far as an answer reaches from there.
    let mut reached = midnight;
    loop {
        let further = answers.iter().filter_map(|answer| match answer.covered {
            Covered::Since {
                wall_after,
                wall_until,
                ..
            } => (answer.said == Used::No && wall_after <= reached && reached < wall_until)
                .then_some(wall_until),
            Covered::Date(_) => None,
        });
        match further.max() {
            Some(further) if reached < next_midnight => reached = further,
            _ => break,
        }
    }
    let said_no_of_it = (answers.iter())
        .any(|answer| answer.said == Used::No && matches!(answer.covered, Covered::Date(of) if of == day));
    let said_yes_of_it = answers.iter().any(|answer| {
        answer.said == Used::Yes
            && match answer.covered {
                Covered::Date(of) => of == day,
                Covered::Since {
                    wall_after,
                    wall_until,
                    ..
                } => wall_after.date() == day && wall_until.date() == day,
            }
    });
    (reached >= next_midnight || said_no_of_it) && !said_yes_of_it
}

/// Collects the dates of a goal on which an answer says yes, without use of the goal's substance in its time.
pub fn dates_to_clarify(goal: &Goal, facts: &Facts, as_of: &AsOf) -> BTreeSet<NaiveDate> {
    let uses = counted(facts, as_of);
    (answers(facts, as_of).into_iter())
        .filter(|answer| answer.said == Used::Yes && holds(goal, answer.on))
        .filter(|answer| {
            !uses
                .iter()
                .any(|event| event.substance == goal.substance && answer.covered.has(event, as_of))
        })
        .map(|answer| answer.on)
        .collect()
}

/// Returns whether use that was recorded explains a yes. While a goal to abstain is active, only use of its
/// substance does.
pub fn is_explained(answer: &UseAnswer, facts: &Facts, as_of: &AsOf) -> bool {
    let abstain: Vec<Substance> = (facts.goals.iter().map(|goal| &goal.record))
        .filter(|goal| {
            goal.kind == GoalKind::Abstain && goal.status == GoalStatus::Active && holds(goal, answer.on)
        })
        .map(|goal| goal.substance)
        .collect();
    counted(facts, as_of).into_iter().any(|event| {
        answer.covered.has(event, as_of) && (abstain.is_empty() || abstain.contains(&event.substance))
    })
}
