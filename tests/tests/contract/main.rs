//! The contract, driven over HTTP on both databases. A noun has the same file name here as in the crates.

mod account;
mod bulk;
mod check_in;
mod craving_event;
mod document;
mod goal;
mod idempotency;
mod plan;
mod protocol;
mod record;
mod reference;
mod report;
mod session;
mod support_contact;
mod sync;
mod use_event;
