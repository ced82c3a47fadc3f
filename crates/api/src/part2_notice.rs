//! The page with the notice that goes with disclosures (42 CFR 2.32).

use actix_web::{HttpRequest, HttpResponse, http::header};
use mainstay_domain::audit::NOTICE_LONG;
use serde_json::json;

use crate::{
    http::problem::HandlerResult,
    openapi::endpoint::{self, Endpoint, Priority, Tag},
    server::state::State,
};

/// The path of the page, which disclosures link to.
pub const PATH: &str = "/part2-notice";

/// Lists the endpoints of the notice.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get(PATH, read)
            .priority(Priority::Deferrable)
            .public()
            .operation(Tag::Sharing, "getPart2Notice", "Read the notice that goes with disclosures")
            .about(
                "The notice of 42 CFR 2.32 in its long form, as plain text. Every disclosure of a person's record names its version \
                 and links to it. The operator may have put another text in its place.",
            )
            .gives_media(200, "The notice.", "text/plain", || json!(NOTICE_LONG)),
    ]
}

async fn read(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "public, max-age=3600"));
    Ok(response
        .content_type("text/plain; charset=utf-8")
        .body(state.notice.long.clone()))
}
