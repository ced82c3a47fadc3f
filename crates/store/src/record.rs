//! The one mechanism for every noun of a person's record: create, replay, replace, remove, read, list, history.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable,
    RunQueryDsl, Selectable, SelectableHelper,
};
use mainstay_domain::{
    finding::Finding,
    record::{Draft, Kind, Reference, Target},
};
use uuid::Uuid;

use crate::{
    conn::Conn,
    error::{Result, StoreError},
    on,
    schema::{people, record_history, record_items, records, timers},
    scope::PersonScope,
    types::{At, Key},
};

/// A record as it stands, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// Its version, from 1.
    pub version: i64,
    /// The time that orders its collection, in microseconds.
    pub occurred_at: i64,
    /// When it was made, in microseconds.
    pub created_at: i64,
    /// When it was last changed, in microseconds.
    pub updated_at: i64,
    /// Its JSON object without the members that are known here.
    pub body: Vec<u8>,
}

/// How a record came to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New(Stored),
    /// It was sent before; this is how it stands now.
    Replayed(Stored),
}

/// The version that the caller expects a record to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This one.
    Version(i64),
    /// Any.
    Any,
}

impl Expected {
    fn check(self, current: i64) -> Result<()> {
        match self {
            Self::Version(version) if version != current => Err(StoreError::VersionMismatch { current }),
            _ => Ok(()),
        }
    }
}

/// In which direction a list goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// A part of a collection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Range {
    /// From this time on, in microseconds.
    pub from: Option<i64>,
    /// Before this time, in microseconds.
    pub to: Option<i64>,
    /// Behind this place: time and id of the last record seen.
    pub after: Option<(i64, Uuid)>,
    /// Direction.
    pub order: Order,
    /// Most records to give.
    pub limit: i64,
}

/// A version that was replaced, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The version.
    pub version: i64,
    /// When it was written, in microseconds.
    pub written_at: i64,
    /// When it was replaced, in microseconds.
    pub replaced_at: i64,
    /// The session that replaced it; the server itself if none.
    pub replaced_by: Option<Uuid>,
    /// Its JSON object.
    pub body: Vec<u8>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = records)]
struct Row {
    no: i64,
    id: Key,
    version: i64,
    occurred_at: At,
    deleted: bool,
    origin: Vec<u8>,
    sealed: Vec<u8>,
    created_at: At,
    updated_at: At,
}

impl Row {
    /// Deleted, but kept to be read.
    fn is_marked(&self) -> bool {
        self.deleted && !self.sealed.is_empty()
    }
}

#[derive(Insertable)]
#[diesel(table_name = records, treat_none_as_default_value = false)]
struct NewRow {
    person_no: i64,
    collection: i16,
    id: Key,
    version: i64,
    rev: i64,
    occurred_at: At,
    slot: Option<Vec<u8>>,
    deleted: bool,
    origin: Vec<u8>,
    sealed: Vec<u8>,
    created_at: At,
    updated_at: At,
}

#[derive(Insertable)]
#[diesel(table_name = record_history, treat_none_as_default_value = false)]
struct NewHistory {
    person_no: i64,
    collection: i16,
    id: Key,
    version: i64,
    sealed: Vec<u8>,
    written_at: At,
    replaced_at: At,
    replaced_by: Option<Key>,
}

/// A person's record inside a transaction or a read.
pub struct Records<'a> {
    conn: &'a mut Conn,
    scope: &'a PersonScope,
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

    fn row(&mut self, kind: Kind, id: Uuid) -> Result<Option<Row>> {
        let query = records::table
            .filter(records::id.eq(Key(id)))
            .filter(records::person_no.eq(self.scope.no))
            .filter(records::collection.eq(kind.code()));
        Ok(on!(&mut *self.conn, |c| query
            .select(Row::as_select())
            .first(c)
            .optional())?)
    }

    fn open(&self, kind: Kind, row: &Row) -> Result<Stored> {
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

/// A person's record inside a writing transaction.
pub struct RecordWriter<'a> {
    records: Records<'a>,
    now: At,
    session: Option<Uuid>,
}

impl<'a> std::ops::Deref for RecordWriter<'a> {
    type Target = Records<'a>;
    fn deref(&self) -> &Records<'a> {
        &self.records
    }
}

impl std::ops::DerefMut for RecordWriter<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.records
    }
}

impl<'a> RecordWriter<'a> {
    pub(crate) fn new(conn: &'a mut Conn, scope: &'a PersonScope, now: At, session: Option<Uuid>) -> Self {
        Self {
            records: Records::new(conn, scope),
            now,
            session,
        }
    }

    /// Keeps other writers of the same person waiting until this transaction ends. What is read before it is written
    /// must be read under this lock. (The one writer of SQLite needs none; each write here takes it by itself.)
    pub fn lock(&mut self) -> Result<()> {
        if let Conn::Postgres(c) = &mut *self.records.conn {
            let row = people::table.filter(people::person_no.eq(self.records.scope.no));
            row.select(people::rev).for_update().first::<i64>(c)?;
        }
        Ok(())
    }

    /// Stores a new record, or knows it as one that was stored before.
    ///
    /// # Errors
    /// [`StoreError::IdConflict`], [`StoreError::IdDeleted`], [`StoreError::SlotTaken`], [`StoreError::Findings`]
    /// for references to what the person does not have.
    pub fn create(&mut self, draft: &Draft) -> Result<Created> {
        let rev = self.next_rev()?;
        let scope = self.records.scope;
        let collection = draft.kind.code();
        let origin = scope.keys.origin(&draft.canonical);
        let row = NewRow {
            person_no: scope.no,
            collection,
            id: Key(draft.id),
            version: 1,
            rev,
            occurred_at: At(draft.occurred_at.unwrap_or(self.now.0)),
            slot: draft
                .slot
                .as_deref()
                .map(|slot| scope.keys.slot(collection, slot)),
            deleted: false,
            origin: origin.clone(),
            sealed: scope.keys.seal_record(collection, draft.id, 1, &draft.body)?,
            created_at: self.now,
            updated_at: self.now,
        };
        let occurred_at = row.occurred_at.0;
        let inserted = on!(&mut *self.records.conn, |c| {
            diesel::insert_into(records::table)
                .values(&row)
                .on_conflict_do_nothing()
                .execute(c)
        })?;
        if inserted == 0 {
            return self.known(draft, &origin);
        }
        self.after_write(draft)?;
        Ok(Created::New(Stored {
            id: draft.id,
            version: 1,
            occurred_at,
            created_at: self.now.0,
            updated_at: self.now.0,
            body: draft.body.clone(),
        }))
    }

    /// Says why an insert found its place taken.
    fn known(&mut self, draft: &Draft, origin: &[u8]) -> Result<Created> {
        match self.row(draft.kind, draft.id)? {
            Some(row) if row.deleted => Err(StoreError::IdDeleted),
            Some(row) if row.origin == origin => {
                // Nothing changed, so the counter goes back; its row is locked by this transaction.
                let change =
                    diesel::update(people::table.filter(people::person_no.eq(self.records.scope.no)))
                        .set(people::rev.eq(people::rev - 1));
                on!(&mut *self.records.conn, |c| change.execute(c))?;
                Ok(Created::Replayed(self.open(draft.kind, &row)?))
            }
            Some(_) => Err(StoreError::IdConflict),
            None => {
                let slot = draft.slot.as_deref().unwrap_or_default();
                let holder = self.by_slot(draft.kind, slot)?;
                Err(holder.map_or(StoreError::Busy, |holder| StoreError::SlotTaken { id: holder.id }))
            }
        }
    }

    /// Replaces a record by its next version; the one before goes to the history.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`], [`StoreError::SlotTaken`],
    /// [`StoreError::Findings`] for references to what the person does not have.
    pub fn replace(&mut self, draft: &Draft, expected: Expected) -> Result<Stored> {
        let rev = self.next_rev()?;
        let before = self.live_row(draft.kind, draft.id, expected)?;
        let scope = self.records.scope;
        let collection = draft.kind.code();
        if let Some(slot) = &draft.slot
            && let Some(holder) = self.by_slot(draft.kind, slot)?
            && holder.id != draft.id
        {
            return Err(StoreError::SlotTaken { id: holder.id });
        }
        let version = before.version + 1;
        let after = Stored {
            id: draft.id,
            version,
            occurred_at: draft.occurred_at.unwrap_or(before.created_at.0),
            created_at: before.created_at.0,
            updated_at: self.now.0,
            body: draft.body.clone(),
        };
        let sealed = scope
            .keys
            .seal_record(collection, draft.id, version, &draft.body)?;
        let slot = draft
            .slot
            .as_deref()
            .map(|slot| scope.keys.slot(collection, slot));
        let no = before.no;
        self.keep(draft.kind, before)?;
        let change = diesel::update(records::table.filter(records::no.eq(no))).set((
            records::version.eq(version),
            records::rev.eq(rev),
            records::occurred_at.eq(At(after.occurred_at)),
            records::slot.eq(slot),
            records::sealed.eq(sealed),
            records::updated_at.eq(self.now),
        ));
        on!(&mut *self.records.conn, |c| change.execute(c))?;
        self.after_write(draft)?;
        Ok(after)
    }

    /// Deletes a record: a tombstone stays, which frees its slot and never comes back to life.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`].
    pub fn remove(&mut self, kind: Kind, id: Uuid, expected: Expected) -> Result<()> {
        let rev = self.next_rev()?;
        let before = self.live_row(kind, id, expected)?;
        let (no, version) = (before.no, before.version + 1);
        self.keep(kind, before)?;
        let change = diesel::update(records::table.filter(records::no.eq(no))).set((
            records::version.eq(version),
            records::rev.eq(rev),
            records::slot.eq(None::<Vec<u8>>),
            records::deleted.eq(true),
            records::sealed.eq(Vec::<u8>::new()),
            records::updated_at.eq(self.now),
        ));
        on!(&mut *self.records.conn, |c| change.execute(c))?;
        self.set_timer(kind, id, None)
    }

    /// Deletes a record but keeps it to be read, as the draft has it. It leaves every list and frees its slot.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`], [`StoreError::Final`].
    pub fn mark_deleted(&mut self, draft: &Draft, expected: Expected) -> Result<()> {
        let rev = self.next_rev()?;
        let before = self.live_row(draft.kind, draft.id, expected)?;
        let (no, version) = (before.no, before.version + 1);
        let sealed =
            self.records
                .scope
                .keys
                .seal_record(draft.kind.code(), draft.id, version, &draft.body)?;
        self.keep(draft.kind, before)?;
        let change = diesel::update(records::table.filter(records::no.eq(no))).set((
            records::version.eq(version),
            records::rev.eq(rev),
            records::slot.eq(None::<Vec<u8>>),
            records::deleted.eq(true),
            records::sealed.eq(sealed),
            records::updated_at.eq(self.now),
        ));
        on!(&mut *self.records.conn, |c| change.execute(c))?;
        self.set_timer(draft.kind, draft.id, None)
    }

    /// The row of a record that may still change.
    fn live_row(&mut self, kind: Kind, id: Uuid, expected: Expected) -> Result<Row> {
        let row = self.row(kind, id)?.ok_or(StoreError::NotFound)?;
        if row.is_marked() {
            return Err(StoreError::Final);
        }
        if row.deleted {
            return Err(StoreError::NotFound);
        }
        expected.check(row.version)?;
        Ok(row)
    }

    /// Puts the version that is being replaced into the history.
    fn keep(&mut self, kind: Kind, before: Row) -> Result<()> {
        let row = NewHistory {
            person_no: self.records.scope.no,
            collection: kind.code(),
            id: before.id,
            version: before.version,
            sealed: before.sealed,
            written_at: before.updated_at,
            replaced_at: self.now,
            replaced_by: self.session.map(Key),
        };
        on!(&mut *self.records.conn, |c| diesel::insert_into(
            record_history::table
        )
        .values(&row)
        .execute(c))?;
        Ok(())
    }

    /// Takes the next number of the person's changes; other writers of the same person wait for this one.
    fn next_rev(&mut self) -> Result<i64> {
        let change = diesel::update(people::table.filter(people::person_no.eq(self.records.scope.no)))
            .set(people::rev.eq(people::rev + 1))
            .returning(people::rev);
        Ok(on!(&mut *self.records.conn, |c| change.get_result(c))?)
    }

    fn after_write(&mut self, draft: &Draft) -> Result<()> {
        if !draft.items.is_empty() {
            let person_no = self.records.scope.no;
            let rows: Vec<_> = draft
                .items
                .iter()
                .map(|(id, kind)| {
                    (
                        record_items::person_no.eq(person_no),
                        record_items::id.eq(Key(*id)),
                        record_items::kind.eq(kind.code()),
                    )
                })
                .collect();
            on!(&mut *self.records.conn, |c| {
                diesel::insert_into(record_items::table)
                    .values(&rows)
                    .on_conflict_do_nothing()
                    .execute(c)
            })?;
        }
        self.check_references(&draft.references)?;
        self.set_timer(
            draft.kind,
            draft.id,
            draft.due_at.map(|at| At(at.timestamp_micros())),
        )
    }

    pub(crate) fn clear_timer(&mut self, kind: Kind, id: Uuid) -> Result<()> {
        self.set_timer(kind, id, None)
    }

    fn set_timer(&mut self, kind: Kind, id: Uuid, due_at: Option<At>) -> Result<()> {
        // Only kinds with timers pay for them.
        if !kind.has_timers() {
            return Ok(());
        }
        let person_no = self.records.scope.no;
        let old = timers::table
            .filter(timers::person_no.eq(person_no))
            .filter(timers::collection.eq(kind.code()))
            .filter(timers::id.eq(Key(id)));
        on!(&mut *self.records.conn, |c| diesel::delete(old).execute(c))?;
        if let Some(due_at) = due_at {
            let row = (
                timers::person_no.eq(person_no),
                timers::collection.eq(kind.code()),
                timers::id.eq(Key(id)),
                timers::due_at.eq(due_at),
            );
            on!(&mut *self.records.conn, |c| diesel::insert_into(timers::table)
                .values(row)
                .execute(c))?;
        }
        Ok(())
    }

    /// Finds every reference to something that the person does not have.
    fn check_references(&mut self, references: &[Reference]) -> Result<()> {
        let mut unknown = Vec::new();
        for reference in references {
            let (known, what) = match reference.target {
                Target::Item(kind) => (self.has_item(reference.id, kind.code())?, kind.singular()),
                Target::Record(kind) => (self.row(kind, reference.id)?.is_some(), kind.singular()),
            };
            if !known {
                unknown.push(Finding {
                    pointer: reference.pointer.clone(),
                    code: "unknown-reference".to_owned(),
                    message: format!("is no {what} of this person"),
                });
            }
        }
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Findings(unknown))
        }
    }

    fn has_item(&mut self, id: Uuid, kind: i16) -> Result<bool> {
        let query = record_items::table
            .filter(record_items::person_no.eq(self.records.scope.no))
            .filter(record_items::id.eq(Key(id)))
            .filter(record_items::kind.eq(kind))
            .select(record_items::kind);
        Ok(on!(&mut *self.records.conn, |c| query.first::<i16>(c).optional())?.is_some())
    }
}
