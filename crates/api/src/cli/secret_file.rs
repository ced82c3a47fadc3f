//! Files that hold secrets: reading them, making them, and replacing them as a whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// Reads a file of secrets. The text is wiped from memory when it is dropped.
///
/// # Errors
/// Names the file that cannot be read.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, String> {
    fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// Writes a secret to a new file that only its owner can read. An existing file is never replaced.
///
/// # Errors
/// The error of the file system, also if the file exists.
pub fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Replaces the content of a file of secrets. Whenever it is read or the power fails, the file is there, with either the old
/// content or the new. Owner and group stay. Only the owner can read it, and its group if it could before.
///
/// # Errors
/// The error of the file system. The file is as it was then.
pub fn replace_secret(path: &Path, text: &str) -> std::io::Result<()> {
    // A link stays a link, and the file that it leads to is replaced.
    let path = fs::canonicalize(path)?;
    let beside = temporary_path(&path);
    // Of a command that was killed.
    let _ = fs::remove_file(&beside);
    let replaced = write_secret(&beside, text)
        .and_then(|()| take_over_access(&path, &beside))
        .and_then(|()| fs::rename(&beside, &path));
    if let Err(error) = replaced {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    sync_directory(&path)
}

/// Replaces the content of a file of secrets as [`replace_secret`] does, and overwrites the bytes of the old file. Whether the
/// disk overwrites them is beyond a program: some write every change to another place.
///
/// # Errors
/// The error of the file system. If the file was replaced by then, it has the new content.
pub fn replace_and_destroy_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut old = OpenOptions::new().write(true).open(path)?;
    let length = old.metadata()?.len();
    replace_secret(path, text)?;
    std::io::copy(&mut std::io::repeat(0).take(length), &mut old)?;
    old.sync_all()
}

/// A hidden file in the same folder, so that it can be renamed.
fn temporary_path(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// Gives a new file the owner, the group and the permissions of an old one, except those of other users.
#[cfg(unix)]
fn take_over_access(old: &Path, new: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let (old, made) = (fs::metadata(old)?, fs::metadata(new)?);
    if (old.uid(), old.gid()) != (made.uid(), made.gid()) {
        chown(new, Some(old.uid()), Some(old.gid()))?;
    }
    fs::set_permissions(new, fs::Permissions::from_mode(0o600 | (old.mode() & 0o040)))?;
    File::open(new)?.sync_all()
}

#[cfg(not(unix))]
fn take_over_access(_old: &Path, _new: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Makes a renamed file last.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    if cfg!(unix)
        && let Some(directory) = path.parent()
    {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_replaced_file_keeps_its_links_and_never_lets_other_users_read() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("key"), directory.path().join("link"));
        write_secret(&file, "old").unwrap();
        assert_eq!(mode(&file), 0o600);
        assert!(write_secret(&file, "again").is_err());
        symlink(&file, &link).unwrap();
        for (before, after) in [(0o600, 0o600), (0o400, 0o600), (0o640, 0o640), (0o644, 0o640)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(before)).unwrap();
            // What a killed command left behind is in nobody's way.
            fs::write(directory.path().join(".key.new"), "half").unwrap();
            replace_secret(&link, &format!("{before}")).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{before}"));
            assert_eq!(mode(&file), after);
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_bytes_of_a_destroyed_secret_are_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let (file, copy) = (directory.path().join("key"), directory.path().join("copy"));
        write_secret(&file, "new\nold\n").unwrap();
        // The old file lives on under another name.
        fs::hard_link(&file, &copy).unwrap();
        replace_and_destroy_secret(&file, "new\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new\n");
        assert_eq!(fs::read(&copy).unwrap(), [0; 8]);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        assert!(replace_secret(&directory.path().join("none"), "text").is_err());
        // A folder in the place of the temporary file.
        let file = directory.path().join("key");
        write_secret(&file, "old").unwrap();
        fs::create_dir(directory.path().join(".key.new")).unwrap();
        assert!(replace_secret(&file, "new").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    }
}
