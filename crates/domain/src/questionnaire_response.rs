//! Questionnaire responses: a person's answers to a questionnaire, and the scores that the server computes
//! from them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::reference::questionnaire::{
    ItemType, SHIPPED,
    answer::{Answer, Whole},
    form::Form,
    score::{SafetyNote, Score, score},
};
use crate::{
    record::{Kind, Record, ValidationContext, check_past},
    reference::helpline::{Helpline, most_urgent_first},
    value::{
        list::List,
        text::Text,
        timestamp::{Timestamp, example_time},
        validation::{FindingCode, Findings},
    },
};

/// The maximum number of answers in a response.
pub const MAX_ANSWERS: usize = 2000;
/// The maximum number of helplines with a safety note.
pub const MAX_HELPLINES: usize = 10;

/// The status of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseStatus {
    /// Not finished: answers may be missing, and there are no scores yet.
    InProgress,
    /// Finished. It can still be corrected and is then scored again.
    Completed,
}

/// A person's answers to a questionnaire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionnaireResponse {
    /// The questionnaire. It cannot change.
    pub questionnaire_id: Uuid,
    /// The status. A completed response stays completed.
    pub status: ResponseStatus,
    /// The time at which the questions were answered.
    pub occurred_at: Timestamp,
    /// The answers, in any order. An item that is not asked, given these answers, must have no answer.
    #[serde(default)]
    #[schema(value_type = Vec<Answer>, max_items = 2000)]
    pub answers: List<Answer, MAX_ANSWERS>,
    /// The scores of a completed response.
    #[serde(default)]
    #[schema(read_only, max_items = 50)]
    pub scores: Vec<Score>,
    /// The version of the scoring rules that produced the scores and notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only, max_length = 60)]
    pub scoring_version: Option<String>,
    /// Safety notes that follow from answers or scores, also while the response is in progress. Show them at
    /// once.
    #[serde(default)]
    #[schema(read_only, max_items = 50)]
    pub safety_notes: Vec<SafetyNote>,
    /// Helplines of the person's country at the time of storing, if there is a safety note: the emergency number, then
    /// the crisis lines, then the others. Show them with it.
    #[serde(default)]
    #[schema(read_only, max_items = 10)]
    pub helplines: Vec<Helpline>,
}

impl Record for QuestionnaireResponse {
    const KIND: Kind = Kind::QuestionnaireResponse;
    const READ_ONLY: &'static [&'static str] = &["scores", "scoring_version", "safety_notes", "helplines"];

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![Some(&mut self.occurred_at)]
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_past(self.occurred_at, "/occurred_at", now, findings);
    }

    fn check_change(&self, before: &Self, findings: &mut Findings) {
        if self.questionnaire_id != before.questionnaire_id {
            findings.add(
                "/questionnaire_id",
                FindingCode::Immutable,
                "cannot change; store a new response",
            );
        }
        if before.status == ResponseStatus::Completed && self.status != ResponseStatus::Completed {
            findings.add(
                "/status",
                FindingCode::Order,
                "a completed response stays completed",
            );
        }
    }

    fn depends_on_questionnaire(&self) -> Option<Uuid> {
        Some(self.questionnaire_id)
    }

    fn check_with(&self, context: &ValidationContext, findings: &mut Findings) {
        let is_completed = self.status == ResponseStatus::Completed;
        Form::new(&context.questionnaire, &self.answers).check(is_completed, findings);
    }

    fn complete_with(&mut self, context: &ValidationContext) {
        let is_completed = self.status == ResponseStatus::Completed;
        let outcome = score(&context.questionnaire, &self.answers, is_completed);
        self.scores = outcome.scores;
        self.scoring_version = outcome.version;
        self.safety_notes = outcome.notes;
        self.helplines = if self.safety_notes.is_empty() {
            Vec::new()
        } else {
            let mut helplines = context.helplines.to_vec();
            most_urgent_first(&mut helplines);
            helplines.truncate(MAX_HELPLINES);
            helplines
        };
    }

    fn example() -> Self {
        let mut example = Self {
            questionnaire_id: SHIPPED.as_ref().map(|own| own.id).unwrap_or_default(),
            status: ResponseStatus::Completed,
            occurred_at: example_time("2026-03-01T20:15:00+01:00"),
            answers: List::default(),
            scores: Vec::new(),
            scoring_version: None,
            safety_notes: Vec::new(),
            helplines: Vec::new(),
        };
        if let Some(own) = SHIPPED.as_ref() {
            example.answers = List::of(own.items.iter().filter_map(|item| {
                let mut answer = Answer::to(Text::new(&item.link_id)?);
                match item.kind {
                    ItemType::Choice => answer.value_coding.clone_from(&item.options.get(2)?.value_coding),
                    ItemType::Integer => answer.value_integer = Some(Whole::clamped(6)),
                    _ => return None,
                }
                Some(answer)
            }));
            let outcome = score(own, &example.answers, true);
            example.scores = outcome.scores;
            example.scoring_version = outcome.version;
        }
        example
    }
}
