//! The members of early warnings that others see.

use super::{never, shown, with};
use crate::sharing::{
    DataClass::{CheckIns, Plans, Safety},
    member::Member,
};

/// Members of early warnings. The score would tell how many rules are withheld, and what rules are muted is a note of the
/// person to themselves, but for the fact that the level leaves them out.
pub(super) const WARNINGS: &[Member] = &[
    shown("rules_version"),
    shown("level"),
    never("score"),
    with("check_ins", &[CheckIns]),
    shown("fired").of(FIRED),
    shown("not_evaluable").of(NOT_EVALUABLE),
    shown("muted").of(MUTED),
    with("safety", &[Safety]).of(SAFETY_NOTE),
    shown("about"),
];

/// Members of a rule that fired.
const FIRED: &[Member] = &[
    shown("rule"),
    shown("stage"),
    shown("weight"),
    shown("message"),
    shown("inputs").of(INPUT),
    shown("baseline").of(BASELINE),
    with("plan_items", &[Plans]).of(PLAN_ITEM),
    shown("practices").of(PRACTICE),
];

/// Members of an input.
const INPUT: &[Member] = &[
    shown("kind"),
    shown("id"),
    shown("member"),
    shown("value"),
    shown("at"),
    shown("item_id"),
    shown("label"),
];

/// Members of a baseline.
const BASELINE: &[Member] = &[shown("value"), shown("n"), shown("from"), shown("to")];

/// Members of an item of the plan.
const PLAN_ITEM: &[Member] = &[shown("section"), shown("id"), shown("text")];

/// Members of a practice.
const PRACTICE: &[Member] = &[shown("slug"), shown("title"), shown("minutes")];

/// Members of a rule that could not be evaluated.
const NOT_EVALUABLE: &[Member] = &[shown("rule"), shown("missing")];

/// Members of a muted rule.
const MUTED: &[Member] = &[
    shown("rule"),
    shown("would_fire"),
    never("feedback_id"),
    never("until"),
];

/// Members of a safety note.
const SAFETY_NOTE: &[Member] = &[
    shown("topic"),
    shown("text"),
    shown("reviewed_by"),
    shown("reviewed_on"),
    shown("inputs").of(INPUT),
    shown("helplines").whole(),
];
