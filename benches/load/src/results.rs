//! The results of a run on one engine, with the medians and ratios that the goals and the report need.

use std::{collections::BTreeMap, time::Duration};

use crate::{limit::Limit, population::Engine, target::Measurement, workload::Workload};

/// One round, in which Mainstay and each limit took a turn.
#[derive(Debug, Default)]
pub struct Round {
    /// The measurements of Mainstay.
    pub mainstay: BTreeMap<Workload, Measurement>,
    /// The rates of the limits, each second.
    pub limits: BTreeMap<Limit, f64>,
}

impl Round {
    fn rate(&self, workload: Workload) -> Option<f64> {
        Some(self.mainstay.get(&workload)?.figures.rate())
    }

    /// The rate of Mainstay divided by that of a limit. Of several limits, the fastest counts.
    pub fn ratio_to(&self, workload: Workload, limits: &[Limit]) -> Option<f64> {
        let rates = limits.iter().filter_map(|limit| self.limits.get(limit)).copied();
        Some(self.rate(workload)? / rates.reduce(f64::max)?)
    }

    /// The rate of the mix (W4) divided by the rate that W1 to W3 predict for it.
    pub fn mix_ratio(&self) -> Option<f64> {
        let cost = 0.30 / self.rate(Workload::W1)?
            + 0.35 / self.rate(Workload::W2)?
            + 0.35 / self.rate(Workload::W3)?;
        Some(self.rate(Workload::W4)? * cost)
    }
}

/// Memory that a number of connections or people share.
#[derive(Debug, Clone, Copy)]
pub struct MemoryShare {
    /// The memory of all of them, in KiB.
    pub kib: f64,
    /// How many there are.
    pub count: u64,
}

/// Everything that a run measured on one engine.
pub struct EngineResults {
    /// The engine.
    pub engine: Engine,
    /// The rounds at 32 connections.
    pub rounds: Vec<Round>,
    /// Mainstay at other numbers of connections, and the workloads that have no limit.
    pub others: Vec<(Workload, u32, Measurement)>,
    /// The times from a start of the server to its first successful response.
    pub starts: Vec<Duration>,
    /// Memory for an idle connection.
    pub idle_connection: Option<MemoryShare>,
    /// Memory for a person who has sent requests.
    pub active_person: Option<MemoryShare>,
    /// The latencies of the summary of five years.
    pub summary: Option<SummaryLatencies>,
    /// The share of the processors that other programs used during the run.
    pub other_programs: f64,
}

impl EngineResults {
    /// Creates empty results.
    pub const fn new(engine: Engine) -> Self {
        Self {
            engine,
            rounds: Vec::new(),
            others: Vec::new(),
            starts: Vec::new(),
            idle_connection: None,
            active_person: None,
            summary: None,
            other_programs: 0.0,
        }
    }

    /// The median of a value over the rounds that have it.
    pub fn median_of(&self, value: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(value).collect())
    }

    /// The median rate of a workload at 32 connections.
    pub fn rate(&self, workload: Workload) -> Option<f64> {
        self.median_of(|round| round.rate(workload))
    }

    /// The measurement of a workload at 32 connections that has the median rate.
    pub fn median_measurement(&self, workload: Workload) -> Option<Measurement> {
        let mut all: Vec<Measurement> = self
            .rounds
            .iter()
            .filter_map(|round| round.mainstay.get(&workload))
            .copied()
            .collect();
        all.sort_by(|a, b| a.figures.rate().total_cmp(&b.figures.rate()));
        all.get(all.len() / 2).copied()
    }

    /// The measurement of a workload at another number of connections.
    pub fn at(&self, workload: Workload, connections: u32) -> Option<&Measurement> {
        let found = self
            .others
            .iter()
            .find(|(w, c, _)| (*w, *c) == (workload, connections));
        found.map(|(_, _, measured)| measured)
    }

    /// The highest memory of any workload at that number of connections, in KiB.
    pub fn memory_at(&self, connections: u32) -> Option<u64> {
        let at = self.others.iter().filter(|(_, c, _)| *c == connections);
        at.map(|(_, _, measured)| measured.memory.now).max()
    }

    /// The median time of a start, in seconds.
    pub fn start(&self) -> Option<f64> {
        median(self.starts.iter().map(Duration::as_secs_f64).collect())
    }
}

/// The latencies of W7, the summary of five years, by the state of client and server.
#[derive(Debug, Clone)]
pub struct SummaryLatencies {
    /// The number of records that the summary is computed from.
    pub records: usize,
    /// Requested for the first time since the server started.
    pub first: Latencies,
    /// Requested after the record changed.
    pub changed: Latencies,
    /// Requested again, without an entity tag.
    pub again: Latencies,
    /// Requested again with the entity tag: 304.
    pub unchanged: Latencies,
}

/// The latencies of repetitions of one request.
#[derive(Debug, Clone)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Creates an empty list.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// The sum.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// The median.
    pub fn median(&self) -> Duration {
        self.sorted().get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        self.sorted().last().copied().unwrap_or_default()
    }

    fn sorted(&self) -> Vec<Duration> {
        let mut all = self.0.clone();
        all.sort_unstable();
        all
    }
}

/// The median: of an even number of values, the mean of the two in the middle.
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
    use crate::{process::Memory, wrk::ClientFigures};

    fn measured(rate: u64) -> Measurement {
        Measurement {
            figures: ClientFigures {
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
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn the_faster_of_two_limits_counts() {
        let round = Round {
            mainstay: [(Workload::W3, measured(50))].into(),
            limits: [(Limit::RawSelect, 100.0), (Limit::RawSelectTwice, 200.0)].into(),
        };
        let limits = [Limit::RawSelect, Limit::RawSelectTwice];
        assert_eq!(round.ratio_to(Workload::W3, &limits), Some(0.25));
        assert_eq!(round.ratio_to(Workload::W1, &limits), None);
    }

    #[test]
    fn a_mix_that_costs_as_much_as_its_parts_has_the_ratio_one() {
        let round = Round {
            mainstay: Workload::MIXED.map(|w| (w, measured(100))).into(),
            limits: BTreeMap::new(),
        };
        assert!((round.mix_ratio().unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_median_latency_is_the_one_in_the_middle() {
        let latencies = Latencies([5, 1, 9].map(Duration::from_millis).to_vec());
        assert_eq!(latencies.median(), Duration::from_millis(5));
        assert_eq!(latencies.longest(), Duration::from_millis(9));
        assert_eq!(latencies.total(), Duration::from_millis(15));
    }
}
