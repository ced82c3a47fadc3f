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
