//! Feedback on early warnings: an ordinary collection, with the path under which an app looks for it.

use mainstay_domain::{record::Incoming, warning_feedback::WarningFeedback};

use crate::{
    http::{
        body::Body,
        problem::{HandlerResult, ProblemKind},
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::add_record,
    },
    record::{collection, create, example, request_example},
};

/// The endpoints of feedback.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Insights;
    let mut all = vec![
        endpoint::post("/v1/insights/warnings/feedback", give)
            .operation(tag, "giveWarningFeedback", "Say what a warning was worth")
            .about(
                "`helpful`, `wrong`, or `mute`: a muted rule neither shows nor counts, until `muted_until` or until the feedback is \
                 deleted; what is said for safety stays. The same as a POST to `/v1/warning-feedback`, where feedback is listed, \
                 changed and deleted.",
            )
            .takes_schema(Box::new(add_record::<WarningFeedback>), request_example::<WarningFeedback>)
            .gives_schema(201, "Stored.", Box::new(add_record::<WarningFeedback>), example::<WarningFeedback>)
            .with_headers(&["ETag", "Location"])
            .gives_schema(
                200,
                "Stored before; this is how it stands now.",
                Box::new(add_record::<WarningFeedback>),
                example::<WarningFeedback>,
            )
            .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
            .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted]),
    ];
    all.extend(collection::<WarningFeedback>(tag));
    all
}

async fn give(body: Body<Incoming<WarningFeedback>>) -> HandlerResult {
    create(body).await
}
