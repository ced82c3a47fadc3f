//! The situation in which dangers are looked for: the record, the moment, and the event that help is for.

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use crate::{
    craving_event::CravingEvent,
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, WithId, use_span},
    },
    record::Kind,
    use_event::UseEvent,
    value::{amount::UnitMembers, timestamp::Timestamp, vocabulary::Substance},
};

/// Maximum number of medications of a class that a rule looks at.
pub(super) const MAX_MEDICATIONS: usize = 100;
/// Number of days after a stay, or after the end of a medication, in which the danger is highest.
pub(super) const FIRST_WEEKS_DAYS: i64 = 28;
/// Number of days in which a craving or a use is recent. Today is one of them.
const RECENT_DAYS: i64 = 7;
/// Number of days in which use says what a craving without a substance is for.
pub(super) const RECENT_USE_DAYS: i64 = 28;
/// Number of hours in which a danger is acute, counted back from the last full hour.
const ACUTE_HOURS: i64 = 24;

/// The record and the moment in which dangers are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The record.
    pub facts: &'a Facts,
    /// The moment.
    pub as_of: &'a AsOf,
    /// The event that help is for. It counts however long ago it was.
    pub event: Option<Uuid>,
    /// Whether the person asks for help without an event, as if with a craving for what their record is about.
    pub asks_for_help: bool,
}

/// A member of a record that tells of a danger.
#[derive(Debug, Clone, PartialEq)]
pub struct SafetyInput {
    /// Collection of the record.
    pub kind: Kind,
    /// Id of the record.
    pub id: Uuid,
    /// Member of the record.
    pub member: &'static str,
    /// Value of the member. 1 for a fact without a size.
    pub value: f64,
    /// Time of the record.
    pub at: Timestamp,
}

impl SafetyInput {
    /// Creates an input from a fact without a size.
    pub const fn fact(kind: Kind, id: Uuid, member: &'static str, at: Timestamp) -> Self {
        Self {
            kind,
            id,
            member,
            value: 1.0,
            at,
        }
    }

    /// Creates an input from a use event.
    pub fn of_use(event: &WithId<UseEvent>, member: &'static str) -> Self {
        Self::fact(Kind::UseEvent, event.id, member, event.record.occurred_at)
    }

    /// Creates an input from a craving event.
    pub fn of_craving(event: &WithId<CravingEvent>, member: &'static str) -> Self {
        Self::fact(Kind::CravingEvent, event.id, member, event.record.occurred_at)
    }
}

/// A substance that the record is about, with the goal or the use event that names it.
pub(super) struct Subject<'a> {
    /// The substance.
    pub substance: Substance,
    /// The unit in which it is counted.
    pub unit: UnitMembers<'a>,
    /// The member that names it.
    pub input: SafetyInput,
}

impl<'a> Situation<'a> {
    /// Returns today's date in the person's time zone.
    pub fn today(&self) -> NaiveDate {
        self.as_of.today()
    }

    /// Returns the use events that were not entered in error, also those as prescribed.
    pub fn all_uses(&self) -> impl Iterator<Item = &'a WithId<UseEvent>> + use<'a> {
        self.facts
            .uses
            .iter()
            .filter(|event| !event.record.entered_in_error)
    }

    /// Returns what the record is about: the substances of the goals, and of the use of the last `days` days that was
    /// not as prescribed. A craving without a substance is for these.
    pub(super) fn subjects(&self, days: i64) -> impl Iterator<Item = Subject<'a>> + use<'a> {
        let situation = *self;
        let goals = self.facts.goals.iter().map(|goal| Subject {
            substance: goal.record.substance,
            unit: goal.record.unit_members(),
            input: SafetyInput::fact(
                Kind::Goal,
                goal.id,
                "substance",
                Timestamp::midnight(goal.record.started_on),
            ),
        });
        let uses = (self.facts.counted_uses())
            .filter(move |event| situation.is_within(days, use_span(&event.record).1))
            .map(|event| Subject {
                substance: event.record.substance,
                unit: event.record.unit_members(),
                input: SafetyInput::of_use(event, "substance"),
            });
        goals.chain(uses)
    }

    /// Whether a time is in the last 24 hours, or the record is the event that help is for.
    pub fn is_acute(&self, id: Uuid, at: Timestamp) -> bool {
        let first = self.as_of.last_full_hour() - TimeDelta::hours(ACUTE_HOURS);
        self.event == Some(id) || at.to_utc() >= first
    }

    /// Whether a day is one of the last seven, or the record is the event that help is for.
    pub fn is_recent(&self, id: Uuid, day: NaiveDate) -> bool {
        self.event == Some(id) || day >= add_days(self.today(), 1 - RECENT_DAYS)
    }

    /// Whether a day is at most `days` days before today. A later day is too.
    pub fn is_within(&self, days: i64, day: NaiveDate) -> bool {
        day >= add_days(self.today(), -days)
    }
}
