//! The `Idempotency-Key` header: a retry within 24 hours gets the response of the first request.
//!
//! The response is stored in the transaction of the effect, so that neither exists without the other. A retry waits for a
//! first request that is still running, and gets a 409 `request-in-progress` if that takes longer than two seconds. On the
//! same server a retry waits before it does anything ([`RunningKeys`](crate::http::running_keys::RunningKeys)). Of two
//! servers with the same database, the second one finds the key claimed in its transaction, and then looks for the response.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
};
use chrono::{DateTime, Utc};
use mainstay_store::{
    RecordWriter, Records, StoreError,
    idempotency::{IdempotencyKey, StoredResponse},
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    http::{
        admission::turns::aside,
        caller::Caller,
        problem::{HandlerResult, Problem, ProblemKind},
        running_keys::Claim,
    },
    server::{clock::micros, state::State},
};

/// The longest key, in characters.
const MAX_KEY: usize = 255;
/// How long a request waits for another one with its key.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How often a request looks for the response of another server to a request with its key.
const LOOK_EVERY: Duration = Duration::from_millis(80);
/// Headers that are stored with a response, because they belong to its meaning.
const STORED_HEADERS: [header::HeaderName; 3] = [header::ETAG, header::LOCATION, header::CACHE_CONTROL];

/// A response in the form in which it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The stored headers.
    pub headers: Vec<(String, String)>,
    /// The JSON body; empty if there is none.
    pub body: Vec<u8>,
}

impl Reply {
    /// Takes status and headers from a response, and its body.
    pub fn new(mut response: HttpResponseBuilder, body: Vec<u8>) -> Self {
        let response = response.finish();
        let text = |name: &header::HeaderName| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        };
        let replayed = header::HeaderName::from_static("idempotent-replayed");
        let headers = STORED_HEADERS
            .iter()
            .chain([&replayed])
            .filter_map(text)
            .collect();
        Self {
            status: response.status().as_u16(),
            headers,
            body,
        }
    }

    /// Builds the HTTP response.
    pub fn into_response(self) -> HttpResponse {
        let mut response =
            HttpResponseBuilder::new(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        for (name, value) in self.headers {
            response.insert_header((name, value));
        }
        if self.body.is_empty() {
            return response.finish();
        }
        response.content_type("application/json").body(self.body)
    }

    /// Encodes the response for the database.
    pub fn to_bytes(&self) -> Vec<u8> {
        mainstay_domain::record::json(self)
    }

    /// Decodes a response from the database.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the bytes do not hold a response.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes)
            .map_err(|e| StoreError::Internal(format!("a stored response cannot be read: {e}")))
    }
}

/// The `Idempotency-Key` of a request. No other request with that key runs on this server until it is dropped.
#[derive(Debug)]
pub struct HeldKey {
    key: IdempotencyKey,
    _claim: Claim,
}

impl HeldKey {
    /// The key.
    pub fn key(&self) -> IdempotencyKey {
        self.key.clone()
    }

    /// Returns a response in the form to be stored under the key, in the transaction of the request's effect.
    pub fn to_stored(&self, reply: &Reply) -> StoredResponse {
        StoredResponse {
            key: self.key.clone(),
            answer: reply.to_bytes(),
            in_place_of: None,
        }
    }

    /// Returns a response in the form to be stored, in the place of one that is of no use any more.
    pub fn to_stored_in_place_of(&self, reply: &Reply, outdated: Option<OutdatedReply>) -> StoredResponse {
        StoredResponse {
            in_place_of: outdated.map(|outdated| outdated.0),
            ..self.to_stored(reply)
        }
    }
}

/// A stored response that is of no use any more, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutdatedReply(Vec<u8>);

/// Returns the key of a request with this body, if the client sent one. Requests without sign-in share one owner.
///
/// # Errors
/// 400 if the header is not valid; 409 if another request with that key still runs after two seconds.
pub async fn key(request: &HttpRequest, owner: Option<Uuid>, body: &[u8]) -> HandlerResult<Option<HeldKey>> {
    let Some(value) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let name = value
        .to_str()
        .ok()
        .filter(|name| (1..=MAX_KEY).contains(&name.len()));
    let name = name.ok_or_else(|| {
        Problem::because(
            ProblemKind::BadRequest,
            "Idempotency-Key must have 1 to 255 ASCII characters: visible ones, spaces and tabs.",
        )
    })?;
    let request_parts = [
        request.method().as_str().as_bytes(),
        request.path().as_bytes(),
        body,
    ];
    let (state, owner) = (State::of(request), owner.unwrap_or_default());
    let key = state
        .store
        .idempotency_key(owner.as_bytes(), name, &request_parts);
    let claim = aside(state.running_keys.claim(key.hash(), MAX_WAIT)).await;
    let claim = claim.ok_or(StoreError::KeyInUse)?;
    Ok(Some(HeldKey { key, _claim: claim }))
}

/// Runs work on the caller's record in one transaction, and only once for each key.
pub async fn perform(
    caller: &Caller,
    key: Option<HeldKey>,
    now: DateTime<Utc>,
    explain: fn(StoreError) -> Problem,
    work: impl FnOnce(&mut RecordWriter<'_>) -> Result<Reply, StoreError> + Send + 'static,
) -> HandlerResult {
    let stored_key = key.as_ref().map(HeldKey::key);
    let run_once = move |writer: &mut RecordWriter<'_>| {
        let Some(key) = stored_key else {
            return work(writer);
        };
        writer.claim_key(&key)?;
        if let Some(stored) = writer.lock()?.records().stored_response(&key)? {
            return Reply::from_bytes(&stored);
        }
        let reply = work(writer)?;
        writer.lock()?.store_response(&key, &reply.to_bytes())?;
        Ok(reply)
    };
    let reply = caller
        .state
        .store
        .write(caller.scope(), caller.principal.session, micros(now), run_once)
        .await;
    match (reply, &key) {
        (Err(StoreError::KeyInUse), Some(key)) => {
            let look = async || {
                let key = key.key();
                let read = move |records: &mut Records<'_>| records.stored_response(&key);
                caller.state.store.read(caller.scope(), read).await
            };
            Ok(wait_for_reply(look).await?.into_response())
        }
        (reply, _) => Ok(reply.map_err(explain)?.into_response()),
    }
}

/// Runs a request whose key has no person as its owner, and only once for each key.
///
/// If `work` fails, another server may have carried out the request in the meantime, and failed this one by it. Then the
/// response of that server counts.
pub async fn once(
    state: &State,
    key: Option<&HeldKey>,
    work: impl Future<Output = HandlerResult>,
) -> HandlerResult {
    Box::pin(once_while_usable(
        state,
        key,
        async |_| Ok(true),
        async |_| work.await,
    ))
    .await
}

/// Runs a request as [`once`] does, except that a stored response that is of no use any more is not sent again. Then the
/// request is carried out as a new one, and `work` gets that response, to store another one in its place.
pub async fn once_while_usable(
    state: &State,
    key: Option<&HeldKey>,
    is_usable: impl AsyncFnOnce(&Reply) -> HandlerResult<bool>,
    work: impl AsyncFnOnce(Option<OutdatedReply>) -> HandlerResult,
) -> HandlerResult {
    let Some(key) = key else { return work(None).await };
    let mut outdated = None;
    if let Some(stored) = state.store.stored_response(&key.key).await? {
        let reply = Reply::from_bytes(&stored)?;
        if is_usable(&reply).await? {
            return Ok(reply.into_response());
        }
        outdated = Some(OutdatedReply(stored));
    }
    match work(outdated.clone()).await {
        Err(problem) if problem.kind == ProblemKind::RequestInProgress => {
            let look = async || other_response(state, key, outdated.as_ref()).await;
            Ok(wait_for_reply(look).await?.into_response())
        }
        Err(problem) => {
            let stored = other_response(state, key, outdated.as_ref())
                .await?
                .ok_or(problem)?;
            Ok(Reply::from_bytes(&stored)?.into_response())
        }
        done => done,
    }
}

/// Returns the stored response to a request with this key, unless it is the one that is of no use.
async fn other_response(
    state: &State,
    key: &HeldKey,
    outdated: Option<&OutdatedReply>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let stored = state.store.stored_response(&key.key).await?;
    Ok(stored.filter(|stored| outdated.is_none_or(|outdated| outdated.0 != *stored)))
}

/// Waits for the response of another server to a request with this key, which has no person as its owner.
///
/// # Errors
/// 409 if there is none after two seconds.
pub async fn reply_of_other(state: &State, key: &HeldKey) -> HandlerResult<Reply> {
    wait_for_reply(async || other_response(state, key, None).await).await
}

/// Returns the stored response to an earlier request with this key, which has no person as its owner.
pub async fn stored_reply(state: &State, key: Option<&HeldKey>) -> HandlerResult<Option<Reply>> {
    let Some(key) = key else { return Ok(None) };
    let stored = state.store.stored_response(&key.key).await?;
    Ok(stored.map(|stored| Reply::from_bytes(&stored)).transpose()?)
}

/// Looks for a response until it is stored, for two seconds at most.
async fn wait_for_reply(look: impl AsyncFn() -> Result<Option<Vec<u8>>, StoreError>) -> HandlerResult<Reply> {
    for _ in 0..MAX_WAIT.as_millis() / LOOK_EVERY.as_millis() {
        if let Some(stored) = look().await? {
            return Ok(Reply::from_bytes(&stored)?);
        }
        sleep(LOOK_EVERY).await;
    }
    Err(StoreError::KeyInUse.into())
}
