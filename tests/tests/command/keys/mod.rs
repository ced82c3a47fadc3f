//! Rotation of keys by the command line, beside running servers.

mod master;
mod signing;
mod stopped;

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::Output,
    time::{Duration, Instant},
};

use mainstay_store::{
    KeyUse, MasterKeys, PoolSize,
    engine::types::DbTimestamp,
    key::{key_store::KeyStore, master_key::hex},
};
use mainstay_tests::{Database, Engine, Fixture, Process};
use uuid::Uuid;

use super::{log, run, text};

/// A database whose key store is on the same engine.
pub struct Keys {
    pub database: Database,
}

impl Fixture for Keys {
    async fn create_on(engine: Engine) -> Self {
        let keys = Self { database: Database::create_with_server_keys(engine) };
        keys.succeeds(&["generate"]);
        keys
    }
}

impl Keys {
    /// Starts a server.
    pub async fn serve(&self) -> Process {
        Process::start(&self.database, None, &[]).await
    }

    /// Runs `mainstay keys`.
    pub fn command(&self, arguments: &[&str]) -> Output {
        run(&self.database, &[&["keys"], arguments].concat(), &[], "")
    }

    /// Runs `mainstay keys`, which succeeds. Gives what it prints.
    #[track_caller]
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs `mainstay keys`, which fails. Gives what it prints.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(!output.status.success(), "{}", text(&output.stdout));
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    }

    pub fn file(&self) -> PathBuf {
        self.database.path().join("master.key")
    }

    pub fn read_file(&self) -> String {
        fs::read_to_string(self.file()).expect("the file of the master key")
    }

    /// The lines of the file of the master key.
    pub fn lines(&self) -> Vec<String> {
        self.read_file().lines().map(str::to_owned).collect()
    }

    pub fn in_use(&self) -> KeyUse {
        KeyUse::inspect(&self.database.locations()).expect("the key store can be read")
    }

    /// Whether every key is under the master key of that line.
    pub fn is_all_under(&self, line: &str) -> bool {
        self.in_use().is_all_under(parse(line).current_id())
    }

    fn open(&self, master: &str) -> KeyStore {
        let size = PoolSize { connections: 6 };
        KeyStore::open(&self.database.locations().keys, size, parse(master)).expect("the key store opens")
    }

    /// Inserts the keys of so many accounts. They need no account.
    pub async fn insert(&self, count: u128) {
        let store = self.open(&self.read_file());
        let turns = match self.database.engine {
            Engine::Sqlite => 500,
            Engine::Postgres => 6,
        };
        let all: Vec<u128> = (1..=count).collect();
        let store = std::sync::Arc::new(store);
        for some in all.chunks(turns) {
            let mut tasks = tokio::task::JoinSet::new();
            for account in some.iter().copied().map(Uuid::from_u128) {
                let store = std::sync::Arc::clone(&store);
                tasks.spawn(async move { store.create(account, DbTimestamp(1)).await.map(drop) });
            }
            while let Some(inserted) = tasks.join_next().await {
                inserted.expect("no panic").expect("it is inserted");
            }
        }
    }

    /// Opens the keys of so many accounts with these master keys. Fails if one does not open.
    pub async fn open_all(&self, master: &str, count: u128) {
        let store = self.open(master);
        for account in (1..=count).map(Uuid::from_u128) {
            store.get(account).await.expect("it opens");
        }
    }
}

pub fn parse(master: &str) -> MasterKeys {
    MasterKeys::parse(master).expect("good keys")
}

/// The id of the master key of a line.
pub fn id(line: &str) -> String {
    hex(parse(line).current_id())
}

/// A line with a new master key.
pub fn new_line() -> String {
    MasterKeys::generate().expect("a key").to_string()
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(30), "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The names of the files in the directory of a database.
pub fn files(database: &Database) -> BTreeSet<String> {
    let entries = fs::read_dir(database.path()).expect("a directory");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// Waits until the log of the server holds a text.
pub async fn until_logged(database: &Database, part: &str) {
    until(part, async || log(database).contains(part)).await;
}
