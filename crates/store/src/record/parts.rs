//! Reading parts of several collections in one statement.

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    connection::{Connection, DefaultLoadingMode},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, Binary, HasSqlType, SmallInt},
};
use mainstay_domain::record::Kind;

use super::{
    Records, Stored,
    columns::{Head, StoredColumns},
};
use crate::{
    engine::{
        job_limit,
        types::{DbTimestamp, Identifier, Instant},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
};

/// The newest records of a collection.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The collection.
    pub kind: Kind,
    /// From this time on, in microseconds; `None` for all times.
    pub from: Option<i64>,
    /// Before this time, in microseconds; `None` for all times.
    pub to: Option<i64>,
    /// At most this many records.
    pub limit: i64,
}

impl Records<'_> {
    /// Reads parts of several collections in one statement. Each part comes as a whole, newest first.
    ///
    /// # Errors
    /// Of the database; a record that cannot be opened.
    pub fn parts<const N: usize>(&mut self, parts: [Part; N]) -> Result<Vec<(Kind, Stored)>> {
        job_limit::check()?;
        let select = SelectParts::of(self.scope.no, parts);
        let scope = self.scope;
        // Row by row, since a small read ends at the first one that is too many.
        on!(&mut *self.conn, |c| {
            let rows = select.load_iter::<PartRow, DefaultLoadingMode>(c)?;
            rows.map(|row| open(row?, scope)).collect()
        })
    }
}

fn open((collection, head, sealed): PartRow, scope: &PersonScope) -> Result<(Kind, Stored)> {
    let kind = Kind::from_code(collection)
        .ok_or_else(|| StoreError::Internal("an unknown collection".to_owned()))?;
    Ok((kind, StoredColumns::of(head, sealed).open(kind, scope)?))
}

/// The first moment of the year 1, in microseconds.
const FIRST: i64 = -62_135_596_800_000_000;
/// The first moment after the year 9999, in microseconds.
const END: i64 = 253_402_300_800_000_000;

/// Collection, columns and content of a record.
type PartRow = (i16, Head, Vec<u8>);

/// A part with the values that are bound to the statement.
#[derive(Debug, Clone, Copy)]
struct BoundPart {
    collection: i16,
    from: DbTimestamp,
    to: DbTimestamp,
    limit: i64,
}

/// Selects parts of the collections of a person. Its text depends on the number of parts only, so it is prepared once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SelectParts<const N: usize> {
    person_no: i64,
    parts: [BoundPart; N],
}

impl<const N: usize> SelectParts<N> {
    pub(crate) fn of(person_no: i64, parts: [Part; N]) -> Self {
        Self {
            person_no,
            parts: parts.map(|part| BoundPart {
                collection: part.kind.code(),
                from: DbTimestamp(part.from.unwrap_or(FIRST)),
                to: DbTimestamp(part.to.unwrap_or(END)),
                limit: part.limit,
            }),
        }
    }
}

impl<const N: usize> QueryId for SelectParts<N> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<const N: usize> Query for SelectParts<N> {
    type SqlType = (
        SmallInt,
        (Identifier, BigInt, BigInt, Instant, Instant, Instant),
        Binary,
    );
}

impl<C: Connection, const N: usize> RunQueryDsl<C> for SelectParts<N> {}

impl<DB, const N: usize> QueryFragment<DB> for SelectParts<N>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<SmallInt> + HasSqlType<Instant>,
    i64: ToSql<BigInt, DB>,
    i16: ToSql<SmallInt, DB>,
    DbTimestamp: ToSql<Instant, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for (n, part) in self.parts.iter().enumerate() {
            if n > 0 {
                out.push_sql(" UNION ALL ");
            }
            out.push_sql(
                "SELECT * FROM (SELECT collection, id, version, rev, occurred_at, created_at, updated_at, sealed FROM records \
                 WHERE person_no = ",
            );
            out.push_bind_param::<BigInt, _>(&self.person_no)?;
            out.push_sql(" AND collection = ");
            out.push_bind_param::<SmallInt, _>(&part.collection)?;
            out.push_sql(" AND NOT deleted AND occurred_at >= ");
            out.push_bind_param::<Instant, _>(&part.from)?;
            out.push_sql(" AND occurred_at < ");
            out.push_bind_param::<Instant, _>(&part.to)?;
            out.push_sql(" ORDER BY occurred_at DESC, id DESC LIMIT ");
            out.push_bind_param::<BigInt, _>(&part.limit)?;
            out.push_sql(") AS part");
        }
        Ok(())
    }
}
