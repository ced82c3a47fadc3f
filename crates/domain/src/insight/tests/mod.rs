//! Every computation against an oracle that counts day by day, on random histories; warnings also by hand.

mod abstinence;
mod correction;
mod craving;
mod dosing;
pub mod history;
mod medication;
mod milestone;
mod rules;
mod safety;
mod self_efficacy;
mod series;
mod story;
mod strategy;
mod warning;
mod warning_by_hand;
mod warning_rules;
