//! Requests that are sent byte by byte, as no HTTP client would.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A response as it was read from a connection.
pub struct RawResponse {
    /// The status.
    pub status: u16,
    /// Whether the server said that it closes the connection, and did.
    pub closes: bool,
    /// All that was read.
    pub text: String,
}

/// The beginning of a request: its line and headers. `framing` ends them.
pub fn request(method: &str, path: &str, token: &str, framing: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\n{framing}"
    )
}

/// Sends the beginning of a request, and then a piece of its body each second until there is a response. Reads the response,
/// and whether the connection ends with it.
pub async fn exchange(url: &str, head: String, pieces: Vec<String>) -> RawResponse {
    let address = url.trim_start_matches("http://").to_owned();
    let exchange = move || {
        let mut connection = TcpStream::connect(address).expect("a connection");
        connection.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        connection.write_all(head.as_bytes()).expect("the head is sent");
        let (mut received, mut buffer, mut pieces) = (Vec::new(), [0; 4096], pieces.into_iter());
        let mut silent_seconds = 0;
        let has_ended = loop {
            let is_answered = !received.is_empty();
            if let Some(piece) = pieces.next() {
                // The server may have closed the connection.
                drop(connection.write_all(piece.as_bytes()));
            }
            match connection.read(&mut buffer) {
                Ok(0) => break true,
                Ok(n) => received.extend_from_slice(&buffer[..n]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    silent_seconds += u32::from(is_answered || pieces.len() == 0);
                    if silent_seconds > 4 {
                        break false;
                    }
                }
                Err(_reset) => break true,
            }
        };
        let text = String::from_utf8_lossy(&received).into_owned();
        let says_so = text.to_lowercase().contains("\r\nconnection: close\r\n");
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        RawResponse { status: status.unwrap_or(0), closes: has_ended && says_so, text }
    };
    tokio::task::spawn_blocking(exchange).await.expect("no panic")
}
