//! Cross-origin requests: pages of the origins in the settings may use the API, and no others.

use mainstay_api::http::rate_limit::LimitMode;
use mainstay_tests::{Engine, PASSWORD, Response, TestApp, samples::check_in};
use serde_json::json;

const APP: &str = "https://app.example.org";

async fn start(limits: LimitMode) -> TestApp {
    TestApp::start_for_pages(Engine::Sqlite, limits, &[APP, "http://localhost:5173"]).await
}

/// The names in a header that is a list, in lower case.
fn names(response: &Response, header: &str) -> Vec<String> {
    let all = response.headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).map(|name| name.trim().to_lowercase()).collect()
}

#[track_caller]
fn assert_readable(response: &Response, origin: &str) {
    assert_eq!(
        response.header("access-control-allow-origin"),
        origin,
        "{} {}",
        response.status,
        response.text
    );
    assert!(!response.headers.contains_key("access-control-allow-credentials"));
    assert!(names(response, "vary").contains(&"origin".to_owned()), "{:?}", response.headers);
    let readable = names(response, "access-control-expose-headers");
    for name in [
        "etag",
        "location",
        "idempotent-replayed",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "x-request-id",
        "content-language",
    ] {
        assert!(readable.contains(&name.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_without_sign_in() {
    let app = start(LimitMode::Off).await;
    for origin in [APP, "http://localhost:5173"] {
        for path in ["/v1/me", "/v1/check-ins/0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47", "/v1/auth/login"] {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "PATCH"),
                ("access-control-request-headers", "authorization,content-type,if-match"),
            ];
            let answer = app.client().send("OPTIONS", path, &headers, None).await.expect(204);
            assert_readable(&answer, origin);
            let methods = names(&answer, "access-control-allow-methods");
            for method in ["get", "head", "post", "put", "patch", "delete"] {
                assert!(methods.contains(&method.to_owned()), "{method}");
            }
            let allowed = names(&answer, "access-control-allow-headers");
            for header in [
                "authorization",
                "content-type",
                "if-match",
                "if-none-match",
                "idempotency-key",
                "x-request-id",
                "accept-language",
            ] {
                assert!(allowed.contains(&header.to_owned()), "{header}");
            }
            let age = answer.header("access-control-max-age").parse::<u32>().expect("seconds");
            assert!((1..=7200).contains(&age));
        }
    }
}

#[tokio::test]
async fn a_page_can_read_every_response_and_every_problem() {
    let app = start(LimitMode::Off).await;
    let sam = app.person().await;
    let origin = ("origin", APP);
    let body = Some(check_in("one").to_string().into_bytes());
    let stored = sam.send("POST", "/v1/check-ins", &[origin], body.clone()).await.expect(201);
    assert_readable(&stored, APP);
    let path = stored.header("location");
    assert_readable(
        &sam.send("PUT", &path, &[origin, ("if-match", "\"9\"")], body.clone()).await.expect(412),
        APP,
    );
    assert_readable(&sam.send("PUT", &path, &[origin], body).await.expect(428), APP);
    let current = sam.send("GET", &path, &[origin, ("if-none-match", "\"1\"")], None).await.expect(304);
    assert_readable(&current, APP);
    let client = app.client();
    for (method, path, status) in [
        ("GET", "/v1/me", 401),
        ("GET", "/v1/nothing", 404),
        ("TRACE", "/v1/me", 405),
        ("OPTIONS", "/v1/me", 204),
        ("GET", "/v1/meetings?limit=x", 422),
        ("GET", "/openapi.json", 200),
    ] {
        assert_readable(&client.send(method, path, &[origin], None).await.expect(status), APP);
    }
    let refused = client.send("GET", "/v1/me", &[origin, ("accept", "text/html")], None).await.expect(406);
    assert_readable(&refused, APP);
    let login = json!({ "email": sam.email, "password": "mountains do not hurry" }).to_string().into_bytes();
    assert_readable(&client.send("POST", "/v1/auth/login", &[origin], Some(login)).await.expect(401), APP);
}

#[tokio::test]
async fn a_page_can_read_that_it_sends_too_much() {
    let app = start(LimitMode::On).await;
    for _ in 0..1500 {
        let response = app
            .client()
            .send("GET", "/v1/meetings/0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41", &[("origin", APP)], None)
            .await;
        if response.status == 429 {
            assert_readable(&response, APP);
            assert!(!response.header("retry-after").is_empty());
            return;
        }
    }
    panic!("a flood is refused");
}

#[tokio::test]
async fn other_origins_are_served_as_ever() {
    let cross_origin = |response: &Response| {
        let names = response.headers.keys().map(reqwest::header::HeaderName::as_str);
        names.filter(|name| name.starts_with("access-control-")).count()
    };
    let app = start(LimitMode::Off).await;
    let registration = json!({ "email": "sam@example.org", "password": PASSWORD, "time_zone": "UTC" });
    let body = Some(registration.to_string().into_bytes());
    let other = ("origin", "https://app.example.org.evil.example");
    let registered = app.client().send("POST", "/v1/auth/register", &[other], body).await.expect(201);
    assert_eq!(cross_origin(&registered), 0);
    assert!(names(&registered, "vary").contains(&"origin".to_owned()), "caches must know");
    for origin in
        ["https://app.example.org:8443", "http://app.example.org", "null", "https://APP.example.org", "*"]
    {
        let headers = [("origin", origin), ("access-control-request-method", "GET")];
        let options = app.client().send("OPTIONS", "/v1/me", &headers, None).await.expect(204);
        assert_eq!((cross_origin(&options), options.header("allow").is_empty()), (0, false), "{origin}");
    }
    assert_eq!(cross_origin(&app.client().get("/v1/helplines").await.expect(200)), 0);

    // Without the setting nothing mentions origins.
    let app = TestApp::start(Engine::Sqlite).await;
    let response = app.client().send("GET", "/v1/helplines", &[("origin", APP)], None).await.expect(200);
    assert_eq!(cross_origin(&response), 0);
    assert!(!names(&response, "vary").contains(&"origin".to_owned()));
}
