//! Why a call to the store did not succeed. The caller decides what that means to its own caller.

use mainstay_domain::{record::Kind, value::validation::Finding};
use uuid::Uuid;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such record, or it was deleted.
    #[error("no such record")]
    NotFound,
    /// The record has another version than the caller expects.
    #[error("the record is at version {current}")]
    VersionMismatch {
        /// The version it has.
        current: i64,
    },
    /// The id names a record with other content.
    #[error("the id is taken by other content")]
    IdConflict,
    /// The id names a record that was deleted.
    #[error("the id is that of a deleted record")]
    IdDeleted,
    /// Another record holds the slot.
    #[error("the slot is taken")]
    SlotTaken {
        /// The record that holds it.
        id: Uuid,
    },
    /// The record cannot be changed any more.
    #[error("the record cannot be changed")]
    Final,
    /// The input does not fit what is stored: unknown references, or rules that a change must keep.
    #[error("{} findings", .0.len())]
    Findings(Vec<Finding>),
    /// Another account has the address.
    #[error("the address is taken")]
    EmailTaken,
    /// A request of that name is still running.
    #[error("a request of that name is running")]
    KeyInUse,
    /// The name of a request was used for another one.
    #[error("the name was used for another request")]
    KeyReused,
    /// Too much is waiting; try again shortly.
    #[error("too much is waiting")]
    Busy,
    /// The database does not answer.
    #[error("the database is out of reach: {0}")]
    Unavailable(String),
    /// The write may have happened, or not: the connection was lost, or the disk failed, while it was being committed.
    /// Nothing outside of the transaction may be undone because of it. Sending the same request again is safe.
    #[error("the outcome of the write is unknown: {0}")]
    OutcomeUnknown(String),
    /// A sealed value does not open: wrong key, or moved or altered bytes.
    #[error("a sealed value of {0} does not open")]
    Sealed(&'static str),
    /// Anything else of the database.
    #[error("database: {0}")]
    Database(diesel::result::Error),
    /// A fault of our own.
    #[error("internal: {0}")]
    Internal(String),
}

impl StoreError {
    /// The same error for another caller of the same batch.
    pub(crate) fn repeated(&self) -> Self {
        match self {
            Self::Unavailable(cause) => Self::Unavailable(cause.clone()),
            Self::OutcomeUnknown(cause) => Self::OutcomeUnknown(cause.clone()),
            other => Self::Internal(other.to_string()),
        }
    }

    /// A stored record that is none of its collection. The parser's own words may hold what a person wrote.
    pub fn unreadable(kind: Kind, error: &serde_json::Error) -> Self {
        Self::Internal(format!(
            "a stored {} cannot be read: {:?} at {}:{}",
            kind.singular(),
            error.classify(),
            error.line(),
            error.column()
        ))
    }
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error};
        match &error {
            Error::NotFound => Self::NotFound,
            Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                info,
            ) => Self::Unavailable(info.message().to_owned()),
            _ => Self::Database(error),
        }
    }
}

/// What the store's functions give back.
pub type Result<T> = std::result::Result<T, StoreError>;
