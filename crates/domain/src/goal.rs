//! Goals: the change that a person wants, for one substance or behaviour.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    record::{Kind, Record},
    value::{
        amount::{Abv, Amount, AmountUnit, UnitLabel, UnitMembers},
        list::List,
        nullable,
        number::Int,
        place::Currency,
        text::{Label, Note, text},
        timestamp::{Timestamp, date, optional_date},
        validation::{FindingCode, Findings},
        vocabulary::Substance,
    },
};

/// The aim of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GoalKind {
    /// No use at all.
    Abstain,
    /// Less use, within limits.
    Reduce,
    /// Step by step to less or none.
    Taper,
    /// Safer use.
    HarmReduction,
}

/// The status of a goal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GoalStatus {
    /// Being pursued. At most one goal for a substance is active.
    #[default]
    Active,
    /// Put aside for a while.
    Paused,
    /// Reached.
    Achieved,
    /// Ended by choice.
    Stopped,
}

/// The usual consumption before the goal, in the goal's `unit`. Savings are computed from it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GoalBaseline {
    /// Units per day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_per_day: Option<Amount>,
    /// Cost per day in the minor unit of the currency, such as cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_minor_per_day: Option<Int<0, 1_000_000_000>>,
    /// Currency of the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Minutes per day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes_per_day: Option<Int<0, 1440>>,
}

/// Limits of a goal that allows some use, in the goal's `unit`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GoalLimits {
    /// Units on any day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_per_day: Option<Amount>,
    /// Units in any week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_per_week: Option<Amount>,
    /// The number of units from which a day counts as heavy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heavy_day_units: Option<Amount>,
}

/// One step of a taper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaperStep {
    /// First day of the step.
    #[serde(deserialize_with = "date")]
    pub from: NaiveDate,
    /// The maximum units per day from then on.
    pub max_units_per_day: Amount,
}

/// A goal for one substance or behaviour; at most one is active for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// The substance or behaviour.
    pub substance: Substance,
    /// The person's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The aim.
    pub kind: GoalKind,
    /// First day.
    #[serde(deserialize_with = "date")]
    pub started_on: NaiveDate,
    /// Last day.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_date"
    )]
    pub ended_on: Option<NaiveDate>,
    /// The status; `active` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub status: GoalStatus,
    /// The unit in which `baseline`, `limits` and `taper` count. Without it, no amount can be compared with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<AmountUnit>,
    /// The strength of the drink that the goal counts, in percent by volume; only with the unit `ml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abv: Option<Abv>,
    /// The person's own word for the unit, such as bottles; only with the unit `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_label: Option<UnitLabel>,
    /// The usual consumption before the goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<GoalBaseline>,
    /// Limits, if the goal allows some use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<GoalLimits>,
    /// Steps of a taper, in ascending order of their dates.
    #[serde(default)]
    #[schema(value_type = Vec<TaperStep>, max_items = 100)]
    pub taper: List<TaperStep, 100>,
    /// A free note in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

impl Goal {
    /// Returns the unit of the goal's amounts.
    pub fn unit_members(&self) -> UnitMembers<'_> {
        UnitMembers {
            unit: self.unit,
            abv: self.abv,
            label: self.unit_label.as_ref(),
        }
    }
}

impl Goal {
    /// Returns whether the goal holds on a day: from its first day to its last, both included.
    pub fn holds_on(&self, day: NaiveDate) -> bool {
        self.started_on <= day && self.ended_on.is_none_or(|last| day <= last)
    }
}

impl Record for Goal {
    const KIND: Kind = Kind::Goal;

    /// Midnight UTC of the first day, because a goal has a date and no time.
    fn occurred_at(&self) -> Option<Timestamp> {
        Some(Timestamp::midnight(self.started_on))
    }

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        self.unit_members().check(findings);
        check_year(self.started_on, "/started_on", findings);
        if let Some(ended) = self.ended_on {
            check_year(ended, "/ended_on", findings);
            if ended < self.started_on {
                findings.add("/ended_on", FindingCode::Order, "must not be before started_on");
            }
        }
        for (n, step) in self.taper.iter().enumerate() {
            check_year(step.from, &format!("/taper/{n}/from"), findings);
        }
        for (n, pair) in self.taper.windows(2).enumerate() {
            if let [before, after] = pair
                && after.from <= before.from
            {
                findings.add(
                    format!("/taper/{}/from", n + 1),
                    FindingCode::Order,
                    "must be after the step before",
                );
            }
        }
        if let Some(baseline) = &self.baseline
            && baseline.cost_minor_per_day.is_some()
            && baseline.currency.is_none()
        {
            findings.add(
                "/baseline/currency",
                FindingCode::Required,
                "a cost needs its currency",
            );
        }
    }

    fn slot(&self) -> Option<String> {
        (self.status == GoalStatus::Active).then(|| match (self.substance, &self.label) {
            // Behaviours that the person named differently are different goals.
            (Substance::Other | Substance::OtherBehaviour, Some(label)) => {
                format!(
                    "active:{}:{}",
                    self.substance.as_str(),
                    label.trim().to_lowercase()
                )
            }
            _ => format!("active:{}", self.substance.as_str()),
        })
    }

    fn example() -> Self {
        Self {
            substance: Substance::Alcohol,
            label: None,
            kind: GoalKind::Abstain,
            started_on: NaiveDate::from_ymd_opt(2026, 1, 15).unwrap_or_default(),
            ended_on: None,
            status: GoalStatus::Active,
            unit: Some(AmountUnit::StandardDrink),
            abv: None,
            unit_label: None,
            baseline: Some(GoalBaseline {
                units_per_day: Amount::new(6.0),
                cost_minor_per_day: Some(Int::clamped(1450)),
                currency: Currency::new("EUR"),
                minutes_per_day: Some(Int::clamped(180)),
            }),
            limits: None,
            taper: List::default(),
            note: Some(text!("For the mornings with my daughter.")),
        }
    }
}

/// Adds a finding if a date is outside the years that calendar computations cover.
pub(crate) fn check_year(date: NaiveDate, pointer: &str, findings: &mut Findings) {
    use chrono::Datelike;
    if !(1900..=2200).contains(&date.year()) {
        findings.add(pointer, FindingCode::Range, "the year must be from 1900 to 2200");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_active_goal_holds_the_slot_of_its_substance() {
        let goal = Goal::example();
        assert_eq!(goal.slot().as_deref(), Some("active:alcohol"));
        assert_eq!(
            Goal {
                status: GoalStatus::Paused,
                ..goal
            }
            .slot(),
            None
        );
    }

    #[test]
    fn own_behaviours_are_told_apart_by_label() {
        let goal = |label: &str| Goal {
            substance: Substance::OtherBehaviour,
            label: Label::new(label),
            ..Goal::example()
        };
        assert_ne!(goal("Shopping").slot(), goal("Gaming").slot());
        assert_eq!(goal("Shopping").slot(), goal(" shopping").slot());
    }

    #[test]
    fn an_end_before_the_start_is_named() {
        let mut findings = Findings::default();
        Goal {
            ended_on: NaiveDate::from_ymd_opt(2026, 1, 14),
            ..Goal::example()
        }
        .check(DateTime::UNIX_EPOCH, &mut findings);
        assert_eq!(
            findings.into_vec().first().map(|f| f.pointer.clone()).as_deref(),
            Some("/ended_on")
        );
    }
}
