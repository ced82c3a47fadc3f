//! Reading a person's record.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl,
    Selectable, SelectableHelper,
};
use mainstay_domain::record::{Draft, Kind};
use uuid::Uuid;

use super::{
    Change, Order, Range, Since, Stored, SyncState,
    changes::{ChangedRow, MAX_TRACKED_CHANGES, changed_after, since},
};
use crate::{
    engine::{
        connection::Conn,
        schema::{record_history, records},
        statement::SelectSyncState,
        types::{DbTimestamp, DbUuid},
    },
    error::Result,
    key::scope::PersonScope,
    on,
};

/// A row with all that writing looks at.
#[derive(Queryable, Selectable)]
#[diesel(table_name = records)]
pub(super) struct Row {
    pub(super) no: i64,
    pub(super) origin: Vec<u8>,
    pub(super) digest: Vec<u8>,
    #[diesel(embed)]
    pub(super) changed: ChangedRow,
}

impl std::ops::Deref for Row {
    type Target = ChangedRow;
    fn deref(&self) -> &ChangedRow {
        &self.changed
    }
}

/// What an answer needs of a row, and no more: lists are long.
#[derive(Queryable, Selectable)]
#[diesel(table_name = records)]
pub(crate) struct StoredColumns {
    pub(crate) id: DbUuid,
    pub(crate) version: i64,
    pub(crate) occurred_at: DbTimestamp,
    pub(crate) sealed: Vec<u8>,
    pub(crate) created_at: DbTimestamp,
    pub(crate) updated_at: DbTimestamp,
}

impl StoredColumns {
    pub(super) fn open(&self, kind: Kind, scope: &PersonScope) -> Result<Stored> {
        Ok(Stored {
            id: self.id.0,
            version: self.version,
            occurred_at: self.occurred_at.0,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            body: scope
                .keys
                .open_record(kind.code(), self.id.0, self.version, &self.sealed)?,
        })
    }
}

/// The bounds of a part of a collection, all of them given: times in microseconds, from the year 1 to 9999.
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

/// A person's record inside a transaction or a read.
pub struct Records<'a> {
    pub(super) conn: &'a mut Conn,
    pub(super) scope: &'a PersonScope,
}

impl<'a> Records<'a> {
    pub(crate) fn new(conn: &'a mut Conn, scope: &'a PersonScope) -> Self {
        Self { conn, scope }
    }

    /// The record of that id, unless it was deleted without a mark.
    pub fn get(&mut self, kind: Kind, id: Uuid) -> Result<Option<Stored>> {
        let row = self.row(kind, id)?.filter(|row| !row.deleted || row.is_marked());
        row.map(|row| self.open(kind, &row)).transpose()
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

    /// Part of a collection in the order of its time.
    pub fn list(&mut self, kind: Kind, range: &Range) -> Result<Vec<Stored>> {
        let bounds = Bounds::of(range);
        let (at, id) = (DbTimestamp(bounds.after.0), DbUuid(bounds.after.1));
        // The same text for every page, so that it is prepared once. `t <= k AND (t < k OR id < i)` lets both engines
        // use the index; a plain OR does not.
        let part = records::table
            .filter(records::person_no.eq(self.scope.no))
            .filter(records::collection.eq(kind.code()))
            .filter(records::deleted.eq(false))
            .filter(records::occurred_at.ge(DbTimestamp(bounds.earliest)))
            .filter(records::occurred_at.le(DbTimestamp(bounds.latest)))
            .limit(range.limit);
        let rows: Vec<StoredColumns> = on!(&mut *self.conn, |c| match range.order {
            Order::Descending => part
                .filter(records::occurred_at.lt(at).or(records::id.lt(id)))
                .order((records::occurred_at.desc(), records::id.desc()))
                .select(StoredColumns::as_select())
                .load(c),
            Order::Ascending => part
                .filter(records::occurred_at.gt(at).or(records::id.gt(id)))
                .order((records::occurred_at.asc(), records::id.asc()))
                .select(StoredColumns::as_select())
                .load(c),
        })?;
        rows.into_iter().map(|row| row.open(kind, self.scope)).collect()
    }

    /// Where the person's changes stand.
    pub fn sync_state(&mut self) -> Result<SyncState> {
        let stands = SelectSyncState(self.scope.no);
        let (rev, epoch, floor_rev) = on!(&mut *self.conn, |c| stands.get_result::<(i64, i64, i64)>(c))?;
        Ok(SyncState {
            rev,
            epoch,
            floor_rev,
        })
    }

    /// What changed after a number of the person's changes, in their order: each record once, as it stands now.
    pub fn changes(&mut self, after: i64, limit: i64) -> Result<Vec<Change>> {
        let rows = changed_after(self.conn, self.scope.no, after, limit)?;
        rows.iter().map(|row| row.open(self.scope)).collect()
    }

    /// What changed in some collections after a number of the person's changes.
    pub fn since(&mut self, after: i64, kinds: &[Kind]) -> Result<Since> {
        let rows = changed_after(self.conn, self.scope.no, after, MAX_TRACKED_CHANGES)?;
        since(&rows, kinds, self.scope)
    }

    /// What is known of an id, deleted or not.
    pub fn known(&mut self, kind: Kind, id: Uuid) -> Result<Option<Change>> {
        let row = self.row(kind, id)?;
        row.map(|row| row.open(self.scope)).transpose()
    }

    /// Whether the record of that id, deleted or not, was first made from that content.
    pub fn was_made_of(&mut self, draft: &Draft) -> Result<bool> {
        let wanted = self.scope.keys.origin(&draft.canonical);
        Ok(self
            .row(draft.kind, draft.id)?
            .is_some_and(|row| row.origin == wanted))
    }

    /// Whether a version of a record was made from that content.
    pub fn has_version_of(&mut self, draft: &Draft, version: i64) -> Result<bool> {
        let wanted = self.scope.keys.origin(&draft.canonical);
        if let Some(row) = self.row(draft.kind, draft.id)?
            && row.version == version
        {
            return Ok(row.digest == wanted);
        }
        let query = record_history::table
            .filter(record_history::person_no.eq(self.scope.no))
            .filter(record_history::collection.eq(draft.kind.code()))
            .filter(record_history::id.eq(DbUuid(draft.id)))
            .filter(record_history::version.eq(version))
            .select(record_history::digest);
        let found = on!(&mut *self.conn, |c| query.first::<Vec<u8>>(c).optional())?;
        Ok(found.is_some_and(|digest| digest == wanted))
    }

    pub(super) fn row(&mut self, kind: Kind, id: Uuid) -> Result<Option<Row>> {
        let query = records::table
            .filter(records::id.eq(DbUuid(id)))
            .filter(records::person_no.eq(self.scope.no))
            .filter(records::collection.eq(kind.code()));
        Ok(on!(&mut *self.conn, |c| query
            .select(Row::as_select())
            .first(c)
            .optional())?)
    }

    pub(super) fn open(&self, kind: Kind, row: &Row) -> Result<Stored> {
        row.changed.answered.open(kind, self.scope)
    }
}
