//! The pull: a page of what changed since the cursor.

use mainstay_store::{Change, Records, StoreError, Stored, SyncState};
use serde_json::value::RawValue;

use super::SyncChange;
use crate::record::encode;

/// A page ends before it becomes larger than this, in bytes, unless one record alone is larger.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// A page of changes.
pub(super) struct Pulled {
    /// Where the person's changes stand.
    pub sync_state: SyncState,
    changes: Vec<Change>,
    /// The number of the last change on the page.
    pub upto: i64,
    /// Whether there are more.
    pub has_more: bool,
}

impl Pulled {
    /// The changes as they are answered.
    pub fn on_the_wire(&self) -> Result<Vec<SyncChange>, StoreError> {
        let changes = self.changes.iter().map(|change| {
            Ok(SyncChange {
                kind: change.kind.path().to_owned(),
                id: change.id,
                version: change.version,
                deleted: change.deleted,
                record: change.record.as_ref().map(value).transpose()?,
            })
        });
        changes.collect()
    }
}

/// Where the person's changes stand.
pub(super) fn sync_state(records: &mut Records<'_>) -> Result<SyncState, StoreError> {
    records.sync_state()
}

/// The changes behind that number, as many as a page holds.
pub(super) fn pull(records: &mut Records<'_>, after: i64, limit: i64) -> Result<Pulled, StoreError> {
    let sync_state = records.sync_state()?;
    let mut changes = records.changes(after, limit + 1)?;
    let mut has_more = i64::try_from(changes.len()).unwrap_or(i64::MAX) > limit;
    changes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut bytes = 0;
    let fitting = changes.iter().position(|change| {
        bytes += change
            .record
            .as_ref()
            .map_or(100, |stored| stored.body.len() + 300);
        bytes > PAGE_BYTES
    });
    if let Some(fitting) = fitting {
        has_more |= fitting.max(1) < changes.len();
        changes.truncate(fitting.max(1));
    }
    let upto = changes.last().map_or(after, |change| change.rev);
    Ok(Pulled {
        sync_state,
        changes,
        upto,
        has_more,
    })
}

/// A record as it is answered, which needs no reading to be passed on.
pub(super) fn value(stored: &Stored) -> Result<Box<RawValue>, StoreError> {
    raw(encode(stored))
}

/// A deleted record as it is answered.
pub(super) fn deleted_value(stored: &Stored) -> Result<Box<RawValue>, StoreError> {
    let mut text = encode(stored);
    text.pop();
    text.extend_from_slice(b",\"deleted\":true}");
    raw(text)
}

fn raw(text: Vec<u8>) -> Result<Box<RawValue>, StoreError> {
    String::from_utf8(text)
        .map_err(|e| StoreError::Internal(e.to_string()))
        .and_then(|text| RawValue::from_string(text).map_err(|e| StoreError::Internal(e.to_string())))
}
