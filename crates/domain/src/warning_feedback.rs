//! Feedback on early warnings: a warning helped, was wrong, or should be muted.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    record::{Kind, Record},
    value::{
        text::{Note, text},
        timestamp::Timestamp,
        validation::{FindingCode, Findings},
        warning_rule::Rule,
    },
};

/// The kind of feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// The warning helped.
    Helpful,
    /// The warning did not fit.
    Wrong,
    /// The rule is muted: its warnings are neither shown nor counted while this feedback exists.
    Mute,
}

/// Feedback on an early-warning rule. Deleting a `mute` ends the muting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WarningFeedback {
    /// The early-warning rule.
    pub rule: Rule,
    /// The kind of feedback.
    pub kind: FeedbackKind,
    /// The time until which the rule is muted. If left out, it is muted while the feedback exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// A free note in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

impl WarningFeedback {
    /// Whether this feedback mutes its rule at a moment.
    pub fn mutes(&self, at: DateTime<Utc>) -> bool {
        self.kind == FeedbackKind::Mute && self.muted_until.is_none_or(|until| at < until.to_utc())
    }
}

impl Record for WarningFeedback {
    const KIND: Kind = Kind::WarningFeedback;

    fn occurred_at(&self) -> Option<Timestamp> {
        None
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![self.muted_until.as_mut()]
    }

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        if self.muted_until.is_some() && self.kind != FeedbackKind::Mute {
            findings.add(
                "/muted_until",
                FindingCode::Range,
                "is only for feedback of the kind mute",
            );
        }
    }

    fn example() -> Self {
        Self {
            rule: Rule::Sleep,
            kind: FeedbackKind::Mute,
            muted_until: Some(crate::value::timestamp::example_time("2026-04-01T00:00:00-04:00")),
            note: Some(text!("The baby is teething.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::timestamp::example_time;

    #[test]
    fn a_mute_ends_when_it_says() {
        let muted = WarningFeedback::example();
        assert!(muted.mutes(example_time("2026-04-01T03:59:59Z").to_utc()));
        assert!(!muted.mutes(example_time("2026-04-01T04:00:00Z").to_utc()));
        let helpful = WarningFeedback {
            kind: FeedbackKind::Helpful,
            ..muted
        };
        assert!(!helpful.mutes(DateTime::UNIX_EPOCH));
        let mut findings = Findings::default();
        helpful.check(DateTime::UNIX_EPOCH, &mut findings);
        assert_eq!(findings.into_vec().len(), 1);
    }
}
