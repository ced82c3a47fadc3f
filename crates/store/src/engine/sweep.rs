//! Sweeps: many rows are deleted or dated back in transactions of few, so that nobody waits long for one.

use diesel::{RunQueryDsl, sql_query};

use super::{
    Engine, Party,
    connection::Conn,
    types::{DbTimestamp, Instant},
};
use crate::{error::Result, on};

/// The rows that one transaction of a sweep takes at the most.
pub(crate) const SWEPT_AT_ONCE: usize = 500;

/// The n-th parameter of a statement, from 1.
pub(crate) fn parameter(conn: &Conn, n: usize) -> String {
    match conn {
        Conn::Sqlite(_) => format!("?{n}"),
        Conn::Postgres(_) => format!("${n}"),
    }
}

/// A column of times in a table, with the columns of the primary key. The column has an index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dated {
    pub table: &'static str,
    pub key: &'static str,
    pub column: &'static str,
}

impl Dated {
    /// Deletes some rows from before that time. Gives their number.
    ///
    /// # Errors
    /// Of the database.
    pub fn delete_some(self, conn: &mut Conn, before: DbTimestamp) -> Result<usize> {
        let Self { table, .. } = self;
        let sql = self.of_some(conn, "<", &format!("DELETE FROM {table}"));
        let delete = sql_query(sql).bind::<Instant, _>(before);
        Ok(on!(conn, |c| delete.execute(c))?)
    }

    /// Dates some rows back to `now` that are from after a later time. Gives their number.
    ///
    /// # Errors
    /// Of the database.
    pub fn date_some_back(self, conn: &mut Conn, after: DbTimestamp, now: DbTimestamp) -> Result<usize> {
        let Self { table, column, .. } = self;
        let change = format!("UPDATE {table} SET {column} = {}", parameter(conn, 2));
        let sql = self.of_some(conn, ">", &change);
        let change = sql_query(sql).bind::<Instant, _>(after).bind::<Instant, _>(now);
        Ok(on!(conn, |c| change.execute(c))?)
    }

    /// A statement on the first rows whose time compares so with the first parameter. On PostgreSQL rows that somebody holds
    /// are left to the next sweep: waiting for them in another order than others lock them could stop both.
    fn of_some(self, conn: &Conn, comparison: &str, change: &str) -> String {
        let Self { table, key, column } = self;
        let time = parameter(conn, 1);
        let some = format!(
            "SELECT {key} FROM {table} WHERE {column} {comparison} {time} ORDER BY {column} LIMIT {SWEPT_AT_ONCE}"
        );
        match conn {
            Conn::Sqlite(_) => format!("{change} WHERE ({key}) IN ({some})"),
            Conn::Postgres(_) => format!(
                "WITH some_rows AS MATERIALIZED ({some} FOR UPDATE SKIP LOCKED) {change} WHERE ({key}) IN \
                 (SELECT {key} FROM some_rows)"
            ),
        }
    }
}

impl Engine {
    /// Takes steps of a sweep, each in a transaction of its own, until one finds fewer rows than [`SWEPT_AT_ONCE`]. Gives
    /// the number of rows.
    ///
    /// # Errors
    /// Of the first step that fails. What the steps before it did stays.
    pub(crate) async fn sweep<F>(&self, step: F) -> Result<usize>
    where
        F: Fn(&mut Conn) -> Result<usize> + Clone + Send + 'static,
    {
        let mut swept = 0;
        loop {
            let some = self.write_for(Party::Background, step.clone()).await?;
            swept += some;
            if some < SWEPT_AT_ONCE {
                return Ok(swept);
            }
        }
    }
}
