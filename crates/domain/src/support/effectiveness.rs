//! Effectiveness of strategies for a person: how much the craving fell with each strategy that was tried.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::{
    craving_event::{CravingEvent, StrategyUse},
    insight::statistics::{Interval, count_as_f64, mean, mean_interval, median},
    value::number::Rating,
};

/// The weight, in uses, of the mean over all strategies in the score of one strategy (shrinkage towards the
/// mean).
pub const SHRINKAGE_USES: f64 = 5.0;
/// The number of untreated events in a band from which its natural drop is taken into account.
pub const MIN_UNTREATED: usize = 5;

/// The identity of a strategy that was tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StrategyKey {
    /// A strategy of a plan.
    Plan(Uuid),
    /// A practice of the library.
    Practice(String),
    /// A strategy in the person's own words, in lower case.
    Own(String),
}

impl StrategyKey {
    /// The strategy to which a use is credited: the plan's strategy, otherwise the practice, otherwise the
    /// person's own words.
    pub fn of(tried: &StrategyUse) -> Option<Self> {
        (tried.strategy_id.map(Self::Plan))
            .or_else(|| tried.practice.as_ref().map(|p| Self::Practice(p.to_string())))
            .or_else(|| tried.label.as_ref().map(|l| Self::Own(l.trim().to_lowercase())))
    }
}

/// The effectiveness of a strategy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effectiveness {
    /// The number of uses with a rating before and after.
    pub n: usize,
    /// The mean drop of the craving, before minus after.
    pub mean_drop: f64,
    /// The median drop.
    pub median_drop: f64,
    /// The 95 % confidence interval of the mean drop by Student's t, from 3 uses on.
    pub interval: Option<Interval>,
    /// The mean drop minus the natural drop of cravings in the same band.
    pub adjusted: f64,
    /// The score for ranking: (n · adjusted + 5 · mean over all) / (n + 5).
    pub score: f64,
}

/// Computes the effectiveness of every strategy that has its own ratings.
///
/// The natural drop of a band (0–3, 4–6, 7–10 before) is the mean drop from the first to the last rating of
/// events in which nothing was tried. It counts from [`MIN_UNTREATED`] events on.
pub fn effectiveness<'a>(
    events: impl IntoIterator<Item = &'a CravingEvent>,
) -> BTreeMap<StrategyKey, Effectiveness> {
    let (treated, untreated_events): (Vec<_>, Vec<_>) = events
        .into_iter()
        .partition(|event| !event.strategy_uses.is_empty());
    let mut untreated: [Vec<f64>; 3] = Default::default();
    for event in untreated_events {
        if let (Some(first), Some(last)) = (event.ratings.first(), event.ratings.last())
            && event.ratings.len() > 1
            && let Some(band) = untreated.get_mut(band(first.value))
        {
            band.push(first.value.as_f64() - last.value.as_f64());
        }
    }
    let natural = |before: Rating| {
        untreated
            .get(band(before))
            .filter(|drops| drops.len() >= MIN_UNTREATED)
            .and_then(|drops| mean(drops))
            .unwrap_or(0.0)
    };
    let mut drops: BTreeMap<StrategyKey, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for tried in treated.iter().flat_map(|e| e.strategy_uses.iter()) {
        if let (Some(key), Some(before), Some(after)) = (StrategyKey::of(tried), tried.before, tried.after) {
            let drop = before.as_f64() - after.as_f64();
            let (raw, adjusted) = drops.entry(key).or_default();
            raw.push(drop);
            adjusted.push(drop - natural(before));
        }
    }
    let all: Vec<f64> = drops
        .values()
        .flat_map(|(_, adjusted)| adjusted.iter().copied())
        .collect();
    let overall = mean(&all).unwrap_or(0.0);
    drops
        .into_iter()
        .map(|(key, (raw, adjusted))| {
            let n = count_as_f64(raw.len());
            let adjusted = mean(&adjusted).unwrap_or(0.0);
            let score = (n * adjusted + SHRINKAGE_USES * overall) / (n + SHRINKAGE_USES);
            (
                key,
                Effectiveness {
                    n: raw.len(),
                    mean_drop: mean(&raw).unwrap_or(0.0),
                    median_drop: median(&raw).unwrap_or(0.0),
                    interval: mean_interval(&raw),
                    adjusted,
                    score,
                },
            )
        })
        .collect()
}

fn band(before: Rating) -> usize {
    match before.get() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        craving_event::CravingRating,
        record::Record,
        value::{list::List, number::Int, text::Label},
    };

    fn event(uses: &[(&str, i64, i64)]) -> CravingEvent {
        CravingEvent {
            strategy_uses: List::of(uses.iter().map(|(label, before, after)| StrategyUse {
                id: None,
                strategy_id: None,
                practice: None,
                label: Label::new(*label),
                before: Some(Rating::clamped(*before)),
                after: Some(Rating::clamped(*after)),
                helped: None,
                seconds: None,
            })),
            ..CravingEvent::example()
        }
    }

    fn untreated(first: i64, last: i64) -> CravingEvent {
        let rating = |offset, value| CravingRating {
            offset_s: Int::clamped(offset),
            value: Rating::clamped(value),
        };
        CravingEvent {
            ratings: List::of([rating(0, first), rating(60, last)]),
            ..event(&[])
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn the_score_is_shrunk_towards_the_mean_over_all() {
        // Walk: drops 6, 4 (mean 5). Tea: drop 1. Over all: 11/3.
        let by_strategy =
            effectiveness(&[event(&[("Walk", 8, 2), ("tea", 5, 4)]), event(&[("walk ", 9, 5)])]);
        let walk = by_strategy[&StrategyKey::Own("walk".into())];
        assert_eq!(walk.n, 2);
        assert!(close(walk.mean_drop, 5.0));
        assert!(close(walk.score, (2.0 * 5.0 + 5.0 * 11.0 / 3.0) / 7.0));
        let tea = by_strategy[&StrategyKey::Own("tea".into())];
        assert!(close(tea.score, (1.0 + 5.0 * 11.0 / 3.0) / 6.0));
    }

    #[test]
    fn the_natural_drop_counts_from_five_untreated_events_of_the_band() {
        let mut events = vec![event(&[("walk", 8, 2)])];
        events.extend((0..4).map(|_| untreated(8, 6)));
        assert!(close(
            effectiveness(&events)[&StrategyKey::Own("walk".into())].adjusted,
            6.0
        ));
        events.push(untreated(7, 5));
        assert!(close(
            effectiveness(&events)[&StrategyKey::Own("walk".into())].adjusted,
            4.0
        ));
        // Other bands are unaffected.
        events.push(event(&[("tea", 5, 4)]));
        assert!(close(
            effectiveness(&events)[&StrategyKey::Own("tea".into())].adjusted,
            1.0
        ));
    }

    #[test]
    fn a_strategy_without_ratings_of_its_own_has_no_place() {
        let mut unrated = event(&[("walk", 8, 2)]);
        unrated.strategy_uses.items_mut()[0].after = None;
        assert!(effectiveness(&[unrated]).is_empty());
    }
}
