//! The members of plans that others see.

use super::Member;
use crate::sharing::DataClass::{self, Safety, SupportContacts};

/// The classes that parts of the content need.
const CONTENT_CLASSES: &[DataClass] = &[SupportContacts, Safety];

/// Members of a plan. Its texts and notes are the plan itself. The number goes up with every change, so it would tell of
/// changes of what is withheld.
pub(super) const MEMBERS: &[Member] = &[
    Member::shown("kind"),
    Member::shown("title"),
    Member::shown("status"),
    Member::with("number", CONTENT_CLASSES).or("1"),
    Member::shown("review_on"),
    Member::shown("content").of(CONTENT),
    Member::shown("activated_at"),
];

/// Members of `content`.
const CONTENT: &[Member] = &[
    Member::shown("reasons").of(TEXT),
    Member::shown("triggers").of(TRIGGER),
    Member::shown("warning_signs").of(WARNING_SIGN),
    Member::shown("strategies").of(STRATEGY),
    Member::shown("situations").of(SITUATION),
    Member::with("contact_ids", &[SupportContacts]).or("[]"),
    Member::shown("lapse_response").of(TEXT),
    Member::shown("environment").of(TEXT),
    Member::shown("routines").of(TEXT),
    Member::with("overdose_safety", &[Safety]).of(OVERDOSE_SAFETY),
    Member::shown("safety_steps").of(SAFETY_STEP),
];

/// Members of a line of text.
const TEXT: &[Member] = &[Member::shown("id"), Member::shown("text")];

/// Members of a trigger.
const TRIGGER: &[Member] = &[
    Member::shown("id"),
    Member::shown("label"),
    Member::shown("kind"),
    Member::shown("category"),
    Member::shown("likelihood"),
    Member::shown("note"),
];

/// Members of a warning sign.
const WARNING_SIGN: &[Member] = &[
    Member::shown("id"),
    Member::shown("label"),
    Member::shown("stage"),
    Member::shown("note"),
];

/// Members of a strategy.
const STRATEGY: &[Member] = &[
    Member::shown("id"),
    Member::shown("label"),
    Member::shown("category"),
    Member::shown("practice"),
    Member::shown("instructions"),
    Member::shown("minutes"),
    Member::shown("trigger_ids"),
];

/// Members of a situation.
const SITUATION: &[Member] = &[
    Member::shown("id"),
    Member::shown("label"),
    Member::shown("category"),
    Member::shown("likelihood"),
    Member::shown("confidence"),
    Member::shown("steps").of(STEP),
];

/// Members of a step in a situation.
const STEP: &[Member] = &[
    Member::shown("strategy_id"),
    Member::with("contact_id", &[SupportContacts]),
    Member::shown("text"),
];

/// Members of `overdose_safety`.
const OVERDOSE_SAFETY: &[Member] = &[Member::shown("naloxone_at_hand"), Member::shown("note")];

/// Members of a line of a safety plan.
const SAFETY_STEP: &[Member] = &[Member::shown("id"), Member::shown("step"), Member::shown("text")];
