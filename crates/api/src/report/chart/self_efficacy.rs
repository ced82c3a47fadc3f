//! The chart of confidence in each of the eight kinds of situations, from the latest profile.

use mainstay_domain::insight::{
    progress::Progress,
    self_efficacy::{CategoryConfidence, SelfEfficacy},
};

use super::{
    Chart, Drawing, Table,
    sheet::{Anchor, GREEN, GREY, INK, PALE, SMALL, Scale, Sheet, TEXT, draw},
};
use crate::report::words::number;

const ROW: i32 = 34;
const TOP: i32 = 34;
const HEIGHT: i32 = TOP + 8 * ROW + 8;

/// Draws the chart.
pub fn chart(progress: &Progress) -> Chart {
    let found = &progress.self_efficacy;
    let Some(latest) = found.profiles.last() else {
        return Chart::missing(
            "Nothing to show yet: confidence is drawn from your first self-efficacy profile on.",
        );
    };
    let focus: Vec<&str> = found.focus.iter().map(|category| category.phrase()).collect();
    Chart {
        summary: format!(
            "How sure you are of coping, from 0 to 100, on {}: {} on average. Good places to begin: {}.",
            latest.occurred_at.local_date(),
            number(latest.mean),
            focus.join(" and ")
        ),
        drawing: Some(Drawing {
            height: HEIGHT,
            content: draw(HEIGHT, |sheet| draw_bars(sheet, found)),
        }),
        notes: vec!["Striped: the two to begin with.".to_owned()],
        table: Table {
            head: vec!["Situation", "Confidence", "Change"],
            rows: found.categories.iter().map(row).collect(),
        },
    }
}

fn row(found: &CategoryConfidence) -> Vec<String> {
    let change = match found.change {
        None => "–".to_owned(),
        Some(change @ 1..) => format!("+{change}"),
        Some(change) => change.to_string().replace('-', "−"),
    };
    vec![
        found.category.phrase().to_owned(),
        found.confidence.to_string(),
        change,
    ]
}

fn draw_bars(sheet: &Sheet<'_>, found: &SelfEfficacy) {
    let scale = Scale::new((0.0, 100.0), (14, 300));
    for tick in [0_i32, 25, 50, 75, 100] {
        let x = scale.at(f64::from(tick));
        sheet.line(&[(x, TOP - 10), (x, HEIGHT - 6)], PALE, 1);
        sheet.text(&tick.to_string(), (x, TOP - 20), Anchor::Middle, SMALL, GREY);
    }
    for (top, one) in (TOP..).step_by(34).zip(&found.categories) {
        sheet.text(one.category.phrase(), (14, top + 1), Anchor::Start, TEXT, INK);
        #[expect(clippy::cast_precision_loss, reason = "at most 100")]
        let end = scale.at(one.confidence as f64);
        let (from, to) = ((scale.at(0.0), top + 12), (end, top + 24));
        if found.focus.contains(&one.category) {
            sheet.striped(from, to, GREEN);
        } else {
            sheet.bar(from, to, GREEN);
        }
        sheet.text(
            &one.confidence.to_string(),
            (end + 6, top + 18),
            Anchor::Start,
            SMALL,
            INK,
        );
    }
}
