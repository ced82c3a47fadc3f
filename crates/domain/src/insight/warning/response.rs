//! What answers a rule: items of the person's own plan, and practices of the library.

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

/// Most plan items for one rule.
const MAX_ITEMS: usize = 10;
/// Most people for one rule.
const MAX_PEOPLE: usize = 3;
/// Most practices for one rule.
const MAX_PRACTICES: usize = 3;

/// An item of the active plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanAnswer {
    /// The part of the plan that it stands in.
    pub section: PlanSection,
    /// The item; for a contact, the support contact.
    pub id: Uuid,
    /// What it says; for a contact, the name.
    #[schema(max_length = 4000)]
    pub text: String,
}

/// A practice of the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PracticeAnswer {
    /// Its name in references.
    #[schema(max_length = 60)]
    pub slug: String,
    /// Its name for people.
    #[schema(max_length = 200)]
    pub title: String,
    /// How long it takes, in minutes.
    #[schema(minimum = 1, maximum = 60)]
    pub minutes: u8,
}

/// The practices that answer the rule.
pub fn practices(rule: Rule) -> Vec<PracticeAnswer> {
    let found = rule.practices().iter().filter_map(|slug| find(slug));
    found
        .take(MAX_PRACTICES)
        .map(|practice| PracticeAnswer {
            slug: practice.slug.clone(),
            title: practice.title.clone(),
            minutes: practice.minutes,
        })
        .collect()
}

/// What the plan has for a rule, most specific first: what it says for after a lapse or for a risky situation, the
/// strategies for the triggers at work and of the families that fit, routines, then people. The sign that was noticed is
/// no answer to itself; it is among the inputs.
pub fn plan_items(rule: Rule, evidence: &Evidence, plan: &Plan, facts: &Facts) -> Vec<PlanAnswer> {
    let content = &plan.content;
    let item = |section, id: Option<Uuid>, text: &str| {
        Some(PlanAnswer {
            section,
            id: id?,
            text: text.to_owned(),
        })
    };
    let at_work = triggers_at_work(evidence, facts);
    let for_triggers = (content.strategies.iter())
        .filter(|strategy| strategy.trigger_ids.iter().any(|id| at_work.contains(id)))
        .map(|strategy| item(PlanSection::Strategies, strategy.id, &strategy.label));
    let after_use = matches!(rule, Rule::RecentUse | Rule::AfterLapse);
    let lapse = (content.lapse_response.iter())
        .filter(|_| after_use)
        .map(|step| item(PlanSection::LapseResponse, step.id, &step.text));
    let situations = (content.situations.iter())
        .filter(|_| matches!(rule, Rule::RiskySituation | Rule::LowEfficacy))
        .map(|situation| item(PlanSection::Situations, situation.id, &situation.label));
    let families = (content.strategies.iter())
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
    lapse
        .chain(situations)
        .chain(for_triggers)
        .chain(families)
        .chain(routines)
        .chain(people)
        .flatten()
        .filter(|answer| seen.insert(answer.id))
        .take(MAX_ITEMS)
        .collect()
}

/// The triggers that the records among the inputs carry.
fn triggers_at_work(evidence: &Evidence, facts: &Facts) -> HashSet<Uuid> {
    let ids: HashSet<Uuid> = evidence.inputs.iter().filter_map(|input| input.id).collect();
    let check_ins = facts.check_ins.iter().map(|c| (c.id, &c.record.trigger_ids));
    let cravings = facts.cravings.iter().map(|e| (e.id, &e.record.trigger_ids));
    let uses = facts.uses.iter().map(|e| (e.id, &e.record.trigger_ids));
    (check_ins.chain(cravings).chain(uses))
        .filter(|(id, _)| ids.contains(id))
        .flat_map(|(_, triggers)| triggers.iter().copied())
        .collect()
}
