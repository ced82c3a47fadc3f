//! The `Idempotency-Key` header: a retry within 24 hours gets the response of the first request.
//!
//! The response is stored in the transaction of the effect, so that neither exists without the other. A retry by a
//! person waits for a first request that is still running. A retry without sign-in gets a 409 then.

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

/// Returns the key of a request with this body, if the client sent one. Requests without sign-in share one owner.
///
/// # Errors
/// 400 if the header is not valid.
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

/// Runs work on the caller's record in one transaction, and only once for each key.
pub async fn perform(
    caller: &Caller,
    key: Option<IdempotencyKey>,
    now: DateTime<Utc>,
    explain: fn(StoreError) -> Problem,
    work: impl FnOnce(&mut RecordWriter<'_>) -> Result<Reply, StoreError> + Send + 'static,
) -> HandlerResult {
    let run_once = move |writer: &mut RecordWriter<'_>| {
        let Some(key) = key else { return work(writer) };
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
    Ok(reply.map_err(explain)?.into_response())
}
