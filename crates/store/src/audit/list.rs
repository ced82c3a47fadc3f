//! Reads the entries of a person's audit, the newest first.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, RunQueryDsl, sql_query,
    sql_types::{BigInt, Binary},
};
use mainstay_domain::audit::{Access, Disclosure, canonical};
use serde::de::DeserializeOwned;

use super::chain::{ACCESS, DISCLOSURE, open};
use crate::{
    engine::{
        connection::Conn,
        schema::{access_log, audit_heads, disclosures},
        sweep::parameter,
        types::DbTimestamp,
    },
    error::{Result, StoreError},
    on,
    record::Records,
};

/// An entry with its number in its person's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered<T> {
    /// The number, from 1.
    pub no: i64,
    /// The entry.
    pub entry: T,
}

/// Whose accesses are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessBy {
    /// Everyone's.
    All,
    /// Those of others.
    Others,
}

/// A part of a person's audit. Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRange {
    /// Entries from this time on.
    pub from: Option<i64>,
    /// Entries before this time.
    pub to: Option<i64>,
    /// Entries before this number.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: i64,
}

impl Records<'_> {
    /// Lists the person's access log, the newest entry first.
    ///
    /// # Errors
    /// Of the database; [`StoreError::Sealed`] if an entry was altered.
    pub fn access_log(&mut self, range: &AuditRange, by: AccessBy) -> Result<Vec<Numbered<Access>>> {
        let person = self.scope.no;
        let (first, before) = numbers(self.conn, person, range)?;
        let rows = match by {
            AccessBy::All => {
                let query = access_log::table
                    .filter(access_log::person_no.eq(person))
                    .filter(access_log::no.ge(first))
                    .filter(access_log::no.lt(before))
                    .order(access_log::no.desc())
                    .limit(range.limit)
                    .select((access_log::no, access_log::sealed));
                on!(&mut *self.conn, |c| query.load(c))?
            }
            AccessBy::Others => by_others(self.conn, person, (first, before), range.limit)?,
        };
        self.open_entries(ACCESS, rows)
    }

    /// Lists the disclosures of the person's record, the newest first.
    ///
    /// # Errors
    /// Of the database; [`StoreError::Sealed`] if an entry was altered.
    pub fn disclosures(&mut self, range: &AuditRange) -> Result<Vec<Numbered<Disclosure>>> {
        let person = self.scope.no;
        let (first, before) = numbers(self.conn, person, range)?;
        let query = disclosures::table
            .filter(disclosures::person_no.eq(person))
            .filter(disclosures::no.ge(first))
            .filter(disclosures::no.lt(before))
            .order(disclosures::no.desc())
            .limit(range.limit)
            .select((disclosures::no, disclosures::sealed));
        let rows: Vec<(i64, Vec<u8>)> = on!(&mut *self.conn, |c| query.load(c))?;
        self.open_entries(DISCLOSURE, rows)
    }

    fn open_entries<T: DeserializeOwned>(
        &self,
        what: &'static str,
        rows: Vec<(i64, Vec<u8>)>,
    ) -> Result<Vec<Numbered<T>>> {
        let open = |(no, sealed): (i64, Vec<u8>)| {
            let entry = canonical::decode(&open(&self.scope.keys, what, no, &sealed)?);
            let entry = entry.ok_or(StoreError::Internal(format!("an entry of {what} cannot be read")))?;
            Ok(Numbered { no, entry })
        };
        rows.into_iter().map(open).collect()
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    no: i64,
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

/// The accesses of others, which may be few among many of the person's own. SQLite would read all of them in the order of
/// their numbers, so it is told the index.
fn by_others(
    conn: &mut Conn,
    person: i64,
    (first, before): (i64, i64),
    limit: i64,
) -> Result<Vec<(i64, Vec<u8>)>> {
    let (index, is_others) = match conn {
        Conn::Sqlite(_) => (" INDEXED BY access_log_others", "1"),
        Conn::Postgres(_) => ("", "TRUE"),
    };
    let [one, two, three, four] = [1, 2, 3, 4].map(|n| parameter(conn, n));
    let sql = format!(
        "SELECT no, sealed FROM access_log{index} WHERE person_no = {one} AND by_others = {is_others} AND no >= {two} \
         AND no < {three} ORDER BY no DESC LIMIT {four}"
    );
    let query = sql_query(sql)
        .bind::<BigInt, _>(person)
        .bind::<BigInt, _>(first)
        .bind::<BigInt, _>(before)
        .bind::<BigInt, _>(limit);
    let rows: Vec<Row> = on!(conn, |c| query.load(c))?;
    Ok(rows.into_iter().map(|row| (row.no, row.sealed)).collect())
}

/// The first number of a range, and the number after its last.
fn numbers(conn: &mut Conn, person: i64, range: &AuditRange) -> Result<(i64, i64)> {
    let first = range.from.map_or(Ok(0), |from| first_at(conn, person, from))?;
    let end = range.to.map_or(Ok(i64::MAX), |to| first_at(conn, person, to))?;
    Ok((first, range.before.map_or(end, |before| before.min(end))))
}

/// The number of a person's first entry from a time on, or one after the last. Times never fall as numbers rise, so halving
/// finds it.
pub(super) fn first_at(conn: &mut Conn, person: i64, at: i64) -> Result<i64> {
    let head = audit_heads::table
        .filter(audit_heads::person_no.eq(person))
        .select(audit_heads::count);
    let count: Option<i64> = on!(&mut *conn, |c| head.first(c).optional())?;
    let (mut low, mut high) = (1, count.unwrap_or(0) + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let query = access_log::table
            .filter(access_log::person_no.eq(person))
            .filter(access_log::no.ge(middle))
            .order(access_log::no)
            .select((access_log::no, access_log::at));
        let found: Option<(i64, DbTimestamp)> = on!(&mut *conn, |c| query.first(c).optional())?;
        match found {
            Some((no, found)) if found.0 < at => low = no + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
