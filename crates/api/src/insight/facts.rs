//! Opening the part of a person's record that an insight needs.

use chrono::{Days, NaiveDate};
use mainstay_domain::{
    insight::facts::{Facts, WithId},
    record::{Kind, Record},
};
use mainstay_store::{Order, Range, Records, StoreError, Stored};

use crate::record::decode;

/// Records that are read at once, so that sealed ones do not pile up beside opened ones.
const PAGE: i64 = 500;
/// Most records of one collection that are looked at, the newest ones: many a year, every day.
pub const MOST: usize = 20_000;

/// How far back a collection is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Need {
    /// Not at all.
    #[default]
    None,
    /// What lies on this date or later, on whichever clock.
    From(NaiveDate),
    /// All of it.
    All,
}

impl Need {
    /// A collection from a date on, or all of it without one.
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
}

impl Needs {
    /// Whether the long collections are needed from their beginning.
    pub fn is_whole(self) -> bool {
        [self.check_ins, self.cravings, self.medications, self.profiles] == [Need::All; 4] && self.uses
    }
}

/// Opens what is needed, up to a moment in microseconds.
///
/// # Errors
/// What the database says, or a record that does not open.
pub fn read(records: &mut Records<'_>, needs: Needs, upto: Option<i64>) -> Result<Facts, StoreError> {
    let all_if = |needed: bool| if needed { Need::All } else { Need::None };
    Ok(Facts {
        goals: collection(records, all_if(needs.goals), None)?,
        // A plan is ordered by when it was made; what it says now names the items of all times.
        plans: collection(records, all_if(needs.plans), None)?,
        check_ins: collection(records, needs.check_ins, upto)?,
        cravings: collection(records, needs.cravings, upto)?,
        uses: collection(records, all_if(needs.uses), upto)?,
        // A medication is ordered by its first day, feedback by when it was given.
        medications: collection(records, all_if(needs.medications != Need::None), None)?,
        doses: collection(records, needs.medications, upto)?,
        practice_sessions: collection(records, needs.protective, upto)?,
        attendances: collection(records, needs.protective, upto)?,
        profiles: collection(records, needs.profiles, upto)?,
        feedback: collection(records, all_if(needs.feedback), upto)?,
        // Whom to call now, whenever they were written down.
        contacts: collection(records, all_if(needs.contacts), None)?,
    })
}

/// The records of a collection, newest first.
fn collection<T: Record>(
    records: &mut Records<'_>,
    need: Need,
    upto: Option<i64>,
) -> Result<Vec<WithId<T>>, StoreError> {
    let mut found = Vec::new();
    pages(records, T::KIND, need, upto, |stored| {
        found.push(WithId {
            id: stored.id,
            record: decode(&stored.body)?,
        });
        Ok(())
    })?;
    Ok(found)
}

/// Takes in the records of a collection, newest first.
///
/// # Errors
/// What the database says, or taking one in.
pub fn pages(
    records: &mut Records<'_>,
    kind: Kind,
    need: Need,
    upto: Option<i64>,
    mut take_in: impl FnMut(Stored) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let from = match need {
        Need::None => return Ok(()),
        Need::All => None,
        // The date began up to a day earlier further east.
        Need::From(date) => date
            .checked_sub_days(Days::new(1))
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|start| start.and_utc().timestamp_micros()),
    };
    let mut range = Range {
        from,
        to: upto.map(|at| at.saturating_add(1)),
        order: Order::Descending,
        limit: PAGE,
        after: None,
    };
    let mut taken = 0;
    loop {
        let page = records.list(kind, &range)?;
        let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        range.after = page.last().map(|last| (last.occurred_at, last.id));
        taken += page.len();
        page.into_iter().try_for_each(&mut take_in)?;
        if is_last || taken >= MOST {
            return Ok(());
        }
    }
}
