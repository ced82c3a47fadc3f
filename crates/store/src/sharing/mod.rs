//! Reading somebody else's record, as far as a consent lets its reader.
//!
//! `Store::read_shared` is the only way there. What is read is given out only after the access and the disclosure were
//! committed in a transaction that held the person's lock and judged the consents again. So nothing is given out after a
//! revocation was answered, and nothing that is not accounted for.

mod account_for;
mod change_count;
mod grants;
mod look;
mod read;
mod refusals;
mod request;
mod sharer;
mod tally;
mod write;

pub(crate) use self::refusals::Refusals;
pub use self::{
    change_count::{ChangeCount, MAX_COUNTED},
    grants::{Grant, Grants, Reader},
    request::{Reach, SharedRead},
    sharer::{Sharer, SharerProfile},
    tally::{Found, Tally},
    write::{Contributor, SharedWrite, Written},
};
