//! The members of medications and doses that others see.

use super::Member;
use crate::sharing::DataClass::Notes;

/// Members of a medication.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("name"),
    Member::shown("rxnorm"),
    Member::shown("class"),
    Member::shown("dose"),
    Member::shown("route"),
    Member::shown("schedule"),
    Member::shown("covers_days"),
    Member::shown("started_on"),
    Member::shown("ended_on"),
    Member::shown("status"),
];

/// Members of a dose.
pub(super) const DOSE_MEMBERS: &[Member] = &[
    Member::shown("medication_id"),
    Member::shown("due_at"),
    Member::shown("occurred_at"),
    Member::shown("status"),
    Member::shown("observed"),
    Member::with("reason", &[Notes]),
];
