//! What an account uses of its budgets, and limits of its own that the operator has set.
//!
//! Every write counts itself in its own transaction (`record/write.rs`, `record/insert.rs`). The sweep of kept responses
//! takes back what it frees.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, QueryableByName, RunQueryDsl, sql_query,
    sql_types::BigInt,
};
use mainstay_domain::account::quota::{Growth, Quota, Usage, day_of};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, people},
        statement::{SelectTotals, TakeRevs},
        types::DbUuid,
    },
    error::{Result, StoreError},
    on,
};

/// The limits that the operator has set for one account. Where there is none, the default of the server counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable)]
pub struct OwnQuota {
    /// The largest number of records.
    pub records: Option<i64>,
    /// The largest number of stored bytes.
    pub bytes: Option<i64>,
    /// The largest number of writes a day.
    pub writes_per_day: Option<i64>,
}

/// The columns of an [`OwnQuota`].
pub(crate) const OWN_QUOTA: (people::max_records, people::max_bytes, people::max_day_writes) =
    (people::max_records, people::max_bytes, people::max_day_writes);

impl OwnQuota {
    /// These limits, and the default where there is none.
    #[must_use]
    pub fn or(self, default: Quota) -> Quota {
        Quota {
            records: self.records.unwrap_or(default.records),
            bytes: self.bytes.unwrap_or(default.bytes),
            writes_per_day: self.writes_per_day.unwrap_or(default.writes_per_day),
        }
    }
}

/// The usage and the limits of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountQuota {
    /// What it uses.
    pub usage: Usage,
    /// The limits that it has of its own.
    pub own: OwnQuota,
    /// The limits that count.
    pub quota: Quota,
}

/// What counting all accounts anew has found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recounted {
    /// The number of accounts.
    pub accounts: usize,
    /// How many of them had been counted wrongly.
    pub corrected: usize,
}

/// Accounts whose numbers are read at a time.
const RECOUNTED_AT_ONCE: i64 = 500;

impl Store {
    /// The usage and the limits of an account at a time in microseconds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn account_quota(&self, account: Uuid, now: i64) -> Result<AccountQuota> {
        let default = self.quota;
        let read = self.data.read_for(Party::Background, move |conn| {
            let no = person_no(conn, account)?;
            let own: OwnQuota = on!(&mut *conn, |c| people::table
                .filter(people::person_no.eq(no))
                .select(OWN_QUOTA)
                .first(c))?;
            Ok(AccountQuota {
                usage: usage(conn, no, now)?,
                own,
                quota: own.or(default),
            })
        });
        read.await
    }

    /// Sets the limits of an account. Servers that run take them up within some seconds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn set_own_quota(&self, account: Uuid, own: OwnQuota) -> Result<()> {
        let write = self.data.write_for(Party::Background, move |conn| {
            let no = person_no(conn, account)?;
            let row = people::table.filter(people::person_no.eq(no));
            let change = diesel::update(row).set((
                people::max_records.eq(own.records),
                people::max_bytes.eq(own.bytes),
                people::max_day_writes.eq(own.writes_per_day),
            ));
            on!(conn, |c| change.execute(c))?;
            Ok(())
        });
        write.await
    }

    /// Counts the records and bytes of an account anew, and corrects what was counted. Gives the numbers.
    ///
    /// Nothing but a server of an earlier release beside this one makes a difference: it does not count.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn recount_usage(&self, account: Uuid) -> Result<(i64, i64)> {
        let write = self.data.write_for(Party::Background, move |conn| {
            let no = person_no(conn, account)?;
            let (counted, _correction) = correct(conn, no)?;
            Ok(counted)
        });
        write.await
    }

    /// Counts the records and bytes of every account anew, as [`Self::recount_usage`]. Each has a transaction of its own, so
    /// that a server may run meanwhile.
    ///
    /// # Errors
    /// Of the database.
    pub async fn recount_all_usage(&self) -> Result<Recounted> {
        let mut recounted = Recounted::default();
        let mut last = i64::MIN;
        loop {
            let read = self.data.read_for(Party::Background, move |conn| {
                let query = people::table
                    .filter(people::person_no.gt(last))
                    .order(people::person_no.asc())
                    .limit(RECOUNTED_AT_ONCE)
                    .select(people::person_no);
                Ok(on!(conn, |c| query.load::<i64>(c))?)
            });
            let numbers = read.await?;
            let Some(end) = numbers.last() else {
                return Ok(recounted);
            };
            last = *end;
            for no in numbers {
                let write = self
                    .data
                    .write_for(Party::Background, move |conn| correct(conn, no));
                match write.await {
                    Ok((_, correction)) => {
                        recounted.accounts += 1;
                        recounted.corrected += usize::from(correction != Growth::default());
                    }
                    // The account was erased meanwhile.
                    Err(StoreError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Counts the records and bytes of a person anew. Gives the numbers, and what was added to those counted before.
fn correct(conn: &mut Conn, no: i64) -> Result<((i64, i64), Growth)> {
    // Takes the person's lock.
    add(conn, no, Growth::default())?;
    let counted = usage(conn, no, 0)?;
    let (records, bytes) = recount(conn, no)?;
    let difference = Growth {
        records: records - counted.records,
        bytes: bytes - counted.bytes,
        writes: 0,
    };
    add(conn, no, difference)?;
    Ok(((records, bytes), difference))
}

/// The number of the person of an account in use.
fn person_no(conn: &mut Conn, account: Uuid) -> Result<i64> {
    let query = accounts::table
        .filter(accounts::id.eq(DbUuid(account)))
        .filter(accounts::state.eq(ACTIVE))
        .select(accounts::no);
    let no = on!(conn, |c| query.first(c).optional())?;
    no.ok_or(StoreError::NotFound)
}

/// What a person uses at a time in microseconds, as it was counted.
fn usage(conn: &mut Conn, person_no: i64, now: i64) -> Result<Usage> {
    let select = SelectTotals(person_no);
    let found = on!(conn, |c| select.get_result(c).optional())?;
    let (records, bytes, day, writes): (i64, i64, i64, i64) = found.ok_or(StoreError::NotFound)?;
    Ok(Usage {
        records,
        bytes,
        writes_today: if day == day_of(now) { writes } else { 0 },
    })
}

/// Adds to what a person uses. It is no write of the person, and takes no number of their changes.
fn add(conn: &mut Conn, person_no: i64, growth: Growth) -> Result<()> {
    type Columns = (i64, i64, i64, i64, i64);
    let add = TakeRevs {
        person_no,
        count: 0,
        growth,
        day: 0,
    };
    let _totals: Option<Columns> = on!(conn, |c| add.get_result(c).optional())?;
    Ok(())
}

/// Adds to the stored bytes of a person; a number below zero takes away.
pub(crate) fn add_bytes(conn: &mut Conn, person_no: i64, bytes: i64) -> Result<()> {
    let growth = Growth {
        bytes,
        ..Growth::default()
    };
    add(conn, person_no, growth)
}

#[derive(QueryableByName)]
struct Recount {
    #[diesel(sql_type = BigInt)]
    records: i64,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

/// Counts the records and the stored bytes of a person, row by row.
pub(crate) fn recount(conn: &mut Conn, person_no: i64) -> Result<(i64, i64)> {
    let bytes_of = |table| {
        format!("(SELECT coalesce(sum(length(sealed)), 0) FROM {table} WHERE person_no = {person_no})")
    };
    let sql = format!(
        "SELECT (SELECT count(*) FROM records WHERE person_no = {person_no} AND NOT deleted) AS records, {} + {} + {} AS bytes",
        bytes_of("records"),
        bytes_of("record_history"),
        bytes_of("kept_answers"),
    );
    let found: Recount = on!(conn, |c| sql_query(sql).get_result(c))?;
    Ok((found.records, found.bytes))
}
