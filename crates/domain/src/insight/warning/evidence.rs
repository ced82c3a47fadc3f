//! What a rule looks at, in a form that is told to the person and from which the rule gives the same result again.

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

/// Days before the last seven from which the person's own baseline is taken.
pub const BASELINE_DAYS: i64 = 28;
/// Most inputs of one rule that are told.
pub const MAX_INPUTS: usize = 50;

/// Something that a rule looked at: a value of a record, or a number of records.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WarningInput {
    /// The collection.
    #[schema(max_length = 60, example = "check-ins")]
    pub kind: String,
    /// The record; none if the value counts several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Which member of the record, or `count`.
    #[schema(max_length = 100, example = "answers.stress")]
    pub member: String,
    /// Its value; 1 for a fact that has no size.
    pub value: f64,
    /// RuleTime it was recorded; none if the value counts several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The item of the plan that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<Uuid>,
    /// What the plan calls that item.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
}

impl WarningInput {
    /// A member of a record.
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

    /// A number of records.
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

    /// An answer of a check-in.
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

    /// The date on which it lies.
    pub fn day(&self) -> Option<NaiveDate> {
        self.at.map(|at| at.local_date())
    }
}

/// The person's own baseline of something: 28 days that end where the last seven begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct WarningBaseline {
    /// Its value.
    pub value: f64,
    /// How many values it is made of.
    #[schema(minimum = 1)]
    pub n: usize,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

/// What a rule decides by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// What it looked at.
    pub inputs: Vec<WarningInput>,
    /// What it compared that with.
    pub baseline: Option<WarningBaseline>,
}

impl Evidence {
    /// Evidence without a baseline.
    pub fn new(inputs: impl IntoIterator<Item = WarningInput>) -> Self {
        Self {
            inputs: inputs.into_iter().take(MAX_INPUTS).collect(),
            baseline: None,
        }
    }

    /// The same with a baseline.
    #[must_use]
    pub fn with_baseline(self, baseline: Option<WarningBaseline>) -> Self {
        Self { baseline, ..self }
    }

    /// The value of the only input of that name.
    pub fn value(&self, member: &str) -> Option<f64> {
        let found = self.inputs.iter().find(|input| input.member == member);
        found.map(|input| input.value)
    }
}

/// What there is for a rule to decide by, or what is missing.
pub type Evaluation = Result<Evidence, &'static str>;

/// The moment at which a rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleTime {
    /// Today.
    pub today: NaiveDate,
    /// The last full hour.
    pub hour: DateTime<Utc>,
}

impl RuleTime {
    /// The moment that is looked at.
    pub fn at(as_of: &AsOf) -> Self {
        Self {
            today: as_of.today(),
            hour: as_of.last_full_hour(),
        }
    }

    /// The first of the last so many days.
    pub fn first_of_last_days(self, days: i64) -> NaiveDate {
        add_days(self.today, 1 - days)
    }

    /// Whether an input lies in the last so many days.
    pub fn is_in_last_days(self, input: &WarningInput, days: i64) -> bool {
        input
            .day()
            .is_some_and(|day| self.first_of_last_days(days) <= day)
    }

    /// Whether an input lies in the last so many hours.
    pub fn is_in_last_hours(self, at: Timestamp, hours: i64) -> bool {
        at.to_utc() >= self.hour - TimeDelta::hours(hours)
    }

    /// The days of the baseline.
    pub fn baseline(self) -> Span {
        (add_days(self.today, -6 - BASELINE_DAYS), add_days(self.today, -7))
    }
}

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct RuleContext<'a> {
    /// The record.
    pub facts: &'a Facts,
    /// The moment.
    pub as_of: &'a AsOf,
    /// The same, as rules ask for it.
    pub time: RuleTime,
    /// What they compare with.
    pub thresholds: &'a Thresholds,
}

impl<'a> RuleContext<'a> {
    /// Check-ins of the last so many days, newest first.
    pub fn check_ins(&self, days: i64) -> Vec<&'a WithId<CheckIn>> {
        let first = self.time.first_of_last_days(days);
        let mut found: Vec<_> = (self.facts.check_ins.iter())
            .filter(|check_in| first <= check_in_day(&check_in.record))
            .collect();
        found.sort_by_key(|c| std::cmp::Reverse((c.record.occurred_at.millis(), c.id)));
        found
    }

    /// Check-ins of the baseline.
    pub fn usual_check_ins(&self) -> impl Iterator<Item = &'a WithId<CheckIn>> {
        let (from, to) = self.time.baseline();
        (self.facts.check_ins.iter()).filter(move |c| (from..=to).contains(&check_in_day(&c.record)))
    }

    /// The baseline of these values by their median, if there are enough of them.
    pub fn baseline(&self, values: &[f64]) -> Option<WarningBaseline> {
        self.baseline_of(median(values)?, values.len())
    }

    /// A baseline of that value, if it is made of enough.
    pub fn baseline_of(&self, value: f64, n: usize) -> Option<WarningBaseline> {
        let (from, to) = self.time.baseline();
        (n >= self.thresholds.baseline_values).then_some(WarningBaseline { value, n, from, to })
    }
}
