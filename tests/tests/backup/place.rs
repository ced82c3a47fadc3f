//! Installations for tests of backups: the binary with its databases in one place, and commands that run there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use mainstay_tests::{
    Client, Database, Engine, Fixture, PASSWORD, Person, Process, Response, process, samples::upsert,
};
use serde_json::{Value, json};

/// A place for an installation. On PostgreSQL the key store is a database of its own there.
pub struct Place {
    /// The record, with the directory for files.
    pub database: Database,
    _keys: Option<Database>,
    /// The URL of the key store, unless it is a file in the directory.
    keys_url: Option<String>,
}

impl Fixture for Place {
    async fn create_on(engine: Engine) -> Self {
        Self::create(engine)
    }
}

impl Place {
    pub fn create(engine: Engine) -> Self {
        let keys = (engine == Engine::Postgres).then(|| Database::create(engine));
        let keys_url = keys.as_ref().map(|keys| keys.url.clone());
        Self { database: Database::create(engine), _keys: keys, keys_url }
    }

    /// A place whose key store is a file, whatever the engine of the record.
    pub fn with_key_file(engine: Engine) -> Self {
        Self { database: Database::create(engine), _keys: None, keys_url: None }
    }

    /// A place whose record and key store are one database of PostgreSQL.
    pub fn with_keys_in_the_record() -> Self {
        let database = Database::create(Engine::Postgres);
        let keys_url = Some(format!("{}?application_name=keys", database.url));
        Self { database, _keys: None, keys_url }
    }

    /// Another place on the same engine, with the same master key and without databases.
    pub fn elsewhere(&self) -> Self {
        let other = Self::create(self.database.engine);
        fs::copy(self.path("master.key"), other.path("master.key")).expect("the key is copied");
        other
    }

    /// A file in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.database.path().join(name)
    }

    pub fn settings(&self) -> Vec<(&str, &str)> {
        self.keys_url.iter().map(|url| ("MAINSTAY_KEY_DATABASE_URL", url.as_str())).collect()
    }

    /// Serves. A place without a master key gets one first.
    pub async fn serve(&self) -> Process {
        self.run(&["keys", "generate"]).succeeds();
        Process::start(&self.database, None, &self.settings()).await
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process::command(&self.database);
        command.args(arguments).envs(self.settings()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("it ends"))
    }

    /// Takes a backup into a directory of that name. Returns the directory.
    pub fn back_up(&self, name: &str, more: &[&str]) -> String {
        let directory = self.path(name).display().to_string();
        self.run(&[&["backup", "--out", &directory], more].concat()).succeeds();
        directory
    }

    /// Whether anything of the databases is there.
    pub fn is_empty(&self) -> bool {
        if self.database.engine == Engine::Postgres {
            return self.database.sql("select count(*) from pg_tables where schemaname = 'public'").trim()
                == "0";
        }
        let files = fs::read_dir(self.database.path()).expect("a directory");
        // The file of a lock stays.
        let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
        !names.into_iter().any(|name| name.contains(".db") && !name.contains(".lock"))
    }
}

/// What a command did.
pub struct Ran {
    pub text: String,
    code: Option<i32>,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = [output.stdout, output.stderr].concat();
        Self { text: String::from_utf8_lossy(&text).into_owned(), code: output.status.code() }
    }
}

impl Ran {
    #[track_caller]
    pub fn succeeds(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self.text
    }

    /// It was refused with exit code 1 and a message that has all of these texts.
    #[track_caller]
    pub fn refuses(self, texts: &[&str]) {
        assert_eq!(self.code, Some(1), "{}", self.text);
        for text in texts {
            assert!(self.text.contains(text), "no {text} in: {}", self.text);
        }
    }

    pub const fn is_success(&self) -> bool {
        matches!(self.code, Some(0))
    }
}

/// Registers a person with that name.
pub async fn register(url: &str, name: &str) -> Person {
    Person::register(url, json!({ "email": format!("{name}@example.org") })).await
}

pub async fn login(url: &str, name: &str) -> Response {
    let login = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
    Client::new(url).post("/v1/auth/login", &login).await
}

/// The person on another server.
pub async fn signed_in(url: &str, name: &str) -> Client {
    let body = login(url, name).await.expect(200).body;
    Client::new(url).with_token(body["tokens"]["access_token"].as_str().expect("a token"))
}

pub async fn erase(person: &Person) {
    erase_with(person, 204).await;
}

/// Erases a person, with the status that the response has.
pub async fn erase_with(person: &Person, status: u16) {
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    person.send("DELETE", "/v1/me", &[], Some(password)).await.expect(status);
}

/// Stores check-ins with the numbers of a range.
pub async fn store(person: &Person, numbers: std::ops::Range<u128>) {
    let numbers: Vec<u128> = numbers.collect();
    for some in numbers.chunks(100) {
        let change = |n: &u128| {
            let text = format!("note number {n}, {}", "x".repeat(300));
            upsert("check-ins", *n, None, mainstay_tests::samples::check_in(&text))
        };
        let changes: Vec<Value> = some.iter().map(change).collect();
        let response =
            person.post("/v1/sync", &json!({ "cursor": null, "changes": changes, "limit": 1 })).await;
        response.expect(200);
    }
}

/// A copy of a directory.
pub fn copy(from: &str, to: &Path) -> String {
    fs::create_dir(to).expect("a directory");
    for file in fs::read_dir(from).expect("a directory").flatten() {
        fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
    }
    let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(to, only_owner).expect("a mode");
    to.display().to_string()
}
