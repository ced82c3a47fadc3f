//! Watches the files of the keys, so that a running server takes over keys that were replaced.
//!
//! A file that cannot be read, or that lacks a master key in use, changes nothing but the log.

use std::{
    fs::Metadata,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use mainstay_store::{MasterKeys, Store, StoreError};
use zeroize::Zeroizing;

use crate::auth::access_token::Tokens;

/// The files that the keys of a server are read from.
#[derive(Debug, Clone)]
pub struct KeyFiles {
    /// The file of the master keys.
    pub master_key: PathBuf,
    /// The file of the signing keys.
    pub signing_key: PathBuf,
}

/// Watches the files of the keys.
pub struct KeyWatch {
    master_key: WatchedFile,
    signing_key: WatchedFile,
}

impl KeyWatch {
    /// Watches these files.
    pub fn new(files: KeyFiles) -> Self {
        Self {
            master_key: WatchedFile::new(files.master_key),
            signing_key: WatchedFile::new(files.signing_key),
        }
    }

    /// Looks at both files, and takes over the keys of those that have changed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and the like, if the key store cannot be asked which master keys are in use. The next call
    /// tries again.
    pub async fn look(&self, store: &Store, tokens: &Tokens) -> Result<(), StoreError> {
        let looked = self.look_at_master_key(store).await;
        store.keep_master_keys();
        self.look_at_signing_key(tokens).await;
        looked
    }

    async fn look_at_master_key(&self, store: &Store) -> Result<(), StoreError> {
        let Some(text) = self.master_key.changed().await else {
            return Ok(());
        };
        let path = self.master_key.path.display();
        let keys = match text.and_then(|text| MasterKeys::parse(&text)) {
            Ok(keys) => keys,
            Err(fault) => {
                log::warn!("the master keys stay as they are, since {path} cannot be used: {fault}");
                return Ok(());
            }
        };
        match store.replace_master_keys(keys).await {
            Ok(true) => log::info!("the master keys were read again from {path}"),
            Ok(false) => {}
            Err(StoreError::Mismatched(mismatch)) => {
                log::warn!("the master keys stay as they are, since {path} lacks one in use: {mismatch}");
            }
            Err(error) => {
                self.master_key.forget();
                return Err(error);
            }
        }
        Ok(())
    }

    async fn look_at_signing_key(&self, tokens: &Tokens) {
        let Some(text) = self.signing_key.changed().await else {
            return;
        };
        let path = self.signing_key.path.display();
        match text.and_then(|text| tokens.replace(&text)) {
            Ok(true) => log::info!("the signing keys were read again from {path}"),
            Ok(false) => {}
            Err(fault) => {
                log::warn!("the signing keys stay as they are, since {path} cannot be used: {fault}");
            }
        }
    }
}

/// A file with what was last known of it.
struct WatchedFile {
    path: PathBuf,
    seen: Mutex<Option<Stamp>>,
}

/// What tells a changed file from an unchanged one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stamp {
    Missing,
    File {
        modified: Option<SystemTime>,
        length: u64,
        inode: u64,
    },
}

impl WatchedFile {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: Mutex::new(None),
        }
    }

    /// The text of the file, if it has changed since the last call. The first call always gives it.
    async fn changed(&self) -> Option<Result<Zeroizing<String>, String>> {
        let (path, before) = (self.path.clone(), self.seen().clone());
        // The file may be on a disk that does not answer.
        let look = tokio::task::spawn_blocking(move || {
            // Before the text: what is written after it makes the next look find another stamp.
            let stamp = stamp(&path);
            let has_changed = before.as_ref() != Some(&stamp);
            has_changed.then(|| (stamp, read(&path)))
        });
        let (stamp, text) = look.await.ok()??;
        *self.seen() = Some(stamp);
        Some(text)
    }

    /// Makes the next look read the file again.
    fn forget(&self) {
        *self.seen() = None;
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Option<Stamp>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|e| e.to_string())
}

fn stamp(path: &Path) -> Stamp {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Stamp::Missing;
    };
    Stamp::File {
        modified: metadata.modified().ok(),
        length: metadata.len(),
        inode: inode(&metadata),
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}
