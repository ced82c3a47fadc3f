//! Storing one new record: the most common write.

use diesel::{
    QueryResult, RunQueryDsl, SqliteConnection,
    backend::Backend,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, Binary, Bool, HasSqlType, Nullable, SmallInt},
    sqlite::Sqlite,
};
use mainstay_domain::record::Draft;
use uuid::Uuid;

use super::{Created, RecordWriter, Stored, write::NewRow};
use crate::{
    Store,
    conn::Conn,
    error::Result,
    scope::PersonScope,
    statement::LatestRev,
    types::{At, Identifier, Instant, Key},
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
        let row = NewRow::sealed(scope, &draft, 0, At(now))?;
        if !stands_alone(&draft) {
            let work = move |writer: &mut RecordWriter<'_>| writer.create_sealed(row, &draft);
            return self.write(scope, session, now, work).await;
        }
        let is_stored = match self.together.as_deref() {
            Some(together) => together.create(row).await,
            None => {
                self.data
                    .write_plainly(move |conn| create_alone(conn, &row))
                    .await
            }
        };
        if is_stored? {
            return Ok(Created::New(first(&draft, At(now))));
        }
        // The place is taken: by the same record, or by what refuses it.
        self.write(scope, session, now, move |writer| writer.create(&draft))
            .await
    }
}

/// The first version of a record as it is answered.
pub(super) fn first(draft: &Draft, now: At) -> Stored {
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
pub(super) fn stands_alone(draft: &Draft) -> bool {
    draft.items.is_empty() && draft.references.is_empty() && !draft.kind.has_timers()
}

/// False if the place is taken. PostgreSQL has passed over a number then, which nobody misses.
pub(super) fn create_alone(conn: &mut Conn, row: &NewRow) -> Result<bool> {
    let inserted = match conn {
        Conn::Postgres(c) => CreateAlone(row).execute(c)?,
        Conn::Sqlite(c) => InsertNext(row).execute(c)?,
    };
    Ok(inserted == 1)
}

/// Takes the next number of the person's changes and stores the row under it, in one statement, which can be a
/// transaction of its own. Diesel has no data-changing `WITH`, so the text is ours; it is prepared once for each
/// connection.
struct CreateAlone<'a>(&'a NewRow);

impl QueryId for CreateAlone<'_> {
    type QueryId = CreateAlone<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for CreateAlone<'_> {}

impl QueryFragment<Pg> for CreateAlone<'_> {
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
struct InsertNext<'a>(&'a NewRow);

impl QueryId for InsertNext<'_> {
    type QueryId = InsertNext<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for InsertNext<'_> {}

impl QueryFragment<Sqlite> for InsertNext<'_> {
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
    Key: ToSql<Identifier, DB>,
    At: ToSql<Instant, DB>,
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
