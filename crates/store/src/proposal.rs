//! Proposals to plans: given by people who help, decided by the person.

use mainstay_domain::{
    account::Role,
    plan::{Plan, PlanContent},
    proposal::{
        Decision, DeclineReason, MAX_OPEN_PROPOSALS, MAX_PROPOSALS, PlanNumber, Proposal, ProposalDraft,
        ProposalNote, ProposalStatus, open_status,
    },
    record::{Kind, stored::from_stored},
    sharing::{
        member::shows_versions,
        plan::{shown_plan, with_withheld},
    },
    value::timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    contribution::{
        Author, Contributed, Contribution, ContributionKind, ContributionPage, ContributionRange,
        NewContribution, OPEN, Selection, States, count, delete, find, insert, oldest, page, update,
    },
    engine::{connection::Conn, types::DbTimestamp},
    error::{ContributionRefusal, Result, StoreError},
    key::scope::PersonScope,
    record::{LockedWriter, Records},
};

const KIND: ContributionKind = ContributionKind::Proposal;

/// The states of a proposal after it was open.
const ACCEPTED: i16 = 2;
const DECLINED: i16 = 3;
const WITHDRAWN: i16 = 4;

/// What is sealed of a proposal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SealedProposal {
    plan_number: PlanNumber,
    by_role: Role,
    content: PlanContent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<ProposalNote>,
    /// The keyed hash of what was sent, by which a replay is recognised.
    origin: Vec<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<DeclineReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted_number: Option<PlanNumber>,
}

impl Records<'_> {
    /// The proposals to a plan, without their content, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the person has no such plan.
    pub fn proposals(
        &mut self,
        plan_id: Uuid,
        range: ContributionRange,
    ) -> Result<ContributionPage<Proposal>> {
        proposals_to(self.conn, self.scope, None, (plan_id, range))
    }

    /// A proposal to a plan, with its difference.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such plan or proposal.
    pub fn proposal(&mut self, plan_id: Uuid, id: Uuid) -> Result<Proposal> {
        proposal(self.conn, self.scope, None, plan_id, id)
    }

    /// The proposals of an author to a plan, without their content, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such plan.
    pub fn own_proposals(
        &mut self,
        author: &Author,
        plan_id: Uuid,
        range: ContributionRange,
    ) -> Result<ContributionPage<Proposal>> {
        proposals_to(self.conn, self.scope, Some(author), (plan_id, range))
    }

    /// A proposal of an author, with its difference in what they see of the plan.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such plan, or no such proposal of this author.
    pub fn own_proposal(&mut self, author: &Author, plan_id: Uuid, id: Uuid) -> Result<Proposal> {
        proposal(self.conn, self.scope, Some(author), plan_id, id)
    }
}

impl LockedWriter<'_, '_> {
    /// The content of a proposal that the person can accept now. An outdated one can only be accepted with content of the
    /// person's own, which is `edited`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Contribution`] if the proposal was decided, or the plan has another number.
    pub fn acceptable_content(
        &mut self,
        plan: (Uuid, &Plan),
        id: Uuid,
        edited: Option<PlanContent>,
    ) -> Result<PlanContent> {
        let ((plan_id, plan), (conn, scope, _)) = (plan, self.writer().parts());
        let found = find_open(conn, scope, plan_id, id)?;
        let latest = plan.number;
        match edited {
            Some(content) => Ok(content),
            None if found.content.plan_number == latest => Ok(found.content.content),
            None => Err(StoreError::Contribution(ContributionRefusal::OtherNumber {
                latest: latest.get(),
            })),
        }
    }

    /// Writes down the person's decision on a proposal.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Contribution`] if it was decided before.
    pub fn decide_proposal(&mut self, plan_id: Uuid, id: Uuid, decision: Decision) -> Result<()> {
        let (conn, scope, now) = self.writer().parts();
        let found = find_open(conn, scope, plan_id, id)?;
        decide(conn, scope, found, decision, now.0)
    }

    /// Stores a proposal. The plan must have the number that its helper has seen. Parts of the plan that they do not see stay
    /// as they are.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such plan; [`StoreError::IdConflict`]; [`StoreError::Contribution`] if the plan has
    /// another number, or there are too many open proposals.
    pub fn propose(
        &mut self,
        author: &Author,
        plan_id: Uuid,
        new: ProposalDraft,
    ) -> Result<Contributed<Proposal>> {
        let (conn, scope, DbTimestamp(now)) = self.writer().parts();
        let plan = plan(conn, scope, plan_id)?;
        let origin = scope.keys.origin(&new.canonical);
        if let Some(before) = find::<SealedProposal>(conn, scope, KIND, new.id)? {
            let is_same =
                before.is_by(author.no) && before.plan_id == Some(plan_id) && before.content.origin == origin;
            return if is_same {
                let shown = proposal(conn, scope, Some(author), plan_id, new.id)?;
                Ok(Contributed::Replayed(shown))
            } else {
                Err(StoreError::IdConflict)
            };
        }
        // Who does not see every part sees no number either.
        let seen = new.plan_number.filter(|_| author.sees_numbers());
        if seen.is_some_and(|seen| seen != plan.number) {
            return Err(StoreError::Contribution(ContributionRefusal::OtherNumber {
                latest: plan.number.get(),
            }));
        }
        make_room_for_one(conn, scope, author.no, plan_id)?;
        let content = SealedProposal {
            plan_number: plan.number,
            by_role: author.role,
            content: with_withheld(new.content, &plan.content, author.covered),
            note: new.note,
            origin,
            decided_at: None,
            reason: None,
            accepted_number: None,
        };
        let row = NewContribution {
            kind: KIND,
            id: new.id,
            author,
            plan_id: Some(plan_id),
            content: &content,
        };
        insert(conn, scope, &row, now)?;
        let shown = proposal(conn, scope, Some(author), plan_id, new.id)?;
        Ok(Contributed::New(shown))
    }

    /// Takes an author's proposal back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such proposal of this author; [`StoreError::Contribution`] if it was decided.
    pub fn withdraw(&mut self, author: &Author, plan_id: Uuid, id: Uuid) -> Result<Proposal> {
        let (conn, scope, DbTimestamp(now)) = self.writer().parts();
        // First whether it is theirs: of another's proposal they learn nothing.
        proposal(conn, scope, Some(author), plan_id, id)?;
        let found = find_open(conn, scope, plan_id, id)?;
        decide(conn, scope, found, Decision::Withdrawn, now)?;
        proposal(conn, scope, Some(author), plan_id, id)
    }
}

impl Author {
    /// Whether they see every part of a plan, and so its numbers.
    fn sees_numbers(&self) -> bool {
        shows_versions(Kind::Plan, self.covered)
    }

    /// What they see of a plan.
    fn sees(&self, plan: &Plan) -> Result<Plan> {
        let shown = shown_plan(plan, self.covered);
        let shown = shown.map_err(|e| StoreError::unreadable(Kind::Plan, &e))?;
        shown.ok_or(StoreError::NotFound)
    }
}

/// A plan at its latest number.
pub(crate) fn plan(conn: &mut Conn, scope: &PersonScope, id: Uuid) -> Result<Plan> {
    let stored = Records::new(conn, scope).get(Kind::Plan, id)?;
    read_plan(&stored.ok_or(StoreError::NotFound)?.body)
}

fn read_plan(body: &[u8]) -> Result<Plan> {
    from_stored(body).map_err(|e| StoreError::unreadable(Kind::Plan, &e))
}

fn proposals_to(
    conn: &mut Conn,
    scope: &PersonScope,
    author: Option<&Author>,
    (plan_id, range): (Uuid, ContributionRange),
) -> Result<ContributionPage<Proposal>> {
    let latest = plan(conn, scope, plan_id)?.number;
    let selection = Selection {
        author_no: author.map(|author| author.no),
        plan_id: Some(plan_id),
        states: States::All,
    };
    let found = page::<SealedProposal>(conn, scope, KIND, selection, range)?;
    Ok(found.map(|found| {
        let shown = shown(found, plan_id, latest).in_list();
        match author {
            Some(author) if !author.sees_numbers() => shown.without_numbers(),
            _ => shown,
        }
    }))
}

/// A proposal to a plan, with its difference. With an author only one of theirs, as far as they see the plan.
fn proposal(
    conn: &mut Conn,
    scope: &PersonScope,
    author: Option<&Author>,
    plan_id: Uuid,
    id: Uuid,
) -> Result<Proposal> {
    let latest = plan(conn, scope, plan_id)?;
    let found = find::<SealedProposal>(conn, scope, KIND, id)?
        .filter(|found| found.plan_id == Some(plan_id))
        .filter(|found| author.is_none_or(|author| found.is_by(author.no)))
        .ok_or(StoreError::NotFound)?;
    let mut shown = shown(found, plan_id, latest.number);
    let before = match shown.status {
        ProposalStatus::Open | ProposalStatus::Outdated => Some(latest.clone()),
        _ => {
            let number = shown.plan_number.get();
            let version = Records::new(conn, scope).client_version(Kind::Plan, plan_id, number)?;
            version.map(|version| read_plan(&version.body)).transpose()?
        }
    };
    let Some(author) = author else {
        return with_difference(shown, before);
    };
    let before = before.map(|before| author.sees(&before)).transpose()?;
    if let Some(content) = shown.content.take() {
        let proposed = Plan { content, ..latest };
        shown.content = Some(author.sees(&proposed)?.content);
    }
    if !author.sees_numbers() {
        shown = shown.without_numbers();
    }
    with_difference(shown, before)
}

/// Adds the difference to a number of the plan.
fn with_difference(mut shown: Proposal, before: Option<Plan>) -> Result<Proposal> {
    if let Some(before) = before {
        let compared = shown.compare_with(&before);
        compared.map_err(|e| StoreError::unreadable(Kind::Plan, &e))?;
    }
    Ok(shown)
}

/// A proposal as it is shown, without its difference.
fn shown(found: Contribution<SealedProposal>, plan_id: Uuid, latest: PlanNumber) -> Proposal {
    let by = found.by();
    let sealed = found.content;
    Proposal {
        id: found.id,
        plan_id,
        plan_number: sealed.plan_number,
        by,
        by_role: sealed.by_role,
        status: match found.state {
            ACCEPTED => ProposalStatus::Accepted,
            DECLINED => ProposalStatus::Declined,
            WITHDRAWN => ProposalStatus::Withdrawn,
            _ => open_status(sealed.plan_number, latest),
        },
        note: sealed.note,
        content: Some(sealed.content),
        difference: None,
        created_at: Timestamp::from_micros(found.created_at),
        decided_at: sealed.decided_at,
        reason: sealed.reason,
        accepted_number: sealed.accepted_number,
    }
}

/// A proposal to a plan that nobody has decided on.
fn find_open(
    conn: &mut Conn,
    scope: &PersonScope,
    plan_id: Uuid,
    id: Uuid,
) -> Result<Contribution<SealedProposal>> {
    let found = find::<SealedProposal>(conn, scope, KIND, id)?
        .filter(|found| found.plan_id == Some(plan_id))
        .ok_or(StoreError::NotFound)?;
    if found.state == OPEN {
        Ok(found)
    } else {
        Err(StoreError::Contribution(ContributionRefusal::Decided))
    }
}

fn decide(
    conn: &mut Conn,
    scope: &PersonScope,
    found: Contribution<SealedProposal>,
    decision: Decision,
    now: i64,
) -> Result<()> {
    let mut content = found.content;
    content.decided_at = Some(Timestamp::from_micros(now));
    let state = match decision {
        Decision::Accepted(number) => {
            content.accepted_number = Some(number);
            ACCEPTED
        }
        Decision::Declined(reason) => {
            content.reason = reason;
            DECLINED
        }
        Decision::Withdrawn => WITHDRAWN,
    };
    update(conn, scope, KIND, (found.id, state), &content, now)
}

/// Makes room for one more proposal: the oldest that was decided goes if there are many, or the oldest to a plan that is gone.
///
/// # Errors
/// [`StoreError::Contribution`] if too many are open.
fn make_room_for_one(conn: &mut Conn, scope: &PersonScope, author_no: i64, plan_id: Uuid) -> Result<()> {
    let too_many = StoreError::Contribution(ContributionRefusal::TooMany);
    let states = States::Only(OPEN);
    let open = Selection {
        states,
        ..Selection::default()
    };
    // Of one author, so that nobody takes the room of the others, nor learns of them.
    let open_to_plan = Selection {
        plan_id: Some(plan_id),
        author_no: Some(author_no),
        ..open
    };
    if count(conn, scope, KIND, open_to_plan)? >= MAX_OPEN_PROPOSALS {
        return Err(too_many);
    }
    if count(conn, scope, KIND, Selection::default())? < MAX_PROPOSALS {
        return Ok(());
    }
    let decided = Selection {
        states: States::AllBut(OPEN),
        ..Selection::default()
    };
    let mut candidates = oldest(conn, scope, KIND, decided, 1)?;
    if candidates.is_empty() {
        for (id, plan) in oldest(conn, scope, KIND, open, MAX_PROPOSALS)? {
            let Some(plan) = plan else { continue };
            if Records::new(conn, scope).get(Kind::Plan, plan)?.is_none() {
                candidates.push((id, None));
                break;
            }
        }
    }
    let (id, _plan) = candidates.first().ok_or(too_many)?;
    delete(conn, scope, KIND, *id)
}
