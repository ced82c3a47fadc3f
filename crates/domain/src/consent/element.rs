//! The elements that a consent needs, and the statements that are part of it (42 CFR 2.31 as amended in 2024).

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::value::text::{Text, text};

/// The version of the rule by which a consent is judged, also when it is relied on later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConsentRuleVersion)]
pub enum RuleVersion {
    /// 42 CFR 2.31 as amended in 2024.
    #[default]
    #[serde(rename = "2024")]
    V2024,
}

/// An element of a consent that 42 CFR 2.31 asks for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = ConsentElement)]
pub enum Element {
    /// Whose record it is.
    Patient,
    /// Who may disclose.
    Discloser,
    /// What may be disclosed.
    Information,
    /// Who may receive it.
    Recipients,
    /// An intermediary, with the names of its members or a general designation of treating providers.
    Intermediary,
    /// What it is for.
    Purposes,
    /// The right to revoke, and how.
    Revocation,
    /// When it ends.
    Expiry,
    /// That a recipient under HIPAA may disclose it further.
    RedisclosureStatement,
    /// What refusing to sign means.
    RefusalStatement,
    /// Who signs.
    Signature,
}

impl Element {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An element that a draft does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConsentMissingElement)]
pub struct MissingElement {
    /// The element.
    pub element: Element,
    /// JSON pointer to the member where it belongs.
    pub pointer: Text<0, 200>,
    /// What to add, in words for the person.
    pub message: Text<1, 500>,
}

/// A statement that is part of the consent, and that the person has read.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = ConsentStatement)]
pub enum Statement {
    /// "I can take this consent back at any time, in writing or in this app. What was done in reliance on it before stands."
    RightToRevoke,
    /// "A recipient under HIPAA may use and disclose what it receives as HIPAA allows, and it may no longer be protected by 42
    /// CFR Part 2. It may not be used in civil, criminal, administrative or legislative proceedings against me without my
    /// consent or a court order."
    Redisclosure,
    /// "I know what it means if I do not sign: whether treatment, payment or enrolment depends on it."
    ConsequencesOfRefusal,
}

impl Statement {
    /// The statement in the words of rule version 2024.
    pub fn words(self) -> Text<1, 500> {
        match self {
            Self::RightToRevoke => text!(
                "I can take this consent back at any time, in writing or in this app. What was done in reliance on it before stands."
            ),
            Self::Redisclosure => text!(
                "A recipient under HIPAA may use and disclose what it receives as HIPAA allows, and it may no longer be protected by \
                 42 CFR Part 2. It may not be used in civil, criminal, administrative or legislative proceedings against me without \
                 my consent or a court order."
            ),
            Self::ConsequencesOfRefusal => text!(
                "I know what it means if I do not sign: whether treatment, payment or enrolment depends on it."
            ),
        }
    }
}
