//! Runs the application: its shared state, background jobs, logging, metrics, clock and ids.

pub mod application;
pub mod checkpoints;
pub mod clock;
pub mod http_server;
pub mod id;
pub mod key_watch;
pub mod logging;
pub mod metrics;
pub mod open_files;
pub mod operations;
pub mod own_accesses;
pub mod push_turns;
pub mod security_txt;
pub mod state;
pub mod worker;
