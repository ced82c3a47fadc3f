//! Restores a backup: one directory, or two if its parts are kept apart.
//!
//! Everything is checked before anything is written. SQLite files are prepared under another name and get theirs at the
//! end, the key store before the record: a key store without its record is not served. A PostgreSQL database has a mark
//! until the restore has ended, and is not served with it. So a restore that was broken off can be repeated.

use std::{fs, path::PathBuf};

use super::{
    finish::{Epochs, Options, Report, check_belonging, end_unfinished, finish, known_erasures, lock},
    target::{Target, unfinished},
};
use crate::{
    Locations,
    backup::{
        error::{BackupError, Result, in_file},
        manifest::{ERASURES, EngineName, Manifest, Part},
        replace_private,
        verify::verify,
    },
    engine::{
        connection::{DatabaseUrl, connect_to_inspect},
        postgres_tool, single,
    },
    erasure_ledger::{Erasure, ErasureLedger},
    error::{Mismatch, StoreError},
    installation::{Belonging, belonging, look, refuse_unfinished},
    key::master_key::hex,
};

/// A backup to restore.
pub struct Request<'a> {
    /// Where the databases are to be.
    pub locations: &'a Locations,
    /// The directories of the backup.
    pub directories: &'a [PathBuf],
    /// The parts to restore; all that the directories have if empty.
    pub parts: &'a [Part],
    /// What else to do.
    pub options: Options<'a>,
}

/// A directory with its manifest.
struct Backup<'a> {
    directory: &'a PathBuf,
    manifest: Manifest,
}

/// Restores a backup.
///
/// # Errors
/// [`BackupError`].
pub fn restore(request: &Request<'_>) -> Result<Report> {
    let _locks = lock(request.locations)?;
    let backups = verify_all(request.directories)?;
    let mut erasures = known_erasures(&request.options)?;
    for backup in &backups {
        erasures.extend(ErasureLedger::at(&backup.directory.join(ERASURES)).read_existing()?);
    }
    let mut targets = targets(request, &backups)?;
    end_finished(request, &targets)?;
    let stays = check_all(request, &mut targets)?;
    write(request, &targets, stays, erasures)
}

fn verify_all(directories: &[PathBuf]) -> Result<Vec<Backup<'_>>> {
    let (mut backups, mut faults) = (Vec::new(), Vec::new());
    for directory in directories {
        let findings = verify(directory);
        faults.extend(findings.faults);
        backups.extend(findings.manifest.map(|manifest| Backup { directory, manifest }));
    }
    if faults.is_empty() {
        Ok(backups)
    } else {
        Err(BackupError::Faults(faults))
    }
}

fn targets<'a>(request: &Request<'a>, backups: &'a [Backup<'a>]) -> Result<Vec<Target<'a>>> {
    let mut targets: Vec<Target<'a>> = Vec::new();
    for part in Part::ALL {
        if !request.parts.is_empty() && !request.parts.contains(&part) {
            continue;
        }
        let mut found = backups
            .iter()
            .filter_map(|backup| Some((backup.directory, backup.manifest.part(part)?)));
        let Some((directory, entry)) = found.next() else {
            continue;
        };
        if found.next().is_some() {
            return Err(BackupError::Refused(format!(
                "both directories have {}: give `--part`, or the directory of each part",
                part.name()
            )));
        }
        targets.push(Target {
            part,
            entry,
            source: directory.join(entry.file_name()),
            url: part.url(request.locations),
        });
    }
    if targets.is_empty() {
        return Err(BackupError::Refused(
            "the backup does not have that part".to_owned(),
        ));
    }
    Ok(targets)
}

/// Checks everything before the first byte is written. Removes the key store from the targets if an earlier restore has
/// put it in its place. Gives the part that stays, if one does.
fn check_all(request: &Request<'_>, targets: &mut Vec<Target<'_>>) -> Result<Option<Part>> {
    leave_out_finished_keys(request, targets)?;
    for target in targets.iter() {
        target.check_free()?;
    }
    check_tools(targets)?;
    let stays = Part::ALL
        .into_iter()
        .find(|part| targets.iter().all(|target| target.part != *part));
    let surviving = stays.map(|part| surviving(request, part)).transpose()?;
    let ids = targets.iter().map(|target| target.entry.installation_id);
    let ids: Vec<_> = ids
        .chain(surviving.map(|found| found.installation.map(|(id, _)| id)))
        .collect();
    if let [Some(record), Some(keys)] = ids.as_slice()
        && record != keys
    {
        let (record, keys) = if stays == Some(Part::Record) {
            (keys, record)
        } else {
            (record, keys)
        };
        let (record, keys) = (*record, *keys);
        return Err(StoreError::Mismatched(Mismatch::OtherInstallation { record, keys }).into());
    }
    check_master_key(request, targets, stays)?;
    Ok(stays)
}

/// Removes what an earlier restore of the same backup has left that was broken off at its very end: everything is in place.
///
/// # Errors
/// [`BackupError::Refused`] says so.
fn end_finished(request: &Request<'_>, targets: &[Target<'_>]) -> Result<()> {
    let (DatabaseUrl::Sqlite(record), DatabaseUrl::Sqlite(keys)) =
        (&request.locations.data, &request.locations.keys)
    else {
        return Ok(());
    };
    let mark = unfinished(record);
    let Ok(backup) = fs::read_to_string(&mark) else {
        return Ok(());
    };
    let is_same = targets
        .iter()
        .any(|target| target.part == Part::Keys && target.entry.file.sha256 == backup);
    if is_same && record.exists() && keys.exists() {
        fs::remove_file(&mark).map_err(in_file(&mark))?;
        return Err(BackupError::Refused(
            "this restore had ended before it was broken off: everything is in place, and the server can be started".to_owned(),
        ));
    }
    Ok(())
}

/// Leaves out the key store if an earlier restore of the same backup was broken off after it got its name. It is complete
/// then: epochs were raised and erasures replayed before.
fn leave_out_finished_keys(request: &Request<'_>, targets: &mut Vec<Target<'_>>) -> Result<()> {
    let (DatabaseUrl::Sqlite(record), DatabaseUrl::Sqlite(keys)) =
        (&request.locations.data, &request.locations.keys)
    else {
        if let [record, keys] = targets.as_slice()
            && record.is_marked_for_this_backup()?
            && keys.is_complete()?
        {
            targets.truncate(1);
        }
        return Ok(());
    };
    let backup = fs::read_to_string(unfinished(record)).unwrap_or_default();
    let is_same = |target: &Target<'_>| target.part == Part::Keys && target.entry.file.sha256 == backup;
    if targets.len() == Part::ALL.len() && keys.exists() && !record.exists() {
        targets.retain(|target| !is_same(target));
    }
    Ok(())
}

fn check_tools(targets: &[Target<'_>]) -> Result<()> {
    let on_server = |target: &&Target<'_>| target.entry.engine == EngineName::Postgresql;
    let targets: Vec<_> = targets.iter().filter(on_server).collect();
    if targets.is_empty() || postgres_tool::is_there("pg_restore") {
        return Ok(());
    }
    let commands = targets.iter().map(|target| {
        format!(
            "pg_restore --single-transaction --no-owner --no-privileges --dbname=\"${}\" '{}'",
            target.part.variable(),
            target.source.display()
        )
    });
    Err(BackupError::ToolMissing {
        tool: "pg_restore",
        commands: commands.collect(),
        afterwards: "Then run `mainstay restore --declare --erasures FILE` with the erasures.jsonl of the backup.",
    })
}

/// The database of the part that the backup does not replace.
fn surviving(request: &Request<'_>, part: Part) -> Result<Belonging> {
    let url = part.url(request.locations);
    let conn = connect_to_inspect(url).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    let Some(mut conn) = conn else {
        return Err(missing(part));
    };
    refuse_unfinished(&mut conn, part.database())?;
    let found = belonging(&mut conn, part.database(), true)?;
    let schema = found.schema.as_ref();
    schema.map_or(Ok(()), |schema| schema.refuse_newer(part.database()))?;
    if schema.is_none_or(|schema| schema.found.is_none()) {
        return Err(missing(part));
    }
    Ok(found)
}

fn missing(part: Part) -> BackupError {
    BackupError::Refused(format!(
        "one part alone is put back beside the other, but {} is empty or missing: put back both parts at once",
        part.name()
    ))
}

/// Fails if the file of the master key does not have every key that the key store needs.
fn check_master_key(request: &Request<'_>, targets: &[Target<'_>], stays: Option<Part>) -> Result<()> {
    let found: Vec<String> = request.options.master.ids().iter().map(|id| hex(id)).collect();
    let mut needed = Vec::new();
    if stays == Some(Part::Keys) {
        let url = &request.locations.keys;
        let mut conn = connect_to_inspect(url).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        needed.extend(look(None, conn.as_mut())?.master_key_id.map(|id| hex(&id)));
    }
    for target in targets.iter().filter(|target| target.part == Part::Keys) {
        needed.extend(target.entry.master_key_ids.iter().cloned());
    }
    needed.retain(|id| !found.contains(id));
    if needed.is_empty() {
        return Ok(());
    }
    Err(StoreError::Mismatched(Mismatch::OtherMasterKey {
        needed: needed.join(" and "),
        found: found.join(", "),
    })
    .into())
}

fn write(
    request: &Request<'_>,
    targets: &[Target<'_>],
    stays: Option<Part>,
    erasures: Vec<Erasure>,
) -> Result<Report> {
    for target in targets {
        target.mark()?;
    }
    let mut urls = (request.locations.data.clone(), request.locations.keys.clone());
    for target in targets {
        let filled = target.fill()?;
        match target.part {
            Part::Record => urls.0 = filled,
            Part::Keys => urls.1 = filled,
        }
    }
    let report = {
        // Before a part that stays is migrated.
        check_belonging(&urls.0, &urls.1, request.options.master)?;
        let (mut data, mut keys) = (single(&urls.0)?, single(&urls.1)?);
        let epochs = match stays {
            Some(Part::Record) => Epochs::Keep,
            _ => Epochs::Raise,
        };
        finish(&mut data, &mut keys, &request.options, erasures, epochs)?
    };
    put_in_place(request, targets)?;
    for target in targets.iter().rev() {
        end_unfinished(target.url)?;
    }
    Ok(report)
}

/// Gives prepared files their names, the key store first.
fn put_in_place(request: &Request<'_>, targets: &[Target<'_>]) -> Result<()> {
    let DatabaseUrl::Sqlite(record) = &request.locations.data else {
        return targets.iter().try_for_each(Target::put_in_place);
    };
    let unfinished = unfinished(record);
    for target in targets.iter().rev() {
        if target.part == Part::Keys && targets.len() == Part::ALL.len() {
            replace_private(&unfinished, target.entry.file.sha256.as_bytes())?;
        }
        target.put_in_place()?;
    }
    if unfinished.exists() {
        fs::remove_file(&unfinished).map_err(in_file(&unfinished))?;
    }
    Ok(())
}
