//! Effectiveness of strategies for a person: how much more the craving fell with each strategy than without any.
//!
//! A craving that is rated at its height falls, whatever is done. The plain (raw) drop of a strategy therefore says
//! little: one that does nothing, used at 6 and more, "drops" the craving by about one point. The drop is compared
//! with the natural drop: what cravings of the same band (0–3, 4–6, 7–10 before) fell by while nothing was tried.
//!
//! - Each event counts once for a strategy, however often the strategy was used in it.
//! - A band is comparable from [`MIN_UNTREATED`] untreated events on. Only events in comparable bands are compared.
//! - The adjusted drop is the mean over the compared events of the drop minus the natural drop of its band. With
//!   its interval, it is shown from [`MIN_COMPARED`] compared events on.
//! - The interval has the variance of the strategy's drops in it and that of each band's natural drop, weighted by
//!   the square of the share of compared events in that band (Welch, 1947; Satterthwaite, 1946).
//! - The score for ranking is (n · adjusted + 5 · mean over all) / (n + 5), with n compared events.
//! - A strategy without compared events has the mean over all as its score: it is taken for an ordinary one. Among
//!   such strategies, the raw drops decide, shrunk in the same way.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    craving_event::{CravingEvent, StrategyUse},
    insight::statistics::{Interval, MeanVariance, count_as_f64, mean, median, welch_interval},
    value::number::Rating,
};

/// The weight, in events, of the mean over all strategies in the score of one strategy (shrinkage towards the
/// mean).
pub const SHRINKAGE_EVENTS: f64 = 5.0;
/// The number of untreated events in a band from which its natural drop is known.
pub const MIN_UNTREATED: usize = 5;
/// The number of compared events from which the adjusted drop is shown.
pub const MIN_COMPARED: usize = 3;
/// The least variance of drops, in squared points. Ratings are whole points, so each is off by up to half a point
/// either way, which is a variance of 1/12; a drop has two of them. Without it, three equal drops would have an
/// interval without any width.
pub const MIN_DROP_VARIANCE: f64 = 1.0 / 6.0;

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

/// Whether the drop with a strategy can be compared with the drop without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StrategyComparison)]
pub enum Comparison {
    /// The drop is compared: `adjusted_drop` and its interval are given.
    Compared,
    /// Fewer than 3 cravings with a rating before and after.
    TooFewRatings,
    /// Not yet comparable: too few cravings of the same strength in which nothing was tried.
    NotYetComparable,
}

/// The effectiveness of a strategy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effectiveness {
    /// The number of events with a rating before and after.
    pub n: usize,
    /// The raw mean drop of the craving, before minus after. It has the natural drop in it.
    pub raw_mean: f64,
    /// The raw median drop.
    pub raw_median: f64,
    /// The number of events in comparable bands.
    pub compared: usize,
    /// The mean drop minus the natural drop, from 3 compared events on.
    pub adjusted: Option<f64>,
    /// The 95 % interval of the adjusted drop.
    pub interval: Option<Interval>,
    /// The score for ranking. `None` if no event of any strategy can be compared.
    pub score: Option<f64>,
    /// The raw mean drop, shrunk towards that of all strategies. It orders strategies with equal scores.
    pub raw_score: f64,
}

impl Effectiveness {
    /// Returns whether the drop can be compared.
    pub fn comparison(&self) -> Comparison {
        match self.adjusted {
            Some(_) => Comparison::Compared,
            None if self.n < MIN_COMPARED => Comparison::TooFewRatings,
            None => Comparison::NotYetComparable,
        }
    }

    /// Returns whether the strategy has helped so far: the craving fell with it, and, as far as that can be compared,
    /// more than without any strategy.
    pub fn has_helped(&self) -> bool {
        has_helped(self.raw_mean, self.compared, self.score)
    }

    /// Orders the better strategy first: those that have helped before the others, then by score, then by the shrunk
    /// raw drop.
    pub fn cmp_best_first(&self, other: &Self) -> Ordering {
        let scores = |a: Option<f64>, b: Option<f64>| b.unwrap_or(0.0).total_cmp(&a.unwrap_or(0.0));
        (other.has_helped().cmp(&self.has_helped()))
            .then(scores(self.score, other.score))
            .then(other.raw_score.total_cmp(&self.raw_score))
    }
}

/// Returns whether a strategy with these figures has helped so far.
pub(crate) fn has_helped(raw_mean: f64, compared: usize, score: Option<f64>) -> bool {
    raw_mean > 0.0 && (compared == 0 || score.is_none_or(|score| score > 0.0))
}

/// Computes the effectiveness of every strategy that has its own ratings.
pub fn effectiveness<'a>(
    events: impl IntoIterator<Item = &'a CravingEvent>,
) -> BTreeMap<StrategyKey, Effectiveness> {
    let (treated, untreated): (Vec<_>, Vec<_>) = events
        .into_iter()
        .partition(|event| !event.strategy_uses.is_empty());
    let natural = natural_drops(&untreated);
    let drops = drops_by_strategy(&treated);
    let all_raw: Vec<f64> = drops.values().flatten().map(RatedDrop::raw).collect();
    let all_adjusted: Vec<f64> = (drops.values().flatten())
        .filter_map(|drop| drop.adjusted(&natural))
        .collect();
    let (raw_overall, overall) = (mean(&all_raw).unwrap_or(0.0), mean(&all_adjusted));
    drops
        .into_iter()
        .map(|(key, drops)| (key, one_strategy(&drops, &natural, raw_overall, overall)))
        .collect()
}

/// The ratings of an event before and after a strategy.
struct RatedDrop {
    before: Rating,
    after: Rating,
}

impl RatedDrop {
    fn raw(&self) -> f64 {
        self.before.as_f64() - self.after.as_f64()
    }

    /// Returns the drop minus the natural drop of its band. `None` if that is not known.
    fn adjusted(&self, natural: &[Option<NaturalDrop>; 3]) -> Option<f64> {
        let natural = natural.get(band(self.before))?.as_ref()?;
        Some(self.raw() - natural.mean)
    }
}

/// The drop of the cravings of a band in which nothing was tried, from their first to their last rating.
struct NaturalDrop {
    mean: f64,
    variance: MeanVariance,
}

/// Returns the natural drop of each band that has enough untreated events.
fn natural_drops(untreated: &[&CravingEvent]) -> [Option<NaturalDrop>; 3] {
    let mut drops: [Vec<f64>; 3] = Default::default();
    for event in untreated {
        if let (Some(first), Some(last)) = (event.ratings.first(), event.ratings.last())
            && event.ratings.len() > 1
            && let Some(band) = drops.get_mut(band(first.value))
        {
            band.push(first.value.as_f64() - last.value.as_f64());
        }
    }
    drops.map(|drops| {
        (drops.len() >= MIN_UNTREATED).then_some(())?;
        Some(NaturalDrop {
            mean: mean(&drops)?,
            variance: MeanVariance::of(&drops, MIN_DROP_VARIANCE)?,
        })
    })
}

/// Returns one drop for each strategy and event: from the first rating before to the last rating after, among the
/// uses that have both.
fn drops_by_strategy(treated: &[&CravingEvent]) -> BTreeMap<StrategyKey, Vec<RatedDrop>> {
    let mut drops: BTreeMap<StrategyKey, Vec<RatedDrop>> = BTreeMap::new();
    for event in treated {
        let mut in_event: BTreeMap<StrategyKey, RatedDrop> = BTreeMap::new();
        for tried in event.strategy_uses.iter() {
            if let (Some(key), Some(before), Some(after)) =
                (StrategyKey::of(tried), tried.before, tried.after)
            {
                let drop = in_event.entry(key).or_insert(RatedDrop { before, after });
                drop.after = after;
            }
        }
        for (key, drop) in in_event {
            drops.entry(key).or_default().push(drop);
        }
    }
    drops
}

/// Computes the effectiveness of a strategy from its drops. `raw_overall` and `overall` are the means of the raw and
/// of the adjusted drops of all strategies.
fn one_strategy(
    drops: &[RatedDrop],
    natural: &[Option<NaturalDrop>; 3],
    raw_overall: f64,
    overall: Option<f64>,
) -> Effectiveness {
    let raw: Vec<f64> = drops.iter().map(RatedDrop::raw).collect();
    let adjusted: Vec<f64> = drops.iter().filter_map(|drop| drop.adjusted(natural)).collect();
    let (raw_mean, adjusted_mean) = (mean(&raw).unwrap_or(0.0), mean(&adjusted));
    let shown = adjusted_mean.filter(|_| adjusted.len() >= MIN_COMPARED);
    Effectiveness {
        n: raw.len(),
        raw_mean,
        raw_median: median(&raw).unwrap_or(0.0),
        compared: adjusted.len(),
        adjusted: shown,
        interval: shown.and_then(|centre| interval(centre, drops, &adjusted, natural)),
        score: overall.map(|overall| shrunk(adjusted.len(), adjusted_mean.unwrap_or(0.0), overall)),
        raw_score: shrunk(raw.len(), raw_mean, raw_overall),
    }
}

/// Shrinks the mean of `n` values towards the mean over all. Rounded, so that equal scores are equal whatever way
/// they were computed.
fn shrunk(n: usize, mean: f64, overall: f64) -> f64 {
    let n = count_as_f64(n);
    let score = (n * mean + SHRINKAGE_EVENTS * overall) / (n + SHRINKAGE_EVENTS);
    (score * 1e9).round() / 1e9
}

/// Returns the interval of the adjusted drop of the compared events.
fn interval(
    centre: f64,
    drops: &[RatedDrop],
    adjusted: &[f64],
    natural: &[Option<NaturalDrop>; 3],
) -> Option<Interval> {
    let mut means = vec![MeanVariance::of(adjusted, MIN_DROP_VARIANCE)?];
    for (of, natural) in natural.iter().enumerate() {
        let in_band = drops.iter().filter(|drop| band(drop.before) == of).count();
        if let Some(natural) = natural
            && in_band > 0
        {
            let weight = count_as_f64(in_band) / count_as_f64(adjusted.len());
            means.push(natural.variance.weighted(weight));
        }
    }
    welch_interval(centre, &means)
}

fn band(before: Rating) -> usize {
    match before.get() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
