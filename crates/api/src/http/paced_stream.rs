//! The pace of a connection: heads of requests must arrive, and responses must be taken, within some time.
//!
//! actix-web bounds the head of the first request of a connection only. A later head that comes a byte now and then would
//! keep its connection, and so would a client that never reads its response. Here the stream itself notices, so neither a
//! second descriptor nor a task that looks at every connection is needed.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::rt::net::TcpStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use crate::server::metrics::{ConnectionEnd, count_connection_end};

/// The response to a head that came too slowly. The connection ends with it.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// How slowly a client may send and read.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long the head of a request may take: the first one from the beginning of the connection, a later one from its first
    /// byte.
    pub head: Duration,
    /// How long the rate of a response does not matter, once the client does not take it as it comes.
    pub grace: Duration,
    /// The least rate after that, in bytes a second on average.
    pub min_rate: u64,
}

/// What happens on a connection.
#[derive(Debug)]
pub struct Activity {
    /// The number of requests that are being served.
    serving: Cell<usize>,
    /// Since when the head of a request is awaited or arrives. `None` while a request is served, and between requests.
    head_began: Cell<Option<Instant>>,
}

/// A request that is being served. It ends when this is dropped.
pub struct Serving(Rc<Activity>);

/// A TCP connection that ends if its client is too slow.
pub struct PacedStream {
    stream: TcpStream,
    pace: Pace,
    activity: Rc<Activity>,
    /// The part of a response that the client did not take at once.
    held_up: Option<HeldUp>,
    /// Set no later than the next deadline, and not set anew for each request: it may run out early.
    timer: Option<Pin<Box<Sleep>>>,
}

/// A response that the client does not take as it comes.
#[derive(Debug, Clone, Copy)]
struct HeldUp {
    since: Instant,
    written: u64,
}

/// What the client is too slow with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overdue {
    Head,
    Reading,
}

impl Activity {
    /// Begins with a connection that was just accepted.
    fn new() -> Rc<Self> {
        Rc::new(Self {
            serving: Cell::new(0),
            head_began: Cell::new(Some(Instant::now())),
        })
    }

    /// Notes that the head of a request is complete and the request is being served.
    pub fn begin(self: &Rc<Self>) -> Serving {
        self.head_began.set(None);
        self.serving.set(self.serving.get() + 1);
        Serving(Rc::clone(self))
    }

    /// Notes that bytes have arrived. They belong to a head unless a request is being served.
    fn on_bytes(&self) {
        if self.serving.get() == 0 && self.head_began.get().is_none() {
            self.head_began.set(Some(Instant::now()));
        }
    }

    /// Notes that a response is on its way. Heads behind it may have arrived whole, and wait for it.
    fn on_progress(&self) {
        if self.head_began.get().is_some() {
            self.head_began.set(Some(Instant::now()));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.set(self.0.serving.get().saturating_sub(1));
    }
}

impl PacedStream {
    /// Watches the pace of a connection that was just accepted.
    pub fn new(stream: TcpStream, pace: Pace) -> Self {
        Self {
            stream,
            pace,
            activity: Activity::new(),
            held_up: None,
            timer: None,
        }
    }

    /// The connection itself.
    pub fn tcp(&self) -> &TcpStream {
        &self.stream
    }

    /// What happens on the connection.
    pub fn activity(&self) -> &Rc<Activity> {
        &self.activity
    }

    /// What is due next, and when.
    fn due(&self) -> Option<(Instant, Overdue)> {
        let reading = self.held_up.map(|held_up| {
            let earned = Duration::from_secs(held_up.written / self.pace.min_rate.max(1));
            (held_up.since + self.pace.grace + earned, Overdue::Reading)
        });
        let head = self.activity.head_began.get();
        let head = head.map(|began| (began + self.pace.head, Overdue::Head));
        // While a response is held up, what arrives behind it is not looked at.
        reading.or(head)
    }

    /// Returns what the client is too slow with, if anything. Otherwise the task is woken when it could be.
    fn overdue(&mut self, context: &mut Context<'_>) -> Option<Overdue> {
        let has_run_out = self.timer.as_ref().is_some_and(|timer| timer.is_elapsed());
        let Some((deadline, what)) = self.due() else {
            if has_run_out {
                self.timer = None;
            }
            return None;
        };
        if has_run_out && deadline <= Instant::now() {
            return Some(what);
        }
        match &mut self.timer {
            // It wakes the task before the deadline, which looks again then.
            Some(timer) if !has_run_out && timer.deadline() <= deadline => return None,
            Some(timer) => timer.as_mut().reset(deadline),
            None => self.timer = Some(Box::pin(sleep_until(deadline))),
        }
        let timer = self.timer.as_mut()?;
        timer.as_mut().poll(context).is_ready().then_some(what)
    }

    /// Ends the connection if the client is too slow.
    fn poll_pace(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.overdue(context) {
            None => Poll::Pending,
            Some(Overdue::Head) => {
                count_connection_end(ConnectionEnd::SlowHead);
                // Nothing else is on its way to the client. If there is no room for it, the connection ends without.
                let _ = self.stream.try_write(TOO_SLOW);
                // As if the client had closed the connection.
                Poll::Ready(Ok(()))
            }
            Some(Overdue::Reading) => {
                count_connection_end(ConnectionEnd::SlowReading);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for PacedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if read.is_pending() {
            return this.poll_pace(context);
        }
        if buffer.filled().len() > before {
            this.activity.on_bytes();
        }
        read
    }
}

impl AsyncWrite for PacedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Poll::Ready(written) = Pin::new(&mut this.stream).poll_write(context, bytes) else {
            this.held_up.get_or_insert_with(|| HeldUp {
                since: Instant::now(),
                written: 0,
            });
            ready!(this.poll_pace(context))?;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        if let (Ok(written), Some(held_up)) = (&written, &mut this.held_up) {
            held_up.written += *written as u64;
        }
        this.activity.on_progress();
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // All that there was to write is written.
        this.held_up = None;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
