//! Use events: records of substance use. A use event is a piece of data; it resets nothing and erases
//! nothing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    plan::{PlanSection, Stage, TriggerKind},
    record::{Deletion, ItemKind, Kind, NewId, Record, Reference, Target, check_end, check_past},
    reference::practice,
    value::{
        amount::{Abv, Amount, AmountUnit, UnitLabel, UnitMembers},
        list::{Ids, List},
        nullable,
        number::{Int, Rating},
        text::{Label, Note, Prose, text},
        timestamp::{Timestamp, example_time},
        validation::{FindingCode, Findings},
        vocabulary::{SituationCategory, StrategyCategory, Substance},
    },
};

mod earlier_form;
mod plan_from_review;

pub use plan_from_review::plan_from_review;

/// The person's own word for the event.
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

/// Whether the person came to harm.
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

/// The person's feelings after the event.
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

/// A use event. Deleting it marks it as `entered_in_error`; nothing else removes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UseEvent {
    /// The substance that was used.
    pub substance: Substance,
    /// The time at which it began.
    pub occurred_at: Timestamp,
    /// The time at which it ended. An event that spans midnight counts on every date that it touches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// The unit of the amount. An amount without one is stored, but no computation knows how much it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<AmountUnit>,
    /// The strength of the drink in percent by volume; only with the unit `ml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abv: Option<Abv>,
    /// The person's own word for the unit, such as bottles; only with the unit `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_label: Option<UnitLabel>,
    /// Whether it was taken as prescribed. Such an event does not count as use. `false` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub as_prescribed: bool,
    /// The person's own word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_label: Option<SelfLabel>,
    /// The kind of situation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<SituationCategory>,
    /// Triggers of the plan that played a part.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub trigger_ids: Ids,
    /// Warning signs of the plan that were noticed beforehand.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub warning_sign_ids: Ids,
    /// The craving event that preceded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub craving_event_id: Option<Uuid>,
    /// The person's feelings after the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feelings: Option<UseEventFeelings>,
    /// Whether the person came to harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<Harm>,
    /// A free note in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Whether the event was deleted. A deleted event no longer counts anywhere.
    #[serde(default)]
    #[schema(read_only)]
    pub entered_in_error: bool,
}

impl UseEvent {
    /// Returns the unit of the amount.
    pub fn unit_members(&self) -> UnitMembers<'_> {
        UnitMembers {
            unit: self.unit,
            abv: self.abv,
            label: self.unit_label.as_ref(),
        }
    }
}

impl Record for UseEvent {
    const KIND: Kind = Kind::UseEvent;
    // Help is part of a response, and may be sent back with it.
    const READ_ONLY: &'static [&'static str] = &["entered_in_error", "support"];
    const DELETION: Deletion = Deletion::Marked;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![Some(&mut self.occurred_at), self.ended_at.as_mut()]
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_past(self.occurred_at, "/occurred_at", now, findings);
        check_end(self.occurred_at, self.ended_at, "/ended_at", now, findings);
        if self.unit.is_some() && self.amount.is_none() {
            findings.add("/amount", FindingCode::Required, "a unit needs its amount");
        }
        self.unit_members().check(findings);
    }

    fn in_current_form(stored: &[u8]) -> Option<Vec<u8>> {
        earlier_form::with_listed_unit(stored)
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
            unit: Some(AmountUnit::StandardDrink),
            abv: None,
            unit_label: None,
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

/// An item that a review proposes for the plan. Only the section and the name are required; the other members
/// have defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposedItem {
    /// The id; generated by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id: Option<Uuid>,
    /// The section of the plan to which it belongs.
    pub section: PlanSection,
    /// The name or text.
    pub label: Label,
    /// A free note about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// For a trigger: its origin; `external` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_kind: Option<TriggerKind>,
    /// For a warning sign: its stage; `emotional`, the earliest, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// For a strategy: its family. If left out, it is the family of the practice, or `other` without a
    /// practice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_category: Option<StrategyCategory>,
    /// For a strategy: the practice of the library on which it is based.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practice: Option<Label>,
    /// For a situation or a trigger: its kind. If left out, it is the kind of the use event. A situation is
    /// in `urges_and_temptations` if the event has no kind either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub situation_category: Option<SituationCategory>,
    /// For a line of a safety plan: its step; 2, what I can do alone, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Int<1, 6>>,
}

/// A chain analysis of a use event: the steps that led to it, the things that helped, and the things to
/// change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UseEventReview {
    /// The situation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub situation: Option<Prose>,
    /// Vulnerabilities of that day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerabilities: Option<Prose>,
    /// Thoughts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thoughts: Option<Prose>,
    /// Feelings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feelings: Option<Prose>,
    /// What helped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_helped: Option<Prose>,
    /// What to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_to_change: Option<Prose>,
    /// Items to add to the plan.
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
