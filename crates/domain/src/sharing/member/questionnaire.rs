//! The members of questionnaire responses that others see.

use super::Member;
use crate::sharing::DataClass::{Notes, Safety};

/// Members of a questionnaire response. A safety note tells what was answered about safety, and the helplines come with it.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("questionnaire_id"),
    Member::shown("status"),
    Member::shown("occurred_at"),
    Member::shown("answers").of(ANSWER),
    Member::shown("scores").of(SCORE),
    Member::shown("scoring_version"),
    Member::with("safety_notes", &[Safety]).or("[]").whole(),
    Member::with("helplines", &[Safety]).or("[]").whole(),
];

/// Members of an answer. One in the person's own words is free text.
const ANSWER: &[Member] = &[
    Member::name("link_id"),
    Member::shown("value_boolean"),
    Member::shown("value_integer"),
    Member::shown("value_decimal"),
    Member::shown("value_date"),
    Member::shown("value_date_time"),
    Member::shown("value_time"),
    Member::with("value_string", &[Notes]),
    Member::shown("value_coding").whole(),
    Member::shown("value_quantity").whole(),
];

/// Members of a score.
const SCORE: &[Member] = &[
    Member::shown("id"),
    Member::shown("label"),
    Member::shown("value"),
    Member::shown("lowest"),
    Member::shown("highest"),
    Member::shown("answered"),
    Member::shown("asked"),
    Member::shown("prorated"),
    Member::shown("band"),
];
