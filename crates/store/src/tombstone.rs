//! Tombstones: they stay long enough for every device to learn of a deletion, and are swept then.

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};

use crate::{
    Store,
    engine::{
        connection::Conn,
        types::{DbTimestamp, Instant},
    },
    error::Result,
    on,
};

#[derive(QueryableByName)]
struct Swept {
    #[diesel(sql_type = BigInt)]
    person_no: i64,
    #[diesel(sql_type = BigInt)]
    rev: i64,
}

impl Store {
    /// Sweeps the tombstones of deletions before that time (microseconds). Gives their number. Cursors from before such a
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
                "DELETE FROM records WHERE {deleted} AND {empty} AND updated_at < {parameter} RETURNING person_no, rev"
            );
            let query = sql_query(sql).bind::<Instant, _>(DbTimestamp(before));
            let swept: Vec<Swept> = on!(&mut *conn, |c| query.load(c))?;
            let mut floors = std::collections::BTreeMap::<i64, i64>::new();
            for row in &swept {
                let floor = floors.entry(row.person_no).or_default();
                *floor = row.rev.max(*floor);
            }
            for (person_no, floor) in floors {
                raise_floor(conn, person_no, floor)?;
            }
            Ok(swept.len())
        });
        write.await
    }
}

fn raise_floor(conn: &mut Conn, person_no: i64, floor: i64) -> Result<()> {
    use diesel::{ExpressionMethods, QueryDsl};

    use crate::engine::schema::people;
    let row = people::table
        .filter(people::person_no.eq(person_no))
        .filter(people::floor_rev.lt(floor));
    on!(conn, |c| diesel::update(row)
        .set(people::floor_rev.eq(floor))
        .execute(c))?;
    Ok(())
}
