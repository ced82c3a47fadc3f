//! What happens around every request: its id, its log line, its figures, its headers, and the form of every problem.

use std::{
    future::{Ready, ready},
    panic::AssertUnwindSafe,
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

use crate::{
    http::{
        problem::{HandlerResult, Problem, ProblemKind},
        rate_limit::RateLimitStatus,
    },
    server::{id::new_id, metrics::RouteFigures},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The longest request id that is taken over.
const MAX_REQUEST_ID: usize = 128;

/// The id of a request.
#[derive(Debug, Clone)]
struct RequestId(String);

/// Wraps every request.
pub async fn request_layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId(valid_request_id(request.headers()).unwrap_or_else(|| new_id().to_string()));
    let trace = trace_id(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = label(request.method());

    let outcome = if accepts(&request) {
        AssertUnwindSafe(next.call(request))
            .catch_unwind()
            .await
            .map(|called| called.map(ServiceResponse::map_into_boxed_body))
    } else {
        // The request may not be cloned before it is routed, so the answer takes it along.
        let problem = Problem::new(ProblemKind::NotAcceptable);
        let answer = problem.answer(Some(request.path()), Some(&id.0));
        Ok(Ok(request.into_response(answer).map_into_boxed_body()))
    };
    let mut response = match outcome {
        Ok(Ok(response)) => match response.response().error().map(|error| as_problem(error, &id)) {
            Some(problem) => {
                let request = response.into_parts().0;
                let answer = answer_for(&request, &problem, &id);
                ServiceResponse::new(request, answer)
            }
            None if is_bare_refusal(&response) => {
                let status = response.status();
                let request = response.into_parts().0;
                let answer = answer_for(&request, &ProblemView::of(&Problem::new(kind_of(status))), &id);
                ServiceResponse::new(request, answer)
            }
            None => response,
        },
        Ok(Err(error)) => return Err(bare(as_problem(&error, &id), &id)),
        // What panicked has been printed by the panic hook; the client learns nothing of it.
        Err(_panic) => {
            log::error!("request {}: a handler panicked", id.0);
            note(
                &RouteFigures::new("panicked"),
                method,
                500,
                started,
                &id,
                trace.as_deref(),
            );
            return Err(bare(ProblemView::of(&Problem::new(ProblemKind::Internal)), &id));
        }
    };
    let rate_limit = response.request().extensions().get::<RateLimitStatus>().copied();
    set_default_headers(response.headers_mut(), &id, rate_limit);

    // Every application has figures, and every path its own in front of them.
    if let Some(figures) = response.request().app_data::<RouteFigures>() {
        let status = response.status().as_u16();
        note(figures, method, status, started, &id, trace.as_deref());
    }
    Ok(response)
}

/// Counts a request and writes its one line.
fn note(
    figures: &RouteFigures,
    method: &'static str,
    status: u16,
    started: Instant,
    id: &RequestId,
    trace: Option<&str>,
) {
    let elapsed = started.elapsed();
    figures.count(method, status, elapsed);
    log::info!(
        target: "mainstay::request",
        method, route = figures.route(), status, duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        request_id = id.0.as_str(), trace_id = trace.unwrap_or("-");
        "request"
    );
}

/// The problem behind an error; a fault of our own is written to the log, here and nowhere else.
fn as_problem(error: &Error, id: &RequestId) -> ProblemView {
    if let Some(problem) = error.as_error::<Problem>() {
        if let Some(cause) = &problem.cause {
            log::error!("request {}: {}: {cause}", id.0, problem.kind.slug());
        }
        return ProblemView::of(problem);
    }
    let status = error.as_response_error().status_code();
    let kind = kind_of(status);
    if kind == ProblemKind::Internal {
        log::error!("request {}: {error}", id.0);
    }
    ProblemView::of(&Problem::new(kind))
}

/// A problem taken out of its error.
struct ProblemView(Problem);

impl ProblemView {
    fn of(problem: &Problem) -> Self {
        Self(Problem {
            kind: problem.kind,
            detail: problem.detail.clone(),
            errors: problem.errors.clone(),
            existing_id: problem.existing_id,
            retry_after: problem.retry_after,
            allow: problem.allow.clone(),
            cause: None,
        })
    }
}

/// Whether something below the handlers refused the request in words of its own.
fn is_bare_refusal(response: &ServiceResponse<BoxBody>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && kind.is_none_or(|kind| kind != "application/problem+json")
}

fn kind_of(status: StatusCode) -> ProblemKind {
    match status.as_u16() {
        404 => ProblemKind::NotFound,
        405 => ProblemKind::MethodNotAllowed,
        406 => ProblemKind::NotAcceptable,
        413 => ProblemKind::ContentTooLarge,
        415 => ProblemKind::UnsupportedMediaType,
        400..=499 => ProblemKind::BadRequest,
        _ => ProblemKind::Internal,
    }
}

/// The answer where the request is gone.
fn bare(problem: ProblemView, id: &RequestId) -> Error {
    let mut answer = problem.0.answer(None, Some(&id.0));
    set_default_headers(answer.headers_mut(), id, None);
    InternalError::from_response(problem.0, answer).into()
}

fn answer_for(request: &HttpRequest, problem: &ProblemView, id: &RequestId) -> HttpResponse {
    let path: String = request.path().chars().take(4000).collect();
    problem.0.answer(Some(&path), Some(&id.0))
}

/// A request id that may be taken over: visible ASCII, not too long.
fn valid_request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let good = !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.bytes().all(|b| b.is_ascii_graphic());
    good.then(|| id.to_owned())
}

/// The trace that the request belongs to (W3C Trace Context).
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let parent = headers.get(TRACE_PARENT)?.to_str().ok()?;
    let mut parts = parent.split('-');
    let (_version, trace) = (parts.next()?, parts.next()?);
    let good = trace.len() == 32
        && trace.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && trace.bytes().any(|b| b != b'0');
    good.then(|| trace.to_owned())
}

/// Whether the client takes what the resource gives.
fn accepts(request: &ServiceRequest) -> bool {
    if !request.path().starts_with("/v1/") {
        return true;
    }
    let given = media_ranges(request.path());
    let mut ranges = request
        .headers()
        .get_all(header::ACCEPT)
        .filter_map(|v| v.to_str().ok())
        .peekable();
    if ranges.peek().is_none() {
        return true;
    }
    ranges.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)));
        (matches!(kind.as_str(), "" | "*/*") || given.contains(&kind.as_str())) && !refused
    })
}

/// The ranges that take what a path gives.
fn media_ranges(path: &str) -> &'static [&'static str] {
    match path.strip_prefix("/v1/reports/") {
        Some(rest) if rest.starts_with("charts/") => &["image/svg+xml", "image/*"],
        Some(_) => &["text/html", "text/*"],
        // Who takes problems only is served too: they are JSON.
        None => &["application/json", "application/*", "application/problem+json"],
    }
}

/// Headers that every answer has.
fn set_default_headers(headers: &mut HeaderMap, id: &RequestId, rate_limit: Option<RateLimitStatus>) {
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
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
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

/// A method's name, from a closed set so that figures cannot be flooded.
fn label(method: &Method) -> &'static str {
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

/// The answer to a path that is not there.
pub fn no_such_path() -> Ready<HandlerResult> {
    ready(Err(Problem::new(ProblemKind::NotFound)))
}

/// The answer to a method that the path does not take.
pub fn no_such_method(allow: String) -> Ready<HandlerResult> {
    ready(Err(Problem {
        allow: Some(allow),
        ..Problem::new(ProblemKind::MethodNotAllowed)
    }))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_request_id_is_taken_over_if_it_is_short_visible_ascii() {
        let taken = |id: &str| {
            let request = TestRequest::default()
                .insert_header((REQUEST_ID, id))
                .to_http_request();
            valid_request_id(request.headers())
        };
        assert_eq!(taken("abc-123").as_deref(), Some("abc-123"));
        assert_eq!(taken("with space"), None);
        assert_eq!(taken(&"x".repeat(129)), None);
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
        assert!(!fits("text/html") && !fits("application/json;q=0") && !fits("image/*, text/plain"));
    }

    #[test]
    fn a_report_is_taken_as_a_page_and_a_chart_as_a_picture() {
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
    fn a_trace_is_read_from_its_parent() {
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
    async fn a_panic_is_one_answer_that_says_nothing_and_the_next_request_is_served() {
        use actix_web::{App, middleware::from_fn, test, web};
        async fn panics() -> HttpResponse {
            panic!("a secret of the inside")
        }
        let app = App::new()
            .app_data(RouteFigures::new("unmatched"))
            .wrap(from_fn(request_layer))
            .route("/panics", web::get().to(panics))
            .route("/fine", web::get().to(HttpResponse::Ok));
        let app = test::init_service(app).await;
        let request = TestRequest::with_uri("/panics")
            .insert_header((REQUEST_ID, "mine"))
            .to_request();
        let error = test::try_call_service(&app, request).await.unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status().as_u16(), 500);
        assert_eq!(answer.headers().get(REQUEST_ID).unwrap(), "mine");
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains("/problems/internal") && !body.contains("secret"),
            "{body}"
        );
        let fine = test::call_service(&app, TestRequest::with_uri("/fine").to_request()).await;
        assert_eq!(fine.status().as_u16(), 200);
    }
}
