//! `Expect: 100-continue` (RFC 9110, section 10.1.1): a client asks before it sends a body.
//!
//! A body that is declared to be too large is refused then, and nothing of it is sent.

use actix_http::{HttpMessage, Request, Response};
use actix_web::{
    HttpResponse,
    body::BoxBody,
    http::{ConnectionType, header},
};

use crate::{
    http::{
        body::{MAX_BODY, MAX_PUBLIC_BODY},
        cors::AllowedOrigins,
        problem::{Problem, ProblemKind},
        request_info::RequestInfo,
        route_table::RouteTable,
    },
    server::metrics::RouteMetrics,
};

/// Lets a request go on whose client asks before it sends the body.
///
/// # Errors
/// The response 413, if the body is declared to be larger than the operation accepts.
pub fn judge(
    request: Request,
    routes: &RouteTable,
    origins: &AllowedOrigins,
) -> Result<Request, Response<BoxBody>> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let Some(length) = declared.filter(|length| *length > MAX_PUBLIC_BODY as u64) else {
        return Ok(request);
    };
    let is_public = routes.is_public(request.method(), request.path());
    if length <= MAX_BODY as u64 && !is_public {
        return Ok(request);
    }
    Err(too_large(&request, routes, origins).into())
}

fn too_large(request: &Request, routes: &RouteTable, origins: &AllowedOrigins) -> HttpResponse {
    let info = RequestInfo::of(request.method(), request.headers(), Some(origins));
    let problem = Problem::new(ProblemKind::ContentTooLarge);
    let mut response = problem.response(Some(request.path()), Some(&info.id));
    info.set_headers(response.headers_mut(), None);
    // The client may send the body all the same.
    response.head_mut().set_connection_type(ConnectionType::Close);
    let metrics = RouteMetrics::new(routes.template(request.path()));
    info.count_and_log(&metrics, response.status().as_u16());
    response
}

#[cfg(test)]
mod tests {
    use actix_http::{Method, test::TestRequest};

    use super::*;

    #[test]
    fn a_body_is_expected_up_to_the_limit_of_its_operation() {
        let mut routes = RouteTable::default();
        routes.insert(&Method::POST, "/v1/auth/login", true);
        routes.insert(&Method::POST, "/v1/check-ins", false);
        let goes_on = |path: &str, length: &str| {
            let mut request = TestRequest::with_uri(path);
            request
                .method(Method::POST)
                .insert_header(("content-length", length));
            judge(request.finish(), &routes, &AllowedOrigins::default())
                .map_err(|response| response.status().as_u16())
                .map(|_| ())
        };
        assert_eq!(goes_on("/v1/auth/login", "16384"), Ok(()));
        assert_eq!(goes_on("/v1/auth/login", "16385"), Err(413));
        assert_eq!(goes_on("/v1/check-ins", "1048576"), Ok(()));
        assert_eq!(goes_on("/v1/check-ins", "1048577"), Err(413));
        assert_eq!(goes_on("/nothing", "18446744073709551615"), Err(413));
    }
}
