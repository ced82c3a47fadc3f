//! Sessions: their tokens, signing out, and the list of devices.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header};
use chrono::{DateTime, Utc};
use mainstay_domain::{
    account::{Account, Discretion, Role, Roles, SealedSession},
    record::json as to_json,
    value::{
        number::Int,
        place::{Country, Email, Locale, ZoneName},
        text::{Label, text},
        timestamp::Timestamp,
    },
};
use mainstay_store::{account::FIRST_DEVICE_GENERATION, session::NewSession};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    auth::{
        access_token::LIFETIME_S,
        device_token::Owner,
        refresh_token::{IDLE_S, RefreshClaims, hash},
    },
    http::{
        caller::{Caller, claims},
        idempotency::{HeldKey, OutdatedReply, Reply, key, once, once_while_usable},
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
        rate_limit::DeviceProof,
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
        endpoint::post("/v1/auth/logout", logout)
            .roles(Roles::ALL)
            .operation(tag, "logout", "Sign out")
            .about("Ends the session of the access token.")
            .gives_nothing(204, "Signed out."),
        endpoint::get("/v1/auth/sessions", list)
            .roles(Roles::ALL)
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
    /// How long the refresh token is valid unless it is used, in seconds.
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

/// Creates the first session of a new account, with its first tokens. The caller stores it.
pub fn start_session(
    state: &State,
    account: Uuid,
    role: Role,
    device_name: Option<Label>,
) -> HandlerResult<(NewSession, Tokens)> {
    let owner = Owner {
        account,
        generation: FIRST_DEVICE_GENERATION,
    };
    start_session_of(state, owner, role, device_name)
}

/// Creates a session with its first tokens. The caller stores it.
pub fn start_session_of(
    state: &State,
    owner: Owner,
    role: Role,
    device_name: Option<Label>,
) -> HandlerResult<(NewSession, Tokens)> {
    let session = new_id();
    let claims = RefreshClaims {
        account: owner.account,
        session,
        counter: 0,
    };
    let tokens = issue(state, &claims, owner.generation, role, state.clock.now())?;
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
pub fn issue(
    state: &State,
    claims: &RefreshClaims,
    generation: i64,
    role: Role,
    at: DateTime<Utc>,
) -> HandlerResult<Tokens> {
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
        refresh_expires_in: IDLE_S,
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
    let idle_since = state.clock.micros() - IDLE_S * 1_000_000;
    Ok(session
        .is_some_and(|session| !session.ended && session.counter == 0 && session.last_used_at > idle_since))
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
