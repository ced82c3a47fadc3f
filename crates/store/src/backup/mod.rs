//! Backups: a directory with the record, the key store, the ledger of erasures, and a manifest that describes them.
//!
//! [`take`] makes one, also of a running server, and [`verify::verify`] looks whether one is whole. Neither needs a master
//! key. The record is copied before the key store: an account that is registered in between is then only in the key
//! store, where its key does no harm.

pub mod error;
pub mod manifest;
pub mod verify;

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;

use self::{
    error::{BackupError, Result, in_file},
    manifest::{ERASURES, EngineName, MANIFEST, Manifest, Part, PartEntry, checksum_of, counts_of},
};
use crate::{
    Locations,
    engine::{
        connection::{Conn, DatabaseUrl, connect_to_inspect},
        migration::has_table,
        postgres_tool, sqlite_copy,
    },
    erasure_ledger::{Erasure, ErasureLedger, in_key_store, lines, union},
    installation::{belonging, inspect, master_key_ids, refuse_unfinished},
    key::master_key::hex,
    on,
};

/// Refuses to back up a record and a key store that are one database of PostgreSQL.
const ONE_DATABASE: &str = "the record and the key store are one database, so a dump of one would hold both: dump the whole database \
     with pg_dump and keep the file as safe as the key store, or move the key store to a database of its own; after a restore run \
     `mainstay restore --declare`";

/// A backup to take.
pub struct Request<'a> {
    /// The databases.
    pub locations: &'a Locations,
    /// The directory to create. It may exist if it is empty.
    pub directory: &'a Path,
    /// The parts to back up.
    pub parts: &'a [Part],
    /// The file of the ledger of erasures.
    pub ledger: &'a ErasureLedger,
    /// The version of Mainstay.
    pub version: &'a str,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Takes a backup. The manifest comes last, so that a backup that was broken off has none.
///
/// # Errors
/// [`BackupError`]. Then what was written is removed again.
pub fn take(request: &Request<'_>) -> Result<Manifest> {
    let in_file = check_before(request)?;
    let is_new = create_directory(request.directory)?;
    let outcome = fill(request, in_file);
    if outcome.is_err() {
        clean_up(request.directory, is_new);
    }
    outcome
}

/// Checks everything that can be checked before the first byte. Gives the erasures in the file of the ledger.
fn check_before(request: &Request<'_>) -> Result<Vec<Erasure>> {
    let erasures = request.ledger.read()?;
    if request.parts.len() == Part::ALL.len() {
        inspect(request.locations)?.check(None)?;
    }
    for part in request.parts {
        let mut conn = open_to_inspect(part.url(request.locations))?;
        refuse_unfinished(&mut conn, part.database())?;
        let found = belonging(&mut conn, part.database(), true)?;
        let schema = found.schema.as_ref();
        schema.map_or(Ok(()), |schema| schema.refuse_newer(part.database()))?;
        if schema.is_none_or(|schema| schema.found.is_none()) {
            return Err(BackupError::Refused(format!(
                "{} is empty; there is nothing to back up",
                part.name()
            )));
        }
    }
    check_postgres(request)?;
    Ok(erasures)
}

fn open_to_inspect(url: &DatabaseUrl) -> Result<Conn> {
    let conn = connect_to_inspect(url).map_err(|e| BackupError::Refused(e.to_string()))?;
    conn.ok_or_else(|| match url {
        DatabaseUrl::Sqlite(path) => BackupError::Refused(format!("{} does not exist", path.display())),
        DatabaseUrl::Postgres(_) => BackupError::Refused("the database does not exist".to_owned()),
    })
}

/// Refuses what `pg_dump` would do wrong, and gives the commands to run if it is missing.
fn check_postgres(request: &Request<'_>) -> Result<()> {
    let locations = request.locations;
    let on_server = |part: &&Part| matches!(part.url(locations), DatabaseUrl::Postgres(_));
    let parts: Vec<&Part> = request.parts.iter().filter(on_server).collect();
    for part in &parts {
        let of_other = match part {
            Part::Record => "data_keys",
            Part::Keys => "accounts",
        };
        if has_table(&mut open_to_inspect(part.url(locations))?, of_other)? {
            return Err(BackupError::Refused(ONE_DATABASE.to_owned()));
        }
    }
    if parts.is_empty() || postgres_tool::is_there("pg_dump") {
        return Ok(());
    }
    let commands = parts.iter().map(|part| {
        let file = request.directory.join(part.file(EngineName::Postgresql));
        format!(
            "pg_dump --format=custom --compress=1 --no-owner --no-privileges --file='{}' --dbname=\"${}\"",
            file.display(),
            part.variable()
        )
    });
    Err(BackupError::ToolMissing {
        tool: "pg_dump",
        commands: commands.collect(),
        afterwards: "Such a dump has no manifest. After it was put back with pg_restore, run `mainstay restore --declare`.",
    })
}

/// Creates the directory, for its owner only. Gives whether it is new.
fn create_directory(path: &Path) -> Result<bool> {
    if path.exists() {
        if fs::read_dir(path).map_err(in_file(path))?.next().is_some() {
            return Err(BackupError::Refused(format!(
                "{} is not empty; a backup needs a directory of its own",
                path.display()
            )));
        }
        private(path, 0o700)?;
        return Ok(false);
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(in_file(path))?;
    private(path, 0o700)?;
    Ok(true)
}

#[cfg(unix)]
fn private(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(in_file(path))
}

#[cfg(not(unix))]
fn private(_path: &Path, _mode: u32) -> Result<()> {
    Ok(())
}

/// Creates a file that only its owner can read. It must not exist.
pub(crate) fn create_private(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(in_file(path))
}

/// Writes the entries of a directory to the disk.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(in_file(path))
}

fn fill(request: &Request<'_>, mut erasures: Vec<Erasure>) -> Result<Manifest> {
    let mut parts = Vec::new();
    for part in Part::ALL.iter().filter(|part| request.parts.contains(part)) {
        let entry = match part.url(request.locations) {
            DatabaseUrl::Sqlite(path) => copy_file(*part, path, request.directory, &mut erasures)?,
            DatabaseUrl::Postgres(url) => dump(*part, url, request.directory, &mut erasures)?,
        };
        parts.push(entry);
    }
    let path = request.directory.join(ERASURES);
    write_private(&path, lines(&union([erasures.into_iter()])).as_bytes())?;
    let manifest = Manifest::new(request.version, request.now, parts, checksum_of(&path)?);
    sync_directory(request.directory)?;
    replace_private(&request.directory.join(MANIFEST), manifest.text().as_bytes())?;
    let above = request.directory.parent().unwrap_or(Path::new("."));
    sync_directory(above)?;
    Ok(manifest)
}

/// Writes a file in the place of an earlier one, or not at all.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let hidden = path.with_extension("new");
    if hidden.exists() {
        fs::remove_file(&hidden).map_err(in_file(&hidden))?;
    }
    write_private(&hidden, bytes)?;
    fs::rename(&hidden, path).map_err(in_file(path))?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create_private(path)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(in_file(path))
}

fn copy_file(part: Part, from: &Path, directory: &Path, erasures: &mut Vec<Erasure>) -> Result<PartEntry> {
    let path = directory.join(part.file(EngineName::Sqlite));
    drop(create_private(&path)?);
    sqlite_copy::copy(from, &path).map_err(|error| BackupError::Copy {
        path: path.clone(),
        error,
    })?;
    // What is counted is what was copied, and counting it costs the server nothing.
    let mut conn = open_to_inspect(&DatabaseUrl::Sqlite(path.clone()))?;
    describe(part, EngineName::Sqlite, &path, &mut conn, erasures)
}

fn dump(part: Part, url: &str, directory: &Path, erasures: &mut Vec<Erasure>) -> Result<PartEntry> {
    let path = directory.join(part.file(EngineName::Postgresql));
    drop(create_private(&path)?);
    let mut conn = open_to_inspect(&DatabaseUrl::Postgres(url.to_owned()))?;
    on!(&mut conn, |c| c.batch_execute(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0"
    ))
    .map_err(crate::StoreError::from)?;
    let snapshot = export_snapshot(&mut conn)?;
    postgres_tool::dump(url, &snapshot, &path).map_err(|error| BackupError::Dump {
        path: path.clone(),
        error,
    })?;
    let file = File::options().write(true).open(&path);
    file.and_then(|file| file.sync_all()).map_err(in_file(&path))?;
    describe(part, EngineName::Postgresql, &path, &mut conn, erasures)
}

#[derive(diesel::QueryableByName)]
struct Snapshot {
    #[diesel(sql_type = diesel::sql_types::Text)]
    snapshot: String,
}

fn export_snapshot(conn: &mut Conn) -> Result<String> {
    use diesel::RunQueryDsl;
    let query = diesel::sql_query("SELECT pg_export_snapshot() AS snapshot");
    let row: Snapshot = on!(conn, |c| query.get_result(c)).map_err(crate::StoreError::from)?;
    Ok(row.snapshot)
}

/// Describes a part that was copied. `conn` sees what is in the copy.
fn describe(
    part: Part,
    engine: EngineName,
    path: &Path,
    conn: &mut Conn,
    erasures: &mut Vec<Erasure>,
) -> Result<PartEntry> {
    let found = belonging(conn, part.database(), true)?;
    let mut master_keys = Vec::new();
    if part == Part::Keys {
        master_keys = master_key_ids(conn)?.iter().map(|id| hex(id)).collect();
        if has_table(conn, "erasures")? {
            erasures.extend(in_key_store(conn)?);
        }
    } else if let Some((_, id)) = &found.installation {
        master_keys.push(hex(id));
    }
    master_keys.sort();
    Ok(PartEntry {
        part,
        engine,
        schema: found.schema.and_then(|schema| schema.found),
        installation_id: found.installation.map(|(id, _)| id),
        master_key_ids: master_keys,
        counts: counts_of(conn, part)?,
        file: checksum_of(path)?,
    })
}

/// Removes what a backup that failed has written.
fn clean_up(directory: &Path, is_new: bool) {
    let mut files: Vec<PathBuf> = [MANIFEST, "manifest.new", ERASURES]
        .iter()
        .map(|name| directory.join(name))
        .collect();
    for part in Part::ALL {
        for engine in [EngineName::Sqlite, EngineName::Postgresql] {
            files.push(directory.join(part.file(engine)));
        }
    }
    let mut outcome = Ok(());
    for file in files.iter().filter(|file| file.exists()) {
        outcome = outcome.and(fs::remove_file(file));
    }
    if is_new {
        outcome = outcome.and(fs::remove_dir(directory));
    }
    if let Err(error) = outcome {
        log::warn!(
            "{} is no backup and could not be removed: {error}",
            directory.display()
        );
    }
}
