//! Break-glass: a clinician opens a record in an emergency, and the person sees it and may end it.

use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use mainstay_domain::{
    account::Roles,
    break_glass::{BreakGlassEntry, BreakGlassGrant, BreakGlassRequest, GrantTimes, SealedBreakGlass},
    record::json as to_json,
    value::validation::FindingCode,
};
use mainstay_store::{
    Records,
    break_glass::{BreakGlassRefusal, NewBreakGlass},
};
use serde_json::{Value, json};
use tokio::time::sleep_until;
use uuid::Uuid;

use crate::{
    http::{
        admission::turns::aside,
        body::Body,
        caller::Caller,
        idempotency::{self, Reply, once, perform},
        page::page_limit,
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
        step_up::confirm_password,
    },
    openapi::{
        endpoint::{self, Endpoint, Priority, Tag},
        schema::{add, add_list},
    },
    record::{EXAMPLE_ID, cache_private, cursor_parameter, id_parameter, json_response, limit_parameter},
    server::id::new_id,
};

/// How long it takes to say whether there is such a person, at least. So no time tells why there is none.
const ANSWER_AFTER: Duration = Duration::from_millis(100);
/// What a cursor of the list begins with.
const CURSOR_MARK: char = 'g';

/// Lists the endpoints of emergency accesses.
pub fn endpoints() -> Vec<Endpoint> {
    vec![open_endpoint(), list_endpoint(), end_endpoint()]
}

fn open_endpoint() -> Endpoint {
    endpoint::post("/v1/break-glass", open)
        .roles(Roles::CLINICIANS)
        .priority(Priority::SignIn)
        .operation(Tag::Sharing, "breakGlass", "Open a record in an emergency")
        .about(
            "For clinicians, in a medical emergency in which the person's consent cannot be had (42 CFR 2.51). The person is told \
             at once: who, where, why, and what is read. The access ends after 24 hours, or when the person ends it. A clinician \
             has at most three at a time, and five tries a day, of which each counts. The profile needs a display name.",
        )
        .takes::<BreakGlassRequest>(request_example)
        .gives::<BreakGlassGrant>(201, "Granted. The person was told.", grant_example)
        .gives::<BreakGlassGrant>(200, "Granted before, by a request with the same id and content.", grant_example)
        .with_headers(&["Idempotent-Replayed"])
        .problems(&[
            ProblemKind::WrongPassword,
            ProblemKind::NotFound,
            ProblemKind::IdConflict,
            ProblemKind::DisplayNameNeeded,
            ProblemKind::TooManyEmergencies,
            ProblemKind::TooManyRequests,
        ])
}

fn list_endpoint() -> Endpoint {
    endpoint::get("/v1/break-glass", list)
        .operation(
            Tag::Sharing,
            "listBreakGlass",
            "List who opened your record in an emergency",
        )
        .about("Every emergency access to the caller's record, the newest first, with what was read.")
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(
            200,
            "A page.",
            Box::new(|c| {
                let items = add::<BreakGlassEntry>(c);
                add_list(c, "BreakGlassList", &items)
            }),
            || json!({ "items": [entry_example()], "next_cursor": null }),
        )
}

fn end_endpoint() -> Endpoint {
    endpoint::post("/v1/break-glass/{id}/end", end)
        .operation(Tag::Sharing, "endBreakGlass", "End an emergency access to your record")
        .about("From the next request on the clinician reads nothing any more. An access that has ended stays as it is.")
        .parameter(id_parameter())
        .gives::<BreakGlassEntry>(200, "Ended.", entry_example)
}

async fn open(body: Body<BreakGlassRequest>) -> HandlerResult {
    once(&body.caller.state, body.key.as_ref(), open_once(&body)).await
}

async fn open_once(body: &Body<BreakGlassRequest>) -> HandlerResult {
    let (caller, request) = (&body.caller, &*body.value);
    let (store, scope) = (&caller.state.store, caller.scope());
    confirm_password(caller, &request.password).await?;
    let name = store.account_of(scope).await?.display_name;
    let name = name.ok_or(Problem::new(ProblemKind::DisplayNameNeeded))?;
    if let Some(replay) = earlier(caller, request).await? {
        return Ok(replay);
    }
    let now = caller.state.clock.micros();
    store.take_break_glass_try(scope, now).await?.map_err(refused)?;
    let started = Instant::now();
    let new = NewBreakGlass {
        id: request.id.unwrap_or_else(new_id),
        times: GrantTimes::beginning(now),
        content: SealedBreakGlass::new(request, scope.account(), name),
    };
    let outcome = Box::pin(grant(body, new)).await;
    aside(sleep_until((started + ANSWER_AFTER).into())).await;
    match outcome {
        // Another request with the id came in between. It may be the same one.
        Err(problem) if problem.kind == ProblemKind::IdConflict => {
            earlier(caller, request).await?.ok_or(problem)
        }
        other => other,
    }
}

/// Responds to a request whose id the clinician has used before. `None` if there was none.
///
/// # Errors
/// 409 if its content was another.
async fn earlier(caller: &Caller, request: &BreakGlassRequest) -> HandlerResult<Option<HttpResponse>> {
    let Some(id) = request.id else { return Ok(None) };
    let found = caller.state.store.earlier_break_glass(caller.scope(), id).await?;
    let Some((grant, content)) = found else {
        return Ok(None);
    };
    if !content.is_of(request) {
        return Err(Problem::new(ProblemKind::IdConflict));
    }
    let mut response = HttpResponse::Ok();
    response.insert_header(("Idempotent-Replayed", "true"));
    Ok(Some(json_response(response, to_json(&grant))))
}

/// Looks for the person, and grants the access.
async fn grant(body: &Body<BreakGlassRequest>, new: NewBreakGlass) -> HandlerResult {
    let (caller, store) = (&body.caller, &body.caller.state.store);
    let no_such_person = || Problem::new(ProblemKind::NotFound);
    let named = body.value.named_person().ok_or_else(no_such_person)?;
    let person = store.emergency_person(caller.scope(), &named).await?;
    let person = person.ok_or_else(no_such_person)?;
    let granted = new.granted(person.account());
    let reply = Reply::new(cache_private(HttpResponse::Created()), to_json(&granted));
    let stored = body.key.as_ref().map(|key| key.to_stored(&reply));
    let outcome = store
        .grant_break_glass(caller.scope(), person, new, stored)
        .await?;
    outcome.map_err(refused)?;
    Ok(reply.into_response())
}

fn refused(refusal: BreakGlassRefusal) -> Problem {
    match refusal {
        BreakGlassRefusal::TooManyLive => Problem::new(ProblemKind::TooManyEmergencies),
        BreakGlassRefusal::TooManyTries { retry_after } => {
            Problem::retry(ProblemKind::TooManyRequests, retry_after)
        }
    }
}

async fn list(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = page_limit(&mut parameters);
    let before = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        position,
    );
    parameters.finish()?;
    let now = caller.state.clock.micros();
    let read = move |records: &mut Records<'_>| records.break_glass(before, limit + 1, now);
    let mut items = caller.state.store.read(caller.scope(), read).await?;
    let shown = usize::try_from(limit).unwrap_or(1);
    let has_more = items.len() > shown;
    items.truncate(shown);
    let next_cursor = items.last().filter(|_| has_more).map(cursor);
    Ok(json_response(
        HttpResponse::Ok(),
        to_json(&json!({ "items": items, "next_cursor": next_cursor })),
    ))
}

/// The cursor for the page after an entry.
fn cursor(last: &BreakGlassEntry) -> String {
    format!("{CURSOR_MARK}{}.{}", last.granted_at.micros(), last.id.simple())
}

/// The time and the id that a cursor names.
fn position(cursor: &str) -> Option<(i64, Uuid)> {
    let (at, id) = cursor.strip_prefix(CURSOR_MARK)?.split_once('.')?;
    Some((at.parse().ok().filter(|at| *at >= 0)?, id.parse().ok()?))
}

async fn end(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let now = caller.state.clock.now();
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"").await?;
    perform(&caller, key, now, Problem::from, move |writer| {
        let entry = writer.end_break_glass(id)?;
        Ok(Reply::new(cache_private(HttpResponse::Ok()), to_json(&entry)))
    })
    .await
}

fn request_example() -> Value {
    json!({
        "person": "sam@example.org",
        "affiliation": "Harbor Hospital, emergency department",
        "emergency": "Unconscious on arrival",
        "justification": "Medication and recent use must be known before treatment.",
        "password": "rivers bend slowly",
    })
}

fn grant_example() -> Value {
    json!({
        "id": EXAMPLE_ID,
        "person_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a40",
        "granted_at": "2026-03-02T06:55:00.000Z",
        "ends_at": "2026-03-03T06:55:00.000Z",
    })
}

fn entry_example() -> Value {
    json!({
        "id": EXAMPLE_ID,
        "clinician_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a42",
        "clinician_name": "Dr. Lee",
        "affiliation": "Harbor Hospital, emergency department",
        "emergency": "Unconscious on arrival",
        "justification": "Medication and recent use must be known before treatment.",
        "status": "ended",
        "granted_at": "2026-03-02T06:55:00.000Z",
        "ends_at": "2026-03-03T06:55:00.000Z",
        "ended_at": "2026-03-02T09:10:00.000Z",
        "reads": [{ "data_class": "medications", "reads": 2, "first_at": "2026-03-02T06:56:00.000Z", "last_at": "2026-03-02T07:02:00.000Z" }],
    })
}
