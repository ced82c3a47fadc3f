//! All that the progress report shows, of one window and one moment.

use chrono::NaiveDate;

use super::{
    Insight,
    abstinence::{Abstinence, abstinence},
    craving::{Cravings, cravings},
    day_calendar::{DayCalendar, day_calendars},
    facts::{AsOf, Facts, Window},
    medication::{MedicationCoverage, medication},
    over_time::{OverTime, PlanVersion, over_time},
    self_efficacy::{SelfEfficacy, self_efficacy},
    strategy::{Strategies, strategies},
    trigger::{Triggers, triggers},
    warning::{Thresholds, Warnings, warnings},
};
use crate::reference::helpline::Helpline;

/// Craving events from which on their hours and triggers say something.
pub const MIN_EVENTS: usize = 5;

/// An hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusyHour {
    /// Day of the week; Monday is 1.
    pub weekday: u32,
    /// Hour, from 0.
    pub hour: usize,
    /// Craving events that began in it.
    pub events: u32,
}

/// All that the report shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The moment.
    pub as_of: AsOf,
    /// The window.
    pub window: Window,
    /// Its first day; that of the curve if it has no bound.
    pub from: NaiveDate,
    /// Craving and mood.
    pub over_time: OverTime,
    /// Days without use.
    pub abstinence: Abstinence,
    /// The days of the goals.
    pub calendars: Vec<DayCalendar>,
    /// Cravings.
    pub cravings: Cravings,
    /// What helps.
    pub strategies: Strategies,
    /// What brings cravings on.
    pub triggers: Triggers,
    /// Medication.
    pub medication: MedicationCoverage,
    /// Confidence by kind of situation.
    pub self_efficacy: SelfEfficacy,
    /// Early warnings.
    pub warnings: Warnings,
}

/// All that the report shows; `plans` has the versions of each plan, oldest first.
pub fn progress(
    facts: &Facts,
    plans: &[Vec<PlanVersion>],
    helplines: &[Helpline],
    as_of: &AsOf,
    window: Window,
) -> Progress {
    fn found<T>(insight: Insight<T>) -> T {
        insight.result
    }
    let over_time = over_time(facts, plans, as_of, window);
    Progress {
        as_of: *as_of,
        window,
        from: over_time.from,
        over_time,
        abstinence: found(abstinence(facts, as_of)),
        calendars: day_calendars(facts, as_of, window),
        cravings: found(cravings(facts, as_of, window)),
        strategies: found(strategies(facts, as_of, window)),
        triggers: found(triggers(facts, as_of, window)),
        medication: found(medication(facts, as_of, window)),
        self_efficacy: found(self_efficacy(facts, as_of, window)),
        warnings: found(warnings(facts, helplines, as_of, &Thresholds::V1)),
    }
}

/// The hours of the week in which the most cravings began, the busiest first; of equal ones the earlier.
pub fn busiest_hours(cravings: &Cravings, most: usize) -> Vec<BusyHour> {
    let mut hours: Vec<BusyHour> = cravings
        .heat_map
        .iter()
        .flat_map(|day| {
            day.hours.iter().enumerate().map(|(hour, events)| BusyHour {
                weekday: day.weekday,
                hour,
                events: *events,
            })
        })
        .filter(|hour| hour.events > 0)
        .collect();
    hours.sort_by_key(|hour| std::cmp::Reverse(hour.events));
    hours.truncate(most);
    hours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{craving_event::CravingEvent, insight::facts::WithId, record::Record};

    #[test]
    fn the_busiest_hours_come_first_and_hours_without_cravings_not_at_all() {
        let at = |time: &str| WithId {
            id: uuid::Uuid::nil(),
            record: CravingEvent {
                occurred_at: time.parse().unwrap(),
                ..CravingEvent::example()
            },
        };
        let facts = Facts {
            cravings: vec![
                at("2026-03-02T18:10:00+01:00"),
                at("2026-03-04T07:00:00Z"),
                at("2026-03-03T18:59:00-05:00"),
                at("2026-03-03T18:00:00-05:00"),
            ],
            ..Facts::default()
        };
        let as_of = AsOf {
            at: "2026-03-10T12:00:00Z".parse().unwrap(),
            zone: chrono_tz::UTC,
            week_start: 1,
        };
        let found = progress(&facts, &[], &[], &as_of, Window::Month);
        let told: Vec<_> = (busiest_hours(&found.cravings, 2).iter())
            .map(|busy| (busy.weekday, busy.hour, busy.events))
            .collect();
        assert_eq!(told, [(2, 18, 2), (1, 18, 1)]);
        assert_eq!(busiest_hours(&found.cravings, 9).len(), 3);
    }
}
