//! The one mechanism for every noun of a person's record: create, replay, replace, remove, read, list, history.
//!
//! [`Records`] reads; [`RecordWriter`] reads and writes inside one transaction.

use mainstay_domain::record::Kind;
use uuid::Uuid;

use crate::error::{Result, StoreError};

mod batch_insert;
pub mod bulk;
mod changes;
mod create;
pub mod history;
mod read;
mod stored_response;
mod write;

pub(crate) use batch_insert::BatchInserter;
pub(crate) use changes::{ChangedRow, MAX_TRACKED_CHANGES, changed_after, since};
pub use create::Sealed;
pub use read::Records;
pub(crate) use read::StoredColumns;
pub(crate) use write::NewRow;
pub use write::RecordWriter;

/// A record as it stands, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// Its version, from 1.
    pub version: i64,
    /// The time that orders its collection, in microseconds.
    pub occurred_at: i64,
    /// When it was made, in microseconds.
    pub created_at: i64,
    /// When it was last changed, in microseconds.
    pub updated_at: i64,
    /// Its JSON object without the members that are known here.
    pub body: Vec<u8>,
}

/// How a record came to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New(Stored),
    /// It was sent before; this is how it stands now.
    Replayed(Stored),
}

/// The version that the caller expects a record to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// This one.
    Version(i64),
    /// One of these.
    OneOf(Vec<i64>),
    /// Any.
    Any,
}

impl Expected {
    /// Succeeds if the current version is one that is expected.
    ///
    /// # Errors
    /// [`StoreError::VersionMismatch`].
    pub fn check(self, current: i64) -> Result<()> {
        let is_expected = match self {
            Self::Version(version) => version == current,
            Self::OneOf(versions) => versions.contains(&current),
            Self::Any => true,
        };
        is_expected
            .then_some(())
            .ok_or(StoreError::VersionMismatch { current })
    }
}

/// In which direction a list goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// A part of a collection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Range {
    /// From this time on, in microseconds.
    pub from: Option<i64>,
    /// Before this time, in microseconds.
    pub to: Option<i64>,
    /// Behind this place: time and id of the last record seen.
    pub after: Option<(i64, Uuid)>,
    /// Direction.
    pub order: Order,
    /// Most records to give.
    pub limit: i64,
}

/// A version that was replaced, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The version.
    pub version: i64,
    /// When it was written, in microseconds.
    pub written_at: i64,
    /// When it was replaced, in microseconds.
    pub replaced_at: i64,
    /// The session that replaced it; the server itself if none.
    pub replaced_by: Option<Uuid>,
    /// Its JSON object.
    pub body: Vec<u8>,
}

/// Where the changes of a person stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncState {
    /// The number of the latest change.
    pub rev: i64,
    /// Another one means that the record was restored from a backup.
    pub epoch: i64,
    /// The latest change whose tombstone is gone.
    pub floor_rev: i64,
}

/// A record as the latest change left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The number of the change.
    pub rev: i64,
    /// The collection.
    pub kind: Kind,
    /// The record's id.
    pub id: Uuid,
    /// Its version.
    pub version: i64,
    /// Whether it is deleted.
    pub deleted: bool,
    /// The record, unless it is gone.
    pub record: Option<Stored>,
}

/// What happened in some collections after a number of the person's changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// These records changed, in the order of their changes; none of another collection is among them.
    Changed(Vec<Change>),
    /// So much that reading everything again is no dearer.
    TooMuch,
}
