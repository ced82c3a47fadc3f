//! Invitations for the person who makes them: make, list, read, confirm, decline, revoke.

use actix_web::{
    Handler, HttpResponse,
    http::{StatusCode, header},
};
use mainstay_domain::{
    invitation::{Invitation, InvitationStatus, InvitationStep, InvitationTaker, NewInvitation, VALID_US},
    record::json as to_json,
    value::timestamp::Timestamp,
};
use mainstay_store::invitation::{Invited, StoredInvitation, random_invitation_code};
use uuid::Uuid;

use super::{location, once, page_response, requested_range};
use crate::{
    http::{
        body::Body,
        caller::Caller,
        idempotency::{self, Reply, perform},
        problem::{HandlerResult, Problem},
    },
    record::json_response,
    server::{clock::micros, id::new_id},
};

/// What ties the cursors of the list to it.
const MARK: [u8; 3] = *b"inv";

/// `POST /v1/invitations`.
pub(super) async fn create(body: Body<NewInvitation>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let (new, now) = (value.into_inner(), caller.state.clock.now());
    let id = new.id.unwrap_or_else(new_id);
    let code = random_invitation_code()?.to_string();
    let index = caller.state.store.invitation_index(&code);
    let first = first_answer(&caller, &new, id, code);
    let response = perform(&caller, key, now, Problem::from, move |writer| {
        Ok(match writer.lock()?.invite(id, &new, index)? {
            Invited::New => {
                let mut response = HttpResponse::Created();
                // It has the code.
                response.insert_header((header::CACHE_CONTROL, "no-store"));
                response.insert_header(location(id));
                Reply::new(response, to_json(&first))
            }
            // Shown as it stands now, with what is not to be stored for a retry.
            Invited::Replayed => Reply::new(HttpResponse::Ok(), Vec::new()),
        })
    });
    let response = response.await?;
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let mut replayed = HttpResponse::Ok();
    replayed.insert_header(("Idempotent-Replayed", "true"));
    replayed.insert_header(location(id));
    Ok(json_response(replayed, to_json(&find(&caller, id).await?)))
}

/// The answer that shows the code.
fn first_answer(caller: &Caller, new: &NewInvitation, id: Uuid, code: String) -> Invitation {
    let now = micros(caller.state.clock.now());
    let public_url = caller.state.public_url.as_deref();
    Invitation {
        id,
        status: InvitationStatus::Pending,
        role: new.role,
        relationship: new.relationship,
        support_contact_id: new.support_contact_id,
        message: new.message.clone(),
        created_at: Timestamp::from_micros(now),
        expires_at: Some(Timestamp::from_micros(now + VALID_US)),
        taken_at: None,
        taken_by: None,
        ended_at: None,
        link: public_url.map(|url| format!("{url}/i/{code}")),
        code: Some(code),
    }
}

/// `GET /v1/invitations`.
pub(super) async fn list(caller: Caller) -> HandlerResult {
    let range = requested_range(&caller, MARK)?;
    let (store, now) = (&caller.state.store, caller.state.clock.micros());
    let page = store.invitations(caller.scope(), range, now).await?;
    let items: Vec<Invitation> = page.items.into_iter().map(shown).collect();
    Ok(page_response(&items, page.next, MARK))
}

/// `GET /v1/invitations/{id}`.
pub(super) async fn read(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let invitation = find(&caller, id).await?;
    Ok(json_response(HttpResponse::Ok(), to_json(&invitation)))
}

/// Returns the handler of a step that the person takes.
pub(super) fn step_handler(
    step: InvitationStep,
) -> impl Handler<(Caller,), Output = HandlerResult, Future: 'static> {
    move |caller| take_step(caller, step)
}

async fn take_step(caller: Caller, step: InvitationStep) -> HandlerResult {
    let id = caller.path_id("id")?;
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"").await?;
    let id = once(&caller, key, move |writer| {
        writer.step_invitation(id, step)?;
        Ok(id)
    });
    let id = id.await?;
    let invitation = find(&caller, id).await?;
    Ok(json_response(HttpResponse::Ok(), to_json(&invitation)))
}

async fn find(caller: &Caller, id: Uuid) -> HandlerResult<Invitation> {
    let (store, now) = (&caller.state.store, caller.state.clock.micros());
    Ok(shown(store.invitation(caller.scope(), id, now).await?))
}

/// What the person sees of an invitation.
fn shown(stored: StoredInvitation) -> Invitation {
    let end = stored.ends_at.map(Timestamp::from_micros);
    let is_open = matches!(
        stored.status,
        InvitationStatus::Pending | InvitationStatus::Expired
    );
    let display_name = stored.taker_name;
    Invitation {
        id: stored.id,
        status: stored.status,
        role: stored.content.role,
        relationship: stored.content.relationship,
        support_contact_id: stored.content.support_contact_id,
        message: stored.content.message,
        created_at: Timestamp::from_micros(stored.created_at),
        expires_at: end.filter(|_| is_open),
        taken_at: stored.taken_at.map(Timestamp::from_micros),
        taken_by: stored.taker.map(|account_id| InvitationTaker {
            account_id,
            display_name,
        }),
        ended_at: end.filter(|_| !is_open),
        code: None,
        link: None,
    }
}
