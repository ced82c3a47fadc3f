//! The calendar of a goal: for each day, whether there was use, no use was reported, or nothing was reported.

use chrono::NaiveDate;

use super::{
    abstinence::ordered_goals,
    calendar::{DaySet, Span, add_days, days_in},
    course::Course,
    facts::{AsOf, Facts, Window, WithId},
    use_report::UseReports,
};
use crate::{
    goal::{Goal, GoalStatus},
    value::vocabulary::Substance,
};

/// Maximum number of goals that get a calendar.
pub const MAX_CALENDARS: usize = 3;
/// Maximum number of days in one calendar. The newest days are shown.
pub const MAX_DAYS: i64 = 366;

/// The report of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayState {
    /// Use of the goal's substance was recorded.
    Use,
    /// Check-ins report the whole date free of use.
    NoUseReported,
    /// Neither was recorded. The day counts as a day without use.
    NothingReported,
}

/// The days of a goal within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCalendar {
    /// The substance that the goal is about.
    pub substance: Substance,
    /// The person's own name for the substance.
    pub label: Option<String>,
    /// Every day from the first to the last, without a gap.
    pub days: Vec<(NaiveDate, DayState)>,
    /// Number of days of use.
    pub use_days: i64,
    /// Number of days without use on which a check-in said so.
    pub no_use_reported: i64,
    /// Number of all other days.
    pub nothing_reported: i64,
}

/// Returns the calendars of at most three active goals, or of the newest goal if none is active. Today is
/// included.
pub fn day_calendars(facts: &Facts, as_of: &AsOf, window: Window) -> Vec<DayCalendar> {
    let facts = &*facts.until_today(as_of);
    let no_use = UseReports::of(facts).free;
    let goals = ordered_goals(facts);
    let active = goals
        .iter()
        .filter(|goal| goal.record.status == GoalStatus::Active)
        .count();
    let shown = goals.into_iter().take(active.clamp(1, MAX_CALENDARS));
    shown
        .filter_map(|goal| goal_calendar(goal, &no_use, facts, as_of.today(), window))
        .collect()
}

fn goal_calendar(
    goal: &WithId<Goal>,
    no_use: &DaySet,
    facts: &Facts,
    today: NaiveDate,
    window: Window,
) -> Option<DayCalendar> {
    let course = Course::of(&goal.record, facts, today);
    let (start, last) = (course.start, course.last);
    let first = window.first_day(today).map_or(start, |first| first.max(start));
    let span: Span = (first.max(add_days(last, 1 - MAX_DAYS)), last);
    if days_in(span) == 0 {
        return None;
    }
    let reported_free = no_use.difference(&course.used);
    let state = |day| {
        if course.used.contains(day) {
            DayState::Use
        } else if reported_free.contains(day) {
            DayState::NoUseReported
        } else {
            DayState::NothingReported
        }
    };
    let days: Vec<_> = (0..days_in(span))
        .map(|n| add_days(span.0, n))
        .map(|day| (day, state(day)))
        .collect();
    let (use_days, no_use_reported) = (course.used.count(span), reported_free.count(span));
    Some(DayCalendar {
        substance: goal.record.substance,
        label: goal.record.label.as_ref().map(ToString::to_string),
        days,
        use_days,
        no_use_reported,
        nothing_reported: days_in(span) - use_days - no_use_reported,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::insight::tests::{
        day_oracle::{answers, is_confirmed, use_dates_of},
        history::{history, proptest_config},
    };

    proptest! {
        #![proptest_config(proptest_config())]

        #[test]
        fn every_day_has_the_state_that_searching_all_records_gives(
            (as_of, facts) in history(),
            window in prop::sample::select(&Window::ALL[..]),
        ) {
            let calendars = day_calendars(&facts, &as_of, window);
            let answers = answers(&facts, &as_of);
            prop_assert!(calendars.len() <= MAX_CALENDARS);
            for calendar in &calendars {
                prop_assert!(i64::try_from(calendar.days.len()).unwrap() <= window.days().unwrap_or(MAX_DAYS));
                prop_assert!(calendar.days.windows(2).all(|pair| pair[1].0 == add_days(pair[0].0, 1)));
                let last = calendar.days.last().unwrap().0;
                prop_assert!(last <= as_of.today());
                let count = |state| i64::try_from(calendar.days.iter().filter(|day| day.1 == state).count()).unwrap();
                prop_assert_eq!(count(DayState::Use), calendar.use_days);
                prop_assert_eq!(count(DayState::NoUseReported), calendar.no_use_reported);
                prop_assert_eq!(count(DayState::NothingReported), calendar.nothing_reported);
                for (day, state) in &calendar.days {
                    let used = use_dates_of(calendar.substance, &facts, &as_of).contains(day);
                    let expected = match (used, is_confirmed(*day, &answers)) {
                        (true, _) => DayState::Use,
                        (false, true) => DayState::NoUseReported,
                        (false, false) => DayState::NothingReported,
                    };
                    prop_assert_eq!(*state, expected, "{}", day);
                }
            }
        }
    }
}
