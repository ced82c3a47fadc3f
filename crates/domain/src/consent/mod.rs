//! Consents: who may see what of a record, for what and how long, with every element that 42 CFR 2.31 asks for.
//!
//! A person writes a draft and signs it. The service relies on a consent only while [`decision::grants`] says so, and judges
//! it anew each time.

mod content;
pub mod decision;
mod element;
mod missing;
pub mod preview;
mod signing;
mod status;
#[cfg(test)]
mod tests;

pub use self::{
    content::{Consent, ConsentType, Designation, Intermediary, Recipient},
    decision::{ConsentRef, GrantRequest, KnownConsent, grants},
    element::{Element, MissingElement, RuleVersion, Statement},
    signing::{Revocation, Signature, SignerRelationship, Signing},
    status::{ConsentStatus, ConsentStep},
};
