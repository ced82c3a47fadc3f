//! Getting new tokens with a refresh token.

use actix_web::{HttpResponse, http::header};
use chrono::{DateTime, Utc};
use mainstay_domain::{
    account::Refresh,
    record::json as to_json,
    security_event::{SecurityEvent, SecurityEventCode},
};
use mainstay_store::{
    StoreError,
    session::{RefreshState, Rotation},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    auth::{
        refresh_token::{RETRY_S, RefreshClaims, hash},
        session::{Tokens, issue, tokens_example},
    },
    http::{
        body::PublicBody,
        idempotency::{HeldKey, Reply, reply_of_other, stored_reply},
        network::coarse_network,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    openapi::endpoint::{self, Endpoint, Priority, Tag},
    server::state::State,
};

/// Lists the endpoint of refreshing tokens.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Accounts;
    vec![
        endpoint::post("/v1/auth/refresh", refresh)
            .priority(Priority::Urgent)
            .public()
            .operation(tag, "refresh", "Get new tokens")
            .about(
                "A refresh token can be used once. If the response is lost, the same token gets the same response for another \
                 30 seconds. A token that is used again later ends the session.",
            )
            .takes::<Refresh>(|| json!({ "refresh_token": "AZXkwm0ffDOKVQ2fPBsqQA…" }))
            .gives::<Refreshed>(200, "New tokens.", || json!({ "tokens": tokens_example() }))
            .problems(&[ProblemKind::InvalidRefreshToken]),
    ]
}

/// New tokens.
#[derive(Clone, Serialize, ToSchema)]
pub struct Refreshed {
    /// The tokens.
    pub tokens: Tokens,
}

async fn refresh(body: PublicBody<Refresh>) -> HandlerResult {
    let state = State::of(&body.request);
    let token = &body.value.refresh_token;
    let claims = state.refresh.read(token);
    let claims = claims.ok_or(Problem::new(ProblemKind::InvalidRefreshToken))?;
    // An account may have many sessions.
    state.limits.count_account(claims.account, &body.request)?;
    let now = state.clock.micros();
    let mut session = live_session(&state, &claims, now).await?;
    let stored = stored_reply(&state, body.key.as_ref()).await?;
    // A retry with a key gets the stored response until the token in that response has been used.
    if let Some(reply) = stored.filter(|_| claims.counter + 1 == session.counter) {
        return Ok(reply.into_response());
    }
    let is_current = claims.counter == session.counter && hash(token) == session.refresh_hash;
    // A token that is ahead of its session was issued by this service, and then the session was restored from a backup.
    if is_current || claims.counter > session.counter {
        let rotated = rotate(&state, &claims, &session, body.key.as_ref(), now).await;
        match (rotated, &body.key) {
            (Err(problem), Some(key)) if problem.kind == ProblemKind::RequestInProgress => {
                return Ok(reply_of_other(&state, key).await?.into_response());
            }
            (rotated, _) => {
                if let Some(reply) = rotated? {
                    return Ok(reply.into_response());
                }
            }
        }
        // Another request with the same token was first, so this one counts as its retry.
        session = live_session(&state, &claims, now).await?;
    }
    // A rotation that seems to be further ahead was stored while the clock was wrong.
    if claims.counter + 1 == session.counter && (now - session.rotated_at).abs() <= RETRY_S * 1_000_000 {
        let current = RefreshClaims {
            counter: session.counter,
            ..claims
        };
        let tokens = issue(
            &state,
            &current,
            session.device_generation,
            (session.role, session.times.created_at),
            time_of(session.rotated_at)?,
        )?;
        return Ok(refreshed(tokens).into_response());
    }
    let network = coarse_network(&body.request, &state.trusted_proxies);
    Err(end_reused_session(&state, &claims, network, now).await?)
}

/// Replaces the refresh token in the request with the next one, unless another request was first.
async fn rotate(
    state: &State,
    claims: &RefreshClaims,
    session: &RefreshState,
    key: Option<&HeldKey>,
    now: i64,
) -> HandlerResult<Option<Reply>> {
    let next = RefreshClaims {
        counter: claims.counter + 1,
        ..*claims
    };
    let reply = refreshed(issue(
        state,
        &next,
        session.device_generation,
        (session.role, session.times.created_at),
        time_of(now)?,
    )?);
    let rotation = Rotation {
        counter: session.counter,
        next: next.counter,
        refresh_hash: hash(&state.refresh.token(&next)),
        keep: key.map(|key| key.to_stored(&reply)),
    };
    let rotated = state
        .store
        .rotate_session(claims.account, claims.session, rotation, now);
    match rotated.await {
        // The account was erased since the session was read.
        Err(StoreError::PersonGone) => Err(Problem::new(ProblemKind::InvalidRefreshToken)),
        rotated => Ok(rotated?.then_some(reply)),
    }
}

/// Ends a session whose token was used again, since someone else may have a copy of the token. Returns the problem to
/// respond with.
async fn end_reused_session(
    state: &State,
    claims: &RefreshClaims,
    network: Option<String>,
    now: i64,
) -> HandlerResult<Problem> {
    let (account, session) = (claims.account, claims.session);
    let event = SecurityEvent {
        session: Some(session),
        network,
        ..SecurityEvent::new(SecurityEventCode::RefreshTokenReused)
    };
    match state.store.end_session(account, session, event, None, now).await {
        Ok(()) | Err(StoreError::NotFound | StoreError::PersonGone) => {}
        Err(error) => return Err(error.into()),
    }
    state.sessions.forget(session);
    Ok(Problem::new(ProblemKind::InvalidRefreshToken))
}

/// Returns the state of a session that can be refreshed.
///
/// # Errors
/// 401 if it cannot.
async fn live_session(state: &State, claims: &RefreshClaims, now: i64) -> HandlerResult<RefreshState> {
    let session = state.store.refresh_state(claims.account, claims.session).await?;
    session
        .filter(|session| session.is_live(now))
        .ok_or(Problem::new(ProblemKind::InvalidRefreshToken))
}

/// Converts microseconds since 1970 to a time.
fn time_of(micros: i64) -> HandlerResult<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or(Problem::internal("a time is out of range"))
}

fn refreshed(tokens: Tokens) -> Reply {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Reply::new(response, to_json(&Refreshed { tokens }))
}
