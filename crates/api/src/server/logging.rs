//! Log lines, for people or for programs. Nothing that a person wrote, and nothing that names them, is ever logged.

mod line_buffer;

use std::io::Write;

use chrono::SecondsFormat;
use env_logger::{Builder, Target, fmt::Formatter};
use log::{
    Level, Record,
    kv::{Error, Key, Value, VisitSource},
};
use serde_json::{Map, json};

use self::line_buffer::{LastLines, Lines};
use crate::{cli::settings::LogFormat, server::clock::Clock};

/// Starts logging to standard error; a second call changes nothing. What has not been written when the answer is
/// dropped is written then.
#[must_use = "the last lines are written when it is dropped"]
pub fn start(filter: &str, format: LogFormat) -> LastLines {
    let clock = Clock::default();
    let mut builder = Builder::new();
    builder.parse_filters(filter);
    let lines = Lines::to(std::io::stderr()).ok();
    if let Some(lines) = lines.clone() {
        builder.target(Target::Pipe(Box::new(lines)));
    }
    let in_a_hurry = lines.clone();
    builder.format(move |out, record| {
        if let Some(lines) = in_a_hurry.as_ref().filter(|_| record.level() <= Level::Warn) {
            lines.hurry();
        }
        let at = clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
        match format {
            LogFormat::Text => text(out, &at, record),
            LogFormat::Json => object(out, &at, record),
        }
    });
    // Tests start several applications in one process: the first one's format stays.
    let _ = builder.try_init();
    LastLines(lines)
}

fn text(out: &mut Formatter, at: &str, record: &Record<'_>) -> std::io::Result<()> {
    write!(
        out,
        "{at} {:5} {} {}",
        record.level(),
        record.target(),
        record.args()
    )?;
    // The visitor fails where writing does, which the next write tells too.
    let _ = record.key_values().visit(&mut PairsAsText(out));
    writeln!(out)
}

struct PairsAsText<'a>(&'a mut Formatter);

impl<'kvs> VisitSource<'kvs> for PairsAsText<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        write!(self.0, " {key}={value}").map_err(Error::boxed)
    }
}

fn object(out: &mut Formatter, at: &str, record: &Record<'_>) -> std::io::Result<()> {
    let mut pairs = Pairs::default();
    let _ = record.key_values().visit(&mut pairs);
    let mut line = Map::from_iter([
        ("at".to_owned(), json!(at)),
        ("level".to_owned(), json!(record.level().as_str())),
        ("target".to_owned(), json!(record.target())),
        ("message".to_owned(), json!(record.args().to_string())),
    ]);
    line.extend(pairs.0);
    writeln!(out, "{}", serde_json::Value::Object(line))
}

#[derive(Default)]
struct Pairs(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = value
            .to_u64()
            .map_or_else(|| json!(value.to_string()), |number| json!(number));
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}
