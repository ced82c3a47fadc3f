//! The toolkit in a response: strategies to try now, people to reach now, and helplines.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{contact::contacts, strategy::strategies};
pub use super::{
    contact::{MAX_CONTACTS, ToolkitContact},
    occasion::{Occasion, Sources},
    strategy::{MAX_STRATEGIES, ToolkitStrategy},
};
use crate::{
    plan::PlanText,
    reference::helpline::{Helpline, HelplineTopic},
    use_event::Harm,
    value::vocabulary::Substance,
};

/// Everything that helps now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Toolkit {
    /// A kind message to begin with.
    #[schema(max_length = 400)]
    pub message: String,
    /// Strategies, best first.
    #[schema(max_items = 10)]
    pub strategies: Vec<ToolkitStrategy>,
    /// Contacts, reachable ones first.
    #[schema(max_items = 20)]
    pub contacts: Vec<ToolkitContact>,
    /// Helplines of the person's country.
    #[schema(max_items = 50)]
    pub helplines: Vec<Helpline>,
    /// The plan's steps after a lapse.
    #[schema(max_items = 100)]
    pub lapse_response: Vec<PlanText>,
    /// Safety notes.
    #[schema(max_items = 10, max_length = 1000)]
    pub safety_notes: Vec<String>,
    /// The active plan that the strategies come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Uuid>,
    /// The number of that plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub plan_number: Option<i64>,
}

/// Builds the toolkit for an occasion at a moment.
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

/// Orders the helplines. If someone may be in danger, the emergency number comes first.
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

/// The safety notes for an occasion, independent of any score.
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
