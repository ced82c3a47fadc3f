//! Rules on stress, low mood, HALT (hungry, angry, lonely, tired) and sleep.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{
    evidence::{Evaluation, Evidence, RuleContext, RuleTime, WarningInput},
    rule::Thresholds,
};
use crate::{
    check_in::CheckIn,
    insight::{calendar::add_days, facts::WithId},
    record::Kind,
};

/// Collects the last three ratings of stress within 7 days.
pub fn stress(context: &RuleContext<'_>) -> Evaluation {
    let answers = context.check_ins(7).into_iter();
    let last: Vec<WarningInput> = answers
        .filter_map(|c| Some(WarningInput::answer(c, "stress", c.record.answers.stress?)))
        .take(3)
        .collect();
    if last.len() < 2 {
        return Err("stress in 2 check-ins of the last 7 days");
    }
    Ok(Evidence::new(last))
}

pub fn stress_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    evidence
        .inputs
        .iter()
        .filter(|input| input.value >= t.stress)
        .count()
        >= 2
}

/// Collects the lowest mood of each of the last three days with a rating, within 7 days.
pub fn low_mood(context: &RuleContext<'_>) -> Evaluation {
    let answers = context.check_ins(7).into_iter();
    let moods = answers.filter_map(|c| Some(WarningInput::answer(c, "mood", c.record.answers.mood?)));
    let by_day = extreme_of_each_day(moods, |value, extreme| value < extreme);
    let last: Vec<WarningInput> = by_day.into_values().rev().take(3).collect();
    if last.len() < 3 {
        return Err("mood on 3 of the last 7 days");
    }
    Ok(Evidence::new(last))
}

/// Returns the most extreme input of each day.
fn extreme_of_each_day(
    inputs: impl Iterator<Item = WarningInput>,
    is_more_extreme: impl Fn(f64, f64) -> bool,
) -> BTreeMap<NaiveDate, WarningInput> {
    let mut by_day: BTreeMap<NaiveDate, WarningInput> = BTreeMap::new();
    for input in inputs {
        let Some(day) = input.day() else { continue };
        if by_day
            .get(&day)
            .is_none_or(|extreme| is_more_extreme(input.value, extreme.value))
        {
            by_day.insert(day, input);
        }
    }
    by_day
}

pub fn low_mood_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    let low = evidence.inputs.iter().filter(|input| input.value <= t.low_mood);
    low.filter_map(WarningInput::day).collect::<BTreeSet<_>>().len() >= 3
}

/// Number of days that `halt` reads: three consecutive days that end today or yesterday.
const HALT_DAYS: i64 = 4;

fn halt_answers(check_in: &WithId<CheckIn>) -> Vec<WarningInput> {
    let answers = &check_in.record.answers;
    let named = [
        ("hungry", answers.hungry),
        ("angry", answers.angry),
        ("lonely", answers.lonely),
        ("tired", answers.tired),
    ];
    let answered = named
        .into_iter()
        .filter_map(|(name, value)| Some(WarningInput::answer(check_in, name, value?)));
    answered.collect()
}

/// Collects strong hunger, anger, loneliness and tiredness: the strongest rating of each day and kind.
pub fn halt(context: &RuleContext<'_>) -> Evaluation {
    let all: Vec<WarningInput> = context
        .check_ins(HALT_DAYS)
        .into_iter()
        .flat_map(halt_answers)
        .collect();
    if all.is_empty() {
        return Err("hungry, angry, lonely or tired in a check-in of the last 4 days");
    }
    let mut strongest: BTreeMap<(NaiveDate, String), WarningInput> = BTreeMap::new();
    for input in all
        .into_iter()
        .filter(|input| input.value >= context.thresholds.halt)
    {
        let Some(day) = input.day() else { continue };
        let maximum = strongest
            .entry((day, input.member.clone()))
            .or_insert_with(|| input.clone());
        if input.value > maximum.value {
            *maximum = input;
        }
    }
    Ok(Evidence::new(strongest.into_values()))
}

pub fn halt_fires(evidence: &Evidence, time: RuleTime, t: &Thresholds) -> bool {
    let strong: BTreeSet<(NaiveDate, &str)> = evidence
        .inputs
        .iter()
        .filter(|input| input.value >= t.halt)
        .filter_map(|input| Some((input.day()?, input.member.as_str())))
        .collect();
    let recent = time.first_of_last_days(3);
    let two_on_a_day = strong
        .iter()
        .filter(|(day, _)| recent <= *day)
        .any(|(day, member)| strong.iter().any(|(other, name)| other == day && name != member));
    let three_consecutive_days = strong.iter().any(|(day, member)| {
        [1, 2]
            .into_iter()
            .all(|later| strong.contains(&(add_days(*day, later), *member)))
    });
    two_on_a_day || three_consecutive_days
}

/// Number of nights that `sleep` reads. Each night is recorded on the day after it.
const NIGHTS: i64 = 5;

/// Collects the short or restless nights among the last five.
pub fn sleep(context: &RuleContext<'_>) -> Evaluation {
    let (short, low) = context.thresholds.sleep;
    let (mut recorded_days, mut hard_nights) = (BTreeSet::new(), BTreeMap::new());
    for check_in in context.check_ins(NIGHTS) {
        let (answers, at) = (&check_in.record.answers, check_in.record.occurred_at);
        let minutes = answers.sleep_minutes.map(|minutes| {
            WarningInput::new(
                Kind::CheckIn,
                check_in.id,
                "answers.sleep_minutes",
                minutes.as_f64(),
                at,
            )
        });
        let quality = answers
            .sleep_quality
            .map(|quality| WarningInput::answer(check_in, "sleep_quality", quality));
        if minutes.is_some() || quality.is_some() {
            recorded_days.insert(at.local_date());
        }
        let minutes = minutes.filter(|input| input.value < short);
        if let Some(input) = minutes.or(quality.filter(|input| input.value <= low)) {
            hard_nights.entry(at.local_date()).or_insert(input);
        }
    }
    if recorded_days.len() < 3 {
        return Err("sleep on 3 of the last 5 days");
    }
    Ok(Evidence::new(hard_nights.into_values()))
}

pub fn sleep_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    let (short, low) = t.sleep;
    let is_hard = |input: &&WarningInput| {
        if input.member == "answers.sleep_minutes" {
            input.value < short
        } else {
            input.value <= low
        }
    };
    let nights = evidence
        .inputs
        .iter()
        .filter(is_hard)
        .filter_map(WarningInput::day);
    nights.collect::<BTreeSet<_>>().len() >= 3
}
