//! Use events and their reviews.

use std::collections::HashMap;

use actix_web::HttpResponse;
use mainstay_domain::{
    plan::{Plan, PlanKind, PlanSection},
    record::{Incoming, Kind, draft},
    support_contact::SupportContact,
    use_event::{UseEvent, UseEventReview, plan_from_review},
};
use mainstay_store::{Created, Range, Records, StoreError};
use uuid::Uuid;

use crate::{
    http::{
        body::Body,
        caller::Caller,
        conditional,
        idempotency::{self, Reply, perform},
        problem::{HandlerResult, Problem, ProblemKind},
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::add_record,
    },
    record::{
        cache_private, created_answer, current, decode, delete_endpoint, encode, example, find_by_path_id,
        history_endpoint, id_parameter, if_match, if_none_match, json_response, list_endpoint, path, problem,
        read_endpoint, reading, replace_endpoint, replace_in, request_example, store_new, tagged, write,
    },
    server::id::new_id,
    support::{create_with_help, for_event, with_help_example, with_help_schema},
};

const MEMBER: &str = "use_event";
const REVIEW: &str = "/v1/use-events/{id}/review";
const PLAN_DRAFT: &str = "/v1/use-events/{id}/review/plan-draft";
/// Support contacts among which a proposed one is looked for.
const CONTACTS: i64 = 2000;

/// The endpoints of use events.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::UseEvents;
    vec![
        endpoint::post(path::<UseEvent>(), create)
            .operation(tag, "createUseEvent", "Write down a day of use and get help")
            .about(
                "A day of use is a piece of data: it changes no goal, no plan and no milestone that was earned. The answer carries \
                 what the plan says to do now, the people to reach, and helplines.",
            )
            .takes_schema(Box::new(add_record::<UseEvent>), request_example::<UseEvent>)
            .gives_schema(201, "Stored, with help.", Box::new(|c| with_help_schema::<UseEvent>(c, MEMBER)), || with_help_example::<UseEvent>(MEMBER))
            .with_headers(&["ETag", "Location"])
            .gives_schema(200, "Stored before, with help as of now.", Box::new(|c| with_help_schema::<UseEvent>(c, MEMBER)), || with_help_example::<UseEvent>(MEMBER))
            .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
            .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted]),
        list_endpoint::<UseEvent>(tag),
        read_endpoint::<UseEvent>(tag),
        replace_endpoint::<UseEvent>(tag),
        delete_endpoint::<UseEvent>(tag),
        history_endpoint::<UseEvent>(tag),
        for_event::<UseEvent>(tag),
        endpoint::put(REVIEW, put_review)
            .operation(tag, "putUseEventReview", "Write or replace the review of a use event")
            .about("A chain analysis: what led to it, what helped, what to change. The first one needs no If-Match; a later one does.")
            .parameter(id_parameter())
            .parameter(Parameter { required: false, ..if_match() })
            .takes_schema(Box::new(add_record::<UseEventReview>), request_example::<UseEventReview>)
            .gives_schema(201, "Stored.", Box::new(add_record::<UseEventReview>), example::<UseEventReview>)
            .with_headers(&["ETag"])
            .gives_schema(200, "Replaced, or stored before.", Box::new(add_record::<UseEventReview>), example::<UseEventReview>)
            .with_headers(&["ETag", "Idempotent-Replayed"])
            .problems(&[ProblemKind::PreconditionRequired]),
        endpoint::get(REVIEW, reading(Kind::UseEventReview))
            .operation(tag, "getUseEventReview", "Read the review of a use event")
            .about("The review as it stands.")
            .parameter(id_parameter())
            .parameter(if_none_match())
            .gives_schema(200, "As it stands.", Box::new(add_record::<UseEventReview>), example::<UseEventReview>)
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"]),
        endpoint::post(PLAN_DRAFT, draft_plan)
            .operation(tag, "draftPlanFromReview", "Make a draft of the plan from a review")
            .about(
                "A new plan with status `draft`: what the active relapse-prevention plan says, if there is one, and behind it the review's \
                 proposed items, each in its part. What the plan has already, by id or by name, is not added again. A proposed contact \
                 must have the name of a support contact, else it is left out. The active plan stays as it is until the person activates \
                 the draft.",
            )
            .parameter(id_parameter())
            .gives_schema(201, "The draft.", Box::new(add_record::<Plan>), example::<Plan>)
            .with_headers(&["ETag", "Location"])
            .problems(&[ProblemKind::Validation]),
    ]
}

async fn create(body: Body<Incoming<UseEvent>>) -> HandlerResult {
    create_with_help(body, MEMBER).await
}

/// A review lives under the id of its event.
async fn put_review(body: Body<Incoming<UseEventReview>>) -> HandlerResult {
    let caller = &body.caller;
    let id = caller.same_id(&body.value)?;
    let expected = conditional::if_match_optional(&caller.request)?;
    find_by_path_id(caller, Kind::UseEvent).await?;
    if let Some(expected) = expected {
        let (now, incoming) = (caller.state.clock.now(), body.value);
        let stored = write(caller, now, problem::<UseEventReview>, move |writer| {
            replace_in(writer, incoming, id, expected, now)
        })
        .await;
        let stored = stored.map_err(|problem| match problem.kind {
            // The event is there; a precondition on a review that is not cannot hold.
            ProblemKind::NotFound => Problem::new(ProblemKind::VersionMismatch),
            _ => problem,
        })?;
        return Ok(json_response(
            tagged(HttpResponse::Ok(), stored.version),
            encode(&stored),
        ));
    }
    let incoming = Incoming {
        id: Some(id),
        body: body.value.body,
        context: None,
    };
    match store_new(caller, incoming).await {
        Ok(Created::New(stored)) => Ok(json_response(
            tagged(HttpResponse::Created(), stored.version),
            encode(&stored),
        )),
        Ok(Created::Replayed(stored)) => {
            let mut answer = tagged(HttpResponse::Ok(), stored.version);
            answer.insert_header(("Idempotent-Replayed", "true"));
            Ok(json_response(answer, encode(&stored)))
        }
        Err(problem) if problem.kind == ProblemKind::IdConflict => {
            Err(Problem::new(ProblemKind::PreconditionRequired))
        }
        Err(problem) => Err(problem),
    }
}

/// Each call makes another draft; with an `Idempotency-Key` a repeated one gets the first answer again.
async fn draft_plan(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let now = caller.state.clock.now();
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"")?;
    perform(&caller, key, now, Problem::from, move |writer| {
        writer.lock()?;
        let (_, event) = current::<UseEvent>(writer, id)?;
        let (_, review) = current::<UseEventReview>(writer, id)?;
        let active = writer.by_slot(Kind::Plan, PlanKind::RelapsePrevention.active_slot())?;
        let active = active.map(|stored| decode::<Plan>(&stored.body)).transpose()?;
        let contacts = contacts_by_name(writer, &review)?;
        let contact = |name: &str| contacts.get(&name.trim().to_lowercase()).copied();
        let plan =
            plan_from_review(active.as_ref(), &event, &review, contact).map_err(StoreError::Findings)?;
        let incoming = Incoming {
            id: None,
            body: plan,
            context: None,
        };
        let plan = draft(incoming, new_id(), None, now, &mut new_id).map_err(StoreError::Findings)?;
        let created = writer.create(&plan)?;
        let (answer, record) = created_answer::<Plan>(&created);
        Ok(Reply::new(cache_private(answer), encode(record)))
    })
    .await
}

/// The support contacts by their names in lower case, if the review proposes any.
fn contacts_by_name(
    records: &mut Records<'_>,
    review: &UseEventReview,
) -> Result<HashMap<String, Uuid>, StoreError> {
    if !(review.proposed_items.iter()).any(|item| item.section == PlanSection::ContactIds) {
        return Ok(HashMap::new());
    }
    let all = Range {
        limit: CONTACTS,
        ..Range::default()
    };
    let contacts = records.list(Kind::SupportContact, &all)?;
    let named = contacts.iter().map(|stored| {
        let contact: SupportContact = decode(&stored.body)?;
        Ok((contact.name.trim().to_lowercase(), stored.id))
    });
    named.collect()
}
