//! The endpoints of check-ins. The response to one that says that the person may not be safe carries help.

use mainstay_domain::{check_in::CheckIn, record::Incoming};

use crate::{
    http::{
        body::Body,
        problem::{HandlerResult, ProblemKind},
        replay::replaying,
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{add_input, add_record},
    },
    record::{delete_endpoint, history_endpoint, list_endpoint, path, read_endpoint, request_example},
    support::{
        RecordPlace, create_with_help, example_beside_help, helping, merge_endpoint_with_help,
        replace_endpoint_with_help,
    },
};

/// Returns the endpoints of check-ins.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::CheckIns;
    vec![
        create_endpoint(tag),
        list_endpoint::<CheckIn>(tag),
        read_endpoint::<CheckIn>(tag),
        replace_endpoint_with_help::<CheckIn>(tag),
        merge_endpoint_with_help::<CheckIn>(tag),
        delete_endpoint::<CheckIn>(tag),
        history_endpoint::<CheckIn>(tag),
    ]
}

fn create_endpoint(tag: Tag) -> Endpoint {
    endpoint::post(path::<CheckIn>(), helping::<CheckIn, _, _>(replaying(create)))
        .operation(tag, "createCheckIn", "Store a new check-in")
        .about(
            "Stores a check-in. If it is sent again with the same id and content, the response is 200 with the current check-in. If \
             the answer `feels_safe` of the stored check-in is `no` or `not_sure`, the response also has `support`: help as in `GET \
             /v1/support`, with the emergency number, the crisis line and the safety plan first. Show it at once. If a check-in \
             that says so is refused, the problem has `support`.",
        )
        .takes_schema(Box::new(add_input::<CheckIn>), request_example::<CheckIn>)
        .gives_schema(
            201,
            "Stored.",
            Box::new(add_record::<CheckIn>),
            example_beside_help::<CheckIn>,
        )
        .with_headers(&["ETag", "Location"])
        .gives_schema(
            200,
            "Stored before; the response has the current version.",
            Box::new(add_record::<CheckIn>),
            example_beside_help::<CheckIn>,
        )
        .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted, ProblemKind::QuotaExceeded])
        .problems(&[ProblemKind::SlotTaken])
}

async fn create(body: Body<Incoming<CheckIn>>) -> HandlerResult {
    create_with_help(body, RecordPlace::Response).await
}
