//! Sessions: signing in and out, refreshing tokens, and the list of devices.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header};
use chrono::{DateTime, Utc};
use mainstay_domain::{
    account::{Account, Discretion, Login, Refresh, Role, SealedSession},
    record::json as to_json,
    value::{
        number::Int,
        place::{Country, Email, Locale, ZoneName},
        text::{Label, text},
        timestamp::Timestamp,
    },
};
use mainstay_store::{
    StoreError,
    credentials::Credentials,
    session::{NewSession, RefreshState, Rotation},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    auth::{
        access_token::LIFETIME_S,
        login_delay::Attempt,
        refresh_token::{IDLE_S, RETRY_S, RefreshClaims, hash},
    },
    http::{
        body::PublicBody,
        caller::{Caller, claims},
        idempotency::{HeldKey, Reply, key, once, reply_of_other, stored_reply},
        network::{client_address, network},
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{add, add_list},
    },
    record::{id_parameter, json_response},
    server::{id::new_id, state::State},
};

/// The largest number of sessions in the list.
const MAX_LISTED: usize = 200;

/// Lists the endpoints of sessions.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Accounts;
    vec![
        endpoint::post("/v1/auth/login", login)
            .public()
            .operation(tag, "login", "Sign in")
            .about("Starts a session. The response and its timing are the same for an unknown address and a wrong password.")
            .takes::<Login>(|| json!({ "email": "sam@example.org", "password": "rivers bend slowly", "device_name": "Sam's phone" }))
            .gives::<SignedIn>(200, "Signed in.", signed_in_example)
            .problems(&[ProblemKind::InvalidCredentials, ProblemKind::TooManyRequests]),
        endpoint::post("/v1/auth/refresh", refresh)
            .public()
            .operation(tag, "refresh", "Get new tokens")
            .about(
                "A refresh token can be used once. If the response is lost, the same token gets the same response for another \
                 30 seconds. A token that is used again later ends the session.",
            )
            .takes::<Refresh>(|| json!({ "refresh_token": "AZXkwm0ffDOKVQ2fPBsqQA…" }))
            .gives::<Refreshed>(200, "New tokens.", || json!({ "tokens": tokens_example() }))
            .problems(&[ProblemKind::InvalidRefreshToken]),
        endpoint::post("/v1/auth/logout", logout)
            .operation(tag, "logout", "Sign out")
            .about("Ends the session of the access token.")
            .gives_nothing(204, "Signed out."),
        endpoint::get("/v1/auth/sessions", list)
            .operation(tag, "listSessions", "List your sessions")
            .about("The devices that are signed in, most recently used first.")
            .gives_schema(
                200,
                "The sessions.",
                Box::new(|c| {
                    let items = add::<SessionView>(c);
                    add_list(c, "SessionList", &items)
                }),
                || json!({ "items": [session_example()], "next_cursor": null }),
            )
            .problems(&[ProblemKind::Validation]),
        endpoint::delete("/v1/auth/sessions/{id}", end)
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
    /// How long the refresh token is valid unless it is used, in seconds.
    #[schema(minimum = 1)]
    pub refresh_expires_in: i64,
    /// The id of the session.
    pub session_id: Uuid,
}

/// An account and the tokens of its new session.
#[derive(Clone, Serialize, ToSchema)]
pub struct SignedIn {
    /// The account.
    pub account: Account,
    /// The tokens.
    pub tokens: Tokens,
}

/// New tokens.
#[derive(Clone, Serialize, ToSchema)]
pub struct Refreshed {
    /// The tokens.
    pub tokens: Tokens,
}

/// A device that is signed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AccountSession)]
pub struct SessionView {
    /// The id of the session.
    pub id: Uuid,
    /// The name of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<Label>,
    /// Whether this is the session of the request.
    pub current: bool,
    /// When the session started.
    pub created_at: Timestamp,
    /// When the session last got new tokens.
    pub last_used_at: Timestamp,
}

/// Creates a session with its first tokens. The caller stores it.
pub fn start_session(
    state: &State,
    account: Uuid,
    role: Role,
    device_name: Option<Label>,
) -> HandlerResult<(NewSession, Tokens)> {
    let session = new_id();
    let tokens = issue(
        state,
        &RefreshClaims {
            account,
            session,
            counter: 0,
        },
        role,
        state.clock.now(),
    )?;
    Ok((
        NewSession {
            id: session,
            refresh_hash: hash(&tokens.refresh_token),
            content: SealedSession { device_name },
        },
        tokens,
    ))
}

/// Issues the tokens for these claims. The same claims get the same tokens if `at` is in the same second.
fn issue(state: &State, claims: &RefreshClaims, role: Role, at: DateTime<Utc>) -> HandlerResult<Tokens> {
    Ok(Tokens {
        access_token: state
            .tokens
            .issue(claims.account, claims.session, role, at)
            .map_err(Problem::internal)?,
        token_type: "Bearer",
        expires_in: LIFETIME_S,
        refresh_token: state.refresh.token(claims),
        refresh_expires_in: IDLE_S,
        session_id: claims.session,
    })
}

async fn login(body: PublicBody<Login>) -> HandlerResult {
    let (state, key) = (State::of(&body.request), body.key.as_ref());
    once(&state, key, sign_in(&state, &body)).await
}

/// Verifies the address and password, and starts a session.
async fn sign_in(state: &State, body: &PublicBody<Login>) -> HandlerResult {
    let credentials = authenticate(state, &body.request, &body.value).await?;
    let account = state.store.account(credentials.account).await?;
    let device_name = body.value.device_name.clone();
    let (session, tokens) = start_session(state, account.id, account.role, device_name)?;
    let reply = signed_in(HttpResponse::Ok(), account, tokens);
    let stored = body.key.as_ref().map(|key| key.to_stored(&reply));
    let now = state.clock.micros();
    match state
        .store
        .create_session(credentials, session, stored, now)
        .await
    {
        // Another request changed the password after this one had verified it.
        Err(StoreError::NotFound) => Err(Problem::new(ProblemKind::InvalidCredentials)),
        other => Ok(other.map(|()| reply.into_response())?),
    }
}

/// Verifies the address and password of a sign-in, and delays guesses.
async fn authenticate(state: &State, request: &HttpRequest, login: &Login) -> HandlerResult<Credentials> {
    let email = login.email.key();
    let network = network(client_address(request, &state.trusted_proxies));
    let attempt = Attempt::new(&state.store, &email, &network, state.clock.now());
    let _guard = state.passwords.one_at_a_time(&email).await;
    attempt.check().await?;
    let found = state.store.credentials(&login.email).await?;
    let hash = found
        .as_ref()
        .map(|credentials| credentials.password_hash.clone());
    let is_correct = state.passwords.verify(&login.password, hash).await?;
    let Some(credentials) = found.filter(|_| is_correct) else {
        attempt.failed().await?;
        return Err(Problem::new(ProblemKind::InvalidCredentials));
    };
    attempt.succeeded().await?;
    Ok(credentials)
}

async fn refresh(body: PublicBody<Refresh>) -> HandlerResult {
    let state = State::of(&body.request);
    let token = &body.value.refresh_token;
    let claims = state.refresh.read(token);
    let claims = claims.ok_or(Problem::new(ProblemKind::InvalidRefreshToken))?;
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
                return reply_of_other(&state, key).await;
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
    if claims.counter + 1 == session.counter && now - session.rotated_at <= RETRY_S * 1_000_000 {
        let current = RefreshClaims {
            counter: session.counter,
            ..claims
        };
        let tokens = issue(&state, &current, session.role, time_of(session.rotated_at)?)?;
        return Ok(refreshed(tokens).into_response());
    }
    Err(end_reused_session(&state, &claims, now).await?)
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
    let reply = refreshed(issue(state, &next, session.role, time_of(now)?)?);
    let rotation = Rotation {
        counter: session.counter,
        next: next.counter,
        refresh_hash: hash(&state.refresh.token(&next)),
        keep: key.map(|key| key.to_stored(&reply)),
    };
    let is_rotated = state
        .store
        .rotate_session(claims.account, claims.session, rotation, now)
        .await?;
    Ok(is_rotated.then_some(reply))
}

/// Ends a session whose token was used again, since someone else may have a copy of the token. Returns the problem to
/// respond with.
async fn end_reused_session(state: &State, claims: &RefreshClaims, now: i64) -> HandlerResult<Problem> {
    let (account, session) = (claims.account, claims.session);
    match state.store.end_session(account, session, None, now).await {
        Ok(()) | Err(StoreError::NotFound) => {}
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
        .filter(|session| !session.ended && now - session.last_used_at < IDLE_S * 1_000_000)
        .ok_or(Problem::new(ProblemKind::InvalidRefreshToken))
}

/// Converts microseconds since 1970 to a time.
fn time_of(micros: i64) -> HandlerResult<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or(Problem::internal("a time is out of range"))
}

async fn logout(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    let claims = claims(&request)?;
    let key = key(&request, Some(claims.sid), b"").await?;
    // A retry comes from a session that the first request has ended.
    once(&state, key.as_ref(), async {
        end_session(&Caller::of(&request).await?, claims.sid, key.as_ref()).await
    })
    .await
}

async fn end(caller: Caller) -> HandlerResult {
    end_session(&caller, caller.path_id("id")?, None).await
}

async fn end_session(caller: &Caller, session: Uuid, key: Option<&HeldKey>) -> HandlerResult {
    let state = &caller.state;
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    let reply = Reply::new(response, Vec::new());
    let (account, stored) = (caller.scope().account(), key.map(|key| key.to_stored(&reply)));
    state
        .store
        .end_session(account, session, stored, state.clock.micros())
        .await?;
    state.sessions.forget(session);
    Ok(reply.into_response())
}

async fn list(caller: Caller) -> HandlerResult {
    Parameters::read(&caller.request, &[]).finish()?;
    let idle_since = caller.state.clock.micros() - IDLE_S * 1_000_000;
    let sessions = caller
        .state
        .store
        .sessions(caller.scope().account(), idle_since)
        .await?;
    let items: Vec<SessionView> = sessions
        .into_iter()
        .take(MAX_LISTED)
        .map(|session| SessionView {
            id: session.id,
            device_name: session.content.device_name,
            current: session.id == caller.principal.session,
            created_at: Timestamp::from_micros(session.created_at),
            last_used_at: Timestamp::from_micros(session.last_used_at),
        })
        .collect();
    Ok(json_response(
        HttpResponse::Ok(),
        to_json(&json!({ "items": items, "next_cursor": null })),
    ))
}

/// Builds the response to a sign-in. No cache on the way may store the tokens.
pub fn signed_in(mut response: HttpResponseBuilder, account: Account, tokens: Tokens) -> Reply {
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Reply::new(response, to_json(&SignedIn { account, tokens }))
}

fn refreshed(tokens: Tokens) -> Reply {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Reply::new(response, to_json(&Refreshed { tokens }))
}

/// Returns an example of a sign-in for the document.
pub fn signed_in_example() -> Value {
    json!({ "account": account_example(), "tokens": tokens_example() })
}

fn tokens_example() -> Value {
    json!({
        "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9…",
        "token_type": "Bearer",
        "expires_in": LIFETIME_S,
        "refresh_token": "AZXkwm0ffDOKVQ2fPBsqQA…",
        "refresh_expires_in": IDLE_S,
        "session_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
    })
}

fn session_example() -> Value {
    json!({
        "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
        "device_name": "Sam's phone",
        "current": true,
        "created_at": "2026-03-01T07:30:00Z",
        "last_used_at": "2026-03-02T06:55:00Z",
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
