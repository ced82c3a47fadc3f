//! Medications for recovery, from daily tablets to injections that last for months.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    goal::check_year,
    record::{Kind, Record},
    value::{
        nullable,
        number::Int,
        text::{Label, Text, text},
        timestamp::{Timestamp, date, optional_date},
        validation::{FindingCode, Findings},
    },
};

pub mod adherence;
mod due;
mod schedule;

pub use due::{
    DoseStanding, DueDose, LONG_ACTING_DAYS, MAX_TOLERANCE_DAYS, due_doses, next_due, overdue_days, tolerance,
};
pub use schedule::{DueTime, MAX_TIMES_A_DAY, Schedule, ScheduleText};

/// The class of a medication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MedicationClass {
    /// Full opioid agonist, such as methadone.
    OpioidAgonist,
    /// Partial opioid agonist, such as buprenorphine.
    PartialAgonist,
    /// Opioid antagonist, such as naltrexone.
    Antagonist,
    /// Makes alcohol unpleasant, such as disulfiram.
    AlcoholDeterrent,
    /// Lessens the craving for alcohol, such as acamprosate.
    AlcoholAnticraving,
    /// Anything else.
    Other,
}

impl MedicationClass {
    /// Whether it acts as an opioid, fully or in part.
    pub const fn is_opioid(self) -> bool {
        matches!(self, Self::OpioidAgonist | Self::PartialAgonist)
    }
}

/// The status of a medication.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MedicationStatus {
    /// Being taken.
    #[default]
    Active,
    /// Paused: nothing is due.
    Paused,
    /// The course reached its planned end.
    Completed,
    /// Ended early, or without a planned end.
    Stopped,
}

/// A medication with its schedule. Doses refer to it by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Medication {
    /// The name.
    pub name: Label,
    /// The `RxNorm` concept number, as entered by the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rxnorm: Option<Text<1, 20>>,
    /// The class.
    pub class: MedicationClass,
    /// The amount of one dose, such as `8 mg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dose: Option<Label>,
    /// The route of administration, such as `oral`, `sublingual` or `injection`.
    pub route: Label,
    /// The schedule: a recurrence rule (RFC 5545) in the person's local time, starting on `started_on`. FREQ
    /// is HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY, with at most 24 times a day. Without BYHOUR, a dose may
    /// be taken at any time of its day. UNTIL may be a date, a local time or a time in UTC.
    #[schema(example = "FREQ=DAILY;BYHOUR=8")]
    pub schedule: ScheduleText,
    /// The number of days that one dose lasts. From 7 on, the medication is long-acting: the next dose is due
    /// that many days after the last one was given, and the schedule only sets the first due date and the
    /// time of day. A long-acting dose stays open until it is given. After a skipped dose, the next is due
    /// that many days after the skipped one was due.
    pub covers_days: Int<1, 190>,
    /// The first day.
    #[serde(deserialize_with = "date")]
    pub started_on: NaiveDate,
    /// The last day.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_date"
    )]
    pub ended_on: Option<NaiveDate>,
    /// The status; `active` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub status: MedicationStatus,
}

impl Medication {
    /// Whether one dose lasts for a week or longer.
    pub fn is_long_acting(&self) -> bool {
        self.covers_days.get() >= LONG_ACTING_DAYS
    }
}

impl Record for Medication {
    const KIND: Kind = Kind::Medication;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(Timestamp::midnight(self.started_on))
    }

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        check_year(self.started_on, "/started_on", findings);
        if let Some(ended) = self.ended_on {
            check_year(ended, "/ended_on", findings);
            if ended < self.started_on {
                findings.add("/ended_on", FindingCode::Order, "must not be before started_on");
            }
        }
        match Schedule::parse(&self.schedule) {
            Err(message) => findings.add("/schedule", FindingCode::Format, message),
            Ok(schedule) if schedule.first_day(self.started_on).is_none() => {
                findings.add(
                    "/schedule",
                    FindingCode::Range,
                    "must come due within five years of started_on",
                );
            }
            Ok(_) => {}
        }
    }

    fn example() -> Self {
        Self {
            name: text!("Buprenorphine/naloxone"),
            rxnorm: None,
            class: MedicationClass::PartialAgonist,
            dose: Some(text!("8 mg")),
            route: text!("sublingual"),
            schedule: text!("FREQ=DAILY;BYHOUR=8"),
            covers_days: Int::clamped(1),
            started_on: NaiveDate::from_ymd_opt(2026, 2, 2).unwrap_or_default(),
            ended_on: None,
            status: MedicationStatus::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_member_is_named() {
        let mut findings = Findings::default();
        Medication {
            schedule: text!("FREQ=SECONDLY"),
            started_on: NaiveDate::from_ymd_opt(1899, 12, 31).unwrap(),
            ended_on: NaiveDate::from_ymd_opt(1899, 12, 30),
            ..Medication::example()
        }
        .check(DateTime::UNIX_EPOCH, &mut findings);
        let faults = findings.into_vec().into_iter();
        let faults: Vec<String> = faults.map(|f| format!("{} {}", f.pointer, f.code)).collect();
        let expected = [
            "/ended_on order",
            "/ended_on range",
            "/schedule format",
            "/started_on range",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_schedule_must_come_due() {
        let mut findings = Findings::default();
        Medication {
            schedule: text!("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"),
            ..Medication::example()
        }
        .check(DateTime::UNIX_EPOCH, &mut findings);
        let faults = findings.into_vec();
        assert_eq!(
            (faults[0].pointer.as_str(), faults[0].code.as_str()),
            ("/schedule", "range")
        );
    }
}
