//! The server under load: starts Mainstay on a seed, runs workloads on it and measures their cost.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mainstay_api::{auth::access_token::Tokens, server::clock::Clock};
use mainstay_domain::{account::Role, record::json};
use serde_json::Value;

use crate::{
    Outcome, content,
    http::{Connection, Response},
    population::{Active, Person, SeedCopy, SeedLocation},
    postgres::Postgres,
    process::{Memory, children_cpu, cpu, memory},
    random::Random,
    server::Server,
    workload::Workload,
    wrk::{self, ClientFigures, LoadLevel},
};

/// The age at which access tokens are issued anew. They are valid for ten minutes.
const TOKEN_AGE: Duration = Duration::from_mins(5);
/// The pause after a workload that writes, so that its checkpoint does not fall into the next measurement.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(1500);

/// The figures of one run of a workload.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// The figures that the clients measured.
    pub figures: ClientFigures,
    /// Processor time of the server for each request.
    pub cpu: Duration,
    /// Processor time of PostgreSQL for each request.
    pub backend_cpu: Option<Duration>,
    /// Memory of the server: the highest during the run, and the highest since the start.
    pub memory: Memory,
}

/// A server with the people who send it requests.
pub struct LoadTarget {
    location: SeedLocation,
    active: Active,
    /// The running server.
    pub server: Server,
    backends: Option<u32>,
    tokens: Tokens,
    cursors: Vec<String>,
    tokens_issued_at: Option<Instant>,
}

impl LoadTarget {
    /// Starts the server on its copy of a seed.
    pub fn start(binary: &Path, location: &SeedLocation, active: &Active) -> Outcome<Self> {
        location.make_copy(SeedCopy::Served)?;
        fs::write(location.file("workload.lua"), include_str!("workload.lua"))?;
        let server = Server::mainstay(binary, location)?;
        println!(
            "{}: server {} (process {}) on {}",
            location.engine.name(),
            binary.display(),
            server.process(),
            server.address
        );
        let signing = fs::read_to_string(location.file("signing.pem"))?;
        let target = Self {
            location: location.clone(),
            active: active.clone(),
            server,
            backends: location.postgres.as_ref().map(Postgres::process).transpose()?,
            tokens: Tokens::new(&signing, "mainstay")?,
            cursors: Vec::new(),
            tokens_issued_at: None,
        };
        target.check_seed()?;
        Ok(target)
    }

    /// Checks that the responses of W2 and W3 have the expected size.
    fn check_seed(&self) -> Outcome {
        let person = self.active.people.first().ok_or("nobody is active")?;
        let mut connection = Connection::open(self.server.address)?;
        let mut get = |path: &str| -> Outcome<Value> {
            let response = connection.send("GET", path, &self.token(person)?, None)?;
            Ok(serde_json::from_slice(&response.expect(200)?.body)?)
        };
        let count = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_array).map(Vec::len);
        let plan = get("/v1/plans/active?kind=relapse_prevention")?;
        let list = get("/v1/check-ins?limit=30")?;
        let found = [
            count(&plan, "/content/triggers"),
            count(&plan, "/contacts"),
            count(&list, "/items"),
        ];
        let check_ins = usize::try_from(self.location.size.check_ins / self.location.size.people)?;
        let expected = [10, 5, check_ins.min(30)].map(Some);
        if found == expected {
            Ok(())
        } else {
            Err(format!("the seed gives {found:?} triggers, contacts and check-ins, not {expected:?}").into())
        }
    }

    /// The location of the seed that it serves.
    pub const fn location(&self) -> &SeedLocation {
        &self.location
    }

    /// Opens a client connection.
    pub fn connect(&self) -> Outcome<Connection> {
        Connection::open(self.server.address)
    }

    /// Issues an access token.
    pub fn token(&self, person: &Person) -> Outcome<String> {
        let now = Clock::default().now();
        Ok(self
            .tokens
            .issue(person.account, person.session, Role::Person, now)?)
    }

    /// Writes the file that the script of wrk reads, unless its tokens are still fresh. Returns its path.
    pub fn people_file(&mut self) -> Outcome<PathBuf> {
        let file = self.location.file("people.tsv");
        if self.tokens_issued_at.is_some_and(|at| at.elapsed() < TOKEN_AGE) {
            return Ok(file);
        }
        let now = Clock::default().now();
        let mut random = Random::new(3);
        let mut text = String::new();
        for (n, person) in self.active.people.iter().enumerate() {
            let cursor = self.cursors.get(n).map_or("", String::as_str);
            writeln!(
                text,
                "{}\t{}\t{}\t{cursor}",
                self.token(person)?,
                String::from_utf8(json(&content::check_in(&mut random, now)))?,
                String::from_utf8(json(&content::craving(&mut random, now)))?,
            )?;
        }
        fs::write(&file, text)?;
        self.tokens_issued_at = Some(Instant::now());
        Ok(file)
    }

    /// Fetches a sync cursor for each person. More than 20 changes follow it, so that every pull is the same work.
    pub fn fetch_cursors(&mut self) -> Outcome {
        let mut connection = Connection::open(self.server.address)?;
        let mut cursors = Vec::with_capacity(self.active.people.len());
        for person in &self.active.people {
            let token = self.token(person)?;
            let response = connection.send("POST", "/v1/sync", &token, Some(r#"{"limit":20}"#))?;
            let response: Value = serde_json::from_slice(&response.expect(200)?.body)?;
            let cursor = response.get("cursor").and_then(Value::as_str);
            cursors.push(cursor.ok_or("sync returned no cursor")?.to_owned());
        }
        self.cursors = cursors;
        self.tokens_issued_at = None;
        Ok(())
    }

    /// Requests a path for each active person and returns the responses.
    pub fn responses(&self, path: &str) -> Outcome<Vec<(Person, Response)>> {
        let mut connection = Connection::open(self.server.address)?;
        let people = self.active.people.iter();
        people
            .map(|person| {
                let response = connection.send("GET", path, &self.token(person)?, None)?;
                Ok((*person, response.expect(200)?))
            })
            .collect()
    }

    /// Sends requests that read for a short time, to fill the caches before the first measurement.
    pub fn warm_up(&mut self) -> Outcome {
        let short = LoadLevel {
            connections: 32,
            seconds: 1,
            threads: 1,
        };
        for workload in [Workload::W2, Workload::W3] {
            self.run_workload(workload, short)?;
        }
        Ok(())
    }

    /// Runs a workload and measures its cost. Fails if requests that write added too few rows.
    pub fn run_workload(&mut self, workload: Workload, load_level: LoadLevel) -> Outcome<Measurement> {
        if workload == Workload::W5 && self.cursors.is_empty() {
            self.fetch_cursors()?;
        }
        if workload.writes() {
            self.location.mark_written(SeedCopy::Served)?;
        }
        let people = self.people_file()?;
        self.run_on(workload, &people, load_level)
    }

    /// Runs a workload with the people of a file, as [`Self::run_workload`].
    pub fn run_on(
        &mut self,
        workload: Workload,
        people: &Path,
        load_level: LoadLevel,
    ) -> Outcome<Measurement> {
        let rows_before = self.location.last_record(SeedCopy::Served)?;
        let process = self.server.process();
        let cpu_used = || cpu(process);
        let backends = self.backends;
        let backends_used = || backends.map(children_cpu).transpose();
        let (cpu_before, backends_before) = (cpu_used()?, backends_used()?);
        let mut peak = 0;
        let figures = wrk::run(
            &self.location.file("workload.lua"),
            &[
                people.to_str().ok_or("a path that is not UTF-8")?,
                workload.name(),
            ],
            self.server.address,
            load_level,
            || {
                peak = peak.max(memory(process)?.now);
                Ok(())
            },
        )
        .map_err(|error| format!("{}: {error}", workload.title()))?;
        let requests = u32::try_from(figures.requests)?;
        let backend_cpu = backends_used()?
            .zip(backends_before)
            .map(|(after, before)| after.saturating_sub(before) / requests);
        let measured = Measurement {
            figures,
            cpu: cpu_used()?.saturating_sub(cpu_before) / requests,
            backend_cpu,
            memory: Memory {
                now: peak,
                ..memory(process)?
            },
        };
        let added = self.location.last_record(SeedCopy::Served)? - rows_before;
        if (added as f64) < workload.rows() * figures.requests as f64 {
            let error = format!(
                "{}: {} requests added {added} rows",
                workload.title(),
                figures.requests
            );
            return Err(error.into());
        }
        if workload.writes() {
            std::thread::sleep(CHECKPOINT_PAUSE);
        }
        Ok(measured)
    }
}
