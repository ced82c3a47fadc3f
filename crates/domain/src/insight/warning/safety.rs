//! Safety notes among the warnings: the dangers that the record tells of, each with the inputs that tell of it.
//!
//! They are independent of the score and cannot be muted. [`crate::safety`] has the rules and the texts.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::evidence::{MAX_INPUTS, WarningInput};
use crate::{
    insight::facts::{AsOf, Facts, WithId},
    plan::{Plan, PlanKind, PlanStatus},
    reference::helpline::Helpline,
    safety::{
        SafetyInput, SafetyNote, SafetyTopic, Situation, dangers,
        text::{Circumstance, NoteContext},
    },
};

/// A safety note with the inputs that led to it, and with helplines to call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WarningSafetyNote {
    /// Topic of the note.
    pub topic: SafetyTopic,
    /// Text of the note.
    #[schema(max_length = 1200)]
    pub text: String,
    /// The clinician who reviewed the text. Absent as long as nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub reviewed_by: Option<String>,
    /// The date of that review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed_on: Option<NaiveDate>,
    /// The inputs that led to the note, newest first.
    #[schema(max_items = 50)]
    pub inputs: Vec<WarningInput>,
    /// Helplines to call, the emergency number first; at least one.
    #[schema(max_items = 5)]
    pub helplines: Vec<Helpline>,
}

impl From<SafetyInput> for WarningInput {
    fn from(input: SafetyInput) -> Self {
        Self::new(input.kind, input.id, input.member, input.value, input.at)
    }
}

/// Returns the safety notes that apply now, the most urgent first.
pub fn safety_notes(facts: &Facts, helplines: &[Helpline], as_of: &AsOf) -> Vec<WarningSafetyNote> {
    safety_notes_about(facts, helplines, as_of, |_| true)
}

/// Returns the safety notes about some topics. They speak of each other as if there were no other notes.
pub fn safety_notes_about(
    facts: &Facts,
    helplines: &[Helpline],
    as_of: &AsOf,
    is_shown: impl Fn(SafetyTopic) -> bool,
) -> Vec<WarningSafetyNote> {
    let situation = Situation {
        facts,
        as_of,
        event: None,
        asks_for_help: false,
    };
    let is_active_safety_plan = |plan: &WithId<Plan>| {
        plan.record.kind == PlanKind::Safety && plan.record.status == PlanStatus::Active
    };
    let context = NoteContext {
        facts,
        helplines,
        safety_plan: (facts.plans.iter().any(is_active_safety_plan)).then_some(Circumstance::SafetyPlan),
    };
    let mut dangers = dangers(&situation);
    dangers.retain(|danger| is_shown(danger.topic));
    let notes = SafetyNote::about(&dangers, &context);
    let with_inputs = notes
        .into_iter()
        .zip(dangers)
        .map(|(note, danger)| WarningSafetyNote {
            topic: note.topic,
            text: note.text,
            reviewed_by: note.reviewed_by,
            reviewed_on: note.reviewed_on,
            inputs: (danger.inputs.into_iter().take(MAX_INPUTS))
                .map(WarningInput::from)
                .collect(),
            helplines: note.helplines,
        });
    with_inputs.collect()
}
