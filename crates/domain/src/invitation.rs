//! Invitations: a person invites somebody to help, another account takes the invitation with a code, and the person
//! confirms who took it.
//!
//! Neither learns the other's address. What one says to the other is shown while the invitation is taken, and not after
//! it has ended.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    support_contact::Relationship,
    value::{
        if_still_valid,
        text::{Label, Text},
        timestamp::Timestamp,
    },
};

/// How long the code of an invitation is good, in microseconds: 7 days.
pub const VALID_US: i64 = 7 * 24 * 3600 * 1_000_000;
/// The largest number of a person's invitations that nobody has taken yet.
pub const MAX_PENDING: usize = 20;
/// The largest number of a person's invitations that are kept, ended ones among them.
pub const MAX_KEPT: usize = 200;

/// What an invited account may be to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HelperRole {
    /// Someone who supports the person: a sponsor, a peer, family, a friend.
    Supporter,
    /// A clinician or navigator.
    Clinician,
}

/// Where an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr, ToSchema)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum InvitationStatus {
    /// Nobody has taken it yet.
    Pending,
    /// An account has taken it, and the person has not said yet whether it is the right one.
    Accepted,
    /// The person has confirmed the account that took it. From now on a consent can name it.
    Confirmed,
    /// The person has said that the account that took it is not to help.
    Declined,
    /// The person has ended it.
    Revoked,
    /// The account that took it has left, or was erased.
    Left,
    /// Its time was over before anybody took it.
    Expired,
}

impl InvitationStatus {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The status at a time, of an invitation with this stored status and this end. Times are in microseconds.
    #[must_use]
    pub fn at(self, ends_at: Option<i64>, now: i64) -> Self {
        match self {
            Self::Pending if ends_at.is_some_and(|end| end <= now) => Self::Expired,
            other => other,
        }
    }

    /// Whether an account has taken it, and neither side has ended it.
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::Accepted | Self::Confirmed)
    }

    /// The status after a step; `None` if the invitation does not allow it as it stands.
    #[must_use]
    pub const fn after(self, step: InvitationStep) -> Option<Self> {
        match (step, self) {
            (InvitationStep::Accept, Self::Pending) => Some(Self::Accepted),
            (InvitationStep::Confirm, Self::Accepted) => Some(Self::Confirmed),
            (InvitationStep::Decline, Self::Accepted) => Some(Self::Declined),
            (InvitationStep::Revoke, Self::Pending | Self::Accepted | Self::Confirmed) => Some(Self::Revoked),
            (InvitationStep::Leave, Self::Accepted | Self::Confirmed) => Some(Self::Left),
            _ => None,
        }
    }
}

/// What somebody does with an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationStep {
    /// Another account takes it.
    Accept,
    /// The person confirms the account that took it.
    Confirm,
    /// The person declines the account that took it.
    Decline,
    /// The person ends it.
    Revoke,
    /// The account that took it leaves.
    Leave,
}

/// A short message of a person to whom they invite.
pub type InvitationMessage = Text<1, 500>;

/// The part of an invitation that is stored encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationContent {
    /// What the invited account may be.
    pub role: HelperRole,
    /// Their relationship to the person.
    pub relationship: Relationship,
    /// The support contact who is invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_contact_id: Option<Uuid>,
    /// The person's message.
    #[serde(
        default,
        deserialize_with = "if_still_valid",
        skip_serializing_if = "Option::is_none"
    )]
    pub message: Option<InvitationMessage>,
}

/// A new invitation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// The id of the invitation. The client may choose it (UUID v7 recommended); the server creates one if it is left out.
    pub id: Option<Uuid>,
    /// What the invited account may be.
    pub role: HelperRole,
    /// Their relationship to you.
    pub relationship: Relationship,
    /// The support contact whom you invite, if they are one. Nothing of it is shown to them.
    pub support_contact_id: Option<Uuid>,
    /// A message to them, which they read once they have taken the invitation.
    pub message: Option<InvitationMessage>,
}

impl NewInvitation {
    /// The part that is stored encrypted.
    pub fn content(&self) -> InvitationContent {
        InvitationContent {
            role: self.role,
            relationship: self.relationship,
            support_contact_id: self.support_contact_id,
            message: self.message.clone(),
        }
    }
}

/// The code of an invitation, from the account that takes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationAcceptance {
    /// The code. Capitals, spaces and dashes make no difference.
    #[schema(write_only)]
    pub code: Text<0, 100>,
    /// The name by which the person knows you. It becomes the display name of your account. An account that has none needs
    /// one here, so that the person sees who took the invitation.
    pub display_name: Option<Label>,
}

/// The account that took an invitation, as the person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvitationTaker {
    /// The id of the account. A consent can name it once it is confirmed.
    pub account_id: Uuid,
    /// The name that the account goes by, while the invitation is `accepted` or `confirmed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
}

/// An invitation, as the person sees it who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Invitation {
    /// The id.
    pub id: Uuid,
    /// Where it stands.
    pub status: InvitationStatus,
    /// What the invited account may be.
    pub role: HelperRole,
    /// Their relationship to you.
    pub relationship: Relationship,
    /// The support contact whom you invite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_contact_id: Option<Uuid>,
    /// Your message to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<InvitationMessage>,
    /// When you made it.
    pub created_at: Timestamp,
    /// The end of the time in which it can be taken, until somebody takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// Who took it. Absent once that account is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<InvitationTaker>,
    /// When it was declined, revoked or left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The one-time code, in the response to the request that made the invitation and never again. Give it to the one whom
    /// you invite, and to nobody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 40)]
    pub code: Option<String>,
    /// A link with the code, in the same response, if the service knows its public address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2100)]
    pub link: Option<String>,
}

/// An invitation, as the account sees it that took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TakenInvitation {
    /// The id.
    pub id: Uuid,
    /// Where it stands.
    pub status: InvitationStatus,
    /// What you may be to the person.
    pub role: HelperRole,
    /// Your relationship to the person.
    pub relationship: Relationship,
    /// The id by which shared records name the person, while the invitation is `confirmed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_id: Option<Uuid>,
    /// The name that the person goes by, while the invitation is `accepted` or `confirmed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
    /// The person's message, while the invitation is `accepted` or `confirmed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<InvitationMessage>,
    /// When you took it.
    pub taken_at: Timestamp,
    /// When it was declined, revoked or left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn a_status_has_the_same_name_everywhere() {
        for status in InvitationStatus::VARIANTS {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
    }

    #[test]
    fn only_a_pending_invitation_expires() {
        use InvitationStatus::{Accepted, Expired, Pending};
        assert_eq!(Pending.at(Some(10), 9), Pending);
        assert_eq!(Pending.at(Some(10), 10), Expired);
        assert_eq!(Accepted.at(None, 10), Accepted);
    }

    #[test]
    fn each_step_has_its_statuses_and_what_has_ended_stays_ended() {
        use InvitationStatus::{Accepted, Confirmed, Declined, Left, Pending, Revoked};
        for (step, allowed) in [
            (InvitationStep::Accept, [(Pending, Accepted)].as_slice()),
            (InvitationStep::Confirm, &[(Accepted, Confirmed)]),
            (InvitationStep::Decline, &[(Accepted, Declined)]),
            (
                InvitationStep::Revoke,
                &[(Pending, Revoked), (Accepted, Revoked), (Confirmed, Revoked)],
            ),
            (InvitationStep::Leave, &[(Accepted, Left), (Confirmed, Left)]),
        ] {
            for status in InvitationStatus::VARIANTS {
                let expected = allowed.iter().find(|(from, _)| from == status).map(|(_, to)| *to);
                assert_eq!(status.after(step), expected, "{step:?} of {status:?}");
            }
        }
    }
}
