//! Servers under load: the real binary, and the bare one. Each is ended by its own process id, also if this process
//! dies.

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
    population::{Copy, Place},
};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server's binary, built beside this one.
pub fn binary() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let beside = own.with_file_name("mainstay");
    if beside.exists() {
        Ok(beside)
    } else {
        Err(format!("{} is not built", beside.display()).into())
    }
}

/// A server that runs.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// How long it took from its start to its first good answer.
    pub started_in: Duration,
}

impl Server {
    /// Starts Mainstay on the copy that is served, with the settings that it has by itself but for rate limits.
    pub fn mainstay(binary: &Path, place: &Place) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = tied(binary);
        command
            .args(["serve"])
            .env("MAINSTAY_DATABASE_URL", place.copy_url(Copy::Served))
            .env("MAINSTAY_DATA_DIR", &place.directory)
            .env("MAINSTAY_LISTEN", address.to_string())
            .env("MAINSTAY_RATE_LIMITS", "off")
            // As the container image and the unit of docs/operations.md start it.
            .env("MIMALLOC_PURGE_DELAY", "10");
        Self::start(command, address, &place.file("server.log"))
    }

    /// Starts this binary as the bare server.
    pub fn bare(answers: &Path, place: &Place) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = tied(&std::env::current_exe()?);
        command
            .arg("bare")
            .arg(answers)
            .arg(place.file("signing.pem"))
            .arg(address.to_string());
        Self::start(command, address, &place.file("bare.log"))
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
            if started.elapsed() > PATIENCE {
                return Err(format!("the server does not become ready: see {}", log.display()).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.started_in = started.elapsed();
        Ok(server)
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and waits until it has.
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

/// A command with nothing of our environment, that is killed if we are.
fn tied(program: &Path) -> Command {
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
    let answer = Connection::open(address).and_then(|mut c| c.send("GET", "/health/ready", "", None));
    answer.is_ok_and(|answer| answer.status == 200)
}
