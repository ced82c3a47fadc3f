//! Insights: what the record tells the person, computed when it is requested.

pub mod document;
pub mod facts;
pub mod facts_cache;
mod feedback;
pub mod needs;
pub mod request;

use mainstay_domain::insight::{
    abstinence::abstinence,
    craving::cravings,
    facts::Window,
    medication::medication,
    milestone::milestones,
    self_efficacy::self_efficacy,
    series::{Bucket, Metric, series},
    strategy::strategies,
    summary::summary,
    trigger::triggers,
    warning::{Thresholds, warnings},
};
use serde_json::json;

use self::{
    document::{example_helplines, insight, window_parameter},
    request::InsightRequest,
};
use crate::{
    http::{caller::Caller, problem::HandlerResult, query::Parameters},
    openapi::endpoint::{self, Endpoint, Parameter, Priority, Tag},
};

/// Returns the endpoints of insights.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        abstinence_endpoint(),
        milestones_endpoint(),
        series_endpoint(),
        cravings_endpoint(),
        triggers_endpoint(),
        strategies_endpoint(),
        self_efficacy_endpoint(),
        medication_endpoint(),
        summary_endpoint(),
        warnings_endpoint(),
    ];
    all.extend(feedback::endpoints());
    all
}

fn abstinence_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/abstinence", get_abstinence)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getAbstinence", "Days without use, for each goal")
            .about(
                "For each goal: the current run, earlier runs, shares of days over the last 7, 30 and 90 days and since the goal \
                 began, money and time saved, and days within limits. Days are dates in the person's time zone. A day of use \
                 ends a run and takes nothing away from it.",
            ),
        abstinence,
    )
}

fn milestones_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/milestones", get_milestones)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getMilestones", "What was reached, and what comes next")
            .about(
                "Milestones of the current run, of all days without use together, and of urges ridden out. A milestone that was \
                 reached stays: no later day changes it.",
            ),
        milestones,
    )
}

fn series_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/series", get_series)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getSeries", "One measure over time")
            .about(
                "One point a day, week or month of the person's calendar. Times without a value are left out: a missing value is \
                 not zero.",
            )
            .parameter(Parameter {
                required: true,
                ..Parameter::query(
                    "metric",
                    "The measure.",
                    json!({ "$ref": "#/components/schemas/InsightMetric" }),
                    json!("craving"),
                )
            })
            .parameter(Parameter::query(
                "bucket",
                "The span of time that one point covers; `day` if left out.",
                json!({ "$ref": "#/components/schemas/InsightBucket" }),
                json!("week"),
            ))
            .parameter(window_parameter()),
        |facts, as_of| series(facts, Metric::Craving, Bucket::Week, as_of, Window::default()),
    )
}

fn cravings_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/cravings", get_cravings)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getCravings", "How cravings go")
            .about(
                "The trend over the last 14 days (Theil–Sen slope of the daily maximum), the hours of the week, how long cravings \
                 last, and how they end. The trend is falling or rising from 7 days with a rating on, and only if chance alone would \
                 hardly show it (Mann–Kendall, p below 0.2); else a slope is `not_clear`.",
            )
            .parameter(window_parameter()),
        |facts, as_of| cravings(facts, as_of, Window::default()),
    )
}

fn triggers_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/triggers", get_triggers)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getTriggers", "What brings cravings on")
            .about(
                "How often each trigger was present, and how often use followed with it and without it, from 5 events on either \
                 side, with intervals. Of many triggers, some seem to matter by chance: `may_be_chance` says where that is not \
                 ruled out. The figures show what occurred together, not what caused it.",
            )
            .parameter(window_parameter()),
        |facts, as_of| triggers(facts, as_of, Window::default()),
    )
}

fn strategies_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/strategies", get_strategies)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getStrategies", "What helps")
            .about(
                "How much more the craving fell with each coping strategy than without any, with its interval, once that can be \
                 compared; the raw drops, which have the natural drop in them; and the rank by which help is ordered.",
            )
            .parameter(window_parameter()),
        |facts, as_of| strategies(facts, as_of, Window::default()),
    )
}

fn self_efficacy_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/self-efficacy", get_self_efficacy)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getSelfEfficacy", "Confidence by kind of situation")
            .about(
                "The latest profile over the eight kinds of high-risk situations, its changes in the window, and the two kinds to \
                 begin with.",
            )
            .parameter(window_parameter()),
        |facts, as_of| self_efficacy(facts, as_of, Window::default()),
    )
}

fn medication_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/medication", get_medication)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getMedicationCoverage", "How much of the time medication covered")
            .about(
                "The proportion of days covered, and the longest stretch with gaps of at most 7 days. A long-acting dose covers \
                 `covers_days`, with overlaps carried forward; any other covers the days until the next one is due. 0.80 is the usual \
                 threshold, and `covered_enough` compares from 28 days on. Today counts once it is covered. `proportion` is left out \
                 while no dose of the medication is recorded: missing is not zero. `n` counts the doses whose cover reaches into the \
                 window.",
            )
            .parameter(window_parameter()),
        |facts, as_of| medication(facts, as_of, Window::default()),
    )
}

fn summary_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/summary", get_summary)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getSummary", "All of it, small")
            .about("What an app shows at its start, in one response.")
            .parameter(window_parameter()),
        |facts, as_of| summary(facts, &example_helplines(), as_of, Window::default()),
    )
}

fn warnings_endpoint() -> Endpoint {
    insight(
        endpoint::get("/v1/insights/warnings", get_warnings)
            .priority(Priority::Deferrable)
            .operation(Tag::Insights, "getWarnings", "Early warnings, explained")
            .about(
                "Evaluates fixed rules, version 2, on the person's own record. The response has the level, each rule that fired with \
                 the values it used and with what the plan and the library offer for it, and each rule that could not be \
                 evaluated with what is missing. The rules are not validated; they are no prediction and no diagnosis. Too little \
                 data gives `insufficient_data`, never `steady`. A muted rule is not shown and does not count; `muted` says of each \
                 whether it would have fired, so that `steady` is no false all-clear. The response is valid for the hour.",
            ),
        |facts, as_of| warnings(facts, &example_helplines(), as_of, &Thresholds::V2),
    )
}

async fn get_abstinence(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "abstinence", &["as_of"]).await?;
    let needs = needs::abstinence();
    request
        .respond(&caller, needs, |facts, request| abstinence(facts, &request.as_of))
        .await
}

async fn get_milestones(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "milestones", &["as_of"]).await?;
    let needs = needs::milestones();
    request
        .respond(&caller, needs, |facts, request| milestones(facts, &request.as_of))
        .await
}

async fn get_series(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["metric", "bucket", "as_of", "window"]);
    parameters.require("metric");
    let metric = parameters.choice::<Metric>("metric");
    let bucket = parameters.choice::<Bucket>("bucket").unwrap_or_default();
    let name = format!("series {metric:?} {bucket:?}");
    let request = InsightRequest::with(&caller, parameters, &name).await?;
    // A request without a metric was refused above.
    let metric = metric.unwrap_or(Metric::Craving);
    let needs = needs::series(metric, &request);
    request
        .respond(&caller, needs, move |facts, request| {
            series(facts, metric, bucket, &request.as_of, request.window)
        })
        .await
}

async fn get_cravings(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "cravings", &["as_of", "window"]).await?;
    let needs = needs::cravings(&request);
    request
        .respond(&caller, needs, |facts, request| {
            cravings(facts, &request.as_of, request.window)
        })
        .await
}

async fn get_triggers(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "triggers", &["as_of", "window"]).await?;
    let needs = needs::triggers(&request);
    request
        .respond(&caller, needs, |facts, request| {
            triggers(facts, &request.as_of, request.window)
        })
        .await
}

async fn get_strategies(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "strategies", &["as_of", "window"]).await?;
    let needs = needs::strategies(&request);
    request
        .respond(&caller, needs, |facts, request| {
            strategies(facts, &request.as_of, request.window)
        })
        .await
}

async fn get_self_efficacy(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "self-efficacy", &["as_of", "window"]).await?;
    let needs = needs::self_efficacy(&request);
    request
        .respond(&caller, needs, |facts, request| {
            self_efficacy(facts, &request.as_of, request.window)
        })
        .await
}

async fn get_medication(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "medication", &["as_of", "window"]).await?;
    let needs = needs::medication();
    request
        .by_the_hour()
        .respond(&caller, needs, |facts, request| {
            medication(facts, &request.as_of, request.window)
        })
        .await
}

async fn get_warnings(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "warnings", &["as_of"]).await?;
    let needs = needs::warnings(&request);
    request
        .by_the_hour()
        .respond(&caller, needs, |facts, request| {
            warnings(facts, &request.helplines(), &request.as_of, &Thresholds::V2)
        })
        .await
}

async fn get_summary(caller: Caller) -> HandlerResult {
    let request = InsightRequest::of(&caller, "summary", &["as_of", "window"]).await?;
    let needs = needs::summary(&request);
    request
        .by_the_hour()
        .respond(&caller, needs, |facts, request| {
            summary(facts, &request.helplines(), &request.as_of, request.window)
        })
        .await
}
