//! The members of the figures on confidence and medication that others see.

use super::shown;
use crate::sharing::member::Member;

/// Members of confidence.
pub(super) const SELF_EFFICACY: &[Member] = &[
    shown("latest_id"),
    shown("categories").of(CONFIDENCE),
    shown("focus"),
    shown("profiles").of(PROFILE),
];

/// Members of confidence in a kind of situation.
const CONFIDENCE: &[Member] = &[shown("category"), shown("confidence"), shown("change")];

/// Members of a profile.
const PROFILE: &[Member] = &[shown("id"), shown("occurred_at"), shown("mean")];

/// Members of the figures on medication.
pub(super) const MEDICATION: &[Member] = &[shown("medications").of(MEDICATION_COVERAGE)];

/// Members of the figures of a medication.
const MEDICATION_COVERAGE: &[Member] = &[
    shown("medication_id"),
    shown("name"),
    shown("class"),
    shown("status"),
    shown("days"),
    shown("covered_days"),
    shown("proportion"),
    shown("covered_enough"),
    shown("longest_stretch").of(STRETCH),
    shown("doses").of(DOSES),
    shown("next_due").whole(),
];

/// Members of a stretch.
const STRETCH: &[Member] = &[shown("from"), shown("to"), shown("days")];

/// Members of the number of doses.
const DOSES: &[Member] = &[shown("taken"), shown("late"), shown("skipped"), shown("missed")];
