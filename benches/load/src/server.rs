//! Starts and stops servers: the real binary, and the bare server. A server is killed if this process dies.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    http::Connection,
    population::{SeedCopy, SeedLocation},
};

/// The time in which a server must become ready.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The path of the server binary, which is built beside this one.
pub fn binary() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let beside = own.with_file_name("mainstay");
    if beside.exists() {
        Ok(beside)
    } else {
        Err(format!("{} is not built", beside.display()).into())
    }
}

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    /// The address on which it listens.
    pub address: SocketAddr,
    /// The time from its start to its first successful response.
    pub started_in: Duration,
}

impl Server {
    /// Starts Mainstay on the served copy of a seed, with default settings but without rate limits.
    pub fn mainstay(binary: &Path, location: &SeedLocation) -> Outcome<Self> {
        Self::mainstay_with(binary, location, &[("MAINSTAY_RATE_LIMITS", "off")], None)
    }

    /// Starts Mainstay on the served copy of a seed with some settings, on some processors if they are given.
    pub fn mainstay_with(
        binary: &Path,
        location: &SeedLocation,
        settings: &[(&str, &str)],
        processors: Option<&str>,
    ) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = match processors {
            None => dependent_command(binary),
            Some(list) => {
                let mut command = dependent_command(Path::new("taskset"));
                command.args(["--cpu-list", list]).arg(binary);
                command
            }
        };
        command
            .args(["serve"])
            .env("MAINSTAY_DATABASE_URL", location.copy_url(SeedCopy::Served))
            .env("MAINSTAY_DATA_DIR", &location.directory)
            .env("MAINSTAY_LISTEN", address.to_string())
            // All clients of the load test are one network.
            .env("MAINSTAY_CONNECTIONS_PER_NETWORK", "100000")
            .envs(settings.iter().copied())
            // The container image and the unit in docs/operations.md set this too.
            .env("MIMALLOC_PURGE_DELAY", "10");
        Self::start(command, address, &location.file("server.log"))
    }

    /// Starts this binary as the bare server.
    pub fn bare(responses: &Path, location: &SeedLocation) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = dependent_command(&std::env::current_exe()?);
        command
            .arg("bare")
            .arg(responses)
            .arg(location.file("signing.pem"))
            .arg(address.to_string());
        Self::start(command, address, &location.file("bare.log"))
    }

    fn start(mut command: Command, address: SocketAddr, log: &Path) -> Outcome<Self> {
        let log_file = File::create(log)?;
        command
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let started = Instant::now();
        let mut server = Self {
            child: command.spawn()?,
            address,
            started_in: Duration::ZERO,
        };
        while !is_ready(address) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended with {status}: see {}", log.display()).into());
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(format!("the server does not become ready: see {}", log.display()).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.started_in = started.elapsed();
        Ok(server)
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Stops it with SIGTERM and waits for its end.
    pub fn stop(mut self) -> Outcome {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command with an empty environment, whose process is killed if this one dies.
fn dependent_command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .env_clear();
    command.env("PATH", "/usr/bin:/bin");
    command
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn is_ready(address: SocketAddr) -> bool {
    let response = Connection::open(address).and_then(|mut c| c.send("GET", "/health/ready", "", None));
    response.is_ok_and(|response| response.status == 200)
}
