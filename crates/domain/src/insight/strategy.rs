//! Coping strategies: how much the craving dropped with each one, and how certain that is.
//!
//! The figures are those of [`crate::support::effectiveness`], which also orders the help in responses to
//! cravings. Only uses in the window count. A strategy without ratings of its own is listed separately,
//! without figures.

use std::collections::BTreeMap;

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
    support::effectiveness::{Effectiveness, StrategyKey, effectiveness},
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
    /// Number of uses with a rating before and after.
    #[schema(minimum = 1)]
    pub rated: usize,
    /// Number of uses that the person said had helped.
    #[schema(minimum = 0)]
    pub helped: usize,
    /// Mean drop of the craving: rating before minus rating after.
    #[schema(minimum = -10, maximum = 10)]
    pub mean_drop: f64,
    /// Median drop of the craving.
    #[schema(minimum = -10, maximum = 10)]
    pub median_drop: f64,
    /// 95 % interval of the mean drop by Student's t, if there are at least 3 rated uses. Its ends may lie
    /// outside the range that a drop can have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Mean drop minus the drop of comparable cravings without any strategy.
    #[schema(minimum = -20, maximum = 20)]
    pub adjusted_drop: f64,
    /// Score for ranking: the adjusted drop, shrunk towards the mean over all strategies with the weight of 5
    /// uses.
    #[schema(minimum = -20, maximum = 20)]
    pub score: f64,
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
    /// Strategies with ratings, the highest score first.
    #[schema(max_items = 200)]
    pub strategies: Vec<StrategyInsight>,
    /// Strategies that were used without a rating before and after. They have no figures.
    #[schema(max_items = 200)]
    pub unrated: Vec<UnratedStrategy>,
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
    let (mut rated, mut unrated) = (Vec::new(), Vec::new());
    for (key, counts) in uses {
        let strategy = strategy_name(&key, counts.label, facts);
        match effects.get(&key) {
            Some(effect) => rated.push(strategy_insight(strategy, counts.n, counts.helped, effect)),
            None => unrated.push(UnratedStrategy {
                strategy,
                uses: counts.n,
                helped: counts.helped,
            }),
        }
    }
    rated.sort_by(|a, b| {
        (b.score.total_cmp(&a.score))
            .then(b.rated.cmp(&a.rated))
            .then_with(|| a.strategy.label.cmp(&b.strategy.label))
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
            strategies: rated,
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
        mean_drop: effect.mean_drop,
        median_drop: effect.median_drop,
        interval: effect.interval,
        adjusted_drop: effect.adjusted,
        score: effect.score,
    }
}

fn strategy_name(key: &StrategyKey, own_words: Option<String>, facts: &Facts) -> StrategyName {
    let in_own_words = StrategyName {
        strategy_id: None,
        practice: None,
        label: own_words.unwrap_or_default(),
    };
    match key {
        StrategyKey::Plan(id) => StrategyName {
            strategy_id: Some(*id),
            label: facts
                .strategy_label(*id)
                .map_or(in_own_words.label, str::to_owned),
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
