//! The layer around every request: its id, its log line, its metrics, its default headers, and the form of every
//! problem.

use std::{
    future::{Ready, ready},
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap},
    },
    middleware::Next,
};
use futures_util::FutureExt;
use mainstay_store::engine::log_label::with_label;

use crate::{
    http::{
        body_pace::{self, HeldBody},
        cors::AllowedOrigins,
        media_type::{is_accepted, is_named},
        network::client_address,
        problem::{ACCEPT_PATCH, HandlerResult, Problem, ProblemKind},
        rate_limit::RateLimitStatus,
        request_info::RequestInfo,
        route_table::{RouteTable, UNMATCHED},
    },
    openapi::endpoint::Supported,
    server::{
        metrics::{RouteMetrics, count_quota_refusal},
        own_accesses::SignedIn,
        state::State,
    },
};

/// The longest path that a problem repeats, in characters.
const MAX_INSTANCE: usize = 4000;

/// Sets the headers that every response has on one that is made outside of the layer.
pub fn set_headers_of_every_response(request: &ServiceRequest, headers: &mut HeaderMap) {
    info_of(request).set_headers(headers, None);
}

fn info_of(request: &ServiceRequest) -> RequestInfo {
    RequestInfo::of(
        request.method(),
        request.headers(),
        request.app_data::<AllowedOrigins>(),
    )
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
    let info = info_of(&request);
    with_label(Arc::clone(&info.id), serve(request, next, &info)).await
}

async fn serve(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    info: &RequestInfo,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let body = body_pace::watch(&mut request);
    let early = preflight(&request, info).or_else(|| not_acceptable(&request, info));
    let outcome = if let Some(response) = early {
        // A request must not be cloned before it is routed, so it moves into the response.
        Ok(Ok(request.into_response(response)))
    } else {
        let called = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        called.map(|called| called.map(ServiceResponse::map_into_boxed_body))
    };
    let mut response = match outcome {
        Ok(Ok(response)) => with_problem_document(response, &info.id),
        Ok(Err(error)) => {
            let problem = problem_of(&error);
            info.count_and_log(&RouteMetrics::new(UNMATCHED), problem.kind.status().as_u16());
            return Err(response_without_request(problem, body, info));
        }
        // The panic hook has logged the panic; the client learns nothing of it.
        Err(_panic) => {
            log::error!("a handler panicked");
            info.count_and_log(&RouteMetrics::new("panicked"), 500);
            let problem = Problem::new(ProblemKind::Internal);
            return Err(response_without_request(problem, body, info));
        }
    };
    let rate_limit = response.request().extensions().get::<RateLimitStatus>().copied();
    info.set_headers(response.headers_mut(), rate_limit);

    count(response.request(), response.status().as_u16(), info);
    count_own_access(response.request(), response.status());
    let (request, response) = response.into_parts();
    Ok(ServiceResponse::new(request, kept_with(body, response)))
}

/// Answers a request with which a browser asks what a page may send.
fn preflight(request: &ServiceRequest, info: &RequestInfo) -> Option<HttpResponse> {
    info.cross_origin.as_ref()?.preflight(request)
}

/// Refuses a request whose client accepts no media type that the resource has.
fn not_acceptable(request: &ServiceRequest, info: &RequestInfo) -> Option<HttpResponse> {
    (!accepts(request)).then(|| {
        let path = instance(request.path());
        Problem::new(ProblemKind::NotAcceptable).response(Some(&path), Some(&info.id))
    })
}

/// Counts a request and writes its log line. One that was answered before it was routed is counted for the route that it
/// would have had.
fn count(request: &HttpRequest, status: u16, info: &RequestInfo) {
    let metrics = request.app_data::<RouteMetrics>();
    if let Some(metrics) = metrics.filter(|metrics| metrics.route() != UNMATCHED) {
        return info.count_and_log(metrics, status);
    }
    let routes = request.app_data::<Rc<RouteTable>>();
    let route = routes.map_or(UNMATCHED, |routes| routes.template(request.path()));
    match metrics.filter(|metrics| metrics.route() == route) {
        Some(metrics) => info.count_and_log(metrics, status),
        None => info.count_and_log(&RouteMetrics::new(route), status),
    }
}

/// Counts what somebody signed in has done, for the access log of their own record. What was refused is not counted.
fn count_own_access(request: &HttpRequest, status: StatusCode) {
    if !status.is_success() && status != StatusCode::NOT_MODIFIED {
        return;
    }
    let Some(signed_in) = request.extensions().get::<SignedIn>().copied() else {
        return;
    };
    if let Some(route) = request.app_data::<RouteMetrics>()
        && let Some(state) = request.app_data::<State>()
    {
        state
            .own_accesses
            .count(signed_in, request.method(), route.route());
    }
}

/// The path that a problem names, which is not too long.
fn instance(path: &str) -> String {
    path.chars().take(MAX_INSTANCE).collect()
}

/// Replaces the response to a failed request with a problem document.
fn with_problem_document(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let problem = match response.response().error() {
        Some(error) => problem_of(error),
        None if is_bare_refusal(&response) => Problem::new(kind_of(response.status())),
        None => return response,
    };
    let request = response.into_parts().0;
    let response = problem.response(Some(&instance(request.path())), Some(id));
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
fn response_without_request(problem: Problem, body: Option<HeldBody>, info: &RequestInfo) -> Error {
    let mut response = problem.response(None, Some(&info.id));
    info.set_headers(response.headers_mut(), None);
    let response = kept_with(body, response);
    InternalError::from_response(problem, response).into()
}

/// Keeps the body of a request, if it has one, until the response to it was sent.
fn kept_with(body: Option<HeldBody>, response: HttpResponse) -> HttpResponse {
    match body {
        Some(body) => body.keep_with(response),
        None => response,
    }
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
    let media_types = media_types(request.path());
    media_types.iter().any(|media_type| is_accepted(accept(), media_type))
        // A client that accepts problems only is served too, since they are JSON.
        || media_types.contains(&"application/json") && is_named(accept(), "application/problem+json")
}

/// Returns the media types that a path has.
fn media_types(path: &str) -> &'static [&'static str] {
    let report = path.strip_prefix("/v1/reports/").or_else(|| {
        let of_somebody = path.strip_prefix("/v1/shared/")?;
        of_somebody.split_once('/')?.1.strip_prefix("reports/")
    });
    match report {
        Some(rest) if rest.starts_with("charts/") => &["image/svg+xml"],
        Some(_) => &["text/html"],
        None if path == "/v1/disclosures" => &["application/json", "text/csv"],
        None => &["application/json"],
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
    use crate::http::request_info::REQUEST_ID;

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
        let shared = "/v1/shared/01890f3e-7b1c-7cc0-98c8-2f0a54a3c1de/reports/progress";
        assert!(fits(shared, "text/html") && fits(shared, "*/*") && !fits(shared, "application/json"));
        assert!(!fits("/v1/shared/reports/progress", "text/html"));
        assert!(fits(chart, "image/svg+xml") && fits(chart, "image/avif, image/*"));
        assert!(!fits(page, "image/svg+xml") && !fits(chart, "text/html") && !fits(page, "text/html;q=0"));
        // Neither is JSON.
        for accept in ["application/json", "application/*", "application/problem+json"] {
            assert!(!fits(page, accept) && !fits(chart, accept), "{accept}");
        }
        assert!(fits(page, "application/json, text/html") && fits(chart, "application/json, */*;q=0.1"));
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
