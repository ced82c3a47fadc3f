//! The evidence of a rule: the inputs that it decides by, in a form that can be shown to the person and
//! evaluated again.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::rule::Thresholds;
use crate::{
    check_in::CheckIn,
    insight::{
        calendar::{Span, add_days},
        facts::{AsOf, Facts, WithId, check_in_day},
        statistics::median,
    },
    record::Kind,
    value::{number::Rating, timestamp::Timestamp},
};

/// Number of days of the person's own baseline. They end before the last seven days.
pub const BASELINE_DAYS: i64 = 28;
/// Maximum number of inputs of one rule.
pub const MAX_INPUTS: usize = 50;

/// An input of a rule: a value of a record, or a number of records.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = WarningEvidence)]
pub struct WarningInput {
    /// The collection.
    #[schema(value_type = Kind)]
    pub kind: String,
    /// Id of the record. Left out if the value counts several records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Member of the record, or `count`.
    #[schema(max_length = 100, example = "answers.stress")]
    pub member: String,
    /// Value of the member. 1 for a fact without a size.
    pub value: f64,
    /// Time of the record. Left out if the value counts several records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Id of the plan item that the record names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<Uuid>,
    /// Label of that item in the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
}

impl WarningInput {
    /// Creates an input from a member of a record.
    pub fn new(kind: Kind, id: Uuid, member: &str, value: f64, at: Timestamp) -> Self {
        Self {
            kind: kind.path().to_owned(),
            id: Some(id),
            member: member.to_owned(),
            value,
            at: Some(at),
            item_id: None,
            label: None,
        }
    }

    /// Creates an input from a number of records.
    pub fn count(kind: Kind, member: &str, value: f64) -> Self {
        Self {
            kind: kind.path().to_owned(),
            id: None,
            member: member.to_owned(),
            value,
            at: None,
            item_id: None,
            label: None,
        }
    }

    /// Creates an input from an answer of a check-in.
    pub fn answer(check_in: &WithId<CheckIn>, member: &str, value: Rating) -> Self {
        let at = check_in.record.occurred_at;
        Self::new(
            Kind::CheckIn,
            check_in.id,
            &format!("answers.{member}"),
            value.as_f64(),
            at,
        )
    }

    /// Returns the local date of the input.
    pub fn day(&self) -> Option<NaiveDate> {
        self.at.map(|at| at.local_date())
    }
}

/// The person's own baseline of a value, over the 28 days before the last seven.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct WarningBaseline {
    /// Value of the baseline.
    pub value: f64,
    /// Number of values that the baseline is computed from.
    #[schema(minimum = 1)]
    pub n: usize,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

/// The evidence that a rule decides by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The inputs.
    pub inputs: Vec<WarningInput>,
    /// The baseline that the inputs are compared with.
    pub baseline: Option<WarningBaseline>,
}

impl Evidence {
    /// Creates evidence without a baseline, from at most [`MAX_INPUTS`] inputs.
    pub fn new(inputs: impl IntoIterator<Item = WarningInput>) -> Self {
        Self {
            inputs: inputs.into_iter().take(MAX_INPUTS).collect(),
            baseline: None,
        }
    }

    /// Returns the same evidence with a baseline.
    #[must_use]
    pub fn with_baseline(self, baseline: Option<WarningBaseline>) -> Self {
        Self { baseline, ..self }
    }

    /// Returns the value of the first input with this member.
    pub fn value(&self, member: &str) -> Option<f64> {
        let input = self.inputs.iter().find(|input| input.member == member);
        input.map(|input| input.value)
    }
}

/// The evidence of a rule, or a description of the data that is missing.
pub type Evaluation = Result<Evidence, &'static str>;

/// The moment at which a rule is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleTime {
    /// Today in the person's time zone.
    pub today: NaiveDate,
    /// The last full hour.
    pub hour: DateTime<Utc>,
}

impl RuleTime {
    /// Returns the evaluation time at a moment.
    pub fn at(as_of: &AsOf) -> Self {
        Self {
            today: as_of.today(),
            hour: as_of.last_full_hour(),
        }
    }

    /// Returns the first of the last `days` days. Today is one of them.
    pub fn first_of_last_days(self, days: i64) -> NaiveDate {
        add_days(self.today, 1 - days)
    }

    /// Returns whether an input is dated within the last `days` days.
    pub fn is_in_last_days(self, input: &WarningInput, days: i64) -> bool {
        input
            .day()
            .is_some_and(|day| self.first_of_last_days(days) <= day)
    }

    /// Returns whether a time is within the last `hours` hours, counted back from the last full hour.
    pub fn is_in_last_hours(self, at: Timestamp, hours: i64) -> bool {
        at.to_utc() >= self.hour - TimeDelta::hours(hours)
    }

    /// Returns the first and last day of the baseline.
    pub fn baseline(self) -> Span {
        (add_days(self.today, -6 - BASELINE_DAYS), add_days(self.today, -7))
    }
}

/// Everything that the rules are evaluated with.
#[derive(Debug, Clone, Copy)]
pub struct RuleContext<'a> {
    /// The records.
    pub facts: &'a Facts,
    /// The moment of evaluation.
    pub as_of: &'a AsOf,
    /// The same moment, in the form that rules use.
    pub time: RuleTime,
    /// The thresholds to compare with.
    pub thresholds: &'a Thresholds,
}

impl<'a> RuleContext<'a> {
    /// Returns the check-ins of the last `days` days, newest first.
    pub fn check_ins(&self, days: i64) -> Vec<&'a WithId<CheckIn>> {
        let first = self.time.first_of_last_days(days);
        let mut check_ins: Vec<_> = (self.facts.check_ins.iter())
            .filter(|check_in| first <= check_in_day(&check_in.record))
            .collect();
        check_ins.sort_by_key(|c| std::cmp::Reverse((c.record.occurred_at.millis(), c.id)));
        check_ins
    }

    /// Returns the check-ins of the baseline days.
    pub fn usual_check_ins(&self) -> impl Iterator<Item = &'a WithId<CheckIn>> {
        let (from, to) = self.time.baseline();
        (self.facts.check_ins.iter()).filter(move |c| (from..=to).contains(&check_in_day(&c.record)))
    }

    /// Returns the median of the values as a baseline. `None` if there are too few values.
    pub fn baseline(&self, values: &[f64]) -> Option<WarningBaseline> {
        self.baseline_of(median(values)?, values.len())
    }

    /// Returns a baseline of a value that was computed from `n` values. `None` if they are too few.
    pub fn baseline_of(&self, value: f64, n: usize) -> Option<WarningBaseline> {
        let (from, to) = self.time.baseline();
        (n >= self.thresholds.baseline_values).then_some(WarningBaseline { value, n, from, to })
    }
}
