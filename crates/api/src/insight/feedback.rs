//! The endpoints of feedback on early warnings: an ordinary collection with one more path for its create.

use mainstay_domain::warning_feedback::WarningFeedback;

use crate::{
    http::{problem::ProblemKind, replay::replaying},
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{add_input, add_record},
    },
    record::{collection, create, example, request_example},
};

/// Returns the endpoints of feedback.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Insights;
    let mut all = vec![
        endpoint::post("/v1/insights/warnings/feedback", replaying(create::<WarningFeedback>))
            .operation(tag, "giveWarningFeedback", "Give feedback on a warning")
            .about(
                "`helpful`, `wrong`, or `mute`. A muted rule is not shown and does not count until `muted_until`, or until the \
                 feedback is deleted; what a warning says for safety stays. The same as a POST to `/v1/warning-feedback`, where \
                 feedback is listed, changed and deleted.",
            )
            .takes_schema(Box::new(add_input::<WarningFeedback>), request_example::<WarningFeedback>)
            .gives_schema(201, "Stored.", Box::new(add_record::<WarningFeedback>), example::<WarningFeedback>)
            .with_headers(&["ETag", "Location"])
            .gives_schema(
                200,
                "Stored before; the response has the current version.",
                Box::new(add_record::<WarningFeedback>),
                example::<WarningFeedback>,
            )
            .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
            .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted, ProblemKind::QuotaExceeded]),
    ];
    all.extend(collection::<WarningFeedback>(tag));
    all
}
