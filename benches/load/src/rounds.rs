//! A run: Mainstay and its limits in turns, then Mainstay at other numbers of connections.

use crate::{
    Outcome,
    arguments::Run,
    limit::{Limit, Limits},
    population::{Place, active},
    report, seed,
    subject::Subject,
};

/// The number of connections at which turns are taken.
const COMPARED_AT: u32 = 32;

/// Runs everything that was asked for.
pub fn run(run: &Run) -> Outcome {
    for engine in &run.setting.engine {
        let place = run.setting.place(*engine, run.size)?;
        on(run, &place)?;
    }
    Ok(())
}

fn on(run: &Run, place: &Place) -> Outcome {
    let people = seed::ensure(place)?;
    let active = active(&people, run.setting.active);
    let mut limits = if run.alone {
        None
    } else {
        Some(Limits::prepare(place, &active)?)
    };
    let mut subject = Subject::start(&run.setting.binary()?, place, &active)?;
    let pressure = run.setting.pressure(COMPARED_AT);
    for _ in 0..run.pairs {
        for workload in &run.only {
            if let Some(limits) = &mut limits {
                for limit in Limit::of(place.engine, *workload) {
                    let rate = limits.measure(*limit, &mut subject, pressure)?;
                    println!("{:<44} {rate:>9.0}/s", limit.title());
                }
            }
            let found = subject.press(*workload, pressure)?;
            println!("{}", report::line(*workload, COMPARED_AT, &found));
        }
    }
    subject.server.stop()
}
