//! The heat map: the hours of the week in which cravings began, by the clock where the person was.

use mainstay_domain::insight::{
    craving::HeatMapDay,
    progress::{MIN_EVENTS, Progress, busiest_hours},
};
use plotters::style::RGBColor;

use super::{
    Chart, Drawing, Table,
    sheet::{Anchor, GREY, INK, PALE, SMALL, Sheet, TEXT, WHITE, draw},
};
use crate::report::words::{count, weekday};

const TOP: i32 = 24;
const LEFT: i32 = 42;
const WIDTH: i32 = 42;
const ROW: i32 = 15;
const HEIGHT: i32 = TOP + 24 * ROW + 8;
/// Shades from the fewest cravings (light) to the most (dark). The numbers in the cells say the same.
const SHADES: [RGBColor; 4] = [
    RGBColor(0xDC, 0xEC, 0xF7),
    RGBColor(0x9F, 0xCB, 0xE8),
    RGBColor(0x3F, 0x95, 0xCC),
    RGBColor(0x00, 0x4B, 0x7A),
];
/// The number of hours in the table.
const MAX_HOURS: usize = 6;

/// Draws the chart.
pub fn chart(progress: &Progress) -> Chart {
    let cravings = &progress.cravings;
    if cravings.events < MIN_EVENTS {
        return Chart::missing("Not enough yet: the hours are shown from 5 cravings on that you wrote down.");
    }
    let busiest = busiest_hours(cravings, MAX_HOURS);
    let when = |weekday_number, hour: usize| format!("{} {hour:02}:00–{hour:02}:59", weekday(weekday_number));
    let first = busiest.first().map_or_else(String::new, |busy| {
        let hours = cravings.heat_map.iter().flat_map(|day| &day.hours);
        match hours.filter(|events| **events == busy.events).count() {
            0 | 1 => format!(
                " Most began on {} ({}).",
                when(busy.weekday, busy.hour),
                busy.events
            ),
            ties => format!(" No hour stands out: {ties} have the most, {} each.", busy.events),
        }
    });
    Chart {
        summary: format!(
            "{} by weekday and hour.{first}",
            count(cravings.events, "craving", "cravings")
        ),
        drawing: Some(Drawing {
            height: HEIGHT,
            content: draw(HEIGHT, |sheet| {
                draw_hours(sheet, &cravings.heat_map, progress.as_of.week_start);
            }),
        }),
        notes: vec!["The number in a field is how many cravings began in that hour.".to_owned()],
        table: Table {
            head: vec!["Hours with the most", "Cravings"],
            rows: busiest
                .iter()
                .map(|busy| vec![when(busy.weekday, busy.hour), busy.events.to_string()])
                .collect(),
        },
    }
}

fn draw_hours(sheet: &Sheet<'_>, days: &[HeatMapDay], week_start: u8) {
    let most = days
        .iter()
        .flat_map(|day| &day.hours)
        .copied()
        .max()
        .unwrap_or(0)
        .max(1);
    for day in days {
        let column = (day.weekday + 7 - u32::from(week_start)) % 7;
        let x = LEFT + i32::try_from(column).unwrap_or(0) * WIDTH;
        sheet.text(
            weekday(day.weekday),
            (x + WIDTH / 2, 12),
            Anchor::Middle,
            TEXT,
            INK,
        );
        for (y, events) in (TOP..).step_by(15).zip(&day.hours) {
            let (from, to) = ((x + 1, y + 1), (x + WIDTH - 1, y + ROW - 1));
            if *events == 0 {
                sheet.frame(from, to, PALE);
                continue;
            }
            // The darkest shade is for the most, the lightest for the least.
            let shade = usize::try_from((events * 4).div_ceil(most).clamp(1, 4) - 1).unwrap_or(0);
            sheet.bar(from, to, SHADES.get(shade).copied().unwrap_or(PALE));
            let ink = if shade >= 3 { WHITE } else { INK };
            sheet.text(
                &events.to_string(),
                (x + WIDTH / 2, y + ROW / 2),
                Anchor::Middle,
                SMALL,
                ink,
            );
        }
    }
    for (y, hour) in (TOP..).step_by(15).zip(0..24) {
        sheet.text(
            &format!("{hour:02}:00"),
            (LEFT - 5, y + ROW / 2),
            Anchor::End,
            SMALL,
            GREY,
        );
    }
}
