//! Tests of the store on both engines: the SQL itself, the indexes that are used for it, and outcomes that nobody knows.

mod audit;
mod break_glass;
mod consent;
mod contributions;
mod database;
mod earlier_address;
mod erased_rows;
mod erasure;
mod held_people;
mod invitation;
mod parts;
mod plans;
mod public_search;
mod quota_limits;
mod quota_model;
mod rotation;
mod security_event;
mod statements;
mod stored_responses;
mod sweeps;
mod unknown_outcome;
