//! Craving events: storing one already brings help.

use mainstay_domain::{craving_event::CravingEvent, record::Incoming};

use crate::{
    http::{
        body::Body,
        problem::{HandlerResult, ProblemKind},
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::add_record,
    },
    record::{
        delete_endpoint, history_endpoint, list_endpoint, path, read_endpoint, replace_endpoint,
        request_example,
    },
    support::{create_with_help, for_event, with_help_example, with_help_schema},
};

const MEMBER: &str = "craving_event";

/// The endpoints of craving events.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::CravingEvents;
    vec![
        endpoint::post(path::<CravingEvent>(), create)
            .operation(tag, "createCravingEvent", "Report a craving and get help")
            .about(
                "Stores the craving; the answer already carries the coping strategies that worked for this person, the people they \
                 can reach now, and helplines. An event that nobody ends closes as `unsure` four hours after its onset.",
            )
            .takes_schema(Box::new(add_record::<CravingEvent>), request_example::<CravingEvent>)
            .gives_schema(201, "Stored, with help.", Box::new(|c| with_help_schema::<CravingEvent>(c, MEMBER)), || with_help_example::<CravingEvent>(MEMBER))
            .with_headers(&["ETag", "Location"])
            .gives_schema(200, "Stored before, with help as of now.", Box::new(|c| with_help_schema::<CravingEvent>(c, MEMBER)), || with_help_example::<CravingEvent>(MEMBER))
            .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
            .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted]),
        list_endpoint::<CravingEvent>(tag),
        read_endpoint::<CravingEvent>(tag),
        replace_endpoint::<CravingEvent>(tag),
        delete_endpoint::<CravingEvent>(tag),
        history_endpoint::<CravingEvent>(tag),
        for_event::<CravingEvent>(tag),
    ]
}

async fn create(body: Body<Incoming<CravingEvent>>) -> HandlerResult {
    create_with_help(body, MEMBER).await
}
