//! Rules on cravings, self-efficacy and expected risky situations.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    evidence::{Evaluation, Evidence, RuleContext, RuleTime, WarningInput},
    rule::Thresholds,
};
use crate::{
    insight::{
        craving::{daily_maximum, peak},
        facts::check_in_day,
        statistics::{count_as_f64, median},
    },
    record::Kind,
};

/// Number of recent days that `craving_rise` and `craving_frequency` read.
const RECENT_DAYS: i64 = 3;

/// Collects the latest self-efficacy of the last 2 days, with the baseline.
pub fn low_efficacy(context: &RuleContext<'_>) -> Evaluation {
    let mut recent = context.check_ins(2).into_iter();
    let latest = recent
        .find_map(|c| {
            Some(WarningInput::answer(
                c,
                "self_efficacy",
                c.record.answers.self_efficacy?,
            ))
        })
        .ok_or("self-efficacy in a check-in of the last 2 days")?;
    let usual = context
        .usual_check_ins()
        .filter_map(|c| c.record.answers.self_efficacy);
    let usual: Vec<f64> = usual.map(crate::value::number::Int::as_f64).collect();
    Ok(Evidence::new([latest]).with_baseline(context.baseline(&usual)))
}

pub fn low_efficacy_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    let (low, _) = t.low_efficacy;
    evidence.inputs.iter().any(|input| input.value <= low) || is_below_usual(evidence, t)
}

/// Returns whether self-efficacy is far enough below the person's baseline. Without a baseline it is not.
pub fn is_below_usual(evidence: &Evidence, t: &Thresholds) -> bool {
    let (_, below) = t.low_efficacy;
    evidence
        .baseline
        .is_some_and(|usual| (evidence.inputs.iter()).any(|input| input.value <= usual.value - below))
}

/// Returns the ratings of cravings within the last `hours` hours, strongest first.
fn cravings_of_last_hours(context: &RuleContext<'_>, hours: i64) -> Vec<WarningInput> {
    let events = context.facts.cravings.iter().map(|event| {
        let at = event.record.occurred_at;
        WarningInput::new(
            Kind::CravingEvent,
            event.id,
            "peak",
            peak(&event.record).as_f64(),
            at,
        )
    });
    let check_ins = context.facts.check_ins.iter().flat_map(|c| {
        let answers = &c.record.answers;
        let named = [("craving", answers.craving), ("craving_max", answers.craving_max)];
        named
            .into_iter()
            .filter_map(|(name, value)| Some(WarningInput::answer(c, name, value?)))
    });
    let mut inputs: Vec<WarningInput> = events
        .chain(check_ins)
        .filter(|input| {
            input
                .at
                .is_some_and(|at| context.time.is_in_last_hours(at, hours))
        })
        .collect();
    inputs.sort_by(|a, b| {
        (b.value.total_cmp(&a.value))
            .then_with(|| b.at.map(|t| t.millis()).cmp(&a.at.map(|t| t.millis())))
            .then_with(|| (&a.id, &a.member).cmp(&(&b.id, &b.member)))
    });
    inputs
}

/// Collects the strongest craving of 24 hours, and the two strongest of 48 hours.
pub fn craving_peak(context: &RuleContext<'_>) -> Evaluation {
    let (_, day) = context.thresholds.craving_peak;
    let (_, two_days) = context.thresholds.craving_twice;
    let all = cravings_of_last_hours(context, two_days);
    if all.is_empty() {
        return Err("a craving in a check-in or craving event of the last 48 hours");
    }
    let is_in_last_day =
        |input: &&WarningInput| input.at.is_some_and(|at| context.time.is_in_last_hours(at, day));
    let strongest = all.iter().find(is_in_last_day).cloned();
    let two_strongest = all
        .iter()
        .filter(|input| can_be_one_of_two(input))
        .take(2)
        .cloned();
    let mut inputs: Vec<WarningInput> = strongest.into_iter().collect();
    for input in two_strongest {
        if !inputs.contains(&input) {
            inputs.push(input);
        }
    }
    Ok(Evidence::new(inputs))
}

/// Returns whether a rating can be one of two cravings. `craving_max` of a check-in cannot, because it may be
/// the same craving as an event or another rating.
fn can_be_one_of_two(input: &WarningInput) -> bool {
    !input.member.ends_with("craving_max")
}

pub fn craving_peak_fires(evidence: &Evidence, time: RuleTime, t: &Thresholds) -> bool {
    let is_within = |input: &WarningInput, hours| input.at.is_some_and(|at| time.is_in_last_hours(at, hours));
    let (strong, hours) = t.craving_peak;
    let (strong_if_twice, hours_for_two) = t.craving_twice;
    let inputs = || evidence.inputs.iter();
    inputs().any(|input| input.value >= strong && is_within(input, hours))
        || inputs()
            .filter(|input| {
                can_be_one_of_two(input) && input.value >= strong_if_twice && is_within(input, hours_for_two)
            })
            .count()
            >= 2
}

/// Collects the strongest craving of each of the last 3 days, with the baseline of the daily maximum.
pub fn craving_rise(context: &RuleContext<'_>) -> Evaluation {
    let (from, to) = context.time.baseline();
    let usual: Vec<f64> = daily_maximum(context.facts)
        .range(from..=to)
        .map(|(_, rating)| rating.as_f64())
        .collect();
    let baseline = context
        .baseline(&usual)
        .ok_or("cravings on 7 of the 28 days before this week")?;
    let mut by_day: BTreeMap<NaiveDate, WarningInput> = BTreeMap::new();
    // Cravings come strongest first, so the first one of each day is its maximum.
    for input in cravings_of_last_hours(context, (RECENT_DAYS + 2) * 24) {
        if let Some(day) = input.day()
            && context.time.is_in_last_days(&input, RECENT_DAYS)
        {
            by_day.entry(day).or_insert(input);
        }
    }
    if by_day.is_empty() {
        return Err("a craving in a check-in or craving event of the last 3 days");
    }
    Ok(Evidence::new(by_day.into_values()).with_baseline(Some(baseline)))
}

pub fn craving_rise_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    let values: Vec<f64> = evidence.inputs.iter().map(|input| input.value).collect();
    (median(&values).zip(evidence.baseline)).is_some_and(|(now, usual)| now >= usual.value + t.craving_rise)
}

/// Collects the craving events of the last 3 days, with the usual number in 3 days as the baseline.
pub fn craving_frequency(context: &RuleContext<'_>) -> Evaluation {
    let day_of = |event: &crate::craving_event::CravingEvent| event.occurred_at.local_date();
    let (from, to) = context.time.baseline();
    let events = context.facts.cravings.iter();
    let usual_days: Vec<NaiveDate> = (events.clone().map(|e| day_of(&e.record)))
        .filter(|day| (from..=to).contains(day))
        .collect();
    // A day without a check-in or an event may have had cravings that were not recorded.
    let mut known_days: Vec<NaiveDate> = usual_days.clone();
    known_days.extend(context.usual_check_ins().map(|c| check_in_day(&c.record)));
    known_days.sort_unstable();
    known_days.dedup();
    let rate = count_as_f64(usual_days.len()) * 3.0 / 28.0;
    let baseline = (context.baseline_of(rate, known_days.len()))
        .ok_or("records on 7 of the 28 days before this week")?;
    let first = context.time.first_of_last_days(RECENT_DAYS);
    let mut recent: Vec<_> = events.filter(|e| first <= day_of(&e.record)).collect();
    recent.sort_by_key(|e| std::cmp::Reverse((e.record.occurred_at.millis(), e.id)));
    let count = WarningInput::count(Kind::CravingEvent, "count", count_as_f64(recent.len()));
    let newest = recent.into_iter().take(20).map(|e| {
        let at = e.record.occurred_at;
        WarningInput::new(Kind::CravingEvent, e.id, "peak", peak(&e.record).as_f64(), at)
    });
    Ok(Evidence::new(std::iter::once(count).chain(newest)).with_baseline(Some(baseline)))
}

pub fn craving_frequency_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    let (min_events, min_multiple) = t.craving_frequency;
    let count_and_usual = evidence.value("count").zip(evidence.baseline);
    count_and_usual.is_some_and(|(n, usual)| n >= min_events && n >= min_multiple * usual.value)
}

/// Collects the latest rating of expected situations within 24 hours.
pub fn risky_situation(context: &RuleContext<'_>) -> Evaluation {
    let latest = context
        .check_ins(3)
        .into_iter()
        .filter(|c| context.time.is_in_last_hours(c.record.occurred_at, 24))
        .find_map(|c| {
            let expected = c.record.answers.risky_situation_expected?;
            Some(WarningInput::answer(c, "risky_situation_expected", expected))
        });
    latest
        .map(|input| Evidence::new([input]))
        .ok_or("the risky situations expected in a check-in of the last 24 hours")
}

pub fn risky_situation_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    evidence
        .inputs
        .iter()
        .any(|input| input.value >= t.risky_situation)
}
