//! Accounts: registering, one's own profile, the password, erasure.

use actix_web::{HttpResponse, http::header};
use mainstay_domain::{
    account::{
        Account, AccountUpdate, Erasure, PasswordChange, Profile, Registration, Role, SealedAccount,
        SealedSession,
    },
    record::json as to_json,
    value::timestamp::Timestamp,
};
use mainstay_store::{
    StoreError,
    account::{NewAccount, PasswordReplacement},
    engine::log_label::keep_label_in,
};
use serde_json::json;

use crate::{
    auth::{
        login_delay::Attempt,
        session::{SignedIn, account_example, begin, first_answer, signed_in, signed_in_example, to_keep},
    },
    http::{
        body::{Body, PublicBody},
        caller::Caller,
        conditional::etag,
        idempotency::Reply,
        network::{client_address, network},
        problem::{HandlerResult, Problem, ProblemKind},
    },
    openapi::endpoint::{self, Endpoint, Tag},
    record::{if_match, if_none_match, json_response, tagged, versioned},
    server::{id::new_id, state::State},
};

/// The endpoints of accounts.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Accounts;
    vec![
        endpoint::post("/v1/auth/register", register)
            .public()
            .operation(tag, "register", "Make an account and sign in")
            .about("Makes an account for a person in recovery and begins a session.")
            .takes::<Registration>(|| json!({
                "email": "sam@example.org", "password": "rivers bend slowly", "display_name": "Sam",
                "time_zone": "America/New_York", "locale": "en-US", "country": "US", "device_name": "Sam's phone",
            }))
            .gives::<SignedIn>(201, "Made, and signed in.", signed_in_example)
            .problems(&[ProblemKind::EmailTaken]),
        endpoint::get("/v1/me", read)
            .operation(tag, "getMe", "Read one's account")
            .about("The account of the caller.")
            .parameter(if_none_match())
            .gives::<Account>(200, "The account.", account_example)
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"]),
        endpoint::put("/v1/me", replace)
            .operation(tag, "replaceMe", "Replace one's profile")
            .about("Replaces the whole profile; an optional member that is left out is unset.")
            .parameter(if_match())
            .takes::<AccountUpdate>(|| json!({
                "display_name": "Sam", "time_zone": "Europe/Berlin", "locale": "de-DE", "country": "DE", "week_start": 1, "discretion": "discreet",
            }))
            .gives::<Account>(200, "Replaced.", account_example)
            .with_headers(&["ETag"]),
        endpoint::delete("/v1/me", erase)
            .operation(tag, "deleteMe", "Erase one's account")
            .about("Destroys the key of the record and everything that belongs to the account. It cannot be undone.")
            .takes::<Erasure>(|| json!({ "password": "rivers bend slowly" }))
            .gives_nothing(204, "Erased.")
            .problems(&[ProblemKind::WrongPassword, ProblemKind::TooManyRequests]),
        endpoint::post("/v1/auth/password/change", change_password)
            .operation(tag, "changePassword", "Change one's password")
            .about("Every other session ends.")
            .takes::<PasswordChange>(|| json!({ "current_password": "rivers bend slowly", "new_password": "mountains do not hurry" }))
            .gives_nothing(204, "Changed.")
            .problems(&[ProblemKind::WrongPassword, ProblemKind::TooManyRequests]),
    ]
}

async fn register(body: PublicBody<Registration>) -> HandlerResult {
    let state = State::of(&body.request);
    let address = client_address(&body.request, &state.trusted_proxies);
    if let Some(reply) = first_answer(&state, body.key.as_ref()).await? {
        return Ok(reply.into_response());
    }
    let registration = body.value;
    let password_hash = state.passwords.hash(&registration.password).await?;
    let account = new_id();
    let (session, tokens) = begin(
        &state,
        account,
        Role::Person,
        SealedSession {
            device_name: registration.device_name.clone(),
        },
    )?;
    let new = NewAccount {
        id: account,
        role: Role::Person,
        content: SealedAccount {
            email: registration.email.clone(),
            profile: registration.profile(),
        },
        password_hash,
    };
    let now = state.clock.micros();
    let (made, at) = (new.content.clone(), Timestamp::from_micros(now));
    let reply = signed_in(
        HttpResponse::Created(),
        made.open(account, Role::Person, at, at, 1),
        tokens,
    );
    let keep = to_keep(body.key, &reply);
    state.store.create_account(new, Some(session), keep, now).await?;
    let attempt = Attempt::new(
        &state.store,
        &registration.email.normalised(),
        &network(address),
        state.clock.now(),
    );
    // The account is made; that its network is known from now on may wait for the next sign-in.
    if let Err(problem) = attempt.succeeded().await {
        log::warn!("a network could not be noted: {problem}");
    }
    Ok(reply.into_response())
}

async fn read(caller: Caller) -> HandlerResult {
    let account = caller.state.store.account(caller.scope().account()).await?;
    Ok(versioned(&caller.request, &etag(account.version), || {
        to_json(&account)
    }))
}

async fn replace(body: Body<AccountUpdate>) -> HandlerResult {
    let caller = &body.caller;
    let expected = caller.if_match()?;
    let profile = Profile::from(body.value);
    let id = caller.scope().account();
    let account = caller
        .state
        .store
        .update_profile(id, profile, expected, caller.state.clock.micros())
        .await?;
    Ok(json_response(
        tagged(HttpResponse::Ok(), account.version),
        to_json(&account),
    ))
}

async fn erase(body: Body<Erasure>) -> HandlerResult {
    let caller = &body.caller;
    confirm(caller, &body.value.password).await?;
    let (state, account) = (caller.state.clone(), caller.scope().account());
    // To its end, also if the client goes away meanwhile.
    let erasing = actix_web::rt::spawn(keep_label_in(async move {
        let erased = state.store.erase_account(account).await;
        state.sessions.forget_all();
        state.account_caches.drop_account(account);
        erased
    }));
    erasing
        .await
        .map_err(|_panic| Problem::internal("an erasure panicked"))??;
    Ok(HttpResponse::NoContent()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}

async fn change_password(body: Body<PasswordChange>) -> HandlerResult {
    let (caller, state) = (&body.caller, &body.caller.state);
    if let Some(reply) = first_answer(state, body.key.as_ref()).await? {
        return Ok(reply.into_response());
    }
    let verified = confirm(caller, &body.value.current_password).await?;
    let hash = state.passwords.hash(&body.value.new_password).await?;
    let (account, session) = (caller.scope().account(), caller.principal.session);
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    let reply = Reply::new(answer, Vec::new());
    let keep = to_keep(body.key, &reply);
    state
        .store
        .change_password(
            account,
            PasswordReplacement { verified, hash },
            session,
            keep,
            state.clock.micros(),
        )
        .await?;
    state.sessions.forget_all();
    Ok(reply.into_response())
}

/// Makes sure that it is the owner who asks. Wrong passwords bring the same delays as at sign-in.
async fn confirm(caller: &Caller, password: &str) -> HandlerResult<String> {
    let state = &caller.state;
    let network = network(client_address(&caller.request, &state.trusted_proxies));
    let owner = format!("account {}", caller.scope().account());
    let attempt = Attempt::new(&state.store, &owner, &network, state.clock.now());
    let _turn = state.passwords.one_at_a_time(&owner).await;
    attempt.check().await?;
    let hash = match state.store.password_hash(caller.scope().account()).await {
        Ok(hash) => Some(hash),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let fits = state.passwords.verify(password, hash.clone()).await?;
    let Some(hash) = hash.filter(|_| fits) else {
        attempt.failed().await?;
        return Err(Problem::new(ProblemKind::WrongPassword));
    };
    attempt.succeeded().await?;
    Ok(hash)
}
