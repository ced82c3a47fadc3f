//! The chart of what helps: how much more the craving fell with each strategy than without any, with 95 % intervals.
//! Strategies that cannot be compared yet show the plain fall as a ring.

use mainstay_domain::{
    insight::{
        progress::Progress,
        strategy::{StrategyInsight, StrategyName, UnratedStrategy},
    },
    support::effectiveness::Comparison,
};

use super::{
    Chart, Drawing, Table,
    sheet::{Anchor, BLUE, GREY, INK, PALE, SMALL, Scale, Sheet, TEXT, draw, short},
};
use crate::report::words::{count, number};

const MAX_DRAWN: usize = 10;
const MAX_ROWS: usize = 20;
const ROW: i32 = 38;
const TOP: i32 = 34;

/// Draws the chart.
pub fn chart(progress: &Progress) -> Chart {
    let found = &progress.strategies;
    let notes = match found.unrated.as_slice() {
        [] => Vec::new(),
        unrated => vec![format!(
            "Used without a rating before and after: {}.",
            names(unrated)
        )],
    };
    if found.strategies.is_empty() {
        return Chart {
            notes,
            ..Chart::missing(
                "Not enough yet: what helps is shown from the first craving on for which you rated a strategy before and after.",
            )
        };
    }
    let drawn: Vec<&StrategyInsight> = found.strategies.iter().take(MAX_DRAWN).collect();
    let height = TOP + ROW * i32::try_from(drawn.len()).unwrap_or(0) + 8;
    let mut all_notes = vec![
        "A disc is how much more the craving fell than in cravings of the same strength without a strategy; its line is the 95 % interval: the wider, the less is known yet."
            .to_owned(),
        "A ring is the plain fall, which cannot be compared yet. Cravings also fall by themselves, and that is part of it. To compare, 3 rated cravings are needed, and 5 of the same strength in which nothing was tried but the craving was rated twice. Those come by themselves: there is no need to leave out what helps."
            .to_owned(),
    ];
    all_notes.extend(notes);
    Chart {
        summary: format!(
            "How much more the craving fell with each strategy than without any, in points from 0 to 10. {}",
            first(&found.strategies)
        ),
        drawing: Some(Drawing {
            height,
            content: draw(height, |sheet| draw_intervals(sheet, &drawn, height)),
        }),
        notes: all_notes,
        table: Table {
            head: vec!["Strategy", "More than without", "Plain fall", "Rated cravings"],
            rows: found.strategies.iter().take(MAX_ROWS).map(row).collect(),
        },
    }
}

fn name(strategy: &StrategyName) -> &str {
    if strategy.label.is_empty() {
        "a strategy"
    } else {
        &strategy.label
    }
}

fn names(unrated: &[UnratedStrategy]) -> String {
    let names: Vec<&str> = unrated
        .iter()
        .take(MAX_ROWS)
        .map(|unrated| name(&unrated.strategy))
        .collect();
    names.join(", ")
}

/// Says which strategy comes first, and what is known of it.
fn first(strategies: &[StrategyInsight]) -> String {
    // A score can be above 0 although the drop is no more than natural: it is shrunk while ratings are few.
    let fell_more = |found: &&StrategyInsight| found.adjusted_drop.is_none_or(|adjusted| adjusted >= 0.05);
    let mut helped = strategies.iter().filter(|strategy| strategy.has_helped());
    let Some(best) = helped.find(fell_more) else {
        return "With none of them it has fallen more than by itself so far; your plan has room for others."
            .to_owned();
    };
    let (name, rated) = (
        name(&best.strategy),
        count(best.rated, "rated craving", "rated cravings"),
    );
    match best.adjusted_drop {
        Some(adjusted) => format!(
            "First: {name}, {} more on average over {rated}.",
            number(adjusted)
        ),
        None => format!(
            "First: {name}; meanwhile the craving fell by {} on average over {rated}, which cannot be compared yet.",
            number(best.raw_mean_drop)
        ),
    }
}

fn row(found: &StrategyInsight) -> Vec<String> {
    let compared = match found.comparison {
        Comparison::Compared => found.adjusted_drop.map_or_else(String::new, |adjusted| {
            let interval = found.interval.map_or_else(String::new, |interval| {
                format!(" ({} to {})", number(interval.low), number(interval.high))
            });
            number(adjusted) + &interval
        }),
        Comparison::TooFewRatings => "from 3 on".to_owned(),
        Comparison::NotYetComparable => "not yet comparable".to_owned(),
    };
    vec![
        name(&found.strategy).to_owned(),
        compared,
        number(found.raw_mean_drop),
        found.rated.to_string(),
    ]
}

/// The value that is drawn: the adjusted drop, or the raw one where it cannot be compared yet.
fn shown(found: &StrategyInsight) -> f64 {
    found.adjusted_drop.unwrap_or(found.raw_mean_drop)
}

fn draw_intervals(sheet: &Sheet<'_>, drawn: &[&StrategyInsight], height: i32) {
    let lows = drawn
        .iter()
        .map(|s| s.interval.map_or_else(|| shown(s), |i| i.low));
    let low = lows.fold(0.0, f64::min).floor().max(-10.0);
    let highs = drawn
        .iter()
        .map(|s| s.interval.map_or_else(|| shown(s), |i| i.high));
    let high = highs.fold(1.0, f64::max).ceil().min(10.0);
    let scale = Scale::new((low, high), (14, 326));
    let mut tick = low;
    let step = if high - low > 8.0 { 2.0 } else { 1.0 };
    while tick <= high {
        let x = scale.at(tick);
        sheet.line(&[(x, TOP - 10), (x, height - 6)], PALE, 1);
        sheet.text(&number(tick), (x, TOP - 20), Anchor::Middle, SMALL, GREY);
        tick += step;
    }
    let zero = scale.at(0.0);
    sheet.line(&[(zero, TOP - 10), (zero, height - 6)], GREY, 1);
    for (top, found) in (TOP..).step_by(38).zip(drawn) {
        sheet.text(
            &short(name(&found.strategy), 50),
            (14, top + 2),
            Anchor::Start,
            TEXT,
            INK,
        );
        let (x, y) = (scale.at(shown(found)), top + 20);
        if let Some(interval) = found.interval {
            let (from, to) = (scale.at(interval.low), scale.at(interval.high));
            sheet.line(&[(from, y), (to, y)], BLUE, 2);
            for end in [from, to] {
                sheet.line(&[(end, y - 4), (end, y + 4)], BLUE, 2);
            }
            sheet.disc((x, y), 5, BLUE);
        } else {
            sheet.ring((x, y), 5, BLUE);
        }
    }
}
