//! Judges what a write adds to the usage of its person. The counting itself is part of the statements that write.

use diesel::{OptionalExtension, RunQueryDsl};
use mainstay_domain::account::quota::{Budget, Growth, Reserve, Usage, day_of, seconds_to_midnight};

use super::{RecordWriter, write::TakenRevs};
use crate::{
    engine::statement::SelectTotals,
    error::{Result, StoreError},
    on,
};

impl RecordWriter<'_> {
    /// What a new version of a record adds to the usage. What the server writes by itself is no write of the person.
    pub(super) fn of_version(&self, records: i64, bytes: i64) -> Growth {
        Growth {
            records,
            bytes,
            writes: i64::from(self.session.is_some()),
        }
    }

    /// Succeeds if the limits of the person allow what was counted, with a reserve. The server's own writes are not held up.
    ///
    /// # Errors
    /// [`StoreError::QuotaExceeded`].
    pub(super) fn check_quota(&mut self, taken: &TakenRevs, reserve: Reserve) -> Result<()> {
        self.check_usage(taken.usage, taken.growth, reserve)?;
        self.has_written = true;
        Ok(())
    }

    fn check_usage(&self, usage: Usage, growth: Growth, reserve: Reserve) -> Result<()> {
        let quota = self.records.scope.quota.with(reserve);
        match quota.exceeded(usage, growth) {
            Some(exceeded) if self.session.is_some() => Err(StoreError::QuotaExceeded {
                exceeded,
                retry_after: (exceeded.budget == Budget::WritesPerDay)
                    .then(|| seconds_to_midnight(self.now.0)),
            }),
            _ => Ok(()),
        }
    }

    /// Counts a response that is kept. False if there is no room for it.
    ///
    /// A write for which there was room brings its response along, whatever its length: after that there is no room for
    /// another. Where nothing was written, the request can be repeated without a response that was kept.
    pub(crate) fn count_kept_bytes(&mut self, bytes: i64) -> Result<bool> {
        let growth = Growth {
            bytes,
            ..Growth::default()
        };
        if !self.has_written {
            let reserve = if self.has_deleted {
                Reserve::Help
            } else {
                Reserve::None
            };
            match self.check_room(growth, reserve) {
                Err(StoreError::QuotaExceeded { .. }) => return Ok(false),
                room => room?,
            }
        }
        self.take_revs(0, growth)?;
        Ok(true)
    }

    /// Succeeds if there is room for a new record. It tells without writing.
    ///
    /// # Errors
    /// [`StoreError::QuotaExceeded`].
    pub(super) fn check_room(&mut self, growth: Growth, reserve: Reserve) -> Result<()> {
        let select = SelectTotals(self.records.scope.no);
        let found = on!(&mut *self.records.conn, |c| select.get_result(c).optional())?;
        let (records, bytes, day, writes): (i64, i64, i64, i64) = found.ok_or(StoreError::PersonGone)?;
        let is_today = day == day_of(self.now.0);
        let usage = Usage {
            records: records + growth.records,
            bytes: bytes + growth.bytes,
            writes_today: growth.writes + if is_today { writes } else { 0 },
        };
        self.check_usage(usage, growth, reserve)
    }
}
