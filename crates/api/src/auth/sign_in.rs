//! Signing in.

use actix_web::HttpResponse;
use mainstay_domain::{account::Login, security_event::SecurityEventCode};
use mainstay_store::{StoreError, credentials::Credentials, session::BegunFrom};
use serde_json::json;
use uuid::Uuid;

use crate::{
    auth::{
        device_token::Owner,
        failed_tries::FailedTry,
        login_delay::Attempt,
        password::Claimed,
        session::{SignedIn, once_with_session, signed_in, signed_in_example, start_session_of},
        turns::{Applicant, Precedence},
        verification::verify,
    },
    http::{
        body::PublicBody,
        idempotency::OutdatedReply,
        network::{client_address, coarse_network, customer, network},
        problem::{HandlerResult, Problem, ProblemKind},
    },
    openapi::endpoint::{self, Endpoint, Priority, Tag},
    server::state::State,
};

/// Lists the endpoint of signing in.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Accounts;
    vec![
        endpoint::post("/v1/auth/login", login)
            .priority(Priority::SignIn)
            .public()
            .operation(tag, "login", "Sign in")
            .about(
                "Starts a session. The response and its timing are the same for an unknown address and a wrong password. Send the \
                 device token that this device got at its last sign-in or refresh: then wrong passwords that others send do not \
                 delay it. If somebody guesses with a copy of the token, the device is treated as one without a token. After a \
                 429 wait for the seconds in Retry-After. While very many try to sign in with the address, a network without a \
                 device token keeps its place in line, so it comes to its turn.",
            )
            .takes::<Login>(|| json!({
                "email": "sam@example.org", "password": "rivers bend slowly", "device_name": "Sam's phone",
                "device_token": "AZXkwm0ffDOKVQ2fPBsqQW8t2Jc…",
            }))
            .gives::<SignedIn>(200, "Signed in.", signed_in_example)
            .problems(&[ProblemKind::InvalidCredentials, ProblemKind::TooManyRequests]),
    ]
}

async fn login(body: PublicBody<Login>) -> HandlerResult {
    let state = State::of(&body.request);
    once_with_session(&state, body.key.as_ref(), async |outdated| {
        sign_in(&state, &body, outdated).await
    })
    .await
}

/// Verifies the address and password, and starts a session.
async fn sign_in(state: &State, body: &PublicBody<Login>, outdated: Option<OutdatedReply>) -> HandlerResult {
    let (credentials, is_known_device) = authenticate(state, body).await?;
    let account = state.store.account(credentials.account).await;
    let account = account.map_err(refused)?;
    let device_name = body.value.device_name.clone();
    let owner = Owner {
        account: account.id,
        generation: credentials.device_generation,
    };
    let begun_from = BegunFrom {
        network: coarse_network(&body.request, &state.trusted_proxies),
        is_known_device,
    };
    let (session, tokens) = start_session_of(state, owner, account.role, device_name, begun_from)?;
    let reply = signed_in(HttpResponse::Ok(), account, tokens);
    let stored = body
        .key
        .as_ref()
        .map(|key| key.to_stored_in_place_of(&reply, outdated));
    let now = state.clock.micros();
    let created = state.store.create_session(credentials, session, stored, now);
    created.await.map_err(refused)?;
    Ok(reply.into_response())
}

/// Returns the problem of a sign-in whose password was right. Another request may have changed the password or erased the
/// account since it was verified.
fn refused(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound | StoreError::PersonGone => Problem::new(ProblemKind::InvalidCredentials),
        other => other.into(),
    }
}

/// Verifies the address and password of a sign-in, and delays guesses. Tells too whether the device has shown that it had
/// signed in before.
async fn authenticate(state: &State, body: &PublicBody<Login>) -> HandlerResult<(Credentials, bool)> {
    let login = &body.value;
    let address = client_address(&body.request, &state.trusted_proxies);
    let found = state.store.credentials(&login.email).await?;
    let known = known_device(state, body, found.as_ref())?;
    let mut attempt = Attempt::sign_in(&state.store, &login.email.key(), address, &state.clock);
    if let Some((account, device)) = known {
        attempt = attempt.by_device(account, device);
    }
    attempt.look().await?;
    let applicant = Applicant {
        customer: &customer(address),
        network: &network(address),
        account: known.map(|(account, _)| account),
        precedence: match known {
            Some(_) => Precedence::First,
            None => Precedence::Usual,
        },
    };
    let turn = state.passwords.sign_in_turn(applicant).await?;
    let failed = found.as_ref().map(|credentials| FailedTry {
        account: credentials.account,
        code: SecurityEventCode::SignInFailed,
        session: None,
        network: coarse_network(&body.request, &state.trusted_proxies),
        at: state.clock.micros(),
    });
    let tries = state.clone();
    // An unknown address has nobody to tell.
    let on_wrong = move || {
        if let Some(failed) = failed {
            tries.failed_tries.count(failed);
        }
    };
    let claimed = match &found {
        Some(credentials) => Claimed::Account(credentials.clone()),
        None => Claimed::Nobody(login.email.key()),
    };
    let is_correct = verify(state, attempt, turn, login.password.clone(), claimed, on_wrong).await?;
    let credentials = found.filter(|_| is_correct);
    let credentials = credentials.ok_or(Problem::new(ProblemKind::InvalidCredentials))?;
    Ok((credentials, known.is_some()))
}

/// Returns the account and the device of a sign-in, if its device token is valid for the account.
///
/// A sign-in with a device token was counted for its device only. It is counted further: for the account, since an account
/// may have many devices. If that is too much, or the token is of another account or an earlier generation, it is counted
/// for its network and treated as one without a token.
///
/// # Errors
/// 429 after too many from the network.
fn known_device(
    state: &State,
    body: &PublicBody<Login>,
    found: Option<&Credentials>,
) -> HandlerResult<Option<(Uuid, Uuid)>> {
    let known = device_of_account(state, &body.value, found);
    if !body.is_of_device {
        return Ok(None);
    }
    if let Some((account, _)) = known
        && state.limits.count_account(account, &body.request).is_ok()
    {
        return Ok(known);
    }
    let address = client_address(&body.request, &state.trusted_proxies);
    state.limits.count_network(address, &body.request)?;
    Ok(None)
}

/// Returns the account and the device of a valid device token. For an unknown address it is compared too, so that it takes
/// the same time.
fn device_of_account(state: &State, login: &Login, found: Option<&Credentials>) -> Option<(Uuid, Uuid)> {
    let owner = found.map(|credentials| Owner {
        account: credentials.account,
        generation: credentials.device_generation,
    });
    let token = login.device_token.as_deref()?;
    let device = state.devices.device(token, owner.unwrap_or_default());
    Some((owner?.account, device?))
}
