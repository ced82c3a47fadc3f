//! The errors of the store. The caller decides what each means to its own caller.

use std::path::PathBuf;

use mainstay_domain::{
    account::quota::Exceeded, invitation::InvitationStatus, record::Kind, value::validation::Finding,
};
use uuid::Uuid;

/// The reason why a call to the store did not succeed.
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
    /// The id belongs to a record with other content.
    #[error("the id is taken by other content")]
    IdConflict,
    /// The id belongs to a deleted record.
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
    /// The input does not fit the stored record: unknown references, or a change that breaks a rule.
    #[error("{} findings", .0.len())]
    Findings(Vec<Finding>),
    /// The write would exceed a budget of the account. Nothing of it was stored.
    #[error("a budget of the account is used up: {}", .exceeded.budget.as_str())]
    QuotaExceeded {
        /// The budget with its limit.
        exceeded: Exceeded,
        /// The seconds until the budget begins anew, for one that does so by itself.
        retry_after: Option<i64>,
    },
    /// The person has as many of these as are kept.
    #[error("the person has {limit} of them, and no more are kept")]
    TooMany {
        /// How many are kept.
        limit: i64,
    },
    /// What someone who helps gives, or the answer to it, cannot be taken now. Nothing of it was stored.
    #[error("{0}")]
    Contribution(ContributionRefusal),
    /// Another account has the address.
    #[error("the address is taken")]
    EmailTaken,
    /// The invite has no use left, has ended, or was revoked.
    #[error("the invite is not good any more")]
    InviteInvalid,
    /// The invitation does not allow the step as it stands.
    #[error("the invitation is {}", .status.as_str())]
    InvitationStatus {
        /// Where it stands.
        status: InvitationStatus,
    },
    /// The person has as many invitations as can be, pending ones or all.
    #[error("the person has too many invitations")]
    TooManyInvitations,
    /// A request with that `Idempotency-Key` is still running.
    #[error("a request with that key is running")]
    KeyInUse,
    /// The `Idempotency-Key` was used for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// A queue is full, or no turn came in time. Trying again shortly helps.
    #[error("too many requests are waiting")]
    Busy,
    /// The database does not answer.
    #[error("the database is out of reach: {0}")]
    Unavailable(String),
    /// The write may have happened, or not: the connection was lost, or the disk failed, while it was being committed.
    /// Nothing outside of the transaction may be undone because of it. Sending the same request again is safe.
    #[error("the outcome of the write is unknown: {0}")]
    OutcomeUnknown(String),
    /// A sealed value does not open: another key, or bytes that were moved or altered.
    #[error("a sealed value of {0} does not open")]
    Sealed(&'static str),
    /// A newer binary has migrated the database.
    #[error(
        "{database} has schema {found}, which a newer version has made; this version knows schemas up to {known}: run the newer \
         version, or restore a backup from before it"
    )]
    NewerSchema {
        /// The database: `the record` or `the key store`.
        database: &'static str,
        /// The latest schema that it has.
        found: String,
        /// The latest schema that this binary knows.
        known: String,
    },
    /// The record, the key store and the master key do not belong together.
    #[error("{0}")]
    Mismatched(Mismatch),
    /// The ledger of erasures cannot be read or written.
    #[error("{0}")]
    Ledger(String),
    /// The person's account was erased while the request was under way.
    #[error("the account was erased")]
    PersonGone,
    /// Any other error of the database.
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

    /// The error for a stored record that is not valid JSON of its collection. The parser's own message is left out, since
    /// it may quote the record.
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

/// Why something that a helper gives, or an answer to it, cannot be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContributionRefusal {
    /// The proposal was accepted, declined or withdrawn already.
    #[error("the proposal is not open any more")]
    Decided,
    /// The plan has another number than the one that was seen.
    #[error("the plan is at number {latest}")]
    OtherNumber {
        /// The number that it has.
        latest: i64,
    },
    /// So many of them wait for the person's decision that there is no room for another.
    #[error("too many wait for a decision")]
    TooMany,
    /// The person has as many of them for one day as a day has room for.
    #[error("enough for today")]
    EnoughToday {
        /// The seconds until the person's next day.
        retry_after: i64,
    },
}

/// How a record, a key store and a master key do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A record with accounts has an empty key store, or none.
    #[error(
        "the record has accounts, but its key store is empty or missing: put the key store back, from a backup if it is lost; \
         without it nobody's data can be read"
    )]
    KeyStoreIsEmpty,
    /// A key store with keys has an empty record, or none.
    #[error(
        "the key store has keys, but its record is empty or missing: put the record back, from a backup if it is lost; to begin \
         anew, move the key store away too"
    )]
    RecordIsEmpty,
    /// The key store has the id of another installation than the record.
    #[error(
        "the key store belongs to installation {keys}, and the record to installation {record}: set the key store of this record"
    )]
    OtherInstallation {
        /// The installation of the record.
        record: Uuid,
        /// The installation of the key store.
        keys: Uuid,
    },
    /// Neither database has an id yet, and the key store has no key of the record's accounts.
    #[error("the key store has no key of the record's accounts: set the key store of this record")]
    OtherKeys,
    /// The master key is not the one of the key store.
    #[error(
        "the key store needs master key {needed}, and the file of the master key holds {found}: put the right master key into the file"
    )]
    OtherMasterKey {
        /// The id of the master key that is needed.
        needed: String,
        /// The ids of the master keys in the file.
        found: String,
    },
    /// A restore into a PostgreSQL database has not ended.
    #[error(
        "a restore into {0} has not ended: repeat it; or drop the database, create it again, and restore"
    )]
    UnfinishedRestore(&'static str),
    /// A restore of an SQLite file has not ended.
    #[error("a restore has not ended: repeat it; or, to begin anew without it, remove {}", .0.display())]
    UnfinishedFile(PathBuf),
}

/// The result of the store's functions.
pub type Result<T> = std::result::Result<T, StoreError>;
