//! What a run found on one engine, and what follows from it.

use std::{collections::BTreeMap, time::Duration};

use crate::{limit::Limit, population::Engine, subject::Measured, workload::Workload, years::Years};

/// What was found between two moments at which everything had its turn.
#[derive(Debug, Default)]
pub struct Round {
    /// Mainstay.
    pub ours: BTreeMap<Workload, Measured>,
    /// Rates of the limits.
    pub limits: BTreeMap<Limit, f64>,
}

impl Round {
    fn rate(&self, workload: Workload) -> Option<f64> {
        Some(self.ours.get(&workload)?.seen.rate())
    }

    /// The part of a limit that Mainstay reached; of several ways to do the work, the best counts.
    pub fn part_of(&self, workload: Workload, ways: &[Limit]) -> Option<f64> {
        let best = ways.iter().filter_map(|way| self.limits.get(way)).copied();
        Some(self.rate(workload)? / best.reduce(f64::max)?)
    }

    /// The part that the mix reached of what its parts predict.
    pub fn mixed(&self) -> Option<f64> {
        let cost = 0.30 / self.rate(Workload::W1)?
            + 0.35 / self.rate(Workload::W2)?
            + 0.35 / self.rate(Workload::W3)?;
        Some(self.rate(Workload::W4)? * cost)
    }
}

/// What memory there is for each of many.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Memory, in KiB.
    pub kib: f64,
    /// How many shared it.
    pub of: u64,
}

/// Everything found on an engine.
pub struct Findings {
    /// The engine.
    pub engine: Engine,
    /// Turns at 32 connections.
    pub rounds: Vec<Round>,
    /// Mainstay at other numbers of connections, and workloads without a limit.
    pub others: Vec<(Workload, u32, Measured)>,
    /// From its start to its first good answer, each time.
    pub starts: Vec<Duration>,
    /// Memory for a connection that does nothing.
    pub idle_connection: Option<Share>,
    /// Memory for a person who is active.
    pub active_person: Option<Share>,
    /// The summary of five years.
    pub years: Option<Years>,
    /// The part of the processors that went to programs which are not ours.
    pub foreign: f64,
}

impl Findings {
    /// Nothing yet.
    pub const fn new(engine: Engine) -> Self {
        Self {
            engine,
            rounds: Vec::new(),
            others: Vec::new(),
            starts: Vec::new(),
            idle_connection: None,
            active_person: None,
            years: None,
            foreign: 0.0,
        }
    }

    /// The median over the rounds of something that is found in each.
    pub fn median_of(&self, what: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(what).collect())
    }

    /// The rate of a workload at 32 connections.
    pub fn rate(&self, workload: Workload) -> Option<f64> {
        self.median_of(|round| round.rate(workload))
    }

    /// The run of a workload at 32 connections whose rate is the median.
    pub fn typical(&self, workload: Workload) -> Option<Measured> {
        let mut all: Vec<Measured> = self
            .rounds
            .iter()
            .filter_map(|round| round.ours.get(&workload))
            .copied()
            .collect();
        all.sort_by(|a, b| a.seen.rate().total_cmp(&b.seen.rate()));
        all.get(all.len() / 2).copied()
    }

    /// What was found of a workload at another number of connections.
    pub fn at(&self, workload: Workload, connections: u32) -> Option<&Measured> {
        let found = self
            .others
            .iter()
            .find(|(w, c, _)| (*w, *c) == (workload, connections));
        found.map(|(_, _, measured)| measured)
    }

    /// The most memory at one moment under that many connections, in KiB.
    pub fn memory_at(&self, connections: u32) -> Option<u64> {
        let at = self.others.iter().filter(|(_, c, _)| *c == connections);
        at.map(|(_, _, measured)| measured.memory.now).max()
    }

    /// The median of the starts, in seconds.
    pub fn start(&self) -> Option<f64> {
        median(self.starts.iter().map(Duration::as_secs_f64).collect())
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
pub fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    let upper = *all.get(all.len() / 2)?;
    if all.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(upper, *all.get(all.len() / 2 - 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{process::Memory, wrk::Seen};

    fn measured(rate: u64) -> Measured {
        Measured {
            seen: Seen {
                requests: rate,
                duration_us: 1_000_000,
                errors: 0,
                p50_us: 0,
                p99_us: 0,
                max_us: 0,
            },
            cpu: Duration::ZERO,
            backend_cpu: None,
            memory: Memory::default(),
        }
    }

    #[test]
    fn the_middle_is_found() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn the_better_of_two_ways_counts() {
        let round = Round {
            ours: [(Workload::W3, measured(50))].into(),
            limits: [(Limit::RawSelect, 100.0), (Limit::RawSelectTwice, 200.0)].into(),
        };
        let ways = [Limit::RawSelect, Limit::RawSelectTwice];
        assert_eq!(round.part_of(Workload::W3, &ways), Some(0.25));
        assert_eq!(round.part_of(Workload::W1, &ways), None);
    }

    #[test]
    fn a_mix_that_costs_what_its_parts_cost_is_a_whole() {
        let round = Round {
            ours: Workload::MIXED.map(|w| (w, measured(100))).into(),
            limits: BTreeMap::new(),
        };
        assert!((round.mixed().unwrap() - 1.0).abs() < 1e-9);
    }
}
