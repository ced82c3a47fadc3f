//! `mainstay-load`: loads Mainstay as its users would, and measures it against the limits of the machine.
//!
//! - [`seed`] fills a database with [`content`]; [`population`] knows where it is and who is in it;
//! - [`server`] starts what is under load, [`subject`] presses on it with [`wrk`] and a [`workload`];
//! - [`limit`] does the same work without Mainstay;
//! - [`rounds`] takes turns between the two; [`findings`], [`goal`] and [`report`] say what came of it;
//! - [`growth`] compares seeds of several sizes, [`memory`] looks at connections and people, [`offline`] at a device
//!   that was away for long, [`years`] at the summary of a long record.

use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod content;
mod findings;
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
mod rounds;
mod seed;
mod server;
mod subject;
mod table;
mod workload;
mod wrk;
mod years;

use arguments::{Arguments, Command};

// The server's allocator, so that the bare server has the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What comes of something that may fail.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        None => rounds::run(&arguments.run),
        Some(Command::Growth(run)) => growth::run(&run),
        Some(Command::Offline(run)) => offline::run(&run),
        Some(Command::Years(run)) => years::run(&run),
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
