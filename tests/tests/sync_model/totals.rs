//! Counts over histories, which show that the histories were worth proving.

/// Counts over one or more histories.
#[derive(Debug, Default, Clone, Copy)]
pub struct Totals {
    /// Changes on all devices.
    pub changes: usize,
    /// Versions of all records.
    pub versions: i64,
    /// Deleted records.
    pub deleted: usize,
    /// Changes that lost a conflict or were rejected.
    pub lost_edits: usize,
    /// Changes that gave back what a restore had lost.
    pub given_back: usize,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.versions += other.versions;
        self.deleted += other.deleted;
        self.lost_edits += other.lost_edits;
        self.given_back += other.given_back;
    }
}
