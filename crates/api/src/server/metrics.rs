//! Figures for Prometheus, on a listener of their own.

use std::{
    cell::RefCell,
    net::TcpListener,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use actix_web::{App, HttpResponse, HttpServer, http::header, web};
use metrics::{
    Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of the durations, in seconds.
const BUCKETS: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// One recorder serves the whole process.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
static INSTALLING: Mutex<()> = Mutex::new(());

/// The figures of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// The recorder, installed on the first call.
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
            .set_buckets_for_metric(
                Matcher::Full("http_request_duration_seconds".to_owned()),
                &BUCKETS,
            )
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|e| e.to_string())?;
        describe_counter!(
            "http_requests_total",
            "Requests answered, by method, route template and status."
        );
        describe_histogram!(
            "http_request_duration_seconds",
            "Time from request to answer, by method and route template."
        );
        describe_gauge!("mainstay_build_info", "The version that runs.");
        gauge!("mainstay_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self {
            handle: RECORDER.get_or_init(|| handle).clone(),
        })
    }

    /// The figures in Prometheus' text form.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Lets the recorder fold what it has gathered.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// The figures of one path. Looking a figure up by its labels takes longer than counting does, so each is looked up once.
pub struct RouteFigures {
    route: String,
    found: RefCell<Vec<Found>>,
}

struct Found {
    method: &'static str,
    status: u16,
    answered: Counter,
    took: Histogram,
}

impl RouteFigures {
    /// The figures of a path, given as its template.
    pub fn new(route: impl Into<String>) -> Self {
        Self {
            route: route.into(),
            found: RefCell::default(),
        }
    }

    /// The path's template.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Counts an answered request.
    pub fn count(&self, method: &'static str, status: u16, elapsed: Duration) {
        let mut found = self.found.borrow_mut();
        if let Some(figures) = found.iter().find(|f| f.method == method && f.status == status) {
            figures.count(elapsed);
            return;
        }
        let route = self.route.clone();
        let figures = Found {
            method,
            status,
            answered: counter!("http_requests_total", "method" => method, "route" => route.clone(), "status" => status.to_string()),
            took: histogram!("http_request_duration_seconds", "method" => method, "route" => route),
        };
        figures.count(elapsed);
        found.push(figures);
    }
}

impl Found {
    fn count(&self, elapsed: Duration) {
        self.answered.increment(1);
        self.took.record(elapsed);
    }
}

/// Serves `/metrics` on a listener of its own.
///
/// # Errors
/// What the system says.
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
