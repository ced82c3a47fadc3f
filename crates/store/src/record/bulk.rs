//! Creates many records of several people in one transaction, for imports and load tests.
//!
//! Each is stored exactly as [`RecordWriter::create`] stores it, and counted, but no budget holds it up. Rows are inserted by the hundred, and the numbers of a
//! person's changes are taken at once.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use mainstay_domain::{account::quota::Growth, record::Draft};

use crate::{
    Store,
    engine::{Party, connection::Conn, schema::records, types::DbTimestamp},
    error::{Result, StoreError},
    key::{scope::PersonScope, seal::sealed_len},
    on,
    record::{NewRow, RecordWriter},
};

/// Rows in one statement: enough to make the statement's own cost small, and far from the engines' limit on parameters
/// (32 766 on SQLite).
const ROWS: usize = 500;

/// A record to be created.
pub struct NewRecord {
    /// The person.
    pub scope: PersonScope,
    /// The checked record.
    pub draft: Draft,
    /// When it is created, in microseconds.
    pub at: i64,
}

impl Store {
    /// Creates all of the records in the order given, or none. A record may refer to another one of the same call.
    ///
    /// # Errors
    /// Those of the database, also for an id or a slot that is taken: unlike [`RecordWriter::create`], this recognises no
    /// replays. [`StoreError::Findings`] for references to records that the person does not have.
    pub async fn create_in_bulk(&self, new: Vec<NewRecord>) -> Result<()> {
        self.data
            .write_for(Party::Background, move |conn| create(conn, &new))
            .await
    }
}

fn create(conn: &mut Conn, new: &[NewRecord]) -> Result<()> {
    let mut next = take_revs(conn, new)?;
    for chunk in new.chunks(ROWS) {
        let rows = chunk.iter().map(|record| {
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

/// Takes the numbers of each person's changes. Gives for each person the number before the first. People are locked in the
/// order of their own numbers, so that two calls at the same time cannot wait for each other.
fn take_revs(conn: &mut Conn, new: &[NewRecord]) -> Result<BTreeMap<i64, i64>> {
    let mut people: BTreeMap<i64, (&PersonScope, Growth)> = BTreeMap::new();
    for record in new {
        let (_, growth) = people
            .entry(record.scope.no)
            .or_insert((&record.scope, Growth::default()));
        growth.records += 1;
        growth.bytes += sealed_len(record.draft.body.len());
    }
    people
        .into_iter()
        .map(|(no, (scope, growth))| {
            let count = growth.records;
            let mut writer = RecordWriter::new(conn, scope, DbTimestamp(0), None);
            Ok((no, writer.take_revs(count, growth)?.last - count))
        })
        .collect()
}
