//! The endpoints of invitations. `own.rs` is for the person who invites, `taken.rs` for the account that is invited.

mod own;
mod taken;

use actix_web::{HttpResponse, body::MessageBody, http::header};
use mainstay_domain::{
    invitation::{
        HelperRole, Invitation, InvitationAcceptance, InvitationStatus, InvitationStep, InvitationTaker,
        NewInvitation, TakenInvitation,
    },
    record::json as to_json,
    support_contact::Relationship,
    value::{text::text, timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::{LockedWriter, StoreError, invitation::InvitationRange};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        idempotency::{HeldKey, Reply, perform},
        page::{decode_cursor, encode_cursor, page_limit},
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{Components, add, add_list},
    },
    record::{EXAMPLE_ID, cursor_parameter, id_parameter, json_response, limit_parameter, list_body},
};

/// The account of the helper in examples.
const EXAMPLE_HELPER: &str = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a91";
/// The account of the person in examples.
const EXAMPLE_PERSON: &str = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a90";
/// The code in examples.
const EXAMPLE_CODE: &str = "7QK2-M9XA-04TF-ZB6H-13VN-8C5W-RD";
/// What a list of invitations says of its order.
const NEWEST_FIRST: &str = "Newest first. Pages neither repeat nor skip an invitation while others are made.";

/// Lists the endpoints of invitations.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = own_endpoints();
    all.extend(taken_endpoints());
    all
}

#[expect(clippy::too_many_lines, reason = "a list of endpoints")]
fn own_endpoints() -> Vec<Endpoint> {
    let step = |step, path, id, summary, about| {
        endpoint::post(path, own::step_handler(step))
            .operation(Tag::Sharing, id, summary)
            .about(about)
            .parameter(id_parameter())
            .gives::<Invitation>(200, "The invitation as it is now.", own_example)
            .problems(&[ProblemKind::NotFound, ProblemKind::InvitationStatus])
    };
    vec![
        endpoint::post("/v1/invitations", own::create)
            .operation(Tag::Sharing, "createInvitation", "Invite somebody to help")
            .about(
                "Makes an invitation with a one-time code, which is good for 7 days and shown in this response only. Hand it to \
                 the one whom you invite. They take it with an account of their own, you see who took it, and confirm. Neither \
                 of you learns the other's e-mail address, and nothing of your record is shared by an invitation. If it is \
                 sent again with the same id and content, the response is 200 with the invitation and without its code; with \
                 an Idempotency-Key it is the first response.",
            )
            .takes::<NewInvitation>(|| json!({
                "role": "supporter", "relationship": "sponsor", "message": "Would you walk with me for a while?",
            }))
            .gives::<Invitation>(201, "Made, with its code.", created_example)
            .with_headers(&["Location"])
            .gives::<Invitation>(200, "Made before.", own_example)
            .with_headers(&["Location", "Idempotent-Replayed"])
            .problems(&[ProblemKind::IdConflict, ProblemKind::TooManyInvitations]),
        endpoint::get("/v1/invitations", own::list)
            .operation(Tag::Sharing, "listInvitations", "List your invitations")
            .about(NEWEST_FIRST)
            .parameter(limit_parameter())
            .parameter(cursor_parameter())
            .gives_schema(200, "A page.", Box::new(own_list_schema), || json!({ "items": [own_example()], "next_cursor": null })),
        endpoint::get("/v1/invitations/{id}", own::read)
            .operation(Tag::Sharing, "getInvitation", "Read one of your invitations")
            .about("Says where it stands, and who took it.")
            .parameter(id_parameter())
            .gives::<Invitation>(200, "The invitation.", own_example),
        step(
            InvitationStep::Confirm,
            "/v1/invitations/{id}/confirm",
            "confirmInvitation",
            "Confirm who took your invitation",
            "Confirms that the account that took the invitation is the right one. From now on a consent can name it. Nothing is \
             shared before a consent is signed.",
        ),
        step(
            InvitationStep::Decline,
            "/v1/invitations/{id}/decline",
            "declineInvitation",
            "Decline who took your invitation",
            "Says that the account that took the invitation is not the right one. Make another invitation for the right one.",
        ),
        step(
            InvitationStep::Revoke,
            "/v1/invitations/{id}/revoke",
            "revokeInvitation",
            "End one of your invitations",
            "Ends an invitation, whether it was taken or not. Its code is good no more, and an account that was confirmed by it \
             is no helper any more.",
        ),
    ]
}

fn taken_endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::post("/v1/invitations/accept", taken::accept)
            .operation(Tag::Sharing, "acceptInvitation", "Take an invitation")
            .about(
                "Takes an invitation with its code. The person sees the display name of your account, never its e-mail address, \
                 and confirms or declines. A code that nobody has, was used, has ended, was revoked or is your own gets one and \
                 the same 404. An account can try 20 codes an hour.",
            )
            .takes::<InvitationAcceptance>(|| json!({ "code": EXAMPLE_CODE, "display_name": "Robin" }))
            .gives::<TakenInvitation>(200, "Taken.", taken_example)
            .problems(&[ProblemKind::NotFound, ProblemKind::TooManyRequests]),
        endpoint::get("/v1/invitations/accepted", taken::list)
            .operation(Tag::Sharing, "listAcceptedInvitations", "List the invitations that you have taken")
            .about(NEWEST_FIRST)
            .parameter(limit_parameter())
            .parameter(cursor_parameter())
            .gives_schema(200, "A page.", Box::new(taken_list_schema), || json!({ "items": [taken_example()], "next_cursor": null })),
        endpoint::post("/v1/invitations/accepted/{id}/leave", taken::leave)
            .operation(Tag::Sharing, "leaveInvitation", "Leave an invitation that you have taken")
            .about("Ends what you took on. The person sees that you have left.")
            .parameter(id_parameter())
            .gives::<TakenInvitation>(200, "The invitation as it is now.", || {
                let mut example = taken_example();
                if let Value::Object(members) = &mut example {
                    members.retain(|name, _| !["person_id", "display_name", "message"].contains(&name.as_str()));
                    members.insert("status".to_owned(), json!("left"));
                    members.insert("ended_at".to_owned(), json!("2026-03-09T18:00:00.000Z"));
                }
                example
            })
            .problems(&[ProblemKind::NotFound, ProblemKind::InvitationStatus]),
    ]
}

/// Runs work on invitations in one transaction, and only once for each key. Gives the id of the invitation.
///
/// Only that id is stored for a retry: what the other account says is under its own key, and is read again each time.
async fn once(
    caller: &Caller,
    key: Option<HeldKey>,
    work: impl FnOnce(&mut LockedWriter<'_, '_>) -> Result<Uuid, StoreError> + Send + 'static,
) -> HandlerResult<Uuid> {
    let now = caller.state.clock.now();
    let response = perform(caller, key, now, Problem::from, move |writer| {
        let id = work(&mut writer.lock()?)?;
        Ok(Reply::new(HttpResponse::Ok(), to_json(&id)))
    });
    let body = response.await?.into_body();
    let id = body.try_into_bytes().ok();
    id.and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| Problem::internal("the response of a step of an invitation has no id"))
}

/// Reads which part of a list is requested. `mark` ties its cursors to it.
fn requested_range(caller: &Caller, mark: [u8; 3]) -> HandlerResult<InvitationRange> {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = page_limit(&mut parameters);
    let after = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        |text| decode_cursor(text, mark),
    );
    parameters.finish()?;
    Ok(InvitationRange { after, limit })
}

/// Responds with a page.
fn page_response<T: Serialize>(items: &[T], next: Option<(i64, Uuid)>, mark: [u8; 3]) -> HttpResponse {
    let cursor = next.map(|last| encode_cursor(last, mark));
    let body = list_body(items.iter().map(to_json), cursor.as_deref());
    json_response(HttpResponse::Ok(), body)
}

/// The `Location` of an invitation.
fn location(id: Uuid) -> (header::HeaderName, String) {
    (header::LOCATION, format!("/v1/invitations/{id}"))
}

fn own_list_schema(components: &mut Components) -> Value {
    let items = add::<Invitation>(components);
    add_list(components, "InvitationList", &items)
}

fn taken_list_schema(components: &mut Components) -> Value {
    let items = add::<TakenInvitation>(components);
    add_list(components, "TakenInvitationList", &items)
}

/// An invitation that was taken.
fn own_example() -> Value {
    let example = Invitation {
        status: InvitationStatus::Accepted,
        expires_at: None,
        taken_at: Some(Timestamp::from_micros(1_772_532_000_000_000)),
        taken_by: Some(InvitationTaker {
            account_id: EXAMPLE_HELPER.parse().unwrap_or_default(),
            display_name: Some(text!("Robin")),
        }),
        ..new_example()
    };
    serde_json::to_value(example).unwrap_or_default()
}

/// A new invitation with its code.
fn created_example() -> Value {
    let example = Invitation {
        code: Some(EXAMPLE_CODE.to_owned()),
        link: Some(format!("https://mainstay.example.org/i/{EXAMPLE_CODE}")),
        ..new_example()
    };
    serde_json::to_value(example).unwrap_or_default()
}

fn new_example() -> Invitation {
    Invitation {
        id: EXAMPLE_ID.parse().unwrap_or_default(),
        status: InvitationStatus::Pending,
        role: HelperRole::Supporter,
        relationship: Relationship::Sponsor,
        support_contact_id: None,
        message: Some(text!("Would you walk with me for a while?")),
        created_at: Timestamp::from_micros(1_772_418_600_000_000),
        expires_at: Some(Timestamp::from_micros(1_773_023_400_000_000)),
        taken_at: None,
        taken_by: None,
        ended_at: None,
        code: None,
        link: None,
    }
}

fn taken_example() -> Value {
    let example = TakenInvitation {
        id: EXAMPLE_ID.parse().unwrap_or_default(),
        status: InvitationStatus::Confirmed,
        role: HelperRole::Supporter,
        relationship: Relationship::Sponsor,
        person_id: EXAMPLE_PERSON.parse().ok(),
        display_name: Some(text!("Sam")),
        message: Some(text!("Would you walk with me for a while?")),
        taken_at: Timestamp::from_micros(1_772_532_000_000_000),
        ended_at: None,
    };
    serde_json::to_value(example).unwrap_or_default()
}
