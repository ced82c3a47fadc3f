//! The pull: a page of the changes after a cursor.

use mainstay_store::{Change, Records, StoreError, Stored, SyncState};
use serde_json::value::RawValue;

use super::message::SyncChange;
use crate::record::encode;

/// A page of changes.
pub(super) struct ChangesPage {
    /// The state of the person's changes.
    pub sync_state: SyncState,
    changes: Vec<Change>,
    /// The number of the last change on the page.
    pub upto: i64,
    /// Whether there are more changes.
    pub has_more: bool,
}

impl ChangesPage {
    /// Converts the changes to their form in the response.
    pub fn encode(&self) -> Result<Vec<SyncChange>, StoreError> {
        let changes = self.changes.iter().map(|change| {
            Ok(SyncChange {
                kind: change.kind.path().to_owned(),
                id: change.id,
                version: change.version,
                deleted: change.deleted,
                record: change.record.as_ref().map(encode_raw).transpose()?,
            })
        });
        changes.collect()
    }
}

/// Reads the state of the person's changes.
pub(super) fn sync_state(records: &mut Records<'_>) -> Result<SyncState, StoreError> {
    records.sync_state()
}

/// Reads a page of the changes after a number.
pub(super) fn pull(records: &mut Records<'_>, after: i64, limit: i64) -> Result<ChangesPage, StoreError> {
    let sync_state = records.sync_state()?;
    let (changes, has_more) = records.changes(after, limit)?;
    let upto = changes.last().map_or(after, |change| change.rev);
    Ok(ChangesPage {
        sync_state,
        changes,
        upto,
        has_more,
    })
}

/// Encodes a record without parsing its stored body.
pub(super) fn encode_raw(stored: &Stored) -> Result<Box<RawValue>, StoreError> {
    raw(encode(stored))
}

/// Encodes a deleted record of which the content is still there.
pub(super) fn encode_deleted(stored: &Stored) -> Result<Box<RawValue>, StoreError> {
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
