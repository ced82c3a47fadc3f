//! The shared parts of the black-box tests: servers on fresh databases of both engines, and the clients that speak to them.

pub mod app;
pub mod client;
pub mod database;
pub mod engines;
pub mod ninety_days;
pub mod offline;
pub mod process;

pub use app::TestApp;
pub use client::{Answer, Client, Person};
pub use database::{Database, Engine};
pub use engines::Fixture;
pub use process::Process;
