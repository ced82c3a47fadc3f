//! The statements that insert new records, each with the next number of its person's changes.

use std::collections::HashSet;

use diesel::{
    Insertable, QueryResult, RunQueryDsl, SqliteConnection,
    backend::Backend,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::{DatabaseErrorKind, Error::DatabaseError},
    serialize::ToSql,
    sql_types::{Array, BigInt, Binary, Bool, HasSqlType, Nullable, SmallInt},
    sqlite::Sqlite,
};
use mainstay_domain::record::Draft;

use crate::{
    engine::{
        connection::Conn,
        schema::records,
        statement::LatestRev,
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
        })
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

/// Inserts a row under the next number of the person's changes. False if its key or its slot is taken, or if the person is
/// gone; PostgreSQL has
/// passed over a number then; gaps in the numbers are harmless.
pub(super) fn insert_one(conn: &mut Conn, row: &NewRow) -> Result<bool> {
    let inserted = match conn {
        Conn::Postgres(c) => InsertOneOnPostgres(row).execute(c)?,
        Conn::Sqlite(c) => match InsertOneOnSqlite(row).execute(c) {
            // Without the person there is no next number.
            Err(DatabaseError(DatabaseErrorKind::NotNullViolation, _)) => 0,
            inserted => inserted?,
        },
    };
    Ok(inserted == 1)
}

/// Takes the next number of the person's changes and inserts the row under it, in one statement, which can be a
/// transaction of its own. Diesel has no data-changing `WITH`, so the text is ours. It is prepared once a connection.
pub(crate) struct InsertOneOnPostgres<'a>(pub(crate) &'a NewRow);

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

/// Inserts the row under the next number of the person's changes. The counter of the person is not written: the row itself
/// holds the latest number.
pub(crate) struct InsertOneOnSqlite<'a>(pub(crate) &'a NewRow);

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

const INSERT: &str = "INSERT INTO records (person_no, rev, collection, id, version, occurred_at, slot, deleted, origin, \
    digest, sealed, created_at, updated_at)";

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

/// Inserts rows with different keys in one statement. Gives for each whether it was inserted: false if its key or its slot
/// is taken.
pub(super) fn insert_batch<'a>(
    conn: &mut PgConnection,
    rows: impl Iterator<Item = &'a NewRow> + Clone,
) -> QueryResult<Vec<bool>> {
    let stored = InsertBatch::of(rows.clone()).load::<RecordKey>(conn)?;
    let stored: HashSet<RecordKey> = stored.into_iter().collect();
    Ok(rows.map(|row| stored.contains(&row.key())).collect())
}

/// Takes as many numbers of each person's changes as there are new rows of theirs, and inserts the rows under them in the
/// order given. People are locked in the order of their own numbers, so that two such statements cannot wait for each
/// other.
pub(crate) struct InsertBatch<'a> {
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
}

impl<'a> InsertBatch<'a> {
    pub(crate) fn of(rows: impl Iterator<Item = &'a NewRow> + Clone) -> Self {
        Self {
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
            updated_at: rows.map(|row| row.updated_at).collect(),
        }
    }
}

impl QueryId for InsertBatch<'_> {
    type QueryId = InsertBatch<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for InsertBatch<'_> {
    type SqlType = (BigInt, SmallInt, Identifier);
}

impl RunQueryDsl<PgConnection> for InsertBatch<'_> {}

impl QueryFragment<Pg> for InsertBatch<'_> {
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
        out.push_sql(
            ") WITH ORDINALITY AS new (person_no, collection, id, version, occurred_at, slot, origin, digest, sealed, \
             created_at, updated_at, ordinal)), \
             locked AS (SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM new) \
             ORDER BY person_no FOR NO KEY UPDATE), \
             passed AS (UPDATE people SET rev = rev + wanted.many \
             FROM (SELECT person_no, count(*) AS many FROM new GROUP BY person_no) AS wanted \
             JOIN locked USING (person_no) WHERE people.person_no = wanted.person_no \
             RETURNING people.person_no, rev - wanted.many AS before) ",
        );
        out.push_sql(INSERT);
        out.push_sql(
            " SELECT new.person_no, before + row_number() OVER (PARTITION BY new.person_no ORDER BY ordinal), \
             collection, id, version, occurred_at, slot, false, origin, digest, sealed, created_at, updated_at \
             FROM new JOIN passed USING (person_no) ORDER BY ordinal \
             ON CONFLICT DO NOTHING RETURNING person_no, collection, id",
        );
        Ok(())
    }
}
