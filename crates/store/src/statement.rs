//! Statements of the hottest paths that diesel would have prepared anew each time: it keeps no `UPDATE` and no
//! savepoint. Their text is fixed, so each is prepared once for each connection.

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    connection::Connection,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType},
};

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
    DB: Backend + HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE people SET rev = rev + ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(" WHERE person_no = ");
        out.push_bind_param::<BigInt, _>(&self.person_no)?;
        out.push_sql(" RETURNING rev");
        Ok(())
    }
}

/// Takes the next number of that person's changes without fetching it.
#[derive(Debug, Clone, Copy)]
pub struct PassRev(pub i64);

impl QueryId for PassRev {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<C: Connection> RunQueryDsl<C> for PassRev {}

impl<DB> QueryFragment<DB> for PassRev
where
    DB: Backend + HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE people SET rev = rev + 1 WHERE person_no = ");
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
