//! The members of practice sessions and self-efficacy profiles that others see.

use super::Member;
use crate::sharing::DataClass::{Cravings, Notes};

/// Members of a practice session.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("occurred_at"),
    Member::shown("practice"),
    Member::shown("minutes"),
    Member::shown("guided"),
    Member::with("craving_before", &[Cravings]),
    Member::with("craving_after", &[Cravings]),
    Member::shown("stress_before"),
    Member::shown("stress_after"),
    Member::with("craving_event_id", &[Cravings]),
    Member::with("note", &[Notes]),
];

/// Members of a self-efficacy profile.
pub(super) const PROFILE_MEMBERS: &[Member] = &[
    Member::shown("occurred_at"),
    Member::shown("confidence").of(CONFIDENCE),
];

/// Members of `confidence`.
const CONFIDENCE: &[Member] = &[
    Member::shown("unpleasant_emotions"),
    Member::shown("physical_discomfort"),
    Member::shown("pleasant_emotions"),
    Member::shown("testing_personal_control"),
    Member::shown("urges_and_temptations"),
    Member::shown("interpersonal_conflict"),
    Member::shown("social_pressure"),
    Member::shown("pleasant_times_with_others"),
];
