//! The charts of the report: each a drawing, a text that says the same, and a table of its figures.

mod calendar;
mod heat_map;
mod medication;
mod over_time;
mod self_efficacy;
mod sheet;
mod strategies;
mod triggers;

use std::str::FromStr;

use mainstay_domain::insight::progress::Progress;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;
use utoipa::ToSchema;

use self::sheet::{INK, Side, TEXT, WIDTH, draw};

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

    /// Its name in paths.
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

    /// What it shows, as a heading.
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

    /// Makes it.
    pub fn of(self, progress: &Progress) -> Chart {
        match self {
            Self::CravingsAndMood => over_time::chart(progress),
            Self::Calendar => calendar::chart(progress),
            Self::HeatMap => heat_map::chart(progress),
            Self::Strategies => strategies::chart(progress),
            Self::Triggers => triggers::chart(progress),
            Self::Medication => medication::chart(progress),
            Self::SelfEfficacy => self_efficacy::chart(progress),
        }
    }
}

/// The name is none of a chart.
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
    /// What the columns are.
    pub head: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// Its height in pixels.
    pub height: i32,
    /// What is inside the `svg` element.
    pub inside: String,
}

/// A chart with what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// The drawing; none if there is not enough to draw.
    pub drawing: Option<Drawing>,
    /// What it shows, in sentences; what is missing if there is no drawing.
    pub says: String,
    /// More to know, a paragraph each.
    pub notes: Vec<String>,
    /// Its figures.
    pub table: Table,
}

impl Chart {
    /// A chart for which there is not enough yet.
    pub fn missing(says: &str) -> Self {
        Self {
            says: says.to_owned(),
            ..Self::default()
        }
    }

    /// The `svg` element, with what it shows for those who do not see it.
    pub fn svg(&self, name: ChartName) -> Markup {
        let empty;
        let drawing = if let Some(drawing) = &self.drawing {
            drawing
        } else {
            empty = sentence(&self.says);
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
                desc id=(desc) { (self.says) }
                (PreEscaped(&drawing.inside))
            }
        }
    }
}

/// A sentence in place of a drawing.
fn sentence(text: &str) -> Drawing {
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
    let inside = draw(height, |sheet| {
        for (y, line) in (24..).step_by(18).zip(&lines) {
            sheet.text(line, (12, y), Side::Right, TEXT, INK);
        }
    });
    Drawing { height, inside }
}

#[cfg(test)]
mod tests;
