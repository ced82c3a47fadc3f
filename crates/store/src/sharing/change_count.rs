//! How many records of a collection came, changed or went since a moment.

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use mainstay_domain::record::Kind;

use crate::{
    engine::{job_limit, schema::records, types::DbTimestamp},
    error::Result,
    on,
    record::Records,
};

/// The most records of a collection that are counted.
pub const MAX_COUNTED: i64 = 10_000;

/// What happened to a collection since a moment. Each count stops at [`MAX_COUNTED`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeCount {
    /// Records that are new.
    pub added: u32,
    /// Records that were there and have changed.
    pub changed: u32,
    /// Records that were there and were deleted.
    pub removed: u32,
    /// The time of the newest of the new records, in microseconds.
    pub newest_at: Option<i64>,
}

impl Records<'_> {
    /// Counts what happened to a collection since a moment, in microseconds.
    pub fn count_changes(&mut self, kind: Kind, since: i64) -> Result<ChangeCount> {
        job_limit::check()?;
        let query = records::table
            .filter(records::person_no.eq(self.scope.no))
            .filter(records::collection.eq(kind.code()))
            .filter(records::updated_at.ge(DbTimestamp(since)))
            .order(records::occurred_at.desc())
            .limit(MAX_COUNTED)
            .select((records::created_at, records::occurred_at, records::deleted));
        let rows: Vec<(DbTimestamp, DbTimestamp, bool)> = on!(&mut *self.conn, |c| query.load(c))?;
        let mut count = ChangeCount::default();
        for (created_at, occurred_at, is_deleted) in rows {
            match (created_at.0 >= since, is_deleted) {
                (true, false) => {
                    count.added += 1;
                    count.newest_at = count.newest_at.max(Some(occurred_at.0));
                }
                // It came and went.
                (true, true) => {}
                (false, false) => count.changed += 1,
                (false, true) => count.removed += 1,
            }
        }
        Ok(count)
    }
}
