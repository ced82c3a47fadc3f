//! Storing one new record: the most common write.

use diesel::{
    QueryResult, RunQueryDsl,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Binary, Bool, Nullable, SmallInt},
};
use mainstay_domain::record::Draft;
use uuid::Uuid;

use super::{Created, RecordWriter, Stored, write::NewRow};
use crate::{
    Store,
    conn::Conn,
    error::{Result, StoreError},
    scope::PersonScope,
    types::{At, Identifier, Instant},
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
        if !self.data.is_postgres() || !stands_alone(&draft) {
            let work = move |writer: &mut RecordWriter<'_>| writer.create_sealed(row, &draft);
            return self.write(scope, session, now, work).await;
        }
        if self.data.statement(move |conn| create_alone(conn, &row)).await? {
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

/// False if the place is taken.
fn create_alone(conn: &mut Conn, row: &NewRow) -> Result<bool> {
    match conn {
        Conn::Postgres(c) => Ok(CreateAlone(row).execute(c)? == 1),
        Conn::Sqlite(_) => Err(StoreError::Internal("a statement of another engine".to_owned())),
    }
}

/// Takes the next number of the person's changes and stores the row under it, in one statement, which can be a
/// transaction of its own. If the place is taken, a number is passed over, which nobody misses. Diesel
/// has no data-changing `WITH`, so the text is ours; it is prepared once for each connection.
pub(super) struct CreateAlone<'a>(pub(super) &'a NewRow);

impl QueryId for CreateAlone<'_> {
    type QueryId = CreateAlone<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for CreateAlone<'_> {
    type SqlType = BigInt;
}

impl RunQueryDsl<PgConnection> for CreateAlone<'_> {}

impl QueryFragment<Pg> for CreateAlone<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let row = self.0;
        out.push_sql("WITH bump AS (UPDATE people SET rev = rev + 1 WHERE person_no = ");
        out.push_bind_param::<BigInt, _>(&row.person_no)?;
        out.push_sql(
            " RETURNING person_no, rev) INSERT INTO records (person_no, rev, collection, id, version, occurred_at, slot, \
             deleted, origin, digest, sealed, created_at, updated_at) SELECT bump.person_no, bump.rev, ",
        );
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
        out.push_sql(" FROM bump ON CONFLICT DO NOTHING");
        Ok(())
    }
}
