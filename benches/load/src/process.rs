//! What Linux says of a process, in `/proc`.

use std::{fs, time::Duration};

use crate::Outcome;

/// Ticks of the clock that `/proc/PID/stat` counts in: 100 a second on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// The processor time that a process has used, all threads, in user and kernel mode.
pub fn cpu(pid: u32) -> Outcome<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    Ok(stat(&text).ok_or("/proc/PID/stat has another form")?.cpu)
}

/// The processor time of the children of a process that are alive.
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

/// The processor time of a process, of its children that it has seen end, and of those that are alive.
pub fn family_cpu(pid: u32) -> Outcome<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let own = stat(&text).ok_or("/proc/PID/stat has another form")?;
    Ok(own.cpu + own.ended + children_cpu(pid)?)
}

/// The processor time that everything on the machine has used, and what the machine was denied by its host.
pub fn machine_cpu() -> Outcome<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    Ok(busy(&text).ok_or("/proc/stat has another form")?)
}

/// All but idling and waiting for disks, in the first line of `/proc/stat`.
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
    /// Of children that ended and were waited for.
    ended: Duration,
}

/// Reads a line of `/proc/PID/stat`. The name of the program stands in brackets and may hold anything.
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
        ended: both(13)?,
    })
}

/// The memory of a process, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// In RAM now (`VmRSS`).
    pub now: u64,
    /// The most so far (`VmHWM`).
    pub most: u64,
}

/// The memory of a process.
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
        most: value("VmHWM:")?,
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
        assert_eq!(found.ended, Duration::from_millis(300));
        assert!(stat("nonsense").is_none());
    }

    #[test]
    fn memory_is_read_from_its_lines() {
        let text = "Name:\tmainstay\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        let expected = Memory {
            now: 10_240,
            most: 20_480,
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
