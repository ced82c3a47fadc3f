//! Purging: what is left of the earlier content of a deleted record goes with it.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{account::quota::Growth, record::Kind};
use uuid::Uuid;

use super::{Expected, RecordWriter, Records};
use crate::{
    engine::{
        schema::{contributions, kept_answers, record_history, swept_ids},
        statement::length,
        types::DbUuid,
    },
    error::{Result, StoreError},
    key::scope::VersionTag,
    on,
    quota::add_bytes,
};

/// What becomes of the earlier versions of a record as it is deleted. Those of a journal entry always go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum History {
    /// They stay, and the version that is deleted is one of them.
    #[default]
    Kept,
    /// They go.
    Purged,
}

impl History {
    /// Whether the earlier versions of a record of that kind go.
    pub(super) fn is_purged(self, kind: Kind) -> bool {
        self == Self::Purged || kind.is_purged_when_deleted()
    }
}

impl Records<'_> {
    /// The version of a deleted record of which only the id is left.
    pub fn swept_version(&mut self, kind: Kind, id: Uuid) -> Result<Option<i64>> {
        let row = swept_ids::table.find((self.scope.no, kind.code(), DbUuid(id)));
        let version = row.select(swept_ids::version);
        Ok(on!(&mut *self.conn, |c| version.first(c).optional())?)
    }
}

impl RecordWriter<'_> {
    /// Purges a record that was deleted before, or marked as deleted. The expected version is that of the deletion.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such deleted record; [`StoreError::VersionMismatch`].
    pub fn purge_deleted(&mut self, kind: Kind, id: Uuid, expected: &Expected) -> Result<()> {
        // Nothing is counted as a write: no device has anything to learn of it.
        let epoch = self.take_revs(0, Growth::default())?.epoch;
        let row = self.records.row(kind, id)?.ok_or(StoreError::NotFound)?;
        if !row.is_deleted() {
            return Err(StoreError::NotFound);
        }
        expected.check(VersionTag {
            version: row.version(),
            epoch,
        })?;
        self.purge(kind, id)
    }

    /// Deletes the earlier versions of a record, the text of responses that are stored for an `Idempotency-Key`, and what
    /// people who help gave to a plan.
    pub(super) fn purge(&mut self, kind: Kind, id: Uuid) -> Result<()> {
        let (conn, no, key) = (&mut *self.records.conn, self.records.scope.no, DbUuid(id));
        let versions = record_history::table
            .filter(record_history::person_no.eq(no))
            .filter(record_history::collection.eq(kind.code()))
            .filter(record_history::id.eq(&key));
        let versions = diesel::delete(versions).returning(length(record_history::sealed));
        let versions: Vec<i32> = on!(&mut *conn, |c| versions.load(c))?;
        let answers = kept_answers::table
            .filter(kept_answers::person_no.eq(no))
            .filter(kept_answers::record_id.eq(&key));
        let lengths = answers.select(length(kept_answers::sealed));
        let lengths: Vec<i32> = on!(&mut *conn, |c| lengths.load(c))?;
        if !lengths.is_empty() {
            // The row stays: the request is not carried out a second time.
            let blank = diesel::update(answers).set(kept_answers::sealed.eq(Vec::<u8>::new()));
            on!(&mut *conn, |c| blank.execute(c))?;
        }
        if kind == Kind::Plan {
            let given = contributions::table
                .filter(contributions::person_no.eq(no))
                .filter(contributions::plan_id.eq(&key));
            on!(&mut *conn, |c| diesel::delete(given).execute(c))?;
        }
        let freed: i64 = versions.into_iter().chain(lengths).map(i64::from).sum();
        if freed > 0 {
            add_bytes(conn, no, -freed)?;
        }
        Ok(())
    }
}
