//! Random histories of several devices of one person, over a network that loses, repeats and delays requests. After each
//! history all devices agree, no acknowledged change is lost, each change took effect once, and no deleted record
//! comes back.
//!
//! A failure names the seed of its history; `MAINSTAY_MODEL_SEED=<seed>` runs that one alone.

mod change;
mod history;
mod network;
mod proof;
mod restored;
mod restores;
mod seeds;
mod totals;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mainstay_tests::{
    Backup, Client, Database, Person, Process, TestApp, both_engines,
    offline::{OnConflict, quick_person, sync},
};
use serde_json::json;

use history::{History, Mode};
use proof::snapshot;
use restores::{RESTORES, Restores};
use seeds::{SEED, replayed_seed, run_all, seeds};

/// The number of histories.
const HISTORIES: u64 = 2_000;
/// The number of histories during which the server is killed.
const KILLED_HISTORIES: u64 = 40;
/// The number of histories during which the server is restored from backups.
const RESTORED_HISTORIES: u64 = 40;
/// The number of histories with a restore that nobody declares.
const UNDECLARED_HISTORIES: u64 = 12;
/// The number of kills.
const KILLS: u64 = 5;

both_engines!(
    on_any_network_all_devices_agree_and_nothing_is_lost_or_doubled,
    a_server_that_is_killed_between_changes_keeps_all_devices_in_agreement,
    after_a_cursor_expired_pulling_again_gives_what_following_would_have,
    a_server_that_is_restored_from_backups_loses_nothing_that_a_device_has,
    after_a_restore_that_nobody_declared_devices_that_are_ahead_agree_again,
);

async fn on_any_network_all_devices_agree_and_nothing_is_lost_or_doubled(app: &TestApp) {
    let (requests, client) = (Arc::default(), async || quick_person(app).await);
    let totals = run_all(seeds(SEED, HISTORIES), Mode::default(), &requests, client).await;
    // Otherwise the histories would prove nothing.
    let is_varied = totals.deleted > 0 && totals.lost_edits > 0 && totals.versions > 0;
    assert!(is_varied || replayed_seed().is_some(), "{totals:?}");
}

async fn a_server_that_is_killed_between_changes_keeps_all_devices_in_agreement(database: &Database) {
    let mut server = Process::start(database, None, &[]).await;
    let (url, port) = (server.url.clone(), server.port());
    let people = Mutex::new(register_people(&url, KILLED_HISTORIES).await);
    let requests: Arc<AtomicU64> = Arc::default();
    let killed = AtomicU64::new(0);
    let kills = async {
        for n in 1..=KILLS {
            while requests.load(Ordering::Relaxed) < n * KILLED_HISTORIES * 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.kill();
            server = Process::start(database, Some(port), &[]).await;
            killed.fetch_add(1, Ordering::Relaxed);
        }
        // The server serves until the histories have ended.
        std::future::pending::<()>().await;
        drop(server);
    };
    let client = async || people.lock().expect("nobody panicked").pop().expect("one for each history");
    let seeds = seeds(SEED ^ 0xdead_0000, KILLED_HISTORIES);
    let totals = tokio::select! {
        totals = run_all(seeds, Mode { kills: true, ..Mode::default() }, &requests, client) => totals,
        () = kills => unreachable!("it never ends"),
    };
    assert!(totals.changes > 0 && (killed.into_inner() == KILLS || replayed_seed().is_some()), "{totals:?}");
}

async fn a_server_that_is_restored_from_backups_loses_nothing_that_a_device_has(database: &Database) {
    let mut server = Process::start(database, None, &[]).await;
    let port = server.port();
    let people = Mutex::new(register_people(&server.url, RESTORED_HISTORIES).await);
    let restores = Arc::new(Restores::default());
    let restart = async {
        for n in 0..RESTORES {
            restores.wait_for_responses((2 * n + 1) * RESTORED_HISTORIES * 2).await;
            restores.next_phase();
            let backup = Backup::take(database).await;
            restores.wait_for_responses((2 * n + 2) * RESTORED_HISTORIES * 2).await;
            server.kill();
            backup.restore().await;
            restores.next_phase();
            server = Process::start(database, Some(port), &[]).await;
        }
        // The server serves until the histories have ended.
        std::future::pending::<()>().await;
        drop(server);
    };
    let client = async || people.lock().expect("nobody panicked").pop().expect("one for each history");
    let mode = Mode { restores: Some(Arc::clone(&restores)), ..Mode::default() };
    let (requests, seeds) = (Arc::default(), seeds(SEED ^ 0xbacc_0000, RESTORED_HISTORIES));
    let totals = tokio::select! {
        totals = run_all(seeds, mode, &requests, client) => totals,
        () = restart => unreachable!("it never ends"),
    };
    assert!(totals.given_back > 0 || replayed_seed().is_some(), "{totals:?}");
}

/// If nobody declares a restore, a device notices it only while its cursor is ahead of what the server has. So here all
/// devices ask before any of them writes.
async fn after_a_restore_that_nobody_declared_devices_that_are_ahead_agree_again(database: &Database) {
    let mut server = Process::start(database, None, &[]).await;
    let port = server.port();
    let mode = Mode { restores: Some(Restores::over()), ..Mode::default() };
    let mut histories = Vec::new();
    for (seed, client) in (SEED ^ 0x0dd0_0000..).zip(register_people(&server.url, UNDECLARED_HISTORIES).await)
    {
        let mut history = History::new(client, seed, mode.clone(), Arc::default());
        history.step_at_random().await;
        history.sync_until_quiet().await;
        histories.push(history);
    }
    let backup = Backup::take(database).await;
    for history in &mut histories {
        history.step_at_random().await;
        history.sync_until_quiet().await;
    }
    server.kill();
    backup.put_back_undeclared().await;
    server = Process::start(database, Some(port), &[]).await;
    let mut expired = 0;
    for history in &mut histories {
        // Nothing tells a late request from before the restore from one of today.
        history.held.clear();
        for n in 0..history.devices.len() {
            let push = history.devices[n].store.push(0, 500);
            let reply = history.deliver(&push.body).await;
            expired += usize::from(history.receive(n, &push, reply).is_none());
        }
        history.step_at_random().await;
        history.sync_until_quiet().await;
        history.agree().await;
    }
    assert!(expired > histories.len(), "only {expired} cursors expired");
    drop(server);
}

/// Registers people, and returns their clients.
async fn register_people(url: &str, count: u64) -> Vec<Client> {
    let mut people = Vec::new();
    for n in 0..count {
        let registration = json!({ "email": format!("person{n}@example.org") });
        people.push(Person::register(url, registration).await.client);
    }
    people
}

async fn after_a_cursor_expired_pulling_again_gives_what_following_would_have(app: &TestApp) {
    let mut histories = Vec::new();
    for n in 0..40 {
        let mut history =
            History::new(quick_person(app).await, SEED + 0x1000_0000 + n, Mode::default(), Arc::default());
        for _ in 0..12 {
            history.change(0);
        }
        history.sync_until_quiet().await;
        // The first device syncs deletions. The others have changes that they have not sent yet.
        for key in history.devices[0].store.visible() {
            if history.random.chance(40) {
                history.devices[0].store.delete(key);
            }
        }
        let push = history.devices[0].store.push(500, 500);
        let reply = history.deliver(&push.body).await;
        history.receive(0, &push, reply).expect("a response");
        history.create(1, &[]);
        histories.push(history);
    }
    let swept =
        app.state().store.sweep_tombstones(app.clock.micros() + 1_000_000).await.expect("the sweep runs");
    assert!(swept > 100, "only {swept} tombstones");
    for history in histories {
        let mut following = history.devices[0].store.clone();
        assert!(sync(&history.client, &mut following, 50, &mut |_| OnConflict::KeepServerVersion).await);
        for device in &history.devices[1..] {
            let mut store = device.store.clone();
            let before = store.outbox().len();
            assert!(sync(&history.client, &mut store, 7, &mut |_| OnConflict::KeepServerVersion).await);
            assert!(store.lost_edits.len() <= device.store.lost_edits.len() + before);
            assert!(sync(&history.client, &mut following, 50, &mut |_| OnConflict::KeepServerVersion).await);
            assert_eq!(snapshot(&store), snapshot(&following));
        }
        assert_eq!(snapshot(&history.fresh_store().await), snapshot(&following));
    }
}
