//! The endpoints of craving events. The response to a create already carries help.

use mainstay_domain::{craving_event::CravingEvent, record::Incoming};

use crate::{
    http::{
        body::Body,
        problem::{HandlerResult, ProblemKind},
        replay::replaying,
    },
    openapi::{
        endpoint::{self, Endpoint, Priority, Tag},
        schema::add_input,
    },
    record::{delete_endpoint, history_endpoint, list_endpoint, path, read_endpoint, request_example},
    support::{
        RecordPlace, create_with_help, for_event, helping, merge_endpoint_with_help,
        replace_endpoint_with_help, with_help_example, with_help_schema,
    },
};

/// The member of a response that holds the event.
const MEMBER: &str = "craving_event";

/// Returns the endpoints of craving events.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::CravingEvents;
    vec![
        create_endpoint(tag),
        list_endpoint::<CravingEvent>(tag),
        read_endpoint::<CravingEvent>(tag),
        replace_endpoint_with_help::<CravingEvent>(tag),
        merge_endpoint_with_help::<CravingEvent>(tag),
        delete_endpoint::<CravingEvent>(tag),
        history_endpoint::<CravingEvent>(tag),
        for_event::<CravingEvent>(tag),
    ]
}

fn create_endpoint(tag: Tag) -> Endpoint {
    let example = || with_help_example::<CravingEvent>(MEMBER);
    endpoint::post(path::<CravingEvent>(), helping::<CravingEvent, _, _>(replaying(create)))
        .priority(Priority::Urgent)
        .operation(tag, "createCravingEvent", "Report a craving and get help")
        .about(
            "Stores the craving. The response already carries the coping strategies that worked for this person, the people whom \
             they can reach now, and helplines. An event without an end closes as `unsure` four hours after its onset. If an \
             event whose `feels_safe` is `no` or `not_sure` is refused, the problem has `support` too.",
        )
        .takes_schema(Box::new(add_input::<CravingEvent>), request_example::<CravingEvent>)
        .gives_schema(
            201,
            "Stored, with help.",
            Box::new(|c| with_help_schema::<CravingEvent>(c, MEMBER)),
            example,
        )
        .with_headers(&["ETag", "Location"])
        .gives_schema(
            200,
            "Stored before, with help as of now.",
            Box::new(|c| with_help_schema::<CravingEvent>(c, MEMBER)),
            example,
        )
        .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted, ProblemKind::QuotaExceeded])
}

async fn create(body: Body<Incoming<CravingEvent>>) -> HandlerResult {
    create_with_help(body, RecordPlace::Member(MEMBER)).await
}
