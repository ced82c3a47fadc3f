//! Mainstay under load: the server, those who use it, and what it costs.

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
    http::{Answer, Connection},
    population::{Active, Copy, Person, Place},
    postgres::Postgres,
    process::{Memory, children_cpu, cpu, memory},
    random::Random,
    server::Server,
    workload::Workload,
    wrk::{self, Pressure, Seen},
};

/// Access tokens are made anew after this time; they are good for ten minutes.
const FRESH: Duration = Duration::from_mins(5);
/// What is written shortly before a measurement shall not be folded back within it.
const SETTLE: Duration = Duration::from_millis(1500);

/// What one run of a workload found.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// What the clients saw.
    pub seen: Seen,
    /// Processor time of the server for each request.
    pub cpu: Duration,
    /// Processor time of PostgreSQL for each request.
    pub backend_cpu: Option<Duration>,
    /// Memory of the server: the most at one moment of the run, and the most ever.
    pub memory: Memory,
}

/// A server with those who use it.
pub struct Subject {
    place: Place,
    active: Active,
    /// The server.
    pub server: Server,
    backends: Option<u32>,
    tokens: Tokens,
    cursors: Vec<String>,
    minted: Option<Instant>,
}

impl Subject {
    /// Starts the server on its copy of a seed.
    pub fn start(binary: &Path, place: &Place, active: &Active) -> Outcome<Self> {
        place.make_copy(Copy::Served)?;
        fs::write(place.file("workload.lua"), include_str!("workload.lua"))?;
        let server = Server::mainstay(binary, place)?;
        println!(
            "{}: server {} (process {}) on {}",
            place.engine.name(),
            binary.display(),
            server.process(),
            server.address
        );
        let signing = fs::read_to_string(place.file("signing.pem"))?;
        let subject = Self {
            place: place.clone(),
            active: active.clone(),
            server,
            backends: place.postgres.as_ref().map(Postgres::process).transpose()?,
            tokens: Tokens::new(&signing, "mainstay")?,
            cursors: Vec::new(),
            minted: None,
        };
        subject.look()?;
        Ok(subject)
    }

    /// Makes sure that what is read has the size that it should have.
    fn look(&self) -> Outcome {
        let person = self.active.people.first().ok_or("nobody is active")?;
        let mut connection = Connection::open(self.server.address)?;
        let mut get = |path: &str| -> Outcome<Value> {
            let answer = connection.send("GET", path, &self.token(person)?, None)?;
            Ok(serde_json::from_slice(&answer.expect(200)?.body)?)
        };
        let count = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_array).map(Vec::len);
        let plan = get("/v1/plans/active?kind=relapse_prevention")?;
        let list = get("/v1/check-ins?limit=30")?;
        let found = [
            count(&plan, "/content/triggers"),
            count(&plan, "/contacts"),
            count(&list, "/items"),
        ];
        let each = usize::try_from(self.place.size.check_ins / self.place.size.people)?;
        let expected = [10, 5, each.min(30)].map(Some);
        if found == expected {
            Ok(())
        } else {
            Err(format!("the seed gives {found:?} triggers, contacts and check-ins, not {expected:?}").into())
        }
    }

    /// What it serves.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// A connection of a client.
    pub fn connect(&self) -> Outcome<Connection> {
        Connection::open(self.server.address)
    }

    /// A fresh access token.
    pub fn token(&self, person: &Person) -> Outcome<String> {
        let now = Clock::default().now();
        Ok(self
            .tokens
            .issue(person.account, person.session, Role::Person, now)?)
    }

    /// The file that the script reads, with tokens that stay good for minutes.
    pub fn people_file(&mut self) -> Outcome<PathBuf> {
        let file = self.place.file("people.tsv");
        if self.minted.is_some_and(|at| at.elapsed() < FRESH) {
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
        self.minted = Some(Instant::now());
        Ok(file)
    }

    /// Gets from the server what the script needs to sync: for each person a cursor behind which more than 20
    /// changes lie, so that every pull is the same work.
    pub fn fetch_cursors(&mut self) -> Outcome {
        let mut connection = Connection::open(self.server.address)?;
        let mut cursors = Vec::with_capacity(self.active.people.len());
        for person in &self.active.people {
            let token = self.token(person)?;
            let answer = connection.send("POST", "/v1/sync", &token, Some(r#"{"limit":20}"#))?;
            let answer: Value = serde_json::from_slice(&answer.expect(200)?.body)?;
            let cursor = answer.get("cursor").and_then(Value::as_str);
            cursors.push(cursor.ok_or("sync gave no cursor")?.to_owned());
        }
        self.cursors = cursors;
        self.minted = None;
        Ok(())
    }

    /// The answer to `GET` of each active person.
    pub fn answers(&self, path: &str) -> Outcome<Vec<(Person, Answer)>> {
        let mut connection = Connection::open(self.server.address)?;
        let people = self.active.people.iter();
        people
            .map(|person| {
                let answer = connection.send("GET", path, &self.token(person)?, None)?;
                Ok((*person, answer.expect(200)?))
            })
            .collect()
    }

    /// Reads a little, so that the first measurement finds the caches as all later ones do.
    pub fn warm_up(&mut self) -> Outcome {
        let short = Pressure {
            connections: 32,
            seconds: 1,
            threads: 1,
        };
        for workload in [Workload::W2, Workload::W3] {
            self.press(workload, short)?;
        }
        Ok(())
    }

    /// Runs a workload.
    pub fn press(&mut self, workload: Workload, pressure: Pressure) -> Outcome<Measured> {
        if workload == Workload::W5 && self.cursors.is_empty() {
            self.fetch_cursors()?;
        }
        if workload.writes() {
            self.place.is_written_to(Copy::Served)?;
        }
        let rows_before = self.place.last_record(Copy::Served)?;
        let people = self.people_file()?;
        let process = self.server.process();
        let used = || cpu(process);
        let backends = self.backends;
        let backends_used = || backends.map(children_cpu).transpose();
        let (before, backends_before) = (used()?, backends_used()?);
        let mut most = 0;
        let seen = wrk::run(
            &self.place.file("workload.lua"),
            &[people.to_str().ok_or("a path that is no text")?, workload.name()],
            self.server.address,
            pressure,
            || {
                most = most.max(memory(process)?.now);
                Ok(())
            },
        )
        .map_err(|error| format!("{}: {error}", workload.title()))?;
        let requests = u32::try_from(seen.requests)?;
        let backend_cpu = backends_used()?
            .zip(backends_before)
            .map(|(after, before)| after.saturating_sub(before) / requests);
        let measured = Measured {
            seen,
            cpu: used()?.saturating_sub(before) / requests,
            backend_cpu,
            memory: Memory {
                now: most,
                ..memory(process)?
            },
        };
        let added = self.place.last_record(Copy::Served)? - rows_before;
        if (added as f64) < workload.rows() * seen.requests as f64 {
            let few = format!(
                "{}: {} requests added {added} rows",
                workload.title(),
                seen.requests
            );
            return Err(few.into());
        }
        if workload.writes() {
            std::thread::sleep(SETTLE);
        }
        Ok(measured)
    }
}
