//! HTTP behaviour that all operations share: media types, methods, headers, problems, health and rate limits.

use chrono::{TimeDelta, Utc};
use mainstay_api::http::{problem::ProblemKind, rate_limit::LimitMode};
use mainstay_tests::{Engine, TestApp, both_engines, samples::check_in};
use serde_json::json;

both_engines!(
    only_json_bodies_of_limited_size_are_accepted,
    a_time_more_than_five_minutes_ahead_is_in_the_future,
    a_known_path_names_its_methods_and_an_unknown_one_is_not_found,
    a_media_type_that_the_client_does_not_accept_is_not_sent,
    a_weak_tag_of_a_proxy_names_its_version,
    every_response_has_a_request_id_and_says_how_it_may_be_cached,
    the_reference_page_loads_nothing_from_elsewhere,
    every_problem_type_has_a_page,
    a_ready_server_reports_so,
);

async fn only_json_bodies_of_limited_size_are_accepted(app: &TestApp) {
    let sam = app.person().await;
    let post = |kind: &'static str, body: Vec<u8>| {
        let sam = sam.clone();
        async move { sam.send("POST", "/v1/check-ins", &[("content-type", kind)], Some(body)).await }
    };
    let good =
        json!({ "kind": "momentary", "occurred_at": "2026-03-01T12:00:00Z", "answers": { "craving": 3 } })
            .to_string()
            .into_bytes();
    post("application/json; charset=utf-8", good.clone()).await.expect(201);
    post("Application/JSON", good.clone()).await.expect(201);
    post("application/json ; Charset=\"UTF-8\"; profile=\"a;b\"", good.clone()).await.expect(201);
    let compressed =
        sam.send("POST", "/v1/check-ins", &[("content-encoding", "br")], Some(good.clone())).await;
    assert_eq!(compressed.expect(415).problem(), "unsupported-media-type");
    for kind in [
        "text/plain",
        "application/xml",
        "application/json; charset=latin1",
        "multipart/form-data",
        "nonsense",
    ] {
        assert_eq!(post(kind, good.clone()).await.expect(415).problem(), "unsupported-media-type");
    }
    for malformed in [&b"{"[..], b"", b"nope", b"\xff\xfe", b"{\"kind\":\"morning\"}x", b"\"\\ud800\""] {
        assert_eq!(
            post("application/json", malformed.to_vec()).await.expect(400).problem(),
            "malformed-json"
        );
    }
    for other in [&b"[]"[..], b"null", b"3", b"\"x\"", b"{}"] {
        assert_eq!(post("application/json", other.to_vec()).await.expect(422).problem(), "validation");
    }
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    post("application/json", deep).await.expect(400);
    let large = json!({ "note": "x".repeat(1024 * 1024) }).to_string().into_bytes();
    assert_eq!(post("application/json", large).await.expect(413).problem(), "content-too-large");
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 3);
    let many = json!({ "nothing": 1, "trigger_ids": vec!["x"; 100_000] }).to_string().into_bytes();
    let refused = post("application/json", many).await.expect(422);
    assert!(refused.text.len() < 200_000, "{}", refused.text.len());
}

async fn a_time_more_than_five_minutes_ahead_is_in_the_future(app: &TestApp) {
    let sam = app.person().await;
    let at = |seconds: i64| {
        #[expect(clippy::disallowed_methods, reason = "the server uses the real time too")]
        let at = Utc::now() + TimeDelta::seconds(seconds);
        json!({ "kind": "momentary", "occurred_at": at.to_rfc3339(), "answers": { "craving": 3 } })
    };
    sam.post("/v1/check-ins", &at(280)).await.expect(201);
    let refused = sam.post("/v1/check-ins", &at(320)).await.expect(422);
    assert_eq!(refused.faults(), [("/occurred_at".to_owned(), "future".to_owned())]);
}

async fn a_known_path_names_its_methods_and_an_unknown_one_is_not_found(app: &TestApp) {
    let sam = app.person().await;
    for (method, path, allow) in [
        ("PATCH", "/v1/check-ins", "POST, GET, HEAD, OPTIONS"),
        ("TRACE", "/v1/me", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("POST", "/v1/check-ins/x", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("GET", "/v1/auth/login", "POST, OPTIONS"),
        ("POST", "/health/live", "GET, HEAD, OPTIONS"),
        ("PURGE", "/docs", "GET, HEAD, OPTIONS"),
    ] {
        let response = sam.send(method, path, &[], None).await.expect(405);
        assert_eq!(
            (response.problem().as_str(), response.header("allow").as_str()),
            ("method-not-allowed", allow),
            "{method} {path}"
        );
        assert_eq!(response.header("accept-patch").is_empty(), !allow.contains("PATCH"), "{path}");
        // Who asks for the methods gets the same list.
        let options = app.client().send("OPTIONS", path, &[], None).await.expect(204);
        assert_eq!((options.header("allow").as_str(), options.text.as_str()), (allow, ""), "{path}");
    }
    for path in ["/", "/v1", "/v1/nothing", "/v1/check-ins/", "/v2/me"] {
        assert_eq!(sam.get(path).await.expect(404).problem(), "not-found", "{path}");
    }
    sam.get("/v1/check-ins/no-id").await.expect(404);
    let head = sam.send("HEAD", "/v1/me", &[], None).await.expect(200);
    assert_eq!((head.text.as_str(), head.header("etag").as_str()), ("", "\"1\""));
}

async fn a_media_type_that_the_client_does_not_accept_is_not_sent(app: &TestApp) {
    let sam = app.person().await;
    let refused = sam.send("GET", "/v1/me", &[("accept", "text/html")], None).await.expect(406);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    sam.send("GET", "/v1/me", &[("accept", "text/html, application/*;q=0.5")], None).await.expect(200);
    sam.send("GET", "/v1/me", &[("accept", "Application/JSON ; charset=utf-8")], None).await.expect(200);
    sam.send("GET", "/v1/me", &[("accept", "*/*, application/json;q=0")], None).await.expect(406);
    let refused = sam.send("GET", "/v1/me", &[("accept-encoding", "identity;q=0")], None).await;
    assert!(refused.status == 200 || refused.problem() == "not-acceptable", "{}", refused.text);
}

async fn a_weak_tag_of_a_proxy_names_its_version(app: &TestApp) {
    let sam = app.person().await;
    let id = sam.post("/v1/check-ins", &check_in("one")).await.expect(201).id();
    let path = format!("/v1/check-ins/{id}");
    let put = async |tag: &str, note: &str| {
        let body = check_in(note).to_string().into_bytes();
        sam.send("PUT", &path, &[("if-match", tag)], Some(body)).await
    };
    assert_eq!(put("W/\"1\"", "two").await.expect(200).header("etag"), "\"2\"");
    put("W/\"1\"", "three").await.expect(412);
    put("\"1,2\"", "three").await.expect(412);
    put("\"a,\u{e9}\", W/\"2\"", "three").await.expect(200);
    sam.send("DELETE", &path, &[("if-match", "\"2\", W/\"3\"")], None).await.expect(204);
}

async fn every_response_has_a_request_id_and_says_how_it_may_be_cached(app: &TestApp) {
    let sam = app.person().await;
    let own = sam.send("GET", "/v1/me", &[("x-request-id", "my-own-id")], None).await.expect(200);
    assert_eq!(own.header("x-request-id"), "my-own-id");
    assert_eq!(own.header("cache-control"), "private, no-cache");
    let missing = sam.send("GET", "/v1/nothing", &[("x-request-id", "my-own-id")], None).await.expect(404);
    assert_eq!(
        (&missing.body["request_id"], &missing.body["instance"]),
        (&json!("my-own-id"), &json!("/v1/nothing"))
    );
    let generated = sam.send("GET", "/v1/me", &[("x-request-id", &"x".repeat(200))], None).await.expect(200);
    assert_eq!(generated.header("x-request-id").len(), 36);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(own.header(name), value);
        assert_eq!(missing.header(name), value);
    }
}

async fn the_reference_page_loads_nothing_from_elsewhere(app: &TestApp) {
    let client = app.client();
    let page = client.get("/docs").await.expect(200);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'"));
    let assets: Vec<&str> = page.text.split(['"']).filter(|part| part.contains("/docs/")).collect();
    assert!(assets.len() >= 4);
    for asset in assets {
        client.get(asset).await.expect(200);
    }
    assert!(
        !page.text.contains("http://") && !page.text.contains("https://") && !page.text.contains("<script>")
    );
    client.get("/docs/nothing.js").await.expect(404);
}

async fn every_problem_type_has_a_page(app: &TestApp) {
    for kind in ProblemKind::ALL {
        let page = app.client().get(&format!("/problems/{}", kind.slug())).await.expect(200);
        assert!(page.text.contains(kind.title()));
        let words = mainstay_domain::value::kindness::unkind_words(&page.text);
        assert_eq!(words, Vec::<&str>::new(), "{}", kind.slug());
    }
    app.client().get("/problems/none").await.expect(404);
}

async fn a_ready_server_reports_so(app: &TestApp) {
    assert_eq!(app.client().get("/health/live").await.expect(200).body, json!({ "status": "ok" }));
    assert_eq!(app.client().get("/health/ready").await.expect(200).body, json!({ "status": "ok" }));
    let keys = app.client().get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(
        (&keys.body["keys"][0]["kty"], &keys.body["keys"][0]["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert!(keys.body["keys"][0].get("d").is_none());
}

#[tokio::test]
async fn a_flood_gets_429_with_a_retry_after() {
    let app = TestApp::start_with(Engine::Sqlite, LimitMode::On).await;
    let sam = app.person().await;
    let first = sam.get("/v1/me").await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), "\"account\";q=6000;w=60");
    let mut refused = None;
    for _ in 0..1500 {
        let response = app.client().get("/v1/meetings/00000000-0000-7000-8000-000000000000").await;
        if response.status == 429 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("a flood without sign-in is refused");
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|s| s >= 1));
    assert!(refused.header("ratelimit").starts_with("\"network\";r=0"));
    sam.get("/v1/me").await.expect(200);
}
