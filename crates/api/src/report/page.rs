//! Renders the page of the report: safety notes, what was reached, the charts with their figures, and the early
//! warnings explained.

mod reached;
mod safety;

use mainstay_domain::{
    account::Discretion,
    insight::{
        progress::Progress,
        warning::{FiredRule, Warnings},
    },
    sharing::insight::progress::ReportPart,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::{reached::reached, safety::safety};
use super::{
    chart::{Chart, ChartName, Table},
    parts::Parts,
    words::{count, inputs, level, number, stage, trend},
};

const STYLE: &str = include_str!("page.css");

/// The largest number of inputs that are listed of a rule.
const MAX_INPUTS: usize = 12;

/// Returns the title of the page, which other people may see in lists of windows and print jobs.
const fn title(discretion: Discretion) -> &'static str {
    match discretion {
        Discretion::Discreet => "Progress",
        Discretion::Plain => "Recovery progress",
    }
}

/// What stands on a page that somebody else reads.
#[derive(Debug, Clone)]
pub struct ForOthers {
    /// The name that the person goes by.
    pub display_name: Option<String>,
    /// The notice that every printed page carries.
    pub notice: &'static str,
    /// Where the notice can be read at length.
    pub notice_path: &'static str,
}

/// Renders the whole page.
pub fn page(progress: &Progress, discretion: Discretion) -> Markup {
    let content = parts(progress, &Parts::all());
    document(
        title(discretion),
        &html! {
            main {
                h1 { "My progress" }
                (content)
            }
        },
    )
}

/// Renders some parts of the page for somebody else, with the notice at the foot of every printed page.
pub fn page_for_others(progress: &Progress, shown: &Parts, others: &ForOthers) -> Markup {
    let whose = others.display_name.as_deref().unwrap_or("The person");
    let heading = match &others.display_name {
        Some(name) => format!("Progress of {name}"),
        None => "Progress".to_owned(),
    };
    document(
        title(Discretion::Discreet),
        &html! {
            table.sheet role="presentation" {
                // Browsers repeat the foot of a table on each printed page.
                tfoot { tr { td { p.notice { (others.notice) " " a href=(others.notice_path) { "The notice at length." } } } } }
                tbody { tr { td {
                    main {
                        h1 { (heading) }
                        p.soft { (whose) " shares this with you. It shows what the consent covers and nothing else. Where it says “you”, it speaks to the person." }
                        (parts(progress, shown))
                    }
                } } }
            }
        },
    )
}

fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

fn parts(progress: &Progress, shown: &Parts) -> Markup {
    let charts = ChartName::ALL.into_iter().filter(|chart| chart.is_shown(shown));
    let chart = |name: ChartName| {
        let chart = name.draw(progress, shown);
        if shown.shows(ReportPart::CravingTrend) {
            with_trend(chart, name, progress)
        } else {
            chart
        }
    };
    html! {
        @if shown.shows(ReportPart::SafetyNotes) { (safety(&progress.warnings.safety)) }
        p.soft { (period(progress)) }
        @if shown.shows(ReportPart::Reached) { (reached(progress)) }
        @for name in charts { (section(name, &chart(name))) }
        @if shown.shows(ReportPart::Warnings) { (signs(&progress.warnings)) }
    }
}

fn period(progress: &Progress) -> String {
    let window = match progress.window.days() {
        Some(days) => format!("the last {days} days"),
        None => "since the first record".to_owned(),
    };
    let (from, today, at) = (progress.from, progress.as_of.today(), progress.as_of.local());
    let time = at.to_string();
    let time = time.get(11..16).unwrap_or_default();
    format!("From {from} to {today}, {window}. As of {today}, {time}.")
}

/// Adds the trend of cravings to the chart of craving and mood. The chart alone does not have it, because it does not
/// read the craving events that the trend is computed from.
fn with_trend(mut chart: Chart, name: ChartName, progress: &Progress) -> Chart {
    if name == ChartName::CravingsAndMood {
        chart.notes.insert(0, trend(&progress.cravings.trend).to_owned());
    }
    chart
}

fn section(name: ChartName, chart: &Chart) -> Markup {
    let is_long = chart.table.rows.len() + chart.notes.len() > 30;
    html! {
        section id=(name.as_str()) class=(if is_long { "long" } else { "short" }) {
            h2 { (name.title()) }
            @if chart.drawing.is_none() {
                p { (chart.summary) }
                (figures(&chart.table))
                @for note in &chart.notes { p.soft { (note) } }
            } @else {
                div.pair {
                    div {
                        figure { (chart.svg(name)) }
                        p { (chart.summary) }
                    }
                    div {
                        (figures(&chart.table))
                        @for note in &chart.notes { p.soft { (note) } }
                    }
                }
            }
        }
    }
}

fn figures(table: &Table) -> Markup {
    html! {
        @if !table.rows.is_empty() {
            table {
                thead { tr { @for cell in &table.head { th scope="col" { (cell) } } } }
                tbody { @for row in &table.rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

fn signs(found: &Warnings) -> Markup {
    html! {
        section.long id="signs" {
            h2 { "Early signs, explained" }
            p { (level(found.level, found.muted_signs())) }
            @for rule in &found.fired { (sign(rule)) }
            @if !found.not_evaluable.is_empty() {
                h3 { "Not known yet" }
                p.soft { "For these signs too little is written down; that is no judgement either way." }
                ul.soft { @for rule in &found.not_evaluable { li { (rule.missing) } } }
            }
            @if !found.muted.is_empty() {
                p.soft {
                    (count(found.muted.len(), "sign is", "signs are")) " silent because you asked for it."
                    @if found.muted_signs() > 0 { " " (found.muted_signs()) " of them would show now." }
                }
            }
            p.soft { (found.about) }
        }
    }
}

fn sign(rule: &FiredRule) -> Markup {
    let looked_at = inputs(rule);
    let more = looked_at.len().saturating_sub(MAX_INPUTS);
    html! {
        div.box {
            p { strong { (rule.message) } @if let Some(of) = rule.stage { " (" (stage(of)) " stage)" } }
            p.soft {
                "Looked at: " (looked_at.iter().take(MAX_INPUTS).map(String::as_str).collect::<Vec<_>>().join("; "))
                @if more > 0 { "; and " (more) " more" }
                "."
                @if let Some(usual) = rule.baseline {
                    " Your usual: " (number(usual.value)) ", from " (usual.from) " to " (usual.to) "."
                }
            }
            @let own: Vec<&str> = rule.plan_items.iter().map(|item| item.text.as_str()).collect();
            @if !own.is_empty() { p { "From your plan: " (own.join("; ")) "." } }
            @if !rule.practices.is_empty() {
                @let titles: Vec<&str> = rule.practices.iter().map(|practice| &*practice.title).collect();
                p { "May help: " (titles.join("; ")) "." }
            }
        }
    }
}

#[cfg(test)]
mod tests;
