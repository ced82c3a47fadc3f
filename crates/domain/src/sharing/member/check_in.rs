//! The members of check-ins that others see.

use super::Member;
use crate::sharing::DataClass::{Cravings, Medications, Notes, Plans, Safety, Use};

/// Members of a check-in. What was noticed of a plan belongs to the plan, and tags are free text.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("kind"),
    Member::shown("occurred_at"),
    Member::shown("local_date"),
    Member::shown("answers").of(ANSWERS),
    Member::with("trigger_ids", &[Plans]).or("[]"),
    Member::with("warning_sign_ids", &[Plans]).or("[]"),
    Member::with("note", &[Notes]),
    Member::with("tags", &[Notes]).or("[]"),
    Member::with("feels_safe_at", &[Safety]),
];

/// Members of `answers`.
const ANSWERS: &[Member] = &[
    Member::with("craving", &[Cravings]),
    Member::with("craving_max", &[Cravings]),
    Member::shown("mood"),
    Member::shown("stress"),
    Member::shown("self_efficacy"),
    Member::shown("risky_situation_expected"),
    Member::shown("hungry"),
    Member::shown("angry"),
    Member::shown("lonely"),
    Member::shown("tired"),
    Member::shown("sleep_minutes"),
    Member::shown("sleep_quality"),
    Member::shown("pain"),
    Member::with("withdrawal", &[Use]),
    Member::shown("mental"),
    Member::shown("emotional"),
    Member::shown("physical"),
    Member::shown("social"),
    Member::shown("difficulty"),
    Member::shown("importance"),
    Member::shown("readiness"),
    Member::with("medication", &[Medications]),
    Member::with("used", &[Use]),
    Member::with("used_yesterday", &[Use]),
    Member::with("feels_safe", &[Safety]),
    Member::shown("support_contacted"),
    Member::shown("meeting_attended"),
];
