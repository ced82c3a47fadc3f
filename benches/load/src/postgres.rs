//! Databases on the PostgreSQL server that `scripts/postgres-for-tests` runs, managed with psql.

use std::{fs, path::Path, process::Command};

use crate::Outcome;

/// A PostgreSQL server on this machine.
#[derive(Debug, Clone)]
pub struct Postgres {
    base: String,
}

impl Postgres {
    /// The server with this URL.
    pub fn at(url: &str) -> Outcome<Self> {
        let (base, _) = url.rsplit_once('/').ok_or("a URL without a database")?;
        Ok(Self {
            base: base.to_owned(),
        })
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.base)
    }

    /// Runs a statement. Returns a line for each row, with `|` between columns.
    pub fn query(&self, database: &str, sql: &str) -> Outcome<String> {
        let output = Command::new("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(self.url(database))
            .output()?;
        if !output.status.success() {
            return Err(format!("psql: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Creates an empty database. Replaces one with that name.
    pub fn create(&self, database: &str) -> Outcome {
        self.drop(database)?;
        self.query("postgres", &format!("CREATE DATABASE {database}"))?;
        Ok(())
    }

    /// Copies the files of a database. Replaces one with that name.
    pub fn copy(&self, from: &str, to: &str) -> Outcome {
        self.drop(to)?;
        let copy = format!("CREATE DATABASE {to} TEMPLATE {from} STRATEGY file_copy");
        self.query("postgres", &copy)?;
        Ok(())
    }

    /// Drops a database if it exists.
    pub fn drop(&self, database: &str) -> Outcome {
        let drop = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        self.query("postgres", &drop)?;
        Ok(())
    }

    /// Whether a database of that name exists.
    pub fn has(&self, database: &str) -> Outcome<bool> {
        let found = self.query(
            "postgres",
            &format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"),
        )?;
        Ok(!found.trim().is_empty())
    }

    /// The process id of the postmaster, whose children serve the connections.
    pub fn process(&self) -> Outcome<u32> {
        let directory = self.query("postgres", "SHOW data_directory")?;
        let file = Path::new(directory.trim()).join("postmaster.pid");
        let text = fs::read_to_string(file)?;
        Ok(text.lines().next().unwrap_or_default().trim().parse()?)
    }
}
