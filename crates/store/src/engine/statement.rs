//! Statements with a fixed text, each prepared once a connection. Diesel would prepare them anew each time: it caches no
//! `UPDATE` and no savepoint.

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    connection::Connection,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType},
    sqlite::Sqlite,
};

/// The SQL expression for the number of a person's latest change, inside a statement on `people`.
///
/// PostgreSQL keeps the number in `people.rev`, whose row lock keeps two writers of one person apart. SQLite has one
/// writer, so a new record does not write `people`: that page would be a quarter of its log. There the number is the
/// higher one of `people.rev`, which [`TakeRevs`] raises for replacements, deletions (whose row goes away some day) and
/// batches, and the highest `rev` of the person's records.
pub(crate) trait LatestRev {
    /// The expression.
    const LATEST_REV: &str;
}

impl LatestRev for Pg {
    const LATEST_REV: &str = "people.rev";
}

impl LatestRev for Sqlite {
    const LATEST_REV: &str = "max(people.rev, ifnull((SELECT max(records.rev) FROM records \
                              WHERE records.person_no = people.person_no), 0))";
}

/// Takes the next numbers of a person's changes. Gives the last of them, and the epoch.
#[derive(Debug, Clone, Copy)]
pub struct TakeRevs {
    /// The person.
    pub person_no: i64,
    /// How many.
    pub count: i64,
}

impl QueryId for TakeRevs {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for TakeRevs {
    type SqlType = (BigInt, BigInt);
}

impl<C: Connection> RunQueryDsl<C> for TakeRevs {}

impl<DB> QueryFragment<DB> for TakeRevs
where
    DB: Backend + HasSqlType<BigInt> + LatestRev,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE people SET rev = ");
        out.push_sql(DB::LATEST_REV);
        out.push_sql(" + ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(" WHERE person_no = ");
        out.push_bind_param::<BigInt, _>(&self.person_no)?;
        out.push_sql(" RETURNING rev, epoch");
        Ok(())
    }
}

/// Selects the sync state of a person: the number of the latest change, the epoch, and the latest change whose tombstone
/// has been swept.
#[derive(Debug, Clone, Copy)]
pub struct SelectSyncState(pub i64);

impl QueryId for SelectSyncState {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for SelectSyncState {
    type SqlType = (BigInt, BigInt, BigInt);
}

impl<C: Connection> RunQueryDsl<C> for SelectSyncState {}

impl<DB> QueryFragment<DB> for SelectSyncState
where
    DB: Backend + HasSqlType<BigInt> + LatestRev,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        out.push_sql(DB::LATEST_REV);
        out.push_sql(", epoch, floor_rev FROM people WHERE person_no = ");
        out.push_bind_param::<BigInt, _>(&self.0)?;
        Ok(())
    }
}

/// Declares statements without values or rows.
macro_rules! plain_statements {
    ($($(#[$about:meta])* $name:ident: $text:literal;)*) => {
        $(
            $(#[$about])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl QueryId for $name {
                type QueryId = Self;
                const HAS_STATIC_QUERY_ID: bool = true;
            }

            impl<C: Connection> RunQueryDsl<C> for $name {}

            impl<DB: Backend> QueryFragment<DB> for $name {
                fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                    out.push_sql($text);
                    Ok(())
                }
            }
        )*
    };
}

plain_statements! {
    /// Begins one job of a batch.
    BeginJob: "SAVEPOINT job";
    /// Ends the job's savepoint. Its work stays if the batch is committed.
    KeepJob: "RELEASE SAVEPOINT job";
    /// Undoes the job's work. [`KeepJob`] then ends its savepoint.
    UndoJob: "ROLLBACK TO SAVEPOINT job";
}
