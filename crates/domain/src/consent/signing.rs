//! Signing a consent, and taking it back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    account::CurrentPassword,
    value::{
        text::{Label, Text},
        timestamp::Timestamp,
    },
};

/// Who signs a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignerRelationship {
    /// The person whose record it is.
    Patient,
    /// Someone who is authorised to sign for a minor.
    AuthorizedForMinor,
    /// Someone who is authorised to sign for a person who lacks the capacity to decide.
    AuthorizedForIncapacity,
}

/// The electronic signature of a consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConsentSignature)]
pub struct Signature {
    /// The name of the signer.
    pub name: Label,
    /// Who the signer is.
    pub relationship: SignerRelationship,
    /// When it was signed.
    pub signed_at: Timestamp,
}

/// A request to sign a consent.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsentSigning)]
pub struct Signing {
    /// The name of the signer, as they write it.
    pub name: Label,
    /// The password, as proof that the owner of the account signs.
    #[schema(write_only)]
    pub password: CurrentPassword,
}

/// A request to revoke a consent.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsentRevocation)]
pub struct Revocation {
    /// Why, in the person's own words. Nobody has to give a reason.
    pub reason: Option<Text<1, 1000>>,
}
