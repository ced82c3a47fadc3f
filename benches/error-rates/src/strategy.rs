//! Strategies: how often one that does nothing seems to help, and how often one that helps is seen and ranked first.
//!
//! A craving has a first rating around 5 and a last one that has a correlation of 0.45 with it, both with an SD of 2.
//! So a craving that is rated 6 or more falls by about one point, whatever is done.

use std::collections::BTreeMap;

use mainstay_domain::{
    craving_event::CravingEvent,
    insight::statistics::{MeanVariance, mean, welch_interval},
    support::effectiveness::{Effectiveness, StrategyKey, effectiveness},
    value::{list::List, number::Rating},
};

use crate::{
    Rate, head,
    person::{craving, rating, tried},
    random::Random,
    row,
};

const CORRELATION: f64 = 0.45;

/// Simulates cravings with strategies and without.
pub fn simulate(histories: u32) {
    for (effect, title) in [
        (
            0.0,
            "Strategies: one that does nothing. Intervals that lie above 0, and the mean of what is shown",
        ),
        (
            2.0,
            "Strategies: one that takes off 2 points. Intervals that lie above 0, and the mean of what is shown",
        ),
    ] {
        head(
            title,
            &[
                "Used at",
                "Rated cravings",
                "Without a strategy",
                "Above 0 (before)",
                "Above 0 (now)",
                "Shown (before)",
                "Shown (now)",
            ],
        );
        for lowest in [0, 6] {
            for (rated, untreated) in [(3, 20), (5, 20), (10, 20), (10, 60), (30, 60)] {
                one_strategy(lowest, (rated, untreated), effect, histories);
            }
        }
    }
    head(
        "Strategies: four that do nothing, used at 6 and more, and one that takes off 2 points, used below 6. Histories in which it is first",
        &[
            "Rated cravings each",
            "Without a strategy",
            "First (before)",
            "First (now)",
        ],
    );
    for (rated, untreated) in [(3, 20), (5, 20), (10, 20), (10, 60)] {
        ranking(rated, untreated, histories);
    }
}

/// Draws the first and the last rating of a craving whose first rating is in a range.
fn ratings(random: &mut Random, from: i64, to: i64, effect: f64) -> (Rating, Rating) {
    loop {
        let height = random.normal();
        let first = rating(5.0 + 2.0 * height);
        if (from..=to).contains(&first.get()) {
            let later = CORRELATION * height + (1.0 - CORRELATION * CORRELATION).sqrt() * random.normal();
            return (first, rating(5.0 + 2.0 * later - effect));
        }
    }
}

fn untreated(random: &mut Random, n: u16) -> impl Iterator<Item = CravingEvent> {
    (0..n).map(|_| {
        let (first, last) = ratings(random, 0, 10, 0.0);
        craving(1, &[first, last])
    })
}

fn treated(label: &str, (before, after): (Rating, Rating)) -> CravingEvent {
    CravingEvent {
        strategy_uses: List::of([tried(label, before, after)]),
        ..craving(1, &[before])
    }
}

fn one_strategy(lowest: i64, (rated, without): (u16, u16), effect: f64, histories: u32) {
    let mut random = Random::new(u64::from(rated) * 100 + u64::from(without));
    let [mut before, mut now] = <[Rate; 2]>::default();
    let (mut raw, mut adjusted) = (Vec::new(), Vec::new());
    for _ in 0..histories {
        let mut events: Vec<CravingEvent> = untreated(&mut random, without).collect();
        events.extend((0..rated).map(|_| treated("one", ratings(&mut random, lowest, 10, effect))));
        let found = effectiveness(&events);
        let one = found.get(&StrategyKey::Own("one".into())).expect("it is rated");
        before.add(interval_before(&events).is_some_and(|low| low > 0.0));
        raw.push(one.raw_mean);
        if let Some(drop) = one.adjusted {
            now.add(one.interval.is_some_and(|interval| interval.low > 0.0));
            adjusted.push(drop);
        }
    }
    let at = if lowest == 0 {
        "any".to_owned()
    } else {
        format!("{lowest} and more")
    };
    let shown = |values: &[f64]| format!("{:.2}", mean(values).unwrap_or(0.0));
    row(&[
        at,
        rated.to_string(),
        without.to_string(),
        before.to_string(),
        now.to_string(),
        shown(&raw),
        shown(&adjusted),
    ]);
}

/// The drops of a strategy, one for each use.
fn drops(events: &[CravingEvent]) -> BTreeMap<String, Vec<(i64, f64)>> {
    let mut drops: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for tried in events.iter().flat_map(|event| event.strategy_uses.iter()) {
        if let (Some(label), Some(before), Some(after)) = (&tried.label, tried.before, tried.after) {
            let drop = (before.get(), before.as_f64() - after.as_f64());
            drops.entry(label.to_string()).or_default().push(drop);
        }
    }
    drops
}

/// The lower end of the interval of the rule before: Student's interval of the mean raw drop.
fn interval_before(events: &[CravingEvent]) -> Option<f64> {
    let drops: Vec<f64> = drops(events)
        .into_values()
        .flatten()
        .map(|(_, drop)| drop)
        .collect();
    let interval = welch_interval(mean(&drops)?, &[MeanVariance::of(&drops, 0.0)?]);
    // Drops that do not differ had an interval without a width.
    interval.map_or(mean(&drops), |interval| Some(interval.low))
}

/// The best strategy by the rule before: a use in a band without five untreated cravings counted with its raw drop.
fn first_before(events: &[CravingEvent]) -> Option<String> {
    let band = |rating: i64| usize::from(rating > 3) + usize::from(rating > 6);
    let mut natural: [Vec<f64>; 3] = Default::default();
    for event in events.iter().filter(|event| event.strategy_uses.is_empty()) {
        let (first, last) = (event.ratings.first()?.value, event.ratings.last()?.value);
        natural[band(first.get())].push(first.as_f64() - last.as_f64());
    }
    let adjusted: BTreeMap<String, Vec<f64>> = drops(events)
        .into_iter()
        .map(|(label, drops)| {
            let natural = |of: i64| Some(&natural[band(of)]).filter(|drops| drops.len() >= 5);
            let drops = drops.into_iter();
            let adjusted =
                drops.map(|(of, drop)| drop - natural(of).and_then(|drops| mean(drops)).unwrap_or(0.0));
            (label, adjusted.collect())
        })
        .collect();
    let all: Vec<f64> = adjusted.values().flatten().copied().collect();
    let overall = mean(&all)?;
    let score = |drops: &[f64]| {
        let n = f64::from(u32::try_from(drops.len()).unwrap_or(0));
        (drops.iter().sum::<f64>() + 5.0 * overall) / (n + 5.0)
    };
    let best = adjusted
        .into_iter()
        .max_by(|(_, a), (_, b)| score(a).total_cmp(&score(b)));
    best.map(|(label, _)| label)
}

fn ranking(rated: u16, without: u16, histories: u32) {
    let mut random = Random::new(u64::from(rated) * 100 + u64::from(without));
    let [mut before, mut now] = <[Rate; 2]>::default();
    for _ in 0..histories {
        let mut events: Vec<CravingEvent> = untreated(&mut random, without).collect();
        for _ in 0..rated {
            events.push(treated("good", ratings(&mut random, 0, 5, 2.0)));
            for label in ["a", "b", "c", "d"] {
                events.push(treated(label, ratings(&mut random, 6, 10, 0.0)));
            }
        }
        let found = effectiveness(&events);
        let first = found
            .iter()
            .min_by(|(_, a), (_, b)| Effectiveness::cmp_best_first(a, b));
        now.add(first.is_some_and(|(key, _)| *key == StrategyKey::Own("good".into())));
        before.add(first_before(&events).as_deref() == Some("good"));
    }
    row(&[
        rated.to_string(),
        without.to_string(),
        before.to_string(),
        now.to_string(),
    ]);
}
