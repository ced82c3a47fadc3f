//! Use events: a day of use is a piece of data. It resets nothing and erases nothing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    plan::{PlanSection, Stage, TriggerKind},
    record::{Deletion, ItemKind, Kind, NewId, Record, Reference, Target, check_end, check_past},
    reference::practice,
    value::{
        amount::Amount,
        list::{Ids, List},
        nullable,
        number::{Int, Rating},
        text::{Label, Note, Prose, Text, text},
        timestamp::{Timestamp, example_time},
        validation::{FindingCode, Findings},
        vocabulary::{SituationCategory, StrategyCategory, Substance},
    },
};

mod plan_from_review;

pub use plan_from_review::plan_from_review;

/// What the person calls the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelfLabel {
    /// A slip.
    Slip,
    /// A lapse.
    Lapse,
    /// A relapse.
    Relapse,
    /// It was planned.
    PlannedUse,
    /// No label.
    NoLabel,
}

/// Whether the person was hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// No.
    None,
    /// An overdose.
    Overdose,
    /// An injury.
    Injury,
    /// Not known.
    Unknown,
}

/// How the person felt about it afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UseEventFeelings {
    /// Guilt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guilt: Option<Rating>,
    /// Shame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shame: Option<Rating>,
    /// The feeling of being in control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub felt_control: Option<Rating>,
}

/// A day of use. Deleting marks it `entered_in_error`; nothing else removes one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UseEvent {
    /// What was used.
    pub substance: Substance,
    /// When it began.
    pub occurred_at: Timestamp,
    /// When it ended; an event that spans midnight counts on every date it touches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// Of what unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Text<1, 60>>,
    /// Taken as prescribed, so that it is no day of use; `false` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub as_prescribed: bool,
    /// What the person calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_label: Option<SelfLabel>,
    /// What kind of situation it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<SituationCategory>,
    /// Triggers of the plan that were at work.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub trigger_ids: Ids,
    /// Warning signs of the plan that were noticed before.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub warning_sign_ids: Ids,
    /// The craving event that came before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub craving_event_id: Option<Uuid>,
    /// How the person felt about it afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feelings: Option<UseEventFeelings>,
    /// Whether the person was hurt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<Harm>,
    /// Anything in own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// True once the event was deleted: it counts nowhere any more.
    #[serde(default)]
    #[schema(read_only)]
    pub entered_in_error: bool,
}

impl Record for UseEvent {
    const KIND: Kind = Kind::UseEvent;
    const READ_ONLY: &'static [&'static str] = &["entered_in_error"];
    const DELETION: Deletion = Deletion::Marked;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_past(self.occurred_at, "/occurred_at", now, findings);
        check_end(self.occurred_at, self.ended_at, "/ended_at", now, findings);
    }

    fn mark_deleted(&mut self) {
        self.entered_in_error = true;
    }

    fn references(&self) -> Vec<Reference> {
        let mut all = Reference::each("/trigger_ids", &self.trigger_ids, Target::Item(ItemKind::Trigger));
        all.extend(Reference::each(
            "/warning_sign_ids",
            &self.warning_sign_ids,
            Target::Item(ItemKind::WarningSign),
        ));
        all.extend(self.craving_event_id.map(|id| Reference {
            pointer: "/craving_event_id".to_owned(),
            id,
            target: Target::Record(Kind::CravingEvent),
        }));
        all
    }

    fn example() -> Self {
        Self {
            substance: Substance::Alcohol,
            occurred_at: example_time("2026-03-07T22:40:00-05:00"),
            ended_at: Some(example_time("2026-03-08T01:10:00-05:00")),
            amount: Amount::new(4.0),
            unit: Some(text!("standard drinks")),
            as_prescribed: false,
            self_label: Some(SelfLabel::Lapse),
            category: Some(SituationCategory::SocialPressure),
            trigger_ids: Ids::default(),
            warning_sign_ids: Ids::default(),
            craving_event_id: None,
            feelings: Some(UseEventFeelings {
                guilt: Some(Rating::clamped(6)),
                shame: Some(Rating::clamped(5)),
                felt_control: Some(Rating::clamped(4)),
            }),
            harm: Some(Harm::None),
            note: Some(text!("A birthday. I called Robin on the way home.")),
            entered_in_error: false,
        }
    }
}

/// Something that a review suggests for the plan. What a part of the plan asks for besides a name may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposedItem {
    /// Its id; made by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The part of the plan that it belongs to.
    pub section: PlanSection,
    /// What it says.
    pub label: Label,
    /// Anything else about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Of a trigger: where it comes from; `external` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_kind: Option<TriggerKind>,
    /// Of a warning sign: its stage; `emotional`, the earliest, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Of a strategy: its family; that of the practice, else `other`, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_category: Option<StrategyCategory>,
    /// Of a strategy: the library practice that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practice: Option<Label>,
    /// Of a situation or a trigger: its kind; that of the use event if left out. A situation of an event without one is
    /// among `urges_and_temptations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub situation_category: Option<SituationCategory>,
    /// Of a line of a safety plan: its step; 2, what I can do alone, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Int<1, 6>>,
}

/// A chain analysis: what led to the event, what helped, and what to change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UseEventReview {
    /// The situation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub situation: Option<Prose>,
    /// What made the person vulnerable that day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerabilities: Option<Prose>,
    /// What went through the mind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thoughts: Option<Prose>,
    /// What was felt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feelings: Option<Prose>,
    /// What helped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_helped: Option<Prose>,
    /// What to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_to_change: Option<Prose>,
    /// What the plan could gain from it.
    #[serde(default)]
    #[schema(value_type = Vec<ProposedItem>, max_items = 50)]
    pub proposed_items: List<ProposedItem, 50>,
}

impl Record for UseEventReview {
    const KIND: Kind = Kind::UseEventReview;
    const PARENT: Option<Kind> = Some(Kind::UseEvent);

    fn occurred_at(&self) -> Option<Timestamp> {
        None
    }

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        if *self == Self::default() {
            findings.add("", FindingCode::Required, "needs at least one member");
        }
        for (n, item) in self.proposed_items.iter().enumerate() {
            if let Some(slug) = &item.practice {
                practice::check(slug, &format!("/proposed_items/{n}/practice"), findings);
            }
        }
    }

    fn complete(&mut self, _now: DateTime<Utc>, new_id: NewId<'_>) {
        for item in self.proposed_items.items_mut() {
            item.id.get_or_insert_with(&mut *new_id);
        }
    }

    fn example() -> Self {
        Self {
            situation: Some(text!("A birthday at the old bar.")),
            vulnerabilities: Some(text!("Little sleep, and I had skipped dinner.")),
            thoughts: Some(text!("One will be fine.")),
            feelings: Some(text!("Left out, then cheerful, then sad.")),
            what_helped: Some(text!("Leaving, and calling Robin.")),
            what_to_change: Some(text!("Eat before I go out; leave with a friend at ten.")),
            proposed_items: List::of([ProposedItem {
                id: None,
                section: PlanSection::WarningSigns,
                label: text!("Skipping meals before a party"),
                note: None,
                trigger_kind: None,
                stage: Some(Stage::Emotional),
                strategy_category: None,
                practice: None,
                situation_category: None,
                step: None,
            }]),
        }
    }
}
