//! Measures how long a device takes to sync that was offline for long: it pushes ten thousand changes in batches,
//! pulls them in pages, and pushes them again.

use std::time::{Duration, Instant};

use clap::Args;
use mainstay_api::server::clock::Clock;
use mainstay_domain::record::json;
use serde_json::{Value, json};

use crate::{
    Outcome, content,
    population::{Engine, Person, SeedCopy, Size, active},
    random::Random,
    results::Latencies,
    seed,
    setting::Setting,
    target::LoadTarget,
};

/// The changes in a batch and on a page: the most that sync allows.
const SYNC_BATCH: usize = 500;
/// A seed that takes little time. Its size does not affect the sync of one person.
const SIZE: Size = Size {
    people: 1_000,
    check_ins: 10_000,
};

/// The options of `load offline`.
#[derive(Debug, Args)]
pub struct Options {
    /// The options that every command has.
    #[command(flatten)]
    pub setting: Setting,
    /// The number of changes.
    #[arg(long, default_value_t = 10_000)]
    pub changes: usize,
}

/// Measures push and pull on each engine.
pub fn run(options: &Options) -> Outcome {
    let _lock = options.setting.lock()?;
    for engine in &options.setting.engine {
        measure(options, *engine)?;
    }
    Ok(())
}

fn measure(options: &Options, engine: Engine) -> Outcome {
    let location = options.setting.location(engine, SIZE)?;
    let people = seed::ensure(&location)?;
    let active = active(&people, 1);
    let target = LoadTarget::start(&options.setting.binary()?, &location, &active)?;
    location.mark_written(SeedCopy::Served)?;
    let person = active.people.first().ok_or("nobody is active")?;
    let (latest, _) = sync(&target, person, &json!({ "limit": SYNC_BATCH }))?;
    let cursor = text(&latest, "cursor")?;
    let batches = new_batches(options.changes)?;
    let pushed = push(&target, person, &cursor, &batches, "applied")?;
    let pulled = pull(&target, person, cursor.clone(), options.changes)?;
    let pushed_again = push(&target, person, &cursor, &batches, "replayed")?;
    println!("{}", engine.name());
    print_latencies("push in batches", options.changes, &pushed);
    print_latencies("pull in pages", options.changes, &pulled);
    print_latencies("push again", options.changes, &pushed_again);
    target.server.stop()
}

/// New check-ins, in batches of changes.
fn new_batches(count: usize) -> Outcome<Vec<Vec<Value>>> {
    let (mut batches, mut random) = (Vec::new(), Random::new(11));
    let mut remaining = count;
    while remaining > 0 {
        let now = Clock::default().now();
        let batch = remaining.min(SYNC_BATCH);
        remaining -= batch;
        let changes = (0..batch).map(|_| {
            let record: Value = serde_json::from_slice(&json(&content::check_in(&mut random, now)))?;
            let id = random.id(now.timestamp_micros());
            Ok(json!({ "kind": "check-ins", "op": "upsert", "id": id, "record": record }))
        });
        batches.push(changes.collect::<Outcome<_>>()?);
    }
    Ok(batches)
}

/// Pushes batches, and checks that each change has the expected status.
fn push(
    target: &LoadTarget,
    person: &Person,
    cursor: &str,
    batches: &[Vec<Value>],
    expected: &str,
) -> Outcome<Latencies> {
    let mut latencies = Latencies::new();
    for changes in batches {
        let body = json!({ "cursor": cursor, "limit": 1, "changes": changes });
        let (response, latency) = sync(target, person, &body)?;
        let results = response
            .get("results")
            .and_then(Value::as_array)
            .ok_or("no results")?;
        if let Some(other) = results
            .iter()
            .find(|result| result.get("status") != Some(&json!(expected)))
        {
            return Err(format!("a change was not {expected}: {other}").into());
        }
        latencies.push(latency);
    }
    Ok(latencies)
}

/// Pulls all changes after a cursor in pages, and checks their number.
fn pull(target: &LoadTarget, person: &Person, mut cursor: String, count: usize) -> Outcome<Latencies> {
    let (mut latencies, mut pulled) = (Latencies::new(), 0);
    loop {
        let (response, latency) = sync(target, person, &json!({ "cursor": cursor, "limit": SYNC_BATCH }))?;
        latencies.push(latency);
        pulled += response
            .get("changes")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        cursor = text(&response, "cursor")?;
        if response.get("has_more") != Some(&Value::Bool(true)) {
            break;
        }
    }
    if pulled != count {
        return Err(format!("{pulled} changes were pulled of {count}").into());
    }
    Ok(latencies)
}

/// Sends a sync request. Returns the response and its latency.
fn sync(target: &LoadTarget, person: &Person, body: &Value) -> Outcome<(Value, Duration)> {
    let body = body.to_string();
    let token = target.token(person)?;
    let mut connection = target.connect()?;
    let started = Instant::now();
    let response = connection
        .send("POST", "/v1/sync", &token, Some(&body))?
        .expect(200)?;
    let latency = started.elapsed();
    Ok((serde_json::from_slice(&response.body)?, latency))
}

fn text(response: &Value, name: &str) -> Outcome<String> {
    let text = response.get(name).and_then(Value::as_str);
    Ok(text.ok_or("a member is missing")?.to_owned())
}

fn print_latencies(name: &str, changes: usize, latencies: &Latencies) {
    println!(
        "{name:<16} {changes} changes in {:.2} s; {SYNC_BATCH} at once: median {:.0} ms, longest {:.0} ms",
        latencies.total().as_secs_f64(),
        latencies.median().as_secs_f64() * 1000.0,
        latencies.longest().as_secs_f64() * 1000.0,
    );
}
