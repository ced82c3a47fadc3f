//! The limits: the work of a workload without Mainstay, with as little as possible above the machine.

use std::path::PathBuf;

use crate::{
    Outcome,
    population::{Active, Engine, SeedCopy, SeedLocation},
    server::Server,
    target::LoadTarget,
    workload::Workload,
    wrk::{self, LoadLevel},
};

pub mod bare;
mod pgbench;
mod sqlite;

/// A limit that a workload is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Inserts into SQLite with the counter update, 32 in a transaction.
    RawInsert,
    /// Selects of the latest 30 rows from SQLite, by one thread.
    RawSelect,
    /// The same by two threads.
    RawSelectTwice,
    /// An actix-web server that checks the token and sends the same bytes from memory.
    Bare,
    /// The counter update and the insert in one statement, by pgbench.
    PgInsert,
    /// The row of the active plan, by pgbench.
    PgPlan,
    /// The latest 30 rows, by pgbench.
    PgSelect,
}

impl Limit {
    /// The limits that a workload is measured against.
    pub const fn of(engine: Engine, workload: Workload) -> &'static [Self] {
        match (engine, workload) {
            (Engine::Sqlite, Workload::W1) => &[Self::RawInsert],
            (Engine::Sqlite, Workload::W3) => &[Self::RawSelect, Self::RawSelectTwice],
            (Engine::Sqlite, Workload::W2) => &[Self::Bare],
            (Engine::Postgres, Workload::W1) => &[Self::PgInsert],
            (Engine::Postgres, Workload::W2) => &[Self::Bare, Self::PgPlan],
            (Engine::Postgres, Workload::W3) => &[Self::PgSelect],
            _ => &[],
        }
    }

    /// A title for tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::RawInsert => "raw SQLite inserts, 32 in a transaction",
            Self::RawSelect => "raw SQLite select of 30, one thread",
            Self::RawSelectTwice => "raw SQLite select of 30, two threads",
            Self::Bare => "bare actix-web, same bytes and token",
            Self::PgInsert => "pgbench insert",
            Self::PgPlan => "pgbench point select",
            Self::PgSelect => "pgbench select of 30",
        }
    }
}

/// Measures limits while a server runs.
pub struct Limits {
    location: SeedLocation,
    active: Active,
    sealed_bytes: usize,
    bare: Option<Server>,
}

impl Limits {
    /// Prepares the copy on which the raw limits are measured.
    pub fn prepare(location: &SeedLocation, active: &Active) -> Outcome<Self> {
        location.make_copy(SeedCopy::Raw)?;
        let sealed_bytes = match &location.postgres {
            None => sqlite::sealed_bytes(&location.copy_file(SeedCopy::Raw))?,
            Some(postgres) => pgbench::sealed_bytes(postgres, &location.database("raw"))?,
        };
        Ok(Self {
            location: location.clone(),
            active: active.clone(),
            sealed_bytes,
            bare: None,
        })
    }

    /// Runs the work of a limit. Returns inserts, selects or requests a second.
    pub fn measure(&mut self, limit: Limit, target: &mut LoadTarget, load_level: LoadLevel) -> Outcome<f64> {
        let (location, active) = (&self.location, &self.active);
        let file = location.copy_file(SeedCopy::Raw);
        let rate = match limit {
            Limit::RawInsert => {
                location.mark_written(SeedCopy::Raw)?;
                sqlite::inserts(&file, active, self.sealed_bytes, load_level.seconds)
            }
            Limit::RawSelect => sqlite::selects(&file, active, 1, load_level.seconds),
            Limit::RawSelectTwice => sqlite::selects(&file, active, 2, load_level.seconds),
            Limit::Bare => self.bare(target, load_level),
            Limit::PgInsert | Limit::PgPlan | Limit::PgSelect => {
                if limit == Limit::PgInsert {
                    location.mark_written(SeedCopy::Raw)?;
                }
                pgbench::rate(location, active, limit, self.sealed_bytes, load_level)
            }
        };
        rate.map_err(|error| format!("{}: {error}", limit.title()).into())
    }

    fn bare(&mut self, target: &mut LoadTarget, load_level: LoadLevel) -> Outcome<f64> {
        let bare = match &mut self.bare {
            Some(bare) => bare,
            not_started => {
                let responses: PathBuf = self.location.file("bare.json");
                let plans = target.responses("/v1/plans/active?kind=relapse_prevention")?;
                bare::write_responses(&responses, &plans)?;
                not_started.insert(Server::bare(&responses, &self.location)?)
            }
        };
        let people = target.people_file()?;
        let figures = wrk::run(
            &self.location.file("workload.lua"),
            &[
                people.to_str().ok_or("a path that is not UTF-8")?,
                Workload::W2.name(),
            ],
            bare.address,
            load_level,
            || Ok(()),
        )?;
        Ok(figures.rate())
    }
}
