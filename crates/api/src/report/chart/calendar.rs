//! The calendar chart: the days of each goal, month by month.

use chrono::{Datelike, NaiveDate};
use mainstay_domain::insight::{
    calendar::days_between,
    day_calendar::{DayCalendar, DayState},
    limit::first_day_of_week,
    progress::Progress,
};

use super::{
    Chart, Drawing, Table,
    sheet::{Anchor, BLUE, GREY, INK, PALE, SMALL, Sheet, TEXT, VERMILION, WHITE, draw, short},
};
use crate::report::words::{count, goal, month, weekday};

/// Heights in pixels: of the legend, of a goal's name, and of the headings of a month.
const LEGEND: i32 = 54;
const NAME: i32 = 28;
const HEAD: i32 = 36;

/// Draws the chart.
pub fn chart(progress: &Progress) -> Chart {
    let calendars = &progress.calendars;
    if calendars.is_empty() {
        return Chart::missing("Nothing to show yet: the calendar begins with your first goal.");
    }
    let week_start = progress.as_of.week_start;
    let layouts: Vec<Layout<'_>> = calendars
        .iter()
        .map(|calendar| Layout::of(calendar, week_start))
        .collect();
    let height = LEGEND + layouts.iter().map(Layout::height).sum::<i32>();
    let summary = calendars.iter().map(|calendar| {
        let name = goal(calendar.label.as_deref(), calendar.substance);
        // Today counts here, while other figures of the report count completed days only.
        let last = calendar.days.last().map(|(day, _)| *day);
        let with_today = if last == Some(progress.as_of.today()) {
            ", today included,"
        } else {
            ""
        };
        let free = calendar.no_use_reported + calendar.nothing_reported;
        let of = count(
            i64::try_from(calendar.days.len()).unwrap_or(i64::MAX),
            "day",
            "days",
        );
        format!(
            "{name}: {free} of {of}{with_today} without use, {} of them confirmed by a check-in.",
            calendar.no_use_reported
        )
    });
    Chart {
        summary: summary.collect::<Vec<_>>().join(" "),
        drawing: Some(Drawing {
            height,
            content: draw(height, |sheet| {
                draw_legend(sheet);
                let mut top = LEGEND;
                for layout in &layouts {
                    layout.draw(sheet, top, week_start);
                    top += layout.height();
                }
            }),
        }),
        notes: vec!["A day of use is marked, nothing is lost: all other days stay as they are.".to_owned()],
        table: table(calendars),
    }
}

fn table(calendars: &[DayCalendar]) -> Table {
    let row = |calendar: &DayCalendar| {
        let mut cells = vec![goal(calendar.label.as_deref(), calendar.substance)];
        let counts = [
            calendar.no_use_reported,
            calendar.nothing_reported,
            calendar.use_days,
        ];
        cells.extend(counts.map(|n| n.to_string()));
        cells
    };
    Table {
        head: vec!["Goal", "No use, confirmed", "Nothing reported", "Days of use"],
        rows: calendars.iter().map(row).collect(),
    }
}

fn draw_legend(sheet: &Sheet<'_>) {
    mark(sheet, DayState::NoUseReported, (14, 14), 8, None);
    sheet.text("no use, confirmed", (28, 14), Anchor::Start, TEXT, INK);
    mark(sheet, DayState::Use, (176, 14), 8, None);
    sheet.text("day of use", (190, 14), Anchor::Start, TEXT, INK);
    mark(sheet, DayState::NothingReported, (14, 38), 8, None);
    sheet.text("nothing reported", (28, 38), Anchor::Start, TEXT, INK);
}

fn mark(sheet: &Sheet<'_>, state: DayState, at: (i32, i32), radius: i32, number: Option<u32>) {
    let ink = match state {
        DayState::Use => {
            sheet.diamond(at, radius + 2, VERMILION);
            INK
        }
        DayState::NoUseReported => {
            sheet.disc(at, radius, BLUE);
            WHITE
        }
        DayState::NothingReported => {
            sheet.square(at, radius - 1, PALE);
            GREY
        }
    };
    if let Some(number) = number {
        sheet.text(&number.to_string(), at, Anchor::Middle, SMALL, ink);
    }
}

/// The layout of a goal's months.
struct Layout<'a> {
    calendar: &'a DayCalendar,
    /// The days of each month.
    months: Vec<&'a [(NaiveDate, DayState)]>,
    /// The number of months beside each other.
    columns: usize,
    /// Width and height of a day in pixels.
    cell: i32,
    week_start: u8,
}

impl<'a> Layout<'a> {
    fn of(calendar: &'a DayCalendar, week_start: u8) -> Self {
        let is_same_month = |one: &(NaiveDate, DayState), two: &(NaiveDate, DayState)| {
            (one.0.year(), one.0.month()) == (two.0.year(), two.0.month())
        };
        let months: Vec<_> = calendar.days.chunk_by(is_same_month).collect();
        let (columns, cell) = if months.len() <= 4 { (2, 22) } else { (3, 14) };
        Self {
            calendar,
            months,
            columns,
            cell,
            week_start,
        }
    }

    /// The row of a day within its month, from 0.
    fn week(&self, date: NaiveDate) -> i32 {
        let first = date.with_day(1).unwrap_or(date);
        let weeks = days_between(first_day_of_week(first, self.week_start), date) / 7;
        i32::try_from(weeks).unwrap_or(0)
    }

    /// The height of a row of months.
    fn row_height(&self, months: &[&[(NaiveDate, DayState)]]) -> i32 {
        let of_month = |days: &&[(NaiveDate, DayState)]| {
            let (Some(first), Some(last)) = (days.first(), days.last()) else {
                return 0;
            };
            self.week(last.0) - self.week(first.0) + 1
        };
        let weeks = months.iter().map(of_month).max().unwrap_or(0);
        HEAD + weeks * self.cell + 10
    }

    fn height(&self) -> i32 {
        NAME + self
            .months
            .chunks(self.columns)
            .map(|row| self.row_height(row))
            .sum::<i32>()
    }

    fn draw(&self, sheet: &Sheet<'_>, top: i32, week_start: u8) {
        let name = goal(self.calendar.label.as_deref(), self.calendar.substance);
        sheet.text(&short(&name, 46), (8, top + 10), Anchor::Start, TEXT, INK);
        let width = 340 / i32::try_from(self.columns).unwrap_or(1);
        let mut y = top + NAME;
        for row in self.months.chunks(self.columns) {
            for (x, days) in (8..).step_by(usize::try_from(width).unwrap_or(1)).zip(row) {
                self.draw_month(sheet, (x, y), days, week_start);
            }
            y += self.row_height(row);
        }
    }

    fn draw_month(
        &self,
        sheet: &Sheet<'_>,
        (left, top): (i32, i32),
        days: &[(NaiveDate, DayState)],
        week_start: u8,
    ) {
        let Some((first, _)) = days.first() else {
            return;
        };
        let title = format!("{} {}", month(*first), first.year());
        sheet.text(&title, (left, top + 6), Anchor::Start, SMALL, INK);
        let half = self.cell / 2;
        for column in 0..7_u8 {
            let number = (u32::from(week_start) + u32::from(column) - 1) % 7 + 1;
            let letter: String = weekday(number).chars().take(1).collect();
            let x = left + i32::from(column) * self.cell + half;
            sheet.text(&letter, (x, top + 24), Anchor::Middle, SMALL, GREY);
        }
        let first_week = self.week(*first);
        for (date, state) in days {
            let column =
                i32::try_from(days_between(first_day_of_week(*date, week_start), *date)).unwrap_or(0);
            let x = left + column * self.cell + half;
            let y = top + HEAD + (self.week(*date) - first_week) * self.cell + half;
            let number = (self.cell > 20).then(|| date.day());
            mark(sheet, *state, (x, y), half - 2, number);
        }
    }
}
