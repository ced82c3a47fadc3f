//! First responses to requests without sign-in: bounded for each account, and erased with it.

use super::{
    database::TestDatabase,
    plans::{NOW, sign_up},
};
use crate::{
    Store,
    engine::types::DbTimestamp,
    idempotency::{IdempotencyKey, StoredResponse},
};

fn key(store: &Store, n: u32) -> IdempotencyKey {
    store.idempotency_key(
        &[0; 16],
        &format!("key {n}"),
        &[b"POST", b"/v1/auth/refresh", b"{}"],
    )
}

/// Stores responses of an account, in the order of their numbers.
async fn keep(store: &Store, account_no: i64, numbers: std::ops::Range<u32>) {
    let keys: Vec<_> = numbers.clone().map(|n| key(store, n)).collect();
    let write = store.data.write(move |conn| {
        for (n, key) in numbers.zip(keys) {
            let answer = StoredResponse {
                key,
                answer: vec![1],
                in_place_of: None,
            };
            answer.claim(conn)?;
            answer.insert(conn, (account_no, None), DbTimestamp(NOW + i64::from(n)))?;
        }
        Ok(())
    });
    write.await.unwrap();
}

async fn stored(store: &Store, numbers: std::ops::Range<u32>) -> usize {
    let mut found = 0;
    for n in numbers {
        found += usize::from(store.stored_response(&key(store, n)).await.unwrap().is_some());
    }
    found
}

async fn an_account_has_a_bounded_number(database: &TestDatabase) {
    let store = database.store();
    let (scope, _) = sign_up(&store).await;
    let other = scope.no + 1;
    keep(&store, other, 5000..5010).await;
    keep(&store, scope.no, 0..1030).await;
    assert_eq!(
        (stored(&store, 0..30).await, stored(&store, 30..1030).await),
        (0, 1000)
    );
    assert_eq!(
        stored(&store, 5000..5010).await,
        10,
        "those of another account stay"
    );
    store.erase_account(scope.account(), NOW).await.unwrap();
    assert_eq!(stored(&store, 0..1030).await, 0);
    assert_eq!(stored(&store, 5000..5010).await, 10);
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_them_on_sqlite() {
    an_account_has_a_bounded_number(&TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_them_on_postgresql() {
    an_account_has_a_bounded_number(&TestDatabase::postgres("stored_responses")).await;
}
