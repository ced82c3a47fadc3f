//! The members of goals that others see.

use super::Member;
use crate::sharing::DataClass::Notes;

/// Members of a goal. The person's own names for the substance and for the unit are part of the goal.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("substance"),
    Member::shown("label"),
    Member::shown("kind"),
    Member::shown("started_on"),
    Member::shown("ended_on"),
    Member::shown("status"),
    Member::shown("unit"),
    Member::shown("abv"),
    Member::shown("unit_label"),
    Member::shown("baseline").of(BASELINE),
    Member::shown("limits").of(LIMITS),
    Member::shown("taper").of(TAPER_STEP),
    Member::with("note", &[Notes]),
];

/// Members of `baseline`.
const BASELINE: &[Member] = &[
    Member::shown("units_per_day"),
    Member::shown("cost_minor_per_day"),
    Member::shown("currency"),
    Member::shown("minutes_per_day"),
];

/// Members of `limits`.
const LIMITS: &[Member] = &[
    Member::shown("units_per_day"),
    Member::shown("units_per_week"),
    Member::shown("heavy_day_units"),
];

/// Members of a step of a taper.
const TAPER_STEP: &[Member] = &[Member::shown("from"), Member::shown("max_units_per_day")];
