//! Statements with a fixed text, each prepared once a connection. Diesel would prepare them anew each time: it caches no
//! `UPDATE` and no savepoint.

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    connection::Connection,
    define_sql_function,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, Binary, HasSqlType},
    sqlite::Sqlite,
};
use mainstay_domain::account::quota::Growth;

define_sql_function! {
    /// The length of a value in bytes.
    fn length(value: Binary) -> Integer;
}

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

/// The latest totals of a person, as the relation `latest` with the columns of `people`.
///
/// PostgreSQL has them in `people`. On SQLite a new record without side effects does not write `people`, for the same reason
/// as above. Such a row holds the totals as of its own number, and its time is that of the latest write. They count if no
/// number of `people` came after it.
pub(crate) trait LatestTotals {
    /// What follows `UPDATE people`.
    const ALIAS: &str;
    /// The text from after `SET …` to the person's number.
    const UPDATE_FROM: &str;
    /// The text after the person's number in an update.
    const UPDATE_END: &str;
    /// The text from `FROM` to the person's number in a query.
    const FROM: &str;
    /// The text after the person's number in a query.
    const FROM_END: &str;
}

impl LatestTotals for Pg {
    const ALIAS: &str = " AS latest";
    const UPDATE_FROM: &str = " WHERE latest.person_no = ";
    const UPDATE_END: &str = "";
    const FROM: &str = " FROM people AS latest WHERE latest.person_no = ";
    const FROM_END: &str = "";
}

impl LatestTotals for Sqlite {
    const ALIAS: &str = "";
    const UPDATE_FROM: &str = Self::FROM;
    const UPDATE_END: &str = ") AS latest WHERE people.person_no = latest.person_no";
    const FROM: &str = " FROM (SELECT p.person_no, max(p.rev, ifnull(r.rev, 0)) AS rev, \
        ifnull(r.total_records, p.total_records) AS total_records, ifnull(r.total_bytes, p.total_bytes) AS total_bytes, \
        ifnull(r.created_at / 86400000000, p.writes_day) AS writes_day, ifnull(r.day_writes, p.day_writes) AS day_writes \
        FROM people AS p LEFT JOIN records AS r ON r.person_no = p.person_no AND r.rev > p.rev AND r.rev = \
        (SELECT max(records.rev) FROM records WHERE records.person_no = p.person_no) WHERE p.person_no = ";
    const FROM_END: &str = ") AS latest";
}

/// Takes the next numbers of a person's changes, and adds to the person's totals. Gives the last number, the epoch, and the
/// totals: records, bytes, writes of the day. A growth without writes leaves the day as it is.
#[derive(Debug, Clone, Copy)]
pub struct TakeRevs {
    /// The person.
    pub person_no: i64,
    /// How many.
    pub count: i64,
    /// What the write adds.
    pub growth: Growth,
    /// The day of the write, by its number from 1970-01-01.
    pub day: i64,
}

impl QueryId for TakeRevs {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for TakeRevs {
    type SqlType = (BigInt, BigInt, BigInt, BigInt, BigInt);
}

impl<C: Connection> RunQueryDsl<C> for TakeRevs {}

impl<DB> QueryFragment<DB> for TakeRevs
where
    DB: Backend + HasSqlType<BigInt> + LatestTotals,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE people");
        out.push_sql(DB::ALIAS);
        for (text, value) in [
            (" SET rev = latest.rev + ", &self.count),
            (", total_records = latest.total_records + ", &self.growth.records),
            (", total_bytes = latest.total_bytes + ", &self.growth.bytes),
            (", day_writes = CASE WHEN latest.writes_day = ", &self.day),
            (" OR ", &self.growth.writes),
            (" = 0 THEN latest.day_writes ELSE 0 END + ", &self.growth.writes),
            (", writes_day = CASE WHEN ", &self.growth.writes),
            (" = 0 THEN latest.writes_day ELSE ", &self.day),
        ] {
            out.push_sql(text);
            out.push_bind_param::<BigInt, _>(value)?;
        }
        out.push_sql(" END");
        out.push_sql(DB::UPDATE_FROM);
        out.push_bind_param::<BigInt, _>(&self.person_no)?;
        out.push_sql(DB::UPDATE_END);
        out.push_sql(" RETURNING rev, epoch, total_records, total_bytes, day_writes");
        Ok(())
    }
}

/// Selects the totals of a person: records, bytes, the day of the latest write, writes of that day.
#[derive(Debug, Clone, Copy)]
pub struct SelectTotals(pub i64);

impl QueryId for SelectTotals {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for SelectTotals {
    type SqlType = (BigInt, BigInt, BigInt, BigInt);
}

impl<C: Connection> RunQueryDsl<C> for SelectTotals {}

impl<DB> QueryFragment<DB> for SelectTotals
where
    DB: Backend + HasSqlType<BigInt> + LatestTotals,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT latest.total_records, latest.total_bytes, latest.writes_day, latest.day_writes");
        out.push_sql(DB::FROM);
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(DB::FROM_END);
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
