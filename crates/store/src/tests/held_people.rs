//! A long transaction of one person on PostgreSQL does not stop what others store.

use std::{sync::Arc, time::Duration};

use diesel::{QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::BigInt};
use mainstay_domain::check_in::CheckIn;
use tokio::time::{sleep, timeout};

use super::{
    database::TestDatabase,
    plans::{NOW, alone, sign_up, sign_up_as},
};
use crate::{
    Created,
    engine::{connection::Conn, single},
};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

const WAITING: &str = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_others_are_stored_while_one_person_is_held() {
    let database = TestDatabase::postgres("held");
    let store = Arc::new(database.store());
    let (sam, session) = sign_up(&store).await;
    let (kim, other) = sign_up_as(&store, 11, "kim@example.org").await;
    let mut beside = [(); 2].map(|()| match single(&database.locations.data).unwrap() {
        Conn::Postgres(conn) => conn,
        Conn::Sqlite(_) => panic!("another engine"),
    });
    let [holder, observer] = &mut beside;
    let take_lock = format!(
        "BEGIN; SELECT 1 FROM people WHERE person_no = {} FOR NO KEY UPDATE",
        sam.no
    );
    holder.batch_execute(&take_lock).unwrap();
    // So many that each thread meets one.
    let mut held = Vec::new();
    for id in 1..=2 {
        let (store, sam) = (Arc::clone(&store), sam.clone());
        held.push(tokio::spawn(async move {
            store.create(&sam, session, NOW, alone::<CheckIn>(id)).await
        }));
        while sql_query(WAITING).get_result::<Count>(observer).unwrap().n < i64::try_from(id).unwrap() {
            sleep(Duration::from_millis(5)).await;
        }
    }
    for id in 1..=3 {
        let created = store.create(&kim, other, NOW, alone::<CheckIn>(id));
        let created = timeout(Duration::from_secs(5), created).await;
        assert!(matches!(created, Ok(Ok(Created::New(_)))), "{created:?}");
    }
    holder.batch_execute("COMMIT").unwrap();
    for held in held {
        let created = held.await.unwrap();
        assert!(matches!(created, Ok(Created::New(_))), "{created:?}");
    }
}
