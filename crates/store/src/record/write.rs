//! Replaces and deletes records. Every write takes the next number of the person's changes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, RunQueryDsl,
    connection::{AnsiTransactionManager, TransactionManager},
};
use mainstay_domain::{
    account::quota::{Growth, Reserve, Usage, day_of},
    record::{Draft, Kind, Reference, Target, registry::has_timers},
    value::validation::{Finding, FindingCode},
};
use uuid::Uuid;

use super::{Expected, History, LockedWriter, Stored, columns::FullRow, read::Records};
use crate::{
    engine::{
        connection::Conn,
        panicked,
        schema::{people, record_history, record_items, records, timers},
        statement::TakeRevs,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::{
        scope::{PersonScope, VersionTag},
        seal::sealed_len,
    },
    on,
};

#[derive(Insertable)]
#[diesel(table_name = record_history, treat_none_as_default_value = false)]
struct NewHistory {
    person_no: i64,
    collection: i16,
    id: DbUuid,
    version: i64,
    digest: Vec<u8>,
    sealed: Vec<u8>,
    written_at: DbTimestamp,
    replaced_at: DbTimestamp,
    replaced_by: Option<DbUuid>,
}

/// Numbers of a person's changes, taken for a write.
pub(crate) struct TakenRevs {
    /// The last of them.
    pub(crate) last: i64,
    /// The epoch of the person's record, which no restore changes before the transaction ends.
    pub(crate) epoch: i64,
    /// What the write adds to the usage of the person.
    pub(super) growth: Growth,
    /// The usage with the write.
    pub(super) usage: Usage,
}

/// Writes a person's record inside one transaction. Work that depends on what it reads needs a [`LockedWriter`].
pub struct RecordWriter<'a> {
    pub(super) records: Records<'a>,
    pub(super) now: DbTimestamp,
    pub(super) session: Option<Uuid>,
    is_locked: bool,
    /// Whether this transaction has written a version for which there was room.
    pub(super) has_written: bool,
    /// Whether this transaction has deleted a record.
    pub(super) has_deleted: bool,
    /// The record that this transaction has written last, or recognised as a replay.
    pub(crate) last_record: Option<Uuid>,
}

impl<'a> RecordWriter<'a> {
    pub(crate) fn new(
        conn: &'a mut Conn,
        scope: &'a PersonScope,
        now: DbTimestamp,
        session: Option<Uuid>,
    ) -> Self {
        Self {
            records: Records::new(conn, scope),
            now,
            session,
            is_locked: false,
            has_written: false,
            has_deleted: false,
            last_record: None,
        }
    }

    /// The connection, the person and the time of the transaction.
    pub(crate) fn parts(&mut self) -> (&mut Conn, &PersonScope, DbTimestamp) {
        (&mut *self.records.conn, self.records.scope, self.now)
    }

    /// Takes the person's lock: other writers of the same person wait until this transaction ends. SQLite has one writer, so
    /// there nothing is to be done.
    pub fn lock(&mut self) -> Result<LockedWriter<'_, 'a>> {
        if !self.is_locked
            && let Conn::Postgres(c) = &mut *self.records.conn
        {
            let row = people::table.filter(people::person_no.eq(self.records.scope.no));
            let found = row.select(people::rev).for_update().first::<i64>(c).optional()?;
            found.ok_or(StoreError::PersonGone)?;
        }
        self.is_locked = true;
        Ok(LockedWriter { writer: self })
    }

    /// Replaces a record by its next version; the one before goes to the history.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`], [`StoreError::SlotTaken`], [`StoreError::QuotaExceeded`],
    /// [`StoreError::Findings`] for references to what the person does not have.
    pub fn replace(&mut self, draft: &Draft, expected: &Expected) -> Result<Stored> {
        let taken = self.take_revs(1, self.of_version(0, sealed_len(draft.body.len())))?;
        let (rev, epoch) = (taken.last, taken.epoch);
        let before = self.live_row(draft.kind, draft.id, expected, epoch)?;
        let scope = self.records.scope;
        let collection = draft.kind.code();
        if let Some(slot) = &draft.slot
            && let Some(holder) = self.records.by_slot(draft.kind, slot)?
            && holder.id != draft.id
        {
            return Err(StoreError::SlotTaken { id: holder.id });
        }
        self.check_quota(&taken, Reserve::of(draft.kind))?;
        let version = before.version() + 1;
        let after = Stored {
            id: draft.id,
            version,
            epoch,
            rev: Some(rev),
            occurred_at: draft.occurred_at.unwrap_or(before.changed.columns.created_at.0),
            created_at: before.changed.columns.created_at.0,
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
        self.archive(draft.kind, before)?;
        let change = diesel::update(records::table.filter(records::no.eq(no))).set((
            records::version.eq(version),
            records::rev.eq(rev),
            records::occurred_at.eq(DbTimestamp(after.occurred_at)),
            records::slot.eq(slot),
            records::digest.eq(scope.keys.origin(&draft.canonical)),
            records::sealed.eq(sealed),
            records::updated_at.eq(self.now),
        ));
        on!(&mut *self.records.conn, |c| change.execute(c))?;
        self.last_record = Some(draft.id);
        self.after_write(draft)?;
        Ok(after)
    }

    /// Runs a part of the work in a savepoint: if it fails, it leaves nothing behind and the transaction goes on.
    pub(super) fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        on!(&mut *self.records.conn, |c| {
            AnsiTransactionManager::begin_transaction(c)
        })?;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| Err(panicked()));
        on!(&mut *self.records.conn, |c| if outcome.is_ok() {
            AnsiTransactionManager::commit_transaction(c)
        } else {
            AnsiTransactionManager::rollback_transaction(c)
        })?;
        outcome
    }

    /// Deletes a record. A tombstone stays: its slot is free, and the id is never used again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`].
    pub fn remove(&mut self, kind: Kind, id: Uuid, expected: &Expected, history: History) -> Result<()> {
        self.delete(kind, id, expected, (None, history))
    }

    /// Marks a record as deleted, with the content of the draft. It can still be read, leaves every list and frees its slot.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`], [`StoreError::Final`].
    pub fn mark_deleted(&mut self, draft: &Draft, expected: &Expected, history: History) -> Result<()> {
        self.delete(draft.kind, draft.id, expected, (Some(&draft.body), history))
    }

    /// Deletes a record. Its body is removed, or replaced by `body`.
    fn delete(
        &mut self,
        kind: Kind,
        id: Uuid,
        expected: &Expected,
        (body, history): (Option<&[u8]>, History),
    ) -> Result<()> {
        let bytes = body.map_or(0, |body| sealed_len(body.len()));
        let taken = self.take_revs(1, self.of_version(-1, bytes))?;
        let rev = taken.last;
        let before = self.live_row(kind, id, expected, taken.epoch)?;
        self.has_deleted = true;
        let (no, version) = (before.no, before.version() + 1);
        let keys = &self.records.scope.keys;
        let sealed = body.map_or(Ok(Vec::new()), |body| {
            keys.seal_record(kind.code(), id, version, body)
        })?;
        // A version that is purged goes the way of those before it, so that its bytes are counted like theirs.
        self.archive(kind, before)?;
        if history.is_purged(kind) {
            self.purge(kind, id)?;
        }
        let change = diesel::update(records::table.filter(records::no.eq(no))).set((
            records::version.eq(version),
            records::rev.eq(rev),
            records::slot.eq(None::<Vec<u8>>),
            records::deleted.eq(true),
            records::digest.eq(Vec::<u8>::new()),
            records::sealed.eq(sealed),
            records::updated_at.eq(self.now),
        ));
        on!(&mut *self.records.conn, |c| change.execute(c))?;
        self.set_timer(kind, id, None)
    }

    /// The row of a record that may still change. `epoch` is the present one: that of the scope is some seconds old.
    fn live_row(&mut self, kind: Kind, id: Uuid, expected: &Expected, epoch: i64) -> Result<FullRow> {
        let row = self.records.row(kind, id)?.ok_or(StoreError::NotFound)?;
        if row.changed.is_marked() {
            return Err(StoreError::Final);
        }
        if row.is_deleted() {
            return Err(StoreError::NotFound);
        }
        expected.check(VersionTag {
            version: row.version(),
            epoch,
        })?;
        Ok(row)
    }

    /// Moves the version that is being replaced to the history.
    fn archive(&mut self, kind: Kind, before: FullRow) -> Result<()> {
        let row = NewHistory {
            person_no: self.records.scope.no,
            collection: kind.code(),
            id: before.changed.columns.id,
            version: before.version(),
            digest: before.digest,
            sealed: before.changed.columns.sealed,
            written_at: before.changed.columns.updated_at,
            replaced_at: self.now,
            replaced_by: self.session.map(DbUuid),
        };
        on!(&mut *self.records.conn, |c| diesel::insert_into(
            record_history::table
        )
        .values(&row)
        .execute(c))?;
        Ok(())
    }

    /// Takes the next numbers of the person's changes, and counts what is written under them. Other writers of the same
    /// person wait until this transaction ends. [`Self::check_quota`] says whether so much may be written.
    pub(crate) fn take_revs(&mut self, count: i64, growth: Growth) -> Result<TakenRevs> {
        type Columns = (i64, i64, i64, i64, i64);
        let take = TakeRevs {
            person_no: self.records.scope.no,
            count,
            growth,
            day: day_of(self.now.0),
        };
        let taken: Option<Columns> = on!(&mut *self.records.conn, |c| take.get_result(c).optional())?;
        let (last, epoch, records, bytes, writes_today) = taken.ok_or(StoreError::PersonGone)?;
        Ok(TakenRevs {
            last,
            epoch,
            growth,
            usage: Usage {
                records,
                bytes,
                writes_today,
            },
        })
    }

    /// Stores the plan items and the timer of a record, and checks its references.
    pub(crate) fn after_write(&mut self, draft: &Draft) -> Result<()> {
        if !draft.items.is_empty() {
            let person_no = self.records.scope.no;
            let rows: Vec<_> = draft
                .items
                .iter()
                .map(|(id, kind)| {
                    (
                        record_items::person_no.eq(person_no),
                        record_items::id.eq(DbUuid(*id)),
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
            draft.due_at.map(|at| DbTimestamp(at.timestamp_micros())),
        )
    }

    pub(crate) fn clear_timer(&mut self, kind: Kind, id: Uuid) -> Result<()> {
        self.set_timer(kind, id, None)
    }

    fn set_timer(&mut self, kind: Kind, id: Uuid, due_at: Option<DbTimestamp>) -> Result<()> {
        // Only kinds with timers pay for them.
        if !has_timers(kind) {
            return Ok(());
        }
        let person_no = self.records.scope.no;
        let old = timers::table
            .filter(timers::person_no.eq(person_no))
            .filter(timers::collection.eq(kind.code()))
            .filter(timers::id.eq(DbUuid(id)));
        on!(&mut *self.records.conn, |c| diesel::delete(old).execute(c))?;
        if let Some(due_at) = due_at {
            let row = (
                timers::person_no.eq(person_no),
                timers::collection.eq(kind.code()),
                timers::id.eq(DbUuid(id)),
                timers::due_at.eq(due_at),
            );
            on!(&mut *self.records.conn, |c| diesel::insert_into(timers::table)
                .values(row)
                .execute(c))?;
        }
        Ok(())
    }

    /// Finds every reference to a record or plan item that the person does not have.
    fn check_references(&mut self, references: &[Reference]) -> Result<()> {
        let mut unknown = Vec::new();
        for reference in references {
            let (known, what) = match reference.target {
                Target::Item(kind) => (self.has_item(reference.id, kind.code())?, kind.singular()),
                Target::Record(kind) => (self.knows_record(kind, reference.id)?, kind.singular()),
            };
            if !known {
                unknown.push(Finding {
                    pointer: reference.pointer.clone(),
                    code: FindingCode::UnknownReference,
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

    /// Whether the person has, or had, a record of that id.
    fn knows_record(&mut self, kind: Kind, id: Uuid) -> Result<bool> {
        Ok(self.records.row(kind, id)?.is_some() || self.records.swept_version(kind, id)?.is_some())
    }

    fn has_item(&mut self, id: Uuid, kind: i16) -> Result<bool> {
        let query = record_items::table
            .filter(record_items::person_no.eq(self.records.scope.no))
            .filter(record_items::id.eq(DbUuid(id)))
            .filter(record_items::kind.eq(kind))
            .select(record_items::kind);
        Ok(on!(&mut *self.records.conn, |c| query.first::<i16>(c).optional())?.is_some())
    }
}
