//! The audit of a record: who reached what of it, what was disclosed to whom, and how a change of these lists shows.
//!
//! - [`access`]: an entry of the access log;
//! - [`disclosure`]: an entry of the accounting of disclosures (42 CFR 2.25, 45 CFR 164.528);
//! - [`subject`]: what an access was about. The values themselves are never logged;
//! - [`canonical`]: the bytes of an entry, which are sealed, and which the chain of a record covers;
//! - [`sentence`]: entries in plain words;
//! - [`merkle`], [`checkpoint`]: signed roots over the ends of all chains;
//! - [`notice`]: the notice that goes with every disclosure (42 CFR 2.32).

pub mod access;
pub mod canonical;
pub mod checkpoint;
pub mod disclosure;
pub mod merkle;
pub mod notice;
pub mod sentence;
pub mod subject;

pub use self::{
    access::{Access, AccessAction, AccessDecision, ConsentRef},
    disclosure::{Disclosure, DisclosureBasis, DisclosureMethod, ids_hash},
    notice::{NOTICE_LONG, NOTICE_SHORT, NOTICE_VERSION, Notice},
    subject::{Subject, View, What},
};

/// How long entries are kept at least, in years (45 CFR 164.528; 42 CFR 2.25 asks for three).
pub const RETENTION_YEARS: u32 = 6;
