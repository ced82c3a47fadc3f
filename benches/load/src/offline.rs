//! How long it takes a device that was away for long: ten thousand changes are pushed in batches and pulled in pages.

use std::time::{Duration, Instant};

use clap::Args;
use mainstay_api::server::clock::Clock;
use mainstay_domain::record::json;
use serde_json::{Value, json};

use crate::{
    Outcome,
    arguments::Setting,
    content,
    population::{Copy, Engine, Person, Size, active},
    random::Random,
    seed,
    subject::Subject,
};

/// Changes in a batch and on a page: the most that sync takes.
const AT_ONCE: usize = 500;
/// A seed that is quickly made; what one person syncs does not depend on it.
const SIZE: Size = Size {
    people: 1_000,
    check_ins: 10_000,
};

/// The options.
#[derive(Debug, Args)]
pub struct Run {
    /// Where and on what.
    #[command(flatten)]
    pub setting: Setting,
    /// Changes.
    #[arg(long, default_value_t = 10_000)]
    pub changes: usize,
}

/// Measures a push and a pull on each engine.
pub fn run(run: &Run) -> Outcome {
    let _turn = run.setting.take_turn()?;
    for engine in &run.setting.engine {
        measure(run, *engine)?;
    }
    Ok(())
}

fn measure(run: &Run, engine: Engine) -> Outcome {
    let place = run.setting.place(engine, SIZE)?;
    let people = seed::ensure(&place)?;
    let active = active(&people, 1);
    let subject = Subject::start(&run.setting.binary()?, &place, &active)?;
    place.is_written_to(Copy::Served)?;
    let person = active.people.first().ok_or("nobody is active")?;
    let since = sync(&subject, person, &json!({ "limit": AT_ONCE }))?;
    let mut cursor = text(&since.0, "cursor")?;
    let (mut pushes, mut random) = (Vec::new(), Random::new(11));
    let mut left = run.changes;
    while left > 0 {
        let now = Clock::default().now();
        let many = left.min(AT_ONCE);
        left -= many;
        let changes: Vec<Value> = (0..many)
            .map(|_| {
                let record: Value = serde_json::from_slice(&json(&content::check_in(&mut random, now)))?;
                let id = random.id(now.timestamp_micros());
                Ok(json!({ "kind": "check-ins", "op": "upsert", "id": id, "record": record }))
            })
            .collect::<Outcome<_>>()?;
        let (answer, took) = sync(
            &subject,
            person,
            &json!({ "cursor": cursor, "limit": 1, "changes": changes }),
        )?;
        let results = answer
            .get("results")
            .and_then(Value::as_array)
            .ok_or("no results")?;
        if !results
            .iter()
            .all(|result| result.get("status") == Some(&json!("applied")))
        {
            return Err("a change was not applied".into());
        }
        pushes.push(took);
    }
    let (mut pulls, mut pulled) = (Vec::new(), 0);
    loop {
        let (answer, took) = sync(&subject, person, &json!({ "cursor": cursor, "limit": AT_ONCE }))?;
        pulls.push(took);
        pulled += answer
            .get("changes")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        cursor = text(&answer, "cursor")?;
        if answer.get("has_more") != Some(&Value::Bool(true)) {
            break;
        }
    }
    if pulled != run.changes {
        return Err(format!("{pulled} changes were pulled of {}", run.changes).into());
    }
    println!("{}", engine.name());
    say("push in batches", run.changes, &mut pushes);
    say("pull in pages", run.changes, &mut pulls);
    subject.server.stop()
}

/// The answer to a sync, and how long it took.
fn sync(subject: &Subject, person: &Person, body: &Value) -> Outcome<(Value, Duration)> {
    let body = body.to_string();
    let token = subject.token(person)?;
    let mut connection = subject.connect()?;
    let started = Instant::now();
    let answer = connection
        .send("POST", "/v1/sync", &token, Some(&body))?
        .expect(200)?;
    let took = started.elapsed();
    Ok((serde_json::from_slice(&answer.body)?, took))
}

fn text(answer: &Value, name: &str) -> Outcome<String> {
    let text = answer.get(name).and_then(Value::as_str);
    Ok(text.ok_or("a member is missing")?.to_owned())
}

fn say(what: &str, changes: usize, took: &mut [Duration]) {
    took.sort_unstable();
    let all: Duration = took.iter().sum();
    let middle = took.get(took.len() / 2).copied().unwrap_or_default();
    let longest = took.last().copied().unwrap_or_default();
    println!(
        "{what:<16} {changes} changes in {:.2} s; {AT_ONCE} at once: median {:.0} ms, longest {:.0} ms",
        all.as_secs_f64(),
        middle.as_secs_f64() * 1000.0,
        longest.as_secs_f64() * 1000.0,
    );
}
