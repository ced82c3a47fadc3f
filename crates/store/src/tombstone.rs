//! Tombstones: they stay long enough for every device to learn of a deletion, and are swept then, with the earlier versions of
//! the record and what others gave to it. The bare id stays, so that no other record ever has it.

use std::collections::BTreeMap;

use diesel::{
    ExpressionMethods, PgConnection, QueryDsl, QueryableByName, RunQueryDsl, sql_query,
    sql_types::{Array, BigInt},
};
use mainstay_domain::record::Kind;

use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::people,
        sweep::{SWEPT_AT_ONCE, parameter},
        types::{DbTimestamp, Instant},
    },
    error::Result,
    on,
    quota::add_bytes,
};

#[derive(QueryableByName)]
struct Swept {
    #[diesel(sql_type = BigInt)]
    person_no: i64,
    /// The number of the change of a tombstone, or the bytes of an earlier version.
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Free {
    #[diesel(sql_type = BigInt)]
    person_no: i64,
}

/// What was swept of one person.
#[derive(Default)]
struct OfPerson {
    /// The number of the latest change whose tombstone was swept.
    floor: i64,
    /// The bytes of earlier versions that went with their records.
    bytes: i64,
}

/// The oldest tombstones from before the time that is the first parameter. In SQL of our own: the partial index is used only
/// if the condition is a constant. `of_kind` is empty, or a further condition with its AND.
fn some_tombstones(conn: &Conn, columns: &str, of_kind: &str) -> String {
    let time = parameter(conn, 1);
    let (condition, of_free) = match conn {
        Conn::Sqlite(_) => ("deleted = 1 AND length(sealed) = 0", ""),
        Conn::Postgres(_) => ("deleted AND octet_length(sealed) = 0", " AND person_no = ANY($2)"),
    };
    format!(
        "SELECT {columns} FROM records WHERE {of_kind}{condition} AND updated_at < {time}{of_free} ORDER BY updated_at, no \
         LIMIT {SWEPT_AT_ONCE}"
    )
}

/// Locks the people of some tombstones, as every writer does first, but leaves out those whom somebody holds: their
/// tombstones are for the next sweep. Otherwise a long transaction of one person would keep others waiting.
fn lock_free(conn: &mut PgConnection, before: DbTimestamp) -> Result<Vec<i64>> {
    let sql = format!(
        "SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM records WHERE deleted AND \
         octet_length(sealed) = 0 AND updated_at < $1 ORDER BY updated_at, no LIMIT {SWEPT_AT_ONCE}) \
         ORDER BY person_no FOR NO KEY UPDATE SKIP LOCKED"
    );
    let free: Vec<Free> = sql_query(sql).bind::<Instant, _>(before).load(conn)?;
    Ok(free.into_iter().map(|free| free.person_no).collect())
}

/// Deletes the rows of a table that belong to some tombstones. Gives their people, each with a number of the row.
fn delete_of_some(
    conn: &mut Conn,
    (table, number): (&str, &str),
    before: DbTimestamp,
    free: &[i64],
) -> Result<Vec<Swept>> {
    let key = "person_no, collection, id";
    let some = some_tombstones(conn, key, "");
    let sql =
        format!("DELETE FROM {table} WHERE ({key}) IN ({some}) RETURNING person_no, {number} AS number");
    let delete = sql_query(sql).bind::<Instant, _>(before);
    Ok(match conn {
        Conn::Sqlite(c) => delete.load(c)?,
        Conn::Postgres(c) => delete.bind::<Array<BigInt>, _>(free).load(c)?,
    })
}

/// Notes the ids of some tombstones, and deletes what people who help gave to the plans among them.
fn keep_ids_of_some(conn: &mut Conn, before: DbTimestamp, free: &[i64]) -> Result<()> {
    let ids = "person_no, collection, id, version";
    let some = some_tombstones(conn, ids, "");
    // Plans that this sweep does not come to yet are as old.
    let plans = some_tombstones(
        conn,
        "person_no, id",
        &format!("collection = {} AND ", Kind::Plan.code()),
    );
    let given = sql_query(format!(
        "DELETE FROM contributions WHERE (person_no, plan_id) IN ({plans})"
    ))
    .bind::<Instant, _>(before);
    let keep = sql_query(format!(
        "INSERT INTO swept_ids ({ids}) {some} ON CONFLICT DO NOTHING"
    ))
    .bind::<Instant, _>(before);
    match conn {
        Conn::Sqlite(c) => {
            given.execute(c)?;
            keep.execute(c)?;
        }
        Conn::Postgres(c) => {
            given.bind::<Array<BigInt>, _>(free).execute(c)?;
            keep.bind::<Array<BigInt>, _>(free).execute(c)?;
        }
    }
    Ok(())
}

/// Sweeps some tombstones. The earlier versions go first, while the same tombstones are found again.
fn sweep_some(conn: &mut Conn, before: DbTimestamp) -> Result<usize> {
    let free = match &mut *conn {
        Conn::Sqlite(_) => Vec::new(),
        Conn::Postgres(c) => lock_free(c, before)?,
    };
    let bytes = match conn {
        Conn::Sqlite(_) => "length(sealed)",
        Conn::Postgres(_) => "octet_length(sealed)::bigint",
    };
    let mut people = BTreeMap::<i64, OfPerson>::new();
    for version in delete_of_some(conn, ("record_history", bytes), before, &free)? {
        people.entry(version.person_no).or_default().bytes += version.number;
    }
    keep_ids_of_some(conn, before, &free)?;
    let swept = delete_of_some(conn, ("records", "rev"), before, &free)?;
    for tombstone in &swept {
        let person = people.entry(tombstone.person_no).or_default();
        person.floor = tombstone.number.max(person.floor);
    }
    for (person_no, swept) in people {
        raise_floor(conn, person_no, swept.floor)?;
        if swept.bytes > 0 {
            add_bytes(conn, person_no, -swept.bytes)?;
        }
    }
    Ok(swept.len())
}

impl Store {
    /// Sweeps the tombstones of deletions before that time (microseconds), with the earlier versions of these records. Gives
    /// the number of tombstones. Cursors from before such a deletion expire. Records that are only marked as deleted stay.
    pub async fn sweep_tombstones(&self, before: i64) -> Result<usize> {
        self.data
            .sweep(move |conn| sweep_some(conn, DbTimestamp(before)))
            .await
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
