//! The toolkit in a response: strategies to try now, people to reach now, helplines, and what to say in acute danger.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    contact::{ContactOrder, contacts},
    strategy::strategies,
};
pub use super::{
    contact::{MAX_CONTACTS, ToolkitContact},
    occasion::{HelpOccasion, Occasion, Sources},
    strategy::{MAX_STRATEGIES, ToolkitStrategy},
};
use crate::{
    plan::{PlanText, SafetyStep},
    reference::helpline::Helpline,
    safety::{
        SafetyNote, Situation, dangers, most_urgent_first,
        text::{Circumstance, NoteContext},
    },
};

/// Everything that helps now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = SupportToolkit)]
pub struct Toolkit {
    /// A kind message to begin with.
    #[schema(max_length = 400)]
    pub message: String,
    /// Safety notes, the most urgent first.
    #[schema(max_items = 8)]
    pub safety_notes: Vec<SafetyNote>,
    /// The steps of the active safety plan, in their order.
    #[schema(max_items = 100)]
    pub safety_steps: Vec<SafetyStep>,
    /// Strategies, best first.
    #[schema(max_items = 10)]
    pub strategies: Vec<ToolkitStrategy>,
    /// Contacts, reachable ones first. If the person may be in danger, those for a crisis come before all others.
    #[schema(max_items = 20)]
    pub contacts: Vec<ToolkitContact>,
    /// Helplines of the person's country. If there is a safety note, the emergency number comes first, then the crisis
    /// lines.
    #[schema(max_items = 50)]
    pub helplines: Vec<Helpline>,
    /// The plan's steps after a lapse.
    #[schema(max_items = 100)]
    pub lapse_response: Vec<PlanText>,
    /// The active plan that the strategies come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Uuid>,
    /// The number of that plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub plan_number: Option<i64>,
}

/// Builds the toolkit for an occasion.
pub fn toolkit(occasion: &Occasion, sources: &Sources<'_>) -> Toolkit {
    let dangers = dangers(&Situation {
        facts: sources.facts,
        as_of: sources.as_of,
        event: occasion.event,
        asks_for_help: occasion.event.is_none(),
    });
    let is_crisis = dangers.iter().any(|danger| danger.topic.is_crisis());
    let mut helplines = sources.helplines.clone();
    if !dangers.is_empty() {
        most_urgent_first(&mut helplines);
    }
    let context = NoteContext {
        facts: sources.facts,
        helplines: &sources.helplines,
        safety_plan: sources.safety_plan.map(|_| Circumstance::SafetyPlan),
    };
    let order = if is_crisis {
        ContactOrder::CrisisFirst
    } else {
        ContactOrder::ReachableFirst
    };
    let plan = sources.strategy_plan();
    Toolkit {
        message: message(occasion, is_crisis).to_owned(),
        safety_notes: SafetyNote::about(&dangers, &context),
        safety_steps: safety_steps(sources),
        strategies: strategies(occasion, sources),
        contacts: contacts(sources, order),
        helplines,
        lapse_response: match plan {
            Some((_, plan)) if occasion.used.is_some() => plan.content.lapse_response.to_vec(),
            _ => Vec::new(),
        },
        plan_id: plan.map(|(id, _)| id),
        plan_number: plan.map(|(_, plan)| plan.number.get()),
    }
}

/// Returns the steps of the active safety plan, in the order of their numbers.
fn safety_steps(sources: &Sources<'_>) -> Vec<SafetyStep> {
    let mut steps = sources
        .safety_plan
        .map_or_else(Vec::new, |(_, plan)| plan.content.safety_steps.to_vec());
    steps.sort_by_key(|step| step.step);
    steps
}

fn message(occasion: &Occasion, is_crisis: bool) -> &'static str {
    if is_crisis {
        "Thank you for writing it down. Your safety comes first now. Help is there right away, and you do not have to be sure. \
         If it is not safe to speak where you are, go somewhere else first."
    } else if occasion.is_prescribed {
        "Thank you for writing it down. What is prescribed for you is part of your care. If something about it worries you, \
         whoever prescribes it, or a pharmacist, can help."
    } else if occasion.used.is_some() {
        "Thank you for writing it down. Everything you have built is still yours, and the next step can be a small one."
    } else {
        "You noticed it, and that is the first step. Cravings rise and pass; here is what can carry you through."
    }
}

#[cfg(test)]
mod tests;
