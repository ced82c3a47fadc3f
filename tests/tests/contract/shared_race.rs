//! Reads of a shared record that race a revocation.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use mainstay_tests::{
    Client, Engine, Person, TestApp, both_engines,
    sharing::{all_disclosures, as_helper, share},
};
use serde_json::json;

both_engines!(no_read_that_begins_after_a_revocation_was_answered_succeeds);

/// How many reads race.
const READS: usize = 1_000;
/// How many of them are under way together.
const AT_ONCE: usize = 16;
/// After how many answers the consent is revoked.
const REVOKED_AFTER: usize = 300;

/// A read: when it began, its status, and whether it had the content.
struct Read {
    began: Instant,
    status: u16,
}

/// Reads until all reads were sent. Each reader takes the servers in turn.
async fn read_all(robin: &Person, servers: &[Client], path: &str, answered: &Arc<AtomicUsize>) -> Vec<Read> {
    let sent = Arc::new(AtomicUsize::new(0));
    let token = robin.client.token.clone().expect("a token");
    let readers = (0..AT_ONCE).map(|n| {
        let (path, answered, sent) = (path.to_owned(), Arc::clone(answered), Arc::clone(&sent));
        let client = servers[n % servers.len()].with_token(&token);
        tokio::spawn(async move {
            let mut reads = Vec::new();
            while sent.fetch_add(1, Ordering::SeqCst) < READS {
                let began = Instant::now();
                let response = client.get(&path).await;
                answered.fetch_add(1, Ordering::SeqCst);
                reads.push(Read { began, status: response.status });
            }
            reads
        })
    });
    let mut all = Vec::new();
    for reader in readers.collect::<Vec<_>>() {
        all.extend(reader.await.expect("it does not panic"));
    }
    all
}

async fn no_read_that_begins_after_a_revocation_was_answered_succeeds(app: &TestApp) {
    let second = match app.database.engine {
        Engine::Postgres => Some(app.second_server().await),
        Engine::Sqlite => None,
    };
    let mut servers = vec![app.client()];
    servers.extend(second.as_ref().map(|server| server.client.clone()));
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    let check_in =
        json!({ "kind": "momentary", "occurred_at": "2026-02-27T12:00:00Z", "answers": { "mood": 6 } });
    sam.post("/v1/check-ins", &check_in).await.expect(201);
    let consent = share(&sam, &robin, "supporter", &["check_ins"]).await;
    let path = format!("/v1/shared/{}/check-ins", sam.account["id"].as_str().expect("an id"));
    let answered = Arc::new(AtomicUsize::new(0));
    let revoke = async {
        while answered.load(Ordering::SeqCst) < REVOKED_AFTER {
            tokio::task::yield_now().await;
        }
        sam.post(&format!("/v1/consents/{consent}/revoke"), &json!({})).await.expect(200);
        Instant::now()
    };
    let (reads, revoked_at) = tokio::join!(read_all(&robin, &servers, &path, &answered), revoke);
    assert!(reads.len() >= READS);
    let of = |status| reads.iter().filter(|read| read.status == status).count();
    let late = reads.iter().filter(|read| read.began > revoked_at && read.status != 404).count();
    assert_eq!(late, 0, "reads that began after the revocation was answered");
    // 503 is what a reader gets who was refused a turn; nothing was given out then.
    assert_eq!(of(200) + of(404) + of(503), reads.len());
    assert!(of(200) >= REVOKED_AFTER / 2 && of(404) > 0, "{} and {}", of(200), of(404));
    // Whatever was given out is accounted for exactly once.
    assert_eq!(all_disclosures(&sam).await.len(), of(200));
}
