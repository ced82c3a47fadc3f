//! All figures of the printed progress report, for one window and one moment.

use chrono::NaiveDate;

use super::{
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

/// Minimum number of craving events for which the report shows hours and triggers.
pub const MIN_EVENTS: usize = 5;

/// An hour of the week in which cravings began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusyHour {
    /// Day of the week; Monday is 1.
    pub weekday: u32,
    /// Hour, from 0.
    pub hour: usize,
    /// Number of craving events that began in this hour.
    pub events: u32,
}

/// All figures of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The moment that the figures are computed for.
    pub as_of: AsOf,
    /// The window.
    pub window: Window,
    /// First day of the window. Without a bound, the first day of the curve.
    pub from: NaiveDate,
    /// Craving and mood over time.
    pub over_time: OverTime,
    /// Days without use.
    pub abstinence: Abstinence,
    /// Calendars of the goals.
    pub calendars: Vec<DayCalendar>,
    /// Cravings.
    pub cravings: Cravings,
    /// Coping strategies and how much they helped.
    pub strategies: Strategies,
    /// Triggers of cravings.
    pub triggers: Triggers,
    /// Days covered by medication.
    pub medication: MedicationCoverage,
    /// Confidence by kind of high-risk situation.
    pub self_efficacy: SelfEfficacy,
    /// Early warnings.
    pub warnings: Warnings,
}

/// What a report is computed from.
#[derive(Debug, Clone)]
pub struct ProgressSources<'a> {
    /// The records that days without use are computed from.
    pub days: &'a Facts,
    /// The records that all else is computed from.
    pub facts: &'a Facts,
    /// The versions of each plan, oldest first.
    pub plans: &'a [Vec<PlanVersion>],
    /// The early warnings.
    pub warnings: Warnings,
}

/// Computes all figures of the report. `plans` contains the versions of each plan, oldest first.
pub fn progress(
    facts: &Facts,
    plans: &[Vec<PlanVersion>],
    helplines: &[Helpline],
    as_of: &AsOf,
    window: Window,
) -> Progress {
    let sources = ProgressSources {
        days: facts,
        facts,
        plans,
        warnings: warnings(facts, helplines, as_of, &Thresholds::V2).result,
    };
    progress_of(sources, as_of, window)
}

/// Computes all figures of the report from their sources.
pub fn progress_of(sources: ProgressSources<'_>, as_of: &AsOf, window: Window) -> Progress {
    let (days, facts) = (sources.days, sources.facts);
    let over_time = over_time(facts, sources.plans, as_of, window);
    Progress {
        as_of: *as_of,
        window,
        from: over_time.from,
        over_time,
        abstinence: abstinence(days, as_of).result,
        calendars: day_calendars(days, as_of, window),
        cravings: cravings(facts, as_of, window).result,
        strategies: strategies(facts, as_of, window).result,
        triggers: triggers(facts, as_of, window).result,
        medication: medication(facts, as_of, window).result,
        self_efficacy: self_efficacy(facts, as_of, window).result,
        warnings: sources.warnings,
    }
}

/// Returns at most `limit` hours of the week in which the most cravings began. The busiest come first. Of
/// equally busy hours, the earlier one in the week comes first. Hours without cravings are left out.
pub fn busiest_hours(cravings: &Cravings, limit: usize) -> Vec<BusyHour> {
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
    hours.truncate(limit);
    hours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{craving_event::CravingEvent, insight::facts::WithId, record::Record};

    #[test]
    fn the_busiest_hours_come_first_and_hours_without_cravings_not_at_all() {
        let craving_at = |time: &str| WithId {
            id: uuid::Uuid::nil(),
            record: CravingEvent {
                occurred_at: time.parse().unwrap(),
                ..CravingEvent::example()
            },
            written: None,
        };
        let facts = Facts {
            cravings: vec![
                craving_at("2026-03-02T18:10:00+01:00"),
                craving_at("2026-03-04T07:00:00Z"),
                craving_at("2026-03-03T18:59:00-05:00"),
                craving_at("2026-03-03T18:00:00-05:00"),
            ],
            ..Facts::default()
        };
        let as_of = AsOf {
            at: "2026-03-10T12:00:00Z".parse().unwrap(),
            zone: chrono_tz::UTC,
            week_start: 1,
            standard_drink_g: Some(14.0),
        };
        let report = progress(&facts, &[], &[], &as_of, Window::Month);
        let busiest: Vec<_> = (busiest_hours(&report.cravings, 2).iter())
            .map(|busy| (busy.weekday, busy.hour, busy.events))
            .collect();
        assert_eq!(busiest, [(2, 18, 2), (1, 18, 1)]);
        assert_eq!(busiest_hours(&report.cravings, 9).len(), 3);
    }
}
