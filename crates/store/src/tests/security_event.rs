//! Security events in the database: added and deleted, never changed, never in clear text, and gone with their account.

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
use mainstay_domain::security_event::{SecurityEvent, SecurityEventCode};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, sign_up},
};
use crate::{
    engine::{connection::Conn, single},
    on,
    security_event::{Collapse, CountedFailures, EventRange},
};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn count(conn: &mut Conn, of: &str) -> i64 {
    let rows: Vec<Count> = on!(conn, |c| sql_query(format!("SELECT count(*) AS count FROM {of}"))
        .load(c))
    .unwrap();
    rows.first().unwrap().count
}

fn failures(account: Uuid, at: i64) -> CountedFailures {
    CountedFailures {
        account,
        event: SecurityEvent {
            network: Some("203.0.0.0/16".to_owned()),
            count: Some(2),
            first_at: Some(at - 1),
            ..SecurityEvent::new(SecurityEventCode::SignInFailed)
        },
        last_at: at,
    }
}

async fn events_are_added_and_never_changed(database: TestDatabase) {
    let store = database.store();
    let (scope, _) = sign_up(&store).await;
    assert!(
        store
            .add_counted_failures(failures(scope.account(), NOW + 1), Collapse::ByHour)
            .await
            .unwrap()
    );
    let again = failures(scope.account(), NOW + 2);
    assert!(
        !store
            .add_counted_failures(again.clone(), Collapse::ByHour)
            .await
            .unwrap()
    );
    assert!(store.add_counted_failures(again, Collapse::Never).await.unwrap());
    let range = EventRange {
        after: None,
        limit: 10,
    };
    let found = store.security_events(&scope, range).await.unwrap();
    let codes: Vec<&str> = found.iter().map(|stored| stored.event.code.as_str()).collect();
    assert_eq!(codes, ["sign_in_failed", "sign_in_failed", "registered"]);
    let mut beside = single(&database.locations.data).unwrap();
    let change = "UPDATE security_events SET class = 1";
    let refused = on!(&mut beside, |c| sql_query(change).execute(c)).unwrap_err();
    assert!(refused.to_string().contains("never changed"), "{refused}");
    // Sealed: neither the code nor the network is there in clear text.
    for text in ["sign_in_failed", "203.0.0.0"] {
        let pattern = match beside {
            Conn::Sqlite(_) => format!("security_events WHERE instr(sealed, CAST('{text}' AS BLOB)) > 0"),
            Conn::Postgres(_) => format!("security_events WHERE position('{text}'::bytea IN sealed) > 0"),
        };
        assert_eq!(count(&mut beside, &pattern), 0);
    }
    store.erase_account(scope.account(), NOW).await.unwrap();
    assert_eq!(count(&mut beside, "security_events"), 0);
    // Those of an account that is gone are not kept for it.
    assert!(
        store
            .add_counted_failures(failures(scope.account(), NOW), Collapse::ByHour)
            .await
            .unwrap()
    );
    assert_eq!(count(&mut beside, "security_events"), 0);
}

#[tokio::test]
async fn events_are_added_and_never_changed_on_sqlite() {
    events_are_added_and_never_changed(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn events_are_added_and_never_changed_on_postgresql() {
    events_are_added_and_never_changed(TestDatabase::postgres("security_events")).await;
}
