//! The members of craving events that others see.

use super::Member;
use crate::sharing::DataClass::{Notes, Plans, Safety, Use};

/// Members of a craving event. The outcome tells of use, and its absence would tell, too: without `use`, every outcome is
/// `unsure`, which means not known.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("substance"),
    Member::shown("occurred_at"),
    Member::shown("ended_at"),
    Member::shown("ratings").of(RATING),
    Member::shown("peak"),
    Member::with("trigger_ids", &[Plans]).or("[]"),
    Member::shown("category"),
    Member::shown("place"),
    Member::shown("company"),
    Member::shown("strategy_uses").of(STRATEGY_USE),
    Member::with("outcome", &[Use]).or("\"unsure\""),
    Member::with("acted", &[Use]),
    Member::with("feels_safe", &[Safety]),
    Member::with("feels_safe_at", &[Safety]),
    Member::with("note", &[Notes]),
];

/// Members of a rating.
const RATING: &[Member] = &[Member::shown("offset_s"), Member::shown("value")];

/// Members of a strategy that was tried. Its label is free text, and may be the wording of a plan.
const STRATEGY_USE: &[Member] = &[
    Member::name("id"),
    Member::with("strategy_id", &[Plans]),
    Member::shown("practice"),
    Member::with("label", &[Plans, Notes]),
    Member::shown("before"),
    Member::shown("after"),
    Member::shown("helped"),
    Member::shown("seconds"),
];
