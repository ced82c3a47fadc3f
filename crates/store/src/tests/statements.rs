//! The text of every statement that is written by hand. A change here is a change of what the database is asked to do.

use diesel::{debug_query, pg::Pg, query_builder::QueryFragment, sqlite::Sqlite};
use mainstay_domain::{
    account::quota::{Growth, Quota},
    check_in::CheckIn,
    record::{Incoming, Kind, Record, draft},
};
use uuid::Uuid;

use super::database::TestDatabase;
use crate::{
    cache::revision::SelectRevisions,
    engine::{
        statement::{BeginJob, KeepJob, SelectSyncState, SelectTotals, TakeRevs, UndoJob},
        types::DbTimestamp,
    },
    key::{
        scope::{PersonScope, Urgency},
        seal::{DataKeys, Secret},
    },
    record::{
        Part,
        insert::{Awaited, InsertBatch, InsertOneOnSqlite, NewRow},
        parts::SelectParts,
    },
};

/// The text of a statement, without the values that are bound to it.
fn text<DB, Q>(query: &Q) -> String
where
    DB: diesel::backend::Backend + Default,
    DB::QueryBuilder: Default,
    Q: QueryFragment<DB>,
    for<'a> diesel::query_builder::DebugQuery<'a, Q, DB>: std::fmt::Display,
{
    let text = debug_query::<DB, _>(query).to_string();
    text.split(" -- binds").next().unwrap_or_default().to_owned()
}

fn new_row() -> NewRow {
    let scope = PersonScope {
        no: 7,
        account: Uuid::nil(),
        epoch: 1,
        keys: std::sync::Arc::new(DataKeys::new(Uuid::nil(), &Secret::from_bytes([1; 32])).unwrap()),
        urgency: Urgency::Ordinary,
        quota: Quota::DEFAULT,
    };
    let incoming = Incoming {
        id: None,
        body: CheckIn::example(),
        context: None,
    };
    let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let draft = draft(incoming, Uuid::nil(), None, now, chrono_tz::UTC, &mut Uuid::nil).unwrap();
    NewRow::sealed(&scope, &draft, 0, DbTimestamp(0)).unwrap()
}

/// The latest totals of a person on SQLite.
const LATEST_ON_SQLITE: &str = "(SELECT p.person_no, max(p.rev, ifnull(r.rev, 0)) AS rev, ifnull(r.total_records, \
    p.total_records) AS total_records, ifnull(r.total_bytes, p.total_bytes) AS total_bytes, ifnull(r.created_at / \
    86400000000, p.writes_day) AS writes_day, ifnull(r.day_writes, p.day_writes) AS day_writes FROM people AS p LEFT JOIN \
    records AS r ON r.person_no = p.person_no AND r.rev > p.rev AND r.rev = (SELECT max(records.rev) FROM records WHERE \
    records.person_no = p.person_no) WHERE p.person_no = ?) AS latest";

#[test]
fn statements_of_both_engines() {
    let take = TakeRevs {
        person_no: 1,
        count: 1,
        growth: Growth::default(),
        day: 0,
    };
    assert_eq!(
        text::<Pg, _>(&take),
        "UPDATE people AS latest SET rev = latest.rev + $1, total_records = latest.total_records + $2, total_bytes = \
         latest.total_bytes + $3, day_writes = CASE WHEN latest.writes_day = $4 OR $5 = 0 THEN latest.day_writes ELSE 0 END \
         + $6, writes_day = CASE WHEN $7 = 0 THEN latest.writes_day ELSE $8 END WHERE latest.person_no = $9 RETURNING rev, \
         epoch, total_records, total_bytes, day_writes"
    );
    assert_eq!(
        text::<Sqlite, _>(&take),
        format!(
            "UPDATE people SET rev = latest.rev + ?, total_records = latest.total_records + ?, total_bytes = \
             latest.total_bytes + ?, day_writes = CASE WHEN latest.writes_day = ? OR ? = 0 THEN latest.day_writes ELSE 0 \
             END + ?, writes_day = CASE WHEN ? = 0 THEN latest.writes_day ELSE ? END FROM {LATEST_ON_SQLITE} WHERE \
             people.person_no = latest.person_no RETURNING rev, epoch, total_records, total_bytes, day_writes"
        )
    );
    assert_eq!(
        text::<Pg, _>(&SelectTotals(1)),
        "SELECT latest.total_records, latest.total_bytes, latest.writes_day, latest.day_writes FROM people AS latest WHERE \
         latest.person_no = $1"
    );
    assert_eq!(
        text::<Sqlite, _>(&SelectTotals(1)),
        format!(
            "SELECT latest.total_records, latest.total_bytes, latest.writes_day, latest.day_writes FROM {LATEST_ON_SQLITE}"
        )
    );
    assert_eq!(
        text::<Pg, _>(&SelectSyncState(1)),
        "SELECT people.rev, epoch, floor_rev FROM people WHERE person_no = $1"
    );
    let part = Part {
        kind: Kind::CheckIn,
        from: None,
        to: None,
        limit: 1,
    };
    assert_eq!(
        text::<Sqlite, _>(&SelectParts::of(1, [part, part])),
        "SELECT * FROM (SELECT collection, id, version, rev, occurred_at, created_at, updated_at, sealed FROM records WHERE \
         person_no = ? AND collection = ? AND NOT deleted AND occurred_at >= ? AND occurred_at < ? ORDER BY occurred_at \
         DESC, id DESC LIMIT ?) AS part UNION ALL SELECT * FROM (SELECT collection, id, version, rev, occurred_at, \
         created_at, updated_at, sealed FROM records WHERE person_no = ? AND collection = ? AND NOT deleted AND occurred_at >= ? \
         AND occurred_at < ? ORDER BY occurred_at DESC, id DESC LIMIT ?) AS part"
    );
    assert_eq!(
        text::<Sqlite, _>(&SelectSyncState(1)),
        "SELECT max(people.rev, ifnull((SELECT max(records.rev) FROM records \
         WHERE records.person_no = people.person_no), 0)), epoch, floor_rev FROM people WHERE person_no = ?"
    );
}

#[test]
fn statements_of_sqlite() {
    assert_eq!(text::<Sqlite, _>(&BeginJob), "SAVEPOINT job");
    assert_eq!(text::<Sqlite, _>(&KeepJob), "RELEASE SAVEPOINT job");
    assert_eq!(text::<Sqlite, _>(&UndoJob), "ROLLBACK TO SAVEPOINT job");
    assert_eq!(
        text::<Sqlite, _>(&InsertOneOnSqlite::of(&new_row())),
        format!(
            "INSERT INTO records (person_no, rev, collection, id, version, occurred_at, slot, deleted, origin, digest, \
             sealed, created_at, updated_at, total_records, total_bytes, day_writes) SELECT latest.person_no, latest.rev + \
             1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, latest.total_records + 1, latest.total_bytes + ?, CASE WHEN \
             latest.writes_day = ? THEN latest.day_writes ELSE 0 END + 1 FROM {LATEST_ON_SQLITE} WHERE \
             latest.total_records < ? AND latest.total_bytes + ? <= ? AND CASE WHEN latest.writes_day = ? THEN \
             latest.day_writes ELSE 0 END < ? AND NOT EXISTS (SELECT 1 FROM swept_ids WHERE swept_ids.person_no = ? \
             AND swept_ids.collection = ? AND swept_ids.id = ?) ON CONFLICT DO NOTHING"
        )
    );
}

#[test]
fn statements_of_postgresql() {
    assert_eq!(
        text::<Pg, _>(&InsertBatch::<Awaited>::of([new_row()].iter())),
        "WITH new AS (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) WITH \
         ORDINALITY AS new (person_no, collection, id, version, occurred_at, slot, origin, digest, sealed, created_at, \
         updated_at, day, max_records, max_bytes, max_day_writes, ordinal) WHERE (SELECT 1 FROM records AS r WHERE r.id = \
         new.id AND r.person_no = new.person_no AND r.collection = new.collection) IS NULL AND (SELECT 1 FROM records AS r \
         WHERE r.person_no = new.person_no AND r.collection = new.collection AND r.slot = new.slot) IS NULL AND (SELECT \
         1 FROM swept_ids AS s WHERE s.person_no = new.person_no AND s.collection = new.collection AND s.id = new.id) IS \
         NULL), locked AS (SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM new) ORDER BY person_no \
         FOR NO KEY UPDATE), wanted AS (SELECT person_no, count(*) AS many, sum(octet_length(sealed)) AS bytes, max(day) AS day, \
         max(max_records) AS max_records, max(max_bytes) AS max_bytes, max(max_day_writes) AS max_day_writes FROM new \
         GROUP BY person_no), passed AS (UPDATE people AS p SET rev = p.rev + w.many, total_records = p.total_records + \
         w.many, total_bytes = p.total_bytes + w.bytes, writes_day = w.day, day_writes = CASE WHEN p.writes_day = w.day \
         THEN p.day_writes ELSE 0 END + w.many FROM wanted AS w JOIN locked USING (person_no) WHERE p.person_no = \
         w.person_no AND p.total_records + w.many <= w.max_records AND p.total_bytes + w.bytes <= w.max_bytes AND CASE \
         WHEN p.writes_day = w.day THEN p.day_writes ELSE 0 END + w.many <= w.max_day_writes RETURNING p.person_no, p.rev \
         - w.many AS before) INSERT INTO records (person_no, rev, collection, id, version, occurred_at, slot, deleted, \
         origin, digest, sealed, created_at, updated_at) SELECT new.person_no, before + row_number() OVER (PARTITION BY \
         new.person_no ORDER BY ordinal), collection, id, version, occurred_at, slot, false, origin, digest, sealed, \
         created_at, updated_at FROM new JOIN passed USING (person_no) ORDER BY ordinal RETURNING person_no, collection, \
         id"
    );
    assert_eq!(
        text::<Pg, _>(&SelectRevisions::of(&[(1, None)])),
        "SELECT query.position, people.rev, epoch, c.collection, c.rev, deleted, id, version, occurred_at, sealed, created_at, \
         updated_at FROM unnest($1, $2, $3) WITH ORDINALITY AS query (person_no, after, kinds, position) JOIN people ON \
         people.person_no = query.person_no LEFT JOIN LATERAL (SELECT collection, rev, deleted, id, version, \
         occurred_at, CASE WHEN (kinds >> collection) & 1 = 1 THEN sealed END AS sealed, created_at, updated_at FROM \
         records WHERE records.person_no = query.person_no AND records.rev > after AND people.rev > after ORDER BY \
         records.rev LIMIT $4) AS c ON true"
    );
}

#[tokio::test]
async fn the_sweep_of_tombstones() {
    for (database, expected) in [
        (
            TestDatabase::sqlite(),
            vec![
                "DELETE FROM record_history WHERE (person_no, collection, id) IN (SELECT person_no, collection, id \
                 FROM records WHERE deleted = 1 AND length(sealed) = 0 AND updated_at < ?1 \
                 ORDER BY updated_at, no LIMIT 500) \
                 RETURNING person_no, length(sealed) AS number",
                "DELETE FROM contributions WHERE (person_no, plan_id) IN (SELECT person_no, id FROM records WHERE \
                 collection = 2 AND deleted = 1 AND length(sealed) = 0 AND updated_at < ?1 \
                 ORDER BY updated_at, no LIMIT 500)",
                "INSERT INTO swept_ids (person_no, collection, id, version) SELECT person_no, collection, id, version \
                 FROM records WHERE deleted = 1 AND length(sealed) = 0 AND updated_at < ?1 \
                 ORDER BY updated_at, no LIMIT 500 ON CONFLICT DO NOTHING",
                "DELETE FROM records WHERE (person_no, collection, id) IN (SELECT person_no, collection, id \
                 FROM records WHERE deleted = 1 AND length(sealed) = 0 AND updated_at < ?1 \
                 ORDER BY updated_at, no LIMIT 500) RETURNING person_no, rev AS number",
            ],
        ),
        (
            TestDatabase::postgres("sweep"),
            vec![
                "SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM records WHERE deleted AND \
                 octet_length(sealed) = 0 AND updated_at < $1 ORDER BY updated_at, no LIMIT 500) ORDER BY person_no \
                 FOR NO KEY UPDATE SKIP LOCKED",
                "DELETE FROM record_history WHERE (person_no, collection, id) IN (SELECT person_no, collection, id \
                 FROM records WHERE deleted AND octet_length(sealed) = 0 AND updated_at < $1 AND person_no = ANY($2) \
                 ORDER BY updated_at, no LIMIT 500) \
                 RETURNING person_no, octet_length(sealed)::bigint AS number",
                "DELETE FROM contributions WHERE (person_no, plan_id) IN (SELECT person_no, id FROM records WHERE \
                 collection = 2 AND deleted AND octet_length(sealed) = 0 AND updated_at < $1 AND person_no = ANY($2) \
                 ORDER BY updated_at, no LIMIT 500)",
                "INSERT INTO swept_ids (person_no, collection, id, version) SELECT person_no, collection, id, version \
                 FROM records WHERE deleted AND octet_length(sealed) = 0 AND updated_at < $1 AND person_no = ANY($2) \
                 ORDER BY updated_at, no LIMIT 500 ON CONFLICT DO NOTHING",
                "DELETE FROM records WHERE (person_no, collection, id) IN (SELECT person_no, collection, id \
                 FROM records WHERE deleted AND octet_length(sealed) = 0 AND updated_at < $1 AND person_no = ANY($2) \
                 ORDER BY updated_at, no LIMIT 500) RETURNING person_no, rev AS number",
            ],
        ),
    ] {
        super::plans::record_statements();
        let store = database.store();
        super::plans::recorded();
        store.sweep_tombstones(1).await.unwrap();
        let statements: Vec<String> = super::plans::recorded()
            .into_iter()
            .filter(|sql| sql.contains("sealed"))
            .collect();
        assert_eq!(statements, expected);
    }
}
