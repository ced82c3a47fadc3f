//! What tables of a person's resources beside the record share, such as consents: rows, sealing, replays and pages.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use mainstay_domain::record::json;

use crate::{
    engine::types::{DbTimestamp, DbUuid},
    error::{Result, StoreError},
    key::{scope::VersionTag, seal::DataKeys},
};

/// A page ends after this many bytes of sealed content, even if more rows are asked for.
const MAX_PAGE_BYTES: usize = 512 * 1024;
/// Rows that are read at a time.
const CHUNK: i64 = 20;

/// The present version of a resource, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResource<T> {
    /// Its id.
    pub id: Uuid,
    /// Its version, from 1.
    pub version: i64,
    /// The epoch of the person's record.
    pub epoch: i64,
    /// When it was created, in microseconds.
    pub created_at: i64,
    /// When it was last changed, in microseconds.
    pub updated_at: i64,
    /// The resource.
    pub value: T,
}

impl<T> StoredResource<T> {
    /// What tells this version from every other one.
    pub fn tag(&self) -> VersionTag {
        VersionTag {
            version: self.version,
            epoch: self.epoch,
        }
    }
}

/// The outcome of creating a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved<T> {
    /// It is new.
    New(StoredResource<T>),
    /// It was created before. This is its present version.
    Replayed(StoredResource<T>),
}

/// A part of a list that is ordered by the time of creation, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceRange {
    /// After this one, by its time of creation and id.
    pub after: Option<(i64, Uuid)>,
    /// At most this many.
    pub limit: i64,
}

/// The columns of a row: id, version, time of creation, time of the last change, sealed content.
pub(crate) type ResourceRow = (DbUuid, i64, DbTimestamp, DbTimestamp, Vec<u8>);

/// What is sealed in a row. The version is in it too, so that no row shows the content of another version.
#[derive(Serialize, Deserialize)]
struct Content<T> {
    version: i64,
    /// The keyed hash of what the client wrote first, by which a replay is recognised.
    origin: Vec<u8>,
    value: T,
}

/// A row that was opened.
pub(crate) struct OpenedRow<T> {
    pub(crate) stored: StoredResource<T>,
    pub(crate) origin: Vec<u8>,
}

/// Seals the content of a row.
pub(crate) fn seal<T: Serialize>(
    keys: &DataKeys,
    what: &'static str,
    row: &StoredResource<T>,
    origin: &[u8],
) -> Result<Vec<u8>> {
    let content = Content {
        version: row.version,
        origin: origin.to_vec(),
        value: &row.value,
    };
    keys.seal(what, row.id, &json(&content))
}

/// Opens a row.
pub(crate) fn open<T: DeserializeOwned>(
    keys: &DataKeys,
    what: &'static str,
    (id, version, created_at, updated_at, sealed): ResourceRow,
    epoch: i64,
) -> Result<OpenedRow<T>> {
    let plain = keys.open(what, id.0, &sealed)?;
    // The message of the parser may quote the content, so it is left out.
    let content: Content<T> = serde_json::from_slice(&plain).map_err(|error| {
        StoreError::Internal(format!("a stored {what} cannot be read: {:?}", error.classify()))
    })?;
    if content.version != version {
        return Err(StoreError::Sealed(what));
    }
    Ok(OpenedRow {
        stored: StoredResource {
            id: id.0,
            version,
            epoch,
            created_at: created_at.0,
            updated_at: updated_at.0,
            value: content.value,
        },
        origin: content.origin,
    })
}

/// Reads the rows of a page in chunks, and whether there are more. `load` gives at most so many rows after a place.
pub(crate) fn read_page(
    range: &ResourceRange,
    mut load: impl FnMut(Option<(i64, Uuid)>, i64) -> Result<Vec<ResourceRow>>,
) -> Result<(Vec<ResourceRow>, bool)> {
    let limit = usize::try_from(range.limit).unwrap_or(0);
    let (mut rows, mut after, mut bytes) = (Vec::new(), range.after, 0);
    loop {
        let chunk = load(after, CHUNK)?;
        let is_last = i64::try_from(chunk.len()).unwrap_or(i64::MAX) < CHUNK;
        for row in chunk {
            if rows.len() >= limit || bytes > MAX_PAGE_BYTES {
                return Ok((rows, true));
            }
            bytes += row.4.len();
            after = Some((row.2.0, row.0.0));
            rows.push(row);
        }
        if is_last {
            return Ok((rows, false));
        }
    }
}
