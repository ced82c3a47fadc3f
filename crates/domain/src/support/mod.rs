//! The help in an answer: coping strategies, people to reach, helplines, and how well each has worked.

pub mod availability;
mod contact;
pub mod effectiveness;
mod rank;
mod strategy;
pub mod toolkit;
