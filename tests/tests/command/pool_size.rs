//! The size of a connection pool, which must fit the number of workers.

use mainstay_tests::{Database, Engine, Process};

use crate::{run, text};

#[test]
fn a_pool_that_is_too_small_for_the_workers_is_refused_at_start() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::create(engine);
        for name in ["MAINSTAY_DATABASE_CONNECTIONS", "MAINSTAY_KEY_DATABASE_CONNECTIONS"] {
            let settings = [("MAINSTAY_WORKERS", "3"), (name, "4")];
            let output = run(&database, &["serve", "--listen", "127.0.0.1:0"], &settings, "");
            let message = text(&output.stderr);
            assert!(!output.status.success());
            assert!(
                message.contains(name) && message.contains("from 5 to") && message.contains("3 workers"),
                "{message}"
            );
        }
        assert!(!database.path().join("keys.db").exists(), "nothing was created");
    }
}

#[tokio::test]
async fn a_pool_of_two_connections_more_than_workers_is_enough() {
    let settings = [
        ("MAINSTAY_WORKERS", "2"),
        ("MAINSTAY_DATABASE_CONNECTIONS", "4"),
        ("MAINSTAY_KEY_DATABASE_CONNECTIONS", "4"),
    ];
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // The start waits until the server says that it is ready.
        Process::start(&Database::create(engine), None, &settings).await;
    }
}
