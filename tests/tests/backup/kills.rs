//! Backups and restores that are killed.

use std::{fs, path::Path, time::Duration};

use mainstay_store::backup::manifest::Manifest;
use mainstay_tests::{Engine, both_engines, database::rand};

use super::place::{Place, Ran, register, signed_in, store};

both_engines!(
    a_killed_backup_has_no_manifest,
    a_killed_restore_can_be_repeated,
    nothing_is_served_before_a_restore_has_ended,
);

/// Starts a command and kills it after a while. Gives whether it had done its work before. One that ends because a program
/// of an earlier one still runs has not.
async fn kill_after(place: &Place, arguments: &[&str], wait: Duration) -> bool {
    let mut child = place.command(arguments).spawn().expect("it starts");
    tokio::time::sleep(wait).await;
    let ended = child.try_wait().expect("it is ours");
    if ended.is_none() {
        child.kill().expect("it runs");
    }
    child.wait().expect("it ends");
    ended.is_some_and(|status| status.success())
}

fn random_below(most: u128) -> Duration {
    Duration::from_micros(u64::try_from(rand() % most).expect("it is small"))
}

/// How long a command takes that is not killed, in microseconds.
fn duration_of(command: impl FnOnce()) -> u128 {
    let started = std::time::Instant::now();
    command();
    started.elapsed().as_micros()
}

async fn a_killed_backup_has_no_manifest(place: &Place) {
    let server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    store(&sam, 1..300).await;
    let whole = duration_of(|| drop(place.back_up("whole", &[])));
    let mut broken = 0;
    for n in 0..12 {
        let directory = place.path(&format!("killed{n}")).display().to_string();
        kill_after(place, &["backup", "--out", &directory], random_below(whole)).await;
        let verified = place.run(&["backup", "--verify", &directory]);
        if Path::new(&directory).join("manifest.json").exists() {
            verified.succeeds();
        } else {
            broken += 1;
            verified.refuses(&["manifest.json"]);
        }
    }
    assert!(broken > 0, "none was killed in the middle");
    // The server did not notice.
    store(&sam, 300..310).await;
}

async fn a_killed_restore_can_be_repeated(place: &Place) {
    let mut server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    store(&sam, 1..300).await;
    assert!(server.terminate().success());
    let directory = place.back_up("backup", &[]);
    let reference = place.elsewhere();
    let whole = duration_of(|| drop(reference.run(&["restore", &directory]).succeeds()));
    for _ in 0..8 {
        let elsewhere = place.elsewhere();
        let mut is_done = false;
        for _ in 0..3 {
            is_done |= kill_after(&elsewhere, &["restore", &directory], random_below(whole)).await;
        }
        // What is there either does not serve, or is complete.
        let last = repeat(&elsewhere, &directory).await;
        let is_complete = last.is_success()
            || ["A restore overwrites nothing", "everything is in place"]
                .iter()
                .any(|answer| last.text.contains(answer));
        assert!(is_complete, "{}", last.text);
        assert!(!is_done || !last.is_success(), "a complete restore is not repeated");
        let server = elsewhere.serve().await;
        let sam = signed_in(&server.url, "sam").await;
        assert_eq!(sam.get("/v1/check-ins?limit=200").await.expect(200).items().len(), 200);
    }
}

/// Repeats a restore, and waits for a program that the killed one has started.
async fn repeat(place: &Place, directory: &str) -> Ran {
    loop {
        let ran = place.run(&["restore", directory]);
        if !ran.text.contains("pg_restore") {
            return ran;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn nothing_is_served_before_a_restore_has_ended(place: &Place) {
    let mut server = place.serve().await;
    register(&server.url, "sam").await;
    assert!(server.terminate().success());
    let directory = place.back_up("backup", &[]);
    let elsewhere = place.elsewhere();
    if place.settings().is_empty() {
        fs::write(elsewhere.path("mainstay.db.restoring"), "half of it").expect("a file");
    } else {
        let text = fs::read_to_string(format!("{directory}/manifest.json")).expect("a manifest");
        let manifest = Manifest::parse(&text).expect("it is sound");
        let sum = &manifest.parts[0].file.sha256;
        elsewhere.database.sql(&format!(
            "create table unfinished_restore (sha256 text); insert into unfinished_restore values ('{sum}')"
        ));
    }
    let arguments = ["serve", "--migrate", "--listen", "127.0.0.1:0"];
    elsewhere.run(&arguments).refuses(&["has not ended", "repeat it"]);
    elsewhere.run(&["restore", &directory]).succeeds();
    let server = elsewhere.serve().await;
    signed_in(&server.url, "sam").await;
}

/// The key store has got its name, and the record has not.
#[tokio::test]
async fn a_restore_that_was_killed_between_the_two_files_is_completed() {
    let place = Place::create(Engine::Sqlite);
    let mut server = place.serve().await;
    register(&server.url, "sam").await;
    assert!(server.terminate().success());
    let directory = place.back_up("backup", &[]);
    let elsewhere = place.elsewhere();
    elsewhere.run(&["restore", &directory]).succeeds();
    let record = elsewhere.path("mainstay.db");
    fs::rename(&record, elsewhere.path("mainstay.db.restoring")).expect("it was there");
    let text = fs::read_to_string(format!("{directory}/manifest.json")).expect("a manifest");
    let manifest = Manifest::parse(&text).expect("it is sound");
    let mark = elsewhere.path("mainstay.db.restoring.unfinished");
    fs::write(&mark, "of another backup").expect("a file");
    elsewhere.run(&["restore", &directory]).refuses(&["keys.db", "--part record"]);
    fs::write(&mark, &manifest.parts[1].file.sha256).expect("a file");
    elsewhere.run(&["restore", &directory]).succeeds();
    assert!(!mark.exists());
    let server = elsewhere.serve().await;
    signed_in(&server.url, "sam").await;
}
