//! The reasons why a backup is not taken or not restored.

use std::path::{Path, PathBuf};

use crate::{
    engine::{
        postgres_tool::ToolError,
        sqlite_copy::{CopyError, is_full},
    },
    erasure_ledger::LedgerError,
    error::StoreError,
};

/// The reason why a backup was not taken or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something stands in the way, which the text names with what to do.
    #[error("{0}")]
    Refused(String),
    /// The backup is not whole.
    #[error("the backup is not sound:\n  {}", .0.join("\n  "))]
    Faults(Vec<String>),
    /// A program is missing.
    #[error(
        "{tool} is not on the PATH. Install the client programs of PostgreSQL, or run this where they are:\n  {}\n{afterwards}",
        .commands.join("\n  ")
    )]
    ToolMissing {
        /// The program.
        tool: &'static str,
        /// The commands that do the same.
        commands: Vec<String>,
        /// What to do then.
        afterwards: &'static str,
    },
    /// A program of PostgreSQL failed.
    #[error("{0}")]
    Tool(#[from] ToolError),
    /// A dump was not written.
    #[error("{}", describe(.path, .error, .error.is_full()))]
    Dump {
        /// The dump.
        path: PathBuf,
        /// The error.
        error: ToolError,
    },
    /// A database file was not copied.
    #[error("{}", describe(.path, .error, .error.is_full()))]
    Copy {
        /// The copy.
        path: PathBuf,
        /// The error.
        error: CopyError,
    },
    /// A file was not read or written.
    #[error("{}", describe(.path, .error, is_full(.error)))]
    File {
        /// The file.
        path: PathBuf,
        /// The error.
        error: std::io::Error,
    },
    /// The ledger of erasures.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// The databases.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// The result of functions on backups.
pub type Result<T> = std::result::Result<T, BackupError>;

fn describe(path: &Path, error: &dyn std::fmt::Display, is_full: bool) -> String {
    let hint = if is_full {
        " (there is no room; free some, or choose another place)"
    } else {
        ""
    };
    format!("{}: {error}{hint}", path.display())
}

/// Names the file of an error.
pub(crate) fn in_file(path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::File { path, error }
}
