//! Running wrk, and what it found.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde::Deserialize;

use crate::Outcome;

/// What stands before the line that our script prints at the end.
const MARK: &str = "FIGURES ";

/// How hard to press.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    /// Connections.
    pub connections: u32,
    /// For so long.
    pub seconds: u32,
    /// Threads of wrk.
    pub threads: u32,
}

/// What the clients saw; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Seen {
    /// Answers.
    pub requests: u64,
    /// How long it took.
    pub duration_us: u64,
    /// Answers with another status than 2xx or 3xx, and connections that failed.
    pub errors: u64,
    /// Half of the answers came within this time.
    pub p50_us: u64,
    /// 99 of 100 answers came within this time.
    pub p99_us: u64,
    /// The slowest answer.
    pub max_us: u64,
}

impl Seen {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 * 1e6 / self.duration_us.max(1) as f64
    }
}

/// Presses on a server. While wrk runs, `watch` is called every tenth of a second.
///
/// # Errors
/// If any request was not answered as it should be.
pub fn run(
    script: &Path,
    arguments: &[&str],
    address: SocketAddr,
    pressure: Pressure,
    mut watch: impl FnMut() -> Outcome,
) -> Outcome<Seen> {
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "wrk"])
        .args([
            "--threads",
            &pressure.threads.min(pressure.connections).to_string(),
        ])
        .args(["--connections", &pressure.connections.to_string()])
        .args(["--duration", &format!("{}s", pressure.seconds)])
        .args(["--timeout", "20s", "--script"])
        .arg(script)
        .arg(format!("http://{address}"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    while child.try_wait()?.is_none() {
        watch()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let seen = figures(&text).map_err(|error| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!("wrk said nothing usable ({error}): {text}{complaint}")
    })?;
    if seen.errors > 0 || seen.requests == 0 {
        return Err(format!(
            "{} of {} requests were not answered as they should be: {text}",
            seen.errors, seen.requests
        )
        .into());
    }
    Ok(seen)
}

fn figures(text: &str) -> Outcome<Seen> {
    let line = text.lines().find_map(|line| line.strip_prefix(MARK));
    Ok(serde_json::from_str(line.ok_or("no figures")?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_found_among_what_wrk_prints() {
        let text = "Running 2s test @ http://127.0.0.1:1\n  Thread Stats   Avg\nRequests/sec: 12\n\
            FIGURES {\"requests\":100,\"duration_us\":2000000,\"errors\":3,\"p50_us\":1,\"p99_us\":2,\"max_us\":3}\n";
        let seen = figures(text).unwrap();
        assert_eq!((seen.requests, seen.errors, seen.max_us), (100, 3, 3));
        assert!((seen.rate() - 50.0).abs() < 1e-9);
        assert!(figures("unable to connect").is_err());
    }
}
