//! The endpoints of the progress report: a page to read and to print, and each of its charts alone.
//!
//! The report computes nothing: it puts the figures of the insights into words and draws them.

mod chart;
mod page;
mod parts;
mod plan_versions;
mod words;

use mainstay_domain::insight::{
    calendar::add_days,
    craving::TREND_DAYS,
    facts::{Facts, Window},
    over_time::PlanVersion,
    progress::{Progress, progress},
};
use mainstay_store::{Records, StoreError};
use serde_json::json;

use self::{chart::ChartName, page::page, plan_versions::plan_versions};
pub use self::{
    page::{ForOthers, page_for_others},
    parts::Parts,
};
use crate::{
    http::{caller::Caller, problem::HandlerResult},
    insight::{
        document::{as_of_parameter, example_facts, example_helplines, example_moment, window_parameter},
        facts::{Need, Needs, read},
        needs,
        request::{Format, InsightRequest},
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        schema::add,
    },
    record::if_none_match,
};

/// The page and the charts load nothing and run no script.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The format of the page.
pub const PAGE: Format = Format {
    media_type: "text/html; charset=utf-8",
    policy: POLICY,
};
const CHART: Format = Format {
    media_type: "image/svg+xml",
    policy: POLICY,
};

/// Returns the endpoints of the report.
pub fn endpoints() -> Vec<Endpoint> {
    vec![report_endpoint(), chart_endpoint()]
}

fn report_endpoint() -> Endpoint {
    endpoint::get("/v1/reports/progress", get_report)
        .priority(Priority::Deferrable)
        .operation(Tag::Insights, "getProgressReport", "The progress report, to read and to print")
        .about(
            "One page of HTML without scripts, for a WebView or for paper (A4): what was reached, craving and mood over time, the \
             calendar, hours, what helps, triggers, medication, confidence, and the early signs explained. Every chart has a text \
             and a table with the same figures. The page says what is not known yet and never shows it as 0. Its title says \
             nothing of health unless the account's `discretion` is `plain`. The response is valid for the hour.",
        )
        .parameter(as_of_parameter())
        .parameter(window_parameter())
        .naming(Box::new(add::<Window>))
        .parameter(if_none_match())
        .gives_media(200, "The page.", "text/html", || json!("<!DOCTYPE html>…"))
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

fn chart_endpoint() -> Endpoint {
    let chart = ChartName::SelfEfficacy;
    let svg = move || json!(chart.draw(&example(), &Parts::all()).svg(chart).into_string());
    endpoint::get("/v1/reports/charts/{name}.svg", get_chart)
        .priority(Priority::Deferrable)
        .operation(Tag::Insights, "getProgressChart", "One chart of the progress report")
        .about(
            "An SVG image with a title and a description for people who do not see it. If there is not enough data to draw, it \
             contains a sentence that says from when on there will be. The response is valid for the hour.",
        )
        .parameter(Parameter {
            name: "name",
            place: "path",
            required: true,
            description: "The name of the chart.",
            schema: json!({ "$ref": "#/components/schemas/ChartName" }),
            example: json!(chart.as_str()),
        })
        .parameter(as_of_parameter())
        .parameter(window_parameter())
        .naming(Box::new(add::<Window>))
        .parameter(if_none_match())
        .gives_media(200, "The chart.", "image/svg+xml", svg)
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
        .naming(Box::new(add::<ChartName>))
}

/// The report that the examples show.
fn example() -> Progress {
    progress(
        &example_facts(),
        &[],
        &example_helplines(),
        &example_moment(),
        Window::default(),
    )
}

async fn get_report(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "report", &["as_of", "window"])
        .await?
        .by_the_hour();
    let needs = needs::report(&request);
    let render = move |records: &mut Records<'_>, request: &InsightRequest| {
        let progress = read_progress(records, needs, request)?;
        Ok(page(&progress, request.discretion()).into_string().into_bytes())
    };
    request.respond_in(&caller, &PAGE, render).await
}

async fn get_chart(caller: Caller) -> HandlerResult {
    let name: ChartName = caller.path("name")?;
    let request = InsightRequest::of(&caller, &format!("chart {}", name.as_str()), &["as_of", "window"])
        .await?
        .by_the_hour();
    let needs = needs_of_chart(name, &request);
    let render = move |records: &mut Records<'_>, request: &InsightRequest| {
        let progress = read_progress(records, needs, request)?;
        Ok(name
            .draw(&progress, &Parts::all())
            .svg(name)
            .into_string()
            .into_bytes())
    };
    request.respond_in(&caller, &CHART, render).await
}

/// The part of the record that a chart alone needs.
fn needs_of_chart(name: ChartName, request: &InsightRequest) -> Needs {
    let since = Need::since(request.first_day());
    let none = Needs::default();
    match name {
        ChartName::CravingsAndMood => Needs {
            plans: true,
            uses: true,
            check_ins: since,
            ..none
        },
        ChartName::Calendar => Needs {
            goals: true,
            uses: true,
            check_ins: since,
            ..none
        },
        ChartName::HeatMap => Needs {
            cravings: Need::since(
                request
                    .first_day()
                    .map(|first| first.min(add_days(request.as_of.today(), 1 - TREND_DAYS))),
            ),
            ..none
        },
        ChartName::Strategies => Needs {
            plans: true,
            cravings: since,
            ..none
        },
        ChartName::Triggers => Needs {
            plans: true,
            uses: true,
            cravings: since,
            check_ins: since,
            ..none
        },
        // Cover may be carried forward from doses of long ago.
        ChartName::Medication => Needs {
            medications: Need::All,
            ..none
        },
        ChartName::SelfEfficacy => Needs {
            profiles: since,
            ..none
        },
    }
}

fn read_progress(
    records: &mut Records<'_>,
    needs: Needs,
    request: &InsightRequest,
) -> Result<Progress, StoreError> {
    let facts: Facts = read(records, needs, request.upto())?;
    let plans = plans_over_time(records, &facts, request)?;
    Ok(progress(
        &facts,
        &plans,
        &request.helplines(),
        &request.as_of,
        request.window,
    ))
}

/// The versions of each plan that was ever active.
///
/// # Errors
/// Errors of the database; a record that cannot be opened.
pub fn plans_over_time(
    records: &mut Records<'_>,
    facts: &Facts,
    request: &InsightRequest,
) -> Result<Vec<Vec<PlanVersion>>, StoreError> {
    let activated = facts
        .plans
        .iter()
        .filter(|plan| plan.record.activated_at.is_some());
    activated
        .map(|plan| plan_versions(records, plan.id, request))
        .collect()
}
