//! Load on a server: requests that are sent in time whether or not the earlier ones were answered, as many people do who
//! know nothing of each other, and requests that wait for each other.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep_until, timeout},
};

/// One kind of request in a load.
#[derive(Clone)]
pub struct Kind {
    /// Its name in the figures.
    pub name: &'static str,
    /// How many of a hundred requests are of this kind.
    pub share: usize,
    /// The requests, which are sent in turns.
    pub requests: Arc<[Vec<u8>]>,
}

/// The outcome of one request.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// The kind of the request.
    pub kind: &'static str,
    /// When it was sent, since the beginning of the load.
    pub at: Duration,
    /// How long its client waited.
    pub took: Duration,
    /// The status; `None` if there was no response before the client went away.
    pub status: Option<u16>,
}

/// A load of requests.
pub struct Flood {
    address: SocketAddr,
    kinds: Vec<Kind>,
    /// How long a client waits before it goes away.
    patience: Duration,
    /// Connections that nobody uses.
    idle: Mutex<Vec<TcpStream>>,
    next: AtomicUsize,
}

/// Writes a request as it goes over the network.
pub fn request(method: &str, path: &str, headers: &[(&str, String)], body: Option<&str>) -> Vec<u8> {
    let mut lines = vec![format!("{method} {path} HTTP/1.1"), "host: localhost".to_owned()];
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    if let Some(body) = body {
        lines.push("content-type: application/json".to_owned());
        lines.push(format!("content-length: {}", body.len()));
    }
    let head = lines.join("\r\n");
    format!("{head}\r\n\r\n{}", body.unwrap_or_default()).into_bytes()
}

impl Flood {
    /// Prepares a load for a server. The shares of the kinds must make a hundred.
    pub fn new(address: SocketAddr, kinds: Vec<Kind>, patience: Duration) -> Arc<Self> {
        assert_eq!(kinds.iter().map(|kind| kind.share).sum::<usize>(), 100);
        Arc::new(Self {
            address,
            kinds,
            patience,
            idle: Mutex::default(),
            next: AtomicUsize::new(0),
        })
    }

    /// Sends so many requests a second for a time, and waits for the last client to go.
    pub async fn open_loop(self: &Arc<Self>, rate: f64, length: Duration) -> Vec<Sent> {
        let (began, mut clients) = (Instant::now(), JoinSet::new());
        let count = (rate * length.as_secs_f64()).round();
        let mut n = 0.0;
        while n < count {
            let due = began + Duration::from_secs_f64(n / rate);
            sleep_until(due.into()).await;
            let flood = Arc::clone(self);
            clients.spawn(async move { flood.send_one(began).await });
            n += 1.0;
        }
        clients.join_all().await
    }

    /// Sends requests for a time, from so many clients that each wait for the response.
    pub async fn closed_loop(self: &Arc<Self>, clients: usize, length: Duration) -> Vec<Sent> {
        let began = Instant::now();
        let mut all = JoinSet::new();
        for _ in 0..clients {
            let flood = Arc::clone(self);
            all.spawn(async move {
                let mut sent = Vec::new();
                while began.elapsed() < length {
                    sent.push(flood.send_one(began).await);
                }
                sent
            });
        }
        all.join_all().await.into_iter().flatten().collect()
    }

    async fn send_one(&self, began: Instant) -> Sent {
        let (kind, bytes) = self.pick();
        let sent = Instant::now();
        let status = timeout(self.patience, self.exchange(bytes)).await.ok().flatten();
        Sent {
            kind: kind.name,
            at: sent - began,
            took: sent.elapsed(),
            status,
        }
    }

    /// The next request. Kinds are mixed evenly.
    fn pick(&self) -> (&Kind, &[u8]) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        // 37 has no divisor in common with 100, so every hundred requests hold each kind in its share.
        let mut place = n * 37 % 100;
        let kind = self.kinds.iter().find(|kind| {
            let is_here = place < kind.share;
            place = place.saturating_sub(kind.share);
            is_here
        });
        let kind = kind.expect("the shares make a hundred");
        (kind, &kind.requests[n % kind.requests.len()])
    }

    /// Sends a request over an idle connection or a new one, and returns the status of the response.
    async fn exchange(&self, bytes: &[u8]) -> Option<u16> {
        let kept = self.idle.lock().expect("no panic").pop();
        if let Some(mut stream) = kept {
            // The server may have closed it meanwhile.
            if let Some(status) = exchange_over(&mut stream, bytes).await {
                return Some(self.keep(stream, status));
            }
        }
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let status = exchange_over(&mut stream, bytes).await?;
        Some(self.keep(stream, status))
    }

    fn keep(&self, stream: TcpStream, (status, stays_open): (u16, bool)) -> u16 {
        if stays_open {
            self.idle.lock().expect("no panic").push(stream);
        }
        status
    }
}

/// Returns the status of the response, and whether the connection stays open.
async fn exchange_over(stream: &mut TcpStream, bytes: &[u8]) -> Option<(u16, bool)> {
    stream.write_all(bytes).await.ok()?;
    let mut response = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut response).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = head_end(&response)
            && is_complete(&response[..end], &response[end..])
        {
            let head = String::from_utf8_lossy(&response[..end]).to_ascii_lowercase();
            let status = head.split(' ').nth(1)?.parse().ok()?;
            return Some((status, !head.contains("\r\nconnection: close")));
        }
    }
}

fn head_end(response: &[u8]) -> Option<usize> {
    response
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .map(|start| start + 4)
}

fn is_complete(head: &[u8], body: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) => body.len() >= length.parse().unwrap_or(usize::MAX),
        None if head.contains("transfer-encoding: chunked") => body.ends_with(b"0\r\n\r\n"),
        None => true,
    }
}

/// The time that so many of a thousand requests stay below: 990 for p99.
pub fn quantile(sent: impl Iterator<Item = Sent>, permille: usize) -> Duration {
    let mut all: Vec<Duration> = sent.map(|sent| sent.took).collect();
    all.sort_unstable();
    let place = (all.len() * permille).div_ceil(1000);
    all.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_ends_with_its_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(head_end(head), Some(head.len()));
        assert_eq!(head_end(&head[..10]), None);
        assert!(is_complete(head, b"{}") && !is_complete(head, b"{"));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(is_complete(chunked, b"2\r\n{}\r\n0\r\n\r\n") && !is_complete(chunked, b"2\r\n{}\r\n"));
        assert!(is_complete(b"HTTP/1.1 204 No Content\r\n\r\n", b""));
    }

    #[test]
    fn a_quantile_is_one_of_the_times() {
        let sent = |ms| Sent {
            kind: "",
            at: Duration::ZERO,
            took: Duration::from_millis(ms),
            status: None,
        };
        let all = || (1..=200).rev().map(sent);
        assert_eq!(quantile(all(), 990), Duration::from_millis(198));
        assert_eq!(quantile(all(), 500), Duration::from_millis(100));
        assert_eq!(quantile(all().take(0), 500), Duration::ZERO);
    }

    #[test]
    fn every_hundred_requests_hold_each_kind_in_its_share() {
        let kind = |name, share| Kind {
            name,
            share,
            requests: Arc::new([Vec::new()]),
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let flood = Flood::new(address, vec![kind("few", 3), kind("many", 97)], Duration::ZERO);
        let few = (0..300).filter(|_| flood.pick().0.name == "few");
        assert_eq!(few.count(), 9);
    }
}
