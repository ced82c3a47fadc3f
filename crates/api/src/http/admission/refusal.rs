//! Refusals of requests: the response, and how they are counted.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
};

use actix_web::{
    HttpResponse,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header,
    web::Bytes,
};
use metrics::{Counter, counter};

use super::close_after;
use crate::{
    http::{
        middleware::set_headers_of_every_response,
        priority::Priority,
        problem::{Problem, ProblemKind},
    },
    server::metrics::REFUSALS,
};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is more to do than the server can do.
    Overload(Priority),
    /// Its network has too many connections.
    Connection,
}

/// Refuses requests, and counts those that were refused. All workers share it.
pub struct Refusals {
    counts: [Count; 5],
    /// Spreads the times of `Retry-After`.
    spread: AtomicU64,
}

/// The refusals for one reason.
struct Count {
    name: &'static str,
    body: Bytes,
    /// The shortest `Retry-After`, and how many seconds longer it may be.
    retry_after_s: (u64, u64),
    since_report: AtomicU64,
    total: Counter,
}

impl Count {
    fn new(name: &'static str, kind: ProblemKind, retry_after_s: (u64, u64)) -> Self {
        let document = Problem::new(kind).document(None, None);
        let total = counter!(REFUSALS, "priority" => name);
        // A counter that was never touched would be missing from the metrics until the first refusal.
        total.increment(0);
        Self {
            name,
            body: Bytes::from(mainstay_domain::record::json(&document)),
            retry_after_s,
            since_report: AtomicU64::new(0),
            total,
        }
    }
}

impl Default for Refusals {
    fn default() -> Self {
        let of =
            |priority: Priority, seconds| Count::new(priority.as_str(), ProblemKind::Unavailable, seconds);
        Self {
            counts: [
                of(Priority::Urgent, (1, 0)),
                of(Priority::Ordinary, (1, 4)),
                of(Priority::SignIn, (2, 4)),
                of(Priority::Deferrable, (5, 15)),
                Count::new("connection", ProblemKind::TooManyRequests, (5, 15)),
            ],
            spread: AtomicU64::new(0),
        }
    }
}

impl Refusals {
    fn count(&self, refused: Refused) -> Option<&Count> {
        self.counts.get(match refused {
            Refused::Overload(priority) => priority as usize,
            Refused::Connection => self.counts.len() - 1,
        })
    }

    /// Refuses a request.
    pub(super) async fn refuse(&self, request: ServiceRequest, refused: Refused) -> ServiceResponse<BoxBody> {
        if has_body(&request) {
            take_in_body().await;
        }
        let (status, body, wait) = match self.count(refused) {
            Some(count) => {
                count.since_report.fetch_add(1, Ordering::Relaxed);
                count.total.increment(1);
                (refused.kind().status(), count.body.clone(), self.wait(count))
            }
            None => (refused.kind().status(), Bytes::new(), 1),
        };
        let mut response = HttpResponse::build(status)
            .content_type("application/problem+json")
            .insert_header((header::RETRY_AFTER, wait))
            .body(body);
        set_headers_of_every_response(&request, response.headers_mut());
        let mut response = request.into_response(response);
        if refused == Refused::Connection {
            close_after(&mut response);
        }
        response
    }

    /// The seconds after which a client may try again. They are spread, so that those who were refused together do not
    /// come back together.
    fn wait(&self, count: &Count) -> u64 {
        let (least, more) = count.retry_after_s;
        // Multiples of the golden ratio fall evenly into any number of parts.
        let n = self.spread.fetch_add(1, Ordering::Relaxed);
        let part = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        least + ((part * (more + 1)) >> 32)
    }

    /// Writes a log line about the refusals since the last one, if there were any.
    pub fn report(&self) {
        let counts = self.counts.each_ref().map(|count| {
            let refused = count.since_report.swap(0, Ordering::Relaxed);
            (count.name, refused)
        });
        let [urgent, ordinary, sign_in, deferrable, connection] = counts.map(|(_, refused)| refused);
        if urgent + ordinary + sign_in + deferrable > 0 {
            log::warn!(urgent, ordinary, sign_in, deferrable; "there is more to do than the server can do: requests were refused");
        }
        if connection > 0 {
            log::warn!(
                requests = connection;
                "a network has more connections than MAINSTAY_CONNECTIONS_PER_NETWORK allows; if it is a proxy, name it in \
                 MAINSTAY_TRUSTED_PROXIES"
            );
        }
    }
}

impl Refused {
    fn kind(self) -> ProblemKind {
        match self {
            Self::Overload(_) => ProblemKind::Unavailable,
            Self::Connection => ProblemKind::TooManyRequests,
        }
    }
}

fn has_body(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0")
}

/// Lets the connection take in the part of the body that has arrived. If that is all of it, the connection can stay open:
/// after a response to a body that it has not seen to its end it is closed.
async fn take_in_body() {
    let mut is_polled = false;
    poll_fn(|context| {
        if is_polled {
            return Poll::Ready(());
        }
        is_polled = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use actix_web::{body::to_bytes, test::TestRequest};

    use super::*;
    use crate::{http::cors::AllowedOrigins, server::metrics::Metrics};

    #[actix_web::test]
    async fn a_refusal_is_a_problem_with_the_headers_of_every_response() {
        Metrics::install().unwrap();
        let refusals = Refusals::default();
        let origin = "https://app.example.org";
        let request = TestRequest::post()
            .app_data(AllowedOrigins::new(vec![origin.to_owned()]))
            .insert_header(("origin", origin))
            .insert_header(("x-request-id", "mine"))
            .insert_header(("content-length", "2"))
            .to_srv_request();
        let response = refusals
            .refuse(request, Refused::Overload(Priority::Ordinary))
            .await
            .into_parts()
            .1;
        assert_eq!(response.status().as_u16(), 503);
        for (name, value) in [
            ("content-type", "application/problem+json"),
            ("cache-control", "no-store"),
            ("x-request-id", "mine"),
            ("x-content-type-options", "nosniff"),
            ("access-control-allow-origin", origin),
        ] {
            assert_eq!(response.headers().get(name).unwrap(), value, "{name}");
        }
        let body = to_bytes(response.into_body()).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "/problems/unavailable");
    }

    #[test]
    fn those_who_are_refused_together_come_back_apart() {
        Metrics::install().unwrap();
        let refusals = Refusals::default();
        let count = refusals.count(Refused::Overload(Priority::Ordinary)).unwrap();
        let mut waits = [0; 8];
        for _ in 0..1000 {
            waits[usize::try_from(refusals.wait(count)).unwrap()] += 1;
        }
        assert_eq!(waits.iter().sum::<i32>(), 1000);
        assert!(
            waits[1..=5].iter().all(|times| (180..=220).contains(times)),
            "{waits:?}"
        );
    }
}
