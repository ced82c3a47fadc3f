//! Coping strategies: how much more the craving dropped with each one than without any, and how certain that is.
//!
//! The figures are those of [`crate::support::effectiveness`], which also orders the help in responses to
//! cravings. Only cravings in the window count. A strategy without ratings of its own is listed separately,
//! without figures.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    facts::{AsOf, BasisBuilder, Facts, Window},
    statistics::Interval,
};
use crate::{
    record::Kind,
    reference::practice,
    support::effectiveness::{Comparison, Effectiveness, StrategyKey, effectiveness, has_helped},
};

/// Maximum number of strategies in one response.
pub const MAX_STRATEGIES: usize = 200;

/// Identifies a strategy: one of a plan, a practice of the library, or one in the person's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StrategyName {
    /// Id of the strategy in a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy_id: Option<Uuid>,
    /// Slug of the practice in the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub practice: Option<String>,
    /// Name of the strategy.
    #[schema(max_length = 200)]
    pub label: String,
}

/// How much a strategy helped.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StrategyInsight {
    /// The strategy.
    pub strategy: StrategyName,
    /// Number of uses in the window.
    #[schema(minimum = 1)]
    pub uses: usize,
    /// Number of cravings with a rating before and after it. Several uses in one craving count once.
    #[schema(minimum = 1)]
    pub rated: usize,
    /// Number of uses that the person said had helped.
    #[schema(minimum = 0)]
    pub helped: usize,
    /// Mean drop of the craving while it was used: rating before minus rating after. Cravings also fall by themselves,
    /// and this is part of it.
    #[schema(minimum = -10, maximum = 10)]
    pub raw_mean_drop: f64,
    /// Median drop of the craving while it was used. As with the mean, part of it is natural.
    #[schema(minimum = -10, maximum = 10)]
    pub raw_median_drop: f64,
    /// Whether the drop can be compared with that of cravings without any strategy.
    pub comparison: Comparison,
    /// Number of rated cravings of a strength (0–3, 4–6, 7–10) of which at least 5 cravings without any strategy have
    /// ratings, too.
    #[schema(minimum = 0)]
    pub compared: usize,
    /// Mean drop beyond that of comparable cravings without any strategy. Needs 3 compared cravings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -20, maximum = 20)]
    pub adjusted_drop: Option<f64>,
    /// 95 % interval of the adjusted drop (Welch). It takes into account that the drop without a strategy is itself
    /// estimated. Its ends may lie outside the range that a drop can have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Score for ranking: the mean drop beyond the natural one, shrunk towards the mean over all strategies with the
    /// weight of 5 cravings. Left out while nothing can be compared; then the raw drops, shrunk alike, give the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -20, maximum = 20)]
    pub score: Option<f64>,
}

/// A strategy that was used but never rated both before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnratedStrategy {
    /// The strategy.
    pub strategy: StrategyName,
    /// Number of uses in the window.
    #[schema(minimum = 1)]
    pub uses: usize,
    /// Number of uses that the person said had helped.
    #[schema(minimum = 0)]
    pub helped: usize,
}

/// Coping strategies used in a window.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Strategies {
    /// Strategies with ratings, the best first: those with which the craving fell, in the order of their scores, before
    /// the others.
    #[schema(max_items = 200)]
    pub strategies: Vec<StrategyInsight>,
    /// Strategies that were used without a rating before and after. They have no figures.
    #[schema(max_items = 200)]
    pub unrated: Vec<UnratedStrategy>,
}

impl StrategyInsight {
    /// Returns whether the strategy has helped so far, as for the order.
    pub fn has_helped(&self) -> bool {
        has_helped(self.raw_mean_drop, self.compared, self.score)
    }
}

#[derive(Default)]
struct UseCounts {
    label: Option<String>,
    n: usize,
    helped: usize,
}

/// Computes how much each coping strategy helped in a window.
pub fn strategies(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<Strategies> {
    let facts = &*facts.until_today(as_of);
    let today = as_of.today();
    let events = facts.cravings_in(window, today);
    let effects = effectiveness(events.iter().copied());
    let mut uses: BTreeMap<StrategyKey, UseCounts> = BTreeMap::new();
    for strategy_use in events.iter().flat_map(|event| event.strategy_uses.iter()) {
        let Some(key) = StrategyKey::of(strategy_use) else {
            continue;
        };
        let counts = uses.entry(key).or_default();
        counts.n += 1;
        counts.helped += usize::from(strategy_use.helped == Some(true));
        counts.label = counts
            .label
            .take()
            .or_else(|| strategy_use.label.as_ref().map(ToString::to_string));
    }
    let labels = facts.strategy_labels();
    let (mut rated, mut unrated) = (Vec::new(), Vec::new());
    for (key, counts) in uses {
        let strategy = strategy_name(&key, counts.label, &labels);
        match effects.get(&key) {
            Some(effect) => rated.push((
                *effect,
                strategy_insight(strategy, counts.n, counts.helped, effect),
            )),
            None => unrated.push(UnratedStrategy {
                strategy,
                uses: counts.n,
                helped: counts.helped,
            }),
        }
    }
    rated.sort_by(|(a, one), (b, other)| {
        (a.cmp_best_first(b))
            .then(b.n.cmp(&a.n))
            .then_with(|| one.strategy.label.cmp(&other.strategy.label))
    });
    rated.truncate(MAX_STRATEGIES);
    unrated.sort_by_key(|strategy| std::cmp::Reverse(strategy.uses));
    unrated.truncate(MAX_STRATEGIES);
    let basis = BasisBuilder::default()
        .records(
            Kind::CravingEvent,
            events
                .iter()
                .map(|e| e.occurred_at.local_date())
                .map(|day| (day, day)),
        )
        .build(as_of, window);
    Insight {
        basis,
        result: Strategies {
            strategies: rated.into_iter().map(|(_, strategy)| strategy).collect(),
            unrated,
        },
    }
}

fn strategy_insight(
    strategy: StrategyName,
    uses: usize,
    helped: usize,
    effect: &Effectiveness,
) -> StrategyInsight {
    StrategyInsight {
        strategy,
        uses,
        rated: effect.n,
        helped,
        raw_mean_drop: effect.raw_mean,
        raw_median_drop: effect.raw_median,
        comparison: effect.comparison(),
        compared: effect.compared,
        adjusted_drop: effect.adjusted,
        interval: effect.interval,
        score: effect.score,
    }
}

fn strategy_name(key: &StrategyKey, own_words: Option<String>, labels: &HashMap<Uuid, &str>) -> StrategyName {
    let in_own_words = StrategyName {
        strategy_id: None,
        practice: None,
        label: own_words.unwrap_or_default(),
    };
    match key {
        StrategyKey::Plan(id) => StrategyName {
            strategy_id: Some(*id),
            label: labels
                .get(id)
                .map_or(in_own_words.label, |label| (*label).to_owned()),
            practice: None,
        },
        StrategyKey::Practice(slug) => StrategyName {
            practice: Some(slug.clone()),
            label: practice::find(slug).map_or(in_own_words.label, |practice| practice.title.clone()),
            strategy_id: None,
        },
        StrategyKey::Own(_) => in_own_words,
    }
}
