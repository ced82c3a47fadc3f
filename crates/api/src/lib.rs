//! The HTTP API of Mainstay, and its command line.
//!
//! The files at the root hold what is special to one noun, under the same name as in `mainstay_domain`. The folders
//! hold what all nouns share:
//!
//! - [`routes`] lists every endpoint;
//! - [`record`] has the handlers that all collections share, and [`sync`] pushes and pulls their records;
//! - [`insight`] and [`report`] compute insights and reports from a record;
//! - [`shared`] answers what others may see of a record;
//! - [`auth`] has accounts, sessions, passwords and tokens;
//! - [`http`] reads requests and builds problems, and [`openapi`] builds the OpenAPI document;
//! - [`server`] runs the application, and [`cli`] is the command line.

pub mod access_log;
pub mod auth;
pub mod break_glass;
pub mod check_in;
pub mod cli;
pub mod consent;
pub mod craving_event;
pub mod disclosure;
pub mod encouragement;
pub mod http;
pub mod insight;
pub mod invitation;
pub mod medication;
pub mod meeting;
pub mod openapi;
pub mod part2_notice;
pub mod peer_profile;
pub mod plan;
pub mod proposal;
pub mod questionnaire;
pub mod record;
pub mod reference;
pub mod report;
pub mod restriction;
pub mod routes;
pub mod security_event;
pub mod server;
pub mod shared;
pub mod shared_commitment;
pub mod sign_off;
pub mod support;
pub mod sync;
pub mod use_event;
