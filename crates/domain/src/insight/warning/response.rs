//! Help for a rule that fired: items of the person's own plan, and practices of the library.

use std::collections::HashSet;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{evidence::Evidence, rule::Rule};
use crate::{
    insight::facts::Facts,
    plan::{Plan, PlanSection},
    reference::practice::find,
    support_contact::ContactStatus,
};

/// Maximum number of plan items for one rule.
const MAX_ITEMS: usize = 10;
/// Maximum number of people for one rule.
const MAX_PEOPLE: usize = 3;
/// Maximum number of practices for one rule.
const MAX_PRACTICES: usize = 3;

/// An item of the active plan that helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanAnswer {
    /// Section of the plan that contains the item.
    pub section: PlanSection,
    /// Id of the item. For a contact, id of the support contact.
    pub id: Uuid,
    /// Text of the item. For a contact, the name.
    #[schema(max_length = 4000)]
    pub text: String,
}

/// A practice of the library that helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PracticeAnswer {
    /// Slug of the practice, for references.
    #[schema(max_length = 60)]
    pub slug: String,
    /// Title of the practice, for people.
    #[schema(max_length = 200)]
    pub title: String,
    /// Duration, in minutes.
    #[schema(minimum = 1, maximum = 60)]
    pub minutes: u8,
}

/// Returns the practices of the library that help with a rule.
pub fn practices(rule: Rule) -> Vec<PracticeAnswer> {
    let practices = rule.practices().iter().filter_map(|slug| find(slug));
    practices
        .take(MAX_PRACTICES)
        .map(|practice| PracticeAnswer {
            slug: practice.slug.clone(),
            title: practice.title.clone(),
            minutes: practice.minutes,
        })
        .collect()
}

/// Returns the items of a plan that help with a rule, most specific first. Steps for after a lapse or for a
/// risky situation come first, then strategies for the current triggers, then strategies of fitting
/// categories, routines and people. A warning sign that was noticed is not among them, because it does not
/// help against itself. It is one of the inputs.
pub fn plan_items(rule: Rule, evidence: &Evidence, plan: &Plan, facts: &Facts) -> Vec<PlanAnswer> {
    let content = &plan.content;
    let item = |section, id: Option<Uuid>, text: &str| {
        Some(PlanAnswer {
            section,
            id: id?,
            text: text.to_owned(),
        })
    };
    let current_triggers = triggers_of_inputs(evidence, facts);
    let for_triggers = (content.strategies.iter())
        .filter(|strategy| {
            strategy
                .trigger_ids
                .iter()
                .any(|id| current_triggers.contains(id))
        })
        .map(|strategy| item(PlanSection::Strategies, strategy.id, &strategy.label));
    let is_after_use = matches!(rule, Rule::RecentUse | Rule::AfterLapse);
    let lapse_steps = (content.lapse_response.iter())
        .filter(|_| is_after_use)
        .map(|step| item(PlanSection::LapseResponse, step.id, &step.text));
    let situations = (content.situations.iter())
        .filter(|_| matches!(rule, Rule::RiskySituation | Rule::LowEfficacy))
        .map(|situation| item(PlanSection::Situations, situation.id, &situation.label));
    let of_fitting_categories = (content.strategies.iter())
        .filter(|strategy| rule.strategy_categories().contains(&strategy.category))
        .map(|strategy| item(PlanSection::Strategies, strategy.id, &strategy.label));
    let routines = (content.routines.iter())
        .filter(|_| {
            matches!(
                rule,
                Rule::Sleep | Rule::Halt | Rule::EmotionalSigns | Rule::Stress
            )
        })
        .map(|routine| item(PlanSection::Routines, routine.id, &routine.text));
    let people = (content.contact_ids.iter())
        .filter(|_| rule.weight() >= 2 || matches!(rule, Rule::Isolation | Rule::LowMood))
        .filter_map(|id| facts.contacts.iter().find(|contact| contact.id == *id))
        .filter(|contact| {
            !matches!(
                contact.record.status,
                ContactStatus::Declined | ContactStatus::Ended
            )
        })
        .take(MAX_PEOPLE)
        .map(|contact| item(PlanSection::ContactIds, Some(contact.id), &contact.record.name));
    let mut seen = HashSet::new();
    lapse_steps
        .chain(situations)
        .chain(for_triggers)
        .chain(of_fitting_categories)
        .chain(routines)
        .chain(people)
        .flatten()
        .filter(|item| seen.insert(item.id))
        .take(MAX_ITEMS)
        .collect()
}

/// Returns the triggers of the records that the inputs come from.
fn triggers_of_inputs(evidence: &Evidence, facts: &Facts) -> HashSet<Uuid> {
    let ids: HashSet<Uuid> = evidence.inputs.iter().filter_map(|input| input.id).collect();
    let check_ins = facts.check_ins.iter().map(|c| (c.id, &c.record.trigger_ids));
    let cravings = facts.cravings.iter().map(|e| (e.id, &e.record.trigger_ids));
    let uses = facts.uses.iter().map(|e| (e.id, &e.record.trigger_ids));
    (check_ins.chain(cravings).chain(uses))
        .filter(|(id, _)| ids.contains(id))
        .flat_map(|(_, triggers)| triggers.iter().copied())
        .collect()
}
