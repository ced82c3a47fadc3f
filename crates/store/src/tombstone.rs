//! Tombstones: kept long enough for every device to hear of a deletion, then forgotten.

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
struct Forgotten {
    #[diesel(sql_type = BigInt)]
    person_no: i64,
    #[diesel(sql_type = BigInt)]
    rev: i64,
}

impl Store {
    /// Forgets tombstones of deletions before that time (microseconds) and says how many there were. Cursors from
    /// before such a deletion are not good any more. What is marked but kept to be read stays.
    pub async fn sweep_tombstones(&self, before: i64) -> Result<usize> {
        let write = self.data.write(move |conn| {
            // In SQL of its own: the partial index is used only where the condition stands as a constant.
            let (deleted, empty) = match conn {
                Conn::Sqlite(_) => ("deleted = 1", "length(sealed) = 0"),
                Conn::Postgres(_) => ("deleted", "octet_length(sealed) = 0"),
            };
            let parameter = if matches!(conn, Conn::Sqlite(_)) { "?" } else { "$1" };
            if let Conn::Postgres(c) = &mut *conn {
                // First the people, in the order of their numbers, as whoever writes a record does: else one who makes
                // it again and this sweep could wait for each other.
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
            let forgotten: Vec<Forgotten> = on!(&mut *conn, |c| query.load(c))?;
            let mut floors = std::collections::BTreeMap::<i64, i64>::new();
            for row in &forgotten {
                let floor = floors.entry(row.person_no).or_default();
                *floor = row.rev.max(*floor);
            }
            for (person_no, floor) in floors {
                raise_floor(conn, person_no, floor)?;
            }
            Ok(forgotten.len())
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
