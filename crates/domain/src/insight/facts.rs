//! Facts: the decoded records of a person that insights are computed from.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use uuid::Uuid;

pub use super::basis::{AsOf, BasisBuilder, CollectionCount, InsightBasis, Window};
use super::calendar::{DaySet, Span, add_days};
use crate::{
    attendance::Attendance,
    check_in::CheckIn,
    craving_event::CravingEvent,
    dose::Dose,
    goal::Goal,
    medication::Medication,
    plan::{Plan, PlanStatus},
    practice_session::PracticeSession,
    questionnaire_response::QuestionnaireResponse,
    self_efficacy_profile::SelfEfficacyProfile,
    support_contact::SupportContact,
    transition::Transition,
    use_event::UseEvent,
    value::{timestamp::Timestamp, vocabulary::Substance},
    warning_feedback::WarningFeedback,
};

/// A record with its id.
#[derive(Debug, Clone, PartialEq)]
pub struct WithId<T> {
    /// The id of the record.
    pub id: Uuid,
    /// The record.
    pub record: T,
    /// The write of this version. `None` if it is being written now.
    pub written: Option<Written>,
}

/// The write of a version of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The number of the change. Among the changes of a person, a later one has a higher number.
    pub rev: i64,
    /// The time of the change.
    pub at: DateTime<Utc>,
}

impl<T> WithId<T> {
    /// Returns the number of the change that wrote this version. One that is being written now is the latest.
    pub fn rev(&self) -> i64 {
        self.written.map_or(i64::MAX, |written| written.rev)
    }
}

/// The part of a person's record that the insights read, up to the moment that they are computed for.
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
    /// Attendances at meetings.
    pub attendances: Vec<WithId<Attendance>>,
    /// Self-efficacy profiles.
    pub profiles: Vec<WithId<SelfEfficacyProfile>>,
    /// Feedback on early warnings.
    pub feedback: Vec<WithId<WarningFeedback>>,
    /// Support contacts.
    pub contacts: Vec<WithId<SupportContact>>,
    /// Transitions from one level of care to the next.
    pub transitions: Vec<WithId<Transition>>,
    /// Questionnaire responses.
    pub responses: Vec<WithId<QuestionnaireResponse>>,
}

impl Facts {
    /// Returns the record without what is dated after today, because an insight speaks of today and earlier. A record
    /// that was written further east may be dated tomorrow; it counts tomorrow. Use that goes on after the moment ends
    /// there, and an end that is dated later is read on the person's clock.
    #[must_use]
    pub fn until_today(&self, as_of: &AsOf) -> Cow<'_, Self> {
        let today = as_of.today();
        let is_later = |at: Timestamp| at.local_date() > today;
        let goes_on = |event: &UseEvent| {
            event
                .ended_at
                .is_some_and(|end| is_later(end) || end.to_utc() > as_of.at)
        };
        let is_any_later = (self.check_ins.iter().any(|c| is_later(c.record.occurred_at)))
            || (self.cravings.iter()).any(|e| is_later(e.record.occurred_at))
            || (self.uses.iter()).any(|e| is_later(e.record.occurred_at) || goes_on(&e.record))
            || (self.doses.iter()).any(|d| is_later(d.record.occurred_at))
            || (self.practice_sessions.iter()).any(|s| s.record.occurred_at.is_some_and(is_later))
            || (self.attendances.iter()).any(|a| is_later(a.record.occurred_at))
            || (self.profiles.iter()).any(|p| is_later(p.record.occurred_at));
        if !is_any_later {
            return Cow::Borrowed(self);
        }
        let mut facts = self.clone();
        (facts.check_ins).retain(|c| !is_later(c.record.occurred_at));
        facts.cravings.retain(|e| !is_later(e.record.occurred_at));
        facts.uses.retain(|e| !is_later(e.record.occurred_at));
        for event in facts.uses.iter_mut().map(|event| &mut event.record) {
            if goes_on(event) {
                let end = event.ended_at.map(|end| end.to_utc().min(as_of.at));
                event.ended_at = end.map(|end| Timestamp::in_zone(end, as_of.zone));
            }
        }
        facts.doses.retain(|d| !is_later(d.record.occurred_at));
        (facts.practice_sessions).retain(|s| !s.record.occurred_at.is_some_and(is_later));
        (facts.attendances).retain(|a| !is_later(a.record.occurred_at));
        facts.profiles.retain(|p| !is_later(p.record.occurred_at));
        Cow::Owned(facts)
    }

    /// Returns the use events that count as use. Use as prescribed and events entered in error do not.
    pub fn counted_uses(&self) -> impl Iterator<Item = &WithId<UseEvent>> {
        self.uses
            .iter()
            .filter(|event| !event.record.as_prescribed && !event.record.entered_in_error)
    }

    /// Returns the days of use of a substance.
    pub fn use_days(&self, substance: Substance) -> DaySet {
        DaySet::from_spans(
            self.counted_uses()
                .filter(|event| event.record.substance == substance)
                .map(|event| use_span(&event.record)),
        )
    }

    /// Returns the craving events of a window that ends today.
    pub fn cravings_in(&self, window: Window, today: NaiveDate) -> Vec<&CravingEvent> {
        let events = self.cravings.iter().map(|event| &event.record);
        events
            .filter(|event| window.contains(event.occurred_at.local_date(), today))
            .collect()
    }

    /// Returns the doses of a medication, with their ids.
    pub fn doses_of(&self, medication: Uuid) -> Vec<(Uuid, Dose)> {
        let doses = self
            .doses
            .iter()
            .filter(|dose| dose.record.medication_id == medication);
        doses.map(|dose| (dose.id, dose.record.clone())).collect()
    }

    /// Returns the active plan. A relapse prevention plan comes before a safety plan.
    pub fn active_plan(&self) -> Option<&WithId<Plan>> {
        use crate::plan::PlanKind::{RelapsePrevention, Safety};
        [RelapsePrevention, Safety].into_iter().find_map(|kind| {
            (self.plans.iter()).find(|p| p.record.status == PlanStatus::Active && p.record.kind == kind)
        })
    }
}

/// Returns the first and last date of a use event, each by the local clock where it was recorded. An end at midnight
/// belongs to the date before it.
pub fn use_span(event: &UseEvent) -> Span {
    let from = event.occurred_at.local_date();
    let to = event.ended_at.map_or(from, last_date_before);
    (from, to.max(from))
}

/// Returns the last date of something that ended at a time. The end itself does not belong to it.
fn last_date_before(end: Timestamp) -> NaiveDate {
    let wall = end.wall();
    if wall.time() == NaiveTime::MIN {
        add_days(wall.date(), -1)
    } else {
        wall.date()
    }
}

/// Returns the local date of a check-in.
pub fn check_in_day(check_in: &CheckIn) -> NaiveDate {
    check_in.occurred_at.local_date()
}
