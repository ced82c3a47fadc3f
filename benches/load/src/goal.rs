//! The performance goals, and a verdict on each.

use crate::{
    growth::Growth,
    limit::Limit,
    population::Engine,
    results::{EngineResults, Latencies, Round, SummaryLatencies},
    workload::Workload::{self, W1, W2, W3, W4},
};

/// Requests a second of other backends at 32 connections, each on a machine like the one that the goals were set on:
/// Parse Server on PostgreSQL, and the fastest with durable writes (Express with better-sqlite3).
const PEERS: [(Workload, f64, f64); 4] = [
    (W1, 1082.0, 1536.0),
    (W2, 1023.0, 4723.0),
    (W3, 700.0, 2551.0),
    (W4, 771.0, 2177.0),
];

/// A goal, the measured value, and whether the goal holds.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    /// The goal in words.
    pub goal: String,
    /// The bound.
    pub wanted: String,
    /// The measured value.
    pub measured: String,
    /// Whether the goal holds; `None` if it was not measured.
    pub holds: Option<bool>,
}

impl Verdict {
    /// The verdict in a few words.
    pub const fn as_str(&self) -> &'static str {
        match self.holds {
            Some(true) => "holds",
            Some(false) => "**MISSED**",
            None => "not measured",
        }
    }
}

/// A verdict on every goal of an engine.
pub fn verdicts(results: &EngineResults, growth: Option<&Growth>) -> Vec<Verdict> {
    let mut all = limit_verdicts(results);
    all.extend(load_verdicts(results));
    for workload in [W1, W2, W3] {
        let factor = growth.and_then(|growth| growth.factor(workload));
        let goal = format!("growth of the cost of {}, {}", workload.title(), Growth::SPAN);
        all.push(below(&goal, 1.5, "times", factor));
    }
    all.extend(summary_verdicts(results));
    for (workload, parse, durable) in PEERS {
        let (rate, title) = (results.rate(workload), workload.title());
        all.push(times(format!("{title} against Parse Server"), 10.0, rate, parse));
        all.push(times(
            format!("{title} against the best durable peer"),
            5.0,
            rate,
            durable,
        ));
    }
    all
}

/// The verdicts on W1 to W4 as shares of the limits of the machine.
fn limit_verdicts(results: &EngineResults) -> Vec<Verdict> {
    let ratios: [(Workload, &[Limit], f64); 3] = match results.engine {
        Engine::Sqlite => [
            (W1, &[Limit::RawInsert], 0.8),
            (W2, &[Limit::Bare], 0.5),
            (W3, &[Limit::RawSelect, Limit::RawSelectTwice], 0.4),
        ],
        Engine::Postgres => [
            (W1, &[Limit::PgInsert], 0.5),
            (W2, &[Limit::PgPlan], 0.6),
            (W3, &[Limit::PgSelect], 0.5),
        ],
    };
    let mut all = Vec::new();
    for (workload, limits, wanted) in ratios {
        let title = limits.first().map_or("", |limit| limit.title());
        let goal = match limits {
            [_, _, ..] => format!("{} against {title} (or two, if faster)", workload.title()),
            _ => format!("{} against {title}", workload.title()),
        };
        let ratio = results.median_of(|round| round.ratio_to(workload, limits));
        all.push(at_least(goal, wanted, ratio));
    }
    let mix = results.median_of(Round::mix_ratio);
    all.push(at_least(
        "W4 against the mean that W1 to W3 predict".to_owned(),
        0.6,
        mix,
    ));
    all
}

/// The verdicts on latency and memory under heavy load, and on the start.
fn load_verdicts(results: &EngineResults) -> [Verdict; 3] {
    let [p99_bound, memory_bound, start_bound] = match results.engine {
        Engine::Sqlite => [40.0, 64.0, 100.0],
        Engine::Postgres => [150.0, 96.0, 150.0],
    };
    let p99 = results.at(W1, 256).map(|m| m.figures.p99_us as f64 / 1000.0);
    let memory = results.memory_at(256).map(|kib| kib as f64 / 1024.0);
    let start = results.start().map(|s| s * 1000.0);
    [
        below("p99 of W1 at 256 connections", p99_bound, "ms", p99),
        below(
            "memory under load at 256 connections",
            memory_bound,
            "MiB",
            memory,
        ),
        below(
            "start to first response, existing database",
            start_bound,
            "ms",
            start,
        ),
    ]
}

/// The verdicts on W7, the summary that an app requests at every start.
fn summary_verdicts(results: &EngineResults) -> impl Iterator<Item = Verdict> {
    type Get = fn(&SummaryLatencies) -> &Latencies;
    let all: [(&str, f64, Get); 3] = [
        ("first request", 20.0, |summary| &summary.first),
        ("after a change", 20.0, |summary| &summary.changed),
        ("unchanged (304)", 1.0, |summary| &summary.unchanged),
    ];
    all.into_iter().map(|(when, wanted, get)| {
        let latencies = results.summary.as_ref().map(get);
        let median = latencies.map(|latencies| latencies.median().as_secs_f64() * 1000.0);
        below(&format!("W7 summary of five years, {when}"), wanted, "ms", median)
    })
}

fn at_least(goal: String, wanted: f64, ratio: Option<f64>) -> Verdict {
    Verdict {
        goal,
        wanted: format!("≥ {:.0} %", wanted * 100.0),
        measured: ratio.map_or(String::new(), |ratio| format!("{:.1} %", ratio * 100.0)),
        holds: ratio.map(|ratio| ratio >= wanted),
    }
}

fn below(goal: &str, wanted: f64, unit: &str, value: Option<f64>) -> Verdict {
    let digits = if wanted < 10.0 { 2 } else { 1 };
    Verdict {
        goal: goal.to_owned(),
        wanted: format!("< {wanted} {unit}"),
        measured: value.map_or(String::new(), |value| format!("{value:.digits$} {unit}")),
        holds: value.map(|value| value < wanted),
    }
}

fn times(goal: String, wanted: f64, rate: Option<f64>, peer: f64) -> Verdict {
    Verdict {
        goal,
        wanted: format!("≥ {wanted} × {peer}/s"),
        measured: rate.map_or(String::new(), |rate| {
            format!("{:.1} × ({rate:.0}/s)", rate / peer)
        }),
        holds: rate.map(|rate| rate >= wanted * peer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_holds_at_its_bound_or_is_missed_or_unknown() {
        let ratio = |ratio| at_least(String::new(), 0.8, ratio);
        assert_eq!(ratio(Some(0.8)).as_str(), "holds");
        assert_eq!(ratio(Some(0.799)).as_str(), "**MISSED**");
        assert_eq!(ratio(None).as_str(), "not measured");
        assert_eq!(below("", 40.0, "ms", Some(40.0)).holds, Some(false));
        assert_eq!(
            times(String::new(), 5.0, Some(500.0), 100.0).measured,
            "5.0 × (500/s)"
        );
    }

    #[test]
    fn a_goal_that_was_not_measured_has_no_verdict() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let all = verdicts(&EngineResults::new(engine), None);
            assert_eq!(all.len(), 21);
            assert!(all.iter().all(|verdict| verdict.holds.is_none()));
        }
    }
}
