//! Tests of coping strategies against the definition of each figure.

use proptest::{collection::vec, option, prelude::*};

use super::history::{as_of, proptest_config, rating, with_ids};
use crate::{
    craving_event::{CravingEvent, CravingRating, StrategyUse},
    insight::{
        facts::{Facts, Window},
        strategy::strategies,
    },
    record::Record,
    value::{
        list::List,
        number::{Int, Rating},
        text::Label,
        timestamp::Timestamp,
    },
};

/// The 97.5 % points of Student's t for 2 to 31 degrees of freedom, from printed tables.
const T_975: [f64; 30] = [
    4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042, 2.040,
];

/// Index of the strategy, rating before, rating after.
type StrategyRatings = (usize, Option<Rating>, Option<Rating>);

fn event(
    (first, last, tried): (Rating, Option<Rating>, Vec<StrategyRatings>),
    at: Timestamp,
) -> CravingEvent {
    let ratings = [Some((0, first)), last.map(|last| (60, last))];
    CravingEvent {
        occurred_at: at,
        ratings: List::of(
            ratings
                .into_iter()
                .flatten()
                .map(|(offset, value)| CravingRating {
                    offset_s: Int::clamped(offset),
                    value,
                }),
        ),
        strategy_uses: List::of(tried.into_iter().map(|(name, before, after)| StrategyUse {
            id: None,
            strategy_id: None,
            practice: None,
            label: Label::new(["Walk", "tea", "Call"][name]),
            before,
            after,
            helped: None,
            seconds: None,
        })),
        ..CravingEvent::example()
    }
}

fn band(rating: Rating) -> u8 {
    u8::from(rating.get() >= 4) + u8::from(rating.get() >= 7)
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn events() -> impl Strategy<Value = Vec<(Rating, Option<Rating>, Vec<StrategyRatings>)>> {
    let tried = prop_oneof![
        Just(Vec::new()),
        vec(
            (
                0_usize..3,
                option::weighted(0.8, rating()),
                option::weighted(0.8, rating())
            ),
            0..4
        )
    ];
    vec((rating(), option::weighted(0.8, rating()), tried), 0..40)
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn the_figures_of_each_strategy_equal_their_definitions((as_of, events) in (as_of(), events())) {
        let at = Timestamp::in_zone(as_of.at, as_of.zone);
        let facts = Facts {
            cravings: with_ids(events.iter().map(|e| event(e.clone(), at)).collect(), 1),
            ..Facts::default()
        };
        let result = strategies(&facts, &as_of, Window::All).result;
        // Mean drop of cravings of a band without any strategy, if there are at least five.
        let drop_without_strategy = |of: u8| {
            let drops: Vec<f64> = events.iter()
                .filter(|(first, last, tried)| tried.is_empty() && last.is_some() && band(*first) == of)
                .map(|(first, last, _)| first.as_f64() - last.unwrap().as_f64()).collect();
            if drops.len() >= 5 { mean(&drops) } else { 0.0 }
        };
        let rated = |name: usize| -> Vec<(f64, f64)> {
            events.iter().flat_map(|(_, _, tried)| tried)
                .filter(|(n, before, after)| *n == name && before.is_some() && after.is_some())
                .map(|(_, before, after)| {
                    let drop = before.unwrap().as_f64() - after.unwrap().as_f64();
                    (drop, drop - drop_without_strategy(band(before.unwrap())))
                }).collect()
        };
        let all: Vec<f64> = (0..3).flat_map(rated).map(|(_, adjusted)| adjusted).collect();
        for (name, label) in ["Walk", "tea", "Call"].into_iter().enumerate() {
            let drops_of_strategy = rated(name);
            let actual = result.strategies.iter().find(|s| s.strategy.label == label);
            prop_assert_eq!(actual.is_some(), !drops_of_strategy.is_empty());
            let Some(actual) = actual else { continue };
            let drops: Vec<f64> = drops_of_strategy.iter().map(|o| o.0).collect();
            let adjusted = mean(&drops_of_strategy.iter().map(|o| o.1).collect::<Vec<_>>());
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let n = drops_of_strategy.len() as f64;
            prop_assert_eq!(actual.rated, drops_of_strategy.len());
            prop_assert!((actual.mean_drop - mean(&drops)).abs() < 1e-9);
            prop_assert!((actual.adjusted_drop - adjusted).abs() < 1e-9);
            prop_assert!((actual.score - (n * adjusted + 5.0 * mean(&all)) / (n + 5.0)).abs() < 1e-9);
            prop_assert_eq!(actual.interval.is_some(), drops_of_strategy.len() >= 3);
            let mut sorted = drops.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert!((actual.median_drop * 2.0 - sorted[(drops.len() - 1) / 2] - sorted[drops.len() / 2]).abs() < 1e-9);
            if let Some(interval) = actual.interval {
                // The printed table has three decimal places.
                let squares: f64 = drops.iter().map(|drop| (drop - actual.mean_drop) * (drop - actual.mean_drop)).sum();
                let half = T_975[drops.len().min(32) - 3] * (squares / (n - 1.0)).sqrt() / n.sqrt();
                if drops.len() <= 32 {
                    prop_assert!((interval.high - actual.mean_drop - half).abs() < 0.002 * half + 1e-9, "{interval:?} {half}");
                }
                prop_assert!((interval.high + interval.low - 2.0 * actual.mean_drop).abs() < 1e-9);
            }
        }
        prop_assert!(result.strategies.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}
