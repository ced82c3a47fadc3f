//! One timer or erasure that fails does not keep the others waiting, and its error names nobody.

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
use mainstay_domain::craving_event::CravingEvent;
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, alone, sign_up},
};
use crate::{
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
        "INSERT INTO people VALUES (9, 0, 1, 0)",
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
