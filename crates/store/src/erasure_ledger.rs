//! The ledger of erasures: which accounts were erased, and when. A restore from a backup erases them again.
//!
//! It stands in a table of the key store, and in a file that no restore replaces. The file has a line of JSON for each
//! erasure, and only grows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::{QueryDsl, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    engine::{
        connection::Conn,
        schema::erasures,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    on,
};

/// One erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The account that was erased.
    pub account_id: Uuid,
    /// When it was erased.
    pub erased_at: DateTime<Utc>,
}

impl Erasure {
    /// An erasure at a time in microseconds since 1970.
    pub fn new(account_id: Uuid, erased_at: i64) -> Self {
        Self {
            account_id,
            erased_at: DateTime::from_timestamp_micros(erased_at).unwrap_or_default(),
        }
    }
}

/// The reason why a ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// An error of the file system.
    #[error("the ledger of erasures {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A line is not an erasure.
    #[error(
        "the ledger of erasures {0}: line {1} cannot be read; compare it with the ledger of a backup and mend or remove it"
    )]
    Line(PathBuf, usize),
}

impl From<LedgerError> for StoreError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.to_string())
    }
}

/// The file of the ledger.
#[derive(Debug, Clone)]
pub struct ErasureLedger {
    path: PathBuf,
}

impl ErasureLedger {
    /// The ledger in a file, which need not exist.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Fails if the file cannot be read or written to. Changes nothing; a file that is missing can be made where its directory
    /// is.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn check(&self) -> std::result::Result<(), LedgerError> {
        self.read()?;
        let failed = |error| LedgerError::File(self.path.clone(), error);
        match File::options().append(true).open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
                fs::read_dir(parent.unwrap_or(Path::new(".")))
                    .map(drop)
                    .map_err(failed)
            }
            opened => opened.map(drop).map_err(failed),
        }
    }

    /// All erasures, the first entry of each account. None if there is no file.
    ///
    /// # Errors
    /// [`LedgerError::Line`] names the first line that is not an erasure.
    pub fn read(&self) -> std::result::Result<Vec<Erasure>, LedgerError> {
        match self.bytes() {
            Ok(bytes) => self.parse(written_whole(&bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(LedgerError::File(self.path.clone(), error)),
        }
    }

    /// The same for a file that must exist.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn read_existing(&self) -> std::result::Result<Vec<Erasure>, LedgerError> {
        let bytes = self
            .bytes()
            .map_err(|error| LedgerError::File(self.path.clone(), error))?;
        self.parse(written_whole(&bytes))
    }

    /// The content of the file, while nobody writes to it.
    fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let (mut file, mut bytes) = (File::open(&self.path)?, Vec::new());
        file.lock_shared()?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Adds entries for the accounts that have none. They are on the disk afterwards. Gives their number.
    ///
    /// # Errors
    /// [`LedgerError`]. Then nothing is added.
    pub fn append_missing(&self, erasures: &[Erasure]) -> std::result::Result<usize, LedgerError> {
        if erasures.is_empty() {
            return Ok(0);
        }
        let failed = |error| LedgerError::File(self.path.clone(), error);
        let mut file = self.open().map_err(failed)?;
        let whole = mend_end(&mut file).map_err(failed)?;
        let known: BTreeSet<Uuid> = self.parse(&whole)?.iter().map(|e| e.account_id).collect();
        let missing = erasures
            .iter()
            .filter(|erasure| !known.contains(&erasure.account_id));
        let missing = union([missing.copied()]);
        if missing.is_empty() {
            return Ok(0);
        }
        // In one write, so that a second process never writes into a line.
        file.write_all(lines(&missing).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        Ok(missing.len())
    }

    /// Opens the file, for its owner only, and locks out other processes until it is closed.
    fn open(&self) -> std::io::Result<File> {
        let mut options = File::options();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let is_new = !self.path.exists();
        let file = options.open(&self.path)?;
        file.lock()?;
        if is_new && let Some(parent) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(file)
    }

    fn parse(&self, bytes: &[u8]) -> std::result::Result<Vec<Erasure>, LedgerError> {
        let mut found = Vec::new();
        for (n, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            found.push(erasure(line).ok_or_else(|| LedgerError::Line(self.path.clone(), n + 1))?);
        }
        Ok(union([found.into_iter()]))
    }
}

/// Reads a line. No account has the id nil: under it the key store holds the secret of the installation.
fn erasure(line: &[u8]) -> Option<Erasure> {
    let erasure: Erasure = serde_json::from_slice(line).ok()?;
    (!erasure.account_id.is_nil()).then_some(erasure)
}

/// Leaves out the end of a last line that was never written whole, as after a power cut. The key store has its entry, and the
/// server adds it again.
fn written_whole(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |n| n + 1);
    match bytes.get(start..) {
        Some(last) if erasure(last).is_none() => bytes.get(..start).unwrap_or_default(),
        _ => bytes,
    }
}

/// Completes the last line of a file, or cuts it off if it was never written whole. Gives the content.
fn mend_end(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut whole)?;
    let start = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |n| n + 1);
    let last = whole.get(start..).unwrap_or_default();
    if last.is_empty() {
        return Ok(whole);
    }
    if erasure(last).is_some() {
        file.write_all(b"\n")?;
    } else {
        // The key store still has the entry, so that it is added again.
        whole.truncate(start);
        file.set_len(u64::try_from(start).unwrap_or(u64::MAX))?;
    }
    Ok(whole)
}

/// Merges ledgers: the earliest erasure of each account, in the order of time.
pub fn union(ledgers: impl IntoIterator<Item = impl Iterator<Item = Erasure>>) -> Vec<Erasure> {
    let mut all: BTreeMap<Uuid, DateTime<Utc>> = BTreeMap::new();
    for erasure in ledgers.into_iter().flatten() {
        let at = all.entry(erasure.account_id).or_insert(erasure.erased_at);
        *at = erasure.erased_at.min(*at);
    }
    let mut all: Vec<Erasure> = all
        .into_iter()
        .map(|(account_id, erased_at)| Erasure {
            account_id,
            erased_at,
        })
        .collect();
    all.sort_by_key(|erasure| (erasure.erased_at, erasure.account_id));
    all
}

/// The lines of a ledger.
pub fn lines(erasures: &[Erasure]) -> String {
    erasures.iter().fold(String::new(), |mut text, erasure| {
        let at = erasure.erased_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        // Writing to a string never fails.
        let _ = writeln!(
            text,
            r#"{{"account_id":"{}","erased_at":"{at}"}}"#,
            erasure.account_id
        );
        text
    })
}

/// The erasures in the table of a key store.
pub(crate) fn in_key_store(conn: &mut Conn) -> Result<Vec<Erasure>> {
    let query = erasures::table.select((erasures::account_id, erasures::erased_at));
    let rows: Vec<(DbUuid, DbTimestamp)> = on!(conn, |c| query.load(c))?;
    let erasures = rows
        .into_iter()
        .map(|(account, at)| Erasure::new(account.0, at.0));
    Ok(union([erasures]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure(n: u128) -> Erasure {
        Erasure::new(Uuid::from_u128(n), i64::try_from(n).unwrap() * 1_000_000)
    }

    #[test]
    fn entries_are_added_once_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("erasures.jsonl");
        let ledger = ErasureLedger::at(&path);
        assert_eq!(ledger.read().unwrap(), []);
        assert_eq!(ledger.append_missing(&[erasure(2), erasure(1)]).unwrap(), 2);
        assert_eq!(ledger.append_missing(&[erasure(3), erasure(2)]).unwrap(), 1);
        assert_eq!(ledger.read().unwrap(), [erasure(1), erasure(2), erasure(3)]);
        assert_eq!(
            fs::read_to_string(&path).unwrap().lines().next(),
            Some(
                r#"{"account_id":"00000000-0000-0000-0000-000000000001","erased_at":"1970-01-01T00:00:01Z"}"#
            )
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_and_the_ledger_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("erasures.jsonl");
        let ledger = ErasureLedger::at(&path);
        let nil = lines(&[Erasure::new(Uuid::nil(), 0)]);
        for wrong in ["what\n", "{}\n", nil.as_str()] {
            let text = format!("{}{wrong}{}", lines(&[erasure(1)]), lines(&[erasure(2)]));
            fs::write(&path, &text).unwrap();
            for outcome in [
                ledger.read().map(drop),
                ledger.append_missing(&[erasure(3)]).map(drop),
            ] {
                assert!(matches!(outcome, Err(LedgerError::Line(_, 2))), "{wrong}");
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn an_entry_that_was_cut_off_is_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("erasures.jsonl");
        let ledger = ErasureLedger::at(&path);
        let (first, second) = (lines(&[erasure(1)]), lines(&[erasure(2)]));
        for length in 0..=second.len() {
            fs::write(&path, format!("{first}{}", second.get(..length).unwrap())).unwrap();
            ledger.append_missing(&[erasure(2), erasure(3)]).unwrap();
            assert_eq!(
                ledger.read().unwrap(),
                [erasure(1), erasure(2), erasure(3)],
                "{length}"
            );
        }
    }
}
