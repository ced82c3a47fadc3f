//! Records on the wire.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::MessageBody,
    http::{StatusCode, header},
};
use mainstay_domain::{record::Record, value::timestamp::Timestamp};
use mainstay_store::{Created, Stored};

use crate::http::conditional::{etag, has_current};

/// A record on the wire: its body, which is never parsed, between the members that every record has.
pub fn encode(record: &Stored) -> Vec<u8> {
    let inner = record
        .body
        .strip_prefix(b"{")
        .and_then(|b| b.strip_suffix(b"}"))
        .unwrap_or_default();
    let (created, updated) = (
        Timestamp::from_micros(record.created_at),
        Timestamp::from_micros(record.updated_at),
    );
    let mut out = Vec::with_capacity(inner.len() + 200);
    out.extend_from_slice(format!("{{\"id\":\"{}\",", record.id).as_bytes());
    out.extend_from_slice(inner);
    let tail = format!(
        ",\"version\":{},\"created_at\":\"{created}\",\"updated_at\":\"{updated}\"}}",
        record.version
    );
    out.extend_from_slice(tail.as_bytes());
    out
}

/// The beginning of the answer to a creation, and the record that it shows.
pub fn created_answer<T: Record>(created: &Created) -> (HttpResponseBuilder, &Stored) {
    let (mut answer, record) = match created {
        Created::New(record) => (HttpResponse::Created(), record),
        Created::Replayed(record) => {
            let mut answer = HttpResponse::Ok();
            answer.insert_header(("Idempotent-Replayed", "true"));
            (answer, record)
        }
    };
    answer.insert_header((header::LOCATION, format!("{}/{}", path::<T>(), record.id)));
    (tagged(answer, record.version), record)
}

/// An answer with the entity tag of a version.
pub fn tagged(mut answer: HttpResponseBuilder, version: i64) -> HttpResponseBuilder {
    answer.insert_header((header::ETAG, etag(version)));
    answer
}

/// How an answer about a person's record may be kept: by them alone, and never unasked.
const PRIVATE: &str = "private, no-cache";

/// An answer about a person's record, which the client may have already.
pub fn versioned<B: MessageBody + 'static>(
    request: &HttpRequest,
    tag: &str,
    body: impl FnOnce() -> B,
) -> HttpResponse {
    unless_current(request, tag, PRIVATE, body)
}

/// A JSON answer that the client may have already.
pub fn unless_current<B: MessageBody + 'static>(
    request: &HttpRequest,
    tag: &str,
    cache_control: &'static str,
    body: impl FnOnce() -> B,
) -> HttpResponse {
    let is_current = has_current(request, tag);
    let mut answer = HttpResponseBuilder::new(if is_current {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    });
    answer
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, cache_control));
    if is_current {
        answer.finish()
    } else {
        answer.content_type("application/json").body(body())
    }
}

/// An answer about a person's record, which only they may keep.
pub fn cache_private(mut answer: HttpResponseBuilder) -> HttpResponseBuilder {
    answer.insert_header((header::CACHE_CONTROL, PRIVATE));
    answer
}

/// A JSON answer about a person's record.
pub fn json_response(answer: HttpResponseBuilder, body: impl MessageBody + 'static) -> HttpResponse {
    cache_private(answer).content_type("application/json").body(body)
}

/// The path of a collection.
pub fn path<T: Record>() -> String {
    format!("/v1/{}", T::KIND.path())
}

/// The path of one record.
pub fn path_of_one<T: Record>() -> String {
    format!("/v1/{}/{{id}}", T::KIND.path())
}
