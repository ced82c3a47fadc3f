//! Reading a person's record.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl,
    Selectable, SelectableHelper,
};
use mainstay_domain::record::Kind;
use uuid::Uuid;

use super::{Order, Range, Replaced, Stored};
use crate::{
    conn::Conn,
    error::Result,
    on,
    schema::{record_history, records},
    scope::PersonScope,
    types::{At, Key},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = records)]
pub(super) struct Row {
    pub(super) no: i64,
    pub(super) id: Key,
    pub(super) version: i64,
    occurred_at: At,
    pub(super) deleted: bool,
    pub(super) origin: Vec<u8>,
    pub(super) sealed: Vec<u8>,
    pub(super) created_at: At,
    pub(super) updated_at: At,
}

impl Row {
    /// Deleted, but kept to be read.
    pub(super) fn is_marked(&self) -> bool {
        self.deleted && !self.sealed.is_empty()
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
            .select(Row::as_select())
            .first(c)
            .optional())?;
        row.map(|row| self.open(kind, &row)).transpose()
    }

    /// Part of a collection in the order of its time.
    pub fn list(&mut self, kind: Kind, range: &Range) -> Result<Vec<Stored>> {
        let rows: Vec<Row> = on!(&mut *self.conn, |c| {
            let mut query = records::table
                .filter(records::person_no.eq(self.scope.no))
                .filter(records::collection.eq(kind.code()))
                .filter(records::deleted.eq(false))
                .select(Row::as_select())
                .limit(range.limit)
                .into_boxed();
            if let Some(from) = range.from {
                query = query.filter(records::occurred_at.ge(At(from)));
            }
            if let Some(to) = range.to {
                query = query.filter(records::occurred_at.lt(At(to)));
            }
            // `t <= k AND (t < k OR id < i)` lets both engines use the index; a plain OR does not.
            query = match (range.order, range.after) {
                (Order::Descending, Some((at, id))) => query
                    .filter(records::occurred_at.le(At(at)))
                    .filter(records::occurred_at.lt(At(at)).or(records::id.lt(Key(id)))),
                (Order::Ascending, Some((at, id))) => query
                    .filter(records::occurred_at.ge(At(at)))
                    .filter(records::occurred_at.gt(At(at)).or(records::id.gt(Key(id)))),
                (_, None) => query,
            };
            match range.order {
                Order::Descending => query
                    .order((records::occurred_at.desc(), records::id.desc()))
                    .load(c),
                Order::Ascending => query
                    .order((records::occurred_at.asc(), records::id.asc()))
                    .load(c),
            }
        })?;
        rows.into_iter().map(|row| self.open(kind, &row)).collect()
    }

    /// Each version of a record that was replaced, oldest first.
    pub fn history(&mut self, kind: Kind, id: Uuid) -> Result<Vec<Replaced>> {
        type Columns = (i64, Vec<u8>, At, At, Option<Key>);
        let query = record_history::table
            .filter(record_history::person_no.eq(self.scope.no))
            .filter(record_history::collection.eq(kind.code()))
            .filter(record_history::id.eq(Key(id)))
            .order(record_history::version.asc())
            .select((
                record_history::version,
                record_history::sealed,
                record_history::written_at,
                record_history::replaced_at,
                record_history::replaced_by,
            ));
        let rows: Vec<Columns> = on!(&mut *self.conn, |c| query.load(c))?;
        rows.into_iter()
            .map(|(version, sealed, written_at, replaced_at, replaced_by)| {
                Ok(Replaced {
                    version,
                    written_at: written_at.0,
                    replaced_at: replaced_at.0,
                    replaced_by: replaced_by.map(|key| key.0),
                    body: self.scope.keys.open_record(kind.code(), id, version, &sealed)?,
                })
            })
            .collect()
    }

    pub(super) fn row(&mut self, kind: Kind, id: Uuid) -> Result<Option<Row>> {
        let query = records::table
            .filter(records::id.eq(Key(id)))
            .filter(records::person_no.eq(self.scope.no))
            .filter(records::collection.eq(kind.code()));
        Ok(on!(&mut *self.conn, |c| query
            .select(Row::as_select())
            .first(c)
            .optional())?)
    }

    pub(super) fn open(&self, kind: Kind, row: &Row) -> Result<Stored> {
        Ok(Stored {
            id: row.id.0,
            version: row.version,
            occurred_at: row.occurred_at.0,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            body: self
                .scope
                .keys
                .open_record(kind.code(), row.id.0, row.version, &row.sealed)?,
        })
    }
}
