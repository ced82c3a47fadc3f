//! Use events and their reviews.

use actix_web::HttpResponse;
use mainstay_domain::{
    record::Incoming,
    use_event::{UseEvent, UseEventReview},
};
use mainstay_store::Created;

use crate::{
    http::{body::Body, conditional},
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::add_record,
    },
    problem::{Outcome, Problem, ProblemKind},
    record::{
        example, finish, found, id_parameter, if_match, if_none_match, lists, path, read, reads, remembers,
        removes, replace_in, replaces, request_example, store_new, tagged, wire, write,
    },
    support::{create_with_help, for_event, with_help_example, with_help_schema},
};

const MEMBER: &str = "use_event";
const REVIEW: &str = "/v1/use-events/{id}/review";

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
            .takes_schema(Box::new(add_record::<UseEvent>), request_example::<UseEvent>())
            .gives_schema(201, "Stored, with help.", Box::new(|c| with_help_schema::<UseEvent>(c, MEMBER)), with_help_example::<UseEvent>(MEMBER))
            .with_headers(&["ETag", "Location"])
            .gives_schema(200, "Stored before, with help as of now.", Box::new(|c| with_help_schema::<UseEvent>(c, MEMBER)), with_help_example::<UseEvent>(MEMBER))
            .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
            .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted]),
        lists::<UseEvent>(tag),
        reads::<UseEvent>(tag),
        replaces::<UseEvent>(tag),
        removes::<UseEvent>(tag),
        remembers::<UseEvent>(tag),
        for_event::<UseEvent>(tag),
        endpoint::put(REVIEW, put_review)
            .operation(tag, "putUseEventReview", "Write or replace the review of a use event")
            .about("A chain analysis: what led to it, what helped, what to change. The first one needs no If-Match; a later one does.")
            .parameter(id_parameter())
            .parameter(Parameter { required: false, ..if_match() })
            .takes_schema(Box::new(add_record::<UseEventReview>), request_example::<UseEventReview>())
            .gives_schema(201, "Stored.", Box::new(add_record::<UseEventReview>), example::<UseEventReview>())
            .with_headers(&["ETag"])
            .gives_schema(200, "Replaced, or stored before.", Box::new(add_record::<UseEventReview>), example::<UseEventReview>())
            .with_headers(&["ETag", "Idempotent-Replayed"])
            .problems(&[ProblemKind::PreconditionRequired]),
        endpoint::get(REVIEW, read::<UseEventReview>)
            .operation(tag, "getUseEventReview", "Read the review of a use event")
            .about("The review as it stands.")
            .parameter(id_parameter())
            .parameter(if_none_match())
            .gives_schema(200, "As it stands.", Box::new(add_record::<UseEventReview>), example::<UseEventReview>())
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"]),
    ]
}

async fn create(body: Body<Incoming<UseEvent>>) -> Outcome {
    create_with_help(body, MEMBER).await
}

/// A review lives under the id of its event.
async fn put_review(body: Body<Incoming<UseEventReview>>) -> Outcome {
    let caller = &body.caller;
    let id = caller.same_id(&body.value)?;
    let expected = conditional::if_match_optional(&caller.request)?;
    found::<UseEvent>(caller).await?;
    if let Some(expected) = expected {
        let (now, incoming) = (caller.state.clock.now(), body.value);
        let stored = write::<UseEventReview, _>(caller, now, move |writer| {
            replace_in(writer, incoming, id, expected, now)
        })
        .await;
        let stored = stored.map_err(|problem| match problem.kind {
            // The event is there; a precondition on a review that is not cannot hold.
            ProblemKind::NotFound => Problem::new(ProblemKind::VersionMismatch),
            _ => problem,
        })?;
        return Ok(finish(tagged(HttpResponse::Ok(), stored.version), wire(&stored)));
    }
    let incoming = Incoming {
        id: Some(id),
        body: body.value.body,
        basis: None,
    };
    match store_new(caller, incoming).await {
        Ok(Created::New(stored)) => Ok(finish(
            tagged(HttpResponse::Created(), stored.version),
            wire(&stored),
        )),
        Ok(Created::Replayed(stored)) => {
            let mut answer = tagged(HttpResponse::Ok(), stored.version);
            answer.insert_header(("Idempotent-Replayed", "true"));
            Ok(finish(answer, wire(&stored)))
        }
        Err(problem) if problem.kind == ProblemKind::IdConflict => {
            Err(Problem::new(ProblemKind::PreconditionRequired))
        }
        Err(problem) => Err(problem),
    }
}
