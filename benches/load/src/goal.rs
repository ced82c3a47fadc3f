//! The goals, and which of them hold.

use crate::{
    findings::Findings,
    growth::Growth,
    limit::Limit,
    population::Engine,
    workload::Workload::{self, W1, W2, W3, W4},
    years::{Taken, Years},
};

/// Requests a second of others at 32 connections, each on a machine like the one that the goals were set on: Parse
/// Server on PostgreSQL, and the best whose writes are durable (Express with better-sqlite3).
const PEERS: [(Workload, f64, f64); 4] = [
    (W1, 1082.0, 1536.0),
    (W2, 1023.0, 4723.0),
    (W3, 700.0, 2551.0),
    (W4, 771.0, 2177.0),
];

/// A goal with what was found.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    /// What it is about.
    pub about: String,
    /// What is wanted.
    pub wanted: String,
    /// What was found.
    pub found: String,
    /// Whether it holds; unknown if it was not measured.
    pub holds: Option<bool>,
}

impl Verdict {
    /// In one word.
    pub const fn as_str(&self) -> &'static str {
        match self.holds {
            Some(true) => "holds",
            Some(false) => "**MISSED**",
            None => "not measured",
        }
    }
}

/// Every goal for an engine.
pub fn verdicts(found: &Findings, growth: Option<&Growth>) -> Vec<Verdict> {
    let sqlite = found.engine == Engine::Sqlite;
    let of = |sqlite_value, postgres_value| if sqlite { sqlite_value } else { postgres_value };
    let mut all = Vec::new();
    let parts: [(Workload, &[Limit], f64); 3] = if sqlite {
        [
            (W1, &[Limit::RawInsert], 0.8),
            (W2, &[Limit::Bare], 0.5),
            (W3, &[Limit::RawSelect, Limit::RawSelectTwice], 0.4),
        ]
    } else {
        [
            (W1, &[Limit::PgInsert], 0.5),
            (W2, &[Limit::PgPlan], 0.6),
            (W3, &[Limit::PgSelect], 0.5),
        ]
    };
    for (workload, ways, wanted) in parts {
        let title = ways.first().map_or("", |way| way.title());
        let about = match ways {
            [_, _, ..] => format!("{} against {title} (or two, if faster)", workload.title()),
            _ => format!("{} against {title}", workload.title()),
        };
        let part = found.median_of(|round| round.part_of(workload, ways));
        all.push(at_least(about, wanted, part));
    }
    let mixed = found.median_of(super::findings::Round::mixed);
    all.push(at_least(
        "W4 against the mean that W1 to W3 predict".to_owned(),
        0.6,
        mixed,
    ));
    let p99 = found.at(W1, 256).map(|m| m.seen.p99_us as f64 / 1000.0);
    all.push(below("p99 of W1 at 256 connections", of(40.0, 150.0), "ms", p99));
    let memory = found.memory_at(256).map(|kib| kib as f64 / 1024.0);
    all.push(below(
        "memory under load at 256 connections",
        of(64.0, 96.0),
        "MiB",
        memory,
    ));
    let start = found.start().map(|s| s * 1000.0);
    all.push(below(
        "start to first answer, existing database",
        of(100.0, 150.0),
        "ms",
        start,
    ));
    for workload in [W1, W2, W3] {
        let factor = growth.and_then(|growth| growth.factor(workload));
        let about = format!("growth of the cost of {}, {}", workload.title(), Growth::SPAN);
        all.push(below(&about, 1.5, "times", factor));
    }
    all.extend(summaries(found));
    for (workload, parse, durable) in PEERS {
        let rate = found.rate(workload);
        all.push(times(
            format!("{} against Parse Server", workload.title()),
            10.0,
            rate,
            parse,
        ));
        let about = format!("{} against the best durable peer", workload.title());
        all.push(times(about, 5.0, rate, durable));
    }
    all
}

/// The summary that a phone asks for at every start.
fn summaries(found: &Findings) -> impl Iterator<Item = Verdict> {
    type Take = fn(&Years) -> &Taken;
    let all: [(&str, f64, Take); 3] = [
        ("asked for the first time", 20.0, |years| &years.first),
        ("after a change", 20.0, |years| &years.changed),
        ("unchanged (304)", 1.0, |years| &years.unchanged),
    ];
    all.into_iter().map(|(when, wanted, take)| {
        let taken = found.years.as_ref().map(take);
        let median = taken.map(|taken| taken.median().as_secs_f64() * 1000.0);
        below(&format!("W7 summary of five years, {when}"), wanted, "ms", median)
    })
}

fn at_least(about: String, wanted: f64, part: Option<f64>) -> Verdict {
    Verdict {
        about,
        wanted: format!("≥ {:.0} %", wanted * 100.0),
        found: part.map_or(String::new(), |part| format!("{:.1} %", part * 100.0)),
        holds: part.map(|part| part >= wanted),
    }
}

fn below(about: &str, wanted: f64, unit: &str, value: Option<f64>) -> Verdict {
    let digits = if wanted < 10.0 { 2 } else { 1 };
    Verdict {
        about: about.to_owned(),
        wanted: format!("< {wanted} {unit}"),
        found: value.map_or(String::new(), |value| format!("{value:.digits$} {unit}")),
        holds: value.map(|value| value < wanted),
    }
}

fn times(about: String, wanted: f64, rate: Option<f64>, peer: f64) -> Verdict {
    Verdict {
        about,
        wanted: format!("≥ {wanted} × {peer}/s"),
        found: rate.map_or(String::new(), |rate| {
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
        let part = |part| at_least(String::new(), 0.8, part);
        assert_eq!(part(Some(0.8)).as_str(), "holds");
        assert_eq!(part(Some(0.799)).as_str(), "**MISSED**");
        assert_eq!(part(None).as_str(), "not measured");
        assert_eq!(below("", 40.0, "ms", Some(40.0)).holds, Some(false));
        assert_eq!(
            times(String::new(), 5.0, Some(500.0), 100.0).found,
            "5.0 × (500/s)"
        );
    }

    #[test]
    fn what_was_not_run_has_no_verdict() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let all = verdicts(&Findings::new(engine), None);
            assert_eq!(all.len(), 21);
            assert!(all.iter().all(|verdict| verdict.holds.is_none()));
        }
    }
}
