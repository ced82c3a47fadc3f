//! Every computation against an oracle that counts day by day, on random histories.

mod abstinence;
mod craving;
pub mod history;
mod milestone;
mod strategy;
mod warning;
