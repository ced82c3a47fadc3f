//! Stores the records of every noun: create, replay, replace, delete, read, list, history.
//!
//! [`Records`] reads. [`RecordWriter`] writes inside one transaction. [`LockedWriter`] does both under the person's lock.

use mainstay_domain::record::Kind;
use uuid::Uuid;

use crate::{
    error::{Result, StoreError},
    key::scope::VersionTag,
};

mod batch_insert;
mod budget;
pub mod bulk;
mod changes;
mod columns;
mod create;
pub mod history;
pub(crate) mod insert;
mod keyed;
mod locked;
mod page;
pub(crate) mod parts;
mod purge;
mod read;
mod write;

pub(crate) use batch_insert::BatchInserter;
pub(crate) use changes::{MAX_TRACKED_CHANGES, changed_after, since};
pub(crate) use columns::{ChangedRow, StoredColumns};
pub use create::SealedDraft;
pub(crate) use insert::NewRow;
pub use keyed::KeyedRecords;
pub use locked::LockedWriter;
pub use parts::Part;
pub use purge::History;
pub use read::Records;
pub use write::RecordWriter;

/// The present version of a record, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// Its version, from 1.
    pub version: i64,
    /// The epoch of the person's record.
    pub epoch: i64,
    /// The number of the person's change that wrote this version. `None` if this call has just written it.
    pub rev: Option<i64>,
    /// The time that orders its collection, in microseconds.
    pub occurred_at: i64,
    /// When it was created, in microseconds.
    pub created_at: i64,
    /// When it was last changed, in microseconds.
    pub updated_at: i64,
    /// Its JSON object, without the members that are fields here.
    pub body: Vec<u8>,
}

impl Stored {
    /// What tells this version from every other one that the record ever had.
    pub fn tag(&self) -> VersionTag {
        VersionTag {
            version: self.version,
            epoch: self.epoch,
        }
    }
}

/// The outcome of creating a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New(Stored),
    /// It was created before. This is its present version.
    Replayed(Stored),
}

/// The version that the caller expects a record to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// This one, for callers who know it from the same epoch.
    Version(i64),
    /// One of these.
    OneOf(Vec<VersionTag>),
    /// Any.
    Any,
}

impl Expected {
    /// Succeeds if the current version is one that is expected.
    ///
    /// # Errors
    /// [`StoreError::VersionMismatch`].
    pub fn check(&self, current: VersionTag) -> Result<()> {
        let is_expected = match self {
            Self::Version(version) => *version == current.version,
            Self::OneOf(tags) => tags.contains(&current),
            Self::Any => true,
        };
        is_expected.then_some(()).ok_or(StoreError::VersionMismatch {
            current: current.version,
        })
    }
}

/// The direction of a list.
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
    /// After this record, by its time and id.
    pub after: Option<(i64, Uuid)>,
    /// Direction.
    pub order: Order,
    /// At most this many records.
    pub limit: i64,
}

/// An earlier version of a record, opened.
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

/// How far the changes of a person have come, for sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncState {
    /// The number of the latest change.
    pub rev: i64,
    /// The epoch; it changes when the record is restored from a backup.
    pub epoch: i64,
    /// The number of the latest change whose tombstone has been swept.
    pub floor_rev: i64,
}

/// The latest change of a record.
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
    /// When the record was created, in microseconds.
    pub created_at: i64,
    /// The record, unless it was deleted without a mark.
    pub record: Option<Stored>,
}

/// The changes of some collections since an earlier revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// The changed records of those collections, in the order of their changes.
    Changed(Vec<Change>),
    /// There are so many changes that reading everything again costs no more.
    TooMuch,
}
