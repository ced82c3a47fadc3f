//! Thought records: a method of cognitive behavioural therapy to look at a thought from another side.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    record::{Kind, NewId, Record, check_past},
    value::{
        list::List,
        number::{Percent, Rating},
        text::{Label, Note, Prose, text},
        timestamp::{Timestamp, example_time},
        validation::Findings,
    },
};

/// Cognitive distortions: habits of thought (Beck 1976; Burns 1980), and one that is known from craving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distortion {
    /// Black or white, with nothing between.
    AllOrNothingThinking,
    /// Once means always.
    Overgeneralization,
    /// Seeing only the one hard thing.
    MentalFilter,
    /// Good things do not count.
    DiscountingThePositive,
    /// Knowing what others think.
    MindReading,
    /// Knowing how it will end.
    FortuneTelling,
    /// The worst will happen.
    Catastrophizing,
    /// Making something smaller than it is, such as a risk.
    Minimizing,
    /// It feels so, therefore it is so.
    EmotionalReasoning,
    /// Rules about what one should or must.
    ShouldStatements,
    /// One word for a whole person.
    Labeling,
    /// It is all about me.
    Personalization,
    /// It is all about others.
    Blaming,
    /// Measuring oneself against others.
    UnfairComparison,
    /// Reasons why this once is allowed.
    PermissionGiving,
    /// Another one.
    Other,
}

/// A feeling, rated before and after looking at the thought again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ThoughtEmotion)]
pub struct Emotion {
    /// The person's name for it.
    pub name: Label,
    /// How strong it was.
    pub before: Rating,
    /// How strong it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Rating>,
}

/// A thought with the evidence for and against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThoughtRecord {
    /// The time of the thought. If left out, it is the time at which the record was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub occurred_at: Option<Timestamp>,
    /// The situation.
    pub situation: Prose,
    /// The thought.
    pub thought: Prose,
    /// How much the person believed it, 0–100.
    pub belief_before: Percent,
    /// Feelings.
    #[serde(default)]
    #[schema(value_type = Vec<Emotion>, max_items = 20)]
    pub emotions: List<Emotion, 20>,
    /// Habits of thought that may be at work.
    #[serde(default)]
    #[schema(value_type = Vec<Distortion>, max_items = 20)]
    pub distortions: List<Distortion, 20>,
    /// Evidence for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_for: Option<Note>,
    /// Evidence against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_against: Option<Note>,
    /// An alternative view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative: Option<Note>,
    /// How much the person believes the first thought now, 0–100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub belief_after: Option<Percent>,
}

impl Record for ThoughtRecord {
    const KIND: Kind = Kind::ThoughtRecord;
    const TIMED_BY_SERVER: bool = true;

    fn occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![self.occurred_at.as_mut()]
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        if let Some(at) = self.occurred_at {
            check_past(at, "/occurred_at", now, findings);
        }
    }

    fn complete(&mut self, now: DateTime<Utc>, _new_id: NewId<'_>) {
        self.occurred_at.get_or_insert(Timestamp::utc(now));
    }

    /// Keeps the previous time if the new version has none.
    fn adopt(&mut self, before: &Self) {
        self.occurred_at = self.occurred_at.or(before.occurred_at);
    }

    fn example() -> Self {
        Self {
            occurred_at: Some(example_time("2026-03-01T16:30:00-05:00")),
            situation: text!("My boss asked for a word tomorrow morning."),
            thought: text!("I will lose the job, so I may as well drink."),
            belief_before: Percent::clamped(80),
            emotions: List::of([Emotion {
                name: text!("fear"),
                before: Rating::clamped(8),
                after: Some(Rating::clamped(4)),
            }]),
            distortions: List::of([Distortion::Catastrophizing, Distortion::PermissionGiving]),
            evidence_for: Some(text!("He looked serious.")),
            evidence_against: Some(text!(
                "He praised the last report; a new project starts this week."
            )),
            alternative: Some(text!("It is most likely about the project.")),
            belief_after: Some(Percent::clamped(30)),
        }
    }
}
