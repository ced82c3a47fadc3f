//! The HTTP API of Mainstay, and its command line.
//!
//! The files at the root hold what is special to one noun, under the same name as in `mainstay_domain`. The folders
//! hold what all nouns share:
//!
//! - [`routes`] lists every endpoint;
//! - [`record`] has the handlers that all collections share, and [`sync`] pushes and pulls their records;
//! - [`insight`] and [`report`] compute insights and reports from a record;
//! - [`auth`] has accounts, sessions, passwords and tokens;
//! - [`http`] reads requests and builds problems, and [`openapi`] builds the OpenAPI document;
//! - [`server`] runs the application, and [`cli`] is the command line.

pub mod auth;
pub mod check_in;
pub mod cli;
pub mod craving_event;
pub mod http;
pub mod insight;
pub mod medication;
pub mod meeting;
pub mod openapi;
pub mod plan;
pub mod questionnaire;
pub mod record;
pub mod reference;
pub mod report;
pub mod routes;
pub mod server;
pub mod support;
pub mod sync;
pub mod use_event;
