//! Databases for tests: each test creates one and drops it at its end.

use std::{path::Path, process::Command};

use mainstay_store::{DatabaseUrl, Locations, PoolSize};
use tempfile::TempDir;

/// The engine of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded engine.
    Sqlite,
    /// The database server.
    Postgres,
}

/// A database with its key store and a directory for files. Dropping it removes all of them.
pub struct Database {
    /// The engine.
    pub engine: Engine,
    /// The directory for keys and files.
    pub directory: TempDir,
    /// The URL of the record.
    pub url: String,
    /// The URL of the key store, if it is on PostgreSQL.
    pub key_url: Option<String>,
    name: String,
}

/// The URL of the PostgreSQL server that the test command started.
#[expect(clippy::disallowed_methods, reason = "the test command passes the server's address this way")]
fn postgres_url() -> String {
    std::env::var("MAINSTAY_TEST_POSTGRES_URL").expect(
        "MAINSTAY_TEST_POSTGRES_URL is not set: run the tests with scripts/test, \
         or inside `scripts/postgres-for-tests run -- cargo nextest run`",
    )
}

/// A temporary directory that only its owner can enter, as one that the server makes.
pub fn private_directory() -> TempDir {
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new().permissions(permissions).tempdir().expect("a temporary directory")
}

fn psql(url: &str, sql: &str) -> String {
    let output = Command::new("psql")
        .args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
            url,
        ])
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Database {
    /// Creates a database.
    pub fn create(engine: Engine) -> Self {
        let directory = private_directory();
        let name = format!("t{}", uuid::Uuid::from_u128(rand()).simple());
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", directory.path().join("mainstay.db").display()),
            Engine::Postgres => {
                let server = postgres_url();
                psql(&server, &format!("CREATE DATABASE {name}"));
                let (base, _) = server.rsplit_once('/').expect("a URL with a database");
                format!("{base}/{name}")
            }
        };
        Self { engine, directory, url, key_url: None, name }
    }

    /// Creates a database whose key store is on PostgreSQL too, if the record is.
    pub fn create_with_server_keys(engine: Engine) -> Self {
        let mut database = Self::create(engine);
        if engine == Engine::Postgres {
            let server = postgres_url();
            psql(&server, &format!("CREATE DATABASE {}_keys", database.name));
            database.key_url = Some(format!("{}_keys", database.url));
        }
        database
    }

    /// Creates a database with what an earlier version has stored in it. The folder is that of the engine in
    /// `tests/fixtures/version_before`.
    pub fn of_version_before(engine: Engine, folder: &Path) -> Self {
        let database = Self::create_with_server_keys(engine);
        match &database.key_url {
            None => {
                for file in ["mainstay.db", "keys.db"] {
                    std::fs::copy(folder.join(file), database.path().join(file)).expect("it is copied");
                }
            }
            Some(keys) => {
                for (url, dump) in [(&database.url, "record.sql"), (keys, "keys.sql")] {
                    let loaded = Command::new("psql")
                        .args(["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-f"])
                        .arg(folder.join(dump))
                        .arg(url)
                        .output()
                        .expect("psql runs");
                    assert!(loaded.status.success(), "psql: {}", String::from_utf8_lossy(&loaded.stderr));
                }
            }
        }
        database
    }

    /// The directory for keys and files.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The locations for a store.
    pub fn locations(&self) -> Locations {
        Locations {
            data: self.url.parse::<DatabaseUrl>().expect("a good URL"),
            keys: match &self.key_url {
                Some(url) => url.parse().expect("a good URL"),
                None => DatabaseUrl::Sqlite(self.path().join("keys.db")),
            },
            pool: PoolSize { connections: 6 },
            key_pool: PoolSize { connections: 6 },
        }
    }

    /// Runs SQL as an operator would, beside the server. Only for PostgreSQL.
    pub fn sql(&self, sql: &str) -> String {
        assert_eq!(self.engine, Engine::Postgres, "only the server may use an embedded database");
        psql(&self.url, sql)
    }

    /// Changes rows beside the server, as somebody does who can write to the database.
    pub fn tamper(&self, sql: &str) {
        match self.engine {
            Engine::Sqlite => self.beside().execute_batch(sql).expect("the change is made"),
            Engine::Postgres => drop(self.sql(sql)),
        }
    }

    /// The first column of the first row of a query, as text.
    pub fn ask(&self, sql: &str) -> String {
        match self.engine {
            Engine::Sqlite => self.beside().query_row(sql, [], |row| row.get(0)).expect("a text"),
            Engine::Postgres => self.sql(sql).trim().to_owned(),
        }
    }

    fn beside(&self) -> rusqlite::Connection {
        let beside = rusqlite::Connection::open(self.path().join("mainstay.db")).expect("it opens");
        beside.busy_timeout(std::time::Duration::from_secs(10)).expect("a timeout");
        beside
    }

    /// Creates the database on the server of PostgreSQL anew.
    pub(crate) fn make_empty(&self) {
        psql(&postgres_url(), &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        psql(&postgres_url(), &format!("CREATE DATABASE {}", self.name));
    }

    /// All bytes that a thief of the database would have, who does not have the key store.
    pub fn stolen_bytes(&self) -> Vec<u8> {
        match self.engine {
            Engine::Sqlite => ["mainstay.db", "mainstay.db-wal", "mainstay.db-shm"]
                .iter()
                .filter_map(|file| std::fs::read(self.path().join(file)).ok())
                .flatten()
                .collect(),
            Engine::Postgres => {
                // The dump, and its binary columns decoded, so that clear text in them is found too.
                let dump =
                    Command::new("pg_dump").args(["--data-only", &self.url]).output().expect("pg_dump runs");
                assert!(dump.status.success(), "pg_dump: {}", String::from_utf8_lossy(&dump.stderr));
                let mut bytes = dump.stdout.clone();
                let text = String::from_utf8_lossy(&dump.stdout).into_owned();
                for column in text.split(['\t', '\n']).filter_map(|c| c.strip_prefix("\\\\x")) {
                    bytes.extend(
                        (0..column.len() / 2)
                            .filter_map(|n| u8::from_str_radix(column.get(2 * n..2 * n + 2)?, 16).ok()),
                    );
                }
                bytes
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.engine == Engine::Postgres {
            for suffix in ["", "_keys"] {
                let name = format!("{}{suffix}", self.name);
                psql(&postgres_url(), &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            }
        }
    }
}

/// A random number for unique names.
pub fn rand() -> u128 {
    let mut bytes = [0; 16];
    mainstay_store::key::seal::fill_random(&mut bytes).expect("random bytes");
    u128::from_be_bytes(bytes)
}
