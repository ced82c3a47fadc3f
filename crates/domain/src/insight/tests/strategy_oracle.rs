//! The oracle of strategies: what the definitions say of random cravings in which several of them were tried.

use std::cmp::Ordering;

use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use super::{
    day_oracle::{date, in_window, today},
    history::{as_of, rating, timestamp_ago, with_ids},
    statistics_oracle::{float, student_within},
};
use crate::{
    craving_event::{CravingEvent, CravingRating, StrategyUse},
    insight::{
        facts::{AsOf, Facts, Window},
        statistics::Interval,
        strategy::{StrategyInsight, StrategyName},
    },
    record::Record,
    reference::practice::LIBRARY,
    support::effectiveness::Comparison,
    value::{
        list::List,
        number::{Int, Rating},
        text::Label,
    },
};

pub const RIVER: Uuid = Uuid::from_u128(7);

/// Number of different strategies in the histories. The last way to name one is another name of the first.
pub const STRATEGIES: usize = 4;

/// Which strategy, in which of its wordings, with the ratings before and after, and whether it helped.
pub type Tried = (usize, Option<Rating>, Option<Rating>, Option<bool>);

/// First and last rating, what was tried, and the time.
pub type Craving = (Rating, Option<Rating>, Vec<Tried>, i64);

/// Returns the use of a strategy of the plan (0, 4), of a practice (1, 2), or of one in own words (3, 5).
fn strategy_use((name, before, after, helped): Tried) -> StrategyUse {
    let slug = |n: usize| Label::new(&LIBRARY[n].slug);
    StrategyUse {
        id: None,
        strategy_id: (name % 4 == 0).then_some(RIVER),
        practice: match name {
            1 | 4 => slug(0),
            2 => slug(1),
            _ => None,
        },
        label: match name {
            3 => Label::new("Walk"),
            5 => Label::new("WALK"),
            _ => None,
        },
        before,
        after,
        helped,
        seconds: None,
    }
}

/// Returns the number of the strategy that a name means.
pub const fn strategy_of(name: usize) -> usize {
    match name {
        4 => 0,
        5 => 3,
        _ => name,
    }
}

pub fn event(as_of: &AsOf, (first, last, tried, ago): &Craving) -> CravingEvent {
    let ratings = [Some((0, *first)), last.map(|last| (60, last))];
    CravingEvent {
        occurred_at: timestamp_ago(as_of, *ago, as_of.zone),
        ended_at: None,
        ratings: List::of(
            ratings
                .into_iter()
                .flatten()
                .map(|(offset, value)| CravingRating {
                    offset_s: Int::clamped(offset),
                    value,
                }),
        ),
        strategy_uses: List::of(tried.iter().copied().map(strategy_use)),
        ..CravingEvent::example()
    }
}

pub fn history() -> impl Strategy<Value = (AsOf, Vec<Craving>)> {
    // Some histories have few different ratings, so that strategies are equally good.
    let ratings = || {
        prop_oneof![
            2 => rating().boxed(),
            1 => (5_i64..=6).prop_map(Rating::clamped).boxed(),
        ]
    };
    let narrow = (5_i64..=6).prop_map(Rating::clamped);
    let cravings = |rated: BoxedStrategy<Rating>, most: usize| {
        let tried = (
            0_usize..6,
            option::weighted(0.85, rated.clone()),
            option::weighted(0.85, rated.clone()),
            option::of(any::<bool>()),
        );
        let tried = prop_oneof![Just(Vec::new()), vec(tried, 0..4)];
        let ago = prop_oneof![1 => -1_400_i64..1_400, 6 => 0_i64..10_000, 1 => 0_i64..700_000];
        vec(
            (rated.clone(), option::weighted(0.85, rated), tried, ago),
            0..most,
        )
    };
    let all = prop_oneof![
        3 => cravings(ratings().boxed(), 60),
        1 => cravings(rating().boxed(), 25),
        1 => cravings(narrow.boxed(), 20),
    ];
    (as_of(), all)
}

pub fn facts_of(as_of: &AsOf, cravings: &[Craving]) -> Facts {
    Facts {
        cravings: with_ids(cravings.iter().map(|one| event(as_of, one)).collect(), 1),
        ..Facts::default()
    }
}

fn band(rating: Rating) -> usize {
    match rating.get() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    }
}

fn drop(before: Rating, after: Rating) -> f64 {
    before.as_f64() - after.as_f64()
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / float(values.len())
}

/// Returns the variance of the mean of values that differ by at least what rounding adds.
fn variance_of_mean(values: &[f64]) -> f64 {
    let squares = values
        .iter()
        .map(|value| (value - mean(values)).powi(2))
        .sum::<f64>();
    (squares / (float(values.len()) - 1.0)).max(1.0 / 6.0) / float(values.len())
}

/// Returns the figure of a strategy, drawn towards the mean over all cravings with the weight of five.
fn shrunk(strategy: usize, drops_of: impl Fn(usize) -> Vec<f64>) -> Option<f64> {
    let own: f64 = drops_of(strategy).iter().sum();
    let all: Vec<f64> = (0..STRATEGIES).flat_map(&drops_of).collect();
    let n = float(drops_of(strategy).len());
    (!all.is_empty()).then(|| (own + 5.0 * mean(&all)) / (n + 5.0))
}

/// What the definitions say of a window.
pub struct Oracle<'a> {
    cravings: Vec<&'a Craving>,
    /// The drops of the cravings of each band in which nothing was tried.
    pub natural: [Vec<f64>; 3],
}

impl<'a> Oracle<'a> {
    pub fn new(as_of: &AsOf, cravings: &'a [Craving], window: Window) -> Self {
        let cravings: Vec<&Craving> = cravings
            .iter()
            .filter(|one| in_window(date(event(as_of, one).occurred_at), today(as_of), window))
            .collect();
        let natural = [0, 1, 2].map(|of| {
            let of_band = cravings
                .iter()
                .filter(|one| one.2.is_empty() && band(one.0) == of);
            of_band.filter_map(|one| Some(drop(one.0, one.1?))).collect()
        });
        Self { cravings, natural }
    }

    pub fn uses(&self, strategy: usize) -> Vec<Tried> {
        let all = self.cravings.iter().flat_map(|one| one.2.iter().copied());
        all.filter(|tried| strategy_of(tried.0) == strategy).collect()
    }

    /// Returns band and drop of each craving in which a strategy has both ratings: the first before, the last after.
    pub fn rated(&self, strategy: usize) -> Vec<(usize, f64)> {
        let ends = self.cravings.iter().filter_map(|one| {
            let uses = one.2.iter().filter(|tried| strategy_of(tried.0) == strategy);
            let complete: Vec<(Rating, Rating)> = uses.filter_map(|tried| tried.1.zip(tried.2)).collect();
            Some((complete.first()?.0, complete.last()?.1))
        });
        ends.map(|(before, after)| (band(before), drop(before, after)))
            .collect()
    }

    /// Returns the bands of the cravings that can be compared, and the drops minus the natural drop.
    pub fn compared(&self, strategy: usize) -> (Vec<usize>, Vec<f64>) {
        let rated = self.rated(strategy).into_iter();
        rated
            .filter(|(band, _)| self.natural[*band].len() >= 5)
            .map(|(band, drop)| (band, drop - mean(&self.natural[band])))
            .unzip()
    }

    pub fn raw(&self, strategy: usize) -> Vec<f64> {
        self.rated(strategy).into_iter().map(|(_, drop)| drop).collect()
    }

    pub fn score(&self, strategy: usize) -> Option<f64> {
        shrunk(strategy, |one| self.compared(one).1)
    }

    pub fn has_helped(&self, strategy: usize) -> bool {
        let is_compared = !self.compared(strategy).1.is_empty();
        mean(&self.raw(strategy)) > 0.0
            && (!is_compared || self.score(strategy).is_some_and(|score| score > 1e-9))
    }

    /// Compares two strategies, the better one first. Scores that round to the same nine decimals are equal.
    pub fn cmp(&self, one: usize, other: usize) -> Ordering {
        let descending = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) if (a - b).abs() > 2e-9 => b.total_cmp(&a),
            _ => Ordering::Equal,
        };
        (self.has_helped(other).cmp(&self.has_helped(one)))
            .then_with(|| descending(self.score(one), self.score(other)))
            .then_with(|| descending(shrunk(one, |n| self.raw(n)), shrunk(other, |n| self.raw(n))))
    }

    fn assert_interval(&self, interval: Interval, strategy: usize) {
        let (bands, drops) = self.compared(strategy);
        let mut parts = vec![(variance_of_mean(&drops), float(drops.len()) - 1.0)];
        for (of, natural) in self
            .natural
            .iter()
            .enumerate()
            .filter(|(_, drops)| drops.len() >= 5)
        {
            let weight = float(bands.iter().filter(|band| **band == of).count()) / float(bands.len());
            parts.push((
                weight * weight * variance_of_mean(natural),
                float(natural.len()) - 1.0,
            ));
        }
        let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
        let freedom = variance * variance / parts.iter().map(|(v, freedom)| v * v / freedom).sum::<f64>();
        let (below, above) = (mean(&drops) - interval.low, interval.high - mean(&drops));
        assert!((below - above).abs() < 1e-8, "{interval:?}");
        let within = student_within(above / variance.sqrt(), freedom);
        assert!(
            (within - 0.95).abs() < 1e-5,
            "{interval:?} {variance} {freedom} {within}"
        );
    }

    pub fn assert_strategy(&self, actual: &StrategyInsight, strategy: usize) {
        let (raw, (_, compared)) = (self.raw(strategy), self.compared(strategy));
        assert_eq!(
            (actual.rated, actual.compared),
            (raw.len(), compared.len()),
            "{actual:?}"
        );
        assert!((actual.raw_mean_drop - mean(&raw)).abs() < 1e-9, "{actual:?}");
        let mut sorted = raw.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = f64::midpoint(sorted[(raw.len() - 1) / 2], sorted[raw.len() / 2]);
        assert!((actual.raw_median_drop - middle).abs() < 1e-9, "{actual:?}");
        let comparison = match (raw.len(), compared.len()) {
            (0..3, _) => Comparison::TooFewRatings,
            (_, 0..3) => Comparison::NotYetComparable,
            _ => Comparison::Compared,
        };
        assert_eq!(actual.comparison, comparison);
        let is_given = compared.len() >= 3;
        assert_eq!(
            (actual.adjusted_drop.is_some(), actual.interval.is_some()),
            (is_given, is_given)
        );
        if let Some((adjusted, interval)) = actual.adjusted_drop.zip(actual.interval) {
            assert!((adjusted - mean(&compared)).abs() < 1e-9, "{actual:?}");
            self.assert_interval(interval, strategy);
        }
        let score = self.score(strategy);
        assert_eq!(actual.score.is_some(), score.is_some(), "{actual:?}");
        if let Some((actual, score)) = actual.score.zip(score) {
            assert!((actual - score).abs() < 0.6e-9, "{actual} {score}");
            assert!((actual * 1e9 - (actual * 1e9).round()).abs() < 1e-4, "{actual}");
        }
        assert_eq!(actual.has_helped(), self.has_helped(strategy), "{actual:?}");
    }
}

/// Returns the number of a strategy in a result.
pub fn number_of(strategy: &StrategyName) -> usize {
    match (strategy.strategy_id, strategy.practice.as_deref()) {
        (Some(RIVER), _) => 0,
        (None, Some(slug)) if slug == LIBRARY[0].slug => 1,
        (None, Some(slug)) if slug == LIBRARY[1].slug => 2,
        (None, None) if strategy.label.to_lowercase() == "walk" => 3,
        _ => unreachable!("{strategy:?}"),
    }
}
