//! Insights: what the record tells the person, computed when it is asked for.

mod asked;
mod document;
mod facts;

use mainstay_domain::{
    insight::{
        abstinence::{Abstinence, abstinence},
        calendar::plus,
        craving::{Cravings, TREND_DAYS, cravings},
        facts::Window,
        milestone::{Milestones, milestones},
        series::{self, Bucket, Metric, Series, series},
        strategy::{Strategies, strategies},
        trigger::{Triggers, triggers},
    },
    record::Kind,
};
use serde_json::json;

use self::{
    asked::Asked,
    document::{example_facts, example_moment, insight, window_parameter},
    facts::{Need, Needs},
};
use crate::{
    http::{caller::Caller, query::Parameters},
    openapi::endpoint::{self, Endpoint, Parameter, Tag},
    problem::Outcome,
};

/// The endpoints of insights.
pub fn endpoints() -> Vec<Endpoint> {
    let (facts, as_of) = (example_facts(), example_moment());
    let tag = Tag::Insights;
    vec![
        insight::<Abstinence>(
            endpoint::get("/v1/insights/abstinence", get_abstinence)
                .operation(tag, "getAbstinence", "Days without use, for each goal")
                .about(
                    "The current run, earlier runs, shares of days over the last 7, 30, 90 days and since the goal began, what was \
                     saved, and days within limits. Days are dates in the person's zone. A day of use ends a run and takes nothing \
                     from it.",
                ),
            &abstinence(&facts, &as_of),
        ),
        insight::<Milestones>(
            endpoint::get("/v1/insights/milestones", get_milestones)
                .operation(tag, "getMilestones", "What was reached, and what comes next")
                .about(
                    "In one run, in all days without use, and in urges ridden out. What was reached stays: later days change no \
                     milestone that was earned before them.",
                ),
            &milestones(&facts, &as_of),
        ),
        insight::<Series>(
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
            &series(&facts, Metric::Craving, Bucket::Week, &as_of, Window::default()),
        ),
        insight::<Cravings>(
            endpoint::get("/v1/insights/cravings", get_cravings)
                .operation(tag, "getCravings", "How cravings go")
                .about(
                    "Their trend over the last 14 days (Theil–Sen slope of the daily maximum, from 5 days on), the hours of the week, \
                     how long they last, how they end.",
                )
                .parameter(window_parameter()),
            &cravings(&facts, &as_of, Window::default()),
        ),
        insight::<Triggers>(
            endpoint::get("/v1/insights/triggers", get_triggers)
                .operation(tag, "getTriggers", "What brings cravings on")
                .about(
                    "How often each trigger is at work, and from 5 events on how much more often use followed it than elsewhere, with \
                     intervals. It says what went together, not what caused it.",
                )
                .parameter(window_parameter()),
            &triggers(&facts, &as_of, Window::default()),
        ),
        insight::<Strategies>(
            endpoint::get("/v1/insights/strategies", get_strategies)
                .operation(tag, "getStrategies", "What helps")
                .about(
                    "How much the craving fell with each coping strategy that was rated before and after: mean, median, interval, and \
                     the rank by which help is ordered.",
                )
                .parameter(window_parameter()),
            &strategies(&facts, &as_of, Window::default()),
        ),
    ]
}

async fn get_abstinence(caller: Caller) -> Outcome {
    let asked = Asked::of(&caller, "abstinence", &["as_of"]).await?;
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

async fn get_milestones(caller: Caller) -> Outcome {
    let asked = Asked::of(&caller, "milestones", &["as_of"]).await?;
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

async fn get_series(caller: Caller) -> Outcome {
    let mut parameters = Parameters::read(&caller.request, &["metric", "bucket", "as_of", "window"]);
    let metric = parameters.required("metric", "enum", "must be a metric", |text| {
        serde_json::from_value::<Metric>(json!(text)).ok()
    });
    let bucket = parameters.get("bucket", "enum", "must be day, week or month", |text| {
        serde_json::from_value::<Bucket>(json!(text)).ok()
    });
    let bucket = bucket.unwrap_or_default();
    let words = format!("series {metric:?} {bucket:?}");
    let asked = Asked::with(&caller, parameters, &words).await?;
    // Without a metric the question was refused.
    let metric = metric.unwrap_or(Metric::Craving);
    let (kind, since) = (series::source(metric), Need::since(asked.first_day()));
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

async fn get_cravings(caller: Caller) -> Outcome {
    let asked = Asked::of(&caller, "cravings", &["as_of", "window"]).await?;
    let trend_from = plus(asked.as_of.today(), 1 - TREND_DAYS);
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

async fn get_triggers(caller: Caller) -> Outcome {
    let asked = Asked::of(&caller, "triggers", &["as_of", "window"]).await?;
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

async fn get_strategies(caller: Caller) -> Outcome {
    let asked = Asked::of(&caller, "strategies", &["as_of", "window"]).await?;
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
