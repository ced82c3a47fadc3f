//! Reads the part of a person's record that help is put together from.

use chrono::{DateTime, TimeDelta, Utc};
use mainstay_domain::{
    insight::facts::{Facts, WithId},
    medication::MedicationClass,
    plan::{Plan, PlanKind},
    record::{Kind, Record},
    support_contact::SupportContact,
};
use mainstay_store::{Part, Records, StoreError, Stored};
use uuid::Uuid;

use crate::record::{decode, written};

/// Hours that "the last 24 hours" of the safety notes reach back at most, as they are counted from a full hour.
const ACUTE_HOURS: i64 = 26;
/// Days that every other rule of the safety notes about events reaches back at most, but for what a record is about.
const RECENT_DAYS: i64 = 35;
/// Days of use events. A discharge is dangerous for those who used opioids before it.
const USE_DAYS: i64 = 366;
/// Days of doses: an injection may last for 190 days and be overdue for more.
const DOSE_DAYS: i64 = 400;
/// Days of transitions.
const TRANSITION_DAYS: i64 = 31;
/// The largest number of records of one collection in the acute hours: one in each two minutes. Nothing else is let in their
/// way. This and the other numbers bound what help costs, because each record must be opened and read.
const MAX_ACUTE: i64 = 1000;
/// The largest number of questionnaire responses in the acute hours. They are long.
const MAX_RESPONSES: i64 = 250;
/// The largest number of use events and of doses in the recent days before the acute hours: nearly 30 a day.
const MAX_RECENT: i64 = 1000;
/// The largest number of craving events in these days. Only strategies and one rule of a week read them.
const MAX_RECENT_CRAVINGS: i64 = 500;
/// The largest number of older use events and doses.
const MAX_OLDER: i64 = 500;
/// The largest number of older craving events. Strategies are ranked by those of all times.
const MAX_OLDER_CRAVINGS: i64 = 250;
/// The largest number of contacts, goals, medications and transitions.
const MAX_OTHERS: i64 = 250;

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
    let ago = |back: TimeDelta| Some((now - back).timestamp_micros());
    let acute = ago(TimeDelta::hours(ACUTE_HOURS));
    let recent = ago(TimeDelta::days(RECENT_DAYS));
    let part = |kind, from, to, limit| Part {
        kind,
        from,
        to,
        limit,
    };
    let parts = records.parts([
        part(Kind::SupportContact, None, None, MAX_OTHERS),
        part(Kind::CravingEvent, acute, None, MAX_ACUTE),
        part(Kind::CravingEvent, recent, acute, MAX_RECENT_CRAVINGS),
        part(Kind::CravingEvent, None, recent, MAX_OLDER_CRAVINGS),
        part(Kind::UseEvent, acute, None, MAX_ACUTE),
        part(Kind::UseEvent, recent, acute, MAX_RECENT),
        part(Kind::UseEvent, ago(TimeDelta::days(USE_DAYS)), recent, MAX_OLDER),
        part(Kind::Goal, None, None, MAX_OTHERS),
        part(Kind::Medication, None, None, MAX_OTHERS),
        part(
            Kind::Transition,
            ago(TimeDelta::days(TRANSITION_DAYS)),
            None,
            MAX_OTHERS,
        ),
        part(Kind::CheckIn, acute, None, MAX_ACUTE),
        part(Kind::QuestionnaireResponse, acute, None, MAX_RESPONSES),
    ])?;
    let mut found = HelpRecords {
        plan: active_plan(records, PlanKind::RelapsePrevention)?,
        safety_plan: active_plan(records, PlanKind::Safety)?,
        ..HelpRecords::default()
    };
    for (kind, stored) in parts {
        found.add(kind, &stored)?;
    }
    let doses = [
        part(Kind::Dose, recent, None, MAX_RECENT),
        part(Kind::Dose, ago(TimeDelta::days(DOSE_DAYS)), recent, MAX_OLDER),
    ];
    if has_opioid_medication(&found.facts) {
        for (kind, stored) in records.parts(doses)? {
            found.add(kind, &stored)?;
        }
    }
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
            Kind::CheckIn if answers_about_safety(stored) => facts.check_ins.push(with_id(stored)?),
            Kind::Dose => facts.doses.push(with_id(stored)?),
            Kind::QuestionnaireResponse => facts.responses.push(with_id(stored)?),
            _ => {}
        }
        Ok(())
    }
}

/// Whether a check-in may have an answer about feeling safe. It is the only one that help reads, and most have none, so
/// the others are not read into their type.
fn answers_about_safety(stored: &Stored) -> bool {
    const MEMBER: &[u8] = b"\"feels_safe\"";
    stored.body.windows(MEMBER.len()).any(|part| part == MEMBER)
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

/// Whether the person has an opioid medication or an antagonist. Only then do doses matter.
fn has_opioid_medication(facts: &Facts) -> bool {
    use MedicationClass::{Antagonist, OpioidAgonist, PartialAgonist};
    (facts.medications.iter()).any(|m| matches!(m.record.class, OpioidAgonist | PartialAgonist | Antagonist))
}
