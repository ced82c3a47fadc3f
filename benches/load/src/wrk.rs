//! Runs wrk and parses the figures that its script prints.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde::Deserialize;

use crate::Outcome;

/// The beginning of the line that `workload.lua` prints at the end.
const FIGURES_PREFIX: &str = "FIGURES ";

/// The intensity and duration of a load.
#[derive(Debug, Clone, Copy)]
pub struct LoadLevel {
    /// The number of connections.
    pub connections: u32,
    /// The duration in seconds.
    pub seconds: u32,
    /// The number of threads of wrk.
    pub threads: u32,
}

/// The figures that the clients measured. Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct ClientFigures {
    /// The number of responses.
    pub requests: u64,
    /// The duration of the run.
    pub duration_us: u64,
    /// Responses with a status other than 2xx or 3xx, and connections that failed.
    pub errors: u64,
    /// The median latency.
    pub p50_us: u64,
    /// The latency that 99 % of the responses stay below.
    pub p99_us: u64,
    /// The highest latency.
    pub max_us: u64,
}

impl ClientFigures {
    /// Responses a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 * 1e6 / self.duration_us.max(1) as f64
    }
}

/// Runs wrk on a server. Meanwhile, calls `watch` every tenth of a second.
///
/// # Errors
/// Fails if any request failed.
pub fn run(
    script: &Path,
    arguments: &[&str],
    address: SocketAddr,
    load_level: LoadLevel,
    mut watch: impl FnMut() -> Outcome,
) -> Outcome<ClientFigures> {
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "wrk"])
        .args([
            "--threads",
            &load_level.threads.min(load_level.connections).to_string(),
        ])
        .args(["--connections", &load_level.connections.to_string()])
        .args(["--duration", &format!("{}s", load_level.seconds)])
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
    let figures = parse_figures(&text).map_err(|error| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("wrk printed no figures ({error}): {text}{errors}")
    })?;
    if figures.errors > 0 || figures.requests == 0 {
        return Err(format!(
            "{} of {} requests failed: {text}",
            figures.errors, figures.requests
        )
        .into());
    }
    Ok(figures)
}

fn parse_figures(text: &str) -> Outcome<ClientFigures> {
    let line = text.lines().find_map(|line| line.strip_prefix(FIGURES_PREFIX));
    Ok(serde_json::from_str(line.ok_or("no figures")?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_found_in_the_output_of_wrk() {
        let text = "Running 2s test @ http://127.0.0.1:1\n  Thread Stats   Avg\nRequests/sec: 12\n\
            FIGURES {\"requests\":100,\"duration_us\":2000000,\"errors\":3,\"p50_us\":1,\"p99_us\":2,\"max_us\":3}\n";
        let figures = parse_figures(text).unwrap();
        assert_eq!((figures.requests, figures.errors, figures.max_us), (100, 3, 3));
        assert!((figures.rate() - 50.0).abs() < 1e-9);
        assert!(parse_figures("unable to connect").is_err());
    }
}
