//! The work of a push. A change of a few bytes may open, replace and answer a record of a megabyte, and a push holds many.

use std::cell::Cell;

/// A push begins no further change after it has handled so many bytes of stored records: as many as two pushes of new
/// records can hold. Others wait for its transaction.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The bytes of stored records that a push has opened, written or answered.
#[derive(Debug, Default)]
pub(super) struct Work(Cell<usize>);

impl Work {
    /// Adds the bytes of a record.
    pub fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes));
    }

    /// Whether the push may begin another change. It always may begin its first.
    pub fn is_over(&self) -> bool {
        self.0.get() > MAX_BYTES
    }
}
