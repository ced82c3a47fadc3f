//! The chart of craving and mood over time, with days of use and changes of the plan.

use chrono::{Datelike, NaiveDate};
use mainstay_domain::{
    insight::{
        calendar::{Span, add_days, days_between, next_day},
        over_time::{OverTime, Overall, PlanStep},
        progress::Progress,
        series::SeriesPoint,
        statistics::days_as_f64,
    },
    sharing::insight::progress::ReportPart,
};

use super::{
    Chart, Drawing, Table,
    sheet::{Anchor, BLUE, GREEN, GREY, INK, PALE, Point, SMALL, Scale, Sheet, TEXT, VERMILION, draw},
};
use crate::report::{
    parts::Parts,
    words::{count, day, month, number, span},
};

const HEIGHT: i32 = 262;
const LEFT: i32 = 24;
const RIGHT: i32 = 330;
const TOP: i32 = 62;
const BOTTOM: i32 = 216;
/// The largest number of rows in the table.
const MAX_ROWS: usize = 40;
/// The largest number of dates in a sentence.
const MAX_DATES: usize = 20;

/// Draws the chart.
pub fn chart(progress: &Progress, parts: &Parts) -> Chart {
    let found = &progress.over_time;
    let notes = notes(found);
    if !found.is_enough() {
        return Chart {
            notes,
            ..Chart::missing("Not enough yet: the curve is drawn from 5 check-ins with craving or mood on.")
        };
    }
    let sentence = |name: &str, all: Option<Overall>| {
        all.map(|all| {
            let answers = count(all.n, "answer", "answers");
            let (mean, min, max) = (number(all.mean), number(all.min), number(all.max));
            format!("{name}: {mean} on average over {answers}, from {min} to {max}.")
        })
    };
    let sentences = [
        sentence("Craving", found.overall_craving),
        sentence("Mood", found.overall_mood),
    ];
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    Chart {
        drawing: Some(Drawing {
            height: HEIGHT,
            content: draw(HEIGHT, |sheet| draw_curves(sheet, found, parts)),
        }),
        summary: summary(&sentences, found, parts),
        notes,
        table: table(found, parts),
    }
}

fn summary(sentences: &[String], found: &OverTime, parts: &Parts) -> String {
    let range = if parts.shows(ReportPart::CravingCurve) && parts.shows(ReportPart::MoodCurve) {
        "Both go from 0 to 10."
    } else {
        "It goes from 0 to 10."
    };
    let known = format!("{} {range}", sentences.join(" "));
    if parts.shows(ReportPart::UseDays) {
        format!("{known} {}", use_days(found))
    } else {
        known
    }
}

fn use_days(found: &OverTime) -> String {
    match found.use_days {
        0 => "No day of use is written down.".to_owned(),
        n => format!(
            "{} marked; nothing is lost by it.",
            count(n, "day of use is", "days of use are")
        ),
    }
}

fn notes(found: &OverTime) -> Vec<String> {
    let mut notes = Vec::new();
    if !found.uses.is_empty() {
        let newest = found.uses.iter().rev().take(MAX_DATES);
        let mut dates: Vec<String> = newest.map(|dates| span(*dates)).collect();
        dates.reverse();
        let more = match found.uses.len() {
            n if n > MAX_DATES => ", and earlier ones",
            _ => "",
        };
        notes.push(format!(
            "A day of use is marked, nothing is lost: {}{more}. What you reached before stays yours.",
            dates.join(", ")
        ));
    }
    for change in &found.plan_changes {
        let what = match change.step {
            PlanStep::Activated => "came in use",
            PlanStep::Changed => "changed to this number",
        };
        notes.push(format!(
            "{}: plan “{}”, number {}, {what}.",
            change.on, change.title, change.number
        ));
    }
    notes
}

fn table(found: &OverTime, parts: &Parts) -> Table {
    let mut spans: Vec<Span> = found
        .craving
        .iter()
        .chain(&found.mood)
        .map(|p| (p.from, p.to))
        .collect();
    spans.sort_unstable();
    spans.dedup();
    let cell = |points: &[SeriesPoint], dates: Span| {
        let point = points.iter().find(|point| (point.from, point.to) == dates);
        point.map_or_else(
            || "–".to_owned(),
            |point| format!("{} ({})", number(point.mean), point.n),
        )
    };
    let newest = spans.len().saturating_sub(MAX_ROWS);
    let curves = [
        (ReportPart::CravingCurve, "Craving (answers)", &found.craving),
        (ReportPart::MoodCurve, "Mood (answers)", &found.mood),
    ];
    let curves: Vec<_> = curves
        .into_iter()
        .filter(|(part, ..)| parts.shows(*part))
        .collect();
    let row = |dates: Span| {
        let cells = curves.iter().map(|(_, _, points)| cell(points, dates));
        std::iter::once(span(dates)).chain(cells).collect()
    };
    Table {
        head: std::iter::once("When")
            .chain(curves.iter().map(|(_, name, _)| *name))
            .collect(),
        rows: spans.iter().skip(newest).map(|dates| row(*dates)).collect(),
    }
}

fn draw_curves(sheet: &Sheet<'_>, found: &OverTime, parts: &Parts) {
    let days = days_as_f64(days_between(found.from, found.to).max(1));
    let across = Scale::new((0.0, days), (LEFT + 4, RIGHT - 4));
    let up = Scale::new((0.0, 10.0), (BOTTOM, TOP));
    let x = |date: NaiveDate| across.at(days_as_f64(days_between(found.from, date)));
    draw_legend(sheet, found, parts);
    for value in [0, 2, 4, 6, 8, 10] {
        let y = up.at(f64::from(value));
        sheet.line(&[(LEFT, y), (RIGHT, y)], PALE, 1);
        sheet.text(&value.to_string(), (LEFT - 5, y), Anchor::End, SMALL, GREY);
    }
    draw_dates(sheet, found, &x);
    let mut labelled_to = LEFT;
    for change in &found.plan_changes {
        let at = x(change.on);
        sheet.line(&[(at, TOP - 4), (at, BOTTOM)], GREY, 1);
        sheet.wedge((at, TOP - 2), GREY);
        if at >= labelled_to {
            sheet.text(
                &change.number.to_string(),
                (at, TOP - 17),
                Anchor::Middle,
                SMALL,
                INK,
            );
            labelled_to = at + 16;
        }
    }
    for (from, to) in &found.uses {
        let (from, to) = (x(*from), x(*to));
        sheet.bar((from, BOTTOM + 10), (to, BOTTOM + 14), VERMILION);
        sheet.diamond((i32::midpoint(from, to), BOTTOM + 12), 5, VERMILION);
    }
    let middle = |point: &SeriesPoint| (i32::midpoint(x(point.from), x(point.to)), up.at(point.mean));
    for stretch in stretches(&found.mood) {
        let points: Vec<Point> = stretch.iter().map(middle).collect();
        sheet.dashes(&points, GREEN, 2);
        for at in points {
            sheet.square(at, 3, GREEN);
        }
    }
    for stretch in stretches(&found.craving) {
        let points: Vec<Point> = stretch.iter().map(middle).collect();
        sheet.line(&points, BLUE, 2);
        for at in points {
            sheet.disc(at, 3, BLUE);
        }
    }
}

/// Splits points where there is a gap: no line is drawn over missing values.
fn stretches(points: &[SeriesPoint]) -> impl Iterator<Item = &[SeriesPoint]> {
    points.chunk_by(|one, two| next_day(one.to) == two.from)
}

fn draw_legend(sheet: &Sheet<'_>, found: &OverTime, parts: &Parts) {
    if parts.shows(ReportPart::CravingCurve) {
        sheet.line(&[(LEFT, 12), (LEFT + 26, 12)], BLUE, 2);
        sheet.disc((LEFT + 13, 12), 3, BLUE);
        sheet.text("craving", (LEFT + 32, 12), Anchor::Start, TEXT, INK);
    }
    if parts.shows(ReportPart::MoodCurve) {
        sheet.dashes(&[(LEFT + 100, 12), (LEFT + 126, 12)], GREEN, 2);
        sheet.square((LEFT + 113, 12), 3, GREEN);
        sheet.text("mood (0–10)", (LEFT + 132, 12), Anchor::Start, TEXT, INK);
    }
    if !found.uses.is_empty() {
        sheet.diamond((LEFT + 13, 30), 5, VERMILION);
        sheet.text("day of use", (LEFT + 24, 30), Anchor::Start, TEXT, INK);
    }
    if !found.plan_changes.is_empty() {
        sheet.wedge((LEFT + 113, 34), GREY);
        sheet.text(
            "plan, with its number",
            (LEFT + 124, 30),
            Anchor::Start,
            TEXT,
            INK,
        );
    }
}

/// Draws up to five dates below the axis.
fn draw_dates(sheet: &Sheet<'_>, found: &OverTime, x: &impl Fn(NaiveDate) -> i32) {
    let length = days_between(found.from, found.to);
    let mut last: Option<NaiveDate> = None;
    for quarter in 0..=4 {
        let date = add_days(found.from, length * quarter / 4);
        if last == Some(date) {
            continue;
        }
        last = Some(date);
        let label = if length > 400 {
            format!("{} {}", month(date), date.year())
        } else {
            day(date)
        };
        let side = match quarter {
            0 => Anchor::Start,
            4 => Anchor::End,
            _ => Anchor::Middle,
        };
        sheet.line(&[(x(date), BOTTOM), (x(date), BOTTOM + 4)], GREY, 1);
        sheet.text(&label, (x(date), BOTTOM + 32), side, SMALL, GREY);
    }
}
