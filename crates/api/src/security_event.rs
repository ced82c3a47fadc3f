//! Security events: what happened to the caller's account, in plain words.

use actix_web::HttpResponse;
use mainstay_domain::{
    account::{Role, Roles},
    record::json as to_json,
    security_event::SecurityEventCode,
    value::{text::Label, timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::security_event::{EventRange, StoredEvent};
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
const CURSOR: [u8; 3] = *b"sev";

/// Lists the endpoint of security events.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get("/v1/me/security-events", list)
            .roles(Roles::ALL)
            .operation(Tag::Accounts, "listSecurityEvents", "Read what happened to your account")
            .about(
                "Sign-ins, wrong passwords, changes of the password, and sessions that ended, the newest first. Each has a `sentence` \
                 in plain words, with a `code` and `params` for apps that have words of their own. Nothing changes an event. Events \
                 are kept for a year: the newest 500 of changes, the newest 500 of sessions and the newest 200 of wrong passwords, so \
                 that wrong passwords of others push nothing out. Wrong passwords are in the list within a minute; after that those \
                 of an hour are counted and become one event. A network is named as widely as is of use: the /16 of an IPv4 address, \
                 or the /32 of an IPv6 address, which tells a provider and no home.",
            )
            .parameter(limit_parameter())
            .parameter(cursor_parameter())
            .gives_schema(
                200,
                "A page.",
                Box::new(|c| {
                    let items = add::<SecurityEventView>(c);
                    add_list(c, "SecurityEventList", &items)
                }),
                || json!({ "items": [example()], "next_cursor": null }),
            )
            .problems(&[ProblemKind::Validation]),
    ]
}

/// Something that happened to the account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SecurityEvent)]
pub struct SecurityEventView {
    /// The id of the event.
    pub id: Uuid,
    /// When it happened. Of several wrong passwords: when the last was.
    pub at: Timestamp,
    /// What happened, in plain words.
    #[schema(max_length = 500)]
    pub sentence: String,
    /// A stable code for what happened.
    pub code: SecurityEventCode,
    /// The values of the event.
    pub params: SecurityEventParams,
    /// The session in which it happened, or which began or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
}

/// The values of a security event.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecurityEventParams {
    /// The network that it came from, named coarsely. Absent if there were several, or if none is known.
    #[schema(max_length = 50)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The name of the device that signed in, as it gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<Label>,
    /// How often it happened, if it is counted.
    #[schema(minimum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// When it happened first, if it is counted over some time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The role of the account, if the people who run the service made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

async fn list(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = page_limit(&mut parameters);
    let after = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        |text| decode_cursor(text, CURSOR),
    );
    parameters.finish()?;
    let range = EventRange {
        after,
        limit: limit + 1,
    };
    let mut found = caller.state.store.security_events(caller.scope(), range).await?;
    let limit = usize::try_from(limit).unwrap_or(1);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_more);
    let next = last.map(|last| encode_cursor((last.at, last.id), CURSOR));
    let items = found.into_iter().map(|event| to_json(&view(event)));
    Ok(json_response(
        HttpResponse::Ok(),
        list_body(items, next.as_deref()),
    ))
}

fn view(StoredEvent { id, at, event }: StoredEvent) -> SecurityEventView {
    SecurityEventView {
        id,
        at: Timestamp::from_micros(at),
        sentence: event.sentence(),
        code: event.code,
        params: SecurityEventParams {
            network: event.network,
            device_name: event.device_name,
            count: event.count,
            since: event.first_at.map(Timestamp::from_micros),
            role: event.role,
        },
        session_id: event.session,
    }
}

fn example() -> Value {
    json!({
        "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a46",
        "at": "2026-03-02T06:55:00Z",
        "sentence": "A new device signed in.",
        "code": "signed_in_on_new_device",
        "params": { "network": "192.0.0.0/16", "device_name": "Sam's phone" },
        "session_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
    })
}
