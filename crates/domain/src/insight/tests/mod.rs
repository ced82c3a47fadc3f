//! Tests of insights. Each computation is compared with an oracle that counts day by day, on random
//! histories. Warnings are also tested on examples.

mod abstinence;
mod correction;
mod craving;
pub mod day_oracle;
mod dosing;
pub mod history;
mod medication;
mod milestone;
mod reach;
pub mod recent_history;
mod reported_use;
pub mod safety;
mod self_efficacy;
mod series;
mod statistics_oracle;
mod strategy;
mod strategy_oracle;
mod trigger;
mod warning;
mod warning_examples;
mod warning_oracle;
mod warning_rules;
