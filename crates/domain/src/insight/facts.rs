//! What the insights are computed from: the person's records, opened, and the moment that is looked at.

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::calendar::{DaySet, Span, length, plus};
use crate::{
    attendance::Attendance,
    check_in::CheckIn,
    craving_event::CravingEvent,
    dose::Dose,
    goal::Goal,
    medication::Medication,
    plan::{Plan, PlanStatus},
    practice_session::PracticeSession,
    record::Kind,
    self_efficacy_profile::SelfEfficacyProfile,
    support_contact::SupportContact,
    use_event::UseEvent,
    value::{timestamp::Timestamp, vocabulary::Substance},
    warning_feedback::WarningFeedback,
};

/// A record with its id.
#[derive(Debug, Clone, PartialEq)]
pub struct WithId<T> {
    /// Its id.
    pub id: Uuid,
    /// The record.
    pub record: T,
}

/// The moment that is looked at, and how the person counts days and weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The moment.
    pub at: DateTime<Utc>,
    /// The person's time zone: it decides which date is today.
    pub zone: Tz,
    /// First day of the person's week; Monday is 1.
    pub week_start: u8,
}

impl AsOf {
    /// Today, in the person's zone.
    pub fn today(&self) -> NaiveDate {
        self.at.with_timezone(&self.zone).date_naive()
    }

    /// The last full hour. Spans of hours reach back from it, so that an answer holds for an hour.
    pub fn hour(&self) -> DateTime<Utc> {
        let past = TimeDelta::minutes(i64::from(self.at.minute()))
            + TimeDelta::seconds(i64::from(self.at.second()))
            + TimeDelta::nanoseconds(i64::from(self.at.nanosecond()));
        self.at - past
    }

    /// The moment with the offset of the person's zone.
    pub fn local(&self) -> Timestamp {
        Timestamp::in_zone(self.at, self.zone)
    }
}

/// How far back an insight looks, in days of the person's calendar; today is one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Window {
    /// The last 7 days.
    #[serde(rename = "7d")]
    Week,
    /// The last 30 days.
    #[serde(rename = "30d")]
    Month,
    /// The last 90 days.
    #[default]
    #[serde(rename = "90d")]
    Quarter,
    /// The last 365 days.
    #[serde(rename = "365d")]
    Year,
    /// Since the first record.
    #[serde(rename = "all")]
    All,
}

impl Window {
    /// Every window.
    pub const ALL: [Self; 5] = [Self::Week, Self::Month, Self::Quarter, Self::Year, Self::All];

    /// Its word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
            Self::Year => "365d",
            Self::All => "all",
        }
    }

    /// How many days it has, unless it has no bound.
    pub const fn days(self) -> Option<i64> {
        match self {
            Self::Week => Some(7),
            Self::Month => Some(30),
            Self::Quarter => Some(90),
            Self::Year => Some(365),
            Self::All => None,
        }
    }

    /// Its first day, if it has one.
    pub fn first(self, today: NaiveDate) -> Option<NaiveDate> {
        self.days().map(|days| plus(today, 1 - days))
    }

    /// Whether a day of the record lies in it. A day after today does too: it was recorded further east.
    pub fn has(self, day: NaiveDate, today: NaiveDate) -> bool {
        self.first(today).is_none_or(|first| first <= day)
    }
}

/// How many records of a collection took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counted {
    /// The collection.
    #[schema(max_length = 60, example = "check-ins")]
    pub collection: String,
    /// How many.
    #[schema(minimum = 0)]
    pub n: usize,
}

/// What every insight says about what it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ValidationContext {
    /// The moment that was looked at, with the offset of the person's zone.
    pub as_of: Timestamp,
    /// The date there.
    pub today: NaiveDate,
    /// The window.
    pub window: Window,
    /// First day that was looked at.
    pub from: NaiveDate,
    /// Last day that was looked at.
    pub to: NaiveDate,
    /// How many records took part.
    #[schema(minimum = 0)]
    pub n: usize,
    /// The share of the days from `from` to `to` on which at least one of them lies, 0–1.
    #[schema(minimum = 0, maximum = 1)]
    pub coverage: f64,
    /// The same by collection.
    #[schema(max_items = 20)]
    pub computed_from: Vec<Counted>,
}

/// Collects what an insight is computed from.
#[derive(Debug, Default)]
pub struct Tally {
    counted: Vec<Counted>,
    days: Vec<Span>,
    from: Option<NaiveDate>,
}

impl Tally {
    /// Counts the records of a collection, each with the days on which it lies.
    #[must_use]
    pub fn and(mut self, kind: Kind, days: impl IntoIterator<Item = Span>) -> Self {
        let before = self.days.len();
        self.days.extend(days);
        self.counted.push(Counted {
            collection: kind.path().to_owned(),
            n: self.days.len() - before,
        });
        self
    }

    /// The first of these days was looked at too, whether a record lies on it or not.
    #[must_use]
    pub fn from(mut self, days: impl IntoIterator<Item = NaiveDate>) -> Self {
        self.from = self.from.into_iter().chain(days).min();
        self
    }

    /// The basis of an insight that looks at a window. Without a bound it begins with the first day that was looked at.
    pub fn basis(self, as_of: &AsOf, window: Window) -> ValidationContext {
        let today = as_of.today();
        let days = DaySet::of(self.days);
        let earliest = self.from.into_iter().chain(days.first()).min();
        let from = window
            .first(today)
            .or(earliest)
            .map_or(today, |first| first.min(today));
        let span = (from, today);
        #[expect(clippy::cast_precision_loss, reason = "days are far below 2^53")]
        let coverage = days.count(span) as f64 / length(span).max(1) as f64;
        ValidationContext {
            as_of: as_of.local(),
            today,
            window,
            from,
            to: today,
            n: self.counted.iter().map(|counted| counted.n).sum(),
            coverage,
            computed_from: self.counted,
        }
    }
}

/// The part of a person's record that the insights look at, up to the moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Goals.
    pub goals: Vec<WithId<Goal>>,
    /// Plans.
    pub plans: Vec<WithId<Plan>>,
    /// Check-ins.
    pub check_ins: Vec<WithId<CheckIn>>,
    /// Craving events.
    pub cravings: Vec<WithId<CravingEvent>>,
    /// Use events.
    pub uses: Vec<WithId<UseEvent>>,
    /// Medications.
    pub medications: Vec<WithId<Medication>>,
    /// Doses.
    pub doses: Vec<WithId<Dose>>,
    /// Practice sessions.
    pub practice_sessions: Vec<WithId<PracticeSession>>,
    /// Attendances of meetings.
    pub attendances: Vec<WithId<Attendance>>,
    /// Self-efficacy profiles.
    pub profiles: Vec<WithId<SelfEfficacyProfile>>,
    /// Feedback on early warnings.
    pub feedback: Vec<WithId<WarningFeedback>>,
    /// Support contacts.
    pub contacts: Vec<WithId<SupportContact>>,
}

impl Facts {
    /// The events that count as use: not as prescribed, not entered in error.
    pub fn counting_uses(&self) -> impl Iterator<Item = &WithId<UseEvent>> {
        self.uses
            .iter()
            .filter(|event| !event.record.as_prescribed && !event.record.entered_in_error)
    }

    /// The days of use of a substance.
    pub fn use_days(&self, substance: Substance) -> DaySet {
        DaySet::of(
            self.counting_uses()
                .filter(|event| event.record.substance == substance)
                .map(|event| use_span(&event.record)),
        )
    }

    /// The craving events of a window that ends today.
    pub fn cravings_in(&self, window: Window, today: NaiveDate) -> Vec<&CravingEvent> {
        let events = self.cravings.iter().map(|event| &event.record);
        events
            .filter(|event| window.has(event.occurred_at.local_date(), today))
            .collect()
    }

    /// The doses of a medication.
    pub fn doses_of(&self, medication: Uuid) -> Vec<(Uuid, Dose)> {
        let own = self
            .doses
            .iter()
            .filter(|dose| dose.record.medication_id == medication);
        own.map(|dose| (dose.id, dose.record.clone())).collect()
    }

    /// The plan in use: the one for staying well before the one for a crisis.
    pub fn active_plan(&self) -> Option<&WithId<Plan>> {
        use crate::plan::PlanKind::{RelapsePrevention, Safety};
        [RelapsePrevention, Safety].into_iter().find_map(|kind| {
            (self.plans.iter()).find(|p| p.record.status == PlanStatus::Active && p.record.kind == kind)
        })
    }

    /// What the person calls a trigger of any of the plans; the plan in use comes first.
    pub fn trigger_label(&self, trigger: Uuid) -> Option<&str> {
        self.active_plan()
            .into_iter()
            .chain(&self.plans)
            .flat_map(|plan| plan.record.content.triggers.iter())
            .find(|known| known.id == Some(trigger))
            .map(|known| &*known.label)
    }

    /// What the person calls a strategy of any of the plans; the plan in use comes first.
    pub fn strategy_label(&self, strategy: Uuid) -> Option<&str> {
        self.active_plan()
            .into_iter()
            .chain(&self.plans)
            .flat_map(|plan| plan.record.content.strategies.iter())
            .find(|known| known.id == Some(strategy))
            .map(|known| &*known.label)
    }
}

/// The dates that a use event touches, each by the clock where it was recorded.
pub fn use_span(event: &UseEvent) -> Span {
    let from = event.occurred_at.local_date();
    let to = event.ended_at.map_or(from, |end| end.local_date());
    (from, to.max(from))
}

/// The date on which a check-in was made.
pub fn check_in_day(check_in: &CheckIn) -> NaiveDate {
    check_in.occurred_at.local_date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_is_the_date_in_the_persons_zone_on_both_sides_of_the_date_line() {
        let as_of = |zone: Tz, at: &str| AsOf {
            at: at.parse().unwrap(),
            zone,
            week_start: 1,
        };
        let today = |zone, at| as_of(zone, at).today().to_string();
        // Samoa left out 30 December 2011.
        assert_eq!(
            today(chrono_tz::Pacific::Apia, "2011-12-30T09:59:59Z"),
            "2011-12-29"
        );
        assert_eq!(
            today(chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
            "2011-12-31"
        );
        assert_eq!(
            today(chrono_tz::Pacific::Kiritimati, "2026-03-01T10:00:00Z"),
            "2026-03-02"
        );
        assert_eq!(
            today(chrono_tz::Etc::GMTPlus12, "2026-03-01T11:59:00Z"),
            "2026-02-28"
        );
        assert_eq!(
            today(chrono_tz::Asia::Kathmandu, "2026-03-01T18:15:00Z"),
            "2026-03-02"
        );
        let hour = as_of(chrono_tz::Asia::Kathmandu, "2026-03-01T18:15:59.999Z").hour();
        assert_eq!(hour.to_rfc3339(), "2026-03-01T18:00:00+00:00");
    }

    #[test]
    fn a_window_has_as_many_days_as_it_says() {
        let today = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        for window in Window::ALL {
            let days = window.first(today).map(|first| length((first, today)));
            assert_eq!(days, window.days());
            assert_eq!(serde_json::to_value(window).unwrap(), window.as_str());
        }
    }

    #[test]
    fn coverage_is_the_share_of_days_with_a_record() {
        let as_of = AsOf {
            at: "2026-03-10T12:00:00Z".parse().unwrap(),
            zone: chrono_tz::UTC,
            week_start: 1,
        };
        let day = |n| NaiveDate::from_ymd_opt(2026, 3, n).unwrap();
        let days = [
            (day(9), day(9)),
            (day(9), day(9)),
            (day(10), day(10)),
            (day(1), day(2)),
        ];
        let basis = Tally::default()
            .and(Kind::CheckIn, days)
            .basis(&as_of, Window::Week);
        assert_eq!((basis.n, basis.from), (4, day(4)));
        assert!((basis.coverage - 2.0 / 7.0).abs() < 1e-12);
        let all = Tally::default()
            .and(Kind::CheckIn, days)
            .basis(&as_of, Window::All);
        assert!((all.coverage - 0.4).abs() < 1e-12);
        // A goal that began earlier was looked at from its first day on.
        let earlier = Tally::default()
            .and(Kind::CheckIn, days)
            .from([plus(day(1), -10), day(5)])
            .basis(&as_of, Window::All);
        assert_eq!((earlier.from, earlier.coverage), (plus(day(1), -10), 0.2));
        let nothing = Tally::default().basis(&as_of, Window::All);
        assert_eq!((nothing.n, nothing.from, nothing.coverage), (0, day(10), 0.0));
    }
}
