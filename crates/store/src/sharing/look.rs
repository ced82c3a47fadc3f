//! When a reader last looked at the summary of a person, so that the next one can say what is new.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use uuid::Uuid;

use super::grants::Reader;
use crate::{
    Store,
    engine::{connection::Conn, schema::shared_looks, types::DbTimestamp},
    error::Result,
    key::scope::PersonScope,
    on,
};

impl Store {
    /// When the reader last looked at the summary of the person, in microseconds. `None` if never, and for a person who shares
    /// nothing with the reader.
    pub async fn last_look(&self, reader: &Reader, person: Uuid) -> Result<Option<i64>> {
        let Some(owner) = self.owner_for(reader, person).await? else {
            return Ok(None);
        };
        let reader_no = reader.no;
        let read = self.data.read_for(reader.party(), move |conn| {
            let query = shared_looks::table
                .filter(shared_looks::person_no.eq(owner.no))
                .filter(shared_looks::account_no.eq(reader_no))
                .select(shared_looks::looked_at);
            Ok(on!(conn, |c| query.first::<DbTimestamp>(c).optional())?)
        });
        Ok(read.await?.map(|at| at.0))
    }
}

/// Notes that a reader looks at the summary now, in microseconds. The caller holds the person's lock.
pub(super) fn note_look(conn: &mut Conn, owner: &PersonScope, reader: &Reader, now: i64) -> Result<()> {
    let row = (
        shared_looks::person_no.eq(owner.no),
        shared_looks::account_no.eq(reader.no),
        shared_looks::looked_at.eq(DbTimestamp(now)),
    );
    let insert = diesel::insert_into(shared_looks::table)
        .values(row)
        .on_conflict((shared_looks::person_no, shared_looks::account_no))
        .do_update()
        .set(shared_looks::looked_at.eq(DbTimestamp(now)));
    on!(conn, |c| insert.execute(c))?;
    Ok(())
}
