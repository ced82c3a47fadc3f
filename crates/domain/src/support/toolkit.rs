//! Help in the answer: what to do now, whom to reach now, and a helpline.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{contact::contacts, strategy::strategies};
pub use super::{
    contact::{MAX_CONTACTS, ToolkitContact},
    strategy::{MAX_STRATEGIES, ToolkitStrategy},
};
use crate::{
    craving_event::CravingEvent,
    plan::{Plan, PlanText},
    reference::helpline::{Helpline, HelplineTopic},
    support_contact::SupportContact,
    use_event::{Harm, UseEvent},
    value::vocabulary::{SituationCategory, Substance},
};

/// Everything that helps now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Toolkit {
    /// A kind word to begin with.
    #[schema(max_length = 400)]
    pub message: String,
    /// What to do, best first.
    #[schema(max_items = 10)]
    pub strategies: Vec<ToolkitStrategy>,
    /// Whom to reach, reachable ones first.
    #[schema(max_items = 20)]
    pub contacts: Vec<ToolkitContact>,
    /// Helplines of the person's country.
    #[schema(max_items = 50)]
    pub helplines: Vec<Helpline>,
    /// What the plan says to do after a lapse.
    #[schema(max_items = 100)]
    pub lapse_response: Vec<PlanText>,
    /// What to know for safety.
    #[schema(max_items = 10, max_length = 1000)]
    pub safety_notes: Vec<String>,
    /// The active plan that the strategies come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Uuid>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub plan_number: Option<i64>,
}

/// What the help is asked for.
#[derive(Debug, Clone, Default)]
pub struct Occasion {
    /// The plan's triggers at work.
    pub trigger_ids: Vec<Uuid>,
    /// The kind of situation.
    pub category: Option<SituationCategory>,
    /// The substance that was used, if any was.
    pub used: Option<Substance>,
    /// Whether the person was hurt.
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

/// What the help is made from.
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

/// Puts the help together for an occasion at a moment.
pub fn toolkit(occasion: &Occasion, sources: &Sources<'_>, now: DateTime<Utc>) -> Toolkit {
    Toolkit {
        message: message(occasion).to_owned(),
        strategies: strategies(occasion, sources),
        contacts: contacts(sources, now),
        helplines: helplines(occasion, sources),
        lapse_response: match sources.plan {
            Some((_, plan)) if occasion.used.is_some() => plan.content.lapse_response.to_vec(),
            _ => Vec::new(),
        },
        safety_notes: safety_notes(occasion),
        plan_id: sources.plan.map(|(id, _)| id),
        plan_number: sources.plan.map(|(_, plan)| plan.number.get()),
    }
}

/// Where someone may be in danger, the emergency number comes first.
fn helplines(occasion: &Occasion, sources: &Sources<'_>) -> Vec<Helpline> {
    let mut all = sources.helplines.clone();
    if matches!(occasion.harm, Some(Harm::Overdose | Harm::Injury)) {
        all.sort_by_key(|h| h.topic != HelplineTopic::Emergency);
    }
    all
}

fn message(occasion: &Occasion) -> &'static str {
    if occasion.used.is_some() {
        "Thank you for writing it down. Everything you have built is still yours, and the next step can be a small one."
    } else {
        "You noticed it, and that is the first step. Cravings rise and pass; here is what can carry you through."
    }
}

/// Plain words on safety, apart from any score.
fn safety_notes(occasion: &Occasion) -> Vec<String> {
    let mut notes = Vec::new();
    if occasion.harm == Some(Harm::Overdose) {
        notes.push(
            "If someone cannot be woken, breathes slowly or not at all, or has blue lips: call the emergency number now, \
             give naloxone if it is there, and stay with them."
                .to_owned(),
        );
    }
    if occasion.used.is_some_and(Substance::is_opioid) {
        notes.push(
            "After days without opioids the body tolerates less than before, so the usual amount can stop the breathing. \
             Keep naloxone at hand and have someone with you."
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests;
