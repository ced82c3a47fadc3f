//! The chart of what brings cravings on: the share of cravings with each trigger, with 95 % intervals.

use mainstay_domain::{
    insight::{
        progress::{MIN_EVENTS, Progress},
        trigger::TriggerFigures,
    },
    sharing::insight::progress::ReportPart,
};

use super::{
    Chart, Drawing, Table,
    sheet::{Anchor, GREY, INK, PALE, SKY, SMALL, Scale, Sheet, TEXT, draw, short},
};
use crate::report::{
    parts::Parts,
    words::{count, number, percent},
};

const MAX_DRAWN: usize = 10;
const MAX_ROWS: usize = 20;
const ROW: i32 = 38;
const TOP: i32 = 34;

/// Draws the chart.
pub fn chart(progress: &Progress, parts: &Parts) -> Chart {
    let tells_use = parts.shows(ReportPart::UseAfterTriggers);
    let found = &progress.triggers;
    if found.events < MIN_EVENTS {
        return Chart::missing("Not enough yet: triggers are shown from 5 cravings on that you wrote down.");
    }
    let triggers = found.triggers.iter().map(|trigger| {
        let name = trigger.label.as_deref().unwrap_or("a trigger of an earlier plan");
        (name, &trigger.figures)
    });
    let situations = found
        .situations
        .iter()
        .map(|situation| (situation.category.phrase(), &situation.figures));
    let all: Vec<(&str, &TriggerFigures)> =
        triggers.filter(|(_, f)| f.events > 0).chain(situations).collect();
    let Some((first, figures)) = all.first() else {
        return Chart::missing("No craving names a trigger or a kind of situation yet.");
    };
    let drawn: Vec<_> = all.iter().take(MAX_DRAWN).copied().collect();
    let height = TOP + ROW * i32::try_from(drawn.len()).unwrap_or(0) + 8;
    Chart {
        summary: format!(
            "In how many of {} each trigger was at work. First: {first}, in {}.",
            count(found.events, "craving", "cravings"),
            figures.events
        ),
        drawing: Some(Drawing {
            height,
            content: draw(height, |sheet| draw_shares(sheet, &drawn, height)),
        }),
        notes: notes(tells_use),
        table: table(&all, tells_use),
    }
}

fn notes(tells_use: bool) -> Vec<String> {
    let interval =
        "The thin line is the 95 % interval. The figures say what went together, not what caused it.";
    let of_use = [
        "“Use followed” compares cravings with it and without it: × 1 is no difference. It is shown from 5 cravings on either side whose end is known, once there was use.",
        "Of many triggers, some seem to matter by chance alone. Where the figures cannot rule that out, “may be chance” is said.",
    ];
    let of_use = of_use.into_iter().filter(|_| tells_use);
    std::iter::once(interval)
        .chain(of_use)
        .map(str::to_owned)
        .collect()
}

fn table(all: &[(&str, &TriggerFigures)], tells_use: bool) -> Table {
    let columns = if tells_use { 4 } else { 3 };
    let rows = all.iter().take(MAX_ROWS).map(|(name, figures)| {
        let mut cells = row(name, figures);
        cells.truncate(columns);
        cells
    });
    let head = ["Trigger or situation", "Cravings", "Share", "Use followed"];
    Table {
        head: head.into_iter().take(columns).collect(),
        rows: rows.collect(),
    }
}

fn row(name: &str, figures: &TriggerFigures) -> Vec<String> {
    vec![
        name.to_owned(),
        figures.events.to_string(),
        figures
            .share
            .map_or_else(|| "–".to_owned(), |share| percent(share.value)),
        use_followed(figures),
    ]
}

/// Says how often use followed with the trigger and without it, and whether the difference may be chance.
fn use_followed(figures: &TriggerFigures) -> String {
    let (Some(with), Some(without)) = (figures.use_share, figures.use_share_without) else {
        return "not known yet".to_owned();
    };
    let shares = format!("{} with, {} without", percent(with.value), percent(without.value));
    let Some(ratio) = figures.use_ratio else {
        return shares;
    };
    let low = number(ratio.interval.low);
    let compared = match (ratio.value, ratio.interval.high) {
        (Some(value), Some(high)) => format!("× {} ({low} to {})", number(value), number(high)),
        _ => format!("× {low} or more"),
    };
    let chance = if ratio.may_be_chance {
        "; may be chance"
    } else {
        ""
    };
    format!("{shares}: {compared}{chance}")
}

fn draw_shares(sheet: &Sheet<'_>, drawn: &[(&str, &TriggerFigures)], height: i32) {
    let scale = Scale::new((0.0, 1.0), (14, 316));
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let x = scale.at(tick);
        sheet.line(&[(x, TOP - 10), (x, height - 6)], PALE, 1);
        sheet.text(&percent(tick), (x, TOP - 20), Anchor::Middle, SMALL, GREY);
    }
    for (top, (name, figures)) in (TOP..).step_by(38).zip(drawn) {
        sheet.text(&short(name, 50), (14, top + 2), Anchor::Start, TEXT, INK);
        let Some(share) = figures.share else { continue };
        sheet.bar((scale.at(0.0), top + 14), (scale.at(share.value), top + 26), SKY);
        let (from, to) = (scale.at(share.interval.low), scale.at(share.interval.high));
        sheet.line(&[(from, top + 20), (to, top + 20)], INK, 1);
        for end in [from, to] {
            sheet.line(&[(end, top + 16), (end, top + 24)], INK, 1);
        }
    }
}
