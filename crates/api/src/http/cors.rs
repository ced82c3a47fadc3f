//! Cross-origin requests (CORS, Fetch standard): lets web pages of some origins use the API. Off unless origins are set.
//!
//! The request layer sets the headers, so that problems have them too: a page must be able to read a 401, a 412 and a 429.
//! A page sends its access token itself, so credentials that a browser adds by itself are not allowed. A request of any
//! other origin is served as ever, and its page cannot read the response.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};

/// The methods that a page may use.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// The headers that a page may send.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-Id, \
     Accept-Language";
/// The headers of a response that a page may read.
const RESPONSE_HEADERS: &str = "ETag, Location, Link, X-Part2-Notice, Idempotent-Replayed, Retry-After, RateLimit, RateLimit-Policy, \
     X-Request-Id, Content-Language, Accept-Patch, Allow, WWW-Authenticate";
/// How long a browser may remember the answer to a preflight request, in seconds.
const MAX_AGE_S: &str = "7200";

/// The origins whose pages may use the API.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Arc<[String]>);

/// What the headers of a response depend on.
#[derive(Debug)]
pub struct CrossOrigin {
    /// The origin of the request, if its pages may use the API.
    origin: Option<HeaderValue>,
}

impl AllowedOrigins {
    /// Allows these origins, each in the form that browsers send.
    pub fn new(origins: Vec<String>) -> Self {
        Self(origins.into())
    }

    /// Reads the origin of a request; `None` if no origin is allowed at all.
    pub fn of_request(&self, headers: &HeaderMap) -> Option<CrossOrigin> {
        if self.0.is_empty() {
            return None;
        }
        let is_allowed = |origin: &&HeaderValue| self.0.iter().any(|own| origin.as_bytes() == own.as_bytes());
        let origin = headers.get(header::ORIGIN).filter(is_allowed).cloned();
        Some(CrossOrigin { origin })
    }
}

impl CrossOrigin {
    /// Answers a preflight request, with which a browser asks what a page may send; `None` for other requests.
    pub fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let is_preflight = request.method() == Method::OPTIONS
            && request
                .headers()
                .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if self.origin.is_none() || !is_preflight {
            return None;
        }
        let response = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S))
            .finish();
        Some(response)
    }

    /// Adds the headers to a response.
    pub fn set_headers(&self, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = &self.origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(RESPONSE_HEADERS),
        );
    }
}

/// Reads an origin as an operator writes it, and returns it as browsers send it: in lower case, without a default port.
/// Returns `None` unless it is `scheme://host` or `scheme://host:port`.
pub fn parse_origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().ok()?)),
        _ => (authority, None),
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c));
    let is_name = |host: &str| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    let port = port.filter(|port| !matches!((scheme, port), ("https", 443) | ("http", 80)));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    (is_scheme && is_host).then(|| format!("{scheme}://{host}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_in_the_form_that_browsers_send() {
        for (written, sent) in [
            ("https://app.example.org", "https://app.example.org"),
            ("HTTPS://App.Example.org:443", "https://app.example.org"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[::1]", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(parse_origin(written).as_deref(), Some(sent));
        }
        for wrong in [
            "*",
            "null",
            "",
            "example.org",
            "https://",
            "https://*.example.org",
            "https://example.org/",
            "https://example.org/app",
            "https://example.org:",
            "https://example.org:port",
            "https://example.org:99999",
            "https://user@example.org",
            "https://example.org?x",
            "https://[::1",
            "https://[x]",
            "1s://example.org",
            "https://exämple.org",
        ] {
            assert_eq!(parse_origin(wrong), None, "{wrong}");
        }
    }
}
