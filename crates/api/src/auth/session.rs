//! Sessions: signing in, refreshing, the list of devices, signing out.

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
    idempotency::{IdempotencyKey, StoredResponse},
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
        idempotency::{Reply, key},
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

/// The endpoints of sessions.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Accounts;
    vec![
        endpoint::post("/v1/auth/login", login)
            .public()
            .operation(tag, "login", "Sign in")
            .about("Begins a session. The answer and its time are the same for an unknown address and a wrong password.")
            .takes::<Login>(|| json!({ "email": "sam@example.org", "password": "rivers bend slowly", "device_name": "Sam's phone" }))
            .gives::<SignedIn>(200, "Signed in.", signed_in_example)
            .problems(&[ProblemKind::InvalidCredentials, ProblemKind::TooManyRequests]),
        endpoint::post("/v1/auth/refresh", refresh)
            .public()
            .operation(tag, "refresh", "Get new tokens")
            .about(
                "A refresh token is good once. If the answer is lost, the same token gets the same answer again for 30 seconds. A token \
                 that is used again later ends the session.",
            )
            .takes::<Refresh>(|| json!({ "refresh_token": "AZXkwm0ffDOKVQ2fPBsqQA…" }))
            .gives::<Refreshed>(200, "New tokens.", || json!({ "tokens": tokens_example() }))
            .problems(&[ProblemKind::InvalidRefreshToken]),
        endpoint::post("/v1/auth/logout", logout)
            .operation(tag, "logout", "Sign out")
            .about("Ends this session.")
            .gives_nothing(204, "Signed out."),
        endpoint::get("/v1/auth/sessions", list)
            .operation(tag, "listSessions", "List one's sessions")
            .about("The devices that are signed in, last used first.")
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
            .operation(tag, "endSession", "End one of one's sessions")
            .about("The device is signed out everywhere within five seconds.")
            .parameter(id_parameter())
            .gives_nothing(204, "Ended."),
    ]
}

/// The tokens of a session.
#[derive(Clone, Serialize, ToSchema)]
pub struct Tokens {
    /// For the Authorization header.
    #[schema(max_length = 4000)]
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(max_length = 10)]
    pub token_type: &'static str,
    /// How long the access token is good, in seconds.
    #[schema(minimum = 1)]
    pub expires_in: i64,
    /// For getting the next tokens.
    #[schema(max_length = 500)]
    pub refresh_token: String,
    /// How long the refresh token is good, in seconds, unless it is used.
    #[schema(minimum = 1)]
    pub refresh_expires_in: i64,
    /// The session.
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
#[schema(as = Session)]
pub struct SessionView {
    /// The session.
    pub id: Uuid,
    /// What the device is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<Label>,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last got new tokens.
    pub last_used_at: Timestamp,
}

/// A new session with its first tokens.
pub fn begin(
    state: &State,
    account: Uuid,
    role: Role,
    content: SealedSession,
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
            content,
        },
        tokens,
    ))
}

/// The tokens of that number. The same number at the same second gives the same tokens.
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
    let state = State::of(&body.request);
    let address = client_address(&body.request, &state.trusted_proxies);
    if let Some(reply) = first_answer(&state, body.key.as_ref()).await? {
        return Ok(reply.into_response());
    }
    let login = body.value;
    let attempt = Attempt::new(
        &state.store,
        &login.email.normalised(),
        &network(address),
        state.clock.now(),
    );
    let _turn = state.passwords.one_at_a_time(&login.email.normalised()).await;
    attempt.check().await?;
    let found = state.store.credentials(&login.email).await?;
    let fits = state
        .passwords
        .verify(&login.password, found.as_ref().map(|c| c.password_hash.clone()))
        .await?;
    let Some(credentials) = found.filter(|_| fits) else {
        attempt.failed().await?;
        return Err(Problem::new(ProblemKind::InvalidCredentials));
    };
    attempt.succeeded().await?;
    let account = state.store.account(credentials.account).await?;
    let (session, tokens) = begin(
        &state,
        account.id,
        account.role,
        SealedSession {
            device_name: login.device_name,
        },
    )?;
    let reply = signed_in(HttpResponse::Ok(), account, tokens);
    let keep = to_keep(body.key, &reply);
    match state
        .store
        .create_session(credentials, session, keep, state.clock.micros())
        .await
    {
        // The password was changed while this one was looked at.
        Err(StoreError::NotFound) => return Err(Problem::new(ProblemKind::InvalidCredentials)),
        other => other?,
    }
    Ok(reply.into_response())
}

async fn refresh(body: PublicBody<Refresh>) -> HandlerResult {
    let state = State::of(&body.request);
    let refused = || Problem::new(ProblemKind::InvalidRefreshToken);
    let claims = state
        .refresh
        .read(&body.value.refresh_token)
        .ok_or_else(refused)?;
    let now = state.clock.micros();
    let mut known = live(&state, &claims, now).await?;
    let first = first_answer(&state, body.key.as_ref()).await?;
    // A request with a name gets its first answer again for as long as nobody went on from there.
    if let Some(reply) = first.filter(|_| claims.counter + 1 == known.counter) {
        return Ok(reply.into_response());
    }
    let is_current = hash(&body.value.refresh_token) == known.refresh_hash;
    if claims.counter == known.counter && is_current {
        let next = RefreshClaims {
            counter: claims.counter + 1,
            ..claims
        };
        let reply = refreshed(issue(&state, &next, known.role, at(now)?)?);
        let rotation = Rotation {
            counter: claims.counter,
            refresh_hash: hash(&state.refresh.token(&next)),
            keep: to_keep(body.key, &reply),
        };
        if state
            .store
            .rotate_session(claims.account, claims.session, rotation, now)
            .await?
        {
            return Ok(reply.into_response());
        }
        // Another call with the same token was first; it counts as a retry of that one.
        known = live(&state, &claims, now).await?;
    }
    let is_retry = claims.counter + 1 == known.counter && now - known.rotated_at <= RETRY_S * 1_000_000;
    if is_retry {
        let current = RefreshClaims {
            counter: known.counter,
            ..claims
        };
        let tokens = issue(&state, &current, known.role, at(known.rotated_at)?)?;
        return Ok(refreshed(tokens).into_response());
    }
    // Someone else may have a copy of the token: nobody goes on with this session.
    match state
        .store
        .end_session(claims.account, claims.session, None, now)
        .await
    {
        Ok(()) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    state.sessions.forget(claims.session);
    Err(refused())
}

/// The state of a session that can be refreshed at all.
async fn live(state: &State, claims: &RefreshClaims, now: i64) -> HandlerResult<RefreshState> {
    let known = state.store.refresh_state(claims.account, claims.session).await?;
    known
        .filter(|known| !known.ended && now - known.last_used_at < IDLE_S * 1_000_000)
        .ok_or(Problem::new(ProblemKind::InvalidRefreshToken))
}

/// The instant of so many microseconds.
fn at(micros: i64) -> HandlerResult<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or(Problem::internal("an instant out of range"))
}

async fn logout(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    let claims = claims(&request)?;
    let key = key(&request, Some(claims.sid), b"")?;
    // Sent again, the request comes from a session that it has ended itself.
    if let Some(reply) = first_answer(&state, key.as_ref()).await? {
        return Ok(reply.into_response());
    }
    end_one(&Caller::of(&request).await?, claims.sid, key).await
}

async fn end(caller: Caller) -> HandlerResult {
    end_one(&caller, caller.path_id("id")?, None).await
}

async fn end_one(caller: &Caller, session: Uuid, key: Option<IdempotencyKey>) -> HandlerResult {
    let state = &caller.state;
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    let reply = Reply::new(answer, Vec::new());
    let (account, keep) = (caller.scope().account(), to_keep(key, &reply));
    state
        .store
        .end_session(account, session, keep, state.clock.micros())
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
        .take(200)
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

/// The answer to a sign-in. Nothing on the way may keep tokens.
pub fn signed_in(mut answer: HttpResponseBuilder, account: Account, tokens: Tokens) -> Reply {
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    Reply::new(answer, to_json(&SignedIn { account, tokens }))
}

/// The first answer to a request that may have come before.
pub async fn first_answer(state: &State, key: Option<&IdempotencyKey>) -> HandlerResult<Option<Reply>> {
    let Some(key) = key else { return Ok(None) };
    let kept = state.store.stored_response(key).await?;
    Ok(kept.map(|kept| Reply::from_bytes(&kept)).transpose()?)
}

/// The answer to be kept with its effect, if the client named the request.
pub fn to_keep(key: Option<IdempotencyKey>, reply: &Reply) -> Option<StoredResponse> {
    key.map(|key| StoredResponse {
        key,
        answer: reply.to_bytes(),
    })
}

fn refreshed(tokens: Tokens) -> Reply {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    Reply::new(answer, to_json(&Refreshed { tokens }))
}

/// A sign-in for the documentation.
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

/// An account for the documentation.
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
