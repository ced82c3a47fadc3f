//! A small HTTP client with one connection and one request at a time, to prepare a run and to time single requests.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Outcome;

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the response if it has the expected status, otherwise an error with the body.
    pub fn expect(self, status: u16) -> Outcome<Self> {
        if self.status == status {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body).into_owned();
        Err(format!("{} instead of {status}: {body}", self.status).into())
    }
}

/// A connection that is kept alive.
pub struct Connection(TcpStream);

impl Connection {
    /// Connects to a server.
    pub fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self(stream))
    }

    /// Sends a request and reads the response.
    pub fn send(&mut self, method: &str, path: &str, token: &str, body: Option<&str>) -> Outcome<Response> {
        self.send_with(method, path, token, &[], body)
    }

    /// Sends a request with additional headers and reads the response.
    pub fn send_with(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Outcome<Response> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        if !token.is_empty() {
            write!(request, "authorization: Bearer {token}\r\n")?;
        }
        if let Some(body) = body {
            let length = body.len();
            write!(
                request,
                "content-type: application/json\r\ncontent-length: {length}\r\n"
            )?;
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        self.0.write_all(request.as_bytes())?;
        let mut received = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            let n = self.0.read(&mut chunk)?;
            if n == 0 {
                return Err("the connection was closed within a response".into());
            }
            received.extend_from_slice(&chunk[..n]);
            if let Some(response) = parse(&received)? {
                return Ok(response);
            }
        }
    }
}

/// Parses a response with a `Content-Length`. Returns `None` while a part of it is missing.
fn parse(received: &[u8]) -> Outcome<Option<Response>> {
    let Some(end) = received.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.ok_or("no status line")?.parse()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(Ok(0), |(_, value)| value.parse())?;
    let body = &received[end + 4..];
    Ok((body.len() >= length).then(|| Response {
        status,
        headers,
        body: body[..length].to_vec(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_complete_when_its_whole_body_is_there() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nETag: \"1\"\r\n\r\n{}";
        assert_eq!(parse(&text[..30]).unwrap(), None, "within the head");
        assert_eq!(parse(&text[..text.len() - 1]).unwrap(), None, "within the body");
        let response = parse(text).unwrap().unwrap();
        assert_eq!(
            (response.status, response.body.as_slice()),
            (201, b"{}".as_slice())
        );
        assert!(
            response
                .headers
                .contains(&("etag".to_owned(), "\"1\"".to_owned()))
        );
        assert!(response.expect(200).is_err());
    }
}
