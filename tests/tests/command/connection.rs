//! What a client can write into the log and the metrics by what it sends before there is a request.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use mainstay_tests::{Client, Database, Engine, Process, process};

use super::log;

/// Sends bytes, and reads until the connection ends or nothing comes for a while.
fn send(url: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    stream.write_all(bytes).expect("it is sent");
    let mut response = Vec::new();
    // A connection that is reset has been read as far as it goes.
    let _ = stream.read_to_end(&mut response);
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn what_is_no_http_is_counted_and_not_logged() {
    let database = Database::create(Engine::Sqlite);
    let address = format!("127.0.0.1:{}", process::free_port());
    let settings = [("MAINSTAY_LOG", "trace"), ("MAINSTAY_METRICS_LISTEN", address.as_str())];
    let mut process = Process::start(&database, None, &settings).await;
    let chunk = "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let malformed: Vec<Vec<u8>> = vec![
        b"canary canary canary\r\n\r\n".to_vec(),
        b"GET /canary\x01 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nhost: x\r\ncanary canary\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: canary\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: canary\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03canary".to_vec(),
    ];
    let count = malformed.len();
    // The request of a malformed body is counted itself.
    let bodies = ["canary\r\n", "4\r\n{\"canary\r\n"].map(|body| format!("{chunk}{body}").into_bytes());
    let large = format!("GET /canary HTTP/1.1\r\nhost: x\r\nx: {}", "canary".repeat(40_000));
    for (bytes, status) in
        malformed.into_iter().chain(bodies).map(|bytes| (bytes, "400")).chain([(large.into_bytes(), "431")])
    {
        let url = process.url.clone();
        let response = tokio::task::spawn_blocking(move || send(&url, &bytes)).await.expect("no panic");
        assert!(response.is_empty() || response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
    let metrics = Client::new(&format!("http://{address}")).get("/metrics").await.expect(200).text;
    for (reason, count) in [("malformed", count), ("large_head", 1)] {
        let counted = format!("mainstay_connections_ended_total{{reason=\"{reason}\"}} {count}");
        assert!(metrics.contains(&counted), "{metrics}");
    }
    assert!(process.terminate().success());
    let log = log(&database);
    assert!(log.contains("serving on"));
    for text in ["canary", "ERROR", "actix_http"] {
        assert!(!log.contains(text), "{text} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn requests_that_are_answered_before_they_are_routed_are_counted_under_their_route() {
    let database = Database::create(Engine::Sqlite);
    let (address, origin) = (format!("127.0.0.1:{}", process::free_port()), "https://app.example.org");
    let settings = [
        ("MAINSTAY_METRICS_LISTEN", address.as_str()),
        ("MAINSTAY_CORS_ORIGINS", origin),
        ("MAINSTAY_WORKERS", "1"),
    ];
    let process = Process::start(&database, None, &settings).await;
    let client = Client::new(&process.url);
    let id = "01950000-0000-7000-8000-000000000001";
    let path = format!("/v1/check-ins/{id}");
    client.send("GET", &path, &[("accept", "text/html")], None).await.expect(406);
    client.send("GET", "/v1/nothing", &[("accept", "text/html")], None).await.expect(406);
    let preflight = [("origin", origin), ("access-control-request-method", "PUT")];
    client.send("OPTIONS", &path, &preflight, None).await.expect(204);
    client.send("OPTIONS", "/v1/check-ins", &[], None).await.expect(204);
    client.send("GET", "/v1/helplines", &[("accept-encoding", "identity;q=0")], None).await.expect(406);
    let large =
        "POST /v1/check-ins HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2000000\r\n\r\n";
    let url = process.url.clone();
    let refused = tokio::task::spawn_blocking(move || send(&url, large.as_bytes())).await.expect("no panic");
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");

    let metrics = Client::new(&format!("http://{address}")).get("/metrics").await.expect(200).text;
    for (method, route, status) in [
        ("GET", "/v1/check-ins/{id}", 406),
        ("GET", "unmatched", 406),
        ("OPTIONS", "/v1/check-ins/{id}", 204),
        ("OPTIONS", "/v1/check-ins", 204),
        ("GET", "/v1/helplines", 406),
        ("POST", "/v1/check-ins", 413),
    ] {
        let counted =
            format!("http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} 1\n");
        assert!(metrics.contains(&counted), "{counted}{metrics}");
    }
    assert!(!metrics.contains(id));
}
