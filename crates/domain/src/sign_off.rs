//! Sign-offs: the person and their clinician say that they stand behind a number of a plan.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    account::Role,
    invitation::HelperRole,
    proposal::PlanNumber,
    value::timestamp::{Timestamp, example_time},
};

/// The maximum number of sign-offs that are kept for one person. Beyond it the oldest go.
pub const MAX_SIGN_OFFS: i64 = 1000;

/// Whether a helper signs plans off. Only clinicians do.
pub const fn may_sign_off(role: HelperRole) -> bool {
    matches!(role, HelperRole::Clinician)
}

/// Someone stands behind a number of a plan. A new number has no sign-offs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PlanSignOff)]
pub struct SignOff {
    /// The id.
    pub id: Uuid,
    /// The plan.
    pub plan_id: Uuid,
    /// The number of the plan.
    pub number: PlanNumber,
    /// Whether that is the latest number.
    pub latest: bool,
    /// The account that signed; left out if that account was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Uuid>,
    /// The role of that account.
    pub by_role: Role,
    /// When.
    pub signed_at: Timestamp,
}

impl SignOff {
    /// A valid sign-off for documentation.
    pub fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0052),
            plan_id: Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0050),
            number: PlanNumber::clamped(2),
            latest: true,
            by: Some(Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0060)),
            by_role: Role::Person,
            signed_at: example_time("2026-03-02T09:30:00Z"),
        }
    }
}

/// A sign-off of the number that the signer has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPlanSignOff)]
pub struct NewSignOff {
    /// The number of the plan that the signer has seen. It must be the latest.
    pub number: PlanNumber,
}
