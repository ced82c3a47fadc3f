//! Measures W7: the summary that an app requests at every start, computed from five years of a detailed record.

use std::{path::Path, time::Instant};

use clap::Args;
use mainstay_api::{auth::access_token::Tokens, server::clock::Clock};
use serde_json::{Value, json};

use crate::{
    Outcome,
    five_years::{check_in, summarized_records, unrelated_records},
    http::{Connection, Response},
    population::{Person, SeedCopy, SeedLocation, Size, active},
    random::Random,
    report,
    results::{Latencies, SummaryLatencies},
    seed,
    server::Server,
    setting::Setting,
};

const PATH: &str = "/v1/insights/summary";
/// The most changes that one push may have.
const SYNC_BATCH: usize = 500;
/// The number of starts after which the first request is timed.
const STARTS: usize = 5;
/// The number of changes of the record, each followed by a request.
const CHANGES: usize = 50;
/// The number of requests while nothing changes.
const REPEATS: usize = 500;

/// The options of `load years`.
#[derive(Debug, Args)]
pub struct Options {
    /// The options that every command has.
    #[command(flatten)]
    pub setting: Setting,
    /// The size of the seed.
    #[command(flatten)]
    pub size: Size,
}

/// Measures the summary alone, on each engine.
pub fn run(options: &Options) -> Outcome {
    let setting = &options.setting;
    let _lock = setting.lock()?;
    for engine in &setting.engine {
        let location = setting.location(*engine, options.size)?;
        let people = seed::ensure(&location)?;
        location.make_copy(SeedCopy::Served)?;
        let latencies = measure(&setting.binary()?, &location, &people)?;
        println!("{}", report::summary(*engine, &latencies));
    }
    Ok(())
}

/// A connection of one person, who is signed in.
struct Client {
    connection: Connection,
    token: String,
}

impl Client {
    fn open(server: &Server, tokens: &Tokens, person: &Person) -> Outcome<Self> {
        let now = Clock::default().now();
        Ok(Self {
            connection: Connection::open(server.address)?,
            token: tokens.issue(
                person.account,
                person.session,
                mainstay_domain::account::Role::Person,
                now,
            )?,
        })
    }

    /// Requests the summary, with an entity tag if there is one, and adds the latency.
    fn get_summary(&mut self, tag: Option<&str>, latencies: &mut Latencies) -> Outcome<Response> {
        let headers: Vec<(&str, &str)> = tag.map(|tag| ("if-none-match", tag)).into_iter().collect();
        let started = Instant::now();
        let response = self
            .connection
            .send_with("GET", PATH, &self.token, &headers, None)?;
        latencies.push(started.elapsed());
        response.expect(if tag.is_some() { 304 } else { 200 })
    }

    fn post(&mut self, path: &str, body: &Value, status: u16) -> Outcome<Response> {
        let body = body.to_string();
        let response = self.connection.send("POST", path, &self.token, Some(&body))?;
        response.expect(status)
    }

    fn push(&mut self, changes: &[Value]) -> Outcome {
        let response = self.post("/v1/sync", &json!({ "limit": 1, "changes": changes }), 200)?;
        let response: Value = serde_json::from_slice(&response.body)?;
        let mut results = response
            .get("results")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        match results.find(|result| result.get("status") != Some(&json!("applied"))) {
            Some(refused) => Err(format!("a change was not applied: {refused}").into()),
            None => Ok(()),
        }
    }
}

/// Pushes five years of records for a person whom no other workload uses, then requests the summary in each state of
/// client and server.
pub fn measure(binary: &Path, location: &SeedLocation, people: &[Person]) -> Outcome<SummaryLatencies> {
    let tokens = Tokens::new(
        &std::fs::read_to_string(location.file("signing.pem"))?,
        "mainstay",
    )?;
    let busy = active(people, 500).people;
    let person = people.iter().find(|person| !busy.contains(person));
    let person = person.ok_or("everyone is active")?;
    let now = Clock::default().now();
    let mut random = Random::new(7);
    let summarized = summarized_records(&mut random, now);
    let unrelated = unrelated_records(&mut Random::new(11), now);

    location.mark_written(SeedCopy::Served)?;
    let server = Server::mainstay(binary, location)?;
    let mut client = Client::open(&server, &tokens, person)?;
    for batch in summarized.chunks(SYNC_BATCH).chain(unrelated.chunks(SYNC_BATCH)) {
        client.push(batch)?;
    }
    drop(client);
    server.stop()?;

    let [mut first, mut changed, mut again, mut unchanged] = [const { Latencies::new() }; 4];
    for _ in 0..STARTS {
        let server = Server::mainstay(binary, location)?;
        Client::open(&server, &tokens, person)?.get_summary(None, &mut first)?;
        server.stop()?;
    }
    let server = Server::mainstay(binary, location)?;
    let mut client = Client::open(&server, &tokens, person)?;
    let mut tag = tag_of(&client.get_summary(None, &mut Latencies::new())?)?;
    for _ in 0..CHANGES {
        let at = Clock::default().now();
        client.post("/v1/check-ins", &check_in(&mut random, at, "momentary"), 201)?;
        tag = tag_of(&client.get_summary(None, &mut changed)?)?;
    }
    for _ in 0..REPEATS {
        client.get_summary(None, &mut again)?;
        client.get_summary(Some(&tag), &mut unchanged)?;
    }
    server.stop()?;
    Ok(SummaryLatencies {
        records: summarized.len(),
        first,
        changed,
        again,
        unchanged,
    })
}

fn tag_of(response: &Response) -> Outcome<String> {
    let tag = response.headers.iter().find(|(name, _)| name == "etag");
    Ok(tag.ok_or("a summary without an entity tag")?.1.clone())
}
