//! `mainstay-load`: loads Mainstay as its users would, and measures it against the limits of the machine.
//!
//! - [`arguments`] is the command line, with the shared options in [`setting`];
//! - [`seed`] fills a database with [`content`]; [`population`] has its location and its people;
//! - [`server`] starts servers, and [`target`] runs a [`workload`] on one with [`wrk`];
//! - [`limit`] measures the same work without Mainstay;
//! - [`rounds`] lets the two take turns; [`results`] holds the figures, [`goal`] judges them, [`report`] prints them;
//! - [`growth`] compares seeds of several sizes, [`memory`] measures connections and people, [`offline`] a device that
//!   was offline for long, [`shared`] reads by somebody else, [`summary`] the summary of [`five_years`], [`backup`] a backup and its restore, and [`abuse`]
//!   what people notice of floods.

use std::process::ExitCode;

use clap::Parser;

mod abuse;
mod arguments;
mod backup;
mod content;
mod five_years;
mod goal;
mod growth;
mod http;
mod limit;
mod memory;
mod offline;
mod population;
mod postgres;
mod process;
mod random;
mod report;
mod results;
mod rounds;
mod seed;
mod server;
mod setting;
mod shared;
mod summary;
mod table;
mod target;
mod workload;
mod wrk;

use arguments::{Arguments, Command};

// The bare server, which this binary serves too, has the same allocator as the real one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The result of an operation that may fail.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        None => rounds::run(&arguments.run),
        Some(Command::Abuse(options)) => abuse::run(&options),
        Some(Command::Backup(options)) => backup::run(&options),
        Some(Command::Growth(options)) => growth::run(&options),
        Some(Command::Offline(options)) => offline::run(&options),
        Some(Command::Shared(options)) => shared::run(&options),
        Some(Command::Years(options)) => summary::run(&options),
        Some(Command::Bare(bare)) => bare.serve(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mainstay-load: {error}");
            ExitCode::FAILURE
        }
    }
}
