//! The endpoints of use events, of their reviews, and of the plan that is drafted from a review.

use std::{collections::HashMap, ops::ControlFlow};

use actix_web::HttpResponse;
use chrono_tz::Tz;
use mainstay_domain::{
    plan::{Plan, PlanKind, PlanSection},
    record::{Incoming, Kind, draft},
    support_contact::SupportContact,
    use_event::{UseEvent, UseEventReview, plan_from_review},
};
use mainstay_store::{Created, Expected, LockedWriter, Range, Records, StoreError, Stored};
use uuid::Uuid;

use crate::{
    http::{
        body::Body,
        caller::Caller,
        conditional,
        idempotency::{self, Reply, perform},
        patch::PatchBody,
        problem::{HandlerResult, Problem, ProblemKind},
        replay::replaying,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        schema::{add_input, add_patch, add_record},
    },
    record::{
        MERGES, cache_private, created_response, current, decode, delete_endpoint, encode, example,
        find_by_path_id, history_endpoint, id_parameter, if_match, if_none_match, json_response,
        list_endpoint, merge_record, missing_first, patch_example, path, problem, read_endpoint,
        read_handler, replace_in, request_example, store_new, tagged, write, zone_for,
    },
    server::id::new_id,
    support::{
        RecordPlace, create_with_help, for_event, helping, merge_endpoint_with_help,
        replace_endpoint_with_help, with_help_example, with_help_schema,
    },
};

/// The member of a response that holds the event.
const MEMBER: &str = "use_event";
const REVIEW: &str = "/v1/use-events/{id}/review";
const PLAN_DRAFT: &str = "/v1/use-events/{id}/review/plan-draft";
/// The largest number of support contacts among which a proposed name is searched.
const MAX_CONTACTS: i64 = 2000;

/// Returns the endpoints of use events and their reviews.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::UseEvents;
    vec![
        create_endpoint(tag),
        list_endpoint::<UseEvent>(tag),
        read_endpoint::<UseEvent>(tag),
        replace_endpoint_with_help::<UseEvent>(tag),
        merge_endpoint_with_help::<UseEvent>(tag),
        delete_endpoint::<UseEvent>(tag),
        history_endpoint::<UseEvent>(tag),
        for_event::<UseEvent>(tag),
        put_review_endpoint(tag),
        patch_review_endpoint(tag),
        get_review_endpoint(tag),
        draft_plan_endpoint(tag),
    ]
}

fn create_endpoint(tag: Tag) -> Endpoint {
    let example = || with_help_example::<UseEvent>(MEMBER);
    endpoint::post(path::<UseEvent>(), helping::<UseEvent, _, _>(replaying(create)))
        .priority(Priority::Urgent)
        .operation(tag, "createUseEvent", "Write down a day of use and get help")
        .about(
            "A day of use is a piece of data: it changes no goal, no plan and no milestone that was earned. The response carries \
             what the plan says to do now, the people to reach, and helplines. If an event whose `harm` is `overdose` or `injury` is \
             refused, the problem has `support` too.",
        )
        .takes_schema(Box::new(add_input::<UseEvent>), request_example::<UseEvent>)
        .gives_schema(
            201,
            "Stored, with help.",
            Box::new(|c| with_help_schema::<UseEvent>(c, MEMBER)),
            example,
        )
        .with_headers(&["ETag", "Location"])
        .gives_schema(
            200,
            "Stored before, with help as of now.",
            Box::new(|c| with_help_schema::<UseEvent>(c, MEMBER)),
            example,
        )
        .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted, ProblemKind::QuotaExceeded])
}

fn put_review_endpoint(tag: Tag) -> Endpoint {
    endpoint::put(REVIEW, missing_first(Kind::UseEvent, put_review))
        .operation(tag, "putUseEventReview", "Write or replace the review of a use event")
        .about(
            "A chain analysis: what led to it, what helped, what to change. The first review needs no If-Match; a later one does.",
        )
        .parameter(id_parameter())
        .parameter(Parameter { required: false, ..if_match() })
        .takes_schema(Box::new(add_input::<UseEventReview>), request_example::<UseEventReview>)
        .gives_schema(201, "Stored.", Box::new(add_record::<UseEventReview>), example::<UseEventReview>)
        .with_headers(&["ETag"])
        .gives_schema(
            200,
            "Replaced, or stored before.",
            Box::new(add_record::<UseEventReview>),
            example::<UseEventReview>,
        )
        .with_headers(&["ETag", "Idempotent-Replayed"])
        .problems(&[ProblemKind::PreconditionRequired, ProblemKind::QuotaExceeded])
}

fn patch_review_endpoint(tag: Tag) -> Endpoint {
    endpoint::patch(REVIEW, missing_first(Kind::UseEvent, patch_review))
        .operation(
            tag,
            "updateUseEventReview",
            "Change members of the review of a use event",
        )
        .about(MERGES)
        .parameter(id_parameter())
        .parameter(if_match())
        .takes_schema(
            Box::new(add_patch::<UseEventReview>),
            patch_example::<UseEventReview>,
        )
        .gives_schema(
            200,
            "Changed.",
            Box::new(add_record::<UseEventReview>),
            example::<UseEventReview>,
        )
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::QuotaExceeded])
}

fn get_review_endpoint(tag: Tag) -> Endpoint {
    endpoint::get(REVIEW, read_handler(Kind::UseEventReview))
        .operation(tag, "getUseEventReview", "Read the review of a use event")
        .about("Returns the current version of the review.")
        .parameter(id_parameter())
        .parameter(if_none_match())
        .gives_schema(
            200,
            "The current version.",
            Box::new(add_record::<UseEventReview>),
            example::<UseEventReview>,
        )
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

fn draft_plan_endpoint(tag: Tag) -> Endpoint {
    endpoint::post(PLAN_DRAFT, draft_plan)
        .operation(tag, "draftPlanFromReview", "Make a draft of the plan from a review")
        .about(
            "Creates a plan with status `draft`. It has the content of the active relapse-prevention plan, if there is one, and \
             after it the review's proposed items, each in its section. An item that the plan already has, by id or by name, is \
             not added again. A proposed contact needs the name of a support contact; otherwise it is left out. The active plan \
             does not change until the person activates the draft.",
        )
        .parameter(id_parameter())
        .gives_schema(201, "The draft.", Box::new(add_record::<Plan>), example::<Plan>)
        .with_headers(&["ETag", "Location"])
        .problems(&[ProblemKind::Validation, ProblemKind::QuotaExceeded])
}

async fn create(body: Body<Incoming<UseEvent>>) -> HandlerResult {
    create_with_help(body, RecordPlace::Member(MEMBER)).await
}

/// Writes the review of a use event, which has the id of its event.
async fn put_review(body: Body<Incoming<UseEventReview>>) -> HandlerResult {
    let caller = &body.caller;
    let id = caller.same_id(&body.value)?;
    let expected = conditional::if_match_optional(&caller.request)?;
    find_by_path_id(caller, Kind::UseEvent).await?;
    match expected {
        Some(expected) => replace_review(caller, body.value.into_inner(), id, expected).await,
        None => create_review(caller, body.value.into_inner(), id).await,
    }
}

async fn replace_review(
    caller: &Caller,
    mut incoming: Incoming<UseEventReview>,
    id: Uuid,
    expected: Expected,
) -> HandlerResult {
    let zone = zone_for(caller, &mut incoming).await?;
    let now = caller.state.clock.now();
    let replaced = write(caller, now, problem::<UseEventReview>, move |writer| {
        replace_in(writer, incoming, id, &expected, now, zone)
    })
    .await;
    changed_review(replaced)
}

/// Merges a patch into the review of a use event.
async fn patch_review(body: PatchBody) -> HandlerResult {
    let caller = &body.caller;
    let (event, expected) = (find_by_path_id(caller, Kind::UseEvent), caller.if_match()?);
    let id = event.await?.id;
    changed_review(merge_record::<UseEventReview>(caller, body.patch, id, expected).await)
}

/// Responds with a changed review of an event that exists.
fn changed_review(changed: HandlerResult<Stored>) -> HandlerResult {
    let stored = changed.map_err(|problem| match problem.kind {
        // A precondition on a review that does not exist cannot hold.
        ProblemKind::NotFound => Problem::new(ProblemKind::VersionMismatch),
        _ => problem,
    })?;
    Ok(json_response(
        tagged(HttpResponse::Ok(), stored.tag()),
        encode(&stored),
    ))
}

async fn create_review(caller: &Caller, incoming: Incoming<UseEventReview>, id: Uuid) -> HandlerResult {
    let incoming = Incoming {
        id: Some(id),
        ..incoming
    };
    match store_new(caller, incoming).await {
        Ok(Created::New(stored)) => Ok(json_response(
            tagged(HttpResponse::Created(), stored.tag()),
            encode(&stored),
        )),
        Ok(Created::Replayed(stored)) => {
            let mut response = tagged(HttpResponse::Ok(), stored.tag());
            response.insert_header(("Idempotent-Replayed", "true"));
            Ok(json_response(response, encode(&stored)))
        }
        Err(problem) if problem.kind == ProblemKind::IdConflict => {
            Err(Problem::new(ProblemKind::PreconditionRequired))
        }
        Err(problem) => Err(problem),
    }
}

/// Creates a draft of the plan from a review. Each request creates another draft, unless it repeats an
/// `Idempotency-Key`.
async fn draft_plan(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let now = caller.state.clock.now();
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"").await?;
    perform(&caller, key, now, Problem::from, move |writer| {
        let mut writer = writer.lock()?;
        let incoming = Incoming {
            id: None,
            body: revised_plan(&mut writer, id)?,
            context: None,
        };
        // The plan is made by the server, so none of its times lacks an offset.
        let draft =
            draft(incoming, new_id(), None, now, Tz::UTC, &mut new_id).map_err(StoreError::Findings)?;
        let created = writer.create(&draft)?;
        let (response, record) = created_response::<Plan>(&created);
        Ok(Reply::new(cache_private(response), encode(record)))
    })
    .await
}

/// The active plan with the items that the review of an event proposes.
fn revised_plan(writer: &mut LockedWriter<'_, '_>, event_id: Uuid) -> Result<Plan, StoreError> {
    let (_, event) = current::<UseEvent>(writer, event_id)?;
    let (_, review) = current::<UseEventReview>(writer, event_id)?;
    let active = writer
        .records()
        .by_slot(Kind::Plan, PlanKind::RelapsePrevention.active_slot())?;
    let active = active.map(|stored| decode::<Plan>(&stored.body)).transpose()?;
    let contacts = contacts_by_name(writer.records(), &review)?;
    let find_contact = |name: &str| contacts.get(&name.trim().to_lowercase()).copied();
    plan_from_review(active.as_ref(), &event, &review, find_contact).map_err(StoreError::Findings)
}

/// Returns the ids of the support contacts by their names in lower case; empty if the review proposes no contact.
fn contacts_by_name(
    records: &mut Records<'_>,
    review: &UseEventReview,
) -> Result<HashMap<String, Uuid>, StoreError> {
    if !(review.proposed_items.iter()).any(|item| item.section == PlanSection::ContactIds) {
        return Ok(HashMap::new());
    }
    let range = Range {
        limit: MAX_CONTACTS,
        ..Range::default()
    };
    let mut named = HashMap::new();
    records.for_each(Kind::SupportContact, &range, |stored| {
        let contact: SupportContact = decode(&stored.body)?;
        named.insert(contact.name.trim().to_lowercase(), stored.id);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(named)
}
