//! The input of a toolkit: the occasion for help, and the data from which help is chosen.

use uuid::Uuid;

use crate::{
    check_in::CheckIn,
    craving_event::CravingEvent,
    insight::facts::{AsOf, Facts, WithId},
    plan::Plan,
    reference::helpline::Helpline,
    support_contact::SupportContact,
    use_event::UseEvent,
    value::vocabulary::{SituationCategory, Substance},
};

/// The occasion for help.
#[derive(Debug, Clone, Default)]
pub struct Occasion {
    /// The event that help is for. Without one, the person asks for help as if with a craving.
    pub event: Option<Uuid>,
    /// The plan's triggers that play a part.
    pub trigger_ids: Vec<Uuid>,
    /// The kind of situation.
    pub category: Option<SituationCategory>,
    /// The substance that was used, if any was.
    pub used: Option<Substance>,
}

/// A record that is an occasion for help.
pub trait HelpOccasion: Sized {
    /// Returns the occasion.
    fn occasion(event: &WithId<Self>) -> Occasion;

    /// Returns the part of the facts that these records are in.
    fn collection(facts: &mut Facts) -> &mut Vec<WithId<Self>>;

    /// Adds the event to the facts if it is too old to be among them.
    fn include_in(event: WithId<Self>, facts: &mut Facts) {
        let collection = Self::collection(facts);
        if collection.iter().all(|one| one.id != event.id) {
            collection.push(event);
        }
    }
}

impl HelpOccasion for CravingEvent {
    fn occasion(event: &WithId<Self>) -> Occasion {
        Occasion {
            event: Some(event.id),
            trigger_ids: event.record.trigger_ids.to_vec(),
            category: event.record.category,
            used: None,
        }
    }

    fn collection(facts: &mut Facts) -> &mut Vec<WithId<Self>> {
        &mut facts.cravings
    }
}

impl HelpOccasion for UseEvent {
    fn occasion(event: &WithId<Self>) -> Occasion {
        let record = &event.record;
        Occasion {
            event: Some(event.id),
            trigger_ids: record.trigger_ids.to_vec(),
            category: record.category,
            used: (!record.as_prescribed).then_some(record.substance),
        }
    }

    fn collection(facts: &mut Facts) -> &mut Vec<WithId<Self>> {
        &mut facts.uses
    }
}

impl HelpOccasion for CheckIn {
    fn occasion(event: &WithId<Self>) -> Occasion {
        Occasion {
            event: Some(event.id),
            trigger_ids: event.record.trigger_ids.to_vec(),
            category: None,
            used: None,
        }
    }

    fn collection(facts: &mut Facts) -> &mut Vec<WithId<Self>> {
        &mut facts.check_ins
    }
}

/// The data from which the toolkit is built.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The active relapse-prevention plan with its id.
    pub plan: Option<(Uuid, &'a Plan)>,
    /// The active safety plan with its id.
    pub safety_plan: Option<(Uuid, &'a Plan)>,
    /// Every support contact with its id.
    pub contacts: &'a [(Uuid, SupportContact)],
    /// Craving events to learn from, and the recent records that tell of dangers.
    pub facts: &'a Facts,
    /// Helplines, in order.
    pub helplines: Vec<Helpline>,
    /// The moment, in the person's time zone. Contacts without a zone of their own are in it too.
    pub as_of: &'a AsOf,
}

impl<'a> Sources<'a> {
    /// Returns the craving events to learn from.
    pub fn events(&self) -> impl Iterator<Item = &'a CravingEvent> + Clone + use<'a> {
        self.facts.cravings.iter().map(|event| &event.record)
    }

    /// Returns the plan that strategies come from: that against relapse, otherwise the safety plan.
    pub fn strategy_plan(&self) -> Option<(Uuid, &'a Plan)> {
        self.plan.or(self.safety_plan)
    }
}
