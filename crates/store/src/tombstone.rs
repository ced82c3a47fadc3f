//! Tombstones: they stay long enough for every device to learn of a deletion, and are swept then, with the earlier versions of
//! the record.

use std::collections::BTreeMap;

use diesel::{
    ExpressionMethods, QueryDsl, QueryableByName, RunQueryDsl, sql_query,
    sql_types::{BigInt, SmallInt},
};

use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::{people, record_history},
        statement::length,
        types::{DbTimestamp, DbUuid, Identifier, Instant},
    },
    error::Result,
    on,
    quota::add_bytes,
};

#[derive(QueryableByName)]
struct Swept {
    #[diesel(sql_type = BigInt)]
    person_no: i64,
    #[diesel(sql_type = BigInt)]
    rev: i64,
    #[diesel(sql_type = SmallInt)]
    collection: i16,
    #[diesel(sql_type = Identifier)]
    id: DbUuid,
}

/// What was swept of one person.
#[derive(Default)]
struct OfPerson {
    /// The number of the latest change whose tombstone was swept.
    floor: i64,
    /// The bytes of earlier versions that went with their records.
    bytes: i64,
}

/// Deletes the earlier versions of a record that was swept. Nobody can read them any more, and a new record under the same id
/// would meet them. Gives their bytes.
fn forget_history(conn: &mut Conn, record: &Swept) -> Result<i64> {
    let versions = record_history::table
        .filter(record_history::person_no.eq(record.person_no))
        .filter(record_history::collection.eq(record.collection))
        .filter(record_history::id.eq(record.id));
    let delete = diesel::delete(versions).returning(length(record_history::sealed));
    let lengths: Vec<i32> = on!(conn, |c| delete.load(c))?;
    Ok(lengths.into_iter().map(i64::from).sum())
}

impl Store {
    /// Sweeps the tombstones of deletions before that time (microseconds), with the earlier versions of these records. Gives
    /// the number of tombstones. Cursors from before such a
    /// deletion expire. Records that are only marked as deleted stay.
    pub async fn sweep_tombstones(&self, before: i64) -> Result<usize> {
        let write = self.data.write(move |conn| {
            // In SQL of our own: the partial index is used only if the condition is a constant.
            let (deleted, empty) = match conn {
                Conn::Sqlite(_) => ("deleted = 1", "length(sealed) = 0"),
                Conn::Postgres(_) => ("deleted", "octet_length(sealed) = 0"),
            };
            let parameter = if matches!(conn, Conn::Sqlite(_)) { "?" } else { "$1" };
            if let Conn::Postgres(c) = &mut *conn {
                // People are locked first and in the order of their numbers, as by every writer. Otherwise a client that
                // creates such a record again and this sweep could wait for each other.
                let sql = format!(
                    "SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM records \
                     WHERE {deleted} AND {empty} AND updated_at < {parameter}) ORDER BY person_no FOR NO KEY UPDATE"
                );
                sql_query(sql).bind::<Instant, _>(DbTimestamp(before)).execute(c)?;
            }
            let sql = format!(
                "DELETE FROM records WHERE {deleted} AND {empty} AND updated_at < {parameter} \
                 RETURNING person_no, rev, collection, id"
            );
            let query = sql_query(sql).bind::<Instant, _>(DbTimestamp(before));
            let swept: Vec<Swept> = on!(&mut *conn, |c| query.load(c))?;
            let mut people = BTreeMap::<i64, OfPerson>::new();
            for row in &swept {
                let person = people.entry(row.person_no).or_default();
                person.floor = row.rev.max(person.floor);
                person.bytes += forget_history(conn, row)?;
            }
            for (person_no, swept) in people {
                raise_floor(conn, person_no, swept.floor)?;
                if swept.bytes > 0 {
                    add_bytes(conn, person_no, -swept.bytes)?;
                }
            }
            Ok(swept.len())
        });
        write.await
    }
}

fn raise_floor(conn: &mut Conn, person_no: i64, floor: i64) -> Result<()> {
    let row = people::table
        .filter(people::person_no.eq(person_no))
        .filter(people::floor_rev.lt(floor));
    on!(conn, |c| diesel::update(row)
        .set(people::floor_rev.eq(floor))
        .execute(c))?;
    Ok(())
}
