//! Every computation against an oracle that counts day by day, on random histories.

mod abstinence;
pub mod history;
mod milestone;
