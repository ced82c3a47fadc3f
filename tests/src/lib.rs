//! The shared parts of the black-box tests: servers on fresh databases of both engines, and the clients that speak to them.

pub mod app;
pub mod backup;
pub mod client;
pub mod conformance;
pub mod database;
pub mod engines;
pub mod helping;
pub mod ninety_days;
pub mod offline;
pub mod process;
pub mod raw;
pub mod samples;
pub mod sharing;

pub use app::TestApp;
pub use backup::Backup;
pub use client::{Client, PASSWORD, Person, Response};
pub use conformance::Conformance;
pub use database::{Database, Engine};
pub use engines::Fixture;
pub use helping::Helper;
pub use process::Process;
