//! Random histories of several devices of one person, with all that a network does to them: after it everybody agrees,
//! nothing that was acknowledged is lost, each change took effect once, and nothing deleted comes back.
//!
//! A failure names the seed of its history; `MAINSTAY_MODEL_SEED=<seed>` runs that one alone.

mod change;
mod history;
mod network;
mod proof;
mod seeds;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mainstay_tests::{
    Database, Engine, Person, Process, TestApp, both_engines,
    offline::{OnConflict, quick_person, sync},
};
use serde_json::json;

use history::{History, Way};
use proof::in_full;
use seeds::{SEED, live_all, replayed_seed, seeds};

/// The histories of one run.
const HISTORIES: u64 = 2_000;

both_engines!(whatever_the_network_does_all_devices_agree_and_nothing_is_lost_or_there_twice);

async fn whatever_the_network_does_all_devices_agree_and_nothing_is_lost_or_there_twice(app: &TestApp) {
    let started = Instant::now();
    let requests = Arc::default();
    let tally =
        live_all(seeds(SEED, HISTORIES), Way::default(), &requests, async || quick_person(app).await).await;
    eprintln!("{:?}: {tally:?}, {requests:?} requests, {:?}", app.database.engine, started.elapsed());
}

/// The histories that are lived while the server is killed.
const KILLED_HISTORIES: u64 = 40;
/// How often it is killed.
const KILLS: u64 = 5;

async fn live_through_kills(engine: Engine) {
    let database = Database::create(engine);
    let mut server = Process::start(&database, None, &[]).await;
    let (url, port) = (server.url.clone(), server.port());
    let mut people = Vec::new();
    for n in 0..KILLED_HISTORIES {
        people
            .push(Person::register(&url, json!({ "email": format!("person{n}@example.org") })).await.client);
    }
    let people = std::sync::Mutex::new(people);
    let requests: Arc<AtomicU64> = Arc::default();
    let killed = AtomicU64::new(0);
    let kills = async {
        for n in 1..=KILLS {
            while requests.load(Ordering::Relaxed) < n * KILLED_HISTORIES * 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.kill();
            server = Process::start(&database, Some(port), &[]).await;
            killed.fetch_add(1, Ordering::Relaxed);
        }
        // It serves until the histories have ended.
        std::future::pending::<()>().await;
        drop(server);
    };
    let client = async || people.lock().expect("nobody panicked").pop().expect("one for each history");
    let seeds = seeds(SEED ^ 0xdead_0000, KILLED_HISTORIES);
    let tally = tokio::select! {
        tally = live_all(seeds, Way { kills: true }, &requests, client) => tally,
        () = kills => unreachable!("it has no end"),
    };
    eprintln!("{engine:?}: {tally:?}, {requests:?} requests, {killed:?} kills");
    assert!(killed.into_inner() == KILLS || replayed_seed().is_some());
}

#[tokio::test]
async fn a_server_that_is_killed_between_changes_keeps_all_devices_in_agreement_on_sqlite() {
    live_through_kills(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_server_that_is_killed_between_changes_keeps_all_devices_in_agreement_on_postgres() {
    live_through_kills(Engine::Postgres).await;
}

both_engines!(after_a_cursor_expired_pulling_again_gives_what_following_would_have);

async fn after_a_cursor_expired_pulling_again_gives_what_following_would_have(app: &TestApp) {
    let mut histories = Vec::new();
    for n in 0..40 {
        let mut history =
            History::new(quick_person(app).await, SEED + 0x1000_0000 + n, Way::default(), Arc::default());
        for _ in 0..12 {
            history.change(0);
        }
        history.come_to_rest().await;
        // The first device goes on and deletes; another writes meanwhile, and has not sent it.
        for place in history.devices[0].store.visible() {
            if history.random.chance(40) {
                history.devices[0].store.delete(place);
            }
        }
        let push = history.devices[0].store.push(500, 500);
        let answer = history.deliver(&push.body).await.expect("an answer");
        history.take(0, &push, &answer);
        history.make(1, &[]);
        histories.push(history);
    }
    let swept = app.state().store.sweep_tombstones(app.clock.micros() + 1_000_000).await.expect("it sweeps");
    assert!(swept > 100, "only {swept} tombstones");
    for history in histories {
        let mut following = history.devices[0].store.clone();
        assert!(sync(&history.client, &mut following, 50, &mut |_| { OnConflict::KeepTheirs }).await);
        for device in &history.devices[1..] {
            let mut store = device.store.clone();
            let before = store.outbox().len();
            assert!(sync(&history.client, &mut store, 7, &mut |_| OnConflict::KeepTheirs).await);
            assert!(store.lost_edits.len() <= device.store.lost_edits.len() + before);
            assert!(sync(&history.client, &mut following, 50, &mut |_| { OnConflict::KeepTheirs }).await);
            assert_eq!(in_full(&store), in_full(&following));
        }
        assert_eq!(in_full(&history.fresh().await), in_full(&following));
    }
}
