//! The command-line options that several commands share, and those of a whole run.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use clap::Args;

use crate::{
    Outcome,
    population::{Engine, SeedLocation, Size},
    postgres::Postgres,
    server,
    workload::Workload,
    wrk::LoadLevel,
};

/// The number of connections at which Mainstay is compared with the limits.
pub const COMPARED_AT: u32 = 32;

/// The options that every command has.
#[derive(Debug, Args)]
pub struct Setting {
    /// Engines to measure.
    #[arg(long, value_delimiter = ',', default_values = ["sqlite", "postgres"])]
    pub engine: Vec<Engine>,
    /// The directory for seeds, their copies and the report.
    #[arg(long, value_name = "DIR", default_value = "target/load")]
    pub data: PathBuf,
    /// A server binary to measure instead of the one just built, to compare two.
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// The length of each measurement in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub seconds: u32,
    /// The number of threads of wrk and pgbench.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
    /// The number of people who send requests.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub active: u32,
    /// The PostgreSQL server; `scripts/load` starts one.
    #[arg(
        long,
        env = "MAINSTAY_TEST_POSTGRES_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub postgres_url: Option<String>,
}

impl Setting {
    /// Locks the data directory against other runs until the returned file is dropped.
    pub fn lock(&self) -> Outcome<File> {
        fs::create_dir_all(&self.data)?;
        let lock = File::create(self.data.join("lock"))?;
        lock.try_lock()
            .map_err(|_taken| format!("another run uses {}", self.data.display()))?;
        Ok(lock)
    }

    /// The location of a seed.
    pub fn location(&self, engine: Engine, size: Size) -> Outcome<SeedLocation> {
        let postgres = self.postgres_url.as_deref().map(Postgres::at).transpose()?;
        SeedLocation::new(&std::path::absolute(&self.data)?, engine, size, postgres.as_ref())
    }

    /// The server binary to measure.
    pub fn binary(&self) -> Outcome<PathBuf> {
        self.binary.clone().map_or_else(server::binary, Ok)
    }

    /// The load of so many connections, with the duration and threads of the options.
    pub fn load_level(&self, connections: u32) -> LoadLevel {
        LoadLevel {
            connections,
            seconds: self.seconds,
            threads: self.threads,
        }
    }
}

/// The options of a whole run.
#[derive(Debug, Args)]
pub struct WholeRun {
    /// The options that every command has.
    #[command(flatten)]
    pub setting: Setting,
    /// The size of the seed.
    #[command(flatten)]
    pub size: Size,
    /// Workloads to run.
    #[arg(long, value_delimiter = ',', default_values = ["w1", "w2", "w3", "w4", "w5", "w6"])]
    pub only: Vec<Workload>,
    /// The number of rounds in which Mainstay and each limit take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// Numbers of connections; the rounds are run at 32.
    #[arg(long, value_delimiter = ',', default_values = ["32", "1", "256"])]
    pub connections: Vec<u32>,
    /// Measure Mainstay alone, without limits, starts and memory: for profiling.
    #[arg(long)]
    pub alone: bool,
    /// Leave out starts and memory.
    #[arg(long)]
    pub brief: bool,
    /// The load average of the machine before the run.
    #[arg(skip = load_average())]
    pub load_before: String,
}

impl WholeRun {
    /// The workloads of the options for which a condition holds.
    pub fn workloads_where(&self, condition: impl Fn(Workload) -> bool) -> Vec<Workload> {
        let all = self.only.iter().copied();
        all.filter(|workload| condition(*workload)).collect()
    }
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
