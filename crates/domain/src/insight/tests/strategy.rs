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
            (drops.len() >= 5).then(|| mean(&drops))
        };
        // Raw and adjusted drop of each event: from the first rating before to the last rating after.
        let rated = |name: usize| -> Vec<(f64, Option<f64>)> {
            events.iter().filter_map(|(_, _, tried)| {
                let complete: Vec<(Rating, Rating)> = tried.iter().filter(|(n, _, _)| *n == name)
                    .filter_map(|(_, before, after)| before.zip(*after)).collect();
                let (before, after) = (complete.first()?.0, complete.last()?.1);
                let drop = before.as_f64() - after.as_f64();
                Some((drop, drop_without_strategy(band(before)).map(|natural| drop - natural)))
            }).collect()
        };
        let all: Vec<f64> = (0..3).flat_map(rated).filter_map(|(_, adjusted)| adjusted).collect();
        for (name, label) in ["Walk", "tea", "Call"].into_iter().enumerate() {
            let drops_of_strategy = rated(name);
            let actual = result.strategies.iter().find(|s| s.strategy.label == label);
            prop_assert_eq!(actual.is_some(), !drops_of_strategy.is_empty());
            let Some(actual) = actual else { continue };
            let drops: Vec<f64> = drops_of_strategy.iter().map(|o| o.0).collect();
            let compared: Vec<f64> = drops_of_strategy.iter().filter_map(|o| o.1).collect();
            let adjusted = if compared.is_empty() { 0.0 } else { mean(&compared) };
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let n = compared.len() as f64;
            prop_assert_eq!((actual.rated, actual.compared), (drops.len(), compared.len()));
            prop_assert!((actual.raw_mean_drop - mean(&drops)).abs() < 1e-9);
            prop_assert_eq!((actual.adjusted_drop.is_some(), actual.interval.is_some()), (compared.len() >= 3, compared.len() >= 3));
            prop_assert!((actual.adjusted_drop.unwrap_or(adjusted) - adjusted).abs() < 1e-9);
            prop_assert_eq!(actual.score.is_some(), !all.is_empty());
            if let Some(score) = actual.score {
                prop_assert!((score - (n * adjusted + 5.0 * mean(&all)) / (n + 5.0)).abs() < 1e-8);
            }
            let mut sorted = drops.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert!((actual.raw_median_drop * 2.0 - sorted[(drops.len() - 1) / 2] - sorted[drops.len() / 2]).abs() < 1e-9);
            if let Some(interval) = actual.interval {
                prop_assert!(interval.low < interval.high);
                prop_assert!((interval.high + interval.low - 2.0 * adjusted).abs() < 1e-9);
            }
        }
        let order: Vec<(bool, Option<f64>)> = result.strategies.iter().map(|s| (s.has_helped(), s.score)).collect();
        prop_assert!(order.windows(2).all(|pair| pair[0] >= pair[1]));
    }
}
