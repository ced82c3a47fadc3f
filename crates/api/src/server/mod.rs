//! The running server: application, state, background workers, logging, metrics, clock, ids.

pub mod application;
pub mod clock;
pub mod id;
pub mod logging;
pub mod metrics;
pub mod operations;
pub mod state;
pub mod worker;
