//! Many new records of several people in one transaction, for imports and for load tests. Each is stored exactly as
//! [`RecordWriter::create`] stores it, but rows go in by the hundred and a person's numbers are taken at once.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use mainstay_domain::record::Draft;

use crate::{
    Store,
    engine::{connection::Conn, schema::records, types::DbTimestamp},
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
    record::{NewRow, RecordWriter},
};

/// Rows in one statement: enough to make the statement's own cost small, and far from the engines' limits on
/// parameters (32 766 on SQLite).
const ROWS: usize = 500;

/// A record to be made.
pub struct NewRecord {
    /// Whose it is.
    pub scope: PersonScope,
    /// What it says.
    pub draft: Draft,
    /// When it is made, in microseconds.
    pub at: i64,
}

impl Store {
    /// Stores records in the order given: all or none. A record may refer to one of the same call.
    ///
    /// # Errors
    /// Of the database, also for an id or a slot that is taken: unlike [`RecordWriter::create`], this knows no
    /// replays. [`StoreError::Findings`] for references to what the person does not have.
    pub async fn create_in_bulk(&self, new: Vec<NewRecord>) -> Result<()> {
        self.data.write(move |conn| create(conn, &new)).await
    }
}

fn create(conn: &mut Conn, new: &[NewRecord]) -> Result<()> {
    let mut next = take_revs(conn, new)?;
    for some in new.chunks(ROWS) {
        let rows = some.iter().map(|record| {
            let rev = next
                .get_mut(&record.scope.no)
                .ok_or_else(|| StoreError::Internal("a person without numbers".to_owned()))?;
            *rev += 1;
            NewRow::sealed(&record.scope, &record.draft, *rev, DbTimestamp(record.at))
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        on!(&mut *conn, |c| diesel::insert_into(records::table)
            .values(&rows)
            .execute(c))?;
    }
    for record in new {
        RecordWriter::new(conn, &record.scope, DbTimestamp(record.at), None).after_write(&record.draft)?;
    }
    Ok(())
}

/// Takes the numbers of each person's changes and gives the one before the first. People come in the order of their
/// own numbers, so that two calls at the same time cannot wait for each other.
fn take_revs(conn: &mut Conn, new: &[NewRecord]) -> Result<BTreeMap<i64, i64>> {
    let mut people: BTreeMap<i64, (&PersonScope, i64)> = BTreeMap::new();
    for record in new {
        people.entry(record.scope.no).or_insert((&record.scope, 0)).1 += 1;
    }
    people
        .into_iter()
        .map(|(no, (scope, count))| {
            let last = RecordWriter::new(conn, scope, DbTimestamp(0), None).take_revs(count)?;
            Ok((no, last - count))
        })
        .collect()
}
