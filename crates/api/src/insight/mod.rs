//! Insights: what the record tells the person, computed when it is asked for.

pub mod document;
pub mod facts;
pub mod facts_cache;
mod feedback;
pub mod request;

use mainstay_domain::{
    insight::{
        abstinence::abstinence,
        calendar::add_days,
        craving::{TREND_DAYS, cravings},
        facts::Window,
        medication::medication,
        milestone::milestones,
        self_efficacy::self_efficacy,
        series::{self, Bucket, Metric, series},
        strategy::strategies,
        summary::summary,
        trigger::triggers,
        warning::{self, Thresholds, warnings},
    },
    record::Kind,
};
use serde_json::json;

use self::{
    document::{example_helplines, insight, window_parameter},
    facts::{Need, Needs},
    request::InsightRequest,
};
use crate::{
    http::{caller::Caller, problem::HandlerResult, query::Parameters},
    openapi::endpoint::{self, Endpoint, Parameter, Tag},
};

/// Days of doses that the rules look at: an injection may last for 190 days and be overdue for more.
const MEDICATION_DAYS: i64 = 600;

/// The endpoints of insights.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Insights;
    vec![
        insight(
            endpoint::get("/v1/insights/abstinence", get_abstinence)
                .operation(tag, "getAbstinence", "Days without use, for each goal")
                .about(
                    "The current run, earlier runs, shares of days over the last 7, 30, 90 days and since the goal began, what was \
                     saved, and days within limits. Days are dates in the person's zone. A day of use ends a run and takes nothing \
                     from it.",
                ),
            abstinence,
        ),
        insight(
            endpoint::get("/v1/insights/milestones", get_milestones)
                .operation(tag, "getMilestones", "What was reached, and what comes next")
                .about(
                    "In one run, in all days without use, and in urges ridden out. What was reached stays: later days change no \
                     milestone that was earned before them.",
                ),
            milestones,
        ),
        insight(
            endpoint::get("/v1/insights/series", get_series)
                .operation(tag, "getSeries", "One measure over time")
                .about("By day, week or month of the person's calendar. What has no value is left out: it is missing, not zero.")
                .parameter(Parameter {
                    required: true,
                    ..Parameter::query(
                        "metric",
                        "What is measured.",
                        json!({ "$ref": "#/components/schemas/Metric" }),
                        json!("craving"),
                    )
                })
                .parameter(Parameter::query(
                    "bucket",
                    "Over how long a time values are put together; `day` if left out.",
                    json!({ "$ref": "#/components/schemas/Bucket" }),
                    json!("week"),
                ))
                .parameter(window_parameter()),
            |facts, as_of| series(facts, Metric::Craving, Bucket::Week, as_of, Window::default()),
        ),
        insight(
            endpoint::get("/v1/insights/cravings", get_cravings)
                .operation(tag, "getCravings", "How cravings go")
                .about(
                    "Their trend over the last 14 days (Theil–Sen slope of the daily maximum, from 5 days on), the hours of the week, \
                     how long they last, how they end.",
                )
                .parameter(window_parameter()),
            |facts, as_of| cravings(facts, as_of, Window::default()),
        ),
        insight(
            endpoint::get("/v1/insights/triggers", get_triggers)
                .operation(tag, "getTriggers", "What brings cravings on")
                .about(
                    "How often each trigger is at work, and from 5 events on how much more often use followed it than elsewhere, with \
                     intervals. It says what went together, not what caused it.",
                )
                .parameter(window_parameter()),
            |facts, as_of| triggers(facts, as_of, Window::default()),
        ),
        insight(
            endpoint::get("/v1/insights/strategies", get_strategies)
                .operation(tag, "getStrategies", "What helps")
                .about(
                    "How much the craving fell with each coping strategy that was rated before and after: mean, median, interval, and \
                     the rank by which help is ordered.",
                )
                .parameter(window_parameter()),
            |facts, as_of| strategies(facts, as_of, Window::default()),
        ),
        insight(
            endpoint::get("/v1/insights/self-efficacy", get_self_efficacy)
                .operation(tag, "getSelfEfficacy", "Confidence by kind of situation")
                .about("The latest profile over the eight kinds of high-risk situations, what changed in the window, and the two to begin with.")
                .parameter(window_parameter()),
            |facts, as_of| self_efficacy(facts, as_of, Window::default()),
        ),
        insight(
            endpoint::get("/v1/insights/medication", get_medication)
                .operation(tag, "getMedicationCoverage", "How much of the time medication covered")
                .about(
                    "The proportion of days covered, with overlaps carried forward, and the longest stretch with gaps of at most 7 days. \
                     0.80 is the usual threshold. Today counts once it is covered. `proportion` and `covered_enough` are left out while \
                     no dose of the medication is recorded: missing is not zero. `n` counts the doses whose cover reaches into the window.",
                )
                .parameter(window_parameter()),
            |facts, as_of| medication(facts, as_of, Window::default()),
        ),
    ]
    .into_iter()
    .chain(for_the_start())
    .chain(feedback::endpoints())
    .collect()
}

/// What an app asks for when it is opened.
fn for_the_start() -> Vec<Endpoint> {
    let tag = Tag::Insights;
    vec![
        insight(
            endpoint::get("/v1/insights/summary", get_summary)
                .operation(tag, "getSummary", "All of it, small")
                .about("What an app shows at its start, in one answer.")
                .parameter(window_parameter()),
            |facts, as_of| summary(facts, as_of, Window::default()),
        ),
        insight(
            endpoint::get("/v1/insights/warnings", get_warnings)
                .operation(tag, "getWarnings", "Early warnings, explained")
                .about(
                    "Fixed rules over the person's own record, version 1: the level, each rule that fired with what it looked at, what \
                     the plan and the library have for it, and each rule that could not be evaluated with what is missing. Not \
                     validated, no prediction, no diagnosis. What is missing is `insufficient_data`, never `steady`. A rule that was muted \
                     neither shows nor counts; `muted` says of each whether it would speak, so that `steady` is no false all-clear. \
                     Holds for the hour.",
                ),
            |facts, as_of| warnings(facts, &example_helplines(), as_of, &Thresholds::V1),
        ),
    ]
}

async fn get_abstinence(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "abstinence", &["as_of"]).await?;
    let needs = Needs {
        goals: true,
        uses: true,
        check_ins: Need::All,
        ..Needs::default()
    };
    asked
        .answer(&caller, needs, |facts, asked| abstinence(facts, &asked.as_of))
        .await
}

async fn get_milestones(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "milestones", &["as_of"]).await?;
    let needs = Needs {
        goals: true,
        uses: true,
        cravings: Need::All,
        ..Needs::default()
    };
    asked
        .answer(&caller, needs, |facts, asked| milestones(facts, &asked.as_of))
        .await
}

async fn get_series(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["metric", "bucket", "as_of", "window"]);
    parameters.require("metric");
    let metric = parameters.choice::<Metric>("metric");
    let bucket = parameters.choice::<Bucket>("bucket").unwrap_or_default();
    let words = format!("series {metric:?} {bucket:?}");
    let asked = InsightRequest::with(&caller, parameters, &words).await?;
    // Without a metric the question was refused.
    let metric = metric.unwrap_or(Metric::Craving);
    let (kind, since) = (series::source_collection(metric), Need::since(asked.first_day()));
    let needed = |of: Kind| if kind == of { since } else { Need::None };
    let needs = Needs {
        check_ins: needed(Kind::CheckIn),
        cravings: needed(Kind::CravingEvent),
        uses: kind == Kind::UseEvent,
        ..Needs::default()
    };
    asked
        .answer(&caller, needs, move |facts, asked| {
            series(facts, metric, bucket, &asked.as_of, asked.window)
        })
        .await
}

async fn get_cravings(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "cravings", &["as_of", "window"]).await?;
    let trend_from = add_days(asked.as_of.today(), 1 - TREND_DAYS);
    let since = Need::since(asked.first_day().map(|first| first.min(trend_from)));
    let needs = Needs {
        check_ins: since,
        cravings: since,
        ..Needs::default()
    };
    asked
        .answer(&caller, needs, |facts, asked| {
            cravings(facts, &asked.as_of, asked.window)
        })
        .await
}

async fn get_triggers(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "triggers", &["as_of", "window"]).await?;
    let since = Need::since(asked.first_day());
    let needs = Needs {
        plans: true,
        check_ins: since,
        cravings: since,
        uses: true,
        ..Needs::default()
    };
    asked
        .answer(&caller, needs, |facts, asked| {
            triggers(facts, &asked.as_of, asked.window)
        })
        .await
}

async fn get_strategies(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "strategies", &["as_of", "window"]).await?;
    let needs = Needs {
        plans: true,
        cravings: Need::since(asked.first_day()),
        ..Needs::default()
    };
    asked
        .answer(&caller, needs, |facts, asked| {
            strategies(facts, &asked.as_of, asked.window)
        })
        .await
}

async fn get_self_efficacy(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "self-efficacy", &["as_of", "window"]).await?;
    let needs = Needs {
        profiles: Need::since(asked.first_day()),
        ..Needs::default()
    };
    asked
        .answer(&caller, needs, |facts, asked| {
            self_efficacy(facts, &asked.as_of, asked.window)
        })
        .await
}

async fn get_medication(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "medication", &["as_of", "window"]).await?;
    let needs = Needs {
        // A dose may be carried forward from long ago.
        medications: Need::All,
        ..Needs::default()
    };
    asked
        .by_the_hour()
        .answer(&caller, needs, |facts, asked| {
            medication(facts, &asked.as_of, asked.window)
        })
        .await
}

/// The part of the record that the early-warning rules look at.
pub fn for_warnings(asked: &InsightRequest) -> Needs {
    let today = asked.as_of.today();
    let recent = Need::From(warning::earliest_day(today));
    Needs {
        goals: true,
        plans: true,
        check_ins: recent,
        cravings: recent,
        uses: true,
        medications: Need::From(add_days(today, -MEDICATION_DAYS)),
        protective: Need::From(add_days(today, -4)),
        feedback: true,
        contacts: true,
        profiles: Need::None,
    }
}

async fn get_warnings(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "warnings", &["as_of"]).await?;
    let needs = for_warnings(&asked);
    asked
        .by_the_hour()
        .answer(&caller, needs, |facts, asked| {
            warnings(facts, &asked.helplines(), &asked.as_of, &Thresholds::V1)
        })
        .await
}

async fn get_summary(caller: Caller) -> HandlerResult {
    let asked = InsightRequest::of(&caller, "summary", &["as_of", "window"]).await?;
    let needs = Needs {
        // The days that check-ins confirm, and urges ridden out, count from the beginning.
        check_ins: Need::All,
        cravings: Need::All,
        medications: Need::All,
        profiles: Need::All,
        // What answers a warning is not part of the summary.
        contacts: false,
        ..for_warnings(&asked)
    };
    asked
        .by_the_hour()
        .answer(&caller, needs, |facts, asked| {
            summary(facts, &asked.as_of, asked.window)
        })
        .await
}
