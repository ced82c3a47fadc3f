//! Processor time and memory of processes, from `/proc` on Linux.

use std::{fs, time::Duration};

use crate::Outcome;

/// The ticks a second in which `/proc/PID/stat` counts: 100 on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// The processor time of all threads of a process, in user and kernel mode.
pub fn cpu(pid: u32) -> Outcome<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    Ok(stat(&text).ok_or("/proc/PID/stat has another form")?.cpu)
}

/// The processor time of the running children of a process.
pub fn children_cpu(parent: u32) -> Outcome<Duration> {
    let mut sum = Duration::ZERO;
    for entry in fs::read_dir("/proc")? {
        // A process may end while the list is read.
        let Ok(text) = fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        if let Some(found) = stat(&text).filter(|found| found.parent == parent) {
            sum += found.cpu;
        }
    }
    Ok(sum)
}

/// The processor time of a process and its children, both ended and running.
pub fn family_cpu(pid: u32) -> Outcome<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let own = stat(&text).ok_or("/proc/PID/stat has another form")?;
    Ok(own.cpu + own.ended_children + children_cpu(pid)?)
}

/// The processor time of everything on the machine, including the time that its host took from it.
pub fn machine_cpu() -> Outcome<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    Ok(busy(&text).ok_or("/proc/stat has another form")?)
}

/// The first line of `/proc/stat` without the time for idling and for waiting for disks.
fn busy(text: &str) -> Option<Duration> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<f64> = line.split_whitespace().map_while(|t| t.parse().ok()).collect();
    let mut sum = 0.0;
    for counted in [0, 1, 2, 5, 6, 7] {
        sum += ticks.get(counted)?;
    }
    Some(Duration::from_secs_f64(sum / TICKS_PER_S))
}

struct Stat {
    parent: u32,
    cpu: Duration,
    /// The processor time of children that ended and were waited for.
    ended_children: Duration,
}

/// Parses a line of `/proc/PID/stat`. The program name is in parentheses and may contain any character.
fn stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<u32>().ok();
    let both = |n: usize| {
        let sum = f64::from(ticks(n)?) + f64::from(ticks(n + 1)?);
        Some(Duration::from_secs_f64(sum / TICKS_PER_S))
    };
    Some(Stat {
        parent: ticks(1)?,
        cpu: both(11)?,
        ended_children: both(13)?,
    })
}

/// The memory of a process, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// The memory in RAM now (`VmRSS`).
    pub now: u64,
    /// The highest so far (`VmHWM`).
    pub peak: u64,
}

/// Reads the memory of a process.
pub fn memory(pid: u32) -> Outcome<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(status(&text).ok_or("/proc/PID/status has another form")?)
}

fn status(text: &str) -> Option<Memory> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some(Memory {
        now: value("VmRSS:")?,
        peak: value("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let line = "4711 (a) b) S 4242 4711 1 0 -1 4194304 21 0 0 0 150 50 10 20 20 0 9 0 1 2 3";
        let found = stat(line).unwrap();
        assert_eq!((found.parent, found.cpu), (4242, Duration::from_secs(2)));
        assert_eq!(found.ended_children, Duration::from_millis(300));
        assert!(stat("nonsense").is_none());
    }

    #[test]
    fn memory_is_read_from_the_lines_of_the_status() {
        let text = "Name:\tmainstay\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        let expected = Memory {
            now: 10_240,
            peak: 20_480,
        };
        assert_eq!(status(text), Some(expected));
        assert_eq!(status("Name:\tkernel thread\n"), None);
    }

    #[test]
    fn idling_and_waiting_are_not_busy() {
        let text = "cpu  100 10 50 9999 8888 5 15 20 77 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy(text), Some(Duration::from_secs(2)));
        assert_eq!(busy("cpu0 1\n"), None);
    }

    #[test]
    fn this_process_has_memory_and_a_clock() {
        assert!(memory(std::process::id()).unwrap().now > 0);
        assert!(cpu(std::process::id()).is_ok());
        assert!(family_cpu(std::process::id()).is_ok());
        assert!(machine_cpu().unwrap() > Duration::ZERO);
    }
}
