//! A server or a database that is killed in the middle of disclosures sends nothing that is not accounted for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use mainstay_tests::{
    Database, Engine, Person, Process, TestApp, both_engines,
    sharing::{all_disclosures, share},
};
use serde_json::json;

both_engines!(what_a_killed_server_gave_out_is_accounted_for);

async fn what_a_killed_server_gave_out_is_accounted_for(database: &Database) {
    let mut process = Process::start(database, None, &[]).await;
    let port = process.port();
    let sam = Person::register(&process.url, json!({})).await;
    let robin =
        Person::register(&process.url, json!({ "email": "robin@example.org", "display_name": "Robin" }))
            .await;
    let check_in =
        json!({ "kind": "momentary", "occurred_at": "2026-02-27T12:00:00Z", "answers": { "mood": 6 } });
    sam.post("/v1/check-ins", &check_in).await.expect(201);
    share(&sam, &robin, "supporter", &["check_ins"]).await;
    let path = format!("/v1/shared/{}/check-ins", sam.account["id"].as_str().expect("an id"));
    let received = Arc::new(AtomicUsize::new(0));
    for round in 0..4 {
        let readers = (0..8).map(|_| {
            let (client, path, received) = (robin.client.clone(), path.clone(), Arc::clone(&received));
            tokio::spawn(async move {
                // It ends when the server does.
                while let Some(response) = client.try_send("GET", &path, &[], None).await {
                    if response.status == 200 {
                        received.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        let before = received.load(Ordering::SeqCst);
        while received.load(Ordering::SeqCst) < before + 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        process.kill();
        for reader in readers {
            reader.await.expect("it does not panic");
        }
        process = Process::start(database, Some(port), &[]).await;
    }
    let (given, accounted) = (received.load(Ordering::SeqCst), all_disclosures(&sam).await.len());
    // Of each reader one answer may have been lost with each server.
    assert!((given..=given + 4 * 8).contains(&accounted), "{given} answers, {accounted} disclosures");
    drop(process);
}

#[tokio::test]
async fn what_was_given_out_while_the_database_fell_away_is_accounted_for() {
    const READERS: usize = 6;
    const ROUNDS: usize = 12;
    let app = TestApp::start(Engine::Postgres).await;
    let (sam, robin) = (app.person().await, app.person().await);
    let check_in =
        json!({ "kind": "momentary", "occurred_at": "2026-02-27T12:00:00Z", "answers": { "mood": 6 } });
    sam.post("/v1/check-ins", &check_in).await.expect(201);
    share(&sam, &robin, "supporter", &["check_ins"]).await;
    let path = format!("/v1/shared/{}/check-ins", sam.account["id"].as_str().expect("an id"));
    let (given, refused, ends) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let readers = (0..READERS).map(|_| {
        let (client, path) = (robin.client.clone(), path.clone());
        let (given, refused, ends) = (Arc::clone(&given), Arc::clone(&refused), Arc::clone(&ends));
        tokio::spawn(async move {
            while !ends.load(Ordering::SeqCst) {
                match client.get(&path).await.status {
                    200 => given.fetch_add(1, Ordering::SeqCst),
                    503 => refused.fetch_add(1, Ordering::SeqCst),
                    other => panic!("{other}"),
                };
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for _ in 0..ROUNDS {
        let before = given.load(Ordering::SeqCst);
        while given.load(Ordering::SeqCst) < before + 10 {
            assert!(readers.iter().all(|reader| !reader.is_finished()), "a reader ended");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        app.database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }
    ends.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.expect("it does not panic");
    }
    let (given, refused) = (given.load(Ordering::SeqCst), refused.load(Ordering::SeqCst));
    // Connections that were ended last are replaced when they are next used.
    for _ in 0..40 {
        if sam.get("/v1/disclosures").await.status == 200 {
            break;
        }
    }
    let accounted = all_disclosures(&sam).await.len();
    // Where the outcome of a commit is not known, the answer is a refusal, and there may be an entry.
    assert!((given..=given + refused).contains(&accounted), "{given}, {refused}, {accounted}");
    assert!(refused > 0, "no read met the database in its fall");
}
