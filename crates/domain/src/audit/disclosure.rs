//! An entry of the accounting of disclosures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::ConsentRef;
use crate::sharing::{DataClass, Purpose};

/// A disclosure of a part of a person's record to someone else.
///
/// Entries are stored as they serialise, so a member may be added, but none may be renamed or change its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The account of the recipient.
    pub recipient: Uuid,
    /// The name of the recipient as it was known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_name: Option<String>,
    /// How many records of each class.
    pub classes: BTreeMap<DataClass, u32>,
    /// The hash of the ids of the records ([`ids_hash`]), by which it can be shown whether a record was among them.
    pub ids_hash: Vec<u8>,
    /// What was disclosed, in a few words.
    pub description: String,
    /// What for.
    pub purposes: Vec<Purpose>,
    /// Why it was allowed.
    pub basis: DisclosureBasis,
    /// The consent that was relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentRef>,
    /// The way that it went.
    pub method: DisclosureMethod,
    /// The version of the notice that went with it.
    pub notice_version: String,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The SHA-256 over the sorted ids of the records of a disclosure.
pub fn ids_hash(ids: impl IntoIterator<Item = Uuid>) -> Vec<u8> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut hash = Sha256::new();
    for id in ids {
        hash.update(id.as_bytes());
    }
    hash.finalize().to_vec()
}

/// Why a disclosure was allowed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DisclosureBasis {
    /// A written consent (42 CFR 2.31).
    Consent,
    /// A medical emergency (42 CFR 2.51).
    MedicalEmergency,
    /// A court order (42 CFR part 2, subpart E).
    CourtOrder,
    /// A qualified service organization (42 CFR 2.11).
    Qsoa,
    /// Audit and evaluation (42 CFR 2.53).
    AuditEvaluation,
    /// Research (42 CFR 2.52).
    Research,
    /// The person asked for it (42 CFR 2.23).
    PatientRequest,
    /// The law asks for it.
    RequiredByLaw,
}

impl DisclosureBasis {
    /// Every one.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The way that a disclosure went.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DisclosureMethod {
    /// The API.
    Api,
    /// FHIR.
    Fhir,
    /// An export.
    Export,
    /// A webhook.
    Webhook,
    /// By hand, outside of the service.
    Manual,
}

impl DisclosureMethod {
    /// Every one.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_ids_does_not_depend_on_their_order() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(ids_hash([a, b]), ids_hash([b, a, b]));
        assert_ne!(ids_hash([a, b]), ids_hash([a]));
        assert_eq!(ids_hash([]).len(), 32);
    }
}
