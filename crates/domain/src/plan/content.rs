//! What a plan says: its parts and their items.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    record::NewId,
    value::{
        list::{Ids, List},
        number::{Int, Percent, Rating},
        text::{Label, Note, Prose},
        vocabulary::{SituationCategory, StrategyCategory},
    },
};

/// The parts of a plan that hold items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanSection {
    /// Reasons for recovery.
    Reasons,
    /// Triggers.
    Triggers,
    /// Warning signs.
    WarningSigns,
    /// Coping strategies.
    Strategies,
    /// High-risk situations.
    Situations,
    /// Contacts in calling order.
    ContactIds,
    /// What to do after a lapse.
    LapseResponse,
    /// Changes of the surroundings.
    Environment,
    /// Routines.
    Routines,
    /// Overdose safety.
    OverdoseSafety,
    /// Steps of a safety plan.
    SafetySteps,
}

/// Where a trigger comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// People, places, things, times.
    External,
    /// Feelings, thoughts, the body.
    Internal,
}

/// The stage of relapse that a warning sign belongs to (Gorski; Melemis 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Feelings and self-care, before any thought of use.
    Emotional,
    /// Thoughts of use.
    Mental,
    /// On the way to use.
    Physical,
}

/// A line of text in a plan: a reason, a step after a lapse, a change of the surroundings, a routine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanText {
    /// Its id; made by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// What it says.
    pub text: Prose,
}

/// Something that brings cravings on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanTrigger {
    /// Its id; made by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name.
    pub label: Label,
    /// Where it comes from.
    pub kind: TriggerKind,
    /// The kind of situation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<SituationCategory>,
    /// How likely it is to come up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Rating>,
    /// Anything else about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// A sign that things are getting harder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanWarningSign {
    /// Its id; made by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name.
    pub label: Label,
    /// Its stage.
    pub stage: Stage,
    /// Anything else about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// Something that helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanStrategy {
    /// Its id; made by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name.
    pub label: Label,
    /// Its family.
    pub category: StrategyCategory,
    /// The library practice that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practice: Option<Label>,
    /// How it goes, in own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<Note>,
    /// How long it takes, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<Int<1, 1440>>,
    /// The triggers of this plan that it answers.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub trigger_ids: Ids,
}

/// A step of an if-then plan: a strategy, a person to reach, or something in own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SituationStep {
    /// A strategy of this plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_id: Option<Uuid>,
    /// A support contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<Uuid>,
    /// Own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Prose>,
}

/// A high-risk situation with what to do in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanSituation {
    /// Its id; made by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name.
    pub label: Label,
    /// Its kind.
    pub category: SituationCategory,
    /// How likely it is to come up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Rating>,
    /// Confidence to cope with it, 0–100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Percent>,
    /// What to do, in order.
    #[serde(default)]
    #[schema(value_type = Vec<SituationStep>, max_items = 100)]
    pub steps: List<SituationStep, 100>,
}

/// Safety around opioids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverdoseSafety {
    /// Whether naloxone is at hand.
    pub naloxone_at_hand: bool,
    /// Where it is, who knows how to give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// A line of a safety plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SafetyStep {
    /// Its id; made by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The step that it belongs to: 1 warning signs, 2 what I can do alone, 3 people and places that distract,
    /// 4 people to ask for help, 5 professionals, 6 making the surroundings safe.
    pub step: Int<1, 6>,
    /// What it says.
    pub text: Prose,
}

/// Everything a plan says. Items have ids that stay the same from one number to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanContent {
    /// Reasons for recovery.
    #[serde(default)]
    #[schema(value_type = Vec<PlanText>, max_items = 100)]
    pub reasons: List<PlanText, 100>,
    /// What brings cravings on.
    #[serde(default)]
    #[schema(value_type = Vec<PlanTrigger>, max_items = 100)]
    pub triggers: List<PlanTrigger, 100>,
    /// Signs that things are getting harder.
    #[serde(default)]
    #[schema(value_type = Vec<PlanWarningSign>, max_items = 100)]
    pub warning_signs: List<PlanWarningSign, 100>,
    /// What helps.
    #[serde(default)]
    #[schema(value_type = Vec<PlanStrategy>, max_items = 100)]
    pub strategies: List<PlanStrategy, 100>,
    /// High-risk situations with if-then steps.
    #[serde(default)]
    #[schema(value_type = Vec<PlanSituation>, max_items = 100)]
    pub situations: List<PlanSituation, 100>,
    /// Support contacts in calling order.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub contact_ids: Ids,
    /// What to do after a lapse.
    #[serde(default)]
    #[schema(value_type = Vec<PlanText>, max_items = 100)]
    pub lapse_response: List<PlanText, 100>,
    /// Changes of the surroundings.
    #[serde(default)]
    #[schema(value_type = Vec<PlanText>, max_items = 100)]
    pub environment: List<PlanText, 100>,
    /// Routines that keep well.
    #[serde(default)]
    #[schema(value_type = Vec<PlanText>, max_items = 100)]
    pub routines: List<PlanText, 100>,
    /// Safety around opioids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdose_safety: Option<OverdoseSafety>,
    /// Steps of a safety plan.
    #[serde(default)]
    #[schema(value_type = Vec<SafetyStep>, max_items = 100)]
    pub safety_steps: List<SafetyStep, 100>,
}

impl PlanContent {
    /// Gives an id to every item that has none.
    pub(super) fn complete(&mut self, new_id: NewId<'_>) {
        let texts = [
            &mut self.reasons,
            &mut self.lapse_response,
            &mut self.environment,
            &mut self.routines,
        ];
        let texts = texts
            .into_iter()
            .flat_map(crate::value::list::List::items_mut)
            .map(|i| &mut i.id);
        let rest = (self.triggers.items_mut().iter_mut().map(|i| &mut i.id))
            .chain(self.warning_signs.items_mut().iter_mut().map(|i| &mut i.id))
            .chain(self.strategies.items_mut().iter_mut().map(|i| &mut i.id))
            .chain(self.situations.items_mut().iter_mut().map(|i| &mut i.id))
            .chain(self.safety_steps.items_mut().iter_mut().map(|i| &mut i.id));
        for id in texts.chain(rest) {
            id.get_or_insert_with(&mut *new_id);
        }
    }

    /// Every id that an item has, with the JSON pointer to it from the plan's root.
    pub(crate) fn item_ids(&self) -> Vec<(String, Uuid)> {
        let texts = [
            ("reasons", &self.reasons),
            ("lapse_response", &self.lapse_response),
            ("environment", &self.environment),
            ("routines", &self.routines),
        ];
        let mut all: Vec<(&str, usize, Option<Uuid>)> = Vec::new();
        for (name, list) in texts {
            all.extend(list.iter().enumerate().map(|(n, i)| (name, n, i.id)));
        }
        all.extend(
            self.triggers
                .iter()
                .enumerate()
                .map(|(n, i)| ("triggers", n, i.id)),
        );
        all.extend(
            self.warning_signs
                .iter()
                .enumerate()
                .map(|(n, i)| ("warning_signs", n, i.id)),
        );
        all.extend(
            self.strategies
                .iter()
                .enumerate()
                .map(|(n, i)| ("strategies", n, i.id)),
        );
        all.extend(
            self.situations
                .iter()
                .enumerate()
                .map(|(n, i)| ("situations", n, i.id)),
        );
        all.extend(
            self.safety_steps
                .iter()
                .enumerate()
                .map(|(n, i)| ("safety_steps", n, i.id)),
        );
        all.into_iter()
            .filter_map(|(name, n, id)| Some((format!("/content/{name}/{n}/id"), id?)))
            .collect()
    }
}
