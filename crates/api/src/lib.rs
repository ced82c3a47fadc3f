//! The HTTP side of Mainstay: everything that a request touches before and after the store.
//!
//! - [`routes`] lists the nouns; a noun's own file has its endpoints ([`check_in`](mainstay_domain::check_in),
//!   goals and contacts need none beyond [`record::collection`]);
//! - [`record`] is the one set of handlers that all collections share;
//! - [`http`] reads requests, [`problem`] words what goes wrong, [`openapi`] writes the contract;
//! - [`import`] takes in reference data;
//! - [`auth`] knows who is who; [`application`] puts all together; [`command`] is the command line.

pub mod account;
pub mod application;
pub mod auth;
pub mod clock;
pub mod command;
pub mod craving_event;
pub mod doctor;
pub mod http;
pub mod id;
pub mod import;
pub mod insight;
pub mod logging;
pub mod medication;
pub mod meeting;
pub mod metrics;
pub mod openapi;
pub mod operations;
pub mod plan;
pub mod problem;
pub mod questionnaire;
pub mod record;
pub mod reference;
pub mod report;
pub mod routes;
pub mod session;
pub mod settings;
pub mod state;
pub mod support;
pub mod sync;
pub mod use_event;
pub mod worker;
