//! Connections: the time of heads on one that is used again, and what a client is told that asks before it sends a body.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use mainstay_tests::{Engine, TestApp, both_engines, raw::request, samples::check_in};

both_engines!(
    a_body_that_is_declared_to_be_too_large_is_refused_before_it_is_sent,
    a_client_that_asks_before_it_sends_a_body_is_told_to_go_on,
);

/// A connection that a test sends bytes on.
struct Connection(TcpStream);

impl Connection {
    fn open(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        Self(stream)
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("it is sent");
    }

    /// Reads until a text has come; at most for ten seconds.
    fn read_until(&mut self, end: &str) -> String {
        let (begun, mut all) = (Instant::now(), String::new());
        while !all.contains(end) {
            assert!(begun.elapsed() < Duration::from_secs(10), "{end} does not come: {all}");
            match self.read() {
                Got::Text(text) => all.push_str(&text),
                Got::Nothing => {}
                Got::End => panic!("the connection ended before {end}: {all}"),
            }
        }
        all
    }

    /// Sends a piece every second until the connection ends. Returns how long that took, and what was read.
    fn drip_until_end(&mut self, piece: &str) -> (Duration, String) {
        let (begun, mut all) = (Instant::now(), String::new());
        loop {
            // The server may have closed the connection.
            let _ = self.0.write_all(piece.as_bytes());
            match self.read() {
                Got::Text(text) => all.push_str(&text),
                Got::Nothing => assert!(begun.elapsed() < Duration::from_mins(2), "it does not end"),
                Got::End => return (begun.elapsed(), all),
            }
        }
    }

    fn read(&mut self) -> Got {
        let mut buffer = [0; 4096];
        match self.0.read(&mut buffer) {
            Ok(0) => Got::End,
            Ok(n) => Got::Text(String::from_utf8_lossy(&buffer[..n]).into_owned()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Got::Nothing,
            Err(_reset) => Got::End,
        }
    }
}

/// What a second of reading gives.
enum Got {
    Text(String),
    Nothing,
    End,
}

const LIVE: &str = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
const ALIVE: &str = "\"status\":\"ok\"";

#[tokio::test]
async fn the_head_of_every_request_of_a_connection_has_a_time() {
    let app = TestApp::start(Engine::Sqlite).await;
    let ended = |begin: &'static str, piece: &'static str| {
        let url = app.url.clone();
        let run = move || {
            let mut connection = Connection::open(&url);
            if begin.starts_with("GET") {
                connection.send(LIVE);
                connection.read_until(ALIVE);
            }
            connection.send(begin);
            connection.drip_until_end(piece)
        };
        tokio::task::spawn_blocking(run)
    };
    let half = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-";
    let (first, silent, half_a_head, dripping) =
        tokio::join!(ended("", "G"), ended("", ""), ended(half, ""), ended(half, "x"));
    for (name, run) in
        [("first", first), ("silent", silent), ("half a head", half_a_head), ("dripping", dripping)]
    {
        let (took, text) = run.expect("no panic");
        assert!((19..40).contains(&took.as_secs()), "{name} {took:?}");
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 408 "), "{name} {text}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_pause_and_for_requests_that_come_together() {
    let app = TestApp::start(Engine::Sqlite).await;
    let url = app.url.clone();
    let run = move || {
        let mut connection = Connection::open(&url);
        for pause in [0, 2, 22] {
            std::thread::sleep(Duration::from_secs(pause));
            let (begin, end) = LIVE.split_at(20);
            connection.send(begin);
            std::thread::sleep(Duration::from_secs(1));
            connection.send(end);
            connection.read_until(ALIVE);
            connection.send(&LIVE.repeat(10));
            let mut text = String::new();
            while text.matches(ALIVE).count() < 10 {
                text.push_str(&connection.read_until(ALIVE));
            }
        }
    };
    tokio::task::spawn_blocking(run).await.expect("no panic");
}

async fn a_body_that_is_declared_to_be_too_large_is_refused_before_it_is_sent(app: &TestApp) {
    let sam = app.person().await;
    let token = sam.client.token.clone().unwrap_or_default();
    for (path, token, length) in [
        ("/v1/auth/login", "", "16385"),
        ("/v1/check-ins", token.as_str(), "1048577"),
        ("/v1/check-ins", "", "1048577"),
        ("/nothing", "", "900000000000"),
    ] {
        let framing =
            format!("x-request-id: my-own-id\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n");
        let head = request("POST", path, token, &framing);
        let url = app.url.clone();
        let run = move || {
            let mut connection = Connection::open(&url);
            connection.send(&head);
            let text = connection.read_until("content-too-large");
            (text, connection.drip_until_end("").0)
        };
        let (text, took) = tokio::task::spawn_blocking(run).await.expect("no panic");
        assert!(text.starts_with("HTTP/1.1 413 ") && !text.contains("100 Continue"), "{path} {text}");
        let text = text.to_lowercase();
        for header in ["connection: close", "x-request-id: my-own-id", "cache-control: no-store", "nosniff"] {
            assert!(text.contains(header), "{path} {header} {text}");
        }
        assert!(took < Duration::from_secs(8), "{path} {took:?}");
    }
}

async fn a_client_that_asks_before_it_sends_a_body_is_told_to_go_on(app: &TestApp) {
    let sam = app.person().await;
    let token = sam.client.token.clone().unwrap_or_default();
    let body = check_in("asked before").to_string();
    let framing = format!("expect: 100-continue\r\ncontent-length: {}\r\n\r\n", body.len());
    let head = request("POST", "/v1/check-ins", &token, &framing);
    let url = app.url.clone();
    let run = move || {
        let mut connection = Connection::open(&url);
        connection.send(&head);
        connection.read_until("HTTP/1.1 100 Continue\r\n\r\n");
        connection.send(&body);
        connection.read_until("asked before")
    };
    let text = tokio::task::spawn_blocking(run).await.expect("no panic");
    assert!(text.starts_with("HTTP/1.1 201 "), "{text}");
}
