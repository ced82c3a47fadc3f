//! Accounts: the caller's profile and password, erasure.

use std::sync::Arc;

use actix_web::{HttpResponse, http::header};
use chrono::{DateTime, Utc};
use mainstay_domain::{
    account::{Account, AccountUpdate, Erasure, PasswordChange, Profile, Roles},
    record::{json as to_json, merge_patch::MergePatch},
    value::validation::Findings,
};
use mainstay_store::{
    StoreError, VersionTag, account::ErasureProgress, credentials::PasswordReplacement,
    engine::log_label::keep_label_in,
};
use serde_json::json;

use crate::{
    auth::{password_filter::refuse_leaked, session::account_example},
    http::{
        body::{Body, parse},
        caller::Caller,
        conditional::etag,
        idempotency::{Reply, once},
        network::coarse_network,
        patch::PatchBody,
        problem::{HandlerResult, Problem, ProblemKind},
        step_up::{confirm_password, confirmation_turn},
    },
    openapi::{
        endpoint::{self, Endpoint, Priority, Tag},
        schema::add_body_patch,
    },
    record::{MERGES, as_findings, if_match, if_none_match, json_response, tagged, versioned},
    server::clock::micros,
};

/// Lists the endpoints of accounts.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Accounts;
    vec![
        endpoint::get("/v1/me", read)
            .roles(Roles::ALL)
            .operation(tag, "getMe", "Read your account")
            .about("The account of the caller.")
            .parameter(if_none_match())
            .gives::<Account>(200, "The account.", account_example)
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"]),
        endpoint::put("/v1/me", replace)
            .roles(Roles::ALL)
            .operation(tag, "replaceMe", "Replace your profile")
            .about("Replaces the whole profile. An optional member that is left out is unset.")
            .parameter(if_match())
            .takes::<AccountUpdate>(|| json!({
                "display_name": "Sam", "time_zone": "Europe/Berlin", "locale": "de-DE", "country": "DE", "week_start": 1, "discretion": "discreet",
            }))
            .gives::<Account>(200, "Replaced.", account_example)
            .with_headers(&["ETag"]),
        endpoint::patch("/v1/me", merge)
            .roles(Roles::ALL)
            .operation(tag, "updateMe", "Change members of your profile")
            .about(MERGES)
            .parameter(if_match())
            .takes_schema(Box::new(add_body_patch::<AccountUpdate>), || json!({ "time_zone": "Europe/Berlin" }))
            .gives::<Account>(200, "Changed.", account_example)
            .with_headers(&["ETag"]),
        endpoint::delete("/v1/me", erase)
            .roles(Roles::ALL)
            .priority(Priority::SignIn)
            .operation(tag, "deleteMe", "Erase your account")
            .about(
                "Destroys the key of the record and deletes everything that belongs to the account. This cannot be undone. With 202 \
                 the account is closed, nobody can sign in any more, and the service finishes the rest by itself, also after a \
                 restart: a database was out of reach, or a backup was being read. The address is free once that is done.",
            )
            .takes::<Erasure>(|| json!({ "password": "rivers bend slowly" }))
            .gives_nothing(202, "The account is closed, and the service goes on erasing it.")
            .gives_nothing(204, "Erased.")
            .problems(&[ProblemKind::WrongPassword, ProblemKind::TooManyRequests]),
        endpoint::post("/v1/auth/password/change", change_password)
            .roles(Roles::ALL)
            .priority(Priority::SignIn)
            .operation(tag, "changePassword", "Change your password")
            .about("Changes the password and ends every other session.")
            .takes::<PasswordChange>(|| json!({ "current_password": "rivers bend slowly", "new_password": "mountains do not hurry" }))
            .gives_nothing(204, "Changed.")
            .problems(&[ProblemKind::WrongPassword, ProblemKind::TooManyRequests]),
    ]
}

async fn read(caller: Caller) -> HandlerResult {
    let account = caller.state.store.account_of(caller.scope()).await?;
    Ok(versioned(
        &caller.request,
        &etag(caller.scope().tag(account.version)),
        || to_json(&account),
    ))
}

async fn replace(body: Body<AccountUpdate>) -> HandlerResult {
    let caller = &body.caller;
    let expected = caller.if_match()?;
    let profile = Profile::from(body.value.into_inner());
    let id = caller.scope().account();
    let replaced = caller
        .state
        .store
        .update_profile(id, |_| Ok(profile), expected, caller.state.clock.micros())
        .await?;
    Ok(changed(&replaced))
}

/// Merges a patch into the profile of the caller.
async fn merge(body: PatchBody) -> HandlerResult {
    let (caller, patch) = (&body.caller, body.patch);
    let (expected, now) = (caller.if_match()?, caller.state.clock.now());
    let (store, id) = (&caller.state.store, caller.scope().account());
    // Judged before the transaction too: explaining what is wrong takes long, and other writers would wait meanwhile.
    let before = store.account_of(caller.scope()).await?;
    expected.check(caller.scope().tag(before.version))?;
    let patch = Arc::new(patch);
    let (length, early) = (patch.length(), Arc::clone(&patch));
    let judge = move || merged_profile(&before, &early, now).map(drop);
    (caller.state.large_bodies.work_on(length, Some(id), judge)).await??;
    let change = move |account: &Account| merged_profile(account, &patch, now).map_err(as_findings);
    let merged = store.update_profile(id, change, expected, micros(now)).await?;
    Ok(changed(&merged))
}

/// Returns the profile that a patch makes of that of an account.
fn merged_profile(account: &Account, patch: &MergePatch, now: DateTime<Utc>) -> HandlerResult<Profile> {
    let merged = patch.apply(&to_json(account)).map_err(Problem::internal)?;
    Ok(parse::<AccountUpdate>(&merged, now)?.into_inner().into())
}

/// Responds with the account after a change.
fn changed((account, tag): &(Account, VersionTag)) -> HttpResponse {
    json_response(tagged(HttpResponse::Ok(), *tag), to_json(account))
}

async fn erase(body: Body<Erasure>) -> HandlerResult {
    let caller = &body.caller;
    confirm_password(caller, &body.value.password).await?;
    let (state, account) = (caller.state.clone(), caller.scope().account());
    // A task of its own runs to its end even if the client disconnects.
    let erasure = actix_web::rt::spawn(keep_label_in(async move {
        let result = state.store.erase_account(account, state.clock.micros()).await;
        state.sessions.forget_all();
        result
    }));
    let progress = erasure
        .await
        .map_err(|_panic| Problem::internal("the task of an erasure panicked"))??;
    let mut response = match progress {
        ErasureProgress::Finished => HttpResponse::NoContent(),
        ErasureProgress::GoesOn => HttpResponse::Accepted(),
    };
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}

async fn change_password(body: Body<PasswordChange>) -> HandlerResult {
    once(&body.caller.state, body.key.as_ref(), replace_password(&body)).await
}

/// Replaces the password, and ends every other session.
async fn replace_password(body: &Body<PasswordChange>) -> HandlerResult {
    let (caller, state) = (&body.caller, &body.caller.state);
    let known = state.store.account_of(caller.scope()).await?;
    let mut findings = Findings::default();
    body.value.check_of(&known, &mut findings);
    if !findings.is_empty() {
        return Err(Problem::validation(findings.into_vec()));
    }
    refuse_leaked(
        state.password_filter.as_ref(),
        &body.value.new_password,
        "/new_password",
    )?;
    let verified = confirm_password(caller, &body.value.current_password).await?;
    let (account, session) = (caller.scope().account(), caller.principal.session);
    let turn = confirmation_turn(caller).await?;
    let hash = turn.hash(account, &body.value.new_password).await?;
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    let reply = Reply::new(response, Vec::new());
    let stored = body.key.as_ref().map(|key| key.to_stored(&reply));
    let network = coarse_network(&caller.request, &state.trusted_proxies);
    let password = PasswordReplacement {
        verified_generation: verified.device_generation,
        hash,
        network,
    };
    let now = state.clock.micros();
    let changed = state
        .store
        .change_password(account, password, session, stored, now);
    match changed.await {
        // Another request changed the password after this one had verified it, or erased the account.
        Err(StoreError::NotFound | StoreError::PersonGone) => {
            return Err(Problem::new(ProblemKind::WrongPassword));
        }
        changed => changed?,
    }
    state.sessions.forget_all();
    Ok(reply.into_response())
}
