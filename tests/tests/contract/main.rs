//! The contract, driven over HTTP on both databases. A noun has the same file name here as in the crates.

mod account;
mod appointment;
mod attendance;
mod bulk;
mod check_in;
mod commitment;
mod craving_event;
mod document;
mod dose;
mod goal;
mod idempotency;
mod journal_entry;
mod medication;
mod plan;
mod practice_session;
mod protocol;
mod record;
mod reference;
mod referral;
mod self_efficacy_profile;
mod session;
mod support_contact;
mod sync;
mod thought_record;
mod transition;
mod use_event;
