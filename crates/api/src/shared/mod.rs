//! What somebody else may see of a person's record: `/v1/shared/…`, as far as a consent covers it, and what they give to the
//! person: proposals, sign-offs, kind words, commitments of their own. The record itself is read only.
//!
//! The paths and shapes are those of the person's own record. Every answer carries the notice (42 CFR 2.32) and is accounted
//! for. What is not covered is the same 404 as what does not exist.

mod answer;
mod caller;
mod commitment;
mod contribution;
mod document;
mod encouragement;
mod insight;
mod plan;
mod proposal;
mod record;
mod report;
mod sharer;
mod sign_off;
mod summary;

pub use self::{
    answer::{DisclosureNote, respond},
    caller::SharedCaller,
    document::{person_parameter, shared_list_schema, shared_schema},
};
use crate::openapi::endpoint::Endpoint;

/// Returns the endpoints of what others share.
pub fn endpoints() -> Vec<Endpoint> {
    let groups = [
        sharer::endpoints(),
        summary::endpoints(),
        plan::endpoints(),
        record::endpoints(),
        insight::endpoints(),
        report::endpoints(),
        proposal::endpoints(),
        sign_off::endpoints(),
        encouragement::endpoints(),
        commitment::endpoints(),
    ];
    groups.into_iter().flatten().collect()
}
