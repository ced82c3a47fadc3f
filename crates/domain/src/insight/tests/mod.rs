//! Every computation against an oracle that counts day by day, on random histories; warnings also by hand.

mod abstinence;
mod craving;
pub mod history;
mod milestone;
mod strategy;
mod warning;
mod warning_by_hand;
