//! The changes of a person's record since an earlier revision.

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl, SelectableHelper};
use mainstay_domain::record::Kind;

use super::{
    Since,
    columns::{ChangedRow, HEAD, Head, StoredColumns},
    page::{Load, Loaded, SealedUpTo, sealed_up_to},
};
use crate::{
    engine::{connection::Conn, schema::records},
    error::Result,
    key::scope::PersonScope,
    on,
};

/// The number of changes from which on they are not applied one by one.
pub(crate) const MAX_TRACKED_CHANGES: i64 = 16;

/// Selects the changes after a number, in their order.
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

/// Loads the changes after a number, in their order.
pub(super) fn load_changes(
    conn: &mut Conn,
    person_no: i64,
    after: i64,
    load: Load,
) -> Result<Vec<Loaded<ChangedRow>>> {
    let query = records::table
        .filter(records::person_no.eq(person_no))
        .filter(records::rev.gt(after))
        .order(records::rev.asc())
        .limit(load.rows)
        .select((
            records::collection,
            records::deleted,
            HEAD,
            sealed_up_to!(records::sealed, load.max_bytes),
        ));
    let rows: Vec<(i16, bool, Head, SealedUpTo)> = on!(conn, |c| query.load(c))?;
    let loaded = rows.into_iter().map(|(collection, deleted, head, sealed)| {
        Loaded::new(sealed, |sealed| ChangedRow {
            collection,
            deleted,
            columns: StoredColumns::of(head, sealed),
        })
    });
    Ok(loaded.collect())
}

/// Opens the changes of some collections, among at most [`MAX_TRACKED_CHANGES`] changes of the record.
pub(crate) fn since(rows: &[ChangedRow], kinds: &[Kind], scope: &PersonScope) -> Result<Since> {
    if i64::try_from(rows.len()).unwrap_or(MAX_TRACKED_CHANGES) >= MAX_TRACKED_CHANGES {
        return Ok(Since::TooMuch);
    }
    let selected = rows
        .iter()
        .filter(|row| kinds.iter().any(|kind| kind.code() == row.collection));
    let changes = selected.map(|row| row.open(scope)).collect::<Result<_>>()?;
    Ok(Since::Changed(changes))
}
