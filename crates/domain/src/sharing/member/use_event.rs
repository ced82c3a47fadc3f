//! The members of use events that others see.

use super::Member;
use crate::sharing::DataClass::{Cravings, Notes, Plans, Safety};

/// Members of a use event.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("substance"),
    Member::shown("occurred_at"),
    Member::shown("ended_at"),
    Member::shown("amount"),
    Member::shown("unit"),
    Member::shown("abv"),
    Member::shown("unit_label"),
    Member::shown("as_prescribed"),
    Member::shown("self_label"),
    Member::shown("category"),
    Member::with("trigger_ids", &[Plans]).or("[]"),
    Member::with("warning_sign_ids", &[Plans]).or("[]"),
    Member::with("craving_event_id", &[Cravings]),
    Member::shown("feelings").of(FEELINGS),
    Member::with("harm", &[Safety]),
    Member::with("note", &[Notes]),
    Member::shown("entered_in_error"),
];

/// Members of `feelings`.
const FEELINGS: &[Member] = &[
    Member::shown("guilt"),
    Member::shown("shame"),
    Member::shown("felt_control"),
];
