//! Safety notes: warnings of acute danger, with helplines. They are independent of the score and cannot be
//! muted.
//!
//! - Tolerance to opioids falls within days of not using. Breathing can then stop at an amount that was usual
//!   before. Naloxone reverses this for a while (World Health Organization, "Community management of opioid
//!   overdose", 2014).
//! - After heavy daily drinking, or daily sedatives, stopping at once can bring seizures and confusion that
//!   endanger life. Alcohol withdrawal is at its worst within about a week, that of long-acting sedatives
//!   later (American Society of Addiction Medicine, "Clinical practice guideline on alcohol withdrawal
//!   management", 2020).

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::evidence::{MAX_INPUTS, WarningInput};
use crate::{
    goal::{Goal, GoalKind, GoalStatus},
    insight::{
        calendar::{DaySet, add_days, days_between},
        facts::{AsOf, Facts, WithId, use_span},
        statistics::days_as_f64,
    },
    record::Kind,
    reference::helpline::{Helpline, HelplineTopic},
    use_event::UseEvent,
    value::{timestamp::Timestamp, vocabulary::Substance},
};

/// Number of days without opioids after which tolerance may be lower.
const ABSTINENT_DAYS: i64 = 3;
/// Number of days in which opioid use is recent.
const RECENT_DAYS: i64 = 7;
/// Duration in days of alcohol withdrawal, and of sedative withdrawal.
const WITHDRAWAL_DAYS: (i64, i64) = (7, 14);
/// Minimum number of days of use, in the seven days up to the last one, that count as daily use.
const MIN_DAYS_OF_DAILY_USE: i64 = 5;
/// Minimum standard drinks a day that count as heavy drinking (the lower of the figures of the NIAAA).
const HEAVY_DRINKS: f64 = 4.0;
/// Maximum number of helplines with a note.
const MAX_HELPLINES: usize = 5;

/// Topic of a safety note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SafetyTopic {
    /// Opioid use after days without opioids.
    OpioidTolerance,
    /// Alcohol stopped at once after heavy daily use.
    AlcoholWithdrawal,
    /// Sedatives stopped at once after daily use.
    SedativeWithdrawal,
}

impl SafetyTopic {
    /// Returns the text to show to the person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::OpioidTolerance => {
                "After days without opioids the body tolerates less than before, and the usual amount can stop the \
                 breathing. Have someone with you and naloxone within reach. If someone cannot be woken or hardly breathes, \
                 call the emergency number, give naloxone, and stay."
            }
            Self::AlcoholWithdrawal => {
                "Stopping at once after drinking a lot every day can be dangerous for the body. Please talk to a doctor or a \
                 clinic today about stopping safely. Strong shaking, fever, confusion, seeing things or a seizure need the \
                 emergency number right away."
            }
            Self::SedativeWithdrawal => {
                "Stopping sedatives at once after taking them every day can be dangerous, also when they were prescribed. \
                 Please talk to a doctor or a pharmacist before going on without them. Strong shaking, confusion or a \
                 seizure need the emergency number right away."
            }
        }
    }
}

/// A safety note, with helplines to call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SafetyNote {
    /// Topic of the note.
    pub topic: SafetyTopic,
    /// Text of the note.
    #[schema(max_length = 1000)]
    pub text: String,
    /// The inputs that led to the note.
    #[schema(max_items = 50)]
    pub inputs: Vec<WarningInput>,
    /// Helplines to call, the emergency number first.
    #[schema(max_items = 5)]
    pub helplines: Vec<Helpline>,
}

/// Returns the safety notes that apply now, with helplines.
pub fn safety_notes(facts: &Facts, helplines: &[Helpline], as_of: &AsOf) -> Vec<SafetyNote> {
    let today = as_of.today();
    let (alcohol, sedative) = WITHDRAWAL_DAYS;
    let inputs_by_topic = [
        (SafetyTopic::OpioidTolerance, opioid_after_days(facts, today)),
        (
            SafetyTopic::AlcoholWithdrawal,
            stopped_at_once(facts, Substance::Alcohol, alcohol, today),
        ),
        (
            SafetyTopic::SedativeWithdrawal,
            stopped_at_once(facts, Substance::Sedative, sedative, today),
        ),
    ];
    inputs_by_topic
        .into_iter()
        .filter(|(_, inputs)| !inputs.is_empty())
        .map(|(topic, mut inputs)| {
            inputs.truncate(MAX_INPUTS);
            SafetyNote {
                topic,
                text: topic.text().to_owned(),
                inputs,
                helplines: most_urgent(helplines),
            }
        })
        .collect()
}

/// Returns the most urgent helplines, emergency numbers first.
fn most_urgent(helplines: &[Helpline]) -> Vec<Helpline> {
    let mut sorted = helplines.to_vec();
    sorted.sort_by_key(|line| match line.topic {
        HelplineTopic::Emergency => 0,
        HelplineTopic::SubstanceUse => 1,
        _ => 2,
    });
    sorted.truncate(MAX_HELPLINES);
    sorted
}

fn input(event: &WithId<UseEvent>) -> WarningInput {
    WarningInput::new(
        Kind::UseEvent,
        event.id,
        "occurred_at",
        1.0,
        event.record.occurred_at,
    )
}

/// Returns the opioid use of the last week that came after three or more days without recorded opioid use.
fn opioid_after_days(facts: &Facts, today: NaiveDate) -> Vec<WarningInput> {
    let events: Vec<_> = facts
        .counted_uses()
        .filter(|e| e.record.substance.is_opioid())
        .collect();
    let days = DaySet::from_spans(events.iter().map(|e| use_span(&e.record)));
    let first = add_days(today, 1 - RECENT_DAYS);
    let after_days_without = events
        .into_iter()
        .filter(|event| {
            let from = use_span(&event.record).0;
            from >= first && days.count((add_days(from, -ABSTINENT_DAYS), add_days(from, -1))) == 0
        })
        .map(input);
    newest_first(after_days_without)
}

fn newest_first(inputs: impl Iterator<Item = WarningInput>) -> Vec<WarningInput> {
    let mut sorted: Vec<WarningInput> = inputs.collect();
    sorted.sort_by_key(|input| std::cmp::Reverse((input.at.map(|at| at.millis()), input.id)));
    sorted
}

/// Returns the inputs of heavy daily use that stopped within the last `days` days. They are use events, or
/// otherwise a new goal with a heavy daily baseline. Empty if there was no such use.
fn stopped_at_once(facts: &Facts, substance: Substance, days: i64, today: NaiveDate) -> Vec<WarningInput> {
    // Prescribed sedatives must not be stopped at once either, so they count too.
    let events = facts
        .uses
        .iter()
        .filter(|e| !e.record.entered_in_error && e.record.substance == substance);
    let events: Vec<_> = events
        .filter(|e| !e.record.as_prescribed || substance == Substance::Sedative)
        .collect();
    let used = DaySet::from_spans(events.iter().map(|e| use_span(&e.record)));
    let last = used.last();
    let by_events = last.is_some_and(|last| {
        let week = (add_days(last, -6), last);
        let since = days_between(last, today);
        (1..=days).contains(&since)
            && used.count(week) >= MIN_DAYS_OF_DAILY_USE
            && is_heavy(&events, substance, week)
    });
    if let (true, Some(last)) = (by_events, last) {
        let week = |event: &&&WithId<UseEvent>| use_span(&event.record).1 >= add_days(last, -6);
        return newest_first(events.iter().filter(week).map(|event| input(event)));
    }
    let goals = facts
        .goals
        .iter()
        .filter(|goal| goal.record.substance == substance);
    let new_goals = goals
        .filter(|goal| last.is_none_or(|last| last < goal.record.started_on))
        .filter_map(|goal| new_goal_with_heavy_baseline(goal, substance, days, today));
    newest_first(new_goals)
}

/// Returns whether the use of a week was heavy. Unknown amounts and any daily use of sedatives count as
/// heavy.
fn is_heavy(events: &[&WithId<UseEvent>], substance: Substance, (from, to): (NaiveDate, NaiveDate)) -> bool {
    let of_week = events
        .iter()
        .filter(|event| (from..=to).contains(&use_span(&event.record).0));
    let amounts: Option<f64> = of_week.map(|event| Some(event.record.amount?.get())).sum();
    let days = DaySet::from_spans(events.iter().map(|event| use_span(&event.record))).count((from, to));
    substance == Substance::Sedative || amounts.is_none_or(|sum| sum >= HEAVY_DRINKS * days_as_f64(days))
}

/// Returns the baseline of a goal as input, if the goal stops heavy daily use and began at most `days` days
/// ago.
fn new_goal_with_heavy_baseline(
    goal: &WithId<Goal>,
    substance: Substance,
    days: i64,
    today: NaiveDate,
) -> Option<WarningInput> {
    let units = goal.record.baseline.as_ref()?.units_per_day?.get();
    let is_heavy = if substance == Substance::Sedative {
        units > 0.0
    } else {
        units >= HEAVY_DRINKS
    };
    let is_active_abstinence =
        goal.record.kind == GoalKind::Abstain && goal.record.status == GoalStatus::Active;
    let is_new = (0..=days).contains(&days_between(goal.record.started_on, today));
    let at = Timestamp::midnight(goal.record.started_on);
    (is_heavy && is_active_abstinence && is_new)
        .then(|| WarningInput::new(Kind::Goal, goal.id, "baseline.units_per_day", units, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_note_blames() {
        use SafetyTopic::{AlcoholWithdrawal, OpioidTolerance, SedativeWithdrawal};
        for topic in [OpioidTolerance, AlcoholWithdrawal, SedativeWithdrawal] {
            assert_eq!(
                crate::value::kindness::unkind_words(topic.text()),
                Vec::<&str>::new()
            );
        }
        assert_eq!(
            crate::value::kindness::unkind_words(super::super::ABOUT),
            Vec::<&str>::new()
        );
    }
}
