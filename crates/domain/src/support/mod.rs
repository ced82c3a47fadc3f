//! The toolkit of help that a response contains: coping strategies, people to reach, helplines, and how well
//! strategies have worked.

pub mod availability;
mod contact;
pub mod effectiveness;
mod occasion;
mod rank;
mod strategy;
pub mod toolkit;
