//! Bodies that are large, wrong in many places, or come slowly.

use std::time::{Duration, Instant};

use mainstay_tests::{
    Client, TestApp, both_engines,
    raw::{exchange, request},
};
use serde_json::{Value, json};
use uuid::Uuid;

both_engines!(
    a_body_without_sign_in_is_small,
    a_refusal_names_a_hundred_fields_at_most,
    a_refusal_is_not_as_large_as_its_request,
    the_response_to_a_push_is_not_as_large_as_the_push,
    a_large_valid_body_is_accepted,
    a_body_that_comes_too_slowly_is_given_up,
    a_body_that_nobody_reads_does_not_keep_the_connection,
    a_body_at_the_pace_of_a_bad_connection_is_accepted,
);

/// The longest response to a refused request, in bytes.
const MAX_RESPONSE: usize = 80_000;

async fn a_body_without_sign_in_is_small(app: &TestApp) {
    let sam = app.person().await;
    let nonsense = |bytes: usize| {
        let item = r#"{"b":1}"#;
        format!("{{\"a\":[{}]}}", vec![item; bytes / 8].join(",")).into_bytes()
    };
    for path in ["/v1/auth/register", "/v1/auth/login", "/v1/auth/refresh"] {
        let post = async |bytes| app.client().send("POST", path, &[], Some(nonsense(bytes))).await;
        assert_eq!(post(16 * 1024 + 100).await.expect(413).problem(), "content-too-large", "{path}");
        post(16 * 1024 - 100).await.expect(422);
        // Nothing is read of a body that is declared to be larger, or once it is larger.
        for framing in ["content-length: 900000\r\n\r\n", "transfer-encoding: chunked\r\n\r\n7000\r\n"] {
            let mut sent = request("POST", path, "", framing);
            sent.push_str(&"x".repeat(if framing.contains("chunked") { 0x7000 } else { 0 }));
            let response = exchange(&app.url, sent, Vec::new()).await;
            assert_eq!(response.status, 413, "{path} {framing}");
        }
    }
    sam.send("POST", "/v1/check-ins", &[], Some(nonsense(900_000))).await.expect(422);
}

async fn a_refusal_names_a_hundred_fields_at_most(app: &TestApp) {
    let sam = app.person().await;
    let with = |n: usize| {
        let mut body: serde_json::Map<String, Value> =
            (0..n).map(|n| (format!("nothing_{n:03}"), json!(1))).collect();
        body.extend([
            ("kind".to_owned(), json!("momentary")),
            ("occurred_at".to_owned(), json!("2026-03-01T12:00:00Z")),
            ("answers".to_owned(), json!({ "craving": 3 })),
        ]);
        Value::Object(body)
    };
    let all = sam.post("/v1/check-ins", &with(100)).await.expect(422);
    assert_eq!(all.faults().len(), 100);
    assert_eq!(all.body["detail"], "100 fields are not valid.");
    let more = sam.post("/v1/check-ins", &with(20_000)).await.expect(422);
    assert_eq!(more.faults().len(), 100);
    assert_eq!(more.body["detail"], "More than 100 fields are not valid. The first 100 are named.");
    assert!(more.text.len() < MAX_RESPONSE, "{}", more.text.len());
}

async fn a_refusal_is_not_as_large_as_its_request(app: &TestApp) {
    let sam = app.person().await;
    let long = |n: usize| format!("{n}{}", "n".repeat(4_000));
    let names: Value = (0..200).map(|n| (long(n), json!({ "a": 1 }))).collect();
    let repeated = format!(
        "{{{}}}",
        (0..100).map(|_| format!("\"{0}\":1,\"{0}\":2", long(1))).collect::<Vec<_>>().join(",")
    );
    let deep = ["{\"answers\":".repeat(100), "1".to_owned(), "}".repeat(100)].concat();
    for body in [
        names.to_string(),
        json!({ "answers": names }).to_string(),
        repeated,
        deep,
        json!({ "trigger_ids": vec!["x"; 100_000] }).to_string(),
        json!({ "tags": vec![vec![1; 10]; 20_000] }).to_string(),
        format!("{{\"a\":[{}]}}", vec![r#"{"b":1}"#; 110_000].join(",")),
    ] {
        for (method, path) in [("POST", "/v1/check-ins"), ("POST", "/v1/plans"), ("PUT", "/v1/me")] {
            let refused = sam.send(method, path, &[("if-match", "*")], Some(body.clone().into_bytes())).await;
            let shown: String = body.chars().take(60).collect();
            let refused = refused.expect(422);
            assert!(!refused.faults().is_empty(), "{path} {shown}");
            assert!(refused.text.len() < MAX_RESPONSE, "{path} {shown}: {}", refused.text.len());
        }
    }
    // A field with a name that is too long to repeat is named by what is around it.
    let wrong = json!({ "kind": "momentary", "occurred_at": "2026-03-01T12:00:00Z", "answers": { long(1): 1, "craving": 3 } });
    let refused = sam.post("/v1/check-ins", &wrong).await.expect(422);
    assert_eq!(refused.faults(), [("/answers".to_owned(), "unknown-field".to_owned())]);
}

async fn the_response_to_a_push_is_not_as_large_as_the_push(app: &TestApp) {
    let sam = app.person().await;
    let record: Value = (0..100).map(|n| (format!("x{n}"), json!(1))).collect();
    let changes: Vec<Value> = (0..500)
        .map(|n| json!({ "kind": "check-ins", "op": "upsert", "id": Uuid::from_u128(n), "record": record }))
        .collect();
    let pushed = sam.post("/v1/sync", &json!({ "cursor": null, "changes": changes })).await.expect(200);
    let results = pushed.body["results"].as_array().expect("results");
    let named = |result: &Value| result["problem"]["errors"].as_array().map_or(0, Vec::len);
    assert_eq!(results.len(), 500);
    assert!(results.iter().all(|result| result["status"] == "rejected" && named(result) >= 1));
    assert!(named(&results[0]) == 100 && results.iter().map(named).sum::<usize>() <= 1_000);
}

async fn a_large_valid_body_is_accepted(app: &TestApp) {
    let sam = app.person().await;
    let changes: Vec<Value> = (0..300)
        .map(|n| {
            let record =
                json!({ "occurred_at": "2026-03-01T12:00:00Z", "text": "A quiet day. ".repeat(200) });
            json!({ "kind": "journal", "op": "upsert", "id": Uuid::from_u128(n), "record": record })
        })
        .collect();
    let push = json!({ "cursor": null, "changes": changes, "limit": 1 });
    assert!(push.to_string().len() > 700_000);
    // Several at once wait for each other.
    let responses =
        tokio::join!(sam.post("/v1/sync", &push), sam.post("/v1/sync", &push), sam.post("/v1/sync", &push));
    for response in [responses.0, responses.1, responses.2] {
        let response = response.expect(200);
        let results = response.body["results"].as_array().expect("results");
        assert!(results.iter().all(|one| one["status"] == "applied" || one["status"] == "replayed"));
    }
}

async fn a_body_that_comes_too_slowly_is_given_up(app: &TestApp) {
    let sam = app.person().await;
    let token = sam.client.token.clone().unwrap_or_default();
    let begun = Instant::now();
    let of = |path: &'static str, framing: &'static str, pieces: Vec<String>| {
        let (url, head) = (app.url.clone(), request("POST", path, &token, framing));
        async move { exchange(&url, head, pieces).await }
    };
    let drip = || vec![" ".to_owned(); 20];
    let (login, sync, chunked) = tokio::join!(
        of("/v1/auth/login", "content-length: 1000\r\n\r\n", drip()),
        of("/v1/sync", "content-length: 1000000\r\n\r\n", drip()),
        of("/v1/check-ins", "transfer-encoding: chunked\r\n\r\n", vec!["1\r\n \r\n".to_owned(); 20]),
    );
    for response in [login, sync, chunked] {
        assert_eq!((response.status, response.closes), (408, true), "{}", response.text);
        assert!(response.text.contains("/problems/request-timeout"), "{}", response.text);
    }
    let took = begun.elapsed();
    assert!(Duration::from_secs(4) < took && took < Duration::from_secs(15), "{took:?}");
}

async fn a_body_that_nobody_reads_does_not_keep_the_connection(app: &TestApp) {
    let begun = Instant::now();
    let of = |method: &'static str, path: &'static str, framing: &'static str| {
        let (url, head) = (app.url.clone(), request(method, path, "", framing));
        async move { exchange(&url, head, vec!["1\r\n \r\n".to_owned(); 20]).await }
    };
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    let (live, unknown, methods, unsigned) = tokio::join!(
        of("GET", "/health/live", chunked),
        of("POST", "/nothing", chunked),
        of("OPTIONS", "/v1/check-ins", chunked),
        of("POST", "/v1/check-ins", "content-length: 1000\r\n\r\n"),
    );
    let statuses = [&live, &unknown, &methods, &unsigned].map(|response| response.status);
    assert_eq!(statuses, [200, 404, 204, 401]);
    assert!([live, unknown, methods, unsigned].iter().all(|response| response.closes));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

async fn a_body_at_the_pace_of_a_bad_connection_is_accepted(app: &TestApp) {
    let sam = app.person().await;
    let token = sam.client.token.clone().unwrap_or_default();
    let record = json!({ "occurred_at": "2026-03-01T12:00:00Z", "text": "A quiet day. ".repeat(300) });
    let record = format!("{}{record}", " ".repeat(8_000));
    let head = request("POST", "/v1/journal", &token, &format!("content-length: {}\r\n\r\n", record.len()));
    let pieces: Vec<String> =
        record.as_bytes().chunks(1_600).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
    assert!(pieces.len() > 6);
    let response = exchange(&app.url, head, pieces).await;
    assert_eq!(response.status, 201, "{}", response.text);
    assert!(!response.closes, "the connection can be used again");
    assert_eq!(Client::new(&app.url).get("/health/live").await.status, 200);
}
