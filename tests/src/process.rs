//! The real binary in a process of its own, which a test may kill.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{client::Client, database::Database};

/// The binary that was built beside the tests.
pub fn binary() -> PathBuf {
    let here = std::env::current_exe().expect("the test has a path");
    let beside = here.parent().and_then(Path::parent).expect("a target directory").join("mainstay");
    assert!(beside.exists(), "{} is not built: run `cargo build --workspace` first", beside.display());
    beside
}

/// The binary with settings for a database and nothing else from the environment.
pub fn command(database: &Database) -> Command {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("MAINSTAY_DATABASE_URL", &database.url)
        .env("MAINSTAY_DATA_DIR", database.path())
        .env("MAINSTAY_RATE_LIMITS", "off");
    command
}

/// A serving process. Dropping it kills it.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Process {
    /// Starts the binary on a port, or a free one, and waits until it is ready. What it logs is added to `server.log`
    /// in the database's directory.
    pub async fn start(database: &Database, port: Option<u16>, settings: &[(&str, &str)]) -> Self {
        let port = port.unwrap_or_else(free_port);
        let log_file = database.path().join("server.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&log_file).expect("a log");
        let child = command(database)
            .args(["serve", "--migrate"])
            .env("MAINSTAY_LISTEN", format!("127.0.0.1:{port}"))
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut process = Self { child, url: format!("http://127.0.0.1:{port}") };
        process.wait_until_ready(&log_file).await;
        process
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop, and waits until it has.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        self.child.wait().expect("it ends")
    }

    async fn wait_until_ready(&mut self, log_file: &Path) {
        let client = Client::new(&self.url);
        let started = Instant::now();
        loop {
            if client.try_send("GET", "/health/ready", &[], None).await.is_some_and(|a| a.status == 200) {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended with {status}; {}", last_words(log_file));
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "the server does not become ready; {}",
                last_words(log_file)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a log, for whoever looks into why a server did not start.
fn last_words(log_file: &Path) -> String {
    let log = std::fs::read_to_string(log_file).unwrap_or_else(|error| error.to_string());
    let lines: Vec<&str> = log.lines().collect();
    let last = &lines[lines.len().saturating_sub(20)..];
    format!("{} ends with:\n{}", log_file.display(), last.join("\n"))
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}
