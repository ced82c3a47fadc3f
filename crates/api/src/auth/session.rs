//! Sessions: their tokens, signing out, and the list of devices.

mod list;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header};
use chrono::{DateTime, Utc};
use mainstay_domain::{
    account::{Account, Discretion, IDLE_S, Role, Roles, SealedSession, SessionTimes},
    record::json as to_json,
    security_event::{SecurityEvent, SecurityEventCode},
    value::{
        number::Int,
        place::{Country, Email, Locale, ZoneName},
        text::{Label, text},
        timestamp::Timestamp,
    },
};
use mainstay_store::{
    account::FIRST_DEVICE_GENERATION,
    session::{BegunFrom, NewSession},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    auth::{
        access_token::LIFETIME_S,
        device_token::Owner,
        refresh_token::{RefreshClaims, hash},
    },
    http::{
        caller::{Caller, claims},
        idempotency::{HeldKey, OutdatedReply, Reply, key, once, once_while_usable},
        network::coarse_network,
        problem::{HandlerResult, Problem},
        rate_limit::DeviceProof,
    },
    openapi::endpoint::{self, Endpoint, Tag},
    record::id_parameter,
    server::{clock::micros, id::new_id, state::State},
};

/// Lists the endpoints of sessions.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Accounts;
    vec![
        endpoint::post("/v1/auth/logout", logout)
            .roles(Roles::ALL)
            .operation(tag, "logout", "Sign out")
            .about("Ends the session of the access token.")
            .gives_nothing(204, "Signed out."),
        list::endpoint(),
        endpoint::post("/v1/auth/sessions/end-others", end_others)
            .roles(Roles::ALL)
            .operation(tag, "endOtherSessions", "End all your other sessions")
            .about("Signs every other device out, on every server within five seconds. The session of the request goes on.")
            .gives_nothing(204, "Ended."),
        endpoint::delete("/v1/auth/sessions/{id}", end)
            .roles(Roles::ALL)
            .operation(tag, "endSession", "End one of your sessions")
            .about("Signs the device out, on every server within five seconds.")
            .parameter(id_parameter())
            .gives_nothing(204, "Ended."),
    ]
}

/// The tokens of a session.
#[derive(Clone, Serialize, ToSchema)]
pub struct Tokens {
    /// The access token, for the Authorization header.
    #[schema(max_length = 4000)]
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(max_length = 10)]
    pub token_type: &'static str,
    /// How long the access token is valid, in seconds.
    #[schema(minimum = 1)]
    pub expires_in: i64,
    /// The refresh token, for getting the next tokens.
    #[schema(max_length = 500)]
    pub refresh_token: String,
    /// How long the refresh token is valid unless it is used, in seconds: 90 days, or until the session ends by its age. Then
    /// the person signs in again.
    #[schema(minimum = 1)]
    pub refresh_expires_in: i64,
    /// The id of the session.
    pub session_id: Uuid,
    /// A token for the next sign-in on this device, which then is not delayed by the wrong passwords of others. Keep it in
    /// the device's keystore, also after signing out.
    #[schema(max_length = 200)]
    pub device_token: String,
}

/// An account and the tokens of its new session.
#[derive(Clone, Serialize, ToSchema)]
pub struct SignedIn {
    /// The account.
    pub account: Account,
    /// The tokens.
    pub tokens: Tokens,
}

/// Creates the first session of a new account, with its first tokens. The caller stores it.
pub fn start_session(
    state: &State,
    account: Uuid,
    role: Role,
    device_name: Option<Label>,
    begun_from: BegunFrom,
) -> HandlerResult<(NewSession, Tokens)> {
    let owner = Owner {
        account,
        generation: FIRST_DEVICE_GENERATION,
    };
    start_session_of(state, owner, role, device_name, begun_from)
}

/// Creates a session with its first tokens. The caller stores it.
pub fn start_session_of(
    state: &State,
    owner: Owner,
    role: Role,
    device_name: Option<Label>,
    begun_from: BegunFrom,
) -> HandlerResult<(NewSession, Tokens)> {
    let session = new_id();
    let claims = RefreshClaims {
        account: owner.account,
        session,
        counter: 0,
    };
    let now = state.clock.now();
    let tokens = issue(state, &claims, owner.generation, (role, micros(now)), now)?;
    Ok((
        NewSession {
            id: session,
            refresh_hash: hash(&tokens.refresh_token),
            content: SealedSession { device_name },
            begun_from,
        },
        tokens,
    ))
}

/// Issues the tokens for these claims, of a session of that role that began at that time (microseconds). The same claims get the same tokens if `at` is in the same second.
pub fn issue(
    state: &State,
    claims: &RefreshClaims,
    generation: i64,
    (role, created_at): (Role, i64),
    at: DateTime<Utc>,
) -> HandlerResult<Tokens> {
    let times = SessionTimes {
        created_at,
        last_used_at: micros(at),
    };
    let owner = Owner {
        account: claims.account,
        generation,
    };
    Ok(Tokens {
        access_token: state
            .tokens
            .issue(claims.account, claims.session, role, at)
            .map_err(Problem::internal)?,
        token_type: "Bearer",
        expires_in: LIFETIME_S,
        refresh_token: state.refresh.token(claims),
        refresh_expires_in: ((times.ends_at(role) - micros(at)) / 1_000_000).max(1),
        session_id: claims.session,
        device_token: state.devices.token(owner, claims.session),
    })
}

async fn logout(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    let claims = claims(&request)?;
    // A stored response is looked up before it is known whether the session is live.
    state
        .limits
        .count_device((DeviceProof::Session, claims.sid), &request)?;
    let key = key(&request, Some(claims.sid), b"").await?;
    // A retry comes from a session that the first request has ended.
    once(&state, key.as_ref(), async {
        let caller = Caller::of(&request).await?;
        end_session(&caller, claims.sid, SecurityEventCode::SignedOut, key.as_ref()).await
    })
    .await
}

async fn end(caller: Caller) -> HandlerResult {
    let session = caller.path_id("id")?;
    let code = if session == caller.principal.session {
        SecurityEventCode::SignedOut
    } else {
        SecurityEventCode::SessionEnded
    };
    end_session(&caller, session, code, None).await
}

/// Ends every session of the caller but the one of the request.
async fn end_others(caller: Caller) -> HandlerResult {
    let (state, session) = (&caller.state, caller.principal.session);
    let key = key(&caller.request, Some(session), b"").await?;
    once(state, key.as_ref(), async {
        let reply = nothing();
        let stored = key.as_ref().map(|key| key.to_stored(&reply));
        let event = event_of(&caller, session, SecurityEventCode::OtherSessionsEnded);
        let (account, now) = (caller.scope().account(), state.clock.micros());
        state
            .store
            .end_other_sessions(account, event, session, stored, now)
            .await?;
        state.sessions.forget_all();
        Ok(reply.into_response())
    })
    .await
}

/// An event about a session that the caller ends.
fn event_of(caller: &Caller, session: Uuid, code: SecurityEventCode) -> SecurityEvent {
    SecurityEvent {
        session: Some(session),
        network: coarse_network(&caller.request, &caller.state.trusted_proxies),
        ..SecurityEvent::new(code)
    }
}

/// A response without content, which no cache may store.
fn nothing() -> Reply {
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Reply::new(response, Vec::new())
}

async fn end_session(
    caller: &Caller,
    session: Uuid,
    code: SecurityEventCode,
    key: Option<&HeldKey>,
) -> HandlerResult {
    let (state, reply, event) = (&caller.state, nothing(), event_of(caller, session, code));
    let (account, stored) = (caller.scope().account(), key.map(|key| key.to_stored(&reply)));
    state
        .store
        .end_session(account, session, event, stored, state.clock.micros())
        .await?;
    state.sessions.forget(session);
    Ok(reply.into_response())
}

/// Runs a request that starts a session, and only once for each `Idempotency-Key`. A retry gets the stored response as long as
/// its tokens are of use. If the session has ended, or its first refresh token was used, the retry is carried out as a new
/// request: a spent refresh token would end the session.
pub async fn once_with_session(
    state: &State,
    key: Option<&HeldKey>,
    work: impl AsyncFnOnce(Option<OutdatedReply>) -> HandlerResult,
) -> HandlerResult {
    let is_usable = async |reply: &Reply| are_tokens_usable(state, &reply.body).await;
    once_while_usable(state, key, is_usable, work).await
}

/// Whether the tokens in a stored response are those of a live session that has not got others since.
async fn are_tokens_usable(state: &State, body: &[u8]) -> HandlerResult<bool> {
    let Ok(stored) = serde_json::from_slice::<StoredSession>(body) else {
        return Ok(false);
    };
    let (account, session) = (stored.account.id, stored.tokens.session_id);
    let session = state.store.refresh_state(account, session).await?;
    let now = state.clock.micros();
    Ok(session.is_some_and(|session| session.counter == 0 && session.is_live(now)))
}

/// What a stored response tells of its session.
#[derive(Deserialize)]
struct StoredSession {
    account: StoredAccount,
    tokens: StoredTokens,
}

#[derive(Deserialize)]
struct StoredAccount {
    id: Uuid,
}

#[derive(Deserialize)]
struct StoredTokens {
    session_id: Uuid,
}

/// Builds the response to a sign-in. No cache on the way may store the tokens.
pub fn signed_in(mut response: HttpResponseBuilder, account: Account, tokens: Tokens) -> Reply {
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Reply::new(response, to_json(&SignedIn { account, tokens }))
}

/// Returns an example of a sign-in for the document.
pub fn signed_in_example() -> Value {
    json!({ "account": account_example(), "tokens": tokens_example() })
}

/// Returns an example of tokens for the document.
pub fn tokens_example() -> Value {
    json!({
        "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9…",
        "token_type": "Bearer",
        "expires_in": LIFETIME_S,
        "refresh_token": "AZXkwm0ffDOKVQ2fPBsqQA…",
        "refresh_expires_in": IDLE_S,
        "session_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
        "device_token": "AZXkwm0ffDOKVQ2fPBsqQW8t2Jc…",
    })
}

/// Returns an example of an account for the document.
pub fn account_example() -> Value {
    let account = Account {
        id: "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a40".parse().unwrap_or_default(),
        email: match Email::new("sam@example.org") {
            Some(email) => email,
            None => return Value::Null,
        },
        role: Role::Person,
        display_name: Some(text!("Sam")),
        time_zone: ZoneName(chrono_tz::America::New_York),
        locale: Locale::new("en-US"),
        country: Country::new("US"),
        week_start: Int::clamped(1),
        discretion: Discretion::Discreet,
        created_at: Timestamp::from_micros(1_772_418_600_000_000),
        updated_at: Timestamp::from_micros(1_772_418_600_000_000),
        version: 1,
    };
    serde_json::to_value(account).unwrap_or_default()
}
