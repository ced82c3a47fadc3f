//! Proposals: changes to a plan that a clinician or a peer suggests, and that only the person can accept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    account::Role,
    invitation::HelperRole,
    plan::{MAX_ACTIVE_CONTENT_BYTES, Plan, PlanContent, PlanDifference, difference},
    record::{NewId, Record, json},
    support_contact::Relationship,
    value::{
        number::Int,
        text::{Text, text},
        timestamp::{Timestamp, example_time},
        validation::{Finding, FindingCode, Findings},
    },
};

/// The maximum number of open proposals to one plan.
pub const MAX_OPEN_PROPOSALS: i64 = 20;
/// The maximum number of proposals that are kept for one person. Beyond it, the oldest that was decided goes.
pub const MAX_PROPOSALS: i64 = 200;

/// The number of a plan.
pub type PlanNumber = Int<1, 1_000_000>;
/// What a helper says about a proposal.
pub type ProposalNote = Text<1, 2000>;
/// Why a person declines a proposal.
pub type DeclineReason = Text<1, 500>;

/// Whether a helper may suggest changes to a plan: a clinician, a sponsor, a peer or a recovery coach.
pub const fn may_propose(role: HelperRole, relationship: Relationship) -> bool {
    let is_peer = matches!(
        relationship,
        Relationship::Sponsor | Relationship::Peer | Relationship::RecoveryCoach
    );
    is_peer || matches!(role, HelperRole::Clinician)
}

/// The status of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProposalStatus {
    /// The person has not decided.
    Open,
    /// The person accepted it, as it was or with changes.
    Accepted,
    /// The person declined it.
    Declined,
    /// Its helper took it back.
    Withdrawn,
    /// The plan has another number by now. The person can still decline it, or accept it with content of their own.
    Outdated,
}

/// A change to a plan that someone suggests. The plan stays as it is until the person accepts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = PlanProposal)]
pub struct Proposal {
    /// The id.
    pub id: Uuid,
    /// The plan.
    pub plan_id: Uuid,
    /// The number of the plan that it was made for.
    pub plan_number: PlanNumber,
    /// The account that suggests it; left out if that account was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Uuid>,
    /// The role of that account.
    pub by_role: Role,
    /// The status.
    pub status: ProposalStatus,
    /// What its helper says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<ProposalNote>,
    /// The suggested content; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<PlanContent>,
    /// What it changes: compared with the latest number of the plan while nobody has decided, and afterwards with the number
    /// that it was made for. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<PlanDifference>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was accepted, declined or withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// Why the person declined it, if they said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DeclineReason>,
    /// The number of the plan that it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_number: Option<PlanNumber>,
}

impl Proposal {
    /// Compares the suggested content with a number of the plan.
    ///
    /// # Errors
    /// If the plan cannot be serialised.
    pub fn compare_with(&mut self, plan: &Plan) -> Result<(), serde_json::Error> {
        if let Some(content) = self.content.clone() {
            let proposed = Plan {
                content,
                ..plan.clone()
            };
            self.difference = Some(difference(plan, &proposed)?);
        }
        Ok(())
    }

    /// Leaves out what lists do not show.
    #[must_use]
    pub fn in_list(self) -> Self {
        Self {
            content: None,
            difference: None,
            ..self
        }
    }

    /// What its helper sees of it who does not see every part of the plan. Its numbers, and that it is outdated, would tell
    /// of changes of what they do not see.
    #[must_use]
    pub fn without_numbers(self) -> Self {
        Self {
            plan_number: PlanNumber::clamped(1),
            accepted_number: None,
            status: match self.status {
                ProposalStatus::Outdated => ProposalStatus::Open,
                status => status,
            },
            ..self
        }
    }

    /// A valid proposal for documentation.
    pub fn example() -> Self {
        let plan = Plan::example();
        let content = NewProposal::example().content;
        let mut proposal = Self {
            id: Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0051),
            plan_id: Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0050),
            plan_number: plan.number,
            by: Some(Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0060)),
            by_role: Role::Clinician,
            status: ProposalStatus::Open,
            note: Some(text!(
                "You told me that the mornings are hardest. What do you think?"
            )),
            content: Some(content),
            difference: None,
            created_at: example_time("2026-03-02T09:00:00Z"),
            decided_at: None,
            reason: None,
            accepted_number: None,
        };
        // The example is a plan, which can be serialised.
        proposal.compare_with(&plan).unwrap_or_default();
        proposal
    }
}

/// A new proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPlanProposal)]
pub struct NewProposal {
    /// The id; the server creates one if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The number of the plan that its helper has seen; the latest if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_number: Option<PlanNumber>,
    /// The suggested content. Items keep their ids; new ones get one. It takes at most 24 KiB, as that of an active plan.
    pub content: PlanContent,
    /// A few words about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<ProposalNote>,
}

/// A checked proposal that is about to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalDraft {
    /// Its id.
    pub id: Uuid,
    /// The number of the plan that its helper has seen; the latest if there is none.
    pub plan_number: Option<PlanNumber>,
    /// The suggested content, in which every item has an id.
    pub content: PlanContent,
    /// A few words about it.
    pub note: Option<ProposalNote>,
    /// What was sent, without the id. Two proposals have the same content if these bytes are equal.
    pub canonical: Vec<u8>,
}

impl NewProposal {
    /// Gives the proposal and its items the ids that are missing.
    pub fn into_draft(mut self, new_id: NewId<'_>) -> ProposalDraft {
        let id = self.id.take().unwrap_or_else(&mut *new_id);
        let canonical = json(&self);
        self.content.complete(new_id);
        ProposalDraft {
            id,
            plan_number: self.plan_number,
            content: self.content,
            note: self.note,
            canonical,
        }
    }

    /// Adds a finding for each fault.
    pub fn check(&self, findings: &mut Findings) {
        self.content.check(findings);
        check_size(&self.content, findings);
    }

    /// A valid proposal for documentation and tests.
    pub fn example() -> Self {
        let mut content = Plan::example().content;
        content.strategies.items_mut().iter_mut().for_each(|strategy| {
            strategy.label = text!("Walk along the river before breakfast");
        });
        Self {
            id: None,
            plan_number: None,
            content,
            note: Some(text!(
                "You told me that the mornings are hardest. What do you think?"
            )),
        }
    }
}

/// Adds a finding if content takes more than an active plan may have.
fn check_size(content: &PlanContent, findings: &mut Findings) {
    if json(content).len() > MAX_ACTIVE_CONTENT_BYTES {
        findings.add(
            "/content",
            FindingCode::Size,
            "the content takes at most 24 KiB as JSON",
        );
    }
}

/// The person's yes to a proposal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanProposalAcceptance)]
pub struct Acceptance {
    /// The content that the person wants instead of the suggested one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_content: Option<PlanContent>,
}

impl Acceptance {
    /// Adds a finding for each fault.
    pub fn check(&self, findings: &mut Findings) {
        if let Some(content) = &self.edited_content {
            let mut own = Findings::default();
            content.check(&mut own);
            findings.extend(own.into_vec().into_iter().map(in_edited_content));
        }
    }
}

/// Makes a finding about the content of a plan one about the content that came with an acceptance.
pub fn in_edited_content(finding: Finding) -> Finding {
    match finding.pointer.strip_prefix("/content") {
        Some(rest) => Finding {
            pointer: format!("/edited_content{rest}"),
            ..finding
        },
        None => finding,
    }
}

/// The person's no to a proposal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanProposalRefusal)]
pub struct Refusal {
    /// A word about why, for the helper. Nobody has to give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DeclineReason>,
}

/// What a decision adds to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The person accepted it, and it became this number of the plan.
    Accepted(PlanNumber),
    /// The person declined it.
    Declined(Option<DeclineReason>),
    /// Its helper took it back.
    Withdrawn,
}

/// The status that the proposal itself does not say: whether it is open still, or outdated.
pub fn open_status(made_for: PlanNumber, latest: PlanNumber) -> ProposalStatus {
    if made_for == latest {
        ProposalStatus::Open
    } else {
        ProposalStatus::Outdated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::PlanText, value::list::List};

    /// Content that is larger than that of an active plan may be.
    fn large_content() -> PlanContent {
        let reason = |n: usize| PlanText {
            id: None,
            text: Text::truncated(&n.to_string().repeat(3900)).unwrap(),
        };
        PlanContent {
            reasons: List::of((1..=7).map(reason)),
            ..PlanContent::default()
        }
    }

    fn pointers(check: impl Fn(&mut Findings)) -> Vec<String> {
        let mut findings = Findings::default();
        check(&mut findings);
        findings.into_vec().into_iter().map(|f| f.pointer).collect()
    }

    #[test]
    fn the_difference_says_what_a_proposal_changes() {
        let example = Proposal::example();
        let difference = example.difference.clone().unwrap();
        assert_eq!(difference.changed.len(), 1);
        assert_eq!(difference.compare_to, 1);
        assert!(difference.added.is_empty() && difference.removed.is_empty());
        let listed = example.in_list();
        assert_eq!((listed.content, listed.difference), (None, None));
    }

    #[test]
    fn a_proposal_is_judged_as_the_content_of_a_plan_and_bounded() {
        let example = NewProposal::example();
        assert!(pointers(|findings| example.check(findings)).is_empty());
        let large = NewProposal {
            content: large_content(),
            ..example.clone()
        };
        assert_eq!(pointers(|findings| large.check(findings)), ["/content"]);
        let mut wrong = example;
        wrong.content.triggers = List::default();
        assert_eq!(
            pointers(|findings| wrong.check(findings)),
            ["/content/strategies/0/trigger_ids/0"]
        );
    }

    #[test]
    fn faults_of_edited_content_are_named_where_it_is() {
        let mut content = Plan::example().content;
        content.triggers = List::default();
        let acceptance = Acceptance {
            edited_content: Some(content),
        };
        assert_eq!(
            pointers(|findings| acceptance.check(findings)),
            ["/edited_content/strategies/0/trigger_ids/0"]
        );
        assert!(pointers(|findings| Acceptance::default().check(findings)).is_empty());
    }

    #[test]
    fn a_proposal_for_an_earlier_number_is_outdated() {
        let number = PlanNumber::clamped;
        assert_eq!(open_status(number(2), number(2)), ProposalStatus::Open);
        assert_eq!(open_status(number(2), number(3)), ProposalStatus::Outdated);
    }

    #[test]
    fn clinicians_and_peers_may_propose() {
        use Relationship as R;
        for relationship in [R::Sponsor, R::Peer, R::RecoveryCoach] {
            assert!(may_propose(HelperRole::Supporter, relationship));
        }
        for relationship in [R::Family, R::Partner, R::Friend, R::Counselor, R::Other] {
            assert!(!may_propose(HelperRole::Supporter, relationship));
            assert!(may_propose(HelperRole::Clinician, relationship));
        }
    }

    #[test]
    fn a_step_that_says_nothing_is_refused() {
        let mut new = NewProposal::example();
        new.content.situations = List::of([crate::plan::PlanSituation {
            id: None,
            label: text!("Payday"),
            category: crate::value::vocabulary::SituationCategory::UnpleasantEmotions,
            likelihood: None,
            confidence: None,
            steps: List::of([crate::plan::SituationStep {
                strategy_id: None,
                contact_id: None,
                text: None,
            }]),
        }]);
        assert_eq!(
            pointers(|findings| new.check(findings)),
            ["/content/situations/0/steps/0"]
        );
    }

    #[test]
    fn who_does_not_see_the_whole_plan_sees_no_numbers() {
        let proposal = Proposal {
            plan_number: PlanNumber::clamped(4),
            accepted_number: Some(PlanNumber::clamped(6)),
            status: ProposalStatus::Outdated,
            ..Proposal::example()
        };
        let shown = proposal.without_numbers();
        assert_eq!((shown.plan_number.get(), shown.accepted_number), (1, None));
        assert_eq!(shown.status, ProposalStatus::Open);
    }
}
