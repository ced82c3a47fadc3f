//! Seeded databases: their locations, their people, and the copies that are served and measured.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, ValueEnum};
use mainstay_store::{DatabaseUrl, Locations, MasterKeys, PoolSize, Store};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Outcome, postgres::Postgres};

/// The version of the seed's contents. It is part of every name, so that an older seed is not used again.
const SEED_VERSION: u32 = 2;

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The embedded engine.
    Sqlite,
    /// The database server.
    Postgres,
}

impl Engine {
    /// The name of the engine in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The size of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Size {
    /// People, each with an active plan and five contacts.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub people: u32,
    /// Check-ins of all people together.
    #[arg(long, default_value_t = 1_000_000)]
    pub check_ins: u32,
}

impl Size {
    fn name(self) -> String {
        format!("{}x{}_{SEED_VERSION}", self.people, self.check_ins)
    }
}

/// A person in a seed, with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The number of the person in the tables.
    pub no: i64,
    /// The id of the account.
    pub account: Uuid,
    /// The id of the session.
    pub session: Uuid,
}

/// A copy of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedCopy {
    /// The copy that Mainstay serves.
    Served,
    /// The copy on which the limit of the engine itself is measured.
    Raw,
}

impl SeedCopy {
    const fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Raw => "raw",
        }
    }
}

/// The location of a seed of some size, whether it exists or not.
#[derive(Debug, Clone)]
pub struct SeedLocation {
    /// The engine.
    pub engine: Engine,
    /// The size of the seed.
    pub size: Size,
    /// The directory with the keys, the list of people, and the embedded databases.
    pub directory: PathBuf,
    /// The database server, if the engine is PostgreSQL.
    pub postgres: Option<Postgres>,
}

impl SeedLocation {
    /// Creates the location of a seed below a directory.
    pub fn new(root: &Path, engine: Engine, size: Size, postgres: Option<&Postgres>) -> Outcome<Self> {
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(
                postgres
                    .cloned()
                    .ok_or("no PostgreSQL: run scripts/load, which starts one")?,
            ),
        };
        let name = format!("{}_{}", engine.name().to_lowercase(), size.name());
        Ok(Self {
            engine,
            size,
            directory: root.join(name),
            postgres,
        })
    }

    /// The path of a file in the directory of the seed.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The URL of the seeded database itself, which only seeding writes to.
    pub fn seed_url(&self) -> String {
        self.url("seed")
    }

    /// The URL of a copy.
    pub fn copy_url(&self, copy: SeedCopy) -> String {
        self.url(copy.name())
    }

    /// The file of a copy on SQLite.
    pub fn copy_file(&self, copy: SeedCopy) -> PathBuf {
        self.file(&format!("{}.db", copy.name()))
    }

    fn url(&self, which: &str) -> String {
        match &self.postgres {
            None => format!("sqlite:{}", self.file(&format!("{which}.db")).display()),
            Some(postgres) => postgres.url(&self.database(which)),
        }
    }

    /// The name of a database on PostgreSQL.
    pub fn database(&self, which: &str) -> String {
        format!("{which}_{}", self.size.name())
    }

    /// Opens a store on the seed.
    pub fn open(&self) -> Outcome<Store> {
        let master = fs::read_to_string(self.file("master.key"))?;
        Ok(Store::open(&self.locations()?, MasterKeys::parse(&master)?)?)
    }

    /// The locations for a store on the seed.
    pub fn locations(&self) -> Outcome<Locations> {
        Ok(Locations {
            data: DatabaseUrl::from_str(&self.seed_url())?,
            keys: DatabaseUrl::Sqlite(self.file("keys.db")),
            pool: PoolSize { connections: 12 },
            key_pool: PoolSize { connections: 12 },
        })
    }

    /// The people in the seed, or `None` if seeding was not completed.
    pub fn people(&self) -> Outcome<Option<Vec<Person>>> {
        let exists = match &self.postgres {
            None => self.file("seed.db").exists(),
            Some(postgres) => postgres.has(&self.database("seed"))?,
        };
        match fs::read(self.file("people.json")) {
            Ok(text) if exists => Ok(Some(serde_json::from_slice(&text)?)),
            _ => Ok(None),
        }
    }

    /// Stores the list of people, which marks the seed as complete.
    pub fn mark_complete(&self, people: &[Person]) -> Outcome {
        Ok(fs::write(self.file("people.json"), serde_json::to_vec(people)?)?)
    }

    /// Makes a copy of the seed, unless there is an unmodified one.
    pub fn make_copy(&self, copy: SeedCopy) -> Outcome {
        let mark = self.mark(copy);
        let exists = match &self.postgres {
            None => self.copy_file(copy).exists(),
            Some(postgres) => postgres.has(&self.database(copy.name()))?,
        };
        if mark.exists() && exists {
            return Ok(());
        }
        self.remove_copy(copy)?;
        match &self.postgres {
            None => {
                let file = self.copy_file(copy);
                fs::copy(self.file("seed.db"), &file)?;
                // Without this, the file would be written to disk during the measurements.
                fs::File::open(file)?.sync_all()?;
            }
            Some(postgres) => {
                postgres.copy(&self.database("seed"), &self.database(copy.name()))?;
                postgres.query("postgres", "CHECKPOINT")?;
            }
        }
        Ok(fs::write(mark, "")?)
    }

    /// The number of the newest record in a copy.
    pub fn last_record(&self, copy: SeedCopy) -> Outcome<i64> {
        let sql = "SELECT max(no) FROM records";
        match &self.postgres {
            None => {
                let conn = rusqlite::Connection::open(self.copy_file(copy))?;
                Ok(conn.query_row(sql, [], |row| row.get(0))?)
            }
            Some(postgres) => Ok(postgres.query(&self.database(copy.name()), sql)?.trim().parse()?),
        }
    }

    /// Marks a copy as modified. To be called before anything writes to it.
    pub fn mark_written(&self, copy: SeedCopy) -> Outcome {
        match fs::remove_file(self.mark(copy)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes a copy.
    pub fn remove_copy(&self, copy: SeedCopy) -> Outcome {
        self.mark_written(copy)?;
        match &self.postgres {
            None => remove_database(&self.copy_file(copy)),
            Some(postgres) => postgres.drop(&self.database(copy.name())),
        }
    }

    /// The file that exists while a copy is unmodified.
    fn mark(&self, copy: SeedCopy) -> PathBuf {
        self.file(&format!("{}.untouched", copy.name()))
    }
}

/// Removes an SQLite database with its log.
pub fn remove_database(file: &Path) -> Outcome {
    for end in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Chooses people who send requests, spread evenly over all people.
pub fn active(people: &[Person], count: u32) -> Active {
    let count = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .clamp(1, people.len().max(1));
    let step = people.len() / count;
    Active {
        step: i64::try_from(step).unwrap_or(1),
        people: people
            .iter()
            .filter(|person| usize::try_from(person.no).is_ok_and(|no| no % step == 0))
            .take(count)
            .copied()
            .collect(),
    }
}

/// The people who send requests. Their numbers are the first multiples of the step.
#[derive(Debug, Clone)]
pub struct Active {
    /// The difference between the numbers of two of them.
    pub step: i64,
    /// The people.
    pub people: Vec<Person>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_are_spread_over_all() {
        let people: Vec<Person> = (1..=100)
            .map(|no| Person {
                no,
                account: Uuid::nil(),
                session: Uuid::nil(),
            })
            .collect();
        let active = active(&people, 20);
        let numbers: Vec<i64> = active.people.iter().map(|p| p.no).collect();
        assert_eq!(numbers, (1..=20).map(|n| n * active.step).collect::<Vec<_>>());
        assert_eq!(
            super::active(&people, 1000).people.len(),
            100,
            "no more than there are"
        );
    }
}
