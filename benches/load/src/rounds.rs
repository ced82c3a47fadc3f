//! A whole run: Mainstay and its limits in turns, then Mainstay at other numbers of connections, its starts and its
//! memory.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    limit::{Limit, Limits},
    memory,
    population::{Person, SeedLocation, active},
    postgres::Postgres,
    process::{family_cpu, machine_cpu},
    report,
    results::{EngineResults, Round},
    seed,
    server::Server,
    setting::{COMPARED_AT, WholeRun},
    summary,
    target::LoadTarget,
    workload::Workload,
};

/// The number of starts that are timed.
const STARTS: u32 = 5;

/// Measures everything that the options name, and prints which goals hold.
pub fn run(run: &WholeRun) -> Outcome {
    let _lock = run.setting.lock()?;
    let mut all = Vec::new();
    for engine in &run.setting.engine {
        let location = run.setting.location(*engine, run.size)?;
        let people = seed::ensure(&location)?;
        let watch = CpuWatch::start(&location)?;
        let mut results = measure_engine(run, &location, &people)?;
        results.other_programs = watch.other_programs()?;
        all.push(results);
    }
    let report = report::whole(run, &all);
    println!("\n{report}");
    let file = run.setting.data.join("report.md");
    fs::write(&file, report)?;
    println!("This is also in {}.", file.display());
    Ok(())
}

/// Measures the processor time of other programs on the machine, which distorts the figures.
struct CpuWatch {
    since: Instant,
    machine: Duration,
    own: Duration,
    postmaster: Option<u32>,
}

impl CpuWatch {
    fn start(location: &SeedLocation) -> Outcome<Self> {
        let postmaster = location.postgres.as_ref().map(Postgres::process).transpose()?;
        Ok(Self {
            since: Instant::now(),
            machine: machine_cpu()?,
            own: Self::own(postmaster)?,
            postmaster,
        })
    }

    fn own(postmaster: Option<u32>) -> Outcome<Duration> {
        let servers = postmaster.map_or(Ok(Duration::ZERO), family_cpu)?;
        Ok(servers + family_cpu(std::process::id())?)
    }

    /// The share of the processors that other programs used since the start.
    fn other_programs(&self) -> Outcome<f64> {
        let machine = machine_cpu()?.saturating_sub(self.machine);
        let own = Self::own(self.postmaster)?.saturating_sub(self.own);
        let cores = std::thread::available_parallelism()?.get() as f64;
        let available = self.since.elapsed().as_secs_f64() * cores;
        Ok(machine.saturating_sub(own).as_secs_f64() / available)
    }
}

fn measure_engine(run: &WholeRun, location: &SeedLocation, people: &[Person]) -> Outcome<EngineResults> {
    let active = active(people, run.setting.active);
    let binary = run.setting.binary()?;
    let mut results = EngineResults::new(location.engine);
    let mut limits = if run.alone {
        None
    } else {
        Some(Limits::prepare(location, &active)?)
    };
    let mut target = LoadTarget::start(&binary, location, &active)?;
    target.warm_up()?;
    let compared: Vec<Workload> = run.workloads_where(|workload| Workload::MIXED.contains(&workload));
    if run.connections.contains(&COMPARED_AT) && !compared.is_empty() {
        for n in 1..=run.pairs {
            println!("Round {n} of {}", run.pairs);
            results
                .rounds
                .push(round(run, &compared, &mut target, limits.as_mut())?);
        }
    }
    // The servers of the limits would take memory from the next measurements.
    drop(limits);
    for connections in &run.connections {
        let remaining =
            run.workloads_where(|workload| *connections != COMPARED_AT || !compared.contains(&workload));
        for workload in remaining {
            let measurement = target.run_workload(workload, run.setting.load_level(*connections))?;
            println!("{}", report::line(workload, *connections, &measurement));
            results.others.push((workload, *connections, measurement));
        }
    }
    target.server.stop()?;
    if !run.alone && !run.brief {
        for _ in 0..STARTS {
            let server = Server::mainstay(&binary, location)?;
            results.starts.push(server.started_in);
            server.stop()?;
        }
        memory::measure(&binary, location, people, &mut results)?;
        results.summary = Some(summary::measure(&binary, location, people)?);
    }
    Ok(results)
}

/// Measures each limit once, and Mainstay straight after it.
fn round(
    run: &WholeRun,
    workloads: &[Workload],
    target: &mut LoadTarget,
    mut limits: Option<&mut Limits>,
) -> Outcome<Round> {
    let load_level = run.setting.load_level(COMPARED_AT);
    let mut round = Round::default();
    for workload in workloads {
        if let Some(limits) = &mut limits {
            for limit in Limit::of(target.location().engine, *workload) {
                let rate = limits.measure(*limit, target, load_level)?;
                println!("{:<44} {rate:>9.0}/s", limit.title());
                round.limits.insert(*limit, rate);
            }
        }
        let measurement = target.run_workload(*workload, load_level)?;
        println!("{}", report::line(*workload, COMPARED_AT, &measurement));
        round.mainstay.insert(*workload, measurement);
    }
    Ok(round)
}
