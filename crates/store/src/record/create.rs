//! Storing one new record: the most common write.

use diesel::{
    ExpressionMethods, QueryDsl, QueryResult, RunQueryDsl, SqliteConnection,
    backend::Backend,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, Binary, Bool, HasSqlType, Nullable, SmallInt},
    sqlite::Sqlite,
};
use mainstay_domain::record::{Draft, Kind, registry::has_timers};
use uuid::Uuid;

use super::{Created, RecordWriter, Stored, batch_insert::create_batch, read::Row, write::NewRow};
use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::{people, records},
        statement::LatestRev,
        types::{DbTimestamp, DbUuid, Identifier, Instant},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
};

impl Store {
    /// Stores a new record, or knows it as one that was stored before. `now` is in microseconds. The record is sealed
    /// before the database is asked for its turn, and where the engine can do it in one statement, that is all.
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
            return self.write(scope, session, now, work).await;
        }
        let is_stored = match self.batch_inserter.as_deref() {
            Some(batch_inserter) => batch_inserter.create(row).await,
            None => self.data.write_plainly(move |conn| insert_one(conn, &row)).await,
        };
        if is_stored? {
            return Ok(Created::New(first(&draft, DbTimestamp(now))));
        }
        // The place is taken: by the same record, or by what refuses it.
        self.write(scope, session, now, move |writer| writer.create(&draft))
            .await
    }
}

/// A new record, sealed before the database is asked for its turn.
pub struct Sealed {
    row: NewRow,
    draft: Draft,
}

impl Sealed {
    /// Seals the first version of a record. `now` is in microseconds.
    ///
    /// # Errors
    /// Of sealing.
    pub fn new(scope: &PersonScope, draft: Draft, now: i64) -> Result<Self> {
        let row = NewRow::sealed(scope, &draft, 0, DbTimestamp(now))?;
        Ok(Self { row, draft })
    }

    /// What it was made of.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Whether nothing but the record itself is stored or looked at.
    pub fn has_no_side_effects(&self) -> bool {
        has_no_side_effects(&self.draft)
    }
}

impl RecordWriter<'_> {
    /// Stores a new record, or knows it as one that was stored before.
    ///
    /// # Errors
    /// [`StoreError::IdConflict`], [`StoreError::IdDeleted`], [`StoreError::SlotTaken`], [`StoreError::Findings`]
    /// for references to what the person does not have.
    pub fn create(&mut self, draft: &Draft) -> Result<Created> {
        let mut row = NewRow::sealed(self.records.scope, draft, 0, self.now)?;
        self.create_row(&mut row, draft)
    }

    /// Stores a new record as [`Self::create`] does, while the rest of the transaction goes on if that is refused.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn try_create(&mut self, new: &mut Sealed) -> Result<Created> {
        self.attempt(|writer| writer.create_row(&mut new.row, &new.draft))
    }

    /// Stores new records that stand alone in the order given, and says of each whether it is stored. No two may be of
    /// one collection and have one id. Why one is not stored, [`Self::why_taken`] says.
    ///
    /// # Errors
    /// Of the database.
    pub fn create_batch(&mut self, new: &[&Sealed]) -> Result<Vec<bool>> {
        let rows = new.iter().map(|new| &new.row);
        let stored: Vec<bool> = match &mut *self.records.conn {
            Conn::Postgres(c) if new.len() > 1 => create_batch(c, rows)?,
            conn => rows.map(|row| insert_one(conn, row)).collect::<Result<_>>()?,
        };
        if matches!(self.records.conn, Conn::Postgres(_)) {
            // The numbers that were passed over before the last that is used are missed by nobody.
            let unused = stored.iter().rev().take_while(|is_stored| !**is_stored).count();
            self.give_revs_back(unused)?;
        }
        Ok(stored)
    }

    /// What stands where a new record was to be stored: the same one, or what refuses it.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn why_taken(&mut self, new: &Sealed) -> Result<Created> {
        self.known_by(&new.draft, &new.row.origin)
    }

    /// Stores a new record under the next number.
    fn create_row(&mut self, row: &mut NewRow, draft: &Draft) -> Result<Created> {
        let is_alone = has_no_side_effects(draft);
        let is_new = if is_alone {
            insert_one(self.records.conn, row)?
        } else {
            row.rev = self.next_rev()?;
            let row = &*row;
            on!(&mut *self.records.conn, |c| {
                diesel::insert_into(records::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(c)
            })? == 1
        };
        if !is_new {
            let known = self.known_by(draft, &row.origin)?;
            if !is_alone || matches!(self.records.conn, Conn::Postgres(_)) {
                self.give_revs_back(1)?;
            }
            return Ok(known);
        }
        self.after_write(draft)?;
        Ok(Created::New(first(draft, self.now)))
    }

    /// Says why an insert found its place taken.
    fn known_by(&mut self, draft: &Draft, origin: &[u8]) -> Result<Created> {
        match self.row(draft.kind, draft.id)? {
            Some(row) if row.deleted => Err(StoreError::IdDeleted),
            Some(row) if row.origin == origin => self.replayed(draft.kind, &row),
            // What the server filled in may come back as it was answered.
            Some(row) if row.version == 1 && self.open(draft.kind, &row)?.body == draft.body => {
                self.replayed(draft.kind, &row)
            }
            Some(_) => Err(StoreError::IdConflict),
            None => {
                let slot = draft.slot.as_deref().unwrap_or_default();
                let holder = self.by_slot(draft.kind, slot)?;
                Err(holder.map_or(StoreError::Busy, |holder| StoreError::SlotTaken { id: holder.id }))
            }
        }
    }

    fn replayed(&mut self, kind: Kind, row: &Row) -> Result<Created> {
        Ok(Created::Replayed(self.open(kind, row)?))
    }

    /// Where numbers were taken and not used, the counter goes back; its row is locked by this transaction.
    fn give_revs_back(&mut self, count: usize) -> Result<()> {
        if count > 0 {
            let change = diesel::update(people::table.filter(people::person_no.eq(self.records.scope.no)))
                .set(people::rev.eq(people::rev - i64::try_from(count).unwrap_or(i64::MAX)));
            on!(&mut *self.records.conn, |c| change.execute(c))?;
        }
        Ok(())
    }
}

/// The first version of a record as it is answered.
fn first(draft: &Draft, now: DbTimestamp) -> Stored {
    Stored {
        id: draft.id,
        version: 1,
        occurred_at: draft.occurred_at.unwrap_or(now.0),
        created_at: now.0,
        updated_at: now.0,
        body: draft.body.clone(),
    }
}

/// Whether nothing but the row itself is stored or looked at.
fn has_no_side_effects(draft: &Draft) -> bool {
    draft.items.is_empty() && draft.references.is_empty() && !has_timers(draft.kind)
}

/// False if the place is taken. PostgreSQL has passed over a number then, which nobody misses.
pub(super) fn insert_one(conn: &mut Conn, row: &NewRow) -> Result<bool> {
    let inserted = match conn {
        Conn::Postgres(c) => InsertOneOnPostgres(row).execute(c)?,
        Conn::Sqlite(c) => InsertOneOnSqlite(row).execute(c)?,
    };
    Ok(inserted == 1)
}

/// Takes the next number of the person's changes and stores the row under it, in one statement, which can be a
/// transaction of its own. Diesel has no data-changing `WITH`, so the text is ours; it is prepared once for each
/// connection.
struct InsertOneOnPostgres<'a>(&'a NewRow);

impl QueryId for InsertOneOnPostgres<'_> {
    type QueryId = InsertOneOnPostgres<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for InsertOneOnPostgres<'_> {}

impl QueryFragment<Pg> for InsertOneOnPostgres<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH next AS (UPDATE people SET rev = rev + 1 WHERE person_no = ");
        out.push_bind_param::<BigInt, _>(&self.0.person_no)?;
        out.push_sql(" RETURNING person_no, rev) ");
        out.push_sql(INSERT);
        out.push_sql(" SELECT person_no, rev");
        values(self.0, out.reborrow())?;
        out.push_sql(" FROM next ON CONFLICT DO NOTHING");
        Ok(())
    }
}

/// Stores the row under the next number of the person's changes, which is not taken otherwise: the row has it.
struct InsertOneOnSqlite<'a>(&'a NewRow);

impl QueryId for InsertOneOnSqlite<'_> {
    type QueryId = InsertOneOnSqlite<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for InsertOneOnSqlite<'_> {}

impl QueryFragment<Sqlite> for InsertOneOnSqlite<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(INSERT);
        out.push_sql(" VALUES (");
        out.push_bind_param::<BigInt, _>(&self.0.person_no)?;
        out.push_sql(", (SELECT ");
        out.push_sql(Sqlite::LATEST_REV);
        out.push_sql(" + 1 FROM people WHERE person_no = ");
        out.push_bind_param::<BigInt, _>(&self.0.person_no)?;
        out.push_sql(")");
        values(self.0, out.reborrow())?;
        out.push_sql(") ON CONFLICT DO NOTHING");
        Ok(())
    }
}

pub(super) const INSERT: &str = "INSERT INTO records (person_no, rev, collection, id, version, occurred_at, slot, deleted, origin, \
    digest, sealed, created_at, updated_at)";

/// The values of a row but for the person and the number, each with a comma before it.
fn values<'b, DB>(row: &'b NewRow, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    DB: Backend
        + HasSqlType<SmallInt>
        + HasSqlType<BigInt>
        + HasSqlType<Binary>
        + HasSqlType<Bool>
        + HasSqlType<Identifier>
        + HasSqlType<Instant>,
    i16: ToSql<SmallInt, DB>,
    i64: ToSql<BigInt, DB>,
    bool: ToSql<Bool, DB>,
    Vec<u8>: ToSql<Binary, DB>,
    Option<Vec<u8>>: ToSql<Nullable<Binary>, DB>,
    DbUuid: ToSql<Identifier, DB>,
    DbTimestamp: ToSql<Instant, DB>,
{
    out.push_sql(", ");
    out.push_bind_param::<SmallInt, _>(&row.collection)?;
    out.push_sql(", ");
    out.push_bind_param::<Identifier, _>(&row.id)?;
    out.push_sql(", ");
    out.push_bind_param::<BigInt, _>(&row.version)?;
    out.push_sql(", ");
    out.push_bind_param::<Instant, _>(&row.occurred_at)?;
    out.push_sql(", ");
    out.push_bind_param::<Nullable<Binary>, _>(&row.slot)?;
    out.push_sql(", ");
    out.push_bind_param::<Bool, _>(&row.deleted)?;
    for bytes in [&row.origin, &row.digest, &row.sealed] {
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(bytes)?;
    }
    for at in [&row.created_at, &row.updated_at] {
        out.push_sql(", ");
        out.push_bind_param::<Instant, _>(at)?;
    }
    Ok(())
}
