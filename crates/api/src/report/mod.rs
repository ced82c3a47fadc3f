//! The progress report: a page to read and to print, and each of its charts alone.
//!
//! The figures are those of the insights; here they are only put into words and drawn.

mod chart;
mod page;
mod words;

use mainstay_domain::{
    insight::{
        calendar::add_days,
        craving::TREND_DAYS,
        facts::{Facts, Window},
        over_time::PlanVersion,
        progress::{Progress, progress},
        warning,
    },
    plan::Plan,
    record::Kind,
    value::timestamp::Timestamp,
};
use mainstay_store::{Records, StoreError};
use serde_json::json;
use uuid::Uuid;

use self::{chart::ChartName, page::page};
use crate::{
    http::{caller::Caller, problem::HandlerResult},
    insight::{
        document::{as_of_parameter, example_facts, example_helplines, example_moment, window_parameter},
        facts::{Need, Needs, read},
        for_warnings,
        request::{Form, InsightRequest},
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::add,
    },
    record::{decode, if_none_match},
};

/// The page and the charts load nothing and run nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE: Form = Form {
    media_type: "text/html; charset=utf-8",
    policy: POLICY,
};
const CHART: Form = Form {
    media_type: "image/svg+xml",
    policy: POLICY,
};

/// The endpoints of the report.
pub fn endpoints() -> Vec<Endpoint> {
    let chart = ChartName::SelfEfficacy;
    vec![
        endpoint::get("/v1/reports/progress", get_report)
            .operation(Tag::Insights, "getProgressReport", "The progress report, to read and to print")
            .about(
                "One page of HTML without scripts, for a WebView or for paper (A4): what was reached, craving and mood over time, \
                 the calendar, hours, what helps, triggers, medication, confidence, and the early signs explained. Every chart has a \
                 text and a table with the same figures. What is not known yet is said, never shown as 0. The page's title says \
                 nothing of health unless the account's `discretion` is `plain`. Holds for the hour.",
            )
            .parameter(as_of_parameter())
            .parameter(window_parameter())
            .parameter(if_none_match())
            .gives_media(200, "The page.", "text/html", || json!("<!DOCTYPE html>…"))
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"]),
        endpoint::get("/v1/reports/charts/{name}.svg", get_chart)
            .operation(Tag::Insights, "getProgressChart", "One chart of the progress report")
            .about(
                "As SVG, with its title and a description for those who do not see it. Where there is not enough to draw, it holds a \
                 sentence that says from when on. Holds for the hour.",
            )
            .parameter(Parameter {
                name: "name",
                place: "path",
                required: true,
                description: "Which chart.",
                schema: json!({ "$ref": "#/components/schemas/ChartName" }),
                example: json!(chart.as_str()),
            })
            .parameter(as_of_parameter())
            .parameter(window_parameter())
            .parameter(if_none_match())
            .gives_media(200, "The chart.", "image/svg+xml", move || json!(chart.of(&example()).svg(chart).into_string()))
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"])
            .naming(Box::new(add::<ChartName>)),
    ]
}

/// The report of the examples.
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
    let asked = InsightRequest::of(&caller, "report", &["as_of", "window"])
        .await?
        .by_the_hour();
    let cravings = Need::since(
        asked
            .first_day()
            .map(|first| first.min(warning::earliest_day(asked.as_of.today()))),
    );
    let needs = Needs {
        // The days that check-ins confirm count from the beginning of a goal.
        check_ins: Need::All,
        cravings,
        medications: Need::All,
        profiles: Need::since(asked.first_day()),
        ..for_warnings(&asked)
    };
    let work = move |records: &mut Records<'_>, asked: &InsightRequest| {
        let found = found(records, needs, asked)?;
        Ok(page(&found, asked.discretion()).into_string().into_bytes())
    };
    asked.answer_in(&caller, &PAGE, work).await
}

async fn get_chart(caller: Caller) -> HandlerResult {
    let name: ChartName = caller.path("name")?;
    let words = format!("chart {}", name.as_str());
    let asked = InsightRequest::of(&caller, &words, &["as_of", "window"])
        .await?
        .by_the_hour();
    let needs = needs(name, &asked);
    let work = move |records: &mut Records<'_>, asked: &InsightRequest| {
        let found = found(records, needs, asked)?;
        Ok(name.of(&found).svg(name).into_string().into_bytes())
    };
    asked.answer_in(&caller, &CHART, work).await
}

/// The part of the record that a chart alone needs.
fn needs(name: ChartName, asked: &InsightRequest) -> Needs {
    let since = Need::since(asked.first_day());
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
                asked
                    .first_day()
                    .map(|first| first.min(add_days(asked.as_of.today(), 1 - TREND_DAYS))),
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
        // A dose may be carried forward from long ago.
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

fn found(records: &mut Records<'_>, needs: Needs, asked: &InsightRequest) -> Result<Progress, StoreError> {
    let facts: Facts = read(records, needs, asked.upto())?;
    let mut plans = Vec::new();
    for plan in facts
        .plans
        .iter()
        .filter(|plan| plan.record.activated_at.is_some())
    {
        plans.push(versions(records, plan.id)?);
    }
    Ok(progress(
        &facts,
        &plans,
        &asked.helplines(),
        &asked.as_of,
        asked.window,
    ))
}

/// The versions of a plan, oldest first.
fn versions(records: &mut Records<'_>, id: Uuid) -> Result<Vec<PlanVersion>, StoreError> {
    let mut bodies: Vec<(Vec<u8>, i64)> = Vec::new();
    for old in records.history(Kind::Plan, id)? {
        bodies.push((old.body, old.written_at));
    }
    if let Some(latest) = records.get(Kind::Plan, id)? {
        bodies.push((latest.body, latest.updated_at));
    }
    let version = |(body, written_at): (Vec<u8>, i64)| {
        Ok(PlanVersion {
            plan: decode::<Plan>(&body)?,
            written_at: Timestamp::from_micros(written_at),
        })
    };
    bodies.into_iter().map(version).collect()
}
