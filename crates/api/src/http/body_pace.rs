//! The pace of request bodies. One that comes too slowly is given up, so that nobody keeps connections busy by sending a
//! byte now and then.
//!
//! A body has 5 s, one second more for each KiB that has come, and 30 s in all. A phone with a bad connection is faster: it
//! sends 64 KiB in less than 30 s.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    http::header,
    web::{Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::{
    admission::turns::{Aside, step_aside},
    problem::{HandlerResult, Problem, ProblemKind},
};

/// The time that every body has.
const GRACE: Duration = Duration::from_secs(5);
/// The number of bytes that give a body one second more.
const MIN_RATE: u64 = 1024;
/// How long a body may take in all.
const MAX_TIME: Duration = Duration::from_secs(30);

/// The body of a request, as it arrives.
struct Arriving {
    payload: Payload,
    /// The time at which it was first read.
    begun: Option<Instant>,
    received: u64,
    has_ended: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// Others run while more is waited for.
    aside: Option<Aside>,
}

/// Reads a body at its pace.
struct PacedBody(Rc<RefCell<Arriving>>);

/// Keeps the body of a request until its response was sent.
///
/// If the body was not read to its end by then, the connection ends with the response. Without this, what still comes of it
/// would be read and thrown away for as long as it takes.
pub struct HeldBody(Rc<RefCell<Arriving>>);

/// Has the body of a request read at its pace. Returns `None` if the request has no body.
pub fn watch(request: &mut ServiceRequest) -> Option<HeldBody> {
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return None;
    }
    let arriving = Rc::new(RefCell::new(Arriving {
        payload,
        begun: None,
        received: 0,
        has_ended: false,
        timer: None,
        aside: None,
    }));
    request.set_payload(Payload::Stream {
        payload: Box::pin(PacedBody(Rc::clone(&arriving))),
    });
    Some(HeldBody(arriving))
}

/// Reads a body of at most `limit` bytes to its end. One that is declared to be larger is not read at all.
///
/// # Errors
/// 400 if it breaks off, 408 if it comes too slowly, 413 if it is too large.
pub async fn read_payload(
    request: &HttpRequest,
    limit: usize,
    payload: &mut Payload,
) -> HandlerResult<Bytes> {
    let too_large = || Problem::new(ProblemKind::ContentTooLarge);
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            if is_too_slow(&error) {
                Problem::new(ProblemKind::RequestTimeout)
            } else {
                Problem::because(ProblemKind::BadRequest, "The body could not be read to its end.")
            }
        })?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Whether a body was given up because it came too slowly.
fn is_too_slow(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

impl HeldBody {
    /// Keeps the body until the response was sent, if it was not read to its end.
    pub fn keep_with(self, response: HttpResponse) -> HttpResponse {
        if self.0.borrow().has_ended {
            return response;
        }
        response.map_body(|_, body| BoxBody::new(ResponseBody { body, _held: self }))
    }
}

impl Arriving {
    /// The time by which more must have come.
    fn deadline(&self, begun: Instant) -> Instant {
        let earned = Duration::from_secs(self.received / MIN_RATE);
        begun + MAX_TIME.min(GRACE + earned)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        match Pin::new(&mut self.payload).poll_next(context) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.received += bytes.len() as u64;
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(end) => {
                self.aside = None;
                self.has_ended = end.is_none();
                Poll::Ready(end)
            }
            Poll::Pending => {
                let deadline = self.deadline(begun);
                let timer = (self.timer).get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
                let is_too_slow = timer.as_mut().poll(context).is_ready();
                if is_too_slow {
                    self.aside = None;
                    return Poll::Ready(Some(Err(too_slow())));
                }
                self.aside = self.aside.take().or_else(step_aside);
                Poll::Pending
            }
        }
    }
}

fn too_slow() -> PayloadError {
    PayloadError::Io(io::ErrorKind::TimedOut.into())
}

impl Stream for PacedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll(context)
    }
}

/// The body of a response, with that of its request.
struct ResponseBody {
    body: BoxBody,
    _held: HeldBody,
}

impl MessageBody for ResponseBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        match self.body.size() {
            // A response that says that it has no body would not keep this one.
            BodySize::None => BodySize::Sized(0),
            size => size,
        }
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
