//! One timer or erasure that fails does not keep the others waiting, and its error names nobody.

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
use mainstay_domain::{check_in::CheckIn, craving_event::CravingEvent, record::Kind};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, alone, sign_up},
};
use crate::{
    Expected, History, PersonScope, RecordWriter, SealedDraft, StoreError,
    account::ErasureProgress,
    engine::{connection::Conn, single},
    on,
};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn execute(conn: &mut Conn, sql: &str) {
    on!(conn, |c| sql_query(sql).execute(c)).unwrap_or_else(|e| panic!("{e}: {sql}"));
}

fn count(conn: &mut Conn, rows: &str) -> i64 {
    let count: Count = on!(conn, |c| sql_query(format!("SELECT count(*) AS n FROM {rows}"))
        .get_result(c))
    .unwrap();
    count.n
}

#[tokio::test]
async fn a_timer_that_fails_is_postponed_and_the_others_run() {
    let database = TestDatabase::sqlite();
    let store = database.store();
    let (scope, session) = sign_up(&store).await;
    let mut beside = single(&database.locations.data).unwrap();
    for id in [1, 2] {
        store
            .create(&scope, session, NOW, alone::<CravingEvent>(id))
            .await
            .unwrap();
    }
    execute(&mut beside, "DELETE FROM timers");
    execute(
        &mut beside,
        "INSERT INTO timers SELECT person_no, collection, id, no FROM records ORDER BY no",
    );
    execute(
        &mut beside,
        "UPDATE records SET sealed = x'00' WHERE no = (SELECT min(no) FROM records)",
    );
    let error = store.run_timers(NOW).await.unwrap_err().to_string();
    assert!(!error.contains(&scope.account().to_string()), "{error}");
    assert_eq!(
        count(&mut beside, &format!("timers WHERE due_at > {NOW}")),
        1,
        "the one that failed"
    );
    assert_eq!(count(&mut beside, "timers"), 1);
    assert_eq!(store.run_timers(NOW).await.unwrap(), 0);
}

#[tokio::test]
async fn an_erasure_that_fails_does_not_stop_the_next() {
    let database = TestDatabase::sqlite();
    let store = database.store();
    let (scope, _) = sign_up(&store).await;
    let mut beside = single(&database.locations.data).unwrap();
    for sql in [
        "INSERT INTO accounts (no, id, role, state, version, sealed, password_hash, password_changed_at, created_at, \
         updated_at) VALUES (9, x'00000000000000000000000000000009', 'person', 'erasing', 1, x'', '', 0, 0, 0)",
        "INSERT INTO people (person_no, rev, epoch, floor_rev) VALUES (9, 0, 1, 0)",
        "CREATE TRIGGER stubborn BEFORE DELETE ON accounts WHEN OLD.no <> 9 BEGIN SELECT RAISE(ABORT, 'no'); END",
    ] {
        execute(&mut beside, sql);
    }
    let progress = store.erase_account(scope.account(), NOW).await.unwrap();
    assert_eq!(progress, ErasureProgress::GoesOn);
    assert!(store.resume_erasures(NOW).await.is_err());
    assert_eq!(
        count(&mut beside, "accounts WHERE no = 9"),
        0,
        "the second one is erased"
    );
    assert_eq!(count(&mut beside, "accounts"), 1);
    execute(&mut beside, "DROP TRIGGER stubborn");
    assert_eq!(store.resume_erasures(NOW).await.unwrap(), 1);
    assert_eq!(count(&mut beside, "accounts"), 0);
    assert!(store.account(Uuid::from_u128(1)).await.is_err());
}

/// The earlier versions stayed, and changing a new record under the same id was a fault of the server.
async fn what_was_swept_is_gone_with_its_earlier_versions(database: TestDatabase) {
    let store = database.store();
    let (scope, session) = sign_up(&store).await;
    let mut beside = single(&database.locations.data).unwrap();
    store
        .create(&scope, session, NOW, alone::<CheckIn>(1))
        .await
        .unwrap();
    let changed = store.write(&scope, session, NOW, |writer| {
        writer.replace(&alone::<CheckIn>(1), &Expected::Any)?;
        writer.remove(Kind::CheckIn, Uuid::from_u128(1), &Expected::Any, History::Kept)
    });
    changed.await.unwrap();
    assert_eq!(count(&mut beside, "record_history"), 2);
    assert_eq!(store.sweep_tombstones(NOW + 1).await.unwrap(), 1);
    assert_eq!(count(&mut beside, "record_history"), 0);
    let usage = store.account_quota(scope.account(), NOW).await.unwrap().usage;
    assert_eq!((usage.records, usage.bytes), (0, 0), "it takes no room any more");
    // The bare id stays, whichever way a new record comes.
    let again = store.create(&scope, session, NOW, alone::<CheckIn>(1)).await;
    assert!(matches!(again, Err(StoreError::IdDeleted)), "{again:?}");
    let again = store.write(&scope, session, NOW, |writer| {
        let mut sealed = [SealedDraft::new(&scope_of(writer), alone::<CheckIn>(1), NOW)?];
        let stored = writer.create_batch(&sealed.iter().collect::<Vec<_>>())?;
        assert_eq!(stored, [false]);
        writer.create_after_batch(sealed.first_mut().unwrap())
    });
    assert!(matches!(again.await, Err(StoreError::IdDeleted)));
    for change in [Change::Replace, Change::Remove] {
        let changed = store.write(&scope, session, NOW, move |writer| match change {
            Change::Replace => writer.replace(&alone::<CheckIn>(1), &Expected::Any).map(drop),
            Change::Remove => writer.remove(Kind::CheckIn, Uuid::from_u128(1), &Expected::Any, History::Kept),
        });
        assert!(matches!(changed.await, Err(StoreError::NotFound)));
    }
    let usage = store.account_quota(scope.account(), NOW).await.unwrap().usage;
    assert_eq!((usage.records, usage.bytes), (0, 0));
}

enum Change {
    Replace,
    Remove,
}

fn scope_of(writer: &mut RecordWriter<'_>) -> PersonScope {
    writer.parts().1.clone()
}

#[tokio::test]
async fn on_sqlite_what_was_swept_is_gone_with_its_earlier_versions() {
    what_was_swept_is_gone_with_its_earlier_versions(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_what_was_swept_is_gone_with_its_earlier_versions() {
    what_was_swept_is_gone_with_its_earlier_versions(TestDatabase::postgres("swept")).await;
}

/// One transaction for all of them would keep everybody waiting.
async fn many_rows_are_swept_in_transactions_of_few(database: TestDatabase) {
    let store = database.store();
    let (scope, session) = sign_up(&store).await;
    store
        .create(&scope, session, NOW, alone::<CheckIn>(1))
        .await
        .unwrap();
    let mut beside = single(&database.locations.data).unwrap();
    let (numbers, id, time) = match beside {
        Conn::Sqlite(_) => (
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1200)",
            "randomblob(16)",
            "n",
        ),
        Conn::Postgres(_) => (
            "WITH numbers AS (SELECT n FROM generate_series(1, 1200) AS n)",
            "gen_random_uuid()",
            "'2000-01-01'::timestamptz + n * interval '1 s'",
        ),
    };
    for sql in [
        format!(
            "{numbers} INSERT INTO records (person_no, collection, id, version, rev, occurred_at, deleted, origin, digest, \
             sealed, created_at, updated_at) SELECT person_no, collection, {id}, 2, rev + n, {time}, {TRUE}, '', '', '', {time}, \
             {time} FROM records, numbers",
            TRUE = if matches!(beside, Conn::Sqlite(_)) { "1" } else { "true" },
        )
        .replace("''", if matches!(beside, Conn::Sqlite(_)) { "x''" } else { "''" }),
        format!(
            "{numbers} INSERT INTO sessions (account_no, id, refresh_hash, counter, rotated_at, created_at, last_used_at, \
             sealed) SELECT account_no, {id}, refresh_hash, 0, created_at, created_at, {time}, sealed FROM sessions, numbers"
        ),
        "INSERT INTO record_history (person_no, collection, id, version, digest, sealed, written_at, replaced_at) SELECT \
         person_no, collection, id, 1, digest, origin, created_at, created_at FROM records WHERE version = 2"
            .to_owned(),
    ] {
        execute(&mut beside, &sql);
    }
    super::plans::record_statements();
    let other = database.store();
    super::plans::recorded();
    assert_eq!(other.sweep_tombstones(NOW).await.unwrap(), 1200);
    assert_eq!(other.sweep_sessions(NOW, 1).await.unwrap(), 1200);
    let statements = super::plans::recorded();
    for table in ["record_history", "records", "sessions"] {
        let delete = format!("DELETE FROM {table} ");
        let many = statements
            .iter()
            .filter(|sql| sql.contains(&delete) && !sql.contains("ended_at"));
        assert_eq!(many.count(), 3, "{table}");
    }
    assert_eq!(count(&mut beside, "records"), 1);
    assert_eq!(count(&mut beside, "record_history"), 0);
    assert_eq!(count(&mut beside, "sessions"), 1);
    let floor = "people WHERE floor_rev = (SELECT max(rev) FROM records) + 1200";
    assert_eq!(count(&mut beside, floor), 1);
}

#[tokio::test]
async fn on_sqlite_many_rows_are_swept_in_transactions_of_few() {
    many_rows_are_swept_in_transactions_of_few(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_many_rows_are_swept_in_transactions_of_few() {
    many_rows_are_swept_in_transactions_of_few(TestDatabase::postgres("swept_in_steps")).await;
}
