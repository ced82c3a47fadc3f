//! Signing in.

use actix_web::{HttpRequest, HttpResponse};
use mainstay_domain::account::Login;
use mainstay_store::{StoreError, credentials::Credentials};
use serde_json::json;
use uuid::Uuid;

use crate::{
    auth::{
        device_token::Owner,
        login_delay::Attempt,
        session::{SignedIn, signed_in, signed_in_example, start_session_of},
        turns::Applicant,
        verification::verify,
    },
    http::{
        body::{Input, PublicBody},
        idempotency::once,
        network::{client_address, customer, network},
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
                 delay it.",
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
    let (state, key) = (State::of(&body.request), body.key.as_ref());
    once(&state, key, sign_in(&state, &body)).await
}

/// Verifies the address and password, and starts a session.
async fn sign_in(state: &State, body: &PublicBody<Login>) -> HandlerResult {
    let credentials = authenticate(state, &body.request, &body.value).await?;
    let account = state.store.account(credentials.account).await;
    let account = account.map_err(refused)?;
    let device_name = body.value.device_name.clone();
    let owner = Owner {
        account: account.id,
        generation: credentials.device_generation,
    };
    let (session, tokens) = start_session_of(state, owner, account.role, device_name)?;
    let reply = signed_in(HttpResponse::Ok(), account, tokens);
    let stored = body.key.as_ref().map(|key| key.to_stored(&reply));
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

/// Verifies the address and password of a sign-in, and delays guesses.
async fn authenticate(state: &State, request: &HttpRequest, login: &Login) -> HandlerResult<Credentials> {
    let (email, address) = (login.email.key(), client_address(request, &state.trusted_proxies));
    let found = state.store.credentials(&login.email).await?;
    let known = known_device(state, login, found.as_ref());
    count_device_token(state, request, login, known)?;
    let mut attempt = Attempt::sign_in(&state.store, &email, address, &state.clock);
    if let Some((account, device)) = known {
        attempt = attempt.by_device(account, device);
    }
    attempt.look().await?;
    let applicant = Applicant {
        customer: &customer(address),
        network: &network(address),
        known_to: known.map(|(account, _)| account),
    };
    let turn = state.passwords.sign_in_turn(applicant).await?;
    let hash = found
        .as_ref()
        .map(|credentials| credentials.password_hash.clone());
    let is_correct = verify(attempt, turn, login.password.clone(), hash).await?;
    let credentials = found.filter(|_| is_correct);
    credentials.ok_or(Problem::new(ProblemKind::InvalidCredentials))
}

/// Counts a sign-in with a device token further, which so far is counted for its device only: for the account, since an
/// account may have many devices, or for the network if the token is of another account or an earlier generation.
fn count_device_token(
    state: &State,
    request: &HttpRequest,
    login: &Login,
    known: Option<(Uuid, Uuid)>,
) -> HandlerResult<()> {
    match known {
        Some((account, _)) => state.limits.count_account(account, request),
        None if login.device(state).is_some() => {
            let address = client_address(request, &state.trusted_proxies);
            state.limits.count_network(address, request)
        }
        None => Ok(()),
    }
}

/// Returns the account and the device of a sign-in, if its device token is valid for the account. For an unknown address it
/// is compared too, so that it takes the same time.
fn known_device(state: &State, login: &Login, found: Option<&Credentials>) -> Option<(Uuid, Uuid)> {
    let owner = found.map(|credentials| Owner {
        account: credentials.account,
        generation: credentials.device_generation,
    });
    let token = login.device_token.as_deref()?;
    let device = state.devices.device(token, owner.unwrap_or_default());
    Some((owner?.account, device?))
}
