//! Tests of coping strategies against the definition of each figure, and of their order in help.

use std::{cmp::Ordering, collections::BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    day_oracle::{date, today},
    history::{proptest_config, window},
    reach::{assert_reached, samples},
    strategy_oracle::{
        Craving, Oracle, RIVER, STRATEGIES, event, facts_of, history, mean, number_of, strategy_of,
    },
};
use crate::{
    insight::{
        facts::{AsOf, Facts, Window},
        strategy::{StrategyName, strategies},
    },
    plan::{Plan, PlanStrategy},
    record::Record,
    support::toolkit::{Occasion, Sources, ToolkitStrategy, toolkit},
    value::{
        list::{Ids, List},
        text::text,
    },
};

/// Returns what help offers with a plan whose only strategy is the one of the histories.
fn offered(facts: &Facts, as_of: &AsOf) -> Vec<ToolkitStrategy> {
    let mut plan = Plan::example();
    plan.content.strategies = List::of([PlanStrategy {
        id: Some(RIVER),
        label: text!("River"),
        trigger_ids: Ids::default(),
        practice: None,
        ..plan.content.strategies[0].clone()
    }]);
    let sources = Sources {
        plan: Some((Uuid::from_u128(9), &plan)),
        safety_plan: None,
        contacts: &[],
        facts,
        helplines: Vec::new(),
        as_of,
    };
    toolkit(&Occasion::default(), &sources).strategies
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn the_figures_of_each_strategy_equal_their_definitions(((as_of, cravings), window) in (history(), window())) {
        let oracle = Oracle::new(&as_of, &cravings, window);
        let result = strategies(&facts_of(&as_of, &cravings), &as_of, window).result;
        let order: Vec<usize> = result.strategies.iter().map(|s| number_of(&s.strategy)).collect();
        let unrated: Vec<usize> = result.unrated.iter().map(|s| number_of(&s.strategy)).collect();
        for strategy in 0..STRATEGIES {
            let uses = oracle.uses(strategy);
            let counted = (uses.len(), uses.iter().filter(|tried| tried.3 == Some(true)).count());
            let is_rated = !oracle.rated(strategy).is_empty();
            let found: Vec<_> = result.strategies.iter().filter(|s| number_of(&s.strategy) == strategy).collect();
            prop_assert_eq!(found.len(), usize::from(is_rated));
            prop_assert_eq!(unrated.iter().filter(|n| **n == strategy).count(), usize::from(!is_rated && !uses.is_empty()));
            for actual in found {
                prop_assert_eq!((actual.uses, actual.helped), counted);
                oracle.assert_strategy(actual, strategy);
            }
            for actual in result.unrated.iter().filter(|s| number_of(&s.strategy) == strategy) {
                prop_assert_eq!((actual.uses, actual.helped), counted);
            }
        }
        for pair in order.windows(2) {
            prop_assert_ne!(oracle.cmp(pair[0], pair[1]), Ordering::Greater, "{:?}", result.strategies);
        }
    }

    /// What has helped comes first, in the order of the insight over everything, with the same figures. What has not
    /// is behind what was never tried.
    #[test]
    fn help_offers_strategies_in_the_order_of_the_insight((as_of, cravings) in history()) {
        let facts = facts_of(&as_of, &cravings);
        let result = strategies(&facts, &as_of, Window::All).result;
        let figures = |n: usize, raw: f64, adjusted: Option<f64>| {
            (n, format!("{:.4}", (raw * 100.0).round() / 100.0 + 0.0), adjusted.is_some())
        };
        let helped: Vec<_> = result.strategies.iter().filter(|s| s.has_helped())
            .map(|s| (number_of(&s.strategy), figures(s.rated, s.raw_mean_drop, s.adjusted_drop))).collect();
        let offered = offered(&facts, &as_of);
        let first: Vec<_> = offered.iter().take_while(|s| s.n > 0).map(|s| {
            let name = StrategyName { strategy_id: s.strategy_id, practice: s.practice.clone(), label: s.label.clone() };
            (number_of(&name), figures(s.n, s.raw_mean_drop.unwrap_or(f64::NAN), s.adjusted_drop))
        }).collect();
        // Where two are equally good, help offers first what fits better.
        let oracle = Oracle::new(&as_of, &cravings, Window::All);
        for pair in first.windows(2) {
            prop_assert_ne!(oracle.cmp(pair[0].0, pair[1].0), Ordering::Greater, "{:?}", first);
        }
        prop_assert_eq!(first.into_iter().collect::<BTreeSet<_>>(), helped.into_iter().collect::<BTreeSet<_>>());
        prop_assert!(offered.iter().map(|s| s.n > 0).collect::<Vec<_>>().is_sorted_by(|a, b| a >= b));
    }
}

type Sample = (AsOf, Vec<Craving>);

/// Returns whether something is so for a rated strategy.
fn any_strategy((as_of, cravings): &Sample, is: &dyn Fn(&Oracle<'_>, usize) -> bool) -> bool {
    let oracle = Oracle::new(as_of, cravings, Window::All);
    (0..STRATEGIES).any(|n| !oracle.rated(n).is_empty() && is(&oracle, n))
}

#[test]
fn random_histories_reach_every_kind_of_comparison() {
    let has_untreated = |sample: &Sample, n: usize| {
        any_strategy(sample, &|oracle, strategy| {
            oracle
                .rated(strategy)
                .iter()
                .any(|(band, _)| oracle.natural[*band].len() == n)
        })
    };
    assert_reached::<Sample>(
        &samples(history()),
        &[
            (
                "a strategy was used several times in one craving",
                &|(_, cravings)| {
                    cravings.iter().any(|one| {
                        let uses = one.2.iter().filter(|tried| strategy_of(tried.0) == 0);
                        uses.filter(|tried| tried.1.is_some() && tried.2.is_some())
                            .count()
                            > 1
                    })
                },
            ),
            ("a rating is missing", &|(_, cravings)| {
                cravings
                    .iter()
                    .any(|one| one.1.is_none() || one.2.iter().any(|tried| tried.2.is_none()))
            }),
            ("4 untreated cravings in a band", &|s| has_untreated(s, 4)),
            ("5 untreated cravings in a band", &|s| has_untreated(s, 5)),
        ],
    );
}

#[test]
fn random_histories_reach_every_kind_of_drop() {
    assert_reached::<Sample>(
        &samples(history()),
        &[
            ("the craving rose", &|s| {
                any_strategy(s, &|oracle, n| mean(&oracle.raw(n)) < 0.0)
            }),
            ("it fell by less than by itself", &|s| {
                any_strategy(s, &|oracle, n| {
                    mean(&oracle.raw(n)) > 0.0 && !oracle.has_helped(n)
                })
            }),
            ("it fell by more", &|s| {
                any_strategy(s, &|oracle, n| mean(&oracle.compared(n).1) > 0.0)
            }),
            ("several bands are compared", &|s| {
                any_strategy(s, &|oracle, n| {
                    let bands = oracle.compared(n).0;
                    bands.len() >= 3 && bands.iter().any(|band| *band != bands[0])
                })
            }),
            ("all drops are equal", &|s| {
                any_strategy(s, &|oracle, n| {
                    let drops = oracle.raw(n);
                    drops.len() >= 3 && drops.windows(2).all(|pair| pair[0] - pair[1] == 0.0)
                })
            }),
            ("some strategies are compared and some are not", &|s| {
                any_strategy(s, &|oracle, n| {
                    oracle.score(n).is_some() && oracle.compared(n).1.is_empty()
                })
            }),
            ("nothing can be compared", &|s| {
                any_strategy(s, &|oracle, n| oracle.score(n).is_none())
            }),
            ("a craving is dated tomorrow", &|(as_of, cravings)| {
                cravings
                    .iter()
                    .any(|one| date(event(as_of, one).occurred_at) > today(as_of))
            }),
        ],
    );
}
