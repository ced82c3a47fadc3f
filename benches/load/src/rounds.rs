//! A run: Mainstay and its limits in turns, then Mainstay at other numbers of connections, its starts, its memory.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    arguments::Run,
    findings::{Findings, Round},
    limit::{Limit, Limits},
    memory,
    population::{Person, Place, active},
    postgres::Postgres,
    process::{family_cpu, machine_cpu},
    report, seed,
    server::Server,
    subject::Subject,
    workload::Workload,
    years,
};

/// The number of connections at which turns are taken.
pub const COMPARED_AT: u32 = 32;
/// How often the server is started to see how long that takes.
const STARTS: u32 = 5;

/// Runs everything that was asked for, and says which goals hold.
pub fn run(run: &Run) -> Outcome {
    let _turn = run.setting.take_turn()?;
    let mut all = Vec::new();
    for engine in &run.setting.engine {
        let place = run.setting.place(*engine, run.size)?;
        let people = seed::ensure(&place)?;
        let watch = Watch::start(&place)?;
        let mut findings = on(run, &place, &people)?;
        findings.foreign = watch.foreign()?;
        all.push(findings);
    }
    let report = report::whole(run, &all);
    println!("\n{report}");
    let file = run.setting.data.join("report.md");
    fs::write(&file, report)?;
    println!("This is also in {}.", file.display());
    Ok(())
}

/// Looks at what else the machine is doing, which makes figures worse than they are.
struct Watch {
    since: Instant,
    machine: Duration,
    ours: Duration,
    postmaster: Option<u32>,
}

impl Watch {
    fn start(place: &Place) -> Outcome<Self> {
        let postmaster = place.postgres.as_ref().map(Postgres::process).transpose()?;
        Ok(Self {
            since: Instant::now(),
            machine: machine_cpu()?,
            ours: Self::ours(postmaster)?,
            postmaster,
        })
    }

    fn ours(postmaster: Option<u32>) -> Outcome<Duration> {
        let servers = postmaster.map_or(Ok(Duration::ZERO), family_cpu)?;
        Ok(servers + family_cpu(std::process::id())?)
    }

    /// The part of the processors that went to others since the start.
    fn foreign(&self) -> Outcome<f64> {
        let machine = machine_cpu()?.saturating_sub(self.machine);
        let ours = Self::ours(self.postmaster)?.saturating_sub(self.ours);
        let cores = std::thread::available_parallelism()?.get() as f64;
        let whole = self.since.elapsed().as_secs_f64() * cores;
        Ok(machine.saturating_sub(ours).as_secs_f64() / whole)
    }
}

fn on(run: &Run, place: &Place, people: &[Person]) -> Outcome<Findings> {
    let active = active(people, run.setting.active);
    let binary = run.setting.binary()?;
    let mut findings = Findings::new(place.engine);
    let mut limits = if run.alone {
        None
    } else {
        Some(Limits::prepare(place, &active)?)
    };
    let mut subject = Subject::start(&binary, place, &active)?;
    subject.warm_up()?;
    let compared: Vec<Workload> = run.chosen(|workload| Workload::MIXED.contains(&workload));
    if run.connections.contains(&COMPARED_AT) && !compared.is_empty() {
        for n in 1..=run.pairs {
            println!("Turn {n} of {}", run.pairs);
            findings
                .rounds
                .push(round(run, &compared, &mut subject, limits.as_mut())?);
        }
    }
    // What serves the limits shall take no memory from the rest.
    drop(limits);
    for connections in &run.connections {
        let rest = run.chosen(|workload| *connections != COMPARED_AT || !compared.contains(&workload));
        for workload in rest {
            let found = subject.press(workload, run.setting.pressure(*connections))?;
            println!("{}", report::line(workload, *connections, &found));
            findings.others.push((workload, *connections, found));
        }
    }
    subject.server.stop()?;
    if !run.alone && !run.brief {
        for _ in 0..STARTS {
            let server = Server::mainstay(&binary, place)?;
            findings.starts.push(server.started_in);
            server.stop()?;
        }
        memory::measure(&binary, place, people, &mut findings)?;
        years::measure(&binary, place, people, &mut findings)?;
    }
    Ok(findings)
}

/// Everything once: each limit, and Mainstay straight after it.
fn round(
    run: &Run,
    workloads: &[Workload],
    subject: &mut Subject,
    mut limits: Option<&mut Limits>,
) -> Outcome<Round> {
    let pressure = run.setting.pressure(COMPARED_AT);
    let mut round = Round::default();
    for workload in workloads {
        if let Some(limits) = &mut limits {
            for limit in Limit::of(subject.place().engine, *workload) {
                let rate = limits.measure(*limit, subject, pressure)?;
                println!("{:<44} {rate:>9.0}/s", limit.title());
                round.limits.insert(*limit, rate);
            }
        }
        let found = subject.press(*workload, pressure)?;
        println!("{}", report::line(*workload, COMPARED_AT, &found));
        round.ours.insert(*workload, found);
    }
    Ok(round)
}
