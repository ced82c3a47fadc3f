//! Looks whether a backup is whole. Changes nothing.

use std::{fs, path::Path};

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::Text};

use super::manifest::{
    ERASURES, EngineName, FileEntry, MANIFEST, Manifest, PartEntry, checksum_of, counts_of,
};
use crate::{
    engine::{
        connection::{Conn, DatabaseUrl, connect_to_inspect},
        migration::latest_known,
        postgres_tool,
    },
    erasure_ledger::ErasureLedger,
    installation::belonging,
    on,
};

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// The manifest, if it can be read.
    pub manifest: Option<Manifest>,
    /// Everything that makes the backup unfit for a restore.
    pub faults: Vec<String>,
    /// Files that others than their owner have access to.
    pub open_files: Vec<String>,
    /// What could not be looked at, and why.
    pub remarks: Vec<String>,
}

/// Looks at a backup, and names every fault.
pub fn verify(directory: &Path) -> Findings {
    let mut findings = Findings::default();
    let text = match fs::read_to_string(directory.join(MANIFEST)) {
        Ok(text) => text,
        Err(error) => {
            findings.faults.push(format!(
                "{}: {error}; a backup that was broken off has no manifest",
                directory.join(MANIFEST).display()
            ));
            return findings;
        }
    };
    let manifest = match Manifest::parse(&text) {
        Ok(manifest) => manifest,
        Err(fault) => {
            findings.faults.push(format!("{}: {fault}", directory.display()));
            return findings;
        }
    };
    for entry in &manifest.parts {
        verify_part(directory, entry, &mut findings);
    }
    let path = directory.join(ERASURES);
    if fits(&path, &manifest.erasures, &mut findings)
        && let Err(fault) = ErasureLedger::at(&path).read()
    {
        findings.faults.push(fault.to_string());
    }
    look_at_modes(directory, &manifest, &mut findings);
    let ids: Vec<_> = manifest.parts.iter().map(|entry| entry.installation_id).collect();
    if ids.windows(2).any(|pair| pair.first() != pair.last()) {
        findings
            .faults
            .push(format!("{MANIFEST}: the parts belong to different installations"));
    }
    findings.manifest = Some(manifest);
    findings
}

/// Whether a file is the one that the manifest describes.
fn fits(path: &Path, entry: &FileEntry, findings: &mut Findings) -> bool {
    let found = match checksum_of(path) {
        Ok(found) => found,
        Err(error) => {
            findings.faults.push(error.to_string());
            return false;
        }
    };
    if found.size != entry.size {
        findings.faults.push(format!(
            "{} has {} bytes, and had {}",
            path.display(),
            found.size,
            entry.size
        ));
    } else if found.sha256 != entry.sha256 {
        findings
            .faults
            .push(format!("{} was changed: its SHA-256 is another", path.display()));
    }
    found == *entry
}

fn verify_part(directory: &Path, entry: &PartEntry, findings: &mut Findings) {
    let path = directory.join(entry.file_name());
    let mut is_alone = true;
    for suffix in ["-wal", "-journal"] {
        let beside = directory.join(format!("{}{suffix}", entry.file_name()));
        if beside.exists() {
            is_alone = false;
            findings.faults.push(format!(
                "{} does not belong to the backup, and would change it",
                beside.display()
            ));
        }
    }
    let known = latest_known(entry.engine == EngineName::Postgresql, entry.part.database());
    if entry
        .schema
        .as_deref()
        .is_some_and(|schema| schema > known.as_str())
    {
        findings.faults.push(format!(
            "{} has schema {}, which a newer version has made; this version knows schemas up to {known}: use the newer version ({MANIFEST} names it)",
            path.display(),
            entry.schema.as_deref().unwrap_or_default()
        ));
    }
    if !fits(&path, &entry.file, findings) || !is_alone {
        return;
    }
    match entry.engine {
        EngineName::Sqlite => verify_file(&path, entry, findings),
        EngineName::Postgresql if postgres_tool::is_there("pg_restore") => {
            if let Err(error) = postgres_tool::list(&path) {
                findings.faults.push(format!("{}: {error}", path.display()));
            }
        }
        EngineName::Postgresql => findings.remarks.push(format!(
            "{}: pg_restore is not on the PATH, so the dump was not opened",
            path.display()
        )),
    }
}

#[derive(QueryableByName)]
struct Integrity {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

fn verify_file(path: &Path, entry: &PartEntry, findings: &mut Findings) {
    let name = path.display();
    let outcome = connect_to_inspect(&DatabaseUrl::Sqlite(path.to_owned()))
        .map_err(|e| e.to_string())
        .and_then(|conn| conn.ok_or("it does not exist".to_owned()))
        .and_then(|mut conn| faults_inside(&mut conn, entry));
    match outcome {
        Ok(faults) => findings
            .faults
            .extend(faults.iter().map(|fault| format!("{name}: {fault}"))),
        Err(error) => findings.faults.push(format!("{name}: {error}")),
    }
}

fn faults_inside(conn: &mut Conn, entry: &PartEntry) -> Result<Vec<String>, String> {
    let query = sql_query("PRAGMA integrity_check(20)");
    let rows: Vec<Integrity> = on!(&mut *conn, |c| query.load(c)).map_err(|e| e.to_string())?;
    let mut faults: Vec<String> = rows.into_iter().map(|row| row.integrity_check).collect();
    faults.retain(|line| line != "ok");
    let found = belonging(conn, entry.part.database(), true).map_err(|e| e.to_string())?;
    let mut compare = |what: &str, is_same: bool| {
        if !is_same {
            faults.push(format!("its {what} is another than in {MANIFEST}"));
        }
    };
    compare(
        "schema",
        found.schema.and_then(|schema| schema.found) == entry.schema,
    );
    let id = found.installation.map(|(id, _)| id);
    compare("installation", id == entry.installation_id);
    let counts = counts_of(conn, entry.part).map_err(|e| e.to_string())?;
    compare("number of rows", counts == entry.counts);
    Ok(faults)
}

#[cfg(unix)]
fn look_at_modes(directory: &Path, manifest: &Manifest, findings: &mut Findings) {
    use std::os::unix::fs::PermissionsExt;
    let files = manifest.parts.iter().map(PartEntry::file_name);
    let mut paths = vec![directory.to_owned()];
    paths.extend(
        [MANIFEST, ERASURES]
            .into_iter()
            .chain(files)
            .map(|name| directory.join(name)),
    );
    for path in paths {
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            findings.open_files.push(format!(
                "{} has mode {mode:o}, so others than its owner have access; run `chmod go=` on it",
                path.display()
            ));
        }
    }
}

#[cfg(not(unix))]
fn look_at_modes(_directory: &Path, _manifest: &Manifest, _findings: &mut Findings) {}
