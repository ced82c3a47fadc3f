//! The list of devices that are signed in.

use actix_web::HttpResponse;
use mainstay_domain::{
    account::Roles,
    record::json as to_json,
    value::{text::Label, timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::session::SessionRange;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        page::{decode_cursor, encode_cursor, page_limit},
        problem::{HandlerResult, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{add, add_list},
    },
    record::{cursor_parameter, json_response, limit_parameter, list_body},
};

/// What ties the cursors of the list to it.
const CURSOR: [u8; 3] = *b"ses";

/// The endpoint of the list.
pub fn endpoint() -> Endpoint {
    endpoint::get("/v1/auth/sessions", list)
        .roles(Roles::ALL)
        .operation(Tag::Accounts, "listSessions", "List your sessions")
        .about(
            "The devices that are signed in, the one that signed in last first. At most 50 are signed in at a time: one more \
             signs out the one that was not used for the longest time.",
        )
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(
            200,
            "The sessions.",
            Box::new(|c| {
                let items = add::<SessionView>(c);
                add_list(c, "SessionList", &items)
            }),
            || json!({ "items": [session_example()], "next_cursor": null }),
        )
        .problems(&[ProblemKind::Validation])
}

/// A device that is signed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AccountSession)]
pub struct SessionView {
    /// The id of the session.
    pub id: Uuid,
    /// The name of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<Label>,
    /// Whether this is the session of the request.
    pub current: bool,
    /// When the session started.
    pub created_at: Timestamp,
    /// When the session last got new tokens.
    pub last_used_at: Timestamp,
    /// When the session ends if it gets no new tokens before: 90 days after it got some, and a year after it started at the
    /// latest; for clinicians and operators 12 hours after it started.
    pub ends_at: Timestamp,
}

async fn list(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = usize::try_from(page_limit(&mut parameters)).unwrap_or(1);
    let after = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        |text| decode_cursor(text, CURSOR),
    );
    parameters.finish()?;
    let range = SessionRange {
        after,
        limit: limit + 1,
    };
    let (account, now) = (caller.scope().account(), caller.state.clock.micros());
    let mut sessions = caller.state.store.sessions(account, now, range).await?;
    let has_more = sessions.len() > limit;
    sessions.truncate(limit);
    let next = sessions
        .last()
        .filter(|_| has_more)
        .map(|last| encode_cursor((last.times.created_at, last.id), CURSOR));
    let items = sessions.into_iter().map(|session| {
        to_json(&SessionView {
            id: session.id,
            device_name: session.content.device_name,
            current: session.id == caller.principal.session,
            created_at: Timestamp::from_micros(session.times.created_at),
            last_used_at: Timestamp::from_micros(session.times.last_used_at),
            ends_at: Timestamp::from_micros(session.ends_at),
        })
    });
    Ok(json_response(
        HttpResponse::Ok(),
        list_body(items, next.as_deref()),
    ))
}

fn session_example() -> Value {
    json!({
        "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
        "device_name": "Sam's phone",
        "current": true,
        "created_at": "2026-03-01T07:30:00Z",
        "last_used_at": "2026-03-02T06:55:00Z",
        "ends_at": "2026-05-31T06:55:00Z",
    })
}
