//! The server binary in a process of its own, which a test can kill.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{client::Client, database::Database};

/// The path of the server binary, which is built beside the tests.
pub fn binary() -> PathBuf {
    let here = std::env::current_exe().expect("the test has a path");
    let beside = here.parent().and_then(Path::parent).expect("a target directory").join("mainstay");
    assert!(beside.exists(), "{} is not built: run `cargo build --workspace` first", beside.display());
    beside
}

/// A command for the binary with settings for a database and an otherwise empty environment.
pub fn command(database: &Database) -> Command {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("MAINSTAY_DATABASE_URL", &database.url)
        .env("MAINSTAY_DATA_DIR", database.path())
        .env("MAINSTAY_RATE_LIMITS", "off");
    if let Some(url) = &database.key_url {
        command.env("MAINSTAY_KEY_DATABASE_URL", url);
    }
    command
}

/// A running server process. Dropping it kills it.
pub struct Process {
    child: Child,
    /// The URL of the server.
    pub url: String,
}

impl Process {
    /// Starts the binary on a port, or on any free one, and waits until it is ready. Its log is appended to `server.log`
    /// in the directory of the database.
    pub async fn start(database: &Database, port: Option<u16>, settings: &[(&str, &str)]) -> Self {
        Self::run(database, command(database), port, settings).await
    }

    /// Starts the binary on any free port, with one processor for all of its threads, as a small machine has.
    pub async fn start_on_one_processor(database: &Database, settings: &[(&str, &str)]) -> Self {
        let plain = command(database);
        let mut pinned = Command::new("taskset");
        pinned.args(["--cpu-list", &a_processor()]).arg(plain.get_program()).env_clear();
        pinned.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::run(database, pinned, None, settings).await
    }

    async fn run(
        database: &Database,
        mut command: Command,
        port: Option<u16>,
        settings: &[(&str, &str)],
    ) -> Self {
        let port = port.unwrap_or_else(free_port);
        let log_file = database.path().join("server.log");
        // As private as the other files of the directory.
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let log = options.create(true).append(true).open(&log_file).expect("a log");
        let child = command
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

    /// Its id in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// Kills it with SIGKILL, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Stops it with SIGTERM and waits for its end.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("it ends")
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill runs").success());
    }

    async fn wait_until_ready(&mut self, log_file: &Path) {
        let client = Client::new(&self.url);
        let started = Instant::now();
        loop {
            if client.try_send("GET", "/health/ready", &[], None).await.is_some_and(|a| a.status == 200) {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended with {status}; {}", end_of_log(log_file));
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "the server does not become ready; {}",
                end_of_log(log_file)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of a processor that this process may use.
fn a_processor() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list");
    list.trim().split([',', '-']).next().expect("a processor").to_owned()
}

/// The last lines of a log, for the message about a server that did not start.
fn end_of_log(log_file: &Path) -> String {
    let log = std::fs::read_to_string(log_file).unwrap_or_else(|error| error.to_string());
    let lines: Vec<&str> = log.lines().collect();
    let last = &lines[lines.len().saturating_sub(20)..];
    format!("{} ends with:\n{}", log_file.display(), last.join("\n"))
}

/// A port that is free at the time of the call.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}
