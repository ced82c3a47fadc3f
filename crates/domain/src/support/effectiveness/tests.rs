//! Tests of effectiveness with figures worked out by hand.

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

fn own(label: &str) -> StrategyKey {
    StrategyKey::Own(label.into())
}

#[test]
fn the_raw_drops_are_shrunk_towards_their_mean_over_all() {
    // Walk: drops 6, 4 (mean 5). Tea: drop 1. Over all: 11/3. Nothing can be compared.
    let by_strategy = effectiveness(&[event(&[("Walk", 8, 2), ("tea", 5, 4)]), event(&[("walk ", 9, 5)])]);
    let walk = by_strategy[&own("walk")];
    assert_eq!(
        (walk.n, walk.compared, walk.score, walk.adjusted),
        (2, 0, None, None)
    );
    assert!(close(walk.raw_mean, 5.0));
    assert!(close(walk.raw_score, (2.0 * 5.0 + 5.0 * 11.0 / 3.0) / 7.0));
    assert_eq!(walk.comparison(), Comparison::TooFewRatings);
    let tea = by_strategy[&own("tea")];
    assert!(close(tea.raw_score, (1.0 + 5.0 * 11.0 / 3.0) / 6.0));
    assert_eq!(walk.cmp_best_first(&tea), Ordering::Less);
}

#[test]
fn several_uses_of_a_strategy_in_one_event_are_one_drop() {
    let mut thrice = event(&[("walk", 9, 7), ("tea", 7, 7), ("Walk", 7, 4), ("walk", 4, 3)]);
    // A use without both ratings does not move the ends.
    thrice.strategy_uses.items_mut()[3].before = None;
    let by_strategy = effectiveness(&[thrice, event(&[("walk", 8, 7)])]);
    let walk = by_strategy[&own("walk")];
    // 9 to 4, and 8 to 7.
    assert_eq!(walk.n, 2);
    assert!(close(walk.raw_mean, 3.0) && close(walk.raw_median, 3.0));
    assert_eq!(by_strategy[&own("tea")].n, 1);
}

#[test]
fn a_band_is_comparable_from_five_untreated_events_on() {
    let walk = |events: &[CravingEvent]| effectiveness(events)[&own("walk")];
    let mut events: Vec<CravingEvent> = (0..3).map(|_| event(&[("walk", 8, 2)])).collect();
    events.extend((0..4).map(|_| untreated(8, 6)));
    let found = walk(&events);
    assert_eq!((found.adjusted, found.interval, found.score), (None, None, None));
    assert_eq!(found.comparison(), Comparison::NotYetComparable);
    assert!(found.has_helped());
    events.push(untreated(7, 5));
    let found = walk(&events);
    assert!(close(found.adjusted.unwrap(), 4.0) && close(found.score.unwrap(), 4.0));
    assert_eq!((found.compared, found.comparison()), (3, Comparison::Compared));
    // An event of another band is not compared, and changes nothing but the raw figures.
    events.push(event(&[("walk", 5, 4)]));
    let found = walk(&events);
    assert_eq!((found.n, found.compared), (4, 3));
    assert!(close(found.adjusted.unwrap(), 4.0) && close(found.raw_mean, 4.75));
}

/// The drops are compared within their bands, and the uncertainty of both natural drops is in the interval. The
/// figures were computed from the definition (Python and mpmath).
#[test]
fn the_interval_combines_the_bands_with_their_variances() {
    let mut events: Vec<CravingEvent> = [(8, 3), (9, 6), (7, 5), (5, 4), (6, 2)]
        .into_iter()
        .map(|(before, after)| event(&[("walk", before, after)]))
        .collect();
    events.extend(
        [(8, 7), (9, 7), (7, 7), (10, 6), (8, 8), (7, 6)].map(|(first, last)| untreated(first, last)),
    );
    events.extend([(5, 5), (4, 2), (6, 5), (5, 4), (6, 6)].map(|(first, last)| untreated(first, last)));
    let found = effectiveness(&events)[&own("walk")];
    let interval = found.interval.unwrap();
    assert!(close(found.adjusted.unwrap(), 1.88));
    assert!(
        (interval.low + 0.000_908_735).abs() < 1e-6 && (interval.high - 3.760_908_735).abs() < 1e-6,
        "{interval:?}"
    );
}

/// Three equal drops are not certain: whole points are rounded.
#[test]
fn drops_that_do_not_differ_still_have_an_interval_with_a_width() {
    let mut events: Vec<CravingEvent> = (0..3).map(|_| event(&[("walk", 8, 6)])).collect();
    events.extend((0..5).map(|_| untreated(8, 8)));
    let interval = effectiveness(&events)[&own("walk")].interval.unwrap();
    assert!(
        (interval.low - 1.197_115_295).abs() < 1e-6 && (interval.high - 2.802_884_705).abs() < 1e-6,
        "{interval:?}"
    );
}

/// A useless strategy falls by itself and ranks behind one that is not yet comparable, which counts as ordinary.
#[test]
fn what_cannot_be_compared_is_ranked_as_an_ordinary_strategy() {
    let mut events: Vec<CravingEvent> = (0..5).map(|_| untreated(8, 6)).collect();
    for _ in 0..5 {
        events.push(event(&[("useless", 8, 6), ("good", 8, 3)]));
        events.push(event(&[("elsewhere", 5, 3)]));
        events.push(event(&[("nowhere", 5, 4)]));
    }
    let by_strategy = effectiveness(&events);
    let mut ranked: Vec<(&StrategyKey, &Effectiveness)> = by_strategy.iter().collect();
    ranked.sort_by(|(_, a), (_, b)| a.cmp_best_first(b));
    let names: Vec<&StrategyKey> = ranked.iter().map(|(key, _)| *key).collect();
    assert_eq!(
        names,
        [&own("good"), &own("elsewhere"), &own("nowhere"), &own("useless")]
    );
    // Adjusted 3 and 0: 1.5 over all.
    assert!(close(by_strategy[&own("elsewhere")].score.unwrap(), 1.5));
    assert!(close(by_strategy[&own("useless")].score.unwrap(), 0.75));
    assert_eq!(by_strategy[&own("useless")].adjusted, Some(0.0));
}

#[test]
fn a_strategy_without_ratings_of_its_own_has_no_place() {
    let mut unrated = event(&[("walk", 8, 2)]);
    unrated.strategy_uses.items_mut()[0].after = None;
    assert!(effectiveness(&[unrated]).is_empty());
}
