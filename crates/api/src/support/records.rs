//! Reads the part of a person's record that help is put together from.

use chrono::{DateTime, TimeDelta, Utc};
use mainstay_domain::{
    insight::facts::{Facts, WithId},
    medication::MedicationClass,
    plan::{Plan, PlanKind},
    record::{Kind, Record},
    support_contact::SupportContact,
};
use mainstay_store::{Order, Part, Range, Records, StoreError, Stored};
use uuid::Uuid;

use crate::record::{decode, written};

/// The largest number of craving events that strategies are ranked by, and of use events, the newest ones, so that help
/// is quick after years of records too.
const MAX_EVENTS: i64 = 500;
/// The largest number of contacts that are considered.
const MAX_CONTACTS: i64 = 2000;
/// The largest number of goals, of medications, and of the records of the last day.
const MAX_OTHERS: i64 = 100;
/// Days of use events. A discharge is dangerous for those who used opioids before it.
const USE_DAYS: i64 = 366;
/// Days of transitions.
const TRANSITION_DAYS: i64 = 31;
/// Hours of check-ins and questionnaire responses.
const HOURS: i64 = 26;
/// Days of doses: an injection may last for 190 days and be overdue for more.
const DOSE_DAYS: i64 = 400;

/// The records that help is put together from.
#[derive(Default)]
pub(super) struct HelpRecords {
    /// The active relapse-prevention plan.
    pub plan: Option<(Uuid, Plan)>,
    /// The active safety plan.
    pub safety_plan: Option<(Uuid, Plan)>,
    /// The support contacts.
    pub contacts: Vec<(Uuid, SupportContact)>,
    /// Craving events to learn from, and the recent records that tell of dangers.
    pub facts: Facts,
}

/// Reads the records at a moment: two plans by their slots, everything else in one statement, and doses only of people
/// with a medication that matters.
///
/// # Errors
/// Of the store.
pub(super) fn read_records(records: &mut Records<'_>, now: DateTime<Utc>) -> Result<HelpRecords, StoreError> {
    let since = |back: TimeDelta| Some((now - back).timestamp_micros());
    let part = |kind, from, limit| Part { kind, from, limit };
    let parts = records.parts([
        part(Kind::SupportContact, None, MAX_CONTACTS),
        part(Kind::CravingEvent, None, MAX_EVENTS),
        part(Kind::UseEvent, since(TimeDelta::days(USE_DAYS)), MAX_EVENTS),
        part(Kind::Goal, None, MAX_OTHERS),
        part(Kind::Medication, None, MAX_OTHERS),
        part(
            Kind::Transition,
            since(TimeDelta::days(TRANSITION_DAYS)),
            MAX_OTHERS,
        ),
        part(Kind::CheckIn, since(TimeDelta::hours(HOURS)), MAX_OTHERS),
        part(
            Kind::QuestionnaireResponse,
            since(TimeDelta::hours(HOURS)),
            MAX_OTHERS,
        ),
    ])?;
    let mut found = HelpRecords {
        plan: active_plan(records, PlanKind::RelapsePrevention)?,
        safety_plan: active_plan(records, PlanKind::Safety)?,
        ..HelpRecords::default()
    };
    for (kind, stored) in parts {
        found.add(kind, &stored)?;
    }
    found.facts.doses = doses(records, &found.facts, since(TimeDelta::days(DOSE_DAYS)))?;
    Ok(found)
}

impl HelpRecords {
    fn add(&mut self, kind: Kind, stored: &Stored) -> Result<(), StoreError> {
        let facts = &mut self.facts;
        match kind {
            Kind::SupportContact => self.contacts.push((stored.id, decode(&stored.body)?)),
            Kind::CravingEvent => facts.cravings.push(with_id(stored)?),
            Kind::UseEvent => facts.uses.push(with_id(stored)?),
            Kind::Goal => facts.goals.push(with_id(stored)?),
            Kind::Medication => facts.medications.push(with_id(stored)?),
            Kind::Transition => facts.transitions.push(with_id(stored)?),
            Kind::CheckIn => facts.check_ins.push(with_id(stored)?),
            Kind::QuestionnaireResponse => facts.responses.push(with_id(stored)?),
            _ => {}
        }
        Ok(())
    }
}

/// Opens a record with its id.
pub(super) fn with_id<T: Record>(stored: &Stored) -> Result<WithId<T>, StoreError> {
    Ok(WithId {
        id: stored.id,
        record: decode(&stored.body)?,
        written: written(stored),
    })
}

fn active_plan(records: &mut Records<'_>, kind: PlanKind) -> Result<Option<(Uuid, Plan)>, StoreError> {
    let stored = records.by_slot(Kind::Plan, kind.active_slot())?;
    stored
        .map(|stored| Ok((stored.id, decode(&stored.body)?)))
        .transpose()
}

/// Reads the doses of a person who takes an opioid medication or an antagonist; nothing for anybody else.
fn doses<T: Record>(
    records: &mut Records<'_>,
    facts: &Facts,
    from: Option<i64>,
) -> Result<Vec<WithId<T>>, StoreError> {
    use MedicationClass::{Antagonist, OpioidAgonist, PartialAgonist};
    let has_opioid_medication = (facts.medications.iter())
        .any(|m| matches!(m.record.class, OpioidAgonist | PartialAgonist | Antagonist));
    if !has_opioid_medication {
        return Ok(Vec::new());
    }
    let range = Range {
        from,
        limit: MAX_EVENTS,
        order: Order::Descending,
        ..Range::default()
    };
    records.list(T::KIND, &range)?.iter().map(with_id).collect()
}
