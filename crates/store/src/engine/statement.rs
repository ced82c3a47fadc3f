//! Statements of the hottest paths that diesel would have prepared anew each time: it keeps no `UPDATE` and no
//! savepoint. Their text is fixed, so each is prepared once for each connection.

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

/// The number of a person's latest change. PostgreSQL keeps it beside the person, where its lock keeps two writers of
/// one person apart. SQLite has one writer, so there the latest of the person's records says it, which is in the same
/// page of the index as the next one will be; a page of `people` for each record would be a quarter of its log. What
/// stands beside the person is the number taken last otherwise ([`TakeRevs`]): by a change of a record, a deletion
/// (whose row goes away some day), or several at once.
pub(crate) trait LatestRev {
    /// In a statement of `people`.
    const LATEST_REV: &str;
}

impl LatestRev for Pg {
    const LATEST_REV: &str = "people.rev";
}

impl LatestRev for Sqlite {
    const LATEST_REV: &str = "max(people.rev, ifnull((SELECT max(records.rev) FROM records \
                              WHERE records.person_no = people.person_no), 0))";
}

/// Takes that many numbers of a person's changes and gives the last.
#[derive(Debug, Clone, Copy)]
pub struct TakeRevs {
    /// Whose.
    pub person_no: i64,
    /// How many.
    pub count: i64,
}

impl QueryId for TakeRevs {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for TakeRevs {
    type SqlType = BigInt;
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
        out.push_sql(" RETURNING rev");
        Ok(())
    }
}

/// Where the changes of a person stand: the number of the latest, the epoch, the latest whose tombstone is gone.
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

/// Statements without values or rows.
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
    /// Keeps what the job has done, as far as the batch is kept.
    KeepJob: "RELEASE SAVEPOINT job";
    /// Undoes what the job has done; [`KeepJob`] ends it.
    UndoJob: "ROLLBACK TO SAVEPOINT job";
}
