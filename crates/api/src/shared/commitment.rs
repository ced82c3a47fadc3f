//! Commitments of the caller's own, which they share with a person.

use actix_web::HttpResponse;
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    audit::{AccessAction, View, What},
    record::json as to_json,
    shared_commitment::{NewSharedCommitment, SharedCommitment, SharedCommitmentOutcome},
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
    contribution::{Given, NOTICE, Outcome, Task, before, given_response, person_in_path},
    document::{given_schema, list_with_note, note_example, person_parameter, with_note_example},
};
use crate::{
    http::{
        body::Body,
        caller::Caller,
        problem::{HandlerResult, ProblemKind},
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::Components,
    },
    record::{
        contribution_list, contribution_range, cursor_parameter, id_parameter, limit_parameter,
        missing_unless,
    },
    server::id::new_id,
};

const PATH: &str = "/v1/shared/{person_id}/commitments";
const HEADERS: [&str; 2] = ["X-Part2-Notice", "Link"];

/// Sharing commitments, and reading one's own.
const TASK: Task = Task {
    is_allowed: |_| true,
    what: What::View(View::SharedCommitments),
    description: "a commitment that the recipient shares",
    class: None,
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        share_endpoint(),
        list_endpoint(),
        outcome_endpoint(),
        unshare_endpoint(),
    ]
}

fn share_endpoint() -> Endpoint {
    let handler = missing_unless(person_in_path(TASK, View::SharedCommitments), share);
    endpoint::post(PATH, handler)
        .operation(
            Tag::Sharing,
            "shareCommitment",
            "Share a commitment of your own with a person",
        )
        .about(format!(
            "What you promise yourself for a day, for a person who shares something with you: two who try hard are not alone. A \
             hundred are kept; beyond that the oldest go. {NOTICE}"
        ))
        .parameter(person_parameter())
        .takes::<NewSharedCommitment>(|| json!({ "text": "I go to bed before eleven.", "on": "2026-03-02" }))
        .gives_schema(201, "Shared.", Box::new(schema), example)
        .with_headers(&HEADERS)
        .gives_schema(200, "Shared before.", Box::new(schema), example)
        .with_headers(&["X-Part2-Notice", "Link", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict])
}

fn list_endpoint() -> Endpoint {
    endpoint::get(PATH, list)
        .operation(
            Tag::Sharing,
            "listOwnSharedCommitments",
            "List the commitments that you share with a person",
        )
        .about(format!("Your own, newest first. {NOTICE}"))
        .parameter(person_parameter())
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(200, "A page.", Box::new(list_schema), || {
            let item = SharedCommitment::example();
            json!({ "items": [item], "next_cursor": null, "disclosure": note_example() })
        })
        .with_headers(&HEADERS)
}

fn outcome_endpoint() -> Endpoint {
    endpoint::post(
        format!("{PATH}/{{id}}/outcome"),
        missing_unless(look_up, set_outcome),
    )
    .operation(
        Tag::Sharing,
        "setSharedCommitmentOutcome",
        "Say what became of a commitment that you share",
    )
    .about(format!(
        "In your own view. Without an outcome, an earlier one is unset. {NOTICE}"
    ))
    .parameter(person_parameter())
    .parameter(id_parameter())
    .takes::<SharedCommitmentOutcome>(|| json!({ "outcome": "kept" }))
    .gives_schema(200, "Said.", Box::new(schema), example)
    .with_headers(&HEADERS)
}

fn unshare_endpoint() -> Endpoint {
    endpoint::delete(format!("{PATH}/{{id}}"), unshare)
        .operation(
            Tag::Sharing,
            "unshareCommitment",
            "Take back a commitment that you share",
        )
        .about(format!("The person does not see it any more. {NOTICE}"))
        .parameter(person_parameter())
        .parameter(id_parameter())
        .gives_nothing(204, "Taken back.")
}

fn schema(components: &mut Components) -> Value {
    given_schema::<SharedCommitment>(components, "OwnSharedCommitment")
}

fn list_schema(components: &mut Components) -> Value {
    let items = schema(components);
    list_with_note(components, "OwnSharedCommitmentList", &items)
}

fn example() -> Value {
    with_note_example(json!(SharedCommitment::example()))
}

/// What the access log says of what tells nothing of the person.
fn own_tally() -> Tally {
    let mut tally = Tally::default();
    tally.add_unclassed(View::SharedCommitments);
    tally
}

/// Finds whether the caller has the commitment in the path.
fn look_up(caller: Caller) -> LocalBoxFuture<'static, HandlerResult<()>> {
    async move {
        let id = caller.path_id("id")?;
        find(&SharedCaller::from_caller(caller).await?, id)
            .await
            .map(drop)
    }
    .boxed_local()
}

async fn find(caller: &SharedCaller, id: Uuid) -> HandlerResult<(SharedCommitment, DisclosureNote)> {
    let read = caller.read_given(TASK, move |records, by| {
        Ok(Found {
            value: records.own_shared_commitment(&by.author, id)?,
            tally: own_tally(),
        })
    });
    read.await
}

async fn share(body: Body<NewSharedCommitment>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let caller = SharedCaller::from_caller(caller).await?;
    let new = value.into_inner();
    let id = new.id.unwrap_or_else(new_id);
    let given = caller.give(key.as_ref(), TASK, move |writer, by| {
        Ok(Given {
            contributed: writer.share_commitment(&by.author, (id, new))?,
            id,
            action: AccessAction::Commitment,
            tally: own_tally(),
        })
    });
    match given.await? {
        Outcome::Done(contributed, note) => Ok(given_response(&contributed, &note)),
        Outcome::Before(reply) => {
            let (id, response) = before(&reply)?;
            let (commitment, note) = find(&caller, id).await?;
            Ok(respond_with(response, to_json(&commitment), &note))
        }
    }
}

async fn list(caller: SharedCaller) -> HandlerResult {
    let range = contribution_range(&caller.caller)?;
    let read = caller.read_given(TASK, move |records, by| {
        Ok(Found {
            value: records.own_shared_commitments(&by.author, range)?,
            tally: own_tally(),
        })
    });
    let (page, note) = read.await?;
    Ok(respond(contribution_list(&page), &note))
}

async fn set_outcome(body: Body<SharedCommitmentOutcome>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let id = caller.path_id("id")?;
    let caller = SharedCaller::from_caller(caller).await?;
    let outcome = value.outcome;
    let given = caller.give(key.as_ref(), TASK, move |writer, by| {
        Ok(Given {
            contributed: Contributed::New(writer.set_outcome(&by.author, (id, outcome))?),
            id,
            action: AccessAction::Write,
            tally: own_tally(),
        })
    });
    let (commitment, note) = match given.await? {
        Outcome::Done(Contributed::New(set) | Contributed::Replayed(set), note) => (set, note),
        Outcome::Before(_) => find(&caller, id).await?,
    };
    Ok(respond(to_json(&commitment), &note))
}

async fn unshare(caller: SharedCaller) -> HandlerResult {
    let id = caller.caller.path_id("id")?;
    let given = caller.give(None, TASK, move |writer, by| {
        writer.unshare_commitment(&by.author, id)?;
        Ok(Given {
            contributed: Contributed::New(()),
            id,
            action: AccessAction::Write,
            tally: own_tally(),
        })
    });
    given.await?;
    Ok(HttpResponse::NoContent().finish())
}
