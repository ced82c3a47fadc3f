//! The members of support contacts that others see.

use super::Member;
use crate::sharing::DataClass::Notes;

/// Members of a support contact.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("name"),
    Member::shown("relationship"),
    Member::shown("phone"),
    Member::shown("email"),
    Member::shown("preferred_channel"),
    Member::shown("availability").of(AVAILABILITY),
    Member::shown("time_zone"),
    Member::shown("position"),
    Member::shown("in_crisis"),
    Member::shown("notify_on"),
    Member::shown("status"),
    Member::with("note", &[Notes]),
];

/// Members of a span in which the contact can be reached.
const AVAILABILITY: &[Member] = &[Member::shown("days"), Member::shown("from"), Member::shown("to")];
