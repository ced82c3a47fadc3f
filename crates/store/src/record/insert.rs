//! The statements that insert new records, each with the next number of its person's changes.

use std::{collections::HashSet, marker::PhantomData};

use diesel::{
    Insertable, QueryResult, RunQueryDsl, SqliteConnection,
    backend::Backend,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{Array, BigInt, Binary, Bool, HasSqlType, Nullable, SmallInt},
    sqlite::Sqlite,
};
use mainstay_domain::{
    account::quota::{Growth, Quota, day_of},
    record::Draft,
};

use crate::{
    engine::{
        connection::Conn,
        schema::records,
        statement::LatestTotals,
        types::{DbTimestamp, DbUuid, Identifier, Instant},
    },
    error::Result,
    key::scope::PersonScope,
};
/// The row of a new record.
#[derive(Insertable)]
#[diesel(table_name = records, treat_none_as_default_value = false)]
pub(crate) struct NewRow {
    pub(super) person_no: i64,
    pub(super) collection: i16,
    pub(super) id: DbUuid,
    pub(super) version: i64,
    pub(super) rev: i64,
    pub(super) occurred_at: DbTimestamp,
    pub(super) slot: Option<Vec<u8>>,
    pub(super) deleted: bool,
    pub(super) origin: Vec<u8>,
    pub(super) digest: Vec<u8>,
    pub(super) sealed: Vec<u8>,
    pub(super) created_at: DbTimestamp,
    pub(super) updated_at: DbTimestamp,
    /// The limits of the person.
    #[diesel(skip_insertion)]
    pub(super) quota: Quota,
}

impl NewRow {
    /// Seals the first version of a record, as the change with the number `rev`.
    pub(crate) fn sealed(scope: &PersonScope, draft: &Draft, rev: i64, now: DbTimestamp) -> Result<Self> {
        let collection = draft.kind.code();
        let origin = scope.keys.origin(&draft.canonical);
        Ok(Self {
            person_no: scope.no,
            collection,
            id: DbUuid(draft.id),
            version: 1,
            rev,
            occurred_at: DbTimestamp(draft.occurred_at.unwrap_or(now.0)),
            slot: draft
                .slot
                .as_deref()
                .map(|slot| scope.keys.slot(collection, slot)),
            deleted: false,
            digest: origin.clone(),
            origin,
            sealed: scope.keys.seal_record(collection, draft.id, 1, &draft.body)?,
            created_at: now,
            updated_at: now,
            quota: scope.quota,
        })
    }

    /// What the row adds to the usage of its person.
    pub(super) fn growth(&self) -> Growth {
        Growth {
            records: 1,
            bytes: self.bytes(),
            writes: 1,
        }
    }

    fn bytes(&self) -> i64 {
        i64::try_from(self.sealed.len()).unwrap_or(i64::MAX)
    }

    /// The day of the write.
    fn day(&self) -> i64 {
        day_of(self.created_at.0)
    }
}

/// The unique key of a row: person, collection and id.
pub(super) type RecordKey = (i64, i16, DbUuid);

impl NewRow {
    /// The unique key of the row.
    pub(super) fn key(&self) -> RecordKey {
        (self.person_no, self.collection, self.id)
    }
}

/// Inserts a row under the next number of the person's changes, within the person's limits, and counts it. False if its key
/// or its slot is taken, if it would exceed a limit, or if the person is gone. Then nothing is written.
///
/// On PostgreSQL the person's lock must be held. Otherwise it is an error if another transaction has just taken the key or
/// the slot.
pub(super) fn insert_one(conn: &mut Conn, row: &NewRow) -> Result<bool> {
    match conn {
        Conn::Postgres(c) => {
            Ok(insert_batch(c, std::iter::once(row), LockedPeople::Awaited)?.contains(&true))
        }
        Conn::Sqlite(c) => Ok(InsertOneOnSqlite::of(row).execute(c)? == 1),
    }
}

/// Inserts the row under the next number of the person's changes, if it is within the person's limits and its id was not
/// swept. The person's row is not written: the new row itself holds the latest number and the latest totals.
pub(crate) struct InsertOneOnSqlite<'a> {
    row: &'a NewRow,
    bytes: i64,
    day: i64,
}

impl<'a> InsertOneOnSqlite<'a> {
    pub(crate) fn of(row: &'a NewRow) -> Self {
        Self {
            row,
            bytes: row.bytes(),
            day: row.day(),
        }
    }
}

impl QueryId for InsertOneOnSqlite<'_> {
    type QueryId = InsertOneOnSqlite<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for InsertOneOnSqlite<'_> {}

impl QueryFragment<Sqlite> for InsertOneOnSqlite<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        const WRITES: &str = "CASE WHEN latest.writes_day = ";
        let Self { row, bytes, day } = self;
        out.push_sql(INSERT);
        out.push_sql(", total_records, total_bytes, day_writes) SELECT latest.person_no, latest.rev + 1");
        values(row, out.reborrow())?;
        out.push_sql(", latest.total_records + 1, latest.total_bytes + ");
        out.push_bind_param::<BigInt, _>(bytes)?;
        out.push_sql(", ");
        out.push_sql(WRITES);
        out.push_bind_param::<BigInt, _>(day)?;
        out.push_sql(" THEN latest.day_writes ELSE 0 END + 1");
        out.push_sql(Sqlite::FROM);
        out.push_bind_param::<BigInt, _>(&row.person_no)?;
        out.push_sql(Sqlite::FROM_END);
        out.push_sql(" WHERE latest.total_records < ");
        out.push_bind_param::<BigInt, _>(&row.quota.records)?;
        out.push_sql(" AND latest.total_bytes + ");
        out.push_bind_param::<BigInt, _>(bytes)?;
        out.push_sql(" <= ");
        out.push_bind_param::<BigInt, _>(&row.quota.bytes)?;
        out.push_sql(" AND ");
        out.push_sql(WRITES);
        out.push_bind_param::<BigInt, _>(day)?;
        out.push_sql(" THEN latest.day_writes ELSE 0 END < ");
        out.push_bind_param::<BigInt, _>(&row.quota.writes_per_day)?;
        out.push_sql(" AND NOT EXISTS (SELECT 1 FROM swept_ids WHERE swept_ids.person_no = ");
        out.push_bind_param::<BigInt, _>(&row.person_no)?;
        out.push_sql(" AND swept_ids.collection = ");
        out.push_bind_param::<SmallInt, _>(&row.collection)?;
        out.push_sql(" AND swept_ids.id = ");
        out.push_bind_param::<Identifier, _>(&row.id)?;
        out.push_sql(") ON CONFLICT DO NOTHING");
        Ok(())
    }
}

/// The columns that each insert names, without the bracket at the end.
const INSERT: &str = "INSERT INTO records (person_no, rev, collection, id, version, occurred_at, slot, deleted, origin, \
    digest, sealed, created_at, updated_at";

/// Writes the values of a row except person and number, each with a comma before it.
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

/// What becomes of the rows of people whom another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockedPeople {
    /// They wait for the end of that transaction.
    Awaited,
    /// They are not inserted.
    LeftOut,
}

/// The end of the clause that locks people, one type for each text: diesel knows a statement by its type.
pub(crate) trait Locking: 'static {
    /// What follows on `FOR NO KEY UPDATE`.
    const SQL: &'static str;
}

/// The clause of [`LockedPeople::Awaited`].
pub(crate) struct Awaited;
/// The clause of [`LockedPeople::LeftOut`].
pub(crate) struct LeftOut;

impl Locking for Awaited {
    const SQL: &'static str = "";
}

impl Locking for LeftOut {
    const SQL: &'static str = " SKIP LOCKED";
}

/// Inserts rows with different keys in one statement, within the limits of their people, and counts them. Gives for each
/// whether it was inserted: false if its key or its slot is taken, if its id was swept, if the rows of its person together would exceed a limit,
/// or if the person is locked and left out.
///
/// # Errors
/// A unique key is violated if another transaction took a key or a slot while this one waited for the lock.
pub(super) fn insert_batch<'a>(
    conn: &mut PgConnection,
    rows: impl Iterator<Item = &'a NewRow> + Clone,
    locked: LockedPeople,
) -> QueryResult<Vec<bool>> {
    // Of several rows for one slot only the first is tried.
    let mut slots = HashSet::new();
    let first: Vec<&NewRow> = rows
        .clone()
        .filter(|row| {
            let slot = row.slot.as_deref();
            slot.is_none_or(|slot| slots.insert((row.person_no, row.collection, slot)))
        })
        .collect();
    let first = first.iter().copied();
    let stored = match locked {
        LockedPeople::Awaited => InsertBatch::<Awaited>::of(first).load::<RecordKey>(conn)?,
        LockedPeople::LeftOut => InsertBatch::<LeftOut>::of(first).load::<RecordKey>(conn)?,
    };
    let stored: HashSet<RecordKey> = stored.into_iter().collect();
    Ok(rows.map(|row| stored.contains(&row.key())).collect())
}

/// Takes as many numbers of each person's changes as there are new rows of theirs, counts the rows, and inserts them under
/// these numbers in the order given. People are locked in the order of their own numbers, so that two such statements cannot
/// wait for each other.
///
/// Rows whose key or slot is taken are left out before they are counted. These look-ups are subqueries, so that they never
/// become a join that reads the whole table.
pub(crate) struct InsertBatch<'a, L = Awaited> {
    locking: PhantomData<L>,
    person_no: Vec<i64>,
    collection: Vec<i16>,
    id: Vec<DbUuid>,
    version: Vec<i64>,
    occurred_at: Vec<DbTimestamp>,
    slot: Vec<Option<&'a [u8]>>,
    origin: Vec<&'a [u8]>,
    digest: Vec<&'a [u8]>,
    sealed: Vec<&'a [u8]>,
    created_at: Vec<DbTimestamp>,
    updated_at: Vec<DbTimestamp>,
    day: Vec<i64>,
    max_records: Vec<i64>,
    max_bytes: Vec<i64>,
    max_day_writes: Vec<i64>,
}

impl<'a, L: Locking> InsertBatch<'a, L> {
    pub(crate) fn of(rows: impl Iterator<Item = &'a NewRow> + Clone) -> Self {
        Self {
            locking: PhantomData,
            person_no: rows.clone().map(|row| row.person_no).collect(),
            collection: rows.clone().map(|row| row.collection).collect(),
            id: rows.clone().map(|row| row.id).collect(),
            version: rows.clone().map(|row| row.version).collect(),
            occurred_at: rows.clone().map(|row| row.occurred_at).collect(),
            slot: rows.clone().map(|row| row.slot.as_deref()).collect(),
            origin: rows.clone().map(|row| row.origin.as_slice()).collect(),
            digest: rows.clone().map(|row| row.digest.as_slice()).collect(),
            sealed: rows.clone().map(|row| row.sealed.as_slice()).collect(),
            created_at: rows.clone().map(|row| row.created_at).collect(),
            updated_at: rows.clone().map(|row| row.updated_at).collect(),
            day: rows.clone().map(NewRow::day).collect(),
            max_records: rows.clone().map(|row| row.quota.records).collect(),
            max_bytes: rows.clone().map(|row| row.quota.bytes).collect(),
            max_day_writes: rows.map(|row| row.quota.writes_per_day).collect(),
        }
    }
}

impl<L: Locking> QueryId for InsertBatch<'_, L> {
    type QueryId = InsertBatch<'static, L>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<L> Query for InsertBatch<'_, L> {
    type SqlType = (BigInt, SmallInt, Identifier);
}

impl<L> RunQueryDsl<PgConnection> for InsertBatch<'_, L> {}

impl<L: Locking> QueryFragment<Pg> for InsertBatch<'_, L> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH new AS (SELECT * FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.person_no)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SmallInt>, _>(&self.collection)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Identifier>, _>(&self.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.version)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.occurred_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Binary>>, _>(&self.slot)?;
        for bytes in [&self.origin, &self.digest, &self.sealed] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Binary>, _>(bytes)?;
        }
        for at in [&self.created_at, &self.updated_at] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Instant>, _>(at)?;
        }
        for numbers in [
            &self.day,
            &self.max_records,
            &self.max_bytes,
            &self.max_day_writes,
        ] {
            out.push_sql(", ");
            out.push_bind_param::<Array<BigInt>, _>(numbers)?;
        }
        out.push_sql(LOCKED);
        out.push_sql(L::SQL);
        out.push_sql(COUNTED);
        out.push_sql(INSERT);
        out.push_sql(
            ") SELECT new.person_no, before + row_number() OVER (PARTITION BY new.person_no ORDER BY ordinal), \
             collection, id, version, occurred_at, slot, false, origin, digest, sealed, created_at, updated_at \
             FROM new JOIN passed USING (person_no) ORDER BY ordinal RETURNING person_no, collection, id",
        );
        Ok(())
    }
}

/// The part of [`InsertBatch`] that leaves out what is taken, and locks the people.
const LOCKED: &str = ") WITH ORDINALITY AS new (person_no, collection, id, version, occurred_at, slot, origin, digest, \
    sealed, created_at, updated_at, day, max_records, max_bytes, max_day_writes, ordinal) \
    WHERE (SELECT 1 FROM records AS r WHERE r.id = new.id AND r.person_no = new.person_no \
    AND r.collection = new.collection) IS NULL \
    AND (SELECT 1 FROM records AS r WHERE r.person_no = new.person_no AND r.collection = new.collection \
    AND r.slot = new.slot) IS NULL \
    AND (SELECT 1 FROM swept_ids AS s WHERE s.person_no = new.person_no AND s.collection = new.collection \
    AND s.id = new.id) IS NULL), \
    locked AS (SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM new) \
    ORDER BY person_no FOR NO KEY UPDATE";

/// The part of [`InsertBatch`] that counts.
const COUNTED: &str = "), wanted AS (SELECT person_no, count(*) AS many, sum(octet_length(sealed)) AS bytes, max(day) AS day, \
    max(max_records) AS max_records, max(max_bytes) AS max_bytes, max(max_day_writes) AS max_day_writes \
    FROM new GROUP BY person_no), \
    passed AS (UPDATE people AS p SET rev = p.rev + w.many, total_records = p.total_records + w.many, \
    total_bytes = p.total_bytes + w.bytes, writes_day = w.day, \
    day_writes = CASE WHEN p.writes_day = w.day THEN p.day_writes ELSE 0 END + w.many \
    FROM wanted AS w JOIN locked USING (person_no) WHERE p.person_no = w.person_no \
    AND p.total_records + w.many <= w.max_records AND p.total_bytes + w.bytes <= w.max_bytes \
    AND CASE WHEN p.writes_day = w.day THEN p.day_writes ELSE 0 END + w.many <= w.max_day_writes \
    RETURNING p.person_no, p.rev - w.many AS before) ";
