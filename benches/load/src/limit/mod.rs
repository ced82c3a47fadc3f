//! The limits: the same work without Mainstay, as near to the machine as it goes.

use std::path::PathBuf;

use crate::{
    Outcome,
    population::{Active, Copy, Engine, Place},
    server::Server,
    subject::Subject,
    workload::Workload,
    wrk::{self, Pressure},
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
    /// The same by two threads at once.
    RawSelectTwice,
    /// An actix-web server that checks the token and gives the same bytes from memory.
    Bare,
    /// The counter update and the insert in one statement, by pgbench.
    PgInsert,
    /// The row of the active plan, by pgbench.
    PgPlan,
    /// The latest 30 rows, by pgbench.
    PgSelect,
}

impl Limit {
    /// What there is to measure a workload against.
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

    /// What it is.
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

/// What measures limits beside a server.
pub struct Limits {
    place: Place,
    active: Active,
    sealed_bytes: usize,
    bare: Option<Server>,
}

impl Limits {
    /// Prepares the copy that the raw limits are measured on.
    pub fn prepare(place: &Place, active: &Active) -> Outcome<Self> {
        place.make_copy(Copy::Raw)?;
        let sealed_bytes = match &place.postgres {
            None => sqlite::sealed_bytes(&place.copy_file(Copy::Raw))?,
            Some(postgres) => pgbench::sealed_bytes(postgres, &place.database("raw"))?,
        };
        Ok(Self {
            place: place.clone(),
            active: active.clone(),
            sealed_bytes,
            bare: None,
        })
    }

    /// Runs the work of a limit and gives its rate: inserts, selects or requests a second.
    pub fn measure(&mut self, limit: Limit, subject: &mut Subject, pressure: Pressure) -> Outcome<f64> {
        let (place, active) = (&self.place, &self.active);
        let file = place.copy_file(Copy::Raw);
        let rate = match limit {
            Limit::RawInsert => {
                place.is_written_to(Copy::Raw)?;
                sqlite::inserts(&file, active, self.sealed_bytes, pressure.seconds)
            }
            Limit::RawSelect => sqlite::selects(&file, active, 1, pressure.seconds),
            Limit::RawSelectTwice => sqlite::selects(&file, active, 2, pressure.seconds),
            Limit::Bare => self.bare(subject, pressure),
            Limit::PgInsert | Limit::PgPlan | Limit::PgSelect => {
                if limit == Limit::PgInsert {
                    place.is_written_to(Copy::Raw)?;
                }
                pgbench::rate(place, active, limit, self.sealed_bytes, pressure)
            }
        };
        rate.map_err(|error| format!("{}: {error}", limit.title()).into())
    }

    fn bare(&mut self, subject: &mut Subject, pressure: Pressure) -> Outcome<f64> {
        let bare = match &mut self.bare {
            Some(bare) => bare,
            none => {
                let answers: PathBuf = self.place.file("bare.json");
                let plans = subject.answers("/v1/plans/active?kind=relapse_prevention")?;
                bare::write_answers(&answers, &plans)?;
                none.insert(Server::bare(&answers, &self.place)?)
            }
        };
        let people = subject.people_file()?;
        let seen = wrk::run(
            &self.place.file("workload.lua"),
            &[
                people.to_str().ok_or("a path that is no text")?,
                Workload::W2.name(),
            ],
            bare.address,
            pressure,
            || Ok(()),
        )?;
        Ok(seen.rate())
    }
}
