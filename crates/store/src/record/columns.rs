//! The columns of a record's row that reading and writing need.

use diesel::{Queryable, Selectable};
use mainstay_domain::record::{Kind, registry::in_current_form};
use uuid::Uuid;

use super::{Change, Stored};
use crate::{
    engine::{
        schema::records,
        small_read,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
};

/// The columns of a response, and no more: lists are long.
#[derive(Queryable, Selectable)]
#[diesel(table_name = records)]
pub(crate) struct StoredColumns {
    pub(crate) id: DbUuid,
    pub(crate) version: i64,
    pub(crate) rev: i64,
    pub(crate) occurred_at: DbTimestamp,
    pub(crate) sealed: Vec<u8>,
    pub(crate) created_at: DbTimestamp,
    pub(crate) updated_at: DbTimestamp,
}

/// Selects the columns of [`StoredColumns`] without the sealed bytes.
pub(super) const HEAD: (
    records::id,
    records::version,
    records::rev,
    records::occurred_at,
    records::created_at,
    records::updated_at,
) = (
    records::id,
    records::version,
    records::rev,
    records::occurred_at,
    records::created_at,
    records::updated_at,
);

/// What [`HEAD`] selects.
pub(super) type Head = (DbUuid, i64, i64, DbTimestamp, DbTimestamp, DbTimestamp);

impl StoredColumns {
    /// A row of which the sealed bytes were selected by themselves.
    pub(super) fn of(head: Head, sealed: Vec<u8>) -> Self {
        let (id, version, rev, occurred_at, created_at, updated_at) = head;
        Self {
            id,
            version,
            rev,
            occurred_at,
            sealed,
            created_at,
            updated_at,
        }
    }

    /// Opens the record.
    pub(super) fn open(&self, kind: Kind, scope: &PersonScope) -> Result<Stored> {
        Ok(Stored {
            id: self.id.0,
            version: self.version,
            epoch: scope.epoch,
            rev: Some(self.rev),
            occurred_at: self.occurred_at.0,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            body: open_body(scope, kind, self.id.0, self.version, &self.sealed)?,
        })
    }
}

/// Opens the body of a version of a record. A body that an earlier release stored is given its present form.
pub(super) fn open_body(
    scope: &PersonScope,
    kind: Kind,
    id: Uuid,
    version: i64,
    sealed: &[u8],
) -> Result<Vec<u8>> {
    small_read::take(sealed.len())?;
    let body = scope.keys.open_record(kind.code(), id, version, sealed)?;
    Ok(in_current_form(kind, body))
}

/// A row with the columns that tell of its last change.
#[derive(Queryable, Selectable)]
#[diesel(table_name = records)]
pub(crate) struct ChangedRow {
    pub(crate) collection: i16,
    pub(crate) deleted: bool,
    #[diesel(embed)]
    pub(crate) columns: StoredColumns,
}

impl ChangedRow {
    /// True for a record that is deleted but still readable.
    pub(super) fn is_marked(&self) -> bool {
        self.deleted && !self.columns.sealed.is_empty()
    }

    /// Opens the change.
    pub(super) fn open(&self, scope: &PersonScope) -> Result<Change> {
        let kind = Kind::from_code(self.collection)
            .ok_or_else(|| StoreError::Internal("an unknown collection".to_owned()))?;
        let is_gone = self.deleted && !self.is_marked();
        Ok(Change {
            rev: self.columns.rev,
            kind,
            id: self.columns.id.0,
            version: self.columns.version,
            deleted: self.deleted,
            created_at: self.columns.created_at.0,
            record: if is_gone {
                None
            } else {
                Some(self.columns.open(kind, scope)?)
            },
        })
    }
}

/// A row with the columns that a write compares.
#[derive(Queryable, Selectable)]
#[diesel(table_name = records)]
pub(super) struct FullRow {
    pub(super) no: i64,
    /// The keyed hash of the first version's canonical form, by which a replay is recognised.
    pub(super) origin: Vec<u8>,
    /// The same of the present version.
    pub(super) digest: Vec<u8>,
    #[diesel(embed)]
    pub(super) changed: ChangedRow,
}

impl FullRow {
    pub(super) fn version(&self) -> i64 {
        self.changed.columns.version
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.changed.deleted
    }

    pub(super) fn open(&self, kind: Kind, scope: &PersonScope) -> Result<Stored> {
        self.changed.columns.open(kind, scope)
    }
}
