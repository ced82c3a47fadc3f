//! One timer or erasure that fails does not keep the others waiting, and its error names nobody.

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
use mainstay_domain::{check_in::CheckIn, craving_event::CravingEvent, record::Kind};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, alone, sign_up},
};
use crate::{
    Created, Expected,
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
    assert!(store.erase_account(scope.account(), NOW).await.is_err());
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
    for _ in 0..2 {
        let created = store.create(&scope, session, NOW, alone::<CheckIn>(1)).await;
        assert!(matches!(created, Ok(Created::New(_))), "{created:?}");
        let changed = store.write(&scope, session, NOW, |writer| {
            writer.replace(&alone::<CheckIn>(1), &Expected::Any)?;
            writer.remove(Kind::CheckIn, Uuid::from_u128(1), &Expected::Any)
        });
        changed.await.unwrap();
        assert_eq!(count(&mut beside, "record_history"), 2);
        assert_eq!(store.sweep_tombstones(NOW + 1).await.unwrap(), 1);
        assert_eq!(count(&mut beside, "record_history"), 0);
        let usage = store.account_quota(scope.account(), NOW).await.unwrap().usage;
        assert_eq!((usage.records, usage.bytes), (0, 0), "it takes no room any more");
    }
}

#[tokio::test]
async fn on_sqlite_what_was_swept_is_gone_with_its_earlier_versions() {
    what_was_swept_is_gone_with_its_earlier_versions(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_what_was_swept_is_gone_with_its_earlier_versions() {
    what_was_swept_is_gone_with_its_earlier_versions(TestDatabase::postgres("swept")).await;
}
