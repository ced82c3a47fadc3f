//! Log lines, for people or for programs. Nothing that a person wrote, and nothing that names them, is ever logged.

use std::io::Write;

use chrono::SecondsFormat;
use env_logger::{Builder, fmt::Formatter};
use log::{
    Record,
    kv::{Error, Key, Value, VisitSource},
};
use serde_json::{Map, json};

use crate::{clock::Clock, settings::LogFormat};

/// Starts logging; a second call changes nothing.
pub fn start(filter: &str, format: LogFormat) {
    let clock = Clock::default();
    let mut builder = Builder::new();
    builder.parse_filters(filter);
    builder.format(move |out, record| {
        let at = clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
        match format {
            LogFormat::Text => text(out, &at, record),
            LogFormat::Json => object(out, &at, record),
        }
    });
    // Tests start several applications in one process: the first one's format stays.
    let _ = builder.try_init();
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
