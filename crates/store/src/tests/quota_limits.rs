//! Budgets: no limit is exceeded, also by many requests at the same time, and what helps in a crisis goes on.

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
use mainstay_domain::{
    account::quota::{Budget, Quota},
    check_in::CheckIn,
    craving_event::CravingEvent,
    plan::Plan,
    record::Kind,
};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, alone, record_statements, recorded, sign_up},
    quota_model::{DAY, Step, World, is_new},
};
use crate::{
    Created, Expected, History, StoreError,
    engine::{connection::Conn, single},
    on,
    quota::{OwnQuota, recount},
};

fn budget_of(created: &Result<Created, StoreError>) -> Option<Budget> {
    match created {
        Err(StoreError::QuotaExceeded { exceeded, .. }) => Some(exceeded.budget),
        _ => None,
    }
}

/// Many requests at the same time, of which some are replays of others, straddle each limit.
async fn no_limit_is_exceeded_by_many_at_the_same_time(database: TestDatabase) {
    let own = OwnQuota {
        records: Some(10),
        ..OwnQuota::default()
    };
    let world = World::new(database, own).await;
    let creates = (0..60_u128).map(|n| {
        let (store, scope, session) = (world.store.clone(), world.scope.clone(), world.session);
        let draft = alone::<CheckIn>(1000 + n % 30);
        tokio::spawn(async move { store.create(&scope, session, NOW, draft).await })
    });
    let mut outcomes = Vec::new();
    for create in creates.collect::<Vec<_>>() {
        outcomes.push(create.await.unwrap());
    }
    assert_eq!(outcomes.iter().map(is_new).sum::<usize>(), 10);
    let refused = outcomes.iter().filter_map(budget_of);
    assert!(refused.clone().all(|budget| budget == Budget::Records));
    let replayed = outcomes
        .iter()
        .filter(|o| matches!(o, Ok(Created::Replayed(_))))
        .count();
    assert_eq!(refused.count() + replayed, 50);
    let found = world
        .store
        .account_quota(world.scope.account(), NOW)
        .await
        .unwrap();
    assert_eq!((found.usage.records, found.usage.writes_today), (10, 10));
    let mut conn = single(&world.database.locations.data).unwrap();
    assert_eq!(
        recount(&mut conn, world.scope.no).unwrap(),
        (10, found.usage.bytes)
    );
}

#[tokio::test]
async fn on_sqlite_no_limit_is_exceeded_by_many_at_the_same_time() {
    no_limit_is_exceeded_by_many_at_the_same_time(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_no_limit_is_exceeded_by_many_at_the_same_time() {
    no_limit_is_exceeded_by_many_at_the_same_time(TestDatabase::postgres("quota_race")).await;
}

async fn a_refusal_leaves_nothing_and_names_the_first_budget(database: TestDatabase) {
    // A swept id is never used again, so each round has its own.
    for (id, own, expected) in [
        (10, (Some(1), None, None), Budget::Records),
        (20, (None, Some(1), None), Budget::Bytes),
        (30, (None, None, Some(1)), Budget::WritesPerDay),
    ] {
        let store = database.store();
        let account = Uuid::from_u128(1);
        let (scope, session) = match store.principal(account, Uuid::from_u128(2), 0).await.unwrap() {
            Some(principal) => (principal.scope, principal.session),
            None => sign_up(&store).await,
        };
        let usage = store.account_quota(account, NOW).await.unwrap().usage;
        let own = OwnQuota {
            records: own.0.map(|n| n + usage.records - 1),
            bytes: own.1.map(|n| n + usage.bytes),
            writes_per_day: own.2.map(|n| n + usage.writes_today - 1),
        };
        store.set_own_quota(account, own).await.unwrap();
        let scope = store
            .principal(account, session, 0)
            .await
            .unwrap()
            .map_or(scope, |p| p.scope);
        let refused = store.create(&scope, session, NOW, alone::<CheckIn>(id)).await;
        assert_eq!(budget_of(&refused), Some(expected));
        let Err(StoreError::QuotaExceeded { retry_after, .. }) = refused else {
            unreachable!()
        };
        assert_eq!(retry_after.is_some(), expected == Budget::WritesPerDay);
        // Those that help in a crisis go on.
        for draft in [alone::<CravingEvent>(id + 1), alone::<Plan>(id + 2)] {
            assert!(
                store.create(&scope, session, NOW, draft).await.is_ok(),
                "{expected:?}"
            );
        }
        // The server's own changes are not held up, and deleting is not.
        store.run_timers(NOW + 3600 * DAY).await.unwrap();
        let deleted = store.write(&scope, session, NOW, move |writer| {
            writer.remove(
                Kind::CravingEvent,
                Uuid::from_u128(id + 1),
                &Expected::Any,
                History::Kept,
            )?;
            writer.remove(Kind::Plan, Uuid::from_u128(id + 2), &Expected::Any, History::Kept)
        });
        deleted.await.unwrap();
        store.sweep_tombstones(NOW + 1).await.unwrap();
        let found = store.account_quota(account, NOW).await.unwrap();
        assert_eq!(found.usage.records, 0, "{expected:?}");
    }
}

#[tokio::test]
async fn on_sqlite_a_refusal_leaves_nothing_and_names_the_first_budget() {
    a_refusal_leaves_nothing_and_names_the_first_budget(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_a_refusal_leaves_nothing_and_names_the_first_budget() {
    a_refusal_leaves_nothing_and_names_the_first_budget(TestDatabase::postgres("quota_refusal")).await;
}

/// The responses of replays under ever new keys do not fill the database: they are kept as long as there is room.
async fn responses_are_kept_as_long_as_there_is_room(database: TestDatabase) {
    let own = OwnQuota {
        bytes: Some(20_000),
        ..OwnQuota::default()
    };
    let world = World::new(database, own).await;
    for n in 0..40 {
        let key = world
            .store
            .idempotency_key(b"sam", &format!("key {n}"), &[b"request"]);
        let write = world
            .store
            .write(&world.scope, world.session, NOW, move |writer| {
                let created = writer.create(&alone::<CheckIn>(10))?;
                writer.lock()?.store_response(&key, &[b'x'; 1000])?;
                Ok(created)
            });
        assert_eq!(matches!(write.await.unwrap(), Created::New(_)), n == 0);
    }
    let usage = world
        .store
        .account_quota(world.scope.account(), NOW)
        .await
        .unwrap()
        .usage;
    assert!((15_000..=20_000).contains(&usage.bytes), "{usage:?}");
    world.store.sweep_stored_responses(NOW + 1).await.unwrap();
    let usage = world
        .store
        .account_quota(world.scope.account(), NOW)
        .await
        .unwrap()
        .usage;
    assert!((1..2000).contains(&usage.bytes), "{usage:?}");
}

#[tokio::test]
async fn on_sqlite_responses_are_kept_as_long_as_there_is_room() {
    responses_are_kept_as_long_as_there_is_room(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_responses_are_kept_as_long_as_there_is_room() {
    responses_are_kept_as_long_as_there_is_room(TestDatabase::postgres("quota_kept")).await;
}

/// A record without side effects is one statement, with its number and its counting.
#[tokio::test]
async fn on_sqlite_a_new_record_is_counted_by_the_statement_that_stores_it() {
    record_statements();
    let database = TestDatabase::sqlite();
    let store = database.store();
    let (scope, session) = sign_up(&store).await;
    recorded();
    store
        .create(&scope, session, NOW, alone::<CheckIn>(10))
        .await
        .unwrap();
    let statements = recorded();
    let touching: Vec<&String> = statements.iter().filter(|sql| sql.contains("records")).collect();
    assert_eq!(touching.len(), 1, "{statements:?}");
    assert!(touching[0].starts_with("INSERT INTO records"), "{touching:?}");
    assert!(
        !statements.iter().any(|sql| sql.starts_with("UPDATE")),
        "{statements:?}"
    );
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn execute(conn: &mut Conn, sql: &str) {
    on!(conn, |c| sql_query(sql).execute(c)).unwrap_or_else(|e| panic!("{e}: {sql}"));
}

fn number(conn: &mut Conn, sql: &str) -> i64 {
    let found: Number = on!(conn, |c| sql_query(sql).get_result(c)).unwrap();
    found.n
}

/// A database of an earlier release has records that nobody counted.
async fn a_migration_counts_what_is_there(database: TestDatabase, migration: &str) {
    let mut world = World::new(database, OwnQuota::default()).await;
    for n in 0..12 {
        world.run(&Step::CreateWithKey(n)).await;
    }
    for step in [
        Step::Replace(0),
        Step::Replace(5),
        Step::Remove(1),
        Step::MarkDeleted(2),
        Step::Create(18),
    ] {
        world.run(&step).await;
    }
    let expected = world
        .store
        .account_quota(world.scope.account(), NOW)
        .await
        .unwrap()
        .usage;
    let mut conn = single(&world.database.locations.data).unwrap();
    execute(&mut conn, "UPDATE people SET total_records = 0, total_bytes = 0");
    execute(
        &mut conn,
        "UPDATE records SET total_records = NULL, total_bytes = NULL, day_writes = NULL",
    );
    let (_, count) = migration.split_once("UPDATE people").unwrap();
    execute(&mut conn, &format!("UPDATE people{count}"));
    let found = world
        .store
        .account_quota(world.scope.account(), NOW)
        .await
        .unwrap()
        .usage;
    assert_eq!((found.records, found.bytes), (expected.records, expected.bytes));
    assert_eq!(
        number(&mut conn, "SELECT rev AS n FROM people"),
        number(&mut conn, "SELECT max(rev) AS n FROM records")
    );
    // What a server of an earlier release stores beside this one is not counted, until the operator has it counted.
    execute(&mut conn, "UPDATE people SET total_records = 3, total_bytes = 4");
    let counted = world.store.recount_usage(world.scope.account()).await.unwrap();
    assert_eq!(counted, (expected.records, expected.bytes));
    execute(&mut conn, "UPDATE people SET total_bytes = total_bytes + 1");
    for corrected in [1, 0] {
        let recounted = world.store.recount_all_usage().await.unwrap();
        assert_eq!((recounted.accounts, recounted.corrected), (1, corrected));
    }
    let found = world
        .store
        .account_quota(world.scope.account(), NOW)
        .await
        .unwrap()
        .usage;
    assert_eq!((found.records, found.bytes), counted);
}

#[tokio::test]
async fn on_sqlite_a_migration_counts_what_is_there() {
    let migration = include_str!("../../../../migrations/sqlite/2026-11-30-000064_counted_usage/up.sql");
    a_migration_counts_what_is_there(TestDatabase::sqlite(), migration).await;
}

#[tokio::test]
async fn on_postgresql_a_migration_counts_what_is_there() {
    let migration = include_str!("../../../../migrations/postgres/2026-11-30-000064_counted_usage/up.sql");
    a_migration_counts_what_is_there(TestDatabase::postgres("quota_migration"), migration).await;
}

#[tokio::test]
async fn the_limits_of_an_account_are_its_own_or_those_of_the_server() {
    let database = TestDatabase::sqlite();
    let server = Quota {
        records: 7,
        bytes: 8,
        writes_per_day: 9,
    };
    let store = database.store().with_quota(server);
    let (scope, _) = sign_up(&store).await;
    assert_eq!(scope.quota, server);
    let own = OwnQuota {
        bytes: Some(80),
        ..OwnQuota::default()
    };
    store.set_own_quota(scope.account(), own).await.unwrap();
    let found = store.account_quota(scope.account(), NOW).await.unwrap();
    assert_eq!((found.own, found.quota), (own, Quota { bytes: 80, ..server }));
    let nobody = Uuid::from_u128(99);
    assert!(matches!(
        store.account_quota(nobody, NOW).await,
        Err(StoreError::NotFound)
    ));
    assert!(matches!(
        store.set_own_quota(nobody, own).await,
        Err(StoreError::NotFound)
    ));
}
