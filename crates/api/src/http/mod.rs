//! The parts of HTTP that every handler uses.

pub mod body;
pub mod caller;
pub mod conditional;
pub mod idempotency;
pub mod limit;
pub mod middleware;
pub mod network;
pub mod number;
pub mod page;
pub mod query;
pub mod shape;
pub mod strict;
