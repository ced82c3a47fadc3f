//! Proposals to a plan, from the person's side: reading them, accepting and declining.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    plan::Plan,
    proposal::{Acceptance, Decision, Proposal, ProposalStatus, Refusal, in_edited_content},
    record::{Incoming, draft, json as to_json},
    value::{text::text, timestamp::Timestamp},
};
use mainstay_store::{Expected, RecordWriter, StoreError, Stored};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::{
        body::Body,
        caller::Caller,
        idempotency::{Reply, perform},
        problem::{HandlerResult, Problem, ProblemKind},
        replay::replaying,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::add_record,
    },
    record::{
        EXAMPLE_ID, cache_private, contribution_page, contribution_range, current, encode, example,
        gives_contributions, id_parameter, if_match, json_response, missing_unless, tagged,
    },
    server::id::new_id,
};

const PATH: &str = "/v1/plans/{id}/proposals";

/// Returns the endpoints of proposals.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        list_endpoint(),
        read_endpoint(),
        accept_endpoint(),
        decline_endpoint(),
    ]
}

fn list_endpoint() -> Endpoint {
    let endpoint = endpoint::get(PATH, list)
        .operation(
            Tag::Plans,
            "listPlanProposals",
            "List what others suggest for a plan",
        )
        .about(
            "Suggestions of people who help, newest first, without their content. The plan changes only if the person accepts one.",
        )
        .parameter(id_parameter());
    gives_contributions::<Proposal>(endpoint, "PlanProposalList", || {
        shown(&Proposal::example().in_list())
    })
}

fn read_endpoint() -> Endpoint {
    endpoint::get(format!("{PATH}/{{proposal_id}}"), read)
        .operation(Tag::Plans, "getPlanProposal", "Read a suggestion for a plan")
        .about("With its content, and with what it would change.")
        .parameter(id_parameter())
        .parameter(proposal_parameter())
        .gives::<Proposal>(200, "The suggestion.", || shown(&Proposal::example()))
}

fn accept_endpoint() -> Endpoint {
    let handler = missing_unless(look_up, replaying(accept));
    endpoint::post(format!("{PATH}/{{proposal_id}}/accept"), handler)
        .operation(Tag::Plans, "acceptPlanProposal", "Accept a suggestion")
        .about(
            "Makes the suggested content the next number of the plan, or the content in `edited_content` if the person wants it \
             otherwise. Title and review date stay. Items keep their ids. A suggestion that is outdated, since the plan has another \
             number by now, can only be accepted with `edited_content`.",
        )
        .parameter(id_parameter())
        .parameter(proposal_parameter())
        .parameter(if_match())
        .takes::<Acceptance>(|| json!({}))
        .gives_schema(200, "The plan with its new number.", Box::new(add_record::<Plan>), example::<Plan>)
        .with_headers(&["ETag"])
        .problems(&[
            ProblemKind::ProposalDecided,
            ProblemKind::PlanNumberChanged,
            ProblemKind::QuotaExceeded,
        ])
}

fn decline_endpoint() -> Endpoint {
    let handler = missing_unless(look_up, replaying(decline));
    endpoint::post(format!("{PATH}/{{proposal_id}}/decline"), handler)
        .operation(Tag::Plans, "declinePlanProposal", "Decline a suggestion")
        .about(
            "The plan stays as it is. Nobody has to give a reason; one that is given is shown to the helper.",
        )
        .parameter(id_parameter())
        .parameter(proposal_parameter())
        .takes::<Refusal>(|| json!({ "reason": "Mornings are for my daughter." }))
        .gives::<Proposal>(200, "Declined.", || {
            shown(&Proposal {
                status: ProposalStatus::Declined,
                reason: Some(text!("Mornings are for my daughter.")),
                decided_at: Some(Timestamp::from_micros(1_772_445_600_000_000)),
                ..Proposal::example()
            })
        })
        .problems(&[ProblemKind::ProposalDecided])
}

fn proposal_parameter() -> Parameter {
    Parameter {
        name: "proposal_id",
        description: "The id of the suggestion.",
        example: json!(EXAMPLE_ID),
        ..id_parameter()
    }
}

fn shown(proposal: &Proposal) -> Value {
    serde_json::to_value(proposal).unwrap_or_default()
}

/// The ids of the plan and of the proposal in the path.
fn ids(caller: &Caller) -> HandlerResult<(Uuid, Uuid)> {
    Ok((caller.path_id("id")?, caller.path_id("proposal_id")?))
}

/// Finds whether the caller has the proposal in the path.
fn look_up(caller: Caller) -> LocalBoxFuture<'static, HandlerResult<()>> {
    async move { find(&caller).await.map(drop) }.boxed_local()
}

async fn find(caller: &Caller) -> HandlerResult<Proposal> {
    let (plan, id) = ids(caller)?;
    let read = caller.read_long(move |records| records.proposal(plan, id));
    Ok(read.await?)
}

async fn list(caller: Caller) -> HandlerResult {
    let (plan, range) = (caller.path_id("id")?, contribution_range(&caller)?);
    let read = caller.read_long(move |records| records.proposals(plan, range));
    Ok(contribution_page(&read.await?))
}

async fn read(caller: Caller) -> HandlerResult {
    let proposal = find(&caller).await?;
    Ok(json_response(HttpResponse::Ok(), to_json(&proposal)))
}

async fn accept(body: Body<Acceptance>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let ((plan, id), expected) = (ids(&caller)?, caller.if_match()?);
    let (acceptance, now) = (value.into_inner(), caller.state.clock.now());
    perform(&caller, key, now, Problem::from, move |writer| {
        let stored = accept_in(writer, (plan, id), acceptance, &expected, now)?;
        let response = tagged(HttpResponse::Ok(), stored.tag());
        Ok(Reply::new(cache_private(response), encode(&stored)))
    })
    .await
}

/// Makes a proposal the next number of its plan, inside a transaction.
fn accept_in(
    writer: &mut RecordWriter<'_>,
    (plan_id, id): (Uuid, Uuid),
    acceptance: Acceptance,
    expected: &Expected,
    now: DateTime<Utc>,
) -> Result<Stored, StoreError> {
    let mut writer = writer.lock()?;
    let (tag, before) = current::<Plan>(&mut writer, plan_id)?;
    let is_edited = acceptance.edited_content.is_some();
    let content = writer.acceptable_content((plan_id, &before), id, acceptance.edited_content);
    // A proposal that is not there is told of before the precondition, and its state after it.
    if !matches!(content, Err(StoreError::NotFound)) {
        expected.check(tag)?;
    }
    let incoming = Incoming {
        id: Some(plan_id),
        body: Plan {
            content: content?,
            ..before.clone()
        },
        context: None,
    };
    // A plan has no times of a client, so no zone matters.
    let drafted = draft(incoming, plan_id, Some(&before), now, Tz::UTC, &mut new_id);
    let replaced = drafted
        .map_err(StoreError::Findings)
        .and_then(|draft| writer.replace(&draft, expected));
    let stored = replaced.map_err(|error| match error {
        StoreError::Findings(findings) if is_edited => {
            StoreError::Findings(findings.into_iter().map(in_edited_content).collect())
        }
        other => other,
    })?;
    let (_tag, after) = current::<Plan>(&mut writer, plan_id)?;
    writer.decide_proposal(plan_id, id, Decision::Accepted(after.number))?;
    Ok(stored)
}

async fn decline(body: Body<Refusal>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let ((plan, id), now) = (ids(&caller)?, caller.state.clock.now());
    let reason = value.into_inner().reason;
    perform(&caller, key, now, Problem::from, move |writer| {
        let mut writer = writer.lock()?;
        writer.decide_proposal(plan, id, Decision::Declined(reason))?;
        let proposal = writer.records().proposal(plan, id)?;
        Ok(Reply::new(cache_private(HttpResponse::Ok()), to_json(&proposal)))
    })
    .await
}
