//! The input of a toolkit: the occasion for help, and the data from which help is chosen.

use chrono_tz::Tz;
use uuid::Uuid;

use crate::{
    craving_event::CravingEvent,
    plan::Plan,
    reference::helpline::Helpline,
    support_contact::SupportContact,
    use_event::{Harm, UseEvent},
    value::vocabulary::{SituationCategory, Substance},
};

/// The occasion for help.
#[derive(Debug, Clone, Default)]
pub struct Occasion {
    /// The plan's triggers that play a part.
    pub trigger_ids: Vec<Uuid>,
    /// The kind of situation.
    pub category: Option<SituationCategory>,
    /// The substance that was used, if any was.
    pub used: Option<Substance>,
    /// Whether the person came to harm.
    pub harm: Option<Harm>,
}

impl From<&CravingEvent> for Occasion {
    fn from(event: &CravingEvent) -> Self {
        Self {
            trigger_ids: event.trigger_ids.to_vec(),
            category: event.category,
            used: None,
            harm: None,
        }
    }
}

impl From<&UseEvent> for Occasion {
    fn from(event: &UseEvent) -> Self {
        Self {
            trigger_ids: event.trigger_ids.to_vec(),
            category: event.category,
            used: (!event.as_prescribed).then_some(event.substance),
            harm: event.harm,
        }
    }
}

/// The data from which the toolkit is built.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The active plan with its id.
    pub plan: Option<(Uuid, &'a Plan)>,
    /// Every support contact with its id.
    pub contacts: &'a [(Uuid, SupportContact)],
    /// Craving events to learn from.
    pub events: &'a [CravingEvent],
    /// Helplines, in order.
    pub helplines: Vec<Helpline>,
    /// The person's time zone, for contacts without one.
    pub time_zone: Tz,
}
