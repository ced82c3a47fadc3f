//! Log lines, as text for people or as JSON for programs.
//!
//! A line that is logged on behalf of a request ends with the request's id. No line holds anything that a person wrote,
//! or anything that names a person.

mod line_buffer;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::Write,
    panic,
};

use chrono::SecondsFormat;
use env_logger::{Builder, Target, fmt::Formatter};
use log::{
    Level, LevelFilter, Record,
    kv::{Error, Key, Value, VisitSource},
};
use mainstay_store::engine::log_label::current_label;
use serde_json::{Map, json};

use self::line_buffer::{LastLines, LineBuffer};
use crate::{cli::settings::LogFormat, server::clock::Clock};

/// The key of the request's id in a line.
const REQUEST_ID: &str = "request_id";

/// Starts logging to standard error, panics included. A second call changes nothing. Lines that still wait when the
/// returned value is dropped are written then.
#[must_use = "the last lines are written when it is dropped"]
pub fn start(filter: &str, format: LogFormat) -> LastLines {
    let lines = LineBuffer::to(std::io::stderr()).ok();
    // Tests start several applications in one process: the first one's format stays.
    if builder(filter, format, lines.clone()).try_init().is_ok() {
        log_panics();
    }
    LastLines(lines)
}

fn builder(filter: &str, format: LogFormat, lines: Option<LineBuffer>) -> Builder {
    let clock = Clock::default();
    let mut builder = Builder::new();
    builder.parse_filters(filter);
    // It writes an error for each connection on which something else than HTTP arrives, and details with bytes of it. Such
    // connections are counted instead.
    builder.filter_module("actix_http", LevelFilter::Off);
    if let Some(lines) = lines.clone() {
        builder.target(Target::Pipe(Box::new(lines)));
    }
    builder.format(move |out, record| {
        if let Some(lines) = lines.as_ref().filter(|_| record.level() <= Level::Warn) {
            lines.hurry();
        }
        let at = clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
        match format {
            LogFormat::Text => write_text(out, &at, record),
            LogFormat::Json => write_json(out, &at, record),
        }
    });
    builder
}

/// Logs each panic as one line, in the place of the text that Rust prints. A backtrace is printed too, where the
/// environment asks for one.
fn log_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        log::error!("{}", info.to_string().replace('\n', " "));
        if Backtrace::capture().status() == BacktraceStatus::Captured {
            print(info);
        }
    }));
}

fn write_text(out: &mut Formatter, at: &str, record: &Record<'_>) -> std::io::Result<()> {
    write!(
        out,
        "{at} {:5} {} {}",
        record.level(),
        record.target(),
        record.args()
    )?;
    // The visitor fails only if writing fails, and then the next write fails too.
    let _ = record.key_values().visit(&mut PairsAsText(out));
    match current_label() {
        Some(id) => writeln!(out, " {REQUEST_ID}={id}"),
        None => writeln!(out),
    }
}

struct PairsAsText<'a>(&'a mut Formatter);

impl<'kvs> VisitSource<'kvs> for PairsAsText<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        write!(self.0, " {key}={value}").map_err(Error::boxed)
    }
}

fn write_json(out: &mut Formatter, at: &str, record: &Record<'_>) -> std::io::Result<()> {
    let mut pairs = PairsAsJson::default();
    let _ = record.key_values().visit(&mut pairs);
    let mut line = Map::from_iter([
        ("at".to_owned(), json!(at)),
        ("level".to_owned(), json!(record.level().as_str())),
        ("target".to_owned(), json!(record.target())),
        ("message".to_owned(), json!(record.args().to_string())),
    ]);
    line.extend(pairs.0);
    if let Some(id) = current_label() {
        line.insert(REQUEST_ID.to_owned(), json!(id));
    }
    writeln!(out, "{}", serde_json::Value::Object(line))
}

#[derive(Default)]
struct PairsAsJson(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for PairsAsJson {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = value
            .to_u64()
            .map_or_else(|| json!(value.to_string()), |number| json!(number));
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use actix_web::{
        App, HttpRequest, HttpResponse,
        middleware::from_fn,
        test::{TestRequest, init_service, try_call_service},
        web,
    };
    use mainstay_store::engine::log_label::{keep_label, keep_label_in};

    use super::*;
    use crate::{
        http::{
            middleware::request_layer,
            problem::{HandlerResult, Problem},
        },
        server::metrics::RouteMetrics,
    };

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Logs on behalf of its request: in its task, in a task that it starts, on a thread that may block, and by a
    /// fault that the boundary logs.
    async fn faulty(_request: HttpRequest) -> HandlerResult {
        log::warn!("in the task");
        let task = keep_label_in(async { log::warn!("in another task") });
        actix_web::rt::spawn(task).await.unwrap();
        let work = keep_label(|| log::warn!("on another thread"));
        tokio::task::spawn_blocking(work).await.unwrap();
        Err(Problem::internal("a fault"))
    }

    async fn panics() -> HttpResponse {
        panic!("a panic")
    }

    /// The only test of this file, because a process has one logger.
    #[actix_web::test]
    async fn every_line_of_a_request_carries_the_id_of_its_response() {
        let memory = Memory::default();
        builder(
            "info",
            LogFormat::Json,
            Some(LineBuffer::to(memory.clone()).unwrap()),
        )
        .init();
        log_panics();
        let app = App::new()
            .app_data(RouteMetrics::new("unmatched"))
            .wrap(from_fn(request_layer))
            .route("/faulty", web::get().to(faulty))
            .route("/panics", web::get().to(panics));
        let app = init_service(app).await;
        let mut expected = Vec::new();
        for (path, messages) in [
            (
                "/faulty",
                [
                    "in the task",
                    "in another task",
                    "on another thread",
                    "internal: a fault",
                ]
                .as_slice(),
            ),
            ("/panics", &["a panic", "a handler panicked"]),
        ] {
            let request = TestRequest::with_uri(path).to_request();
            let headers = match try_call_service(&app, request).await {
                Ok(response) => response.headers().clone(),
                Err(error) => error.error_response().headers().clone(),
            };
            let id = headers.get("x-request-id").unwrap().to_str().unwrap().to_owned();
            expected.extend(messages.iter().map(|message| (*message, id.clone())));
        }
        log::error!("of no request");
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let line_of = |message: &str| {
            let found = lines
                .iter()
                .find(|line| line["message"].as_str().unwrap().contains(message));
            found.unwrap_or_else(|| panic!("no line says {message}:\n{text}"))
        };
        for (message, id) in expected {
            assert_eq!(line_of(message)["request_id"], id.as_str(), "{message}");
        }
        assert!(line_of("of no request").get("request_id").is_none());
        assert_eq!(
            lines.iter().filter(|line| line["message"] == "request").count(),
            2
        );
    }
}
