//! Metrics for Prometheus, served on a listener of their own.

use std::{
    cell::RefCell,
    net::TcpListener,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use actix_web::{App, HttpResponse, HttpServer, http::header, web};
use mainstay_domain::account::quota::Budget;
use metrics::{
    Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Counts failed runs of background jobs, by the name of the job.
pub const WORKER_FAILURES: &str = "mainstay_worker_failures_total";
/// Counts writes that were refused because a budget of their account is used up, by the budget. Changes of sync count too.
const QUOTA_REFUSALS: &str = "mainstay_quota_refusals_total";
/// Counts requests that were refused because there was more to do than the server can do, by priority.
pub const REFUSALS: &str = "mainstay_refused_requests_total";
/// Counts connections that the server ended because of what their clients sent or did not do, by the reason.
const CONNECTION_ENDS: &str = "mainstay_connections_ended_total";
const REQUESTS: &str = "http_requests_total";
const DURATION: &str = "http_request_duration_seconds";
const BUILD_INFO: &str = "mainstay_build_info";

/// Upper bounds of the duration buckets, in seconds.
const BUCKETS: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// The recorder of the whole process.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
static INSTALLING: Mutex<()> = Mutex::new(());

/// A handle on the metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Returns the recorder, which the first call installs.
    ///
    /// # Errors
    /// If another recorder is installed.
    pub fn install() -> Result<Self, String> {
        let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = RECORDER.get() {
            return Ok(Self {
                handle: handle.clone(),
            });
        }
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &BUCKETS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|e| e.to_string())?;
        describe_counter!(REQUESTS, "Responses, by method, route template and status.");
        describe_histogram!(
            DURATION,
            "Time from a request to its response, by method and route template."
        );
        describe_counter!(
            REFUSALS,
            "Requests that were refused because there was more to do than the server can do, by priority; those of a network with \
             too many connections have the priority `connection`."
        );
        describe_counter!(
            CONNECTION_ENDS,
            "Connections that the server ended because of what their clients sent or did not do, by reason."
        );
        describe_counter!(WORKER_FAILURES, "Failed runs of background jobs, by job.");
        describe_counter!(
            QUOTA_REFUSALS,
            "Writes that were refused because a budget of their account is used up, by budget."
        );
        describe_gauge!(BUILD_INFO, "The version that runs.");
        gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self {
            handle: RECORDER.get_or_init(|| handle).clone(),
        })
    }

    /// Renders the metrics in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Lets the recorder fold the durations that it has gathered into its histograms.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Counts a write that was refused because a budget is used up.
pub fn count_quota_refusal(budget: Budget) {
    counter!(QUOTA_REFUSALS, "quota" => budget.as_str()).increment(1);
}

/// Why the server ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The line or headers of a request are no HTTP.
    Malformed,
    /// The head of a request is too large.
    LargeHead,
    /// The head of a request came too slowly, or none came on a new connection.
    SlowHead,
    /// The client did not read its response.
    SlowReading,
}

impl ConnectionEnd {
    /// The name in the metrics.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::LargeHead => "large_head",
            Self::SlowHead => "slow_head",
            Self::SlowReading => "slow_reading",
        }
    }
}

/// Counts a connection that the server ended.
pub fn count_connection_end(reason: ConnectionEnd) {
    counter!(CONNECTION_ENDS, "reason" => reason.as_str()).increment(1);
}

/// The metrics of one route. They hold each counter and histogram that they used before, because looking one up by
/// its labels takes longer than counting.
pub struct RouteMetrics {
    route: String,
    handles: RefCell<Vec<Handles>>,
}

/// The metrics of one method and status.
struct Handles {
    method: &'static str,
    status: u16,
    responses: Counter,
    duration: Histogram,
}

impl RouteMetrics {
    /// Creates the metrics of a route, which is named by its path template.
    pub fn new(route: impl Into<String>) -> Self {
        Self {
            route: route.into(),
            handles: RefCell::default(),
        }
    }

    /// The path template.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Counts a response and the time that it took.
    pub fn count(&self, method: &'static str, status: u16, elapsed: Duration) {
        let mut handles = self.handles.borrow_mut();
        if let Some(found) = handles.iter().find(|h| h.method == method && h.status == status) {
            found.count(elapsed);
            return;
        }
        let route = self.route.clone();
        let new = Handles {
            method,
            status,
            responses: counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string()),
            duration: histogram!(DURATION, "method" => method, "route" => route),
        };
        new.count(elapsed);
        handles.push(new);
    }
}

impl Handles {
    fn count(&self, elapsed: Duration) {
        self.responses.increment(1);
        self.duration.record(elapsed);
    }
}

/// Serves `/metrics` on a listener of its own.
///
/// # Errors
/// Whatever the listener fails with.
pub fn serve(listener: TcpListener, metrics: Metrics) -> std::io::Result<()> {
    let server = HttpServer::new(move || {
        let metrics = metrics.clone();
        App::new().route(
            "/metrics",
            web::get().to(move || {
                let text = metrics.render();
                async move {
                    HttpResponse::Ok()
                        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
                        .body(text)
                }
            }),
        )
    });
    let running = server
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?
        .run();
    actix_web::rt::spawn(running);
    Ok(())
}
