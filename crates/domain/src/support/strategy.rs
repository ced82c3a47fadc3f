//! The strategies of a toolkit: from the plan, from the library, and in the person's own words.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    occasion::{Occasion, Sources},
    rank::{Fit, Rank, fit_in_plan, why},
};
use crate::{
    plan::Plan,
    reference::practice::{self, Practice},
    support::effectiveness::{Effectiveness, StrategyKey, effectiveness},
    value::{decimal::rounded, number::Int, text::Label, vocabulary::StrategyCategory},
};

/// The maximum number of strategies in a toolkit: enough to choose from, few enough to read with a shaking
/// hand.
pub const MAX_STRATEGIES: usize = 10;

/// A coping strategy with the reason for offering it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolkitStrategy {
    /// The plan's strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy_id: Option<Uuid>,
    /// The library practice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub practice: Option<String>,
    /// The name.
    #[schema(max_length = 200)]
    pub label: String,
    /// The family of strategies.
    pub category: StrategyCategory,
    /// The instructions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub instructions: Option<String>,
    /// The instructions step by step.
    #[schema(max_items = 20, max_length = 200)]
    pub steps: Vec<String>,
    /// The duration in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub minutes: Option<i64>,
    /// The number of cravings with a rating before and after it.
    #[schema(minimum = 0)]
    pub n: usize,
    /// The mean drop of the craving while it was used, rating before minus rating after. Cravings also fall by
    /// themselves, and this is part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -10, maximum = 10)]
    pub raw_mean_drop: Option<f64>,
    /// The mean drop beyond that of comparable cravings without any strategy, once it can be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -20, maximum = 20)]
    pub adjusted_drop: Option<f64>,
    /// The reason for offering it.
    #[schema(max_length = 400)]
    pub why: String,
}

type Ranked = (Rank, ToolkitStrategy);
type EffectivenessByKey = BTreeMap<StrategyKey, Effectiveness>;

/// Ranks the strategies: those that have helped, then those that fit, then those that have not lowered the craving
/// more than it falls by itself so far.
pub(super) fn strategies(occasion: &Occasion, sources: &Sources<'_>) -> Vec<ToolkitStrategy> {
    let worked = effectiveness(sources.events());
    let (mut ranked, mut in_plan) = (Vec::new(), HashSet::new());
    if let Some((_, plan)) = sources.strategy_plan() {
        in_plan.extend(
            plan.content
                .strategies
                .iter()
                .filter_map(|s| s.practice.as_deref()),
        );
        ranked.extend(from_plan(occasion, &worked, plan));
    }
    ranked.extend(from_library(occasion, &worked, &in_plan));
    ranked.extend(from_own_words(sources, &worked));
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    ranked
        .into_iter()
        .map(|(_, strategy)| strategy)
        .take(MAX_STRATEGIES)
        .collect()
}

/// Strategies of the person's plan.
fn from_plan(occasion: &Occasion, worked: &EffectivenessByKey, plan: &Plan) -> Vec<Ranked> {
    let strategies = plan.content.strategies.iter().enumerate();
    strategies
        .filter_map(|(position, strategy)| {
            let id = strategy.id?;
            // A use of the practice on which the strategy is based counts as a use of the strategy.
            let as_practice = strategy
                .practice
                .as_ref()
                .map(|p| StrategyKey::Practice(p.to_string()));
            let own = (worked.get(&StrategyKey::Plan(id)))
                .or_else(|| worked.get(&as_practice?))
                .copied();
            let fit = fit_in_plan(plan, id, &strategy.trigger_ids, occasion);
            let practice = strategy.practice.as_deref().and_then(practice::find);
            let entry = ToolkitStrategy {
                strategy_id: Some(id),
                practice: practice.map(|p| p.slug.clone()),
                label: strategy.label.to_string(),
                category: strategy.category,
                instructions: (strategy.instructions.as_ref().map(ToString::to_string))
                    .filter(|text| !text.is_empty())
                    .or_else(|| practice.map(|p| p.instructions.clone())),
                steps: practice.map_or_else(Vec::new, |p| p.steps.clone()),
                minutes: strategy
                    .minutes
                    .map(Int::get)
                    .or_else(|| practice.map(|p| i64::from(p.minutes))),
                n: own.map_or(0, |e| e.n),
                raw_mean_drop: own.map(|e| rounded(e.raw_mean, 2)),
                adjusted_drop: own.and_then(|e| e.adjusted).map(|drop| rounded(drop, 2)),
                why: why(own, fit, occasion),
            };
            Some((Rank::new(own, fit, position), entry))
        })
        .collect()
}

/// Practices of the library that are not in the plan.
fn from_library(occasion: &Occasion, worked: &EffectivenessByKey, in_plan: &HashSet<&str>) -> Vec<Ranked> {
    let candidates = practice::LIBRARY
        .iter()
        .enumerate()
        .filter(|(_, p)| !in_plan.contains(&*p.slug));
    candidates
        .map(|(position, p)| {
            let own = worked.get(&StrategyKey::Practice(p.slug.clone())).copied();
            let fit = if occasion.category.is_some_and(|c| p.good_for.contains(&c)) {
                Fit::LibraryCategory
            } else {
                Fit::Library
            };
            // The shorter of two equal practices comes first, because it is easier to begin.
            (
                Rank::new(own, fit, usize::from(p.minutes) * 1000 + position),
                library_entry(p, own, fit, occasion),
            )
        })
        .collect()
}

fn library_entry(p: &Practice, own: Option<Effectiveness>, fit: Fit, occasion: &Occasion) -> ToolkitStrategy {
    ToolkitStrategy {
        strategy_id: None,
        practice: Some(p.slug.clone()),
        label: p.title.clone(),
        category: p.category,
        instructions: Some(p.instructions.clone()),
        steps: p.steps.clone(),
        minutes: Some(i64::from(p.minutes)),
        n: own.map_or(0, |e| e.n),
        raw_mean_drop: own.map(|e| rounded(e.raw_mean, 2)),
        adjusted_drop: own.and_then(|e| e.adjusted).map(|drop| rounded(drop, 2)),
        why: why(own, fit, occasion),
    }
}

/// Strategies that the person tried in their own words and rated, with the latest wording.
fn from_own_words(sources: &Sources<'_>, worked: &EffectivenessByKey) -> Vec<Ranked> {
    let mut wording: BTreeMap<StrategyKey, &Label> = BTreeMap::new();
    for tried in sources.events().flat_map(|e| e.strategy_uses.iter()) {
        if let (Some(key @ StrategyKey::Own(_)), Some(label)) = (StrategyKey::of(tried), &tried.label) {
            wording.entry(key).or_insert(label);
        }
    }
    wording
        .into_iter()
        .filter_map(|(key, label)| {
            let own = worked.get(&key).copied().filter(Effectiveness::has_helped)?;
            Some((
                Rank::new(Some(own), Fit::Library, usize::MAX),
                ToolkitStrategy {
                    strategy_id: None,
                    practice: None,
                    label: label.to_string(),
                    category: StrategyCategory::Other,
                    instructions: None,
                    steps: Vec::new(),
                    minutes: None,
                    n: own.n,
                    raw_mean_drop: Some(rounded(own.raw_mean, 2)),
                    adjusted_drop: own.adjusted.map(|drop| rounded(drop, 2)),
                    why: why(Some(own), Fit::Library, &Occasion::default()),
                },
            ))
        })
        .collect()
}
