//! The text of every statement that is written by hand. A change here is a change of what the database is asked to do.

use diesel::{debug_query, pg::Pg, query_builder::QueryFragment, sqlite::Sqlite};
use mainstay_domain::{
    check_in::CheckIn,
    record::{Incoming, Kind, Record, draft},
};
use uuid::Uuid;

use super::database::TestDatabase;
use crate::{
    cache::revision::SelectRevisions,
    engine::{
        statement::{BeginJob, KeepJob, SelectSyncState, TakeRevs, UndoJob},
        types::DbTimestamp,
    },
    key::{
        scope::{PersonScope, Urgency},
        seal::{DataKeys, Secret},
    },
    record::{
        Part,
        insert::{InsertBatch, InsertOneOnPostgres, InsertOneOnSqlite, NewRow},
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

#[test]
fn statements_of_both_engines() {
    let take = TakeRevs {
        person_no: 1,
        count: 1,
    };
    assert_eq!(
        text::<Pg, _>(&take),
        "UPDATE people SET rev = people.rev + $1 WHERE person_no = $2 RETURNING rev, epoch"
    );
    assert_eq!(
        text::<Sqlite, _>(&take),
        "UPDATE people SET rev = max(people.rev, ifnull((SELECT max(records.rev) FROM records \
         WHERE records.person_no = people.person_no), 0)) + ? WHERE person_no = ? RETURNING rev, epoch"
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
        "SELECT * FROM (SELECT collection, id, version, rev, occurred_at, sealed, created_at, updated_at FROM records WHERE \
         person_no = ? AND collection = ? AND NOT deleted AND occurred_at >= ? AND occurred_at < ? ORDER BY occurred_at \
         DESC, id DESC LIMIT ?) AS part UNION ALL SELECT * FROM (SELECT collection, id, version, rev, occurred_at, sealed, \
         created_at, updated_at FROM records WHERE person_no = ? AND collection = ? AND NOT deleted AND occurred_at >= ? \
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
        text::<Sqlite, _>(&InsertOneOnSqlite(&new_row())),
        "INSERT INTO records (person_no, rev, collection, id, version, occurred_at, slot, deleted, origin, digest, \
         sealed, created_at, updated_at) VALUES (?, (SELECT max(people.rev, ifnull((SELECT max(records.rev) FROM \
         records WHERE records.person_no = people.person_no), 0)) + 1 FROM people WHERE person_no = ?), ?, ?, ?, ?, \
         ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    );
}

#[test]
fn statements_of_postgresql() {
    assert_eq!(
        text::<Pg, _>(&InsertOneOnPostgres(&new_row())),
        "WITH next AS (UPDATE people SET rev = rev + 1 WHERE person_no = $1 RETURNING person_no, rev) INSERT INTO \
         records (person_no, rev, collection, id, version, occurred_at, slot, deleted, origin, digest, sealed, \
         created_at, updated_at) SELECT person_no, rev, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM next ON \
         CONFLICT DO NOTHING"
    );
    assert_eq!(
        text::<Pg, _>(&InsertBatch::of([new_row()].iter())),
        "WITH new AS (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY AS new \
         (person_no, collection, id, version, occurred_at, slot, origin, digest, sealed, created_at, updated_at, \
         ordinal)), locked AS (SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM new) ORDER BY \
         person_no FOR NO KEY UPDATE), passed AS (UPDATE people SET rev = rev + wanted.many FROM (SELECT person_no, \
         count(*) AS many FROM new GROUP BY person_no) AS wanted JOIN locked USING (person_no) WHERE \
         people.person_no = wanted.person_no RETURNING people.person_no, rev - wanted.many AS before) INSERT INTO \
         records (person_no, rev, collection, id, version, occurred_at, slot, deleted, origin, digest, sealed, \
         created_at, updated_at) SELECT new.person_no, before + row_number() OVER (PARTITION BY new.person_no ORDER \
         BY ordinal), collection, id, version, occurred_at, slot, false, origin, digest, sealed, created_at, \
         updated_at FROM new JOIN passed USING (person_no) ORDER BY ordinal ON CONFLICT DO NOTHING RETURNING \
         person_no, collection, id"
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
                "DELETE FROM records WHERE deleted = 1 AND length(sealed) = 0 AND updated_at < ? RETURNING person_no, rev",
            ],
        ),
        (
            TestDatabase::postgres("sweep"),
            vec![
                "SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM records WHERE deleted AND \
                 octet_length(sealed) = 0 AND updated_at < $1) ORDER BY person_no FOR NO KEY UPDATE",
                "DELETE FROM records WHERE deleted AND octet_length(sealed) = 0 AND updated_at < $1 RETURNING person_no, rev",
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
