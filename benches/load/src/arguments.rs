//! The command line of the load test.

use clap::{Parser, Subcommand};

use crate::{abuse, backup, growth, limit::bare::Bare, offline, setting::WholeRun, shared, summary};

/// Loads Mainstay, measures it against the limits of this machine, and says which goals hold.
#[derive(Debug, Parser)]
#[command(name = "load", args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// A command other than a whole run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// A whole run.
    #[command(flatten)]
    pub run: WholeRun,
}

/// The commands besides a whole run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What people notice while others flood the server, beside the same server at rest.
    Abuse(abuse::Options),
    /// How long a backup of a running server and its restore take, and what clients notice of the backup.
    Backup(backup::Options),
    /// How the cost of W1 to W3 grows with the number of records. The seeds take some 20 GB and half an hour, once.
    Growth(growth::Options),
    /// How long 10 000 changes of one device take to push in batches and to pull in pages.
    Offline(offline::Options),
    /// What a read by somebody else costs beside the person's own.
    Shared(shared::Options),
    /// How long the summary of five years takes (W7). A whole run measures it too.
    Years(summary::Options),
    /// The bare server, which a run starts by itself.
    #[command(hide = true)]
    Bare(Bare),
}
