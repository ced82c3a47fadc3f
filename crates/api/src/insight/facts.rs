//! Reads the part of a person's record that an insight needs.

use std::ops::ControlFlow;

use chrono::{Days, NaiveDate};
use mainstay_domain::{
    insight::facts::{Facts, WithId},
    record::{Kind, Record},
};
use mainstay_store::{Order, Range, Records, StoreError, Stored};

use crate::record::{decode, written};

/// The largest number of records of one collection that an insight is computed from, the newest ones: many a day for
/// years.
pub const MAX_RECORDS: usize = 20_000;
/// No more records of a collection are read after so many bytes, opened: 1.6 KiB for each of the most records.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// How far back a collection is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Need {
    /// Not at all.
    #[default]
    None,
    /// Records on this date or later, in any time zone.
    From(NaiveDate),
    /// All of it.
    All,
}

impl Need {
    /// Returns the need for a collection from a date on, or for all of it without a date.
    pub fn since(first: Option<NaiveDate>) -> Self {
        first.map_or(Self::All, Self::From)
    }
}

impl Need {
    /// What either of two needs.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::From(one), Self::From(other)) => Self::From(one.min(other)),
            (need, Self::None) | (Self::None, need) => need,
        }
    }
}

/// The collections that an insight needs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one collection whether it is needed"
)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Needs {
    /// Goals, all of them.
    pub goals: bool,
    /// Plans, all of them.
    pub plans: bool,
    /// Check-ins.
    pub check_ins: Need,
    /// Craving events.
    pub cravings: Need,
    /// Use events; all of them or none, since one may reach over many days.
    pub uses: bool,
    /// Medications, all of them, with their doses from this date on.
    pub medications: Need,
    /// Practice sessions and attendances.
    pub protective: Need,
    /// Self-efficacy profiles.
    pub profiles: Need,
    /// Feedback on early warnings, all of it.
    pub feedback: bool,
    /// Support contacts, all of them.
    pub contacts: bool,
    /// Transitions from one level of care to the next.
    pub transitions: Need,
    /// Questionnaire responses.
    pub responses: Need,
}

impl Needs {
    /// The needs without those collections that may not be read.
    #[must_use]
    pub fn limited_to(self, may_read: impl Fn(Kind) -> bool) -> Self {
        let need = |need: Need, kind: Kind| if may_read(kind) { need } else { Need::None };
        Self {
            goals: self.goals && may_read(Kind::Goal),
            plans: self.plans && may_read(Kind::Plan),
            check_ins: need(self.check_ins, Kind::CheckIn),
            cravings: need(self.cravings, Kind::CravingEvent),
            uses: self.uses && may_read(Kind::UseEvent),
            medications: need(self.medications, Kind::Medication),
            // Attendances are read with practice sessions.
            protective: need(self.protective, Kind::Attendance),
            profiles: need(self.profiles, Kind::SelfEfficacyProfile),
            feedback: self.feedback && may_read(Kind::WarningFeedback),
            contacts: self.contacts && may_read(Kind::SupportContact),
            transitions: need(self.transitions, Kind::Transition),
            responses: need(self.responses, Kind::QuestionnaireResponse),
        }
    }

    /// What either of two needs.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            goals: self.goals || other.goals,
            plans: self.plans || other.plans,
            check_ins: self.check_ins.or(other.check_ins),
            cravings: self.cravings.or(other.cravings),
            uses: self.uses || other.uses,
            medications: self.medications.or(other.medications),
            protective: self.protective.or(other.protective),
            profiles: self.profiles.or(other.profiles),
            feedback: self.feedback || other.feedback,
            contacts: self.contacts || other.contacts,
            transitions: self.transitions.or(other.transitions),
            responses: self.responses.or(other.responses),
        }
    }

    /// Whether every long collection is needed from its beginning.
    pub fn is_whole(self) -> bool {
        [self.check_ins, self.cravings, self.medications, self.profiles] == [Need::All; 4] && self.uses
    }
}

/// Reads the collections that are needed, with records up to a moment in microseconds.
///
/// # Errors
/// Errors of the database; a record that cannot be opened.
pub fn read(records: &mut Records<'_>, needs: Needs, upto: Option<i64>) -> Result<Facts, StoreError> {
    let all_if = |needed: bool| if needed { Need::All } else { Need::None };
    Ok(Facts {
        goals: collection(records, all_if(needs.goals), None)?,
        // Plans are ordered by when they were created. Today's content names the items of all times.
        plans: collection(records, all_if(needs.plans), None)?,
        check_ins: collection(records, needs.check_ins, upto)?,
        cravings: collection(records, needs.cravings, upto)?,
        uses: collection(records, all_if(needs.uses), upto)?,
        // Medications are ordered by their first day, feedback by when it was given.
        medications: collection(records, all_if(needs.medications != Need::None), None)?,
        doses: collection(records, needs.medications, upto)?,
        practice_sessions: collection(records, needs.protective, upto)?,
        attendances: collection(records, needs.protective, upto)?,
        profiles: collection(records, needs.profiles, upto)?,
        feedback: collection(records, all_if(needs.feedback), upto)?,
        // The people to call now, whenever their contact was created.
        contacts: collection(records, all_if(needs.contacts), None)?,
        // A transition is ordered by the midnight of its day in UTC, which may be later than the moment.
        transitions: collection(records, needs.transitions, None)?,
        responses: collection(records, needs.responses, upto)?,
    })
}

/// Reads the records of a collection, newest first.
fn collection<T: Record>(
    records: &mut Records<'_>,
    need: Need,
    upto: Option<i64>,
) -> Result<Vec<WithId<T>>, StoreError> {
    let mut collected = Vec::new();
    for_each_record(records, T::KIND, need, upto, |stored| {
        collected.push(WithId {
            id: stored.id,
            record: decode(&stored.body)?,
            written: written(&stored),
        });
        Ok(())
    })?;
    Ok(collected)
}

/// Calls `visit` with each record of a collection, newest first.
///
/// # Errors
/// Errors of the database and of `visit`.
pub fn for_each_record(
    records: &mut Records<'_>,
    kind: Kind,
    need: Need,
    upto: Option<i64>,
    mut visit: impl FnMut(Stored) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let from = match need {
        Need::None => return Ok(()),
        Need::All => None,
        Need::From(date) => earliest_start(date),
    };
    let range = Range {
        from,
        to: upto.map(|at| at.saturating_add(1)),
        order: Order::Descending,
        limit: i64::try_from(MAX_RECORDS).unwrap_or(i64::MAX),
        after: None,
    };
    let mut bytes: usize = 0;
    records.for_each(kind, &range, |stored| {
        bytes = bytes.saturating_add(stored.body.len());
        visit(stored)?;
        Ok(if bytes < MAX_BYTES {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })
}

/// The earliest moment at which a date may have begun, in microseconds: further east it began up to a day before UTC.
pub fn earliest_start(date: NaiveDate) -> Option<i64> {
    date.checked_sub_days(Days::new(1))
        .and_then(|date| date.and_hms_opt(0, 0, 0))
        .map(|start| start.and_utc().timestamp_micros())
}
