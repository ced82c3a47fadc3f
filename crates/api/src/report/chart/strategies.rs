//! The chart of what helps: how much the craving fell with each strategy, with 95 % intervals.

use mainstay_domain::insight::{
    progress::Progress,
    strategy::{StrategyInsight, StrategyName, UnratedStrategy},
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
    let helped = found.strategies.iter().find(|strategy| strategy.mean_drop > 0.0);
    let first = helped.map_or_else(
        || "On average it did not fall with any of them so far; your plan has room for others.".to_owned(),
        |best| {
            format!(
                "First: {}, {} on average over {}.",
                name(&best.strategy),
                number(best.mean_drop),
                count(best.rated, "rated use", "rated uses")
            )
        },
    );
    let drawn: Vec<&StrategyInsight> = found.strategies.iter().take(MAX_DRAWN).collect();
    let height = TOP + ROW * i32::try_from(drawn.len()).unwrap_or(0) + 8;
    let mut all_notes = vec![
        "The line is the 95 % interval: the wider, the less is known yet. It is drawn from 3 rated uses on; a ring has none yet."
            .to_owned(),
    ];
    all_notes.extend(notes);
    Chart {
        summary: format!("How much the craving fell with each strategy, in points from 0 to 10. {first}"),
        drawing: Some(Drawing {
            height,
            content: draw(height, |sheet| draw_intervals(sheet, &drawn, height)),
        }),
        notes: all_notes,
        table: Table {
            head: vec!["Strategy", "Fell by", "95 % interval", "Rated uses"],
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

fn row(found: &StrategyInsight) -> Vec<String> {
    let interval = found.interval.map_or_else(
        || "from 3 on".to_owned(),
        |interval| format!("{} to {}", number(interval.low), number(interval.high)),
    );
    vec![
        name(&found.strategy).to_owned(),
        number(found.mean_drop),
        interval,
        found.rated.to_string(),
    ]
}

fn draw_intervals(sheet: &Sheet<'_>, drawn: &[&StrategyInsight], height: i32) {
    let lows = drawn.iter().map(|s| s.interval.map_or(s.mean_drop, |i| i.low));
    let low = lows.fold(0.0, f64::min).floor().max(-10.0);
    let highs = drawn.iter().map(|s| s.interval.map_or(s.mean_drop, |i| i.high));
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
        let (x, y) = (scale.at(found.mean_drop), top + 20);
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
