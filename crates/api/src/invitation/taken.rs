//! Invitations for the account that takes them: accept, list, leave.

use actix_web::HttpResponse;
use mainstay_domain::{
    invitation::{InvitationAcceptance, InvitationStatus, TakenInvitation},
    record::json as to_json,
    value::{timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::{Records, invitation::StoredTaken};
use uuid::Uuid;

use super::{once, page_response, requested_range};
use crate::{
    http::{
        body::Body,
        caller::Caller,
        idempotency::{self, HeldKey},
        problem::{HandlerResult, Problem},
    },
    record::json_response,
};

/// What ties the cursors of the list to it.
const MARK: [u8; 3] = *b"tak";

/// `POST /v1/invitations/accept`.
pub(super) async fn accept(body: Body<InvitationAcceptance>) -> HandlerResult {
    let Body { caller, value, key } = body;
    if !is_retry(&caller, key.as_ref()).await? {
        check_name(&caller, &value).await?;
        // Before the code is looked for, whether it is good or not.
        caller.state.limits.count_code(caller.scope().account())?;
    }
    let index = caller.state.store.invitation_index(&value.code);
    let name = value.into_inner().display_name;
    let id = once(&caller, key, move |writer| writer.take_invitation(index, name)).await?;
    respond(&caller, id).await
}

/// Whether the first response to a request is stored.
async fn is_retry(caller: &Caller, key: Option<&HeldKey>) -> HandlerResult<bool> {
    let Some(key) = key.map(HeldKey::key) else {
        return Ok(false);
    };
    let read = move |records: &mut Records<'_>| records.stored_response(&key);
    let stored = caller.state.store.read(caller.scope(), read).await?;
    Ok(stored.is_some())
}

/// Refuses somebody who would take an invitation without a name: the person must see who it is.
async fn check_name(caller: &Caller, acceptance: &InvitationAcceptance) -> HandlerResult<()> {
    if acceptance.display_name.is_some() {
        return Ok(());
    }
    let account = caller.state.store.account_of(caller.scope()).await?;
    if account.display_name.is_some() {
        return Ok(());
    }
    let message = "must say who you are, since your account has no display name";
    Err(Problem::invalid("/display_name", FindingCode::Required, message))
}

/// `GET /v1/invitations/accepted`.
pub(super) async fn list(caller: Caller) -> HandlerResult {
    let range = requested_range(&caller, MARK)?;
    let (store, now) = (&caller.state.store, caller.state.clock.micros());
    let page = store.taken_invitations(caller.scope(), range, now).await?;
    let items: Vec<TakenInvitation> = page.items.into_iter().map(shown).collect();
    Ok(page_response(&items, page.next, MARK))
}

/// `POST /v1/invitations/accepted/{id}/leave`.
pub(super) async fn leave(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"").await?;
    let id = once(&caller, key, move |writer| {
        writer.leave_invitation(id)?;
        Ok(id)
    });
    respond(&caller, id.await?).await
}

/// Responds with an invitation as it stands.
async fn respond(caller: &Caller, id: Uuid) -> HandlerResult {
    let (store, now) = (&caller.state.store, caller.state.clock.micros());
    let invitation = shown(store.taken_invitation(caller.scope(), id, now).await?);
    Ok(json_response(HttpResponse::Ok(), to_json(&invitation)))
}

/// What the account sees of an invitation that it has taken. What the person says of themself is not shown after the end.
fn shown(stored: StoredTaken) -> TakenInvitation {
    let is_taken = stored.status.is_taken();
    TakenInvitation {
        id: stored.id,
        status: stored.status,
        role: stored.content.role,
        relationship: stored.content.relationship,
        person_id: (stored.status == InvitationStatus::Confirmed).then_some(stored.person),
        display_name: stored.person_name,
        message: stored.content.message.filter(|_| is_taken),
        taken_at: Timestamp::from_micros(stored.taken_at),
        ended_at: stored.ended_at.map(Timestamp::from_micros),
    }
}
