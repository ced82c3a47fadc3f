//! What has changed in a person's record after one of its changes.

use diesel::{ExpressionMethods, QueryDsl, Queryable, RunQueryDsl, Selectable, SelectableHelper};
use mainstay_domain::record::Kind;

use super::{Change, Since, read::StoredColumns};
use crate::{
    engine::{connection::Conn, schema::records},
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
};

/// From so many changes on they are not looked at one by one.
pub(crate) const MAX_TRACKED_CHANGES: i64 = 16;

/// A row with what is to be known of its last change.
#[derive(Queryable, Selectable)]
#[diesel(table_name = records)]
pub(crate) struct ChangedRow {
    pub(crate) collection: i16,
    pub(crate) rev: i64,
    pub(crate) deleted: bool,
    #[diesel(embed)]
    pub(crate) answered: StoredColumns,
}

impl std::ops::Deref for ChangedRow {
    type Target = StoredColumns;
    fn deref(&self) -> &StoredColumns {
        &self.answered
    }
}

impl ChangedRow {
    /// Deleted, but kept to be read.
    pub(super) fn is_marked(&self) -> bool {
        self.deleted && !self.sealed.is_empty()
    }

    /// The change, opened.
    pub(super) fn open(&self, scope: &PersonScope) -> Result<Change> {
        let kind = Kind::from_code(self.collection)
            .ok_or_else(|| StoreError::Internal("an unknown collection".to_owned()))?;
        let gone = self.deleted && !self.is_marked();
        Ok(Change {
            rev: self.rev,
            kind,
            id: self.id.0,
            version: self.version,
            deleted: self.deleted,
            record: if gone {
                None
            } else {
                Some(self.answered.open(kind, scope)?)
            },
        })
    }
}

/// What changed after a number of the person's changes, in that order.
pub(crate) fn changed_after(
    conn: &mut Conn,
    person_no: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<ChangedRow>> {
    let query = records::table
        .filter(records::person_no.eq(person_no))
        .filter(records::rev.gt(after))
        .order(records::rev.asc())
        .limit(limit);
    Ok(on!(conn, |c| query.select(ChangedRow::as_select()).load(c))?)
}

/// What happened in some collections, of at most [`MAX_TRACKED_CHANGES`] changes of the record.
pub(crate) fn since(rows: &[ChangedRow], kinds: &[Kind], scope: &PersonScope) -> Result<Since> {
    if i64::try_from(rows.len()).unwrap_or(MAX_TRACKED_CHANGES) >= MAX_TRACKED_CHANGES {
        return Ok(Since::TooMuch);
    }
    let theirs = rows
        .iter()
        .filter(|row| kinds.iter().any(|kind| kind.code() == row.collection));
    let changes = theirs.map(|row| row.open(scope)).collect::<Result<_>>()?;
    Ok(Since::Changed(changes))
}
