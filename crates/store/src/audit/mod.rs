//! The audit of each person's record: the access log and the accounting of disclosures, under one chain.
//!
//! An entry is sealed, and its code covers its bytes, those of its disclosure, its number, and the end of the chain before. The
//! end of a chain is in a row of its own, whose code covers how many entries there are. So a change, a deletion, an insertion
//! or another order shows ([`verify`]). An end that was put back from an earlier copy shows by checkpoints ([`checkpoint`]).

pub mod append;
pub mod breach;
pub mod chain;
pub mod checkpoint;
pub mod list;
pub mod verify;

pub use self::{
    append::{OwnAccess, PEOPLE_AT_ONCE},
    breach::{AffectedPerson, BreachQuery},
    checkpoint::{ChangedHead, HeadCursor, HeadsAtCheckpoints},
    list::{AccessBy, AuditRange, Numbered},
    verify::{AuditFault, AuditSummary, Damage},
};
