//! Plans: a person's own relapse-prevention plan and safety plan, in immutable numbered versions.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    goal::check_year,
    record::{ItemKind, Kind, NewId, Record, Reference, Target},
    value::{
        list::List,
        number::Int,
        text::Label,
        timestamp::{Timestamp, optional_date},
        validation::{FindingCode, Findings},
    },
};

mod content;
mod difference;
mod example;

pub use content::{
    OverdoseSafety, PlanContent, PlanSection, PlanSituation, PlanStrategy, PlanText, PlanTrigger,
    PlanWarningSign, SafetyStep, SituationStep, Stage, TriggerKind,
};
pub use difference::{ItemChange, PlanDifference, PlanItem, difference};

/// The maximum size in bytes of the document with the active plan and its contacts, so that a phone can keep
/// it.
pub const MAX_ACTIVE_BYTES: usize = 32 * 1024;
/// The part of [`MAX_ACTIVE_BYTES`] that the plan's content may take; the rest is for the contacts.
pub const MAX_ACTIVE_CONTENT_BYTES: usize = 24 * 1024;

/// The purpose of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// Staying well, and what to do when it gets hard.
    #[default]
    RelapsePrevention,
    /// Staying safe in a crisis.
    Safety,
}

impl PlanKind {
    /// The slot that the active plan of this kind holds, so that there is at most one.
    pub const fn active_slot(self) -> &'static str {
        match self {
            Self::RelapsePrevention => "active:relapse_prevention",
            Self::Safety => "active:safety",
        }
    }
}

/// The status of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// A draft.
    #[default]
    Draft,
    /// In use. At most one plan of each kind is active.
    Active,
    /// Replaced by another plan.
    Archived,
}

/// A plan. Each change creates the next immutable `number`. An item keeps its id, so that check-ins and
/// events can refer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The purpose.
    pub kind: PlanKind,
    /// The name.
    pub title: Label,
    /// The status; only activation changes it.
    #[serde(default)]
    #[schema(read_only)]
    pub status: PlanStatus,
    /// The number of this version of the content, from 1.
    #[serde(default = "first_number")]
    #[schema(read_only)]
    pub number: Int<1, 1_000_000>,
    /// The date on which to review the plan.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_date"
    )]
    pub review_on: Option<NaiveDate>,
    /// The content.
    pub content: PlanContent,
    /// The time of the last activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub activated_at: Option<Timestamp>,
}

pub(crate) const fn first_number() -> Int<1, 1_000_000> {
    Int::clamped(1)
}

impl Plan {
    /// Finds the parts that are missing before the plan can be activated.
    ///
    /// A plan needs a trigger or warning sign, a strategy, and someone to call: a contact that still exists,
    /// or a helpline of the person's country.
    pub fn missing_for_activation(&self, has_contact: bool, has_helpline: bool) -> Findings {
        let mut findings = Findings::default();
        self.check_parts(&mut findings);
        if !has_contact && !has_helpline {
            findings.add(
                "/content/contact_ids",
                FindingCode::Required,
                "needs at least one contact, or a country with helplines in the account",
            );
        }
        self.check_size(&mut findings);
        findings
    }

    /// Adds a finding for each section without which a plan cannot be used.
    fn check_parts(&self, findings: &mut Findings) {
        let content = &self.content;
        if content.triggers.is_empty() && content.warning_signs.is_empty() {
            findings.add(
                "/content/triggers",
                FindingCode::Required,
                "needs at least one trigger or warning sign",
            );
        }
        if content.strategies.is_empty() {
            findings.add(
                "/content/strategies",
                FindingCode::Required,
                "needs at least one coping strategy",
            );
        }
    }

    /// Adds a finding if the content is larger than [`MAX_ACTIVE_CONTENT_BYTES`].
    fn check_size(&self, findings: &mut Findings) {
        if crate::record::json(&self.content).len() > MAX_ACTIVE_CONTENT_BYTES {
            findings.add(
                "/content",
                FindingCode::Size,
                "an active plan's content takes at most 24 KiB as JSON",
            );
        }
    }

    /// Makes this the active plan since `now`.
    pub fn activate(&mut self, now: DateTime<Utc>) {
        self.status = PlanStatus::Active;
        self.activated_at = Some(Timestamp::utc(now));
    }

    /// Marks the plan as replaced by another.
    pub fn archive(&mut self) {
        self.status = PlanStatus::Archived;
    }

    /// Adds a finding for each reason why this version cannot replace the previous version of an active plan.
    pub fn check_as_active(&self, before: &Self, findings: &mut Findings) {
        if before.status == PlanStatus::Active {
            self.check_parts(findings);
            self.check_size(findings);
            if self.kind != before.kind {
                findings.add(
                    "/kind",
                    FindingCode::Immutable,
                    "the kind of an active plan cannot change",
                );
            }
        }
    }
}

impl Record for Plan {
    const KIND: Kind = Kind::Plan;
    const READ_ONLY: &'static [&'static str] = &["status", "number", "activated_at"];

    fn occurred_at(&self) -> Option<Timestamp> {
        None
    }

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        if let Some(review) = self.review_on {
            check_year(review, "/review_on", findings);
        }
        self.content.check(findings);
    }

    fn check_change(&self, before: &Self, findings: &mut Findings) {
        self.check_as_active(before, findings);
    }

    fn complete(&mut self, _now: DateTime<Utc>, new_id: NewId<'_>) {
        self.content.complete(new_id);
    }

    fn adopt(&mut self, before: &Self) {
        self.status = before.status;
        self.activated_at = before.activated_at;
        self.number = Int::clamped(before.number.get() + 1);
    }

    fn slot(&self) -> Option<String> {
        (self.status == PlanStatus::Active).then(|| self.kind.active_slot().to_owned())
    }

    fn references(&self) -> Vec<Reference> {
        let contact = Target::Record(Kind::SupportContact);
        let mut all = Reference::each("/content/contact_ids", &self.content.contact_ids, contact);
        for (n, situation) in self.content.situations.iter().enumerate() {
            all.extend(situation.steps.iter().enumerate().filter_map(|(m, step)| {
                Some(Reference {
                    pointer: format!("/content/situations/{n}/steps/{m}/contact_id"),
                    id: step.contact_id?,
                    target: contact,
                })
            }));
        }
        all
    }

    fn items(&self) -> Vec<(Uuid, ItemKind)> {
        let content = &self.content;
        let triggers = content.triggers.iter().map(|i| (i.id, ItemKind::Trigger));
        let signs = content
            .warning_signs
            .iter()
            .map(|i| (i.id, ItemKind::WarningSign));
        let strategies = content.strategies.iter().map(|i| (i.id, ItemKind::Strategy));
        triggers
            .chain(signs)
            .chain(strategies)
            .filter_map(|(id, kind)| Some((id?, kind)))
            .collect()
    }

    fn example() -> Self {
        example::plan()
    }
}

#[cfg(test)]
mod tests;
