//! An entry of the access log.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;
use uuid::Uuid;

use super::subject::Subject;
use crate::account::Role;

/// An access to a person's record by anyone, the person included.
///
/// It says what was reached and how much of it, never what it held. Entries are stored as they serialise, so a member may be
/// added, but none may be renamed or change its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The account that did it. Commands of the operator have the nil id.
    pub by: Uuid,
    /// The role of that account.
    pub role: Role,
    /// The session, unless it was a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
    /// The kind of access.
    pub action: AccessAction,
    /// What it was about.
    pub subject: Vec<Subject>,
    /// Why it was allowed, or that it was not.
    pub decision: AccessDecision,
    /// The consent that was relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentRef>,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Access {
    /// The account of commands, which nobody signs in to.
    pub const COMMAND: Uuid = Uuid::nil();
}

/// The version of a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConsentVersion)]
pub struct ConsentRef {
    /// The consent.
    pub id: Uuid,
    /// Its version.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub version: i64,
}

/// The kind of an access.
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
pub enum AccessAction {
    /// Records were read.
    Read,
    /// Figures were read.
    Insight,
    /// The progress report was read.
    Report,
    /// Records were written.
    Write,
    /// A consent was changed.
    Consent,
    /// A proposal was made or answered.
    Proposal,
    /// An encouragement was sent or read.
    Encouragement,
    /// A number of a plan was signed off.
    SignOff,
    /// Someone who helps told of a commitment of their own.
    Commitment,
    /// Access in a medical emergency was taken (42 CFR 2.51).
    BreakGlass,
    /// The operator ran a command.
    Command,
}

impl AccessAction {
    /// Every one.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why an access was allowed, or that it was not.
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
pub enum AccessDecision {
    /// It was the person's own session.
    Own,
    /// A consent, an emergency or the law allowed it.
    Permitted,
    /// It was refused. Nothing was shown.
    Denied,
}

impl AccessDecision {
    /// Every one.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
