//! Check-ins: short self-reports in the morning, in the evening, at any moment, or weekly.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    record::{ItemKind, Kind, NewId, Record, Reference, Target, check_past},
    value::{
        list::{Ids, List},
        number::{Int, Rating},
        text::{Label, Note, text},
        timestamp::{Timestamp, example_time},
        validation::{FindingCode, Findings},
        vocabulary::FeelsSafe,
    },
};

/// The kind of a check-in, by its occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckInKind {
    /// Once each local date, at its start.
    Morning,
    /// Once each local date, at its end.
    Evening,
    /// Any number of times.
    Momentary,
    /// Once each ISO week.
    Weekly,
}

/// How much of the day's medication was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MedicationTaken {
    /// All doses that were due.
    All,
    /// Some of the doses that were due.
    Some,
    /// None of the doses that were due.
    None,
    /// Nothing was due.
    NotDue,
}

/// Whether there was use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UseAnswer)]
pub enum Used {
    /// Yes.
    Yes,
    /// No.
    No,
    /// The person would rather not say.
    PreferNotToSay,
}

/// The answers of a check-in. Each is optional, but at least one is required. An absent answer means not
/// answered, never 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct CheckInAnswers {
    /// Craving now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub craving: Option<Rating>,
    /// Strongest craving since the last check-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub craving_max: Option<Rating>,
    /// Mood, 10 is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mood: Option<Rating>,
    /// Stress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress: Option<Rating>,
    /// Confidence to stay with the goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_efficacy: Option<Rating>,
    /// How risky the situations expected in the next 24 hours are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risky_situation_expected: Option<Rating>,
    /// Hungry (HALT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hungry: Option<Rating>,
    /// Angry (HALT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub angry: Option<Rating>,
    /// Lonely (HALT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lonely: Option<Rating>,
    /// Tired (HALT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tired: Option<Rating>,
    /// Sleep of the last night, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep_minutes: Option<Int<0, 1440>>,
    /// Quality of the last night's sleep, 10 is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep_quality: Option<Rating>,
    /// Pain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pain: Option<Rating>,
    /// Withdrawal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Rating>,
    /// Mental wellbeing, 10 is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mental: Option<Rating>,
    /// Emotional wellbeing, 10 is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emotional: Option<Rating>,
    /// Physical wellbeing, 10 is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical: Option<Rating>,
    /// Social wellbeing, 10 is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub social: Option<Rating>,
    /// How hard the time since the last check-in was, 1 (easy) to 5 (very hard).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<Int<1, 5>>,
    /// Importance of the change (readiness ruler).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<Rating>,
    /// Readiness for the change (readiness ruler).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Rating>,
    /// How the medication was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medication: Option<MedicationTaken>,
    /// Whether there was use since the last check-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// Whether there was use on the date before that of the check-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_yesterday: Option<Used>,
    /// Whether the person feels safe. `no` and `not_sure` bring help in the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feels_safe: Option<FeelsSafe>,
    /// Whether a supporting person was contacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_contacted: Option<bool>,
    /// Whether a meeting was attended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meeting_attended: Option<bool>,
}

/// A self-report. There is at most one morning and one evening check-in per local date, and one weekly
/// check-in per ISO week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckIn {
    /// The kind, by its occasion.
    pub kind: CheckInKind,
    /// The moment that it describes.
    pub occurred_at: Timestamp,
    /// The calendar date of `occurred_at` at its own offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, read_only)]
    pub local_date: Option<NaiveDate>,
    /// The answers.
    pub answers: CheckInAnswers,
    /// Triggers of the plan that were noticed.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub trigger_ids: Ids,
    /// Warning signs of the plan that were noticed.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub warning_sign_ids: Ids,
    /// A free note in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// The person's own labels.
    #[serde(default)]
    #[schema(value_type = Vec<Label>, max_items = 20)]
    pub tags: List<Label, 20>,
    /// The time at which the server got this answer to `feels_safe`. Other changes of the check-in leave it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub feels_safe_at: Option<Timestamp>,
}

impl Record for CheckIn {
    const KIND: Kind = Kind::CheckIn;
    // Help is part of a response, and may be sent back with it.
    const READ_ONLY: &'static [&'static str] = &["local_date", "feels_safe_at", "support"];

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![Some(&mut self.occurred_at)]
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_past(self.occurred_at, "/occurred_at", now, findings);
        if self.answers == CheckInAnswers::default() {
            findings.add("/answers", FindingCode::Required, "needs at least one answer");
        }
    }

    fn adopt(&mut self, before: &Self) {
        if self.answers.feels_safe == before.answers.feels_safe {
            self.feels_safe_at = before.feels_safe_at;
        }
    }

    fn complete(&mut self, now: DateTime<Utc>, _new_id: NewId<'_>) {
        self.local_date = Some(self.occurred_at.local_date());
        if self.answers.feels_safe.is_some() {
            self.feels_safe_at.get_or_insert(Timestamp::utc(now));
        }
    }

    fn slot(&self) -> Option<String> {
        let date = self.occurred_at.local_date();
        match self.kind {
            CheckInKind::Morning => Some(format!("morning:{date}")),
            CheckInKind::Evening => Some(format!("evening:{date}")),
            CheckInKind::Weekly => Some(format!("weekly:{}", self.occurred_at.local_week())),
            CheckInKind::Momentary => None,
        }
    }

    fn references(&self) -> Vec<Reference> {
        let mut all = Reference::each("/trigger_ids", &self.trigger_ids, Target::Item(ItemKind::Trigger));
        all.extend(Reference::each(
            "/warning_sign_ids",
            &self.warning_sign_ids,
            Target::Item(ItemKind::WarningSign),
        ));
        all
    }

    fn example() -> Self {
        Self {
            kind: CheckInKind::Momentary,
            occurred_at: example_time("2026-03-01T21:30:00-05:00"),
            local_date: NaiveDate::from_ymd_opt(2026, 3, 1),
            answers: CheckInAnswers {
                craving: Some(Rating::clamped(3)),
                mood: Some(Rating::clamped(6)),
                stress: Some(Rating::clamped(4)),
                self_efficacy: Some(Rating::clamped(7)),
                sleep_minutes: Some(Int::clamped(415)),
                used: Some(Used::No),
                support_contacted: Some(true),
                ..CheckInAnswers::default()
            },
            trigger_ids: Ids::default(),
            warning_sign_ids: Ids::default(),
            note: Some(text!("Long day, but the walk helped.")),
            tags: List::of([text!("work")]),
            feels_safe_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: CheckInKind, time: &str) -> Option<String> {
        CheckIn {
            kind,
            occurred_at: example_time(time),
            ..CheckIn::example()
        }
        .slot()
    }

    #[test]
    fn a_slot_belongs_to_the_local_date() {
        // 23:30 in New York is the next day in UTC but still the same evening.
        assert_eq!(
            at(CheckInKind::Evening, "2026-03-01T23:30:00-05:00").as_deref(),
            Some("evening:2026-03-01")
        );
        assert_eq!(
            at(CheckInKind::Morning, "2026-03-02T00:10:00+14:00").as_deref(),
            Some("morning:2026-03-02")
        );
        assert_eq!(
            at(CheckInKind::Weekly, "2027-01-03T12:00:00Z").as_deref(),
            Some("weekly:2026-W53")
        );
        assert_eq!(at(CheckInKind::Momentary, "2026-03-02T12:00:00Z"), None);
    }

    #[test]
    fn an_empty_answer_sheet_is_named() {
        let mut findings = Findings::default();
        CheckIn {
            answers: CheckInAnswers::default(),
            ..CheckIn::example()
        }
        .check(example_time("2020-01-01T00:00:00Z").to_utc(), &mut findings);
        let pointers: Vec<String> = findings.into_vec().into_iter().map(|f| f.pointer).collect();
        assert_eq!(pointers, ["/answers", "/occurred_at"]);
    }
}
