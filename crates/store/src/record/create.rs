//! Creating records: the most common write.

use diesel::RunQueryDsl;
use mainstay_domain::{
    account::quota::Reserve,
    record::{
        Draft, Kind,
        registry::{has_same_content, has_timers},
    },
};
use uuid::Uuid;

use super::{
    Created, RecordWriter, Stored,
    columns::FullRow,
    insert::{LockedPeople, NewRow, insert_batch, insert_one},
};
use crate::{
    Store,
    engine::{connection::Conn, schema::records, types::DbTimestamp},
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
};

impl Store {
    /// Stores a new record, or recognises it as a replay. `now` is in microseconds. The record is sealed before a job
    /// is queued, and one without side effects takes a single statement.
    ///
    /// # Errors
    /// As [`RecordWriter::create`](super::RecordWriter::create).
    pub async fn create(
        &self,
        scope: &PersonScope,
        session: Uuid,
        now: i64,
        draft: Draft,
    ) -> Result<Created> {
        let row = NewRow::sealed(scope, &draft, 0, DbTimestamp(now))?;
        if !has_no_side_effects(&draft) {
            let mut row = row;
            let work = move |writer: &mut RecordWriter<'_>| writer.create_row(&mut row, &draft);
            return Box::pin(self.write(scope, session, now, work)).await;
        }
        let is_stored = match self.batch_inserter.as_deref() {
            Some(batch_inserter) => {
                let _turn = self.data.queue_turn(&scope.party()).await?;
                batch_inserter.insert(scope.lane(), row).await
            }
            None => {
                self.data
                    .write_unisolated(scope.party(), move |conn| insert_one(conn, &row))
                    .await
            }
        };
        if is_stored? {
            return Ok(Created::New(first_version(scope, &draft, DbTimestamp(now))));
        }
        // Its key or its slot is taken, by the same record or by one that refuses it; or a budget is used up; or another
        // transaction holds the person for long.
        Box::pin(self.write(scope, session, now, move |writer| writer.create(&draft))).await
    }
}

/// A new record, sealed before a job is queued for it.
pub struct SealedDraft {
    row: NewRow,
    draft: Draft,
}

impl SealedDraft {
    /// Seals the first version of a record. `now` is in microseconds.
    ///
    /// # Errors
    /// Of sealing.
    pub fn new(scope: &PersonScope, draft: Draft, now: i64) -> Result<Self> {
        let row = NewRow::sealed(scope, &draft, 0, DbTimestamp(now))?;
        Ok(Self { row, draft })
    }

    /// The draft that was sealed.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// True if storing the record stores and checks nothing else: no plan items, no references, no timers.
    pub fn has_no_side_effects(&self) -> bool {
        has_no_side_effects(&self.draft)
    }
}

impl RecordWriter<'_> {
    /// Stores a new record, or recognises it as a replay.
    ///
    /// # Errors
    /// [`StoreError::IdConflict`], [`StoreError::IdDeleted`], [`StoreError::SlotTaken`], [`StoreError::QuotaExceeded`],
    /// [`StoreError::Findings`] for references to what the person does not have.
    pub fn create(&mut self, draft: &Draft) -> Result<Created> {
        let mut row = NewRow::sealed(self.records.scope, draft, 0, self.now)?;
        self.create_row(&mut row, draft)
    }

    /// Stores a new record as [`Self::create`] does, while the rest of the transaction goes on if that is refused.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn try_create(&mut self, new: &mut SealedDraft) -> Result<Created> {
        self.attempt(|writer| writer.create_row(&mut new.row, &new.draft))
    }

    /// Stores new records without side effects in the order given. Gives for each whether it was stored. If not,
    /// [`Self::create_after_batch`] stores it or says why not. No two may have the same collection and id.
    ///
    /// # Errors
    /// Of the database.
    pub fn create_batch(&mut self, new: &[&SealedDraft]) -> Result<Vec<bool>> {
        let rows = new.iter().map(|new| &new.row);
        let stored: Vec<bool> = match &mut *self.records.conn {
            Conn::Postgres(c) => insert_batch(c, rows, LockedPeople::Awaited)?,
            conn @ Conn::Sqlite(_) => rows.map(|row| insert_one(conn, row)).collect::<Result<_>>()?,
        };
        self.has_written |= stored.contains(&true);
        Ok(stored)
    }

    /// Finds out why a batch has not stored a record: it is a replay, another record has its id or its slot, or a budget is
    /// used up. If it is none of these, there is still room for this one, and it is stored.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_after_batch(&mut self, new: &mut SealedDraft) -> Result<Created> {
        if let Some(existing) = self.conflict_with(&new.draft, &new.row.origin)? {
            return Ok(existing);
        }
        // A full account may send many such records: to judge costs less than to write and to undo.
        self.check_room(new.row.growth(), Reserve::of(new.draft.kind))?;
        self.try_create(new)
    }

    /// Stores a new record under the next number.
    fn create_row(&mut self, row: &mut NewRow, draft: &Draft) -> Result<Created> {
        self.last_record = Some(draft.id);
        if has_no_side_effects(draft) {
            self.lock()?;
            if insert_one(self.records.conn, row)? {
                self.has_written = true;
                return Ok(Created::New(first_version(self.records.scope, draft, self.now)));
            }
            if let Some(existing) = self.conflict_with(draft, &row.origin)? {
                return Ok(existing);
            }
        }
        // A record that may draw on a reserve can go beyond the limits that the statement above knows.
        let growth = row.growth();
        let taken = self.take_revs(1, growth)?;
        row.rev = taken.last;
        let row = &*row;
        // Under the lock nobody sweeps the id meanwhile.
        if self.records.swept_version(draft.kind, draft.id)?.is_some() {
            return Err(StoreError::IdDeleted);
        }
        let inserted = on!(&mut *self.records.conn, |c| {
            diesel::insert_into(records::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(c)
        })?;
        if inserted == 0 {
            let existing = self.conflict_with(draft, &row.origin)?.ok_or(StoreError::Busy)?;
            self.take_revs(-1, growth.reversed())?;
            return Ok(existing);
        }
        self.check_quota(&taken, Reserve::of(draft.kind))?;
        self.after_write(draft)?;
        Ok(Created::New(first_version(self.records.scope, draft, self.now)))
    }

    /// Finds out whether the key or the slot of a new record is taken. `None` if neither is.
    fn conflict_with(&mut self, draft: &Draft, origin: &[u8]) -> Result<Option<Created>> {
        match self.records.row(draft.kind, draft.id)? {
            Some(row) if row.is_deleted() => Err(StoreError::IdDeleted),
            Some(row) if row.origin == origin => self.replayed(draft.kind, &row),
            // A client may send back what the server had filled in.
            Some(row) if row.version() == 1 && self.holds_content_of(draft, &row)? => {
                self.replayed(draft.kind, &row)
            }
            Some(_) => Err(StoreError::IdConflict),
            None if self.records.swept_version(draft.kind, draft.id)?.is_some() => Err(StoreError::IdDeleted),
            None => {
                let Some(slot) = draft.slot.as_deref() else {
                    return Ok(None);
                };
                let holder = self.records.by_slot(draft.kind, slot)?;
                holder.map_or(Ok(None), |holder| Err(StoreError::SlotTaken { id: holder.id }))
            }
        }
    }

    /// Whether a record holds the content of a draft, with all that the server had filled in.
    fn holds_content_of(&self, draft: &Draft, row: &FullRow) -> Result<bool> {
        let stored = row.open(draft.kind, self.records.scope)?;
        has_same_content(draft.kind, &stored.body, &draft.body)
            .map_err(|error| StoreError::unreadable(draft.kind, &error))
    }

    fn replayed(&mut self, kind: Kind, row: &FullRow) -> Result<Option<Created>> {
        Ok(Some(Created::Replayed(row.open(kind, self.records.scope)?)))
    }
}

/// The first version of a record, as the response shows it.
fn first_version(scope: &PersonScope, draft: &Draft, now: DbTimestamp) -> Stored {
    Stored {
        id: draft.id,
        version: 1,
        epoch: scope.epoch,
        rev: None,
        occurred_at: draft.occurred_at.unwrap_or(now.0),
        created_at: now.0,
        updated_at: now.0,
        body: draft.body.clone(),
    }
}

/// True if storing the record stores and checks nothing but its row.
fn has_no_side_effects(draft: &Draft) -> bool {
    draft.items.is_empty() && draft.references.is_empty() && !has_timers(draft.kind)
}
