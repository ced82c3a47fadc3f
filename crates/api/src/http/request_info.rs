//! The facts about a request that outlive it: its id, for its log line, its metrics and the headers of its response.

use std::{sync::Arc, time::Instant};

use actix_web::http::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

use crate::{
    http::{
        cors::{AllowedOrigins, CrossOrigin},
        rate_limit::RateLimitStatus,
    },
    server::{id::new_id, metrics::RouteMetrics},
};

/// The header of the id of a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The longest request id that is accepted from a client, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// The facts about a request that its log line and its metrics need after it was served.
pub struct RequestInfo {
    /// The id of the request.
    pub id: Arc<str>,
    /// The trace that it belongs to.
    trace: Option<String>,
    method: &'static str,
    started: Instant,
    /// The origin of the request, if pages of other origins may use the API.
    pub cross_origin: Option<CrossOrigin>,
}

impl RequestInfo {
    /// Notes the facts about a request that has just arrived.
    pub fn of(method: &Method, headers: &HeaderMap, origins: Option<&AllowedOrigins>) -> Self {
        Self {
            started: Instant::now(),
            id: valid_request_id(headers).unwrap_or_else(|| new_id().to_string().into()),
            trace: trace_id(headers),
            method: method_label(method),
            cross_origin: origins.and_then(|allowed| allowed.of_request(headers)),
        }
    }

    /// Counts a request and writes its log line.
    pub fn count_and_log(&self, metrics: &RouteMetrics, status: u16) {
        let elapsed = self.started.elapsed();
        metrics.count(self.method, status, elapsed);
        log::info!(
            target: "mainstay::request",
            method = self.method, route = metrics.route(), status,
            duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            trace_id = self.trace.as_deref().unwrap_or("-");
            "request"
        );
    }

    /// Sets the headers that every response has.
    pub fn set_headers(&self, headers: &mut HeaderMap, rate_limit: Option<RateLimitStatus>) {
        let fixed = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::REFERRER_POLICY, "no-referrer"),
            (
                header::STRICT_TRANSPORT_SECURITY,
                "max-age=31536000; includeSubDomains",
            ),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
            let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
            headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Ok(value) = HeaderValue::from_str(&self.id) {
            headers.insert(REQUEST_ID, value);
        }
        if let Some(cross_origin) = &self.cross_origin {
            cross_origin.set_headers(headers);
        }
        if let Some(rate_limit) = rate_limit {
            for (name, value) in [
                (RATE_LIMIT_POLICY, rate_limit.policy_header()),
                (RATE_LIMIT, rate_limit.header()),
            ] {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(name, value);
                }
            }
        }
    }
}

/// Returns the client's id of the request, if it is short and consists of visible ASCII characters.
fn valid_request_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_valid = !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.bytes().all(|b| b.is_ascii_graphic());
    is_valid.then(|| id.into())
}

/// Returns the id of the trace that the request belongs to (W3C Trace Context).
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let parent = headers.get(TRACE_PARENT)?.to_str().ok()?;
    let mut parts = parent.split('-');
    let (_version, trace) = (parts.next()?, parts.next()?);
    let is_valid = trace.len() == 32
        && trace.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && trace.bytes().any(|b| b != b'0');
    is_valid.then(|| trace.to_owned())
}

/// Returns the name of a method, from a closed set so that clients cannot create metrics without end.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_request_id_of_the_client_is_accepted_if_it_is_short_visible_ascii() {
        let accepted = |id: &str| {
            let request = TestRequest::default()
                .insert_header((REQUEST_ID, id))
                .to_http_request();
            valid_request_id(request.headers())
        };
        assert_eq!(accepted("abc-123").as_deref(), Some("abc-123"));
        assert_eq!(accepted("with space"), None);
        assert_eq!(accepted(&"x".repeat(129)), None);
    }

    #[test]
    fn the_trace_id_is_read_from_traceparent() {
        let trace = |parent: &str| {
            let request = TestRequest::default()
                .insert_header((TRACE_PARENT, parent))
                .to_http_request();
            trace_id(request.headers())
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(
            trace(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(),
            Some(id)
        );
        assert_eq!(trace("00-zz-00-01"), None);
    }
}
