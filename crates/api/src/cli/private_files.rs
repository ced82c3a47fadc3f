//! Files and folders of the data, which no other user may read or write.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use mainstay_store::DatabaseUrl;

use crate::{cli::settings::Settings, server::checkpoints::CheckpointTarget};

/// How deep folders in the data directory are looked into.
const MAX_DEPTH: usize = 8;
/// How many names a message has. The others are counted.
const MAX_NAMED: usize = 10;
/// What `SQLite` keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What other users may reach of the data.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// Files.
    pub files: Vec<PathBuf>,
    /// Folders.
    pub folders: Vec<PathBuf>,
}

impl Exposed {
    /// Says what is exposed, and what to do. `None` if nothing is.
    pub fn message(&self) -> Option<String> {
        let files = (!self.files.is_empty()).then(|| {
            format!(
                "other users may reach {}; `mainstay serve` makes them private, or run `chmod 600` on them",
                named(&self.files)
            )
        });
        let folders = (!self.folders.is_empty()).then(|| {
            format!(
                "other users may enter {}; run `chmod 700` on it",
                named(&self.folders)
            )
        });
        match (files, folders) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some(one),
            (Some(files), Some(folders)) => Some(format!("{files}; {folders}")),
        }
    }
}

/// Takes the access of others from the files of the data, and says so. Folders that were there before stay as they are, since
/// others may have business there; the log names them.
pub fn make_private(settings: &Settings) {
    let exposed = find_exposed(settings);
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for file in exposed.files {
        match restrict(&file) {
            Ok(()) => done.push(file),
            Err(error) => refused.push(format!("{}: {error}", file.display())),
        }
    }
    if !done.is_empty() {
        log::warn!(
            "other users could reach {}, which is for its owner only now",
            named(&done)
        );
    }
    for refusal in refused {
        log::warn!(
            "other users may reach a file of the data, and its permissions cannot be changed: {refusal}"
        );
    }
    for folder in exposed.folders {
        log::warn!(
            "other users may enter {}; run `chmod 700` on it",
            folder.display()
        );
    }
}

/// Finds what other users may reach. Changes nothing.
pub fn find_exposed(settings: &Settings) -> Exposed {
    let mut files = BTreeSet::new();
    let mut folders = BTreeSet::from([settings.data_dir.clone()]);
    collect(&settings.data_dir, MAX_DEPTH, &mut files);
    for url in [&settings.database, &settings.keys] {
        if let DatabaseUrl::Sqlite(path) = url {
            files.insert(path.clone());
            for companion in COMPANIONS {
                let mut name = path.clone().into_os_string();
                name.push(companion);
                files.insert(name.into());
            }
            folders.extend(
                path.parent()
                    .filter(|p| !p.as_os_str().is_empty())
                    .map(Path::to_owned),
            );
        }
    }
    files.insert(settings.erasure_ledger.clone());
    if let CheckpointTarget::File(path) = &settings.audit.checkpoints {
        files.insert(path.clone());
    }
    let mut exposed: Vec<PathBuf> = files.into_iter().filter(|file| is_open(file, 0o077)).collect();
    // A key that a setting names may be there for a group, as where a system hands out secrets.
    for key in [&settings.master_key, &settings.signing_key] {
        if !exposed.contains(&key.path) && is_open(&key.path, 0o007) {
            exposed.push(key.path.clone());
        }
    }
    Exposed {
        files: exposed,
        // A group may be there for a reason, as on volumes of Kubernetes. The files are not for it.
        folders: folders
            .into_iter()
            .filter(|folder| is_open(folder, 0o007))
            .collect(),
    }
}

/// Collects the files of a folder and of those in it. Links are not followed.
fn collect(folder: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => collect(&entry.path(), depth - 1, files),
            Ok(kind) if kind.is_file() => drop(files.insert(entry.path())),
            _ => {}
        }
    }
}

/// Whether a file or folder is there and has one of these permissions.
#[cfg(unix)]
fn is_open(path: &Path, permissions: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.mode() & permissions != 0)
}

#[cfg(not(unix))]
fn is_open(_path: &Path, _permissions: u32) -> bool {
    false
}

/// Leaves the permissions of the owner alone.
#[cfg(unix)]
fn restrict(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let mode = fs::metadata(file)?.mode();
    fs::set_permissions(file, fs::Permissions::from_mode(mode & 0o700))
}

#[cfg(not(unix))]
fn restrict(_file: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Names some paths, and counts the others.
fn named(paths: &[PathBuf]) -> String {
    let mut names: Vec<String> = paths
        .iter()
        .take(MAX_NAMED)
        .map(|path| path.display().to_string())
        .collect();
    if let Some(others) = paths.len().checked_sub(MAX_NAMED).filter(|others| *others > 0) {
        names.push(format!("{others} more"));
    }
    names.join(", ")
}
