//! What was found, in words.

use std::{fmt::Write, fs, time::Duration};

use crate::{
    arguments::Run,
    findings::{Findings, Share},
    goal::{Verdict, verdicts},
    growth::Growth,
    limit::Limit,
    rounds::COMPARED_AT,
    subject::Measured,
    table::Table,
    workload::Workload,
    years::Years,
};

fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

fn cpu_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A line about one measurement, while a run goes on.
pub fn line(workload: Workload, connections: u32, found: &Measured) -> String {
    let backend = found
        .backend_cpu
        .map_or(String::new(), |b| format!(" + {:.3} PostgreSQL", cpu_ms(b)));
    format!(
        "{:<26} {connections:>4} connections {:>9.0}/s  p50 {:.2} ms  p99 {:.2} ms  max {:.1} ms  CPU {:.3}{backend} ms  {:.1} MiB",
        workload.title(),
        found.seen.rate(),
        ms(found.seen.p50_us),
        ms(found.seen.p99_us),
        ms(found.seen.max_us),
        cpu_ms(found.cpu),
        found.memory.now as f64 / 1024.0,
    )
}

/// The whole report of a run.
pub fn whole(run: &Run, all: &[Findings]) -> String {
    let mut text = format!("# Load\n\n{}\n", conditions(run));
    for found in all {
        let engine = found.engine.name();
        let growth = Growth::last(&run.setting.data, found.engine);
        let verdicts = verdicts(found, growth.as_ref());
        let _ = writeln!(text, "\n## {engine}: goals\n\n{}", goals(&verdicts));
        let foreign = found.foreign * 100.0;
        let _ = writeln!(
            text,
            "Other programs took {foreign:.0} % of the processors meanwhile.\n"
        );
        let _ = writeln!(text, "## {engine}: Mainstay\n\n{}", measured(found));
        let _ = writeln!(text, "## {engine}: limits\n\n{}", limits(found));
        text.push_str(&shares(found));
        text.push_str(&years(found));
    }
    text
}

/// On what, and how, the figures came about.
fn conditions(run: &Run) -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |m| m.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{} people, {} check-ins, {} people active; {} s for each measurement, {} turns at {COMPARED_AT} connections; \
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
    let mut table = Table::new(&["goal", "wanted", "found", "verdict"]);
    for verdict in verdicts {
        table.add([
            verdict.about.clone(),
            verdict.wanted.clone(),
            verdict.found.clone(),
            verdict.as_str().to_owned(),
        ]);
    }
    table
}

fn measured(found: &Findings) -> Table {
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
        "most MiB",
    ]);
    let compared = Workload::MIXED
        .iter()
        .filter_map(|workload| Some((*workload, COMPARED_AT, found.typical(*workload)?)));
    let mut rows: Vec<(Workload, u32, Measured)> = compared.chain(found.others.iter().copied()).collect();
    rows.sort_by_key(|(workload, connections, _)| (*workload, *connections));
    for (workload, connections, m) in rows {
        table.add([
            workload.title().to_owned(),
            connections.to_string(),
            format!("{:.0}", m.seen.rate()),
            format!("{:.2}", ms(m.seen.p50_us)),
            format!("{:.2}", ms(m.seen.p99_us)),
            format!("{:.1}", ms(m.seen.max_us)),
            format!("{:.3}", cpu_ms(m.cpu)),
            m.backend_cpu
                .map_or(String::new(), |cpu| format!("{:.3}", cpu_ms(cpu))),
            format!("{:.1}", m.memory.now as f64 / 1024.0),
            format!("{:.1}", m.memory.most as f64 / 1024.0),
        ]);
    }
    table
}

fn limits(found: &Findings) -> Table {
    let mut table = Table::new(&["limit", "a second", "Mainstay's part", "in each turn"]);
    for workload in Workload::MIXED {
        for limit in Limit::of(found.engine, workload) {
            let Some(rate) = found.median_of(|round| round.limits.get(limit).copied()) else {
                continue;
            };
            let part = |round: &_| crate::findings::Round::part_of(round, workload, &[*limit]);
            let percent = |part: f64| format!("{:.0}", part * 100.0);
            let each: Vec<String> = found.rounds.iter().filter_map(part).map(percent).collect();
            table.add([
                format!("{} ({})", limit.title(), workload.name().to_uppercase()),
                format!("{rate:.0}"),
                found
                    .median_of(part)
                    .map_or(String::new(), |part| format!("{:.1} %", part * 100.0)),
                each.join(", "),
            ]);
        }
    }
    table
}

/// How long the summary of a long record took.
pub fn years(found: &Findings) -> String {
    let Some(Years {
        records,
        first,
        changed,
        again,
        unchanged,
    }) = &found.years
    else {
        return String::new();
    };
    let engine = found.engine.name();
    let mut table = Table::new(&["W7 summary of five years", "median ms", "longest ms"]);
    for (when, taken) in [
        ("asked for the first time since the start", first),
        ("after a change", changed),
        ("again, without the answer at hand", again),
        ("again, unchanged (304)", unchanged),
    ] {
        let ms = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1000.0);
        table.add([when.to_owned(), ms(taken.median()), ms(taken.longest())]);
    }
    format!("\n## {engine}: the summary of {records} records, one client\n\n{table}")
}

fn shares(found: &Findings) -> String {
    let mut text = String::new();
    let shares = [
        ("idle connection", found.idle_connection),
        ("active person", found.active_person),
    ];
    for (what, share) in shares {
        if let Some(Share { kib, of }) = share {
            let each = kib / of as f64;
            let _ = writeln!(text, "Memory for each {what}: {each:.1} KiB (of {of}).\n");
        }
    }
    text
}
