//! The manifest: what a backup holds.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use chrono::{DateTime, Utc};
use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::{Result, in_file};
use crate::{
    Locations, StoreError,
    engine::{
        connection::{Conn, DatabaseUrl},
        migration::{Database, has_table},
    },
    key::master_key::hex,
    on,
};

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;
/// The file of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The file of the erasures that were known when the backup was taken.
pub const ERASURES: &str = "erasures.jsonl";

/// A part of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The record.
    Record,
    /// The key store.
    Keys,
}

impl Part {
    /// Both parts, in the order in which they are backed up.
    pub const ALL: [Self; 2] = [Self::Record, Self::Keys];

    /// What the part is called in messages.
    pub const fn name(self) -> &'static str {
        self.database().name()
    }

    /// The database that it is a copy of.
    pub const fn database(self) -> Database {
        match self {
            Self::Record => Database::Data,
            Self::Keys => Database::Keys,
        }
    }

    /// Where its database is.
    pub const fn url(self, locations: &Locations) -> &DatabaseUrl {
        match self {
            Self::Record => &locations.data,
            Self::Keys => &locations.keys,
        }
    }

    /// The variable that holds its URL.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Record => "MAINSTAY_DATABASE_URL",
            Self::Keys => "MAINSTAY_KEY_DATABASE_URL",
        }
    }

    /// Its file in a backup.
    pub const fn file(self, engine: EngineName) -> &'static str {
        match (self, engine) {
            (Self::Record, EngineName::Sqlite) => "record.db",
            (Self::Record, EngineName::Postgresql) => "record.dump",
            (Self::Keys, EngineName::Sqlite) => "keys.db",
            (Self::Keys, EngineName::Postgresql) => "keys.dump",
        }
    }

    /// The tables whose rows are counted, each with the name of its count.
    const fn counted(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Record => &[
                ("accounts", "accounts"),
                ("people", "people"),
                ("sessions", "sessions"),
                ("records", "records"),
                ("history", "record_history"),
                ("timers", "timers"),
                ("meetings", "meetings"),
                ("questionnaires", "questionnaires"),
            ],
            // The secret of the installation is among the keys.
            Self::Keys => &[("keys", "data_keys"), ("erasures", "erasures")],
        }
    }
}

/// The engine that a part comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// A file of the embedded engine.
    Sqlite,
    /// A dump of PostgreSQL in its custom format.
    Postgresql,
}

impl EngineName {
    /// The engine of a database.
    pub const fn of(url: &DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Sqlite(_) => Self::Sqlite,
            DatabaseUrl::Postgres(_) => Self::Postgresql,
        }
    }
}

/// Length and checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// The length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// A part in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartEntry {
    /// Which part it is.
    pub part: Part,
    /// The engine.
    pub engine: EngineName,
    /// The latest migration.
    pub schema: Option<String>,
    /// The installation; `None` before databases had one.
    pub installation_id: Option<Uuid>,
    /// The master keys that it needs: for the key store every one that a key is wrapped with.
    pub master_key_ids: Vec<String>,
    /// Rows by kind.
    pub counts: BTreeMap<String, i64>,
    /// Its file.
    pub file: FileEntry,
}

impl PartEntry {
    /// The name of its file.
    pub const fn file_name(&self) -> &'static str {
        self.part.file(self.engine)
    }
}

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of the backup.
    pub format: u32,
    /// The version of Mainstay that took it.
    pub version: String,
    /// When it was taken.
    pub created_at: DateTime<Utc>,
    /// Its parts.
    pub parts: Vec<PartEntry>,
    /// The file of erasures.
    pub erasures: FileEntry,
    /// SHA-256 of the manifest itself, with this member empty and without spaces.
    pub checksum: String,
}

impl Manifest {
    /// Describes a backup.
    pub fn new(version: &str, created_at: DateTime<Utc>, parts: Vec<PartEntry>, erasures: FileEntry) -> Self {
        let mut manifest = Self {
            format: FORMAT,
            version: version.to_owned(),
            created_at,
            parts,
            erasures,
            checksum: String::new(),
        };
        manifest.checksum = manifest.own_checksum();
        manifest
    }

    /// The entry of a part.
    pub fn part(&self, part: Part) -> Option<&PartEntry> {
        self.parts.iter().find(|entry| entry.part == part)
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n")
    }

    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let wrong = |error: serde_json::Error| format!("{MANIFEST} cannot be read: {error}");
        let Format { format } = serde_json::from_str(text).map_err(wrong)?;
        if format != FORMAT {
            return Err(format!(
                "{MANIFEST} has format {format}, and this version reads format {FORMAT}: use the version that took the backup, or a newer one"
            ));
        }
        let manifest: Self = serde_json::from_str(text).map_err(wrong)?;
        if manifest.checksum != manifest.own_checksum() {
            return Err(format!("{MANIFEST} was changed: its checksum is another"));
        }
        let is_double = manifest.parts.iter().enumerate().any(|(n, entry)| {
            manifest
                .parts
                .iter()
                .skip(n + 1)
                .any(|other| other.part == entry.part)
        });
        if manifest.parts.is_empty() || is_double {
            return Err(format!("{MANIFEST} names a part twice, or none"));
        }
        Ok(manifest)
    }

    fn own_checksum(&self) -> String {
        let without = Self {
            checksum: String::new(),
            ..self.clone()
        };
        hex(&Sha256::digest(serde_json::to_vec(&without).unwrap_or_default()))
    }
}

/// Reads a file for its length and checksum.
pub(crate) fn checksum_of(path: &Path) -> Result<FileEntry> {
    let mut file = File::open(path).map_err(in_file(path))?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0_u64, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).map_err(in_file(path))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hash.update(bytes);
        size += u64::try_from(read).unwrap_or_default();
    }
    Ok(FileEntry {
        size,
        sha256: hex(&hash.finalize()),
    })
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Counts the rows of a part, of those tables that its schema has.
pub(crate) fn counts_of(conn: &mut Conn, part: Part) -> Result<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for (name, table) in part.counted() {
        if has_table(conn, table)? {
            let query = sql_query(format!("SELECT count(*) AS count FROM {table}"));
            let row: Count = on!(&mut *conn, |c| query.get_result(c)).map_err(StoreError::from)?;
            counts.insert((*name).to_owned(), row.count);
        }
    }
    Ok(counts)
}
