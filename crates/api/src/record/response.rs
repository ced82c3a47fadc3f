//! Responses that show records: their JSON, entity tags and cache headers.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::MessageBody,
    http::{StatusCode, header},
};
use mainstay_domain::{record::Record, value::timestamp::Timestamp};
use mainstay_store::{Created, Stored, VersionTag};

use crate::http::conditional::{etag, has_current};

/// Encodes a record. The stored body is copied without being parsed, between the members that every record has.
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

/// Begins the response to a create, and returns it with the record that the response shows.
///
/// The status is 201 for a new record, and 200 with `Idempotent-Replayed` for one that was stored before.
pub fn created_response<T: Record>(created: &Created) -> (HttpResponseBuilder, &Stored) {
    let (mut response, record) = match created {
        Created::New(record) => (HttpResponse::Created(), record),
        Created::Replayed(record) => {
            let mut response = HttpResponse::Ok();
            response.insert_header(("Idempotent-Replayed", "true"));
            (response, record)
        }
    };
    response.insert_header((header::LOCATION, format!("{}/{}", path::<T>(), record.id)));
    (tagged(response, record.tag()), record)
}

/// Adds the entity tag of a version.
pub fn tagged(mut response: HttpResponseBuilder, version: VersionTag) -> HttpResponseBuilder {
    response.insert_header((header::ETAG, etag(version)));
    response
}

/// `Cache-Control` of responses about a person's record: only the client itself may store them, and must revalidate.
const PRIVATE: &str = "private, no-cache";

/// Responds about a person's record with an entity tag: 304 without a body if the client has that tag already.
pub fn versioned<B: MessageBody + 'static>(
    request: &HttpRequest,
    tag: &str,
    body: impl FnOnce() -> B,
) -> HttpResponse {
    unless_current(request, tag, PRIVATE, body)
}

/// Responds with JSON and an entity tag: 304 without a body if the client has that tag already.
pub fn unless_current<B: MessageBody + 'static>(
    request: &HttpRequest,
    tag: &str,
    cache_control: &'static str,
    body: impl FnOnce() -> B,
) -> HttpResponse {
    let is_current = has_current(request, tag);
    let mut response = HttpResponseBuilder::new(if is_current {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    });
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, cache_control));
    if is_current {
        response.finish()
    } else {
        response.content_type("application/json").body(body())
    }
}

/// Adds the `Cache-Control` of responses about a person's record.
pub fn cache_private(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response.insert_header((header::CACHE_CONTROL, PRIVATE));
    response
}

/// Responds with JSON about a person's record.
pub fn json_response(response: HttpResponseBuilder, body: impl MessageBody + 'static) -> HttpResponse {
    cache_private(response)
        .content_type("application/json")
        .body(body)
}

/// The path of a collection.
pub fn path<T: Record>() -> String {
    format!("/v1/{}", T::KIND.path())
}

/// The path of one record.
pub fn path_of_one<T: Record>() -> String {
    format!("/v1/{}/{{id}}", T::KIND.path())
}

/// Names one record of a collection with its article, such as `a check-in`.
pub(super) fn with_article<T: Record>() -> String {
    let one = T::KIND.singular();
    let article = if one.starts_with(['a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {one}")
}
