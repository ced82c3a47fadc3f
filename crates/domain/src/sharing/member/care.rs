//! The members of appointments, referrals and transitions that others see.

use super::Member;
use crate::sharing::DataClass::Notes;

/// Members of an appointment.
pub(super) const APPOINTMENT_MEMBERS: &[Member] = &[
    Member::shown("kind"),
    Member::shown("starts_at"),
    Member::shown("with"),
    Member::shown("place"),
    Member::shown("status"),
];

/// Members of a referral. The reason and the next step are free text.
pub(super) const REFERRAL_MEMBERS: &[Member] = &[
    Member::shown("kind"),
    Member::shown("to"),
    Member::with("reason", &[Notes]),
    Member::shown("status"),
    Member::with("next_step", &[Notes]),
    Member::shown("appointment_id"),
];

/// Members of a transition.
pub(super) const TRANSITION_MEMBERS: &[Member] = &[
    Member::shown("from_level"),
    Member::shown("to_level"),
    Member::shown("discharged_on"),
    Member::shown("follow_ups").of(FOLLOW_UP),
    Member::shown("next_follow_up_on"),
    Member::shown("status"),
];

/// Members of a follow-up.
const FOLLOW_UP: &[Member] = &[Member::shown("due_on"), Member::shown("done_on")];
