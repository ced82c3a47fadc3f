//! Reading and writing a person's record under the person's lock.

use mainstay_domain::record::{Draft, Kind};
use uuid::Uuid;

use super::{Created, Expected, History, RecordWriter, Records, SealedDraft, Stored};
use crate::error::Result;

/// A [`RecordWriter`] that holds its person's lock. Nothing that it reads changes before its transaction ends, except by
/// itself.
pub struct LockedWriter<'w, 'a> {
    pub(super) writer: &'w mut RecordWriter<'a>,
}

impl<'a> LockedWriter<'_, 'a> {
    /// Reads the record.
    pub fn records(&mut self) -> &mut Records<'a> {
        &mut self.writer.records
    }

    /// The writer, for functions that lock by themselves.
    pub fn writer(&mut self) -> &mut RecordWriter<'a> {
        self.writer
    }

    /// Creates a record, as [`RecordWriter::create`].
    pub fn create(&mut self, draft: &Draft) -> Result<Created> {
        self.writer.create(draft)
    }

    /// Replaces a record, as [`RecordWriter::replace`].
    pub fn replace(&mut self, draft: &Draft, expected: &Expected) -> Result<Stored> {
        self.writer.replace(draft, expected)
    }

    /// Deletes a record, as [`RecordWriter::remove`].
    pub fn remove(&mut self, kind: Kind, id: Uuid, expected: &Expected, history: History) -> Result<()> {
        self.writer.remove(kind, id, expected, history)
    }

    /// Marks a record as deleted, as [`RecordWriter::mark_deleted`].
    pub fn mark_deleted(&mut self, draft: &Draft, expected: &Expected, history: History) -> Result<()> {
        self.writer.mark_deleted(draft, expected, history)
    }

    /// Creates a record as [`Self::create`] does, while the rest of the transaction goes on if that is refused.
    ///
    /// # Errors
    /// As [`RecordWriter::create`].
    pub fn try_create(&mut self, new: &mut SealedDraft) -> Result<Created> {
        self.writer.try_create(new)
    }

    /// Creates several records, as [`RecordWriter::create_batch`].
    pub fn create_batch(&mut self, new: &[&SealedDraft]) -> Result<Vec<bool>> {
        self.writer.create_batch(new)
    }

    /// Creates a record that a batch has not stored, as [`RecordWriter::create_after_batch`].
    pub fn create_after_batch(&mut self, new: &mut SealedDraft) -> Result<Created> {
        self.writer.create_after_batch(new)
    }

    /// Runs a part of the work in a savepoint: if it fails, it leaves nothing behind and the transaction goes on.
    pub fn attempt<T>(&mut self, work: impl FnOnce(&mut LockedWriter<'_, 'a>) -> Result<T>) -> Result<T> {
        self.writer.attempt(|writer| work(&mut LockedWriter { writer }))
    }
}
