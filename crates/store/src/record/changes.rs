//! What has changed in a person's record after one of its changes.

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl, SelectableHelper};
use mainstay_domain::record::Kind;

use super::{Since, columns::ChangedRow};
use crate::{
    engine::{connection::Conn, schema::records},
    error::Result,
    key::scope::PersonScope,
    on,
};

/// From so many changes on they are not looked at one by one.
pub(crate) const MAX_TRACKED_CHANGES: i64 = 16;

/// What changed after a number of the person's changes, in that order.
pub(crate) fn changed_after(
    conn: &mut Conn,
    person_no: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<ChangedRow>> {
    let query = records::table
        .filter(records::person_no.eq(person_no))
        .filter(records::rev.gt(after))
        .order(records::rev.asc())
        .limit(limit);
    Ok(on!(conn, |c| query.select(ChangedRow::as_select()).load(c))?)
}

/// What happened in some collections, of at most [`MAX_TRACKED_CHANGES`] changes of the record.
pub(crate) fn since(rows: &[ChangedRow], kinds: &[Kind], scope: &PersonScope) -> Result<Since> {
    if i64::try_from(rows.len()).unwrap_or(MAX_TRACKED_CHANGES) >= MAX_TRACKED_CHANGES {
        return Ok(Since::TooMuch);
    }
    let theirs = rows
        .iter()
        .filter(|row| kinds.iter().any(|kind| kind.code() == row.collection));
    let changes = theirs.map(|row| row.open(scope)).collect::<Result<_>>()?;
    Ok(Since::Changed(changes))
}
