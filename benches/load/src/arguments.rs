//! The command line.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    Outcome, growth,
    limit::bare::Bare,
    offline,
    population::{Engine, Place, Size},
    postgres::Postgres,
    server,
    workload::Workload,
    wrk::Pressure,
    years,
};

/// Loads Mainstay, measures it against the limits of this machine, and says which goals hold.
#[derive(Debug, Parser)]
#[command(name = "load", args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Something else than a whole run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// A whole run.
    #[command(flatten)]
    pub run: Run,
}

/// What else there is.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// How the cost of W1 to W3 grows with what is stored. The seeds take some 20 GB and half an hour, once.
    Growth(growth::Run),
    /// How long 10 000 changes of one device take to push in batches and to pull in pages.
    Offline(offline::Run),
    /// How long the summary of five years takes (W7), as a run measures it too.
    Years(years::Run),
    /// The bare server, which a run starts by itself.
    #[command(hide = true)]
    Bare(Bare),
}

/// Where and on what.
#[derive(Debug, Args)]
pub struct Setting {
    /// Engines.
    #[arg(long, value_delimiter = ',', default_values = ["sqlite", "postgres"])]
    pub engine: Vec<Engine>,
    /// Where seeds, copies and the report are kept.
    #[arg(long, value_name = "DIR", default_value = "target/load")]
    pub data: PathBuf,
    /// Another binary of the server than the one just built, to compare two.
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub seconds: u32,
    /// Threads of wrk and pgbench.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
    /// People who are active.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub active: u32,
    /// The server for PostgreSQL; `scripts/load` starts one.
    #[arg(
        long,
        env = "MAINSTAY_TEST_POSTGRES_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub postgres_url: Option<String>,
}

impl Setting {
    /// Makes sure that no other run works on the same databases as long as the answer lives.
    pub fn take_turn(&self) -> Outcome<File> {
        fs::create_dir_all(&self.data)?;
        let lock = File::create(self.data.join("lock"))?;
        lock.try_lock()
            .map_err(|_taken| format!("another run uses {}", self.data.display()))?;
        Ok(lock)
    }

    /// The place of a seed.
    pub fn place(&self, engine: Engine, size: Size) -> Outcome<Place> {
        let postgres = self.postgres_url.as_deref().map(Postgres::at).transpose()?;
        Place::new(&std::path::absolute(&self.data)?, engine, size, postgres.as_ref())
    }

    /// The binary to measure.
    pub fn binary(&self) -> Outcome<PathBuf> {
        self.binary.clone().map_or_else(server::binary, Ok)
    }

    /// So many connections, as long and with as many threads as was said.
    pub fn pressure(&self, connections: u32) -> Pressure {
        Pressure {
            connections,
            seconds: self.seconds,
            threads: self.threads,
        }
    }
}

/// A run.
#[derive(Debug, Args)]
pub struct Run {
    /// Where and on what.
    #[command(flatten)]
    pub setting: Setting,
    /// How much is seeded.
    #[command(flatten)]
    pub size: Size,
    /// Workloads.
    #[arg(long, value_delimiter = ',', default_values = ["w1", "w2", "w3", "w4", "w5", "w6"])]
    pub only: Vec<Workload>,
    /// How often Mainstay and each limit take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// Connections; the turns are taken at 32.
    #[arg(long, value_delimiter = ',', default_values = ["32", "1", "256"])]
    pub connections: Vec<u32>,
    /// Measure Mainstay alone, without limits, starts and memory: for profiling.
    #[arg(long)]
    pub alone: bool,
    /// Leave out starts and memory.
    #[arg(long)]
    pub brief: bool,
    /// How busy the machine was before.
    #[arg(skip = load_average())]
    pub load_before: String,
}

impl Run {
    /// Those of the workloads that were asked for and are wanted.
    pub fn chosen(&self, wanted: impl Fn(Workload) -> bool) -> Vec<Workload> {
        let all = self.only.iter().copied();
        all.filter(|workload| wanted(*workload)).collect()
    }
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
