//! The HTTP side of Mainstay: everything that a request touches before and after the store.
//!
//! The root lists what is special to a noun, under the same name as in `mainstay_domain`. The folders hold what the
//! nouns share:
//!
//! - [`routes`] lists every endpoint;
//! - [`record`] is the one set of handlers that all collections share; [`sync`] pushes and pulls them;
//! - [`insight`] and [`report`] answer with what the record tells;
//! - [`auth`] has accounts, sessions, passwords and tokens;
//! - [`http`] reads requests and writes problems; [`openapi`] writes the contract;
//! - [`server`] runs the application; [`cli`] is the command line.

pub mod auth;
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
