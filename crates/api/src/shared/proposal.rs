//! Proposals to a plan, from the side of whoever makes them.

use actix_web::HttpResponse;
use mainstay_domain::{
    audit::{AccessAction, View, What},
    proposal::{NewProposal, Proposal, ProposalStatus, may_propose},
    record::{Kind, json as to_json},
    sharing::DataClass,
};
use mainstay_store::{
    Contributed,
    sharing::{Found, Tally},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{DisclosureNote, respond, respond_with},
    caller::SharedCaller,
    contribution::{Given, NOTICE, Outcome, Task, before, given_response, plan_in_path, plan_tally},
    document::{given_schema, list_with_note, note_example, person_parameter, with_note_example},
};
use crate::{
    http::{
        body::Body,
        caller::Caller,
        idempotency,
        problem::{HandlerResult, ProblemKind},
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::Components,
    },
    record::{
        EXAMPLE_ID, contribution_list, contribution_range, cursor_parameter, id_parameter, limit_parameter,
        missing_unless,
    },
    server::id::new_id,
};

const PATH: &str = "/v1/shared/{person_id}/plans/{id}/proposals";
const HEADERS: [&str; 2] = ["X-Part2-Notice", "Link"];

/// Making proposals, and reading one's own.
const TASK: Task = Task {
    is_allowed: |contributor| may_propose(contributor.role, contributor.relationship),
    what: What::Records(Kind::Plan),
    description: "a suggestion for a plan, with what it changes in the plan",
    class: Some(DataClass::Plans),
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        propose_endpoint(),
        list_endpoint(),
        read_endpoint(),
        withdraw_endpoint(),
    ]
}

fn propose_endpoint() -> Endpoint {
    endpoint::post(PATH, missing_unless(plan_in_path(TASK), propose))
        .operation(Tag::Sharing, "proposePlanChange", "Suggest a change to a plan")
        .about(format!(
            "For clinicians, sponsors, peers and recovery coaches who see the plans of the person. The plan changes only if the \
             person accepts. Send the whole content as it should be. Parts of the plan that are hidden from you stay as they are, \
             whatever you send of them; who does not see every part sees 1 as every number, and need not name one. {NOTICE}"
        ))
        .parameter(person_parameter())
        .parameter(id_parameter())
        .takes::<NewProposal>(|| serde_json::to_value(NewProposal::example()).unwrap_or_default())
        .gives_schema(201, "Suggested, with what it would change.", Box::new(schema), example)
        .with_headers(&HEADERS)
        .gives_schema(200, "Suggested before.", Box::new(schema), example)
        .with_headers(&["X-Part2-Notice", "Link", "Idempotent-Replayed"])
        .problems(&[
            ProblemKind::IdConflict,
            ProblemKind::PlanNumberChanged,
            ProblemKind::TooManyProposals,
        ])
}

fn list_endpoint() -> Endpoint {
    endpoint::get(PATH, list)
        .operation(
            Tag::Sharing,
            "listOwnPlanProposals",
            "List what you have suggested for a plan",
        )
        .about(format!(
            "Your own suggestions, newest first, without their content. {NOTICE}"
        ))
        .parameter(person_parameter())
        .parameter(id_parameter())
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(200, "A page.", Box::new(list_schema), || {
            let item = Proposal::example().in_list();
            json!({ "items": [item], "next_cursor": null, "disclosure": note_example() })
        })
        .with_headers(&HEADERS)
}

fn read_endpoint() -> Endpoint {
    endpoint::get(format!("{PATH}/{{proposal_id}}"), read)
        .operation(
            Tag::Sharing,
            "getOwnPlanProposal",
            "Read what you have suggested for a plan",
        )
        .about(format!(
            "One of your own suggestions, with what it changes and what the person decided. {NOTICE}"
        ))
        .parameter(person_parameter())
        .parameter(id_parameter())
        .parameter(proposal_parameter())
        .gives_schema(200, "The suggestion.", Box::new(schema), example)
        .with_headers(&HEADERS)
}

fn withdraw_endpoint() -> Endpoint {
    endpoint::post(format!("{PATH}/{{proposal_id}}/withdraw"), withdraw)
        .operation(
            Tag::Sharing,
            "withdrawPlanProposal",
            "Take back what you have suggested",
        )
        .about(format!(
            "The person sees that it was taken back. One that was decided stays as it is. {NOTICE}"
        ))
        .parameter(person_parameter())
        .parameter(id_parameter())
        .parameter(proposal_parameter())
        .gives_schema(200, "Taken back.", Box::new(schema), || {
            let withdrawn = Proposal {
                status: ProposalStatus::Withdrawn,
                ..Proposal::example().in_list()
            };
            with_note_example(json!(withdrawn))
        })
        .with_headers(&HEADERS)
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

fn schema(components: &mut Components) -> Value {
    given_schema::<Proposal>(components, "OwnPlanProposal")
}

fn list_schema(components: &mut Components) -> Value {
    let items = schema(components);
    list_with_note(components, "OwnPlanProposalList", &items)
}

fn example() -> Value {
    with_note_example(json!(Proposal::example()))
}

/// The ids of the plan and of the proposal in the path.
fn ids(caller: &Caller) -> HandlerResult<(Uuid, Uuid)> {
    Ok((caller.path_id("id")?, caller.path_id("proposal_id")?))
}

async fn propose(body: Body<NewProposal>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let plan = caller.path_id("id")?;
    let caller = SharedCaller::from_caller(caller).await?;
    let draft = value.into_inner().into_draft(&mut new_id);
    let id = draft.id;
    let given = caller.give(key.as_ref(), TASK, move |writer, by| {
        Ok(Given {
            contributed: writer.propose(&by.author, plan, draft)?,
            id,
            action: AccessAction::Proposal,
            tally: plan_tally(by, plan),
        })
    });
    match given.await? {
        Outcome::Done(contributed, note) => Ok(given_response(&contributed, &note)),
        Outcome::Before(reply) => {
            let (id, response) = before(&reply)?;
            let (proposal, note) = find(&caller, (plan, id)).await?;
            Ok(respond_with(response, to_json(&proposal), &note))
        }
    }
}

/// The tally of an answer about proposals that shows nothing of the plan.
fn proposals_tally() -> Tally {
    let mut tally = Tally::default();
    tally.add_view(View::Proposals, DataClass::Plans);
    tally
}

async fn find(caller: &SharedCaller, (plan, id): (Uuid, Uuid)) -> HandlerResult<(Proposal, DisclosureNote)> {
    let read = caller.read_given(TASK, move |records, by| {
        let mut tally = plan_tally(by, plan);
        tally.add_view(View::Proposals, DataClass::Plans);
        Ok(Found {
            value: records.own_proposal(&by.author, plan, id)?,
            tally,
        })
    });
    read.await
}

async fn list(caller: SharedCaller) -> HandlerResult {
    let plan = caller.caller.path_id("id")?;
    let range = contribution_range(&caller.caller)?;
    let read = caller.read_given(TASK, move |records, by| {
        Ok(Found {
            value: records.own_proposals(&by.author, plan, range)?,
            tally: proposals_tally(),
        })
    });
    let (page, note) = read.await?;
    Ok(respond(contribution_list(&page), &note))
}

async fn read(caller: SharedCaller) -> HandlerResult {
    let (proposal, note) = find(&caller, ids(&caller.caller)?).await?;
    Ok(respond(to_json(&proposal), &note))
}

async fn withdraw(caller: SharedCaller) -> HandlerResult {
    let (plan, id) = ids(&caller.caller)?;
    let account = caller.caller.scope().account();
    let key = idempotency::key(&caller.caller.request, Some(account), b"").await?;
    let given = caller.give(key.as_ref(), TASK, move |writer, by| {
        let withdrawn = writer.withdraw(&by.author, plan, id)?;
        Ok(Given {
            contributed: Contributed::New(withdrawn.in_list()),
            id,
            action: AccessAction::Write,
            tally: proposals_tally(),
        })
    });
    let (proposal, note) = match given.await? {
        Outcome::Done(Contributed::New(proposal) | Contributed::Replayed(proposal), note) => (proposal, note),
        Outcome::Before(_) => {
            let read = caller.read_given(TASK, move |records, by| {
                Ok(Found {
                    value: records.own_proposal(&by.author, plan, id)?.in_list(),
                    tally: proposals_tally(),
                })
            });
            read.await?
        }
    };
    Ok(respond_with(HttpResponse::Ok(), to_json(&proposal), &note))
}
