//! Seeded databases: where they are, who is in them, and the copies that are worked on.

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

/// Part of every name, so that a seed of another form is not taken for one of this.
const FORM: u32 = 2;

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// The server.
    Postgres,
}

impl Engine {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Size {
    /// People, each with an active plan and five contacts.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub people: u32,
    /// Check-ins of all of them together.
    #[arg(long, default_value_t = 1_000_000)]
    pub check_ins: u32,
}

impl Size {
    fn name(self) -> String {
        format!("{}x{}_{FORM}", self.people, self.check_ins)
    }
}

/// Someone in a seed, who is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The number by which the tables know them.
    pub no: i64,
    /// Their account.
    pub account: Uuid,
    /// Their session.
    pub session: Uuid,
}

/// Which copy of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// The one that Mainstay serves.
    Served,
    /// The one that the engine's own limit is measured on.
    Raw,
}

impl Copy {
    const fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Raw => "raw",
        }
    }
}

/// Where a seed of some size is, or will be.
#[derive(Debug, Clone)]
pub struct Place {
    /// The engine.
    pub engine: Engine,
    /// How much is in it.
    pub size: Size,
    /// Keys, the list of people, and the embedded databases.
    pub directory: PathBuf,
    /// The server, if the engine is one.
    pub postgres: Option<Postgres>,
}

impl Place {
    /// The place under a directory for such a seed.
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

    /// A file in its directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The seeded database itself, which nobody works on.
    pub fn seed_url(&self) -> String {
        self.url("seed")
    }

    /// The URL of a copy.
    pub fn copy_url(&self, copy: Copy) -> String {
        self.url(copy.name())
    }

    /// The file of a copy, on the embedded engine.
    pub fn copy_file(&self, copy: Copy) -> PathBuf {
        self.file(&format!("{}.db", copy.name()))
    }

    fn url(&self, which: &str) -> String {
        match &self.postgres {
            None => format!("sqlite:{}", self.file(&format!("{which}.db")).display()),
            Some(postgres) => postgres.url(&self.database(which)),
        }
    }

    /// The name of a database on the server.
    pub fn database(&self, which: &str) -> String {
        format!("{which}_{}", self.size.name())
    }

    /// Opens the store on the seed.
    pub fn open(&self) -> Outcome<Store> {
        let master = fs::read_to_string(self.file("master.key"))?;
        Ok(Store::open(&self.locations()?, MasterKeys::parse(&master)?)?)
    }

    /// Where the store finds the seed.
    pub fn locations(&self) -> Outcome<Locations> {
        Ok(Locations {
            data: DatabaseUrl::from_str(&self.seed_url())?,
            keys: DatabaseUrl::Sqlite(self.file("keys.db")),
            pool: PoolSize { connections: 12 },
            key_pool: PoolSize { connections: 12 },
        })
    }

    /// Who is in the seed, if it is complete.
    pub fn people(&self) -> Outcome<Option<Vec<Person>>> {
        let there = match &self.postgres {
            None => self.file("seed.db").exists(),
            Some(postgres) => postgres.has(&self.database("seed"))?,
        };
        match fs::read(self.file("people.json")) {
            Ok(text) if there => Ok(Some(serde_json::from_slice(&text)?)),
            _ => Ok(None),
        }
    }

    /// Notes who is in the seed: from now on it is complete.
    pub fn complete(&self, people: &[Person]) -> Outcome {
        Ok(fs::write(self.file("people.json"), serde_json::to_vec(people)?)?)
    }

    /// Makes a copy of the seed, unless there is one that nobody has written to.
    pub fn make_copy(&self, copy: Copy) -> Outcome {
        let mark = self.mark(copy);
        let there = match &self.postgres {
            None => self.copy_file(copy).exists(),
            Some(postgres) => postgres.has(&self.database(copy.name()))?,
        };
        if mark.exists() && there {
            return Ok(());
        }
        self.remove_copy(copy)?;
        match &self.postgres {
            None => {
                let file = self.copy_file(copy);
                fs::copy(self.file("seed.db"), &file)?;
                // What is not on disk yet would be written while others are measured.
                fs::File::open(file)?.sync_all()?;
            }
            Some(postgres) => {
                postgres.copy(&self.database("seed"), &self.database(copy.name()))?;
                postgres.query("postgres", "CHECKPOINT")?;
            }
        }
        Ok(fs::write(mark, "")?)
    }

    /// The number of the latest record in a copy.
    pub fn last_record(&self, copy: Copy) -> Outcome<i64> {
        let sql = "SELECT max(no) FROM records";
        match &self.postgres {
            None => {
                let conn = rusqlite::Connection::open(self.copy_file(copy))?;
                Ok(conn.query_row(sql, [], |row| row.get(0))?)
            }
            Some(postgres) => Ok(postgres.query(&self.database(copy.name()), sql)?.trim().parse()?),
        }
    }

    /// Notes that a copy is about to be written to.
    pub fn is_written_to(&self, copy: Copy) -> Outcome {
        match fs::remove_file(self.mark(copy)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes a copy.
    pub fn remove_copy(&self, copy: Copy) -> Outcome {
        self.is_written_to(copy)?;
        match &self.postgres {
            None => remove_database(&self.copy_file(copy)),
            Some(postgres) => postgres.drop(&self.database(copy.name())),
        }
    }

    fn mark(&self, copy: Copy) -> PathBuf {
        self.file(&format!("{}.untouched", copy.name()))
    }
}

/// Removes an embedded database with its log.
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

/// Those who are active: so many, spread evenly over all of them.
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

/// People of whom each has a number that is a multiple of the step, from the first on.
#[derive(Debug, Clone)]
pub struct Active {
    /// The distance of their numbers.
    pub step: i64,
    /// Who they are.
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
