//! Sessions: their tokens, signing out, and the list of devices.

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
        validation::FindingCode,
    },
};
use mainstay_store::{
    account::FIRST_DEVICE_GENERATION,
    session::{BegunFrom, NewSession, SessionRange},
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
        page::{decode_cursor, encode_cursor, page_limit},
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
        rate_limit::DeviceProof,
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{add, add_list},
    },
    record::{cursor_parameter, id_parameter, json_response, limit_parameter, list_body},
    server::{clock::micros, id::new_id, state::State},
};

/// What ties the cursors of the list to it.
const CURSOR: [u8; 3] = *b"ses";

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
            .about(
                "The devices that are signed in, the one that signed in last first. At most 50 are signed in at a time: one more \
                 signs out the one that was not used for the longest time.",
            )
            .parameter(limit_parameter())
            .parameter(cursor_parameter())
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
    /// When the session ends if it gets no new tokens before: 90 days after it got some, and a year after it started at the
    /// latest; for clinicians and operators 12 hours after it started.
    pub ends_at: Timestamp,
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

async fn list(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = usize::try_from(page_limit(&mut parameters)).unwrap_or(1);
    let after = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        |text| decode_cursor(text, CURSOR),
    );
    parameters.finish()?;
    let range = SessionRange {
        after,
        limit: limit + 1,
    };
    let (account, now) = (caller.scope().account(), caller.state.clock.micros());
    let mut sessions = caller.state.store.sessions(account, now, range).await?;
    let has_more = sessions.len() > limit;
    sessions.truncate(limit);
    let next = sessions
        .last()
        .filter(|_| has_more)
        .map(|last| encode_cursor((last.times.created_at, last.id), CURSOR));
    let items = sessions.into_iter().map(|session| {
        to_json(&SessionView {
            id: session.id,
            device_name: session.content.device_name,
            current: session.id == caller.principal.session,
            created_at: Timestamp::from_micros(session.times.created_at),
            last_used_at: Timestamp::from_micros(session.times.last_used_at),
            ends_at: Timestamp::from_micros(session.ends_at),
        })
    });
    Ok(json_response(
        HttpResponse::Ok(),
        list_body(items, next.as_deref()),
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

fn session_example() -> Value {
    json!({
        "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
        "device_name": "Sam's phone",
        "current": true,
        "created_at": "2026-03-01T07:30:00Z",
        "last_used_at": "2026-03-02T06:55:00Z",
        "ends_at": "2026-05-31T06:55:00Z",
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
