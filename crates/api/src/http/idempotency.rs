//! The `Idempotency-Key`: a request that is sent again gets its first answer again, for 24 hours. The answer is kept
//! in the transaction of the effect, so that neither is ever there without the other. A request that is still running
//! is waited for.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
};
use chrono::{DateTime, Utc};
use mainstay_store::{RecordWriter, StoreError, idempotency::IdempotencyKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    server::{clock::micros, state::State},
};

/// The longest key, in characters.
const MAX_KEY: usize = 255;
/// Headers that belong to an answer's meaning and are kept with it.
const KEPT: [header::HeaderName; 3] = [header::ETAG, header::LOCATION, header::CACHE_CONTROL];

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its JSON body; empty if it has none.
    pub body: Vec<u8>,
}

impl Reply {
    /// The beginning of an answer with its body.
    pub fn new(mut answer: HttpResponseBuilder, body: Vec<u8>) -> Self {
        let answer = answer.finish();
        let text = |name: &header::HeaderName| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        };
        let replayed = header::HeaderName::from_static("idempotent-replayed");
        let headers = KEPT.iter().chain([&replayed]).filter_map(text).collect();
        Self {
            status: answer.status().as_u16(),
            headers,
            body,
        }
    }

    /// The answer on the wire.
    pub fn into_response(self) -> HttpResponse {
        let mut answer =
            HttpResponseBuilder::new(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        for (name, value) in self.headers {
            answer.insert_header((name, value));
        }
        if self.body.is_empty() {
            return answer.finish();
        }
        answer.content_type("application/json").body(self.body)
    }

    /// The bytes to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        mainstay_domain::record::json(self)
    }

    /// The answer in kept bytes.
    ///
    /// # Errors
    /// If they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes).map_err(|e| StoreError::Internal(format!("a kept answer: {e}")))
    }
}

/// The key of someone's request with its body, if the client gave one. Who is not signed in is nobody in particular.
///
/// # Errors
/// 400 if the header has no valid form.
pub fn key(request: &HttpRequest, owner: Option<Uuid>, body: &[u8]) -> HandlerResult<Option<IdempotencyKey>> {
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
            "Idempotency-Key must have 1 to 255 visible ASCII characters.",
        )
    })?;
    let request_parts = [
        request.method().as_str().as_bytes(),
        request.path().as_bytes(),
        body,
    ];
    let owner = owner.unwrap_or_default();
    Ok(Some(State::of(request).store.idempotency_key(
        owner.as_bytes(),
        name,
        &request_parts,
    )))
}

/// Does the work in one transaction, once for each key.
pub async fn perform(
    caller: &Caller,
    key: Option<IdempotencyKey>,
    now: DateTime<Utc>,
    explain: fn(StoreError) -> Problem,
    work: impl FnOnce(&mut RecordWriter<'_>) -> Result<Reply, StoreError> + Send + 'static,
) -> HandlerResult {
    let once = move |writer: &mut RecordWriter<'_>| {
        let Some(key) = key else { return work(writer) };
        writer.lock()?;
        if let Some(kept) = writer.stored_response(&key)? {
            return Reply::from_bytes(&kept);
        }
        let reply = work(writer)?;
        writer.store_response(&key, &reply.to_bytes())?;
        Ok(reply)
    };
    let done = caller
        .state
        .store
        .write(caller.scope(), caller.principal.session, micros(now), once)
        .await;
    Ok(done.map_err(explain)?.into_response())
}
