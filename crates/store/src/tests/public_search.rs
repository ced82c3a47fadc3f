//! A public search holds nothing that a person's reads need.

use std::sync::mpsc::channel;

use super::{database::TestDatabase, plans::sign_up};
use crate::meeting::MeetingSearch;

async fn long_reads_go_on_during_public_searches(database: &TestDatabase) {
    let store = database.store();
    let (scope, _) = sign_up(&store).await;
    let (open, gate) = channel::<()>();
    let (began, has_begun) = channel();
    let searching = store.clone();
    let search = tokio::spawn(async move {
        let choose = move |_candidates| {
            began.send(()).unwrap();
            let _ = gate.recv();
            Vec::new()
        };
        searching
            .search_meetings("one".to_owned(), MeetingSearch::default(), choose)
            .await
    });
    tokio::task::spawn_blocking(move || has_begun.recv())
        .await
        .unwrap()
        .unwrap();
    // Another search waits for its turn; reads of a person's record do not.
    let waiting = store.search_meetings("two".to_owned(), MeetingSearch::default(), |_candidates| {
        Vec::new()
    });
    let reads = async {
        for _ in 0..20 {
            store
                .read_long(&scope, |records| records.changes(0, 1))
                .await
                .unwrap();
        }
        drop(open);
    };
    let (searched, ()) = tokio::join!(waiting, reads);
    searched.unwrap();
    search.await.unwrap().unwrap();
}

#[tokio::test]
async fn on_sqlite_public_searches_take_no_turn_of_a_person() {
    long_reads_go_on_during_public_searches(&TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_public_searches_take_no_turn_of_a_person() {
    long_reads_go_on_during_public_searches(&TestDatabase::postgres("search")).await;
}
