//! What was found, as tables.

use crate::{subject::Measured, workload::Workload};

/// A line about one measurement.
pub fn line(workload: Workload, connections: u32, found: &Measured) -> String {
    let ms = |us: u64| us as f64 / 1000.0;
    let cpu = |d: std::time::Duration| d.as_secs_f64() * 1000.0;
    let backend = found
        .backend_cpu
        .map_or(String::new(), |b| format!(" + {:.3} backends", cpu(b)));
    format!(
        "{:<26} {connections:>4} connections {:>9.0}/s  p50 {:.2} ms  p99 {:.2} ms  max {:.1} ms  CPU {:.3}{backend} ms  RSS {:.1} MiB",
        workload.title(),
        found.seen.rate(),
        ms(found.seen.p50_us),
        ms(found.seen.p99_us),
        ms(found.seen.max_us),
        cpu(found.cpu),
        found.memory.now as f64 / 1024.0,
    )
}
