//! Triggers: how often one of ten triggers that do not matter stands out, and how often one that does is seen.

use mainstay_domain::{
    craving_event::{CravingEvent, CravingOutcome},
    insight::{
        facts::Window,
        statistics::{Interval, Share},
        trigger::{TriggerFigures, triggers},
    },
    value::list::List,
};
use uuid::Uuid;

use crate::{
    Rate, head,
    person::{as_of, craving, facts, rating},
    random::Random,
    row,
};

/// Each craving has each of these triggers with a probability of 0.3.
const TRIGGERS: u128 = 10;
const PRESENT: f64 = 0.3;

/// Simulates cravings with triggers that matter and others that do not.
pub fn simulate(histories: u32) {
    head(
        "Triggers: ten that do not matter. Histories in which at least one stands out, and intervals without the truth",
        &[
            "Cravings",
            "Use",
            "Lift apart from 1 (before)",
            "Ratio not marked as chance (now)",
            "Lifts: interval without 1 (before)",
            "Ratios: interval without 1 (now)",
        ],
    );
    for cravings in [30, 60, 180] {
        for use_share in [0.05, 0.3] {
            let found = rates(cravings, use_share, use_share, histories);
            let [before, now, lifts, ratios] =
                [found.others_before, found.others_now, found.lifts, found.ratios]
                    .map(|rate| rate.to_string());
            row(&[
                cravings.to_string(),
                percent(use_share),
                before,
                now,
                lifts,
                ratios,
            ]);
        }
    }
    head(
        "Triggers: one of the ten matters. Histories in which it stands out, and those in which another one does",
        &[
            "Cravings",
            "Use with and without it",
            "Seen (before)",
            "Seen (now)",
            "Another one, too (before)",
            "Another one, too (now)",
        ],
    );
    for cravings in [30, 60, 180] {
        for (with, without) in [(0.4, 0.2), (0.6, 0.2)] {
            let found = rates(cravings, with, without, histories);
            let [seen_before, seen_now, before, now] = [
                found.seen_before,
                found.seen_now,
                found.others_before,
                found.others_now,
            ]
            .map(|rate| rate.to_string());
            let shares = format!("{}, {}", percent(with), percent(without));
            row(&[cravings.to_string(), shares, seen_before, seen_now, before, now]);
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[derive(Default)]
struct Rates {
    seen_before: Rate,
    seen_now: Rate,
    others_before: Rate,
    others_now: Rate,
    lifts: Rate,
    ratios: Rate,
}

/// Simulates histories in which use follows with one probability if the first trigger is there, else with another.
fn rates(cravings: u16, with: f64, without: f64, histories: u32) -> Rates {
    let mut random = Random::new(u64::from(cravings));
    let mut rates = Rates::default();
    let first = Uuid::from_u128(1);
    for _ in 0..histories {
        let events = (0..cravings).map(|_| event(&mut random, with, without)).collect();
        let found = triggers(&facts(events), &as_of(), Window::All).result;
        let (mut others_before, mut others_now) = (false, false);
        let (mut seen_before, mut seen_now) = (false, false);
        for trigger in &found.triggers {
            let lift = lift_before(&trigger.figures, found.use_share);
            let before = lift.is_some_and(|interval| !contains_1(interval.low, interval.high));
            let ratio = trigger.figures.use_ratio;
            let now = ratio.is_some_and(|ratio| !ratio.may_be_chance);
            if trigger.trigger_id == first && with > without {
                (seen_before, seen_now) = (before, now);
                continue;
            }
            (others_before, others_now) = (others_before || before, others_now || now);
            if lift.is_some() {
                rates.lifts.add(before);
            }
            if let Some(ratio) = ratio {
                let high = ratio.interval.high.unwrap_or(f64::INFINITY);
                rates.ratios.add(!contains_1(ratio.interval.low, high));
            }
        }
        rates.seen_before.add(seen_before);
        rates.seen_now.add(seen_now);
        rates.others_before.add(others_before);
        rates.others_now.add(others_now);
    }
    rates
}

fn contains_1(low: f64, high: f64) -> bool {
    low <= 1.0 && 1.0 <= high
}

fn event(random: &mut Random, with: f64, without: f64) -> CravingEvent {
    let ids: Vec<Uuid> = (1..=TRIGGERS)
        .filter(|_| random.chance(PRESENT))
        .map(Uuid::from_u128)
        .collect();
    let probability = if ids.first() == Some(&Uuid::from_u128(1)) {
        with
    } else {
        without
    };
    CravingEvent {
        trigger_ids: List::of(ids),
        outcome: if random.chance(probability) {
            CravingOutcome::Used
        } else {
            CravingOutcome::RodeItOut
        },
        ..craving(1, &[rating(5.0)])
    }
}

/// The interval of the rule before: the share of use with the trigger and its Wilson interval, divided by the share of
/// use in all cravings.
fn lift_before(figures: &TriggerFigures, overall: Option<Share>) -> Option<Interval> {
    let overall = overall.filter(|overall| overall.value > 0.0)?;
    let with_trigger = figures.use_share?;
    Some(Interval {
        low: with_trigger.interval.low / overall.value,
        high: with_trigger.interval.high / overall.value,
    })
}
