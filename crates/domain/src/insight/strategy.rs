//! Coping strategies: how much the craving fell with each, and how sure that is.
//!
//! The figures are those of [`crate::support::effectiveness`], which also orders the help in an answer. Uses count in the
//! window; a strategy without ratings of its own is listed apart, without figures.

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

/// Most strategies in one answer.
pub const MAX_STRATEGIES: usize = 200;

/// Which strategy it is: one of a plan, a practice of the library, or something in own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StrategyName {
    /// The plan's strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy_id: Option<Uuid>,
    /// The library practice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub practice: Option<String>,
    /// Its name.
    #[schema(max_length = 200)]
    pub label: String,
}

/// How a strategy worked.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StrategyInsight {
    /// Which one.
    pub strategy: StrategyName,
    /// Uses in the window.
    #[schema(minimum = 1)]
    pub uses: usize,
    /// Uses with a rating before and after.
    #[schema(minimum = 1)]
    pub rated: usize,
    /// Uses of which the person said that they helped.
    #[schema(minimum = 0)]
    pub helped: usize,
    /// Mean drop of the craving, before minus after.
    #[schema(minimum = -10, maximum = 10)]
    pub mean_drop: f64,
    /// Median drop.
    #[schema(minimum = -10, maximum = 10)]
    pub median_drop: f64,
    /// 95 % interval of the mean drop by Student's t, from 3 rated uses on. It may reach beyond what a drop can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Mean drop beyond what such cravings lose by themselves.
    #[schema(minimum = -20, maximum = 20)]
    pub adjusted_drop: f64,
    /// The rank: the adjusted drop, drawn towards the mean over all strategies as if by 5 uses.
    #[schema(minimum = -20, maximum = 20)]
    pub score: f64,
}

/// A strategy that was used without ratings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnratedStrategy {
    /// Which one.
    pub strategy: StrategyName,
    /// Uses in the window.
    #[schema(minimum = 1)]
    pub uses: usize,
    /// Uses of which the person said that they helped.
    #[schema(minimum = 0)]
    pub helped: usize,
}

/// What the record tells of coping strategies.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Strategies {
    /// Strategies with ratings, the best first.
    #[schema(max_items = 200)]
    pub strategies: Vec<StrategyInsight>,
    /// Strategies that were used without a rating before and after; nothing is said of them.
    #[schema(max_items = 200)]
    pub unrated: Vec<UnratedStrategy>,
}

#[derive(Default)]
struct Uses {
    label: Option<String>,
    n: usize,
    helped: usize,
}

/// What the record tells of coping strategies.
pub fn strategies(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<Strategies> {
    let today = as_of.today();
    let events = facts.cravings_in(window, today);
    let worked = effectiveness(events.iter().copied());
    let mut uses: BTreeMap<StrategyKey, Uses> = BTreeMap::new();
    for tried in events.iter().flat_map(|event| event.strategy_uses.iter()) {
        let Some(key) = StrategyKey::of(tried) else {
            continue;
        };
        let known = uses.entry(key).or_default();
        known.n += 1;
        known.helped += usize::from(tried.helped == Some(true));
        known.label = known
            .label
            .take()
            .or_else(|| tried.label.as_ref().map(ToString::to_string));
    }
    let (mut rated, mut unrated) = (Vec::new(), Vec::new());
    for (key, known) in uses {
        let strategy = name(&key, known.label, facts);
        match worked.get(&key) {
            Some(own) => rated.push(insight(strategy, known.n, known.helped, own)),
            None => unrated.push(UnratedStrategy {
                strategy,
                uses: known.n,
                helped: known.helped,
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

fn insight(strategy: StrategyName, uses: usize, helped: usize, own: &Effectiveness) -> StrategyInsight {
    StrategyInsight {
        strategy,
        uses,
        rated: own.n,
        helped,
        mean_drop: own.mean_drop,
        median_drop: own.median_drop,
        interval: own.interval,
        adjusted_drop: own.adjusted,
        score: own.score,
    }
}

fn name(key: &StrategyKey, own_words: Option<String>, facts: &Facts) -> StrategyName {
    let none = StrategyName {
        strategy_id: None,
        practice: None,
        label: own_words.unwrap_or_default(),
    };
    match key {
        StrategyKey::Plan(id) => StrategyName {
            strategy_id: Some(*id),
            label: facts.strategy_label(*id).map_or(none.label, str::to_owned),
            practice: None,
        },
        StrategyKey::Practice(slug) => StrategyName {
            practice: Some(slug.clone()),
            label: practice::find(slug).map_or(none.label, |known| known.title.clone()),
            strategy_id: None,
        },
        StrategyKey::Own(_) => none,
    }
}
