//! Writing drafts, and the steps other than a signature.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use mainstay_domain::{
    consent::{Consent, ConsentStep, Revocation},
    record::{json as to_json, merge_patch::MergePatch},
    sharing::IncomingResource,
};
use mainstay_store::{Expected, StoreError, resource::StoredResource};

use super::read::{find_by_path_id, problem, shown};
use crate::{
    http::{
        body::{Body, parse},
        caller::Caller,
        idempotency::{self, HeldKey, perform},
        patch::PatchBody,
        problem::{HandlerResult, Problem},
    },
    record::{json_response, resource_reply, saved_reply, tagged, with_offsets, with_path_id, write},
    server::{clock::micros, id::new_id},
};

/// The path of consents.
pub(super) const PATH: &str = "/v1/consents";

/// `POST /v1/consents`.
pub(super) async fn create(body: Body<IncomingResource<Consent>>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let IncomingResource { id, mut value } = value.into_inner();
    with_offsets(&caller, &mut value, None).await?;
    let (id, now) = (id.unwrap_or_else(new_id), caller.state.clock.now());
    perform(&caller, key, now, problem, move |writer| {
        let saved = writer.lock()?.create_consent(id, value)?;
        Ok(saved_reply(PATH, &saved, |stored| shown(stored, micros(now))))
    })
    .await
}

/// `PUT /v1/consents/{id}`.
pub(super) async fn replace(body: Body<IncomingResource<Consent>>) -> HandlerResult {
    let caller = &body.caller;
    let id = caller.path_id("id")?;
    let value = with_path_id(body.value.into_inner(), id)?;
    let expected = caller.if_match()?;
    let before = find_by_path_id(caller).await?;
    let value = resolved(caller, value, &before).await?;
    let now = caller.state.clock.now();
    let replaced = write(caller, now, problem, move |writer| {
        writer.lock()?.replace_consent(id, &expected, value)
    });
    Ok(changed(caller, &replaced.await?))
}

/// `PATCH /v1/consents/{id}`. The consent that results is judged as by a `PUT`. A change that comes in between is a
/// version mismatch, also with `If-Match: *`.
pub(super) async fn merge(body: PatchBody) -> HandlerResult {
    let (caller, patch) = (&body.caller, body.patch);
    let (id, expected) = (caller.path_id("id")?, caller.if_match()?);
    let before = find_by_path_id(caller).await?;
    expected.check(before.tag())?;
    let (now, length, judged) = (caller.state.clock.now(), patch.length(), before.value.clone());
    let judge = move || merged(&judged, &patch, now);
    let account = Some(caller.scope().account());
    let value = (caller.state.large_bodies.work_on(length, account, judge)).await??;
    let value = resolved(caller, value, &before).await?;
    let expected = Expected::OneOf(vec![before.tag()]);
    let replaced = write(caller, now, problem, move |writer| {
        writer.lock()?.replace_consent(id, &expected, value)
    });
    Ok(changed(caller, &replaced.await?))
}

/// The content that a patch makes of a consent.
fn merged(before: &Consent, patch: &MergePatch, now: DateTime<Utc>) -> HandlerResult<Consent> {
    let merged = patch.apply(&to_json(before)).map_err(Problem::internal)?;
    let incoming = parse::<IncomingResource<Consent>>(&merged, now)?.into_inner();
    Ok(incoming.value)
}

/// The content with local offsets.
async fn resolved(
    caller: &Caller,
    mut value: Consent,
    before: &StoredResource<Consent>,
) -> HandlerResult<Consent> {
    // The end date may be new, and the stored one has the offset that was sent for the same instant.
    with_offsets(caller, &mut value, Some(before.value.clone())).await?;
    Ok(value)
}

fn changed(caller: &Caller, stored: &StoredResource<Consent>) -> HttpResponse {
    let body = shown(stored, caller.state.clock.micros());
    json_response(tagged(HttpResponse::Ok(), stored.tag()), body)
}

/// `POST /v1/consents/{id}/revoke`.
pub(super) async fn revoke(body: Body<Revocation>) -> HandlerResult {
    let Body { caller, value, key } = body;
    take_step(caller, key, ConsentStep::Revoke, value.into_inner()).await
}

/// `POST /v1/consents/{id}/reject`.
pub(super) async fn reject(caller: Caller) -> HandlerResult {
    step(caller, ConsentStep::Reject).await
}

/// `POST /v1/consents/{id}/event-occurred`.
pub(super) async fn event_occurred(caller: Caller) -> HandlerResult {
    step(caller, ConsentStep::Expire).await
}

/// `POST /v1/consents/{id}/entered-in-error`.
pub(super) async fn enter_in_error(caller: Caller) -> HandlerResult {
    step(caller, ConsentStep::EnterInError).await
}

/// Takes a step whose request has no body.
async fn step(caller: Caller, step: ConsentStep) -> HandlerResult {
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"").await?;
    take_step(caller, key, step, Revocation::default()).await
}

async fn take_step(
    caller: Caller,
    key: Option<HeldKey>,
    step: ConsentStep,
    revocation: Revocation,
) -> HandlerResult {
    let (id, now) = (caller.path_id("id")?, caller.state.clock.now());
    perform(&caller, key, now, problem, move |writer| {
        let stored = writer.lock()?.step_consent(id, step, revocation)?;
        Ok::<_, StoreError>(resource_reply(stored.tag(), shown(&stored, micros(now))))
    })
    .await
}
