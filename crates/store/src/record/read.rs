//! Reading a person's record.

use std::ops::ControlFlow;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper,
};
use mainstay_domain::record::{Draft, Kind};
use uuid::Uuid;

use super::{
    Change, Order, Range, Since, Stored, SyncState,
    changes::{MAX_TRACKED_CHANGES, changed_after, load_changes, since},
    columns::{ChangedRow, FullRow, HEAD, Head, StoredColumns},
    page::{Load, Loaded, SealedUpTo, read_page, sealed_up_to},
};
use crate::{
    engine::{
        connection::Conn,
        job_limit,
        schema::{record_history, records},
        statement::SelectSyncState,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
};

/// The most records of a page that is visited.
const PAGE_RECORDS: i64 = 500;

/// The bounds of a part of a collection, with defaults filled in. Times are in microseconds, from the year 1 to 9999.
struct Bounds {
    earliest: i64,
    latest: i64,
    after: (i64, Uuid),
}

impl Bounds {
    const FIRST: i64 = -62_135_596_800_000_000;
    const LAST: i64 = 253_402_300_799_999_999;

    fn of(range: &Range) -> Self {
        let from = range.from.unwrap_or(Self::FIRST);
        let upto = range.to.map_or(Self::LAST, |to| to.saturating_sub(1));
        match (range.order, range.after) {
            (Order::Descending, None) => Self {
                earliest: from,
                latest: upto,
                after: (Self::LAST + 1, Uuid::max()),
            },
            (Order::Descending, Some(after)) => Self {
                earliest: from,
                latest: upto.min(after.0),
                after,
            },
            (Order::Ascending, None) => Self {
                earliest: from,
                latest: upto,
                after: (Self::FIRST - 1, Uuid::nil()),
            },
            (Order::Ascending, Some(after)) => Self {
                earliest: from.max(after.0),
                latest: upto,
                after,
            },
        }
    }
}

/// Reads a person's record, inside a transaction or outside of one.
pub struct Records<'a> {
    pub(crate) conn: &'a mut Conn,
    pub(crate) scope: &'a PersonScope,
}

impl<'a> Records<'a> {
    pub(crate) fn new(conn: &'a mut Conn, scope: &'a PersonScope) -> Self {
        Self { conn, scope }
    }

    /// The record of that id, unless it was deleted without a mark.
    pub fn get(&mut self, kind: Kind, id: Uuid) -> Result<Option<Stored>> {
        job_limit::check()?;
        let row = self
            .row(kind, id)?
            .filter(|row| !row.is_deleted() || row.changed.is_marked());
        row.map(|row| row.open(kind, self.scope)).transpose()
    }

    /// The record of that id, unless it was deleted, with a mark or without.
    pub fn get_live(&mut self, kind: Kind, id: Uuid) -> Result<Option<Stored>> {
        job_limit::check()?;
        let row = self.row(kind, id)?.filter(|row| !row.is_deleted());
        row.map(|row| row.open(kind, self.scope)).transpose()
    }

    /// The record that holds a slot.
    pub fn by_slot(&mut self, kind: Kind, slot: &str) -> Result<Option<Stored>> {
        let slot = self.scope.keys.slot(kind.code(), slot);
        let query = records::table
            .filter(records::person_no.eq(self.scope.no))
            .filter(records::collection.eq(kind.code()))
            .filter(records::slot.eq(slot));
        let row = on!(&mut *self.conn, |c| query
            .select(StoredColumns::as_select())
            .first(c)
            .optional())?;
        row.map(|row| row.open(kind, self.scope)).transpose()
    }

    /// A part of a collection that is bounded in bytes too, and whether there is more of it.
    pub fn page(&mut self, kind: Kind, range: &Range) -> Result<(Vec<Stored>, bool)> {
        let limit = usize::try_from(range.limit).unwrap_or(0);
        let (rows, has_more) = read_page(limit, |last: Option<&StoredColumns>, load| {
            let after = last.map(|last| (last.occurred_at.0, last.id.0)).or(range.after);
            self.load(kind, &Range { after, ..*range }, load)
        })?;
        let opened = rows.into_iter().map(|row| row.open(kind, self.scope));
        Ok((opened.collect::<Result<_>>()?, has_more))
    }

    /// Calls `visit` with each record of a part of a collection, in the order of time and id, until it says that it is
    /// enough. Only a page of them is in memory at a time.
    ///
    /// # Errors
    /// Those of the database and of `visit`.
    pub fn for_each(
        &mut self,
        kind: Kind,
        range: &Range,
        mut visit: impl FnMut(Stored) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let (mut left, mut after) = (range.limit, range.after);
        while left > 0 {
            let limit = left.min(PAGE_RECORDS);
            let (page, has_more) = self.page(
                kind,
                &Range {
                    after,
                    limit,
                    ..*range
                },
            )?;
            for stored in page {
                (left, after) = (left - 1, Some((stored.occurred_at, stored.id)));
                if visit(stored)?.is_break() {
                    return Ok(());
                }
            }
            if !has_more {
                break;
            }
        }
        Ok(())
    }

    fn load(&mut self, kind: Kind, range: &Range, load: Load) -> Result<Vec<Loaded<StoredColumns>>> {
        job_limit::check()?;
        let bounds = Bounds::of(range);
        let (at, id) = (DbTimestamp(bounds.after.0), DbUuid(bounds.after.1));
        // The text is the same for every page, so that it is prepared once. `t <= k AND (t < k OR id < i)` lets both
        // engines use the index; a plain OR does not.
        let in_bounds = records::table
            .filter(records::person_no.eq(self.scope.no))
            .filter(records::collection.eq(kind.code()))
            .filter(records::deleted.eq(false))
            .filter(records::occurred_at.ge(DbTimestamp(bounds.earliest)))
            .filter(records::occurred_at.le(DbTimestamp(bounds.latest)))
            .limit(load.rows)
            .select((HEAD, sealed_up_to!(records::sealed, load.max_bytes)));
        let rows: Vec<(Head, SealedUpTo)> = on!(&mut *self.conn, |c| match range.order {
            Order::Descending => in_bounds
                .filter(records::occurred_at.lt(at).or(records::id.lt(id)))
                .order((records::occurred_at.desc(), records::id.desc()))
                .load(c),
            Order::Ascending => in_bounds
                .filter(records::occurred_at.gt(at).or(records::id.gt(id)))
                .order((records::occurred_at.asc(), records::id.asc()))
                .load(c),
        })?;
        let loaded = rows
            .into_iter()
            .map(|(head, sealed)| Loaded::new(sealed, |sealed| StoredColumns::of(head, sealed)));
        Ok(loaded.collect())
    }

    /// The sync state of the person.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`].
    pub fn sync_state(&mut self) -> Result<SyncState> {
        let select = SelectSyncState(self.scope.no);
        let found = on!(&mut *self.conn, |c| select.get_result(c).optional())?;
        let (rev, epoch, floor_rev): (i64, i64, i64) = found.ok_or(StoreError::PersonGone)?;
        Ok(SyncState {
            rev,
            epoch,
            floor_rev,
        })
    }

    /// The records that changed after a number, in the order of their latest changes, each once; bounded in bytes too. Tells
    /// whether there are more.
    pub fn changes(&mut self, after: i64, limit: i64) -> Result<(Vec<Change>, bool)> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let (rows, has_more) = read_page(limit, |last: Option<&ChangedRow>, load| {
            job_limit::check()?;
            let after = last.map_or(after, |last| last.columns.rev);
            load_changes(self.conn, self.scope.no, after, load)
        })?;
        let changes = rows.iter().map(|row| row.open(self.scope));
        Ok((changes.collect::<Result<_>>()?, has_more))
    }

    /// The changes of some collections after a number.
    pub fn since(&mut self, after: i64, kinds: &[Kind]) -> Result<Since> {
        let rows = changed_after(self.conn, self.scope.no, after, MAX_TRACKED_CHANGES)?;
        since(&rows, kinds, self.scope)
    }

    /// The latest change of a record, deleted or not.
    pub fn latest_change(&mut self, kind: Kind, id: Uuid) -> Result<Option<Change>> {
        let row = self.row(kind, id)?;
        row.map(|row| row.changed.open(self.scope)).transpose()
    }

    /// True if the record of that id, deleted or not, was created with that content.
    pub fn was_created_as(&mut self, draft: &Draft) -> Result<bool> {
        let origin = self.scope.keys.origin(&draft.canonical);
        Ok(self
            .row(draft.kind, draft.id)?
            .is_some_and(|row| row.origin == origin))
    }

    /// True if that version of the record has that content.
    pub fn has_version_of(&mut self, draft: &Draft, version: i64) -> Result<bool> {
        let expected = self.scope.keys.origin(&draft.canonical);
        if let Some(row) = self.row(draft.kind, draft.id)?
            && row.version() == version
        {
            return Ok(row.digest == expected);
        }
        let query = record_history::table
            .filter(record_history::person_no.eq(self.scope.no))
            .filter(record_history::collection.eq(draft.kind.code()))
            .filter(record_history::id.eq(DbUuid(draft.id)))
            .filter(record_history::version.eq(version))
            .select(record_history::digest);
        let found = on!(&mut *self.conn, |c| query.first::<Vec<u8>>(c).optional())?;
        Ok(found.is_some_and(|digest| digest == expected))
    }

    pub(super) fn row(&mut self, kind: Kind, id: Uuid) -> Result<Option<FullRow>> {
        let query = records::table
            .filter(records::id.eq(DbUuid(id)))
            .filter(records::person_no.eq(self.scope.no))
            .filter(records::collection.eq(kind.code()));
        Ok(on!(&mut *self.conn, |c| query
            .select(FullRow::as_select())
            .first(c)
            .optional())?)
    }
}
