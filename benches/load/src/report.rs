//! The report of a run: its conditions, the verdicts and all figures, in Markdown.

use std::{fmt::Write, fs, time::Duration};

use crate::{
    goal::{Verdict, verdicts},
    growth::Growth,
    limit::Limit,
    population::Engine,
    results::{EngineResults, MemoryShare, Round, SummaryLatencies},
    setting::{COMPARED_AT, WholeRun},
    table::Table,
    target::Measurement,
    workload::Workload,
};

fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

fn cpu_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The line that is printed after each measurement of a run.
pub fn line(workload: Workload, connections: u32, measurement: &Measurement) -> String {
    let backend = measurement
        .backend_cpu
        .map_or(String::new(), |b| format!(" + {:.3} PostgreSQL", cpu_ms(b)));
    format!(
        "{:<26} {connections:>4} connections {:>9.0}/s  p50 {:.2} ms  p99 {:.2} ms  max {:.1} ms  CPU {:.3}{backend} ms  {:.1} MiB",
        workload.title(),
        measurement.figures.rate(),
        ms(measurement.figures.p50_us),
        ms(measurement.figures.p99_us),
        ms(measurement.figures.max_us),
        cpu_ms(measurement.cpu),
        measurement.memory.now as f64 / 1024.0,
    )
}

/// The whole report of a run.
pub fn whole(run: &WholeRun, all: &[EngineResults]) -> String {
    let mut text = format!("# Load\n\n{}\n", conditions(run));
    for results in all {
        let engine = results.engine.name();
        let growth = Growth::last(&run.setting.data, results.engine);
        let verdicts = verdicts(results, growth.as_ref());
        let _ = writeln!(text, "\n## {engine}: goals\n\n{}", goals(&verdicts));
        let other = results.other_programs * 100.0;
        let _ = writeln!(
            text,
            "Other programs used {other:.0} % of the processors during the run.\n"
        );
        let _ = writeln!(text, "## {engine}: Mainstay\n\n{}", mainstay(results));
        let _ = writeln!(text, "## {engine}: limits\n\n{}", limits(results));
        text.push_str(&memory_shares(results));
        if let Some(latencies) = &results.summary {
            text.push_str(&summary(results.engine, latencies));
        }
    }
    text
}

/// The machine and the options of a run.
fn conditions(run: &WholeRun) -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |m| m.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{} people, {} check-ins, {} people active; {} s for each measurement, {} rounds at {COMPARED_AT} connections; \
         {} thread(s) of wrk and pgbench on the same {cores} cores ({model}), Linux {}; load average before: {}.",
        run.size.people,
        run.size.check_ins,
        run.setting.active,
        run.setting.seconds,
        run.pairs,
        run.setting.threads,
        read("/proc/sys/kernel/osrelease").trim(),
        run.load_before,
    )
}

fn goals(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(&["goal", "wanted", "measured", "verdict"]);
    for verdict in verdicts {
        table.add([
            verdict.goal.clone(),
            verdict.wanted.clone(),
            verdict.measured.clone(),
            verdict.as_str().to_owned(),
        ]);
    }
    table
}

fn mainstay(results: &EngineResults) -> Table {
    let mut table = Table::new(&[
        "workload",
        "connections",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "CPU ms/request",
        "PostgreSQL CPU ms/request",
        "memory MiB",
        "peak MiB",
    ]);
    let compared = Workload::MIXED
        .iter()
        .filter_map(|workload| Some((*workload, COMPARED_AT, results.median_measurement(*workload)?)));
    let mut rows: Vec<(Workload, u32, Measurement)> =
        compared.chain(results.others.iter().copied()).collect();
    rows.sort_by_key(|(workload, connections, _)| (*workload, *connections));
    for (workload, connections, m) in rows {
        table.add([
            workload.title().to_owned(),
            connections.to_string(),
            format!("{:.0}", m.figures.rate()),
            format!("{:.2}", ms(m.figures.p50_us)),
            format!("{:.2}", ms(m.figures.p99_us)),
            format!("{:.1}", ms(m.figures.max_us)),
            format!("{:.3}", cpu_ms(m.cpu)),
            m.backend_cpu
                .map_or(String::new(), |cpu| format!("{:.3}", cpu_ms(cpu))),
            format!("{:.1}", m.memory.now as f64 / 1024.0),
            format!("{:.1}", m.memory.peak as f64 / 1024.0),
        ]);
    }
    table
}

fn limits(results: &EngineResults) -> Table {
    let mut table = Table::new(&["limit", "a second", "Mainstay's share", "in each round"]);
    for workload in Workload::MIXED {
        for limit in Limit::of(results.engine, workload) {
            let Some(rate) = results.median_of(|round| round.limits.get(limit).copied()) else {
                continue;
            };
            let ratio = |round: &Round| round.ratio_to(workload, &[*limit]);
            let percent = |ratio: f64| format!("{:.0}", ratio * 100.0);
            let each: Vec<String> = results.rounds.iter().filter_map(ratio).map(percent).collect();
            table.add([
                format!("{} ({})", limit.title(), workload.name().to_uppercase()),
                format!("{rate:.0}"),
                results
                    .median_of(ratio)
                    .map_or(String::new(), |ratio| format!("{:.1} %", ratio * 100.0)),
                each.join(", "),
            ]);
        }
    }
    table
}

/// The section on the latencies of W7.
pub fn summary(engine: Engine, summary: &SummaryLatencies) -> String {
    let mut table = Table::new(&["W7 summary of five years", "median ms", "longest ms"]);
    for (when, latencies) in [
        ("first request since the start", &summary.first),
        ("after a change", &summary.changed),
        ("again, without an entity tag", &summary.again),
        ("again, unchanged (304)", &summary.unchanged),
    ] {
        let ms = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1000.0);
        table.add([when.to_owned(), ms(latencies.median()), ms(latencies.longest())]);
    }
    let (engine, records) = (engine.name(), summary.records);
    format!("\n## {engine}: the summary of {records} records, one client\n\n{table}")
}

fn memory_shares(results: &EngineResults) -> String {
    let mut text = String::new();
    let shares = [
        ("idle connection", results.idle_connection),
        ("active person", results.active_person),
    ];
    for (name, share) in shares {
        if let Some(MemoryShare { kib, count }) = share {
            let each = kib / count as f64;
            let _ = writeln!(text, "Memory for each {name}: {each:.1} KiB (of {count}).\n");
        }
    }
    text
}
