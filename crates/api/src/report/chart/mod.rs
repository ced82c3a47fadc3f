//! The charts of the report. Each has a drawing, a text that says the same, and a table of its figures.

mod calendar;
mod heat_map;
mod medication;
mod over_time;
mod self_efficacy;
mod sheet;
mod strategies;
mod triggers;

use std::str::FromStr;

use mainstay_domain::{insight::progress::Progress, sharing::insight::progress::ReportPart};
use maud::{Markup, PreEscaped, html};
use serde::Serialize;
use utoipa::ToSchema;

use self::sheet::{Anchor, INK, TEXT, WIDTH, draw};
use super::parts::Parts;

/// A chart of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChartName {
    /// Craving and mood over time, with days of use and changes of the plan.
    CravingsAndMood,
    /// Days without use.
    Calendar,
    /// Hours of the week in which cravings began.
    HeatMap,
    /// What helps, with 95 % intervals.
    Strategies,
    /// What brings cravings on.
    Triggers,
    /// How much of the time medication covered.
    Medication,
    /// Confidence by kind of situation.
    SelfEfficacy,
}

impl ChartName {
    /// Every chart, in the order of the page.
    pub const ALL: [Self; 7] = [
        Self::CravingsAndMood,
        Self::Calendar,
        Self::HeatMap,
        Self::Strategies,
        Self::Triggers,
        Self::Medication,
        Self::SelfEfficacy,
    ];

    /// The name of the chart in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CravingsAndMood => "cravings-and-mood",
            Self::Calendar => "calendar",
            Self::HeatMap => "heat-map",
            Self::Strategies => "strategies",
            Self::Triggers => "triggers",
            Self::Medication => "medication",
            Self::SelfEfficacy => "self-efficacy",
        }
    }

    /// The heading of the chart.
    pub const fn title(self) -> &'static str {
        match self {
            Self::CravingsAndMood => "Craving and mood over time",
            Self::Calendar => "Days without use",
            Self::HeatMap => "When cravings begin",
            Self::Strategies => "What helps",
            Self::Triggers => "What brings cravings on",
            Self::Medication => "Medication",
            Self::SelfEfficacy => "Confidence by kind of situation",
        }
    }

    /// Whether the chart is on a page with these parts.
    pub fn is_shown(self, parts: &Parts) -> bool {
        match self {
            Self::CravingsAndMood => {
                parts.shows(ReportPart::CravingCurve) || parts.shows(ReportPart::MoodCurve)
            }
            Self::Calendar => parts.shows(ReportPart::Calendars),
            Self::HeatMap => parts.shows(ReportPart::Cravings),
            Self::Strategies => parts.shows(ReportPart::Strategies),
            Self::Triggers => parts.shows(ReportPart::Triggers),
            Self::Medication => parts.shows(ReportPart::Medication),
            Self::SelfEfficacy => parts.shows(ReportPart::SelfEfficacy),
        }
    }

    /// Draws the chart from a report's figures, with the parts of it that are shown.
    pub fn draw(self, progress: &Progress, parts: &Parts) -> Chart {
        match self {
            Self::CravingsAndMood => over_time::chart(progress, parts),
            Self::Calendar => calendar::chart(progress),
            Self::HeatMap => heat_map::chart(progress),
            Self::Strategies => strategies::chart(progress),
            Self::Triggers => triggers::chart(progress, parts),
            Self::Medication => medication::chart(progress),
            Self::SelfEfficacy => self_efficacy::chart(progress),
        }
    }
}

/// The error for a text that is not the name of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchChart;

impl FromStr for ChartName {
    type Err = NoSuchChart;

    fn from_str(text: &str) -> Result<Self, NoSuchChart> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or(NoSuchChart)
    }
}

/// The figures of a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The headings of the columns.
    pub head: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// A drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// Its height in pixels.
    pub height: i32,
    /// The content of the `svg` element.
    pub content: String,
}

/// A chart with its text and table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// The drawing; `None` if there is not enough data.
    pub drawing: Option<Drawing>,
    /// The chart in sentences; without a drawing, a sentence about the data that is missing.
    pub summary: String,
    /// Further remarks, a paragraph each.
    pub notes: Vec<String>,
    /// The figures.
    pub table: Table,
}

impl Chart {
    /// Makes a chart without a drawing, for which there is not enough data yet.
    pub fn missing(summary: &str) -> Self {
        Self {
            summary: summary.to_owned(),
            ..Self::default()
        }
    }

    /// Renders the `svg` element, with title and description for people who do not see it.
    pub fn svg(&self, name: ChartName) -> Markup {
        let empty;
        let drawing = if let Some(drawing) = &self.drawing {
            drawing
        } else {
            empty = draw_sentence(&self.summary);
            &empty
        };
        let (title, desc) = (
            format!("{}-title", name.as_str()),
            format!("{}-desc", name.as_str()),
        );
        html! {
            svg xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(drawing.height)
                viewBox=(format!("0 0 {WIDTH} {}", drawing.height)) role="img" aria-labelledby=(format!("{title} {desc}")) {
                title id=(title) { (name.title()) }
                desc id=(desc) { (self.summary) }
                (PreEscaped(&drawing.content))
            }
        }
    }
}

/// Draws a sentence in place of a chart.
fn draw_sentence(text: &str) -> Drawing {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut()
            && line.chars().count() + word.chars().count() < 48
        {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    let height = 30 + 18 * i32::try_from(lines.len()).unwrap_or(0);
    let content = draw(height, |sheet| {
        for (y, line) in (24..).step_by(18).zip(&lines) {
            sheet.text(line, (12, y), Anchor::Start, TEXT, INK);
        }
    });
    Drawing { height, content }
}

#[cfg(test)]
mod tests;
