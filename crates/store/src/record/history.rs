//! Earlier versions of a record, read a page at a time. Only the versions that are returned are opened.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable, SelectableHelper,
};
use mainstay_domain::record::Kind;
use uuid::Uuid;

use super::{
    Records, Replaced, columns,
    page::{Loaded, SealedUpTo, read_page, sealed_up_to},
};
use crate::{
    engine::{
        job_limit,
        schema::record_history,
        types::{DbTimestamp, DbUuid},
    },
    error::Result,
    key::scope::PersonScope,
    on,
};

/// A page of versions, which goes from the newest to the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// Only versions below this one; `None` begins with the newest.
    pub below: Option<i64>,
    /// The largest number of versions to return.
    pub limit: usize,
}

/// Versions of a record, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionPage<T> {
    /// The versions.
    pub versions: Vec<T>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// A version of a record, which may be the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The number of the version.
    pub version: i64,
    /// When it was written, in microseconds.
    pub written_at: i64,
    /// Its JSON object.
    pub body: Vec<u8>,
}

/// The columns of a row of the history without the sealed bytes.
type Head = (i64, DbTimestamp, DbTimestamp, Option<DbUuid>);

/// A row of the history.
#[derive(Queryable, Selectable)]
#[diesel(table_name = record_history)]
struct HistoryRow {
    version: i64,
    sealed: Vec<u8>,
    written_at: DbTimestamp,
    replaced_at: DbTimestamp,
    replaced_by: Option<DbUuid>,
}

impl HistoryRow {
    fn loaded((version, written_at, replaced_at, replaced_by): Head, sealed: SealedUpTo) -> Loaded<Self> {
        Loaded::new(sealed, |sealed| Self {
            version,
            sealed,
            written_at,
            replaced_at,
            replaced_by,
        })
    }

    fn open_body(&self, scope: &PersonScope, kind: Kind, id: Uuid) -> Result<Vec<u8>> {
        columns::open_body(scope, kind, id, self.version, &self.sealed)
    }

    fn open(&self, scope: &PersonScope, kind: Kind, id: Uuid) -> Result<Replaced> {
        Ok(Replaced {
            version: self.version,
            written_at: self.written_at.0,
            replaced_at: self.replaced_at.0,
            replaced_by: self.replaced_by.as_ref().map(|session| session.0),
            body: self.open_body(scope, kind, id)?,
        })
    }

    fn open_version(&self, scope: &PersonScope, kind: Kind, id: Uuid) -> Result<Version> {
        Ok(Version {
            version: self.version,
            written_at: self.written_at.0,
            body: self.open_body(scope, kind, id)?,
        })
    }
}

/// The history of one record.
macro_rules! history_of {
    ($records:expr, $kind:expr, $id:expr) => {
        record_history::table
            .filter(record_history::person_no.eq($records.scope.no))
            .filter(record_history::collection.eq($kind.code()))
            .filter(record_history::id.eq(DbUuid($id)))
    };
}

/// Loads rows of a query on the history.
macro_rules! load_history {
    ($records:expr, $query:expr, $load:expr) => {{
        let query = $query
            .order(record_history::version.desc())
            .limit($load.rows)
            .select((
                (
                    record_history::version,
                    record_history::written_at,
                    record_history::replaced_at,
                    record_history::replaced_by,
                ),
                sealed_up_to!(record_history::sealed, $load.max_bytes),
            ));
        let rows: Vec<(Head, SealedUpTo)> = on!(&mut *$records.conn, |c| query.load(c))?;
        Ok(rows
            .into_iter()
            .map(|(head, sealed)| HistoryRow::loaded(head, sealed))
            .collect())
    }};
}

impl Records<'_> {
    /// Returns versions of a record that were replaced, newest first. A deleted record has a history too.
    pub fn history(&mut self, kind: Kind, id: Uuid, range: VersionRange) -> Result<VersionPage<Replaced>> {
        let (rows, has_more) = read_page(range.limit, |last: Option<&HistoryRow>, load| {
            job_limit::check()?;
            let below = last.map_or(range.below.unwrap_or(i64::MAX), |last| last.version);
            // Always the same text, so that each connection prepares it once.
            let page = history_of!(self, kind, id).filter(record_history::version.lt(below));
            load_history!(self, page, load)
        })?;
        let versions = rows.iter().map(|row| row.open(self.scope, kind, id));
        Ok(VersionPage {
            versions: versions.collect::<Result<_>>()?,
            has_more,
        })
    }

    /// Returns the JSON object of one version of a record that was replaced. A deleted record has such versions too.
    pub fn replaced(&mut self, kind: Kind, id: Uuid, version: i64) -> Result<Option<Vec<u8>>> {
        job_limit::check()?;
        let one = history_of!(self, kind, id).filter(record_history::version.eq(version));
        let row: Option<HistoryRow> = on!(&mut *self.conn, |c| one
            .select(HistoryRow::as_select())
            .first(c)
            .optional())?;
        row.map(|row| row.open_body(self.scope, kind, id)).transpose()
    }

    /// Returns the versions of a record whose content a client sent, newest first; the current version may be one. Left
    /// out are versions that the server wrote by itself, such as the activation of a plan.
    pub fn client_versions(
        &mut self,
        kind: Kind,
        id: Uuid,
        range: VersionRange,
    ) -> Result<VersionPage<Version>> {
        job_limit::check()?;
        let below = range.below.unwrap_or(i64::MAX);
        let current = self.current_client_version(kind, id)?;
        let mut versions: Vec<Version> = current
            .filter(|current| current.version < below)
            .into_iter()
            .collect();
        let limit = range.limit.saturating_sub(versions.len());
        let (rows, has_more) = read_page(limit, |last: Option<&HistoryRow>, load| {
            job_limit::check()?;
            let page = history_of!(self, kind, id)
                .filter(record_history::version.lt(last.map_or(below, |last| last.version)))
                .filter(record_history::digest.ne(self.server_digest()));
            load_history!(self, page, load)
        })?;
        for row in &rows {
            versions.push(row.open_version(self.scope, kind, id)?);
        }
        Ok(VersionPage { versions, has_more })
    }

    /// Returns the version whose content a client sent as the `number`-th, from 1.
    pub fn client_version(&mut self, kind: Kind, id: Uuid, number: i64) -> Result<Option<Version>> {
        job_limit::check()?;
        let replaced = history_of!(self, kind, id)
            .filter(record_history::digest.ne(self.server_digest()))
            .order(record_history::version.asc())
            .offset(number.saturating_sub(1).max(0))
            .limit(1);
        let row: Option<HistoryRow> = on!(&mut *self.conn, |c| replaced
            .select(HistoryRow::as_select())
            .first(c)
            .optional())?;
        if let Some(row) = row {
            return row.open_version(self.scope, kind, id).map(Some);
        }
        let earlier = history_of!(self, kind, id)
            .filter(record_history::digest.ne(self.server_digest()))
            .count();
        let earlier: i64 = on!(&mut *self.conn, |c| earlier.get_result(c))?;
        let current = self.current_client_version(kind, id)?;
        Ok(current.filter(|_| earlier + 1 == number))
    }

    /// The current version, if a client sent its content.
    fn current_client_version(&mut self, kind: Kind, id: Uuid) -> Result<Option<Version>> {
        let server_digest = self.server_digest();
        let row = self
            .row(kind, id)?
            .filter(|row| !row.is_deleted() && row.digest != server_digest);
        row.map(|row| {
            let stored = row.open(kind, self.scope)?;
            Ok(Version {
                version: stored.version,
                written_at: stored.updated_at,
                body: stored.body,
            })
        })
        .transpose()
    }

    /// The digest of a version that the server wrote by itself: it has no content of a client.
    fn server_digest(&self) -> Vec<u8> {
        self.scope.keys.origin(&[])
    }
}

#[cfg(test)]
mod tests;
