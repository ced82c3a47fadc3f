//! The layer around every request: its id, its log line, its metrics, its default headers, and the form of every
//! problem.

use std::{
    future::{Ready, ready},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Instant,
};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use futures_util::FutureExt;
use mainstay_store::engine::log_label::with_label;

use crate::{
    http::{
        body_pace,
        cors::{AllowedOrigins, CrossOrigin},
        media_type::{is_accepted, is_named},
        network::client_address,
        problem::{ACCEPT_PATCH, HandlerResult, Problem, ProblemKind},
        rate_limit::RateLimitStatus,
    },
    openapi::endpoint::Supported,
    server::{
        id::new_id,
        metrics::{RouteMetrics, count_quota_refusal},
        state::State,
    },
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The longest request id that is accepted from a client, in bytes.
const MAX_REQUEST_ID: usize = 128;
/// The longest path that a problem repeats, in characters.
const MAX_INSTANCE: usize = 4000;

/// The facts about a request that its log line and its metrics need after it was served.
struct RequestInfo {
    id: Arc<str>,
    trace: Option<String>,
    method: &'static str,
    started: Instant,
    /// The origin of the request, if pages of other origins may use the API.
    cross_origin: Option<CrossOrigin>,
}

impl RequestInfo {
    fn of(request: &ServiceRequest) -> Self {
        Self {
            started: Instant::now(),
            id: valid_request_id(request.headers()).unwrap_or_else(|| new_id().to_string().into()),
            trace: trace_id(request.headers()),
            method: method_label(request.method()),
            cross_origin: request
                .app_data::<AllowedOrigins>()
                .and_then(|allowed| allowed.of_request(request.headers())),
        }
    }
}

/// Sets the headers that every response has on one that is made outside of the layer.
pub fn set_headers_of_every_response(request: &ServiceRequest, headers: &mut HeaderMap) {
    set_default_headers(headers, &RequestInfo::of(request), None);
}

/// Wraps every request: it gets an id, a log line, metrics, default headers, and a problem document for every error.
/// All that is logged meanwhile carries the id.
///
/// # Errors
/// A problem of the server itself, such as a panic. The error holds the complete response.
pub async fn request_layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let info = RequestInfo::of(&request);
    with_label(Arc::clone(&info.id), serve(request, next, &info)).await
}

async fn serve(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    info: &RequestInfo,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let body = body_pace::watch(&mut request);
    let preflight = info
        .cross_origin
        .as_ref()
        .and_then(|cross_origin| cross_origin.preflight(&request));
    let outcome = if let Some(response) = preflight {
        Ok(Ok(request.into_response(response)))
    } else if accepts(&request) {
        let called = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        called.map(|called| called.map(ServiceResponse::map_into_boxed_body))
    } else {
        // A request must not be cloned before it is routed, so it moves into the response.
        let problem = Problem::new(ProblemKind::NotAcceptable);
        let response = problem.response(Some(request.path()), Some(&info.id));
        Ok(Ok(request.into_response(response).map_into_boxed_body()))
    };
    let mut response = match outcome {
        Ok(Ok(response)) => with_problem_document(response, &info.id),
        Ok(Err(error)) => return Err(response_without_request(problem_of(&error), info)),
        // The panic hook has logged the panic; the client learns nothing of it.
        Err(_panic) => {
            log::error!("a handler panicked");
            count_and_log(&RouteMetrics::new("panicked"), 500, info);
            return Err(response_without_request(
                Problem::new(ProblemKind::Internal),
                info,
            ));
        }
    };
    let rate_limit = response.request().extensions().get::<RateLimitStatus>().copied();
    set_default_headers(response.headers_mut(), info, rate_limit);

    // A path has metrics of its own; requests to unknown paths are counted by those of the application.
    if let Some(metrics) = response.request().app_data::<RouteMetrics>() {
        count_and_log(metrics, response.status().as_u16(), info);
    }
    Ok(match body {
        Some(body) => body.keep_with(response),
        None => response,
    })
}

/// Counts a request and writes its log line.
fn count_and_log(metrics: &RouteMetrics, status: u16, info: &RequestInfo) {
    let elapsed = info.started.elapsed();
    metrics.count(info.method, status, elapsed);
    log::info!(
        target: "mainstay::request",
        method = info.method, route = metrics.route(), status,
        duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        trace_id = info.trace.as_deref().unwrap_or("-");
        "request"
    );
}

/// Replaces the response to a failed request with a problem document.
fn with_problem_document(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let problem = match response.response().error() {
        Some(error) => problem_of(error),
        None if is_bare_refusal(&response) => Problem::new(kind_of(response.status())),
        None => return response,
    };
    let request = response.into_parts().0;
    let path: String = request.path().chars().take(MAX_INSTANCE).collect();
    let response = problem.response(Some(&path), Some(id));
    ServiceResponse::new(request, response)
}

/// Returns the problem that an error holds, without its cause. The cause of an internal fault is logged here and
/// nowhere else.
fn problem_of(error: &Error) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        if let Some(cause) = &problem.cause {
            log::error!("{}: {cause}", problem.kind.slug());
        }
        if let Some(exceeded) = problem.exceeded {
            count_quota_refusal(exceeded.budget);
        }
        return Problem {
            cause: None,
            ..problem.clone()
        };
    }
    let kind = kind_of(error.as_response_error().status_code());
    if kind == ProblemKind::Internal {
        log::error!("{}: {error}", kind.slug());
    }
    Problem::new(kind)
}

/// Whether the framework refused the request with a response that is no problem document.
fn is_bare_refusal(response: &ServiceResponse<BoxBody>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && content_type.is_none_or(|value| value != "application/problem+json")
}

/// Returns the kind of problem for a status that the framework chose.
fn kind_of(status: StatusCode) -> ProblemKind {
    match status.as_u16() {
        404 => ProblemKind::NotFound,
        405 => ProblemKind::MethodNotAllowed,
        406 => ProblemKind::NotAcceptable,
        408 => ProblemKind::RequestTimeout,
        413 => ProblemKind::ContentTooLarge,
        415 => ProblemKind::UnsupportedMediaType,
        400..=499 => ProblemKind::BadRequest,
        _ => ProblemKind::Internal,
    }
}

/// Builds the response to a request that is gone, as an error for the server to send.
fn response_without_request(problem: Problem, info: &RequestInfo) -> Error {
    let mut response = problem.response(None, Some(&info.id));
    set_default_headers(response.headers_mut(), info, None);
    InternalError::from_response(problem, response).into()
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

/// Whether the client accepts a media type that the resource has.
fn accepts(request: &ServiceRequest) -> bool {
    if !request.path().starts_with("/v1/") {
        return true;
    }
    let accept = || {
        let values = request.headers().get_all(header::ACCEPT);
        values.filter_map(|value| value.to_str().ok())
    };
    let media_type = media_type(request.path());
    is_accepted(accept(), media_type)
        // A client that accepts problems only is served too, since they are JSON.
        || media_type == "application/json" && is_named(accept(), "application/problem+json")
}

/// Returns the media type of a path.
fn media_type(path: &str) -> &'static str {
    match path.strip_prefix("/v1/reports/") {
        Some(rest) if rest.starts_with("charts/") => "image/svg+xml",
        Some(_) => "text/html",
        None => "application/json",
    }
}

/// Sets the headers that every response has.
fn set_default_headers(headers: &mut HeaderMap, info: &RequestInfo, rate_limit: Option<RateLimitStatus>) {
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
    if let Ok(value) = HeaderValue::from_str(&info.id) {
        headers.insert(REQUEST_ID, value);
    }
    if let Some(cross_origin) = &info.cross_origin {
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

/// Answers a request to a path that does not exist. It is counted for the network, since no sign-in is looked at.
pub fn no_such_path(request: &HttpRequest) -> Ready<HandlerResult> {
    ready(count_network(request).and(Err(Problem::new(ProblemKind::NotFound))))
}

/// Counts a request for the network that it comes from.
fn count_network(request: &HttpRequest) -> HandlerResult<()> {
    let state = State::of(request);
    let address = client_address(request, &state.trusted_proxies);
    state.limits.count_network(address, request)
}

/// Answers a request with a method that none of the path's endpoints has. `OPTIONS` asks which they have; every other one is
/// counted for the network.
pub fn other_method(request: &HttpRequest, supported: &Supported) -> Ready<HandlerResult> {
    let Supported { allow, accept_patch } = supported;
    if request.method() == Method::OPTIONS {
        let mut response = HttpResponse::NoContent();
        response.insert_header((header::ALLOW, allow.as_str()));
        if let Some(media_type) = accept_patch {
            response.insert_header((ACCEPT_PATCH, *media_type));
        }
        return ready(Ok(response.finish()));
    }
    ready(count_network(request).and(Err(Problem {
        allow: Some(allow.clone()),
        accept_patch: *accept_patch,
        ..Problem::new(ProblemKind::MethodNotAllowed)
    })))
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
    fn accept_is_read_with_its_qualities() {
        let fits = |accept: &str| {
            accepts(
                &TestRequest::with_uri("/v1/me")
                    .insert_header((header::ACCEPT, accept))
                    .to_srv_request(),
            )
        };
        assert!(fits("application/json") && fits("text/html, */*;q=0.1") && fits("Application/*"));
        assert!(fits("application/problem+json") && fits("text/html, application/json ; charset=utf-8"));
        assert!(!fits("text/html") && !fits("application/json;q=0") && !fits("image/*, text/plain"));
    }

    #[test]
    fn a_report_is_accepted_as_a_page_and_a_chart_as_an_image() {
        let fits = |path: &str, accept: &str| {
            let request = TestRequest::with_uri(path).insert_header((header::ACCEPT, accept));
            accepts(&request.to_srv_request())
        };
        let (page, chart) = ("/v1/reports/progress", "/v1/reports/charts/calendar.svg");
        assert!(fits(page, "text/html") && fits(page, "text/*;q=0.5") && fits(page, "*/*"));
        assert!(fits(chart, "image/svg+xml") && fits(chart, "image/avif, image/*"));
        assert!(!fits(page, "image/svg+xml") && !fits(chart, "text/html") && !fits(page, "text/html;q=0"));
        // Neither is JSON.
        for accept in ["application/json", "application/*", "application/problem+json"] {
            assert!(!fits(page, accept) && !fits(chart, accept), "{accept}");
        }
        assert!(fits(page, "application/json, text/html") && fits(chart, "application/json, */*;q=0.1"));
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

    #[actix_web::test]
    async fn a_panic_is_a_response_without_details_and_the_next_request_is_served() {
        use actix_web::{App, HttpResponse, middleware::from_fn, test, web};
        async fn panics() -> HttpResponse {
            panic!("a secret of the inside")
        }
        let app = App::new()
            .app_data(RouteMetrics::new("unmatched"))
            .wrap(from_fn(request_layer))
            .route("/panics", web::get().to(panics))
            .route("/fine", web::get().to(HttpResponse::Ok));
        let app = test::init_service(app).await;
        let request = TestRequest::with_uri("/panics")
            .insert_header((REQUEST_ID, "mine"))
            .to_request();
        let error = test::try_call_service(&app, request).await.unwrap_err();
        let response = error.error_response();
        assert_eq!(response.status().as_u16(), 500);
        assert_eq!(response.headers().get(REQUEST_ID).unwrap(), "mine");
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains("/problems/internal") && !body.contains("secret"),
            "{body}"
        );
        let fine = test::call_service(&app, TestRequest::with_uri("/fine").to_request()).await;
        assert_eq!(fine.status().as_u16(), 200);
    }
}
