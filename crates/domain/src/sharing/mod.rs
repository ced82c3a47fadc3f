//! Sharing: what others may see of a person's record, class by class.
//!
//! A recipient gets what follows from the covered classes alone. Three things hold:
//!
//! - a collection, a member or an insight that no table names is never shown;
//! - what is withheld leaves no trace: two records that differ only there give the same bytes;
//! - a member that responses always have, and that is withheld, has one value for everyone: an empty list, `unsure`, 1.
//!
//! [`coverage`] says which class a collection belongs to, and [`member`] has a table of members for each collection.
//! [`facts`] does the same to records that insights are computed from, and [`insight`] decides on insights.

pub mod class;
pub mod coverage;
pub mod facts;
pub mod insight;
pub mod member;
pub mod plan;
pub mod resource;

pub use class::{DataClass, Purpose};
pub use coverage::{Covered, class_of};
pub use resource::{IncomingResource, Resource};

#[cfg(test)]
mod tests;
